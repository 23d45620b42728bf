"""Any sequence of calls by anybody: nothing reaches `closed` with a gate unmet or with two duties in one hand.

RECTIFY_MODEL_STEPS sets how many calls are tried (1000 unless set); the rules are checked on rows and history.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, TypeVar

import httpx2
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from app.core import clock
from app.demo.carry import BALLOTS, CHECKLIST, STEPS
from app.demo.client import Json, RefusedError
from app.lifecycle.states import Action, Gate
from tests.journeys.audit import audit
from tests.journeys.stage import ACCOUNTS, problem
from tests.journeys.test_every_action import DATA
from tests.make.world import World, world_of
from tests.support.database import Clone
from tests.support.service import running, settings_for

T = TypeVar("T")
STEPS_PER_RUN = 40
RUNS = max(1, int(os.environ.get("RECTIFY_MODEL_STEPS", "1000")) // STEPS_PER_RUN)
PEOPLE = [*ACCOUNTS, "supervision_office_2", "leader_2", "unit_head_safety"]
CLOSING_PEOPLE = [
    "supervision_office", "supervision_office_2", "first_responsible", "leader", "leader_2", "verifier", "survey_runner",
    "discipline_office", "unit_head", "liaison", "double",
]  # fmt: skip
"""`double` holds every role of closing at once, which is when separation of duties has something to do."""
BEGINNINGS = [
    "registered",
    "planning",
    "rectifying",
    "rectifying",
    "verifying",
    "verifying",
    "closing",
    "public_notice",
]
EXTRA = ("verifier", "supervision_office", "survey_runner", "leader", "first_responsible", "discipline_office")


USUAL = ("verifier", "supervision_office", "survey_runner")
CHAIN = ("leader", "discipline_office", "first_responsible")


class Service:
    """The service in a loop of its own, so that a synchronous state machine can call it."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.stack = AsyncExitStack()
        self.world: World

    def start(self, url: str, var: Path) -> None:
        self.thread.start()
        self.run(self._start(url, var))

    async def _start(self, url: str, var: Path) -> None:
        from app.main import create_app

        app = await self.stack.enter_async_context(running(create_app(settings_for(url, var))))
        self.world = await world_of(app)
        await self._double()

    async def _double(self) -> None:
        """One person with every role that judges and signs."""
        made = self.world.made
        system, security = await made.as_("system_admin"), await made.as_("security_admin")
        person = (await system.post("/people", {"name": "多职人员"}))["id"]
        made.people["double"], made.passwords["double"] = person, made.passwords["leader"]
        log_in = {"username": "double", "password": made.passwords["double"], "must_change_password": False}
        await security.put(f"/people/{person}/account", log_in, if_match=None)
        post = {"person_id": person, "unit_id": made.units["office"], "title": "科员", "starts_on": "2024-01-01"}
        await system.post("/posts", post)
        for role in (*EXTRA, "unit_head"):
            unit = made.units["engineering" if role == "unit_head" else "bureau"]
            grant = {"role": role, "unit_id": unit, "starts_on": "2024-01-01"}
            await security.post(f"/people/{person}/roles", grant)

    def stop(self) -> None:
        self.run(self.world.made.close())
        self.run(self.stack.aclose())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    def run(self, work: Awaitable[T]) -> T:
        async def whole() -> T:
            return await work

        return asyncio.run_coroutine_threadsafe(whole(), self.loop).result(timeout=60)


