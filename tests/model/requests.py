"""How each move of the model is asked for over HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.core import clock
from app.demo.carry import BALLOTS, CHECKLIST
from app.demo.client import Json
from tests.journeys.stage import problem
from tests.journeys.test_every_action import ANYONE, DATA
from tests.model.reference import Item
from tests.model.service import Service

BAD_BALLOTS = {**BALLOTS, "satisfied": 3, "basically_satisfied": 0, "dissatisfied": 17}
PLACES = {"measure": "measures", "criterion": "criteria", "evidence": "evidence"}


@dataclass(frozen=True)
class Sent:
    """One request; `form` is an upload."""

    method: str
    path: str
    body: Any = None
    form: Any = None


class Requests:
    """All of one item's; `item` is what the model knows of it."""

    def __init__(self, service: Service, item_id: str, item: Item) -> None:
        self.service, self.item, self.path = service, item, f"/items/{item_id}"
        self.people = service.world.made.people
        self.paper: datetime | None = None
        """The day on the paper of a closing outside the system, where that is not the day it is recorded."""

    def of(self, name: str, target: str) -> Sent:
        made: Sent | None = getattr(self, f"_{name}", lambda _: None)(target)
        if made is not None:
            return made
        if name.endswith("_removed"):
            return Sent("DELETE", f"{self.path}/{PLACES[name.removesuffix('_removed')]}/{target}")
        if name.startswith("agree_"):
            return Sent("POST", f"{self.path}/approvals", {"purpose": name.removeprefix("agree_"), "opinion": "agree"})
        return self._transition(name, target)

    # --- transitions ----------------------------------------------------------------------------------------------

    def _transition(self, name: str, target: str) -> Sent:
        action = "reject_closure" if name == "reject_to_verifying" else name
        body: Json = {"action": action, "data": {**DATA.get(action, {}), **self._data(name, target)}}
        if name == "void":
            body["document"] = {"name": "会议纪要", "document_no": "督〔2026〕1号"}
        if name == "record_offline_closure":
            body["occurred_at"] = (self.paper or clock.now()).isoformat()
        return Sent("POST", f"{self.path}/transitions", body)

    def _data(self, name: str, target: str) -> Json:
        people = self.people
        if name == "assign":
            return self.service.world.carrier.assignment(problem(self.service.world, mode=self.item.mode))
        fixed: dict[str, Json] = {
            "merge": {"target_id": self.service.home["id"]},
            "reject_closure": {"to_state": "rectifying", "gates": []},
            "reject_to_verifying": {"to_state": "verifying", "gates": ["rectification_adequate"]},
            "uphold_objection": {"objection_id": target or ANYONE},
            "record_offline_closure": {"decider_id": people["first_responsible"], "scan_id": self._scan()},
            "hand_over": {
                "role": "accountable_leader", "from_person_id": people["leader"], "to_person_id": people["leader_2"],
            },
        }  # fmt: skip
        return fixed.get(name, {})

    def _scan(self) -> str:
        return next(iter(self.item.evidence), ANYONE)

    # --- children -------------------------------------------------------------------------------------------------

    def _measure(self, _: str) -> Sent:
        whose = {"unit_id": self.service.world.made.units["engineering"], "person_id": self.people["unit_head"]}
        body = {"content": "逐项核对", **whose, "due_on": str(clock.today())}
        return Sent("POST", f"{self.path}/measures", body)

    def _measure_done(self, target: str) -> Sent:
        return Sent("PATCH", f"{self.path}/measures/{target}", {"status": "done"})

    def _measure_undone(self, target: str) -> Sent:
        return Sent("PATCH", f"{self.path}/measures/{target}", {"status": "in_progress"})

    def _criterion(self, _: str) -> Sent:
        return Sent("POST", f"{self.path}/criteria", {"content": "全部改正"})

    def _evidence(self, target: str) -> Sent:
        return Sent("POST", f"{self.path}/evidence", form={"target_kind": "criterion", "target_id": target})

    def _gate(self, body: Json) -> Sent:
        return Sent("POST", f"{self.path}/gates", body)

    def _solved(self, _: str, *, met: bool = True) -> Sent:
        shown = [self._scan()]
        judged = [{"criterion_id": one, "met": met, "evidence_ids": shown} for one in self.item.criteria]
        return self._gate({"gate": "problem_solved", "verification": "desk", "criteria": judged})

    def _unsolved(self, target: str) -> Sent:
        return self._solved(target, met=False)

    def _adequate(self, _: str, answer: str = "yes") -> Sent:
        checklist = {**CHECKLIST, "measures_done": {"answer": answer}}
        return self._gate({"gate": "rectification_adequate", "checklist": checklist})

    def _inadequate(self, target: str) -> Sent:
        return self._adequate(target, "no")

    def _satisfied(self, _: str, counts: Json = BALLOTS) -> Sent:
        survey = {**counts, "held_on": str(clock.today()), "scan_id": self._scan()}
        return self._gate({"gate": "people_satisfied", "survey": survey})

    def _dissatisfied(self, target: str) -> Sent:
        return self._satisfied(target, BAD_BALLOTS)

    def _waived(self, _: str) -> Sent:
        return self._gate({"gate": "people_satisfied", "waiver": {"reason": "无法测评"}})

    def _object(self, _: str) -> Sent:
        return Sent("POST", f"{self.path}/objections", {"content": "仍未解决", "received_on": str(clock.today())})

    def _dismiss(self, target: str) -> Sent:
        return Sent("PATCH", f"{self.path}/objections/{target}", {"ruling": "dismissed", "reason": "经查不实"})
