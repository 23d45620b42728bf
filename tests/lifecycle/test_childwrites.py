"""The table of child writes against the rules it was made from, and what follows from them."""

from __future__ import annotations

from itertools import product

import pytest

from app.lifecycle.childwrites import CHILD_TABLE, Child, Operation, allowed, writers
from app.lifecycle.parties import Party
from app.lifecycle.states import OPEN, TERMINAL, State

PLAN = "assigned planning"
WORK = "rectifying sustaining"
BEFORE = "registered assigned planning plan_review rectifying sustaining"
ALL_OPEN = f"{BEFORE} verifying closing public_notice"
OFFICE = "supervision_office"
DECIDED = "supervision_office first_responsible"
WORKERS = "lead_unit cooperator assignee"
REPORTERS = f"{WORKERS} integration"

RULES: list[tuple[str, str, str, str]] = [
    ("draft", "delete", "draft", "finder"),
    ("description", "update", "draft", "finder"),
    ("description", "update", "submitted registered", OFFICE),
    ("analysis", "update", PLAN, "lead_unit"),
    ("remarks", "update", "draft", "finder"),
    ("remarks", "update", f"submitted {ALL_OPEN}", OFFICE),
    ("measure", "create update delete", PLAN, "lead_unit"),
    ("criterion", "create update delete", PLAN, "lead_unit"),
    ("measure_status", "update", WORK, WORKERS),
    ("progress", "create", WORK, REPORTERS),
    ("outcome", "create delete", WORK, "lead_unit"),
    ("evidence_item", "create delete", "draft", "finder"),
    ("evidence_item", "create delete", "submitted registered", OFFICE),
    ("evidence_item", "create delete", f"{PLAN} {WORK}", "lead_unit"),
    ("evidence_work", "create delete", PLAN, "lead_unit"),
    ("evidence_work", "create delete", WORK, REPORTERS),
    ("evidence_gate", "create delete", "verifying", "verifier supervision_office discipline_office survey_runner"),
    ("evidence_decision", "create delete", f"{BEFORE} verifying closing", DECIDED),
    ("evidence_notice", "create delete", "public_notice", OFFICE),
    ("gate_problem_solved", "create", "verifying", "verifier"),
    ("gate_adequate", "create", "verifying", OFFICE),
    ("gate_accountability", "create", "verifying", "discipline_office"),
    ("gate_satisfied", "create", "verifying", "survey_runner"),
    ("gate_waiver", "create", "verifying", "leader"),
    ("approval_plan", "create", "plan_review", "leader first_responsible"),
    ("approval_closure", "create", "closing", "chain_step chain_member"),
    ("approval_sustain", "create", "rectifying", "first_responsible"),
    ("approval_transfer", "create", f"submitted {BEFORE}", OFFICE),
    ("approval_assignment", "create", "assigned", "first_responsible"),
    ("objection", "create", "public_notice", OFFICE),
    ("ruling", "update", "public_notice", OFFICE),
    ("decision_plan", "create", "plan_review", DECIDED),
    ("decision_closure", "create", "verifying closing", DECIDED),
    ("decision_sustain", "create", "rectifying", DECIDED),
    ("decision_void", "create", BEFORE, DECIDED),
]
EXPECTED = {
    (child, operation, state, party)
    for child, operations, states, parties in RULES
    for operation, state, party in product(operations.split(), states.split(), parties.split())
}


@pytest.mark.parametrize("child", list(Child))
def test_a_child_is_written_in_the_states_and_by_the_parties_of_the_rules_and_nowhere_else(child: Child) -> None:
    found = {
        (child.value, operation.value, state.value, party.value)
        for operation, state, party in product(Operation, State, Party)
        if allowed(child, operation, state, frozenset({party}))
    }
    assert found == {one for one in EXPECTED if one[0] == child.value}
    assert found


@pytest.mark.parametrize("state", sorted(TERMINAL | {State.CLOSED}))
def test_nothing_of_a_finished_item_is_written_by_anybody(state: State) -> None:
    everybody = frozenset(Party)
    assert not any(allowed(child, operation, state, everybody) for child, operation in product(Child, Operation))


def test_the_worker_writes_no_child() -> None:
    assert all(Party.SYSTEM not in rule.by for rule in CHILD_TABLE)


def test_what_must_stay_is_never_changed_or_deleted() -> None:
    kept = [child for child in Child if child.value.startswith(("gate_", "approval_", "decision_", "objection"))]
    assert len(kept) == 15
    for child, operation in product((*kept, Child.PROGRESS), (Operation.UPDATE, Operation.DELETE)):
        assert writers(child, operation) == frozenset()


def test_the_plan_is_frozen_once_it_is_submitted() -> None:
    for child, state in product(
        (Child.MEASURE, Child.CRITERION, Child.ANALYSIS), OPEN - {State.ASSIGNED, State.PLANNING}
    ):
        assert not any(allowed(child, operation, state, frozenset(Party)) for operation in Operation)


def test_the_work_is_frozen_once_completion_is_reported() -> None:
    after = {State.VERIFYING, State.CLOSING, State.PUBLIC_NOTICE}
    for child, state in product((Child.MEASURE_STATUS, Child.PROGRESS, Child.OUTCOME, Child.EVIDENCE_WORK), after):
        assert not any(allowed(child, operation, state, frozenset(Party)) for operation in Operation)


@pytest.mark.parametrize("child", list(Child))
@pytest.mark.parametrize("operation", list(Operation))
def test_writers_are_all_who_may_ever_do_it(child: Child, operation: Operation) -> None:
    ever = {party for state, party in product(State, Party) if allowed(child, operation, state, frozenset({party}))}
    assert writers(child, operation) == ever


def test_nobody_writes_by_playing_no_part() -> None:
    for child, operation, state in product(Child, Operation, State):
        assert not allowed(child, operation, state, frozenset())