class Life(RuleBasedStateMachine):
    """One item; every rule is one attempt by somebody, and refusals are as welcome as successes."""

    service: ClassVar[Service]
    reached: ClassVar[set[str]] = set()
    steps: ClassVar[int] = 0

    @property
    def world(self) -> World:
        return self.service.world

    @property
    def path(self) -> str:
        return f"/items/{self.item['id']}"

    @initialize(
        beginning=st.sampled_from(BEGINNINGS),
        noticed=st.booleans(),
        mode=st.sampled_from(["time_limited", "immediate"]),
    )
    def begin(self, beginning: str, noticed: bool, mode: str) -> None:
        public = {"ledger": "public", "confidentiality": "public"} if noticed or beginning == "public_notice" else {}
        self.of = problem(self.world, mode=mode, **public)
        beginning = "planning" if beginning == "plan_review" else beginning
        if mode == "immediate" and beginning == "planning":
            beginning = "assigned"
        self.item: Json = self.service.run(self.world.carrier.to(beginning, self.of))
        self.state, self.version = self.item["state"], self.item["version"]
        self.changed = True

    def send(self, who: str, method: str, path: str, body: Any) -> httpx2.Response:
        async def ask() -> httpx2.Response:
            return await (await self.world.as_(who)).send(method, path, body)

        answer = self.service.run(ask())
        assert answer.status_code < 500, answer.text
        type(self).steps += 1
        self.changed = True
        return answer

    def row(self) -> Json:
        return self.service.run(self.world.read(self.item))

    @rule(who=st.sampled_from(CLOSING_PEOPLE), action=st.sampled_from(Action), to=st.sampled_from(["rectifying", "verifying"]),
          gates=st.sets(st.sampled_from(Gate), min_size=1))  # fmt: skip
    def act(self, who: str, action: Action, to: str, gates: set[Gate]) -> None:
        data = dict(DATA.get(action.value, {}))
        if action is Action.REJECT_CLOSURE:
            data |= {"to_state": to, "gates": sorted(gates) if to == "verifying" else []}
        if action is Action.RECORD_OFFLINE_CLOSURE:
            data |= {"decider_id": self.world.made.people["first_responsible"], "scan_id": self.any_evidence()}
        if action is Action.UPHOLD_OBJECTION:
            data["objection_id"] = self.any_objection()
        body: Json = {"action": action.value, "data": data}
        if action is Action.RECORD_OFFLINE_CLOSURE:
            body["occurred_at"] = clock.now().isoformat()
        self.send(who, "POST", f"{self.path}/transitions", body)

    @rule(who=st.sampled_from(PEOPLE), action=st.sampled_from(Action))
    def act_as_anybody(self, who: str, action: Action) -> None:
        self.send(who, "POST", f"{self.path}/transitions", {"action": action.value, "data": DATA.get(action.value, {})})

    @precondition(lambda self: self.state in STEPS)
    @rule(hurried=st.booleans())
    def carry_on(self, hurried: bool) -> None:
        """The ordinary next step, or the same without having done the work before it."""
        try:
            if hurried and self.state in {"rectifying", "sustaining"}:
                self.service.run(self.world.carrier.report_only(self.of, self.row()))
            else:
                self.service.run(STEPS[self.state](self.world.carrier, self.of, self.row()))
        except (RefusedError, KeyError):
            pass
        type(self).steps += 1
        self.changed = True

    @precondition(lambda self: self.state in {"rectifying", "verifying", "closing"})
    @rule(
        reporter=st.sampled_from(["unit_head", "unit_head", "double"]),
        judges=st.tuples(*(st.sampled_from(["usual", "usual", "usual", "double", "none", "fails"]) for _ in Gate)),
        chain=st.tuples(*(st.sampled_from([one, one, "double"]) for one in CHAIN)),
        offline=st.booleans(),
    )
    def try_to_close(self, reporter: str, judges: tuple[str, ...], chain: tuple[str, ...], offline: bool) -> None:
        """The whole way from the report to the last signature, by whoever is drawn, whatever was refused before."""
        if self.state == "rectifying":
            self.service.run(self.world.carrier.work(self.of, self.item))
            self.move(reporter, "report_completion")
        for gate, (usual, judge) in enumerate(zip(USUAL, judges, strict=True)):
            if judge != "none":
                self.judge(gate, "double" if judge == "double" else usual, well=judge != "fails")
        if offline:
            self.move("supervision_office_2", "record_offline_closure", chain[-1])
        self.move("supervision_office_2", "pass_verification")
        for who in chain:
            self.move(who, "approve_closure")

    def move(self, who: str, action: str, decider: str | None = None) -> None:
        body: Json = {"action": action, "data": dict(DATA.get(action, {}))}
        if decider is not None:
            body["data"] |= {"decider_id": self.world.made.people[decider], "scan_id": self.any_evidence()}
            body["occurred_at"] = clock.now().isoformat()
        self.send(who, "POST", f"{self.path}/transitions", body)

    def judge(self, gate: int, who: str, *, well: bool) -> None:
        shown = self.any_evidence()
        judged = [{"criterion_id": one, "met": well, "evidence_ids": [shown]} for one in self.criteria()]
        answer = {"answer": "yes" if well else "no"}
        counts = BALLOTS if well else {**BALLOTS, "satisfied": 3, "dissatisfied": 12}
        bodies: list[Json] = [
            {"gate": "problem_solved", "verification": "desk", "criteria": judged},
            {"gate": "rectification_adequate", "checklist": {**CHECKLIST, "accountability": answer}},
            {"gate": "people_satisfied", "survey": {**counts, "held_on": str(clock.today()), "scan_id": shown}},
        ]
        self.send(who, "POST", f"{self.path}/gates", bodies[gate])

    @precondition(lambda self: self.state == "closing")
    @rule(who=st.sampled_from([*EXTRA, "leader_2", "double"]))
    def sign(self, who: str) -> None:
        self.send(who, "POST", f"{self.path}/transitions", {"action": "approve_closure", "data": {}})

    @precondition(lambda self: self.state in {"verifying", "closing", "rectifying"})
    @rule(who=st.sampled_from([*EXTRA, "double", "unit_head"]), met=st.booleans())
    def judge_solved(self, who: str, met: bool) -> None:
        criteria, shown = self.criteria(), [self.any_evidence()]
        judged = [{"criterion_id": one, "met": met, "evidence_ids": shown} for one in criteria]
        body = {"gate": "problem_solved", "verification": "desk", "criteria": judged}
        self.send(who, "POST", f"{self.path}/gates", body)

    @precondition(lambda self: self.state in {"verifying", "closing", "rectifying"})
    @rule(who=st.sampled_from([*EXTRA, "double", "supervision_office_2"]), answer=st.sampled_from(["yes", "no"]))
    def judge_adequate(self, who: str, answer: str) -> None:
        body = {"gate": "rectification_adequate", "checklist": {**CHECKLIST, "measures_done": {"answer": answer}}}
        self.send(who, "POST", f"{self.path}/gates", body)

    @precondition(lambda self: self.state in {"verifying", "closing", "rectifying"})
    @rule(who=st.sampled_from([*EXTRA, "double"]), satisfied=st.integers(10, 20), named=st.integers(0, 1),
          runner=st.none() | st.sampled_from(["survey_runner", "double", "unit_head", "verifier"]))  # fmt: skip
    def survey(self, who: str, satisfied: int, named: int, runner: str | None) -> None:
        counts = {**BALLOTS, "satisfied": satisfied, "basically_satisfied": 0, "dissatisfied": 20 - satisfied}
        told = {"held_on": str(clock.today()), "scan_id": self.any_evidence(), "unanswered_named": named}
        if runner is not None:
            told["runner_id"] = self.world.made.people[runner]
        self.send(who, "POST", f"{self.path}/gates", {"gate": "people_satisfied", "survey": {**counts, **told}})

    @precondition(lambda self: self.state in {"verifying", "closing"})
    @rule(who=st.sampled_from(["leader", "leader_2", "double", "verifier"]))
    def waive(self, who: str) -> None:
        self.send(who, "POST", f"{self.path}/gates", {"gate": "people_satisfied", "waiver": {"reason": "无法测评"}})

    @precondition(lambda self: self.state in {"assigned", "planning", "rectifying", "verifying", "closing"})
    @rule(who=st.sampled_from(["unit_head", "liaison", "verifier"]), place=st.sampled_from(["measures", "criteria"]))
    def meddle_with_the_plan(self, who: str, place: str) -> None:
        for one in self.ids(place):
            self.send(who, "DELETE", f"{self.path}/{place}/{one}", None)

    @precondition(lambda self: self.state in {"rectifying", "verifying", "closing"})
    @rule(who=st.sampled_from(["unit_head", "assignee"]))
    def undo_a_measure(self, who: str) -> None:
        for one in self.ids("measures"):
            self.send(who, "PATCH", f"{self.path}/measures/{one}", {"status": "in_progress"})

    @precondition(lambda self: self.state in {"rectifying", "verifying", "closing"})
    @rule()
    def take_evidence_away(self) -> None:
        for one in self.ids("evidence"):
            self.send("unit_head", "DELETE", f"{self.path}/evidence/{one}", None)

    @precondition(lambda self: self.state == "public_notice")
    @rule(who=st.sampled_from(["supervision_office", "supervision_office_2", "double"]), dismissed=st.booleans())
    def object(self, who: str, dismissed: bool) -> None:
        if dismissed:
            body = {"ruling": "dismissed", "reason": "经查不实"}
            self.send(who, "PATCH", f"{self.path}/objections/{self.any_objection()}", body)
        else:
            body = {"content": "仍未解决", "received_on": str(clock.today())}
            self.send(who, "POST", f"{self.path}/objections", body)

    @precondition(lambda self: self.state == "public_notice")
    @rule()
    def let_the_notice_run_out(self) -> None:
        async def finish() -> httpx2.Response:
            with clock.travel(timedelta(days=40)):
                made = self.world.made
                from app.demo.client import sign_in

                office = await sign_in(made.connect(), "supervision_office", made.passwords["supervision_office"])
                answer = await office.send("POST", f"{self.path}/transitions", {"action": "finish_notice"})
                await office.http.aclose()
                return answer

        assert self.service.run(finish()).status_code < 500
        self.changed = True

    def ids(self, place: str) -> list[str]:
        async def ask() -> list[str]:
            found = await (await self.world.as_("auditor")).get(f"{self.path}/{place}")
            return [one["id"] for one in found["items"]]

        return self.service.run(ask())

    def criteria(self) -> list[str]:
        return self.ids("criteria")

    def any_evidence(self) -> str:
        return next(iter(self.ids("evidence")), self.item["id"])

    def any_objection(self) -> str:
        return next(iter(reversed(self.ids("objections"))), self.item["id"])

    @invariant()
    def nothing_is_wrong_with_the_item(self) -> None:
        if not getattr(self, "changed", False):
            return
        self.changed = False
        self.state = self.service.run(audit(self.world.db, self.item["id"]))
        type(self).reached.add(self.state)


@pytest.fixture
def service(database: Clone, tmp_path: Path) -> Any:
    found = Service()
    found.start(database.app_url, tmp_path)
    yield found
    found.stop()


def test_no_sequence_of_calls_closes_an_item_with_a_gate_unmet_or_with_two_duties_in_one_hand(service: Service) -> None:
    Life.service, Life.steps = service, 0
    Life.reached.clear()
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=RUNS,
            stateful_step_count=STEPS_PER_RUN,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
            derandomize=True,
            phases=[Phase.generate],  # shrinking over HTTP would take longer than reading the sequence
        ),
    )
    assert Life.steps >= RUNS * STEPS_PER_RUN // 2
    if RUNS > 20:
        assert {"rectifying", "verifying", "closing", "closed"} <= Life.reached
