"""Any sequence of calls by anybody is answered as the reference model answers it, and leaves the item as the model has it.

RECTIFY_TEST_MODEL_STEPS sets how many calls are tried (1000 unless set), RECTIFY_TEST_SEED which; `make model` tries
10,000. Beside the model stands an audit of rows and history: nothing closes with a gate unmet or two duties in one hand.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import httpx2
import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.journeys.audit import audit
from tests.model.moves import MOVES
from tests.model.reference import ENDS, MAY_ACT, PEOPLE, Item, expected, happen, sees
from tests.model.requests import Requests, Sent
from tests.model.service import Service
from tests.support.bugs import duties_mixed, ignored_version, planted
from tests.support.crowd import say
from tests.support.database import Clone

STEPS = int(os.environ.get("RECTIFY_TEST_MODEL_STEPS", "1000"))
SEED = int(os.environ.get("RECTIFY_TEST_SEED", "20261126"))
STEPS_PER_RUN = 30
ROW = """
SELECT state, version, cycle, gate_problem_solved, gate_rectification_adequate, gate_people_satisfied, measures_total,
  measures_done, criteria_total, chain_step, closing_round, submission_no, decline_count FROM item WHERE id = $1
"""
TARGETS = {
    "measure_removed": "measures", "measure_done": "measures", "measure_undone": "measures", "criterion_removed": "criteria",
    "evidence": "criteria", "evidence_removed": "evidence", "uphold_objection": "objections", "dismiss": "objections",
}  # fmt: skip
"""What of the item a move is about; an objection may also be upheld that does not exist."""
WAY = (
    "submit liaison", "register supervision_office", "assign supervision_office", "acknowledge unit_head", "measure liaison",
    "criterion unit_head", "submit_plan unit_head", "approve_plan leader_2", "measure_done unit_head", "evidence liaison",
    "report_completion unit_head", "solved verifier", "adequate supervision_office", "satisfied survey_runner",
    "pass_verification supervision_office_2", "approve_closure leader", "approve_closure discipline_office",
    "approve_closure first_responsible",
)  # fmt: skip
DEPTHS = (0, 3, 7, 8, 10, 11, 11, 14, 14, 15, 16, 17, 18)
"""How far along the way a life begins: most of what can go wrong is near its end."""
NEEDED = {"draft", "registered", "planning", "rectifying", "verifying", "closing", "public_notice", "closed"}
people, names, picks = st.sampled_from(PEOPLE), st.sampled_from(sorted(MOVES)), st.integers(0, 10_000)


class Life(RuleBasedStateMachine):
    """One item; every call is predicted before it is made."""

    service: ClassVar[Service]
    reached: ClassVar[Counter[str]] = Counter()
    answers: ClassVar[Counter[str]] = Counter()
    steps: ClassVar[int] = 0

    @initialize(
        mode=st.sampled_from(["time_limited", "immediate"]), noticed=st.booleans(), depth=st.integers(0, len(WAY))
    )
    def begin(self, mode: str, noticed: bool, depth: int) -> None:
        self.start(mode, noticed, depth)

    def start(self, mode: str, noticed: bool, depth: int) -> None:
        """An item, and so many steps of the ordinary way."""
        made = self.service.draft(mode, noticed=noticed)
        self.id, self.model, self.changed = made["id"], Item(mode, noticed), True
        self.requests = Requests(self.service, self.id, self.model)
        self.spare: dict[str, str] = {}
        self.used: set[tuple[str, str]] = set()
        self.kept: tuple[str, str, str | None, Sent, str] | None = None
        for step in WAY[:depth]:
            name, who = step.split()
            self.ask(name, who, 0)

    # --- one call -------------------------------------------------------------------------------------------------

    def target(self, name: str, pick: int) -> str | None:
        """Something of the item the move can be about; None where there is nothing."""
        if name not in TARGETS:
            return ""
        found = sorted(getattr(self.model, TARGETS[name]))
        if not found:
            return "" if name == "uphold_objection" else None
        return str(found[pick % len(found)])

    def ask(self, name: str, who: str, pick: int, if_match: str = "*", key: str | None = None) -> None:
        target = self.target(name, pick)
        if target is None:
            return
        told = expected(self.model, name, who, target, if_match)
        sent, key = self.requests.of(name, target), key or self.spare.pop(who, None) or uuid4().hex
        versions = {"none": None, "stale": f'"v{self.model.version + 1}"', "exact": f'"v{self.model.version}"'}
        version = versions.get(if_match, "*")
        answer = self.send(who, sent, key, version)
        assert answered(answer) == told, f"{name} by {who} on {self.model}: {answer.status_code} {answer.text}"
        if told[0]:
            self.spare[who] = key  # what was refused leaves no record: the key is as good as new
            return
        if sent.method == "POST":
            self.kept = (who, key, version, sent, answer.text)
            self.used.add((who, key))
        if name in {"measure", "criterion", "object"}:
            target = answer.json()["id"]
        elif name == "evidence":
            target = f"{target}/{answer.json()['id']}"
        happen(self.model, name, who, target)
        self.changed = True
        self.reached[self.model.state] += 1

    def send(self, who: str, sent: Sent, key: str | None, if_match: str | None = "*") -> httpx2.Response:
        headers = {} if key is None else {"Idempotency-Key": key}
        if if_match is not None:
            headers["If-Match"] = if_match
        more: dict[str, Any] = {"json": sent.body}
        if sent.form is not None:
            more = {"data": sent.form, "files": {"file": ("佐证.txt", "整改前后对照".encode(), "text/plain")}}

        async def go() -> httpx2.Response:
            caller = await self.service.world.as_(who)
            return await caller.http.request(sent.method, f"/v1{sent.path}", headers=headers, **more)

        answer = self.service.run(go())
        Life.steps += 1
        self.answers[f"{answer.status_code} {answered(answer)[1]}"] += 1
        return answer

    # --- what is tried --------------------------------------------------------------------------------------------

    def having(self, told: tuple[int, str], pick: int) -> list[tuple[str, str]]:
        """Every move and person of whom the model expects this answer."""
        return [
            (name, who)
            for name in sorted(MOVES)
            for who in PEOPLE
            if (target := self.target(name, pick)) is not None and expected(self.model, name, who, target) == told
        ]

    @rule(pick=picks)
    def go_on(self, pick: int) -> None:
        """Something the model says is possible; what ends an item for good is left for later."""
        found = [(name, who) for name, who in self.having((0, ""), pick) if name not in ENDS or pick % 11 == 0]
        if found:
            self.ask(*found[pick % len(found)], pick)

    @rule(pick=picks, why=st.sampled_from(["separation_of_duties", "guards_unmet", "child_frozen", "not_deletable"]))
    def try_what_is_refused(self, pick: int, why: str) -> None:
        found = self.having((409, why), pick)
        if found:
            self.ask(*found[pick % len(found)], pick)

    @rule(pick=picks)
    def carry_on(self, pick: int) -> None:
        """The next step of the ordinary way, so that items get far."""
        for step in WAY:
            name, who = step.split()
            fresh = (name, bool(self.model.measures)) != ("measure", True) and (name, bool(self.model.criteria)) != (
                "criterion",
                True,
            )
            target = self.target(name, pick)
            if fresh and target is not None and expected(self.model, name, who, target) == (0, ""):
                self.ask(name, who, pick)
                return

    @rule(pick=picks)
    def and_on(self, pick: int) -> None:
        self.go_on(pick)

    @rule(name=names, who=people, pick=picks)
    def try_anything(self, name: str, who: str, pick: int) -> None:
        self.ask(name, who, pick)

    @rule(name=names, who=people, pick=picks, if_match=st.sampled_from(["none", "stale", "exact"]))
    def name_a_version(self, name: str, who: str, pick: int, if_match: str) -> None:
        self.ask(name, who, pick, if_match)

    @precondition(lambda self: self.kept is not None)
    @rule(changed=st.booleans())
    def ask_again(self, changed: bool) -> None:
        """The same key once more: the same answer; with another content it is a mistake, and told as one."""
        assert self.kept is not None
        owner, key, version, sent, text = self.kept
        if not sees(self.model, owner):
            return
        if changed and sent.body is not None and "action" in sent.body:
            answer = self.send(owner, Sent(sent.method, sent.path, {**sent.body, "comment": "另一内容"}), key, version)
            assert answered(answer) == (422, "idempotency_key_reused"), answer.text
            return
        answer = self.send(owner, sent, key, version)
        assert (answer.text, answer.headers.get("idempotent-replayed")) == (text, "true"), answer.text

    @precondition(lambda self: self.kept is not None)
    @rule(who=people, pick=picks)
    def use_the_key_of_another(self, who: str, pick: int) -> None:
        """Keys belong to those who made them up: nobody is answered with what somebody else did."""
        assert self.kept is not None
        if (who, self.kept[1]) not in self.used:
            self.ask("agree_transfer", who, pick, key=self.kept[1])

    @rule(who=people)
    def forget_the_key(self, who: str) -> None:
        sent = self.requests.of("recall", "")
        told = (404, "not_found") if not sees(self.model, who) else (400, "idempotency_key_required")
        if told[0] == 400 and who not in MAY_ACT:
            told = (403, "forbidden")
        assert answered(self.send(who, sent, None)) == told

    @invariant()
    def the_item_is_what_the_model_has(self) -> None:
        if not hasattr(self, "model"):
            return
        row = self.service.run(self.service.world.db.fetchrow(ROW, self.id))
        item = self.model
        done = sum(status == "done" for status, _ in item.measures.values())
        known = (
            item.state,
            item.version,
            item.cycle,
            *item.gates.values(),
            len(item.measures),
            done,
            len(item.criteria),
        )
        assert tuple(row or ()) == (*known, item.step, item.round, item.submissions, item.declined)
        if self.changed:
            self.changed = False
            self.service.run(audit(self.service.world.db, self.id))


def answered(answer: httpx2.Response) -> tuple[int, str]:
    """Status and code of a refusal; (0, "") for a yes."""
    return (0, "") if answer.is_success else (answer.status_code, answer.json()["code"])


@pytest.fixture
def service(database: Clone, tmp_path: Path) -> Any:
    found = Service()
    found.start(database.app_url, tmp_path)
    yield found
    found.stop()


def live(service: Service, calls: int) -> None:
    """Lives of `STEPS_PER_RUN` steps until so many calls were made."""
    Life.service, Life.steps = service, 0
    Life.reached.clear()
    Life.answers.clear()
    while Life.steps < calls:
        run = settings(
            max_examples=max(1, (calls - Life.steps) // STEPS_PER_RUN),
            stateful_step_count=STEPS_PER_RUN,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
            print_blob=False,
            phases=[Phase.generate],  # shrinking over HTTP would take longer than reading the sequence
        )
        run_state_machine_as_test(seed(SEED + Life.steps)(type("Life", (Life,), {})), settings=run)
        say(f"model, seed {SEED}: {Life.steps} calls, {dict(Life.reached)}")


def test_every_call_is_answered_as_the_model_answers_it(service: Service) -> None:
    assert len(MOVES) >= 44, "moves fills the table"
    live(service, STEPS)
    say(str(dict(Life.answers)))
    if STEPS >= 5000:
        assert set(Life.reached) >= NEEDED
    assert set(Life.reached) >= {"registered", "rectifying", "verifying"}


def a_life(service: Service, depth: int) -> Life:
    Life.service = service
    life = Life()
    life.start("time_limited", False, depth)
    return life


def stale_versions(service: Service) -> None:
    life = a_life(service, 2)
    life.ask("assign", "supervision_office", 0, "stale")


def forbidden_duties(service: Service) -> None:
    """In verification: the unit's people, the reporter and those named ask for what only others may do."""
    life = a_life(service, 11)
    life.ask("unsolved", "double", 0)
    tried = life.having((409, "separation_of_duties"), 0)
    assert len(tried) >= 2
    for name, who in tried:
        life.ask(name, who, 0)


@pytest.mark.parametrize(("bug", "script"), [(ignored_version, stale_versions), (duties_mixed, forbidden_duties)])
def test_the_model_finds_the_mistake(
    service: Service, bug: Callable[..., None], script: Callable[[Service], None]
) -> None:
    script(service)
    with planted(bug), pytest.raises(AssertionError):
        script(service)
