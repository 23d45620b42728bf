"""How each child of an item is written over HTTP, and the rows such calls aim at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2

from app.core import clock
from app.core.ids import uuid7
from app.demo.carry import BALLOTS, CHECKLIST, YES
from app.demo.client import Caller
from app.lifecycle.childwrites import Child, Operation
from app.tables.closeout import Objection
from app.tables.rectify import Criterion, Evidence, Measure, Outcome
from tests.journeys.stage import Stage

C, Op = Child, Operation
KINDS = {
    C.EVIDENCE_ITEM: "item", C.EVIDENCE_WORK: "measure", C.EVIDENCE_GATE: "gate", C.EVIDENCE_DECISION: "decision",
    C.EVIDENCE_NOTICE: "notice",
}  # fmt: skip
PLACES = {C.MEASURE: "measures", C.CRITERION: "criteria", C.OUTCOME: "outcomes", **dict.fromkeys(KINDS, "evidence")}
PATCHES: dict[Child, dict[str, Any]] = {
    C.DESCRIPTION: {"severity": "major"}, C.ANALYSIS: {"goal": "同类问题不再发生"}, C.REMARKS: {"remarks": "抓紧办理"},
    C.MEASURE: {"content": "重新核对"}, C.CRITERION: {"content": "核对无误"}, C.MEASURE_STATUS: {"status": "in_progress"},
    C.RULING: {"ruling": "dismissed", "reason": "经查不实"},
}  # fmt: skip


@dataclass(frozen=True)
class Call:
    """One write of one child."""

    method: str
    path: str
    body: Any = None
    form: dict[str, str] | None = None

    async def by(self, caller: Caller) -> httpx2.Response:
        if self.form is None:
            return await caller.send(self.method, self.path, self.body)
        files = {"file": ("佐证.txt", self.path.encode(), "text/plain")}
        key = {"Idempotency-Key": uuid4().hex}
        return await caller.http.post(f"/v1{self.path}", data=self.form, files=files, headers=key)


@dataclass
class Targets:
    """Rows of one item for refused calls to aim at, put beside its history: only their existence matters."""

    stage: Stage
    name: str
    rows: dict[str, UUID]
    scan: UUID

    @classmethod
    async def of(cls, stage: Stage, name: str) -> Targets:
        found = cls(stage, name, {}, uuid7())
        for child in (C.MEASURE, C.CRITERION, C.OUTCOME, *KINDS, C.RULING):
            found.rows[child] = await found.put(child)
        found.scan = await found.put(C.EVIDENCE_DECISION)
        return found

    async def put(self, child: Child) -> UUID:
        """A fresh row of that child, as if it had come with the item's first event."""
        item, row_id, now = self.stage.items[self.name], uuid7(), clock.now()
        common = {"item_id": item["id"], "id": row_id, "cycle": item["cycle"], "changed_seq": 1, "created_at": now}
        written = {**common, "updated_at": now, "content": "核对", "position": 9}
        whole: tuple[Any, dict[str, Any]]
        if child is C.MEASURE:
            assignee = self.stage.person("assignee")
            whole = Measure, {**written, "status": "not_started", "person_id": assignee}
        elif child is C.CRITERION:
            whole = Criterion, written
        elif child is C.OUTCOME:
            whole = Outcome, {**common, "kind": "institution", "name": "制度"}
        elif child is C.RULING:
            number = {"submission_no": item["submission_no"], "received_on": clock.today(), "content": "仍未解决"}
            whole = Objection, {**common, **number}
        else:
            target = self.rows[C.MEASURE] if child is C.EVIDENCE_WORK else None
            file = {"file_name": "a.txt", "media_type": "text/plain", "size": 1, "sha256": "0" * 64}
            whole = Evidence, {**common, **file, "target_kind": KINDS[child], "target_id": target}
        table, row = whole
        await self.stage.world.db.write(lambda tx: tx.insert(table, [row]))
        return row_id

    def call(self, child: Child, operation: Operation, target: UUID | None = None) -> Call:
        item = f"/items/{self.stage.id(self.name)}"
        if operation is Op.CREATE:
            return self._create(item, child)
        aimed = target or self.rows.get(C.MEASURE if child is C.MEASURE_STATUS else child)
        place = {C.MEASURE_STATUS: "measures", C.RULING: "objections"}.get(child, PLACES.get(child))
        path = item if place is None else f"{item}/{place}/{aimed}"
        return Call("DELETE", path) if operation is Op.DELETE else Call("PATCH", path, PATCHES[child])

    def _create(self, item: str, child: Child) -> Call:
        if child in KINDS:
            form = {"target_kind": KINDS[child]}
            return Call("POST", f"{item}/evidence", form=form | self._aim(child))
        kind, _, rest = child.value.partition("_")
        if kind == "gate":
            return Call("POST", f"{item}/gates", self._gate(child))
        if kind == "approval":
            return Call("POST", f"{item}/approvals", {"purpose": rest, "opinion": "agree"})
        if kind == "decision":
            return Call("POST", f"{item}/decisions", self._decision(rest))
        today = str(clock.today())
        bodies: dict[Child, tuple[str, dict[str, Any]]] = {
            C.MEASURE: ("measures", {"content": "逐项核对"}),
            C.CRITERION: ("criteria", {"content": "全部改正"}),
            C.OUTCOME: ("outcomes", {"kind": "institution", "name": "管理办法"}),
            C.OBJECTION: ("objections", {"content": "仍未解决", "received_on": today}),
            C.PROGRESS: (
                "progress",
                {"content": "已开工", "reported_on": today, "assessment": "basically_done",
                 "measure_id": str(self.rows[C.MEASURE])},
            ),
        }  # fmt: skip
        place, body = bodies[child]
        return Call("POST", f"{item}/{place}", body)

    def _aim(self, child: Child) -> dict[str, str]:
        return {"target_id": str(self.rows[C.MEASURE])} if child is C.EVIDENCE_WORK else {}

    def _gate(self, child: Child) -> dict[str, Any]:
        if child is C.GATE_PROBLEM_SOLVED:
            known = self.stage.items[self.name].get("criteria_ids", [])
            judged = [*known, str(self.rows[C.CRITERION])]
            shown = [str(self.scan)]
            found = [{"criterion_id": one, "met": True, "evidence_ids": shown} for one in judged]
            return {"gate": "problem_solved", "verification": "desk", "criteria": found}
        if child is C.GATE_ADEQUATE:
            return {"gate": "rectification_adequate", "checklist": CHECKLIST}
        if child is C.GATE_ACCOUNTABILITY:
            return {"gate": "rectification_adequate", "part": "accountability", "checklist": {"accountability": YES}}
        if child is C.GATE_WAIVER:
            return {"gate": "people_satisfied", "waiver": {"reason": "人员均已离岗，无法测评"}}
        survey = {**BALLOTS, "held_on": str(clock.today()), "scan_id": str(self.scan)}
        return {"gate": "people_satisfied", "survey": survey}

    def _decision(self, purpose: str) -> dict[str, Any]:
        taken = (clock.now() - timedelta(milliseconds=1)).isoformat()
        votes = {"entitled": 7, "present": 7, "yes": 6, "no": 1}
        paper = {"body": "局党组会", "decided_at": taken, "minutes_no": "第8号", "scan_id": str(self.scan)}
        return {"purpose": purpose, **paper, **votes}
