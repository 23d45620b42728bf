"""Every write of every child in every state by every role: the table allows it, or it is refused and leaves no trace."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import product

import pytest

from app.lifecycle.childwrites import CHILD_TABLE, Child, Operation, allowed, writers
from app.lifecycle.parties import Party
from app.lifecycle.states import State
from tests.journeys.child_calls import C, Op, Targets
from tests.journeys.stage import ACCOUNTS, Stage, made
from tests.make.world import World

DRAFTING = {
    "supervision_office",
    "discipline_office",
    "source_office",
    "petition_office",
    "unit_head",
    "liaison",
    "integration",
}
JUDGING = {"supervision_office", "leader", "verifier", "survey_runner", "discipline_office"}
SIGNING = {"supervision_office", "first_responsible", "leader", "discipline_office", "source_office", "unit_head"}
OFFICE = {"supervision_office"}
DECIDING = {"supervision_office", "first_responsible"}
DESCRIBING = {C.DRAFT, C.DESCRIPTION, C.ANALYSIS, C.REMARKS}
OWN = {
    (C.MEASURE_STATUS, Op.UPDATE),
    (C.PROGRESS, Op.CREATE),
    (C.EVIDENCE_WORK, Op.CREATE),
    (C.EVIDENCE_WORK, Op.DELETE),
}
WRITES = [(child, operation) for child, operation in product(Child, Operation) if writers(child, operation)]
ALIKE = {"supervision_office_2": "supervision_office", "leader_2": "leader"}
"""Colleagues who had no part in the items yet, where their namesakes are excluded by it."""
TRIED = (*ACCOUNTS, *ALIKE)
ALLOWED_TO_FAIL = {"guards_unmet", "separation_of_duties"}


def permitted(child: Child) -> set[str]:
    """Who holds the permission of the route; what any signed-in person may ask for is left to the table."""
    if child in DESCRIBING:
        return DRAFTING
    kind = child.value.partition("_")[0]
    return {
        "gate": JUDGING, "approval": SIGNING, "decision": DECIDING, "objection": OFFICE, "ruling": OFFICE,
    }.get(kind, set(ACCOUNTS))  # fmt: skip


def parties(stage: Stage, account: str, name: str, child: Child, operation: Operation) -> frozenset[Party]:
    own = {Party.ASSIGNEE} if account == "assignee" and (child, operation) in OWN else set()
    return frozenset(stage.parties(account, name) | own)


def refusal(stage: Stage, account: str, name: str, child: Child, operation: Operation) -> tuple[int, str] | None:
    if not stage.sees(account, name):
        return 404, "not_found"
    played = parties(stage, account, name, child, operation)
    if account not in permitted(child) or not played & writers(child, operation):
        return 403, "forbidden"
    if not allowed(child, operation, State(stage.items[name]["state"]), played):
        return 409, "child_frozen"
    return None


@dataclass
class Told:
    wrong: list[str] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)


@pytest.fixture(scope="module")
async def stage(world: World) -> Stage:
    found = Stage(world, {state.value: await made(world, state.value) for state in State})
    head = await world.as_("unit_head")
    written = await head.get(f"/items/{found.id('verifying')}/criteria")
    found.items["verifying"]["criteria_ids"] = [one["id"] for one in written["items"]]
    return found


@pytest.fixture(scope="module")
async def targets(stage: Stage) -> dict[str, Targets]:
    return {state.value: await Targets.of(stage, state.value) for state in State}


async def test_whoever_may_not_write_a_child_is_refused_and_nothing_changes(
    stage: Stage, targets: dict[str, Targets]
) -> None:
    told = Told()
    for state, account in product(State, ACCOUNTS):
        name, caller = state.value, await stage.as_(account)
        before = await stage.trace(name)
        for child, operation in WRITES:
            expected = refusal(stage, account, name, child, operation)
            told.seen["legal" if expected is None else expected[1]] += 1
            if expected is None:
                continue
            answer = await targets[name].call(child, operation).by(caller)
            got = answer.status_code, answer.json()["code"]
            if got != expected:
                told.wrong.append(f"{account} {operation} {child} in {state}: {got} instead of {expected}")
        if await stage.trace(name) != before:
            told.wrong.append(f"{account} left a trace in {state}")
    assert not told.wrong, "\n".join(told.wrong)
    assert sum(told.seen.values()) == len(ACCOUNTS) * len(State) * len(WRITES)
    assert len(WRITES) == 40
    assert min(told.seen.values()) > 50


async def test_whoever_may_write_a_child_writes_it_with_one_event_in_every_state_of_the_table(
    targets: dict[str, Targets],
) -> None:
    told, wanted = Told(), set()
    for rule in CHILD_TABLE:
        for operation, state in product(sorted(rule.operations), sorted(rule.states)):
            wanted.add(f"{rule.child} {operation} {state}")
            for account in TRIED:
                await _write(targets[state.value], told, account, rule.child, operation)
    assert not told.wrong, "\n".join(told.wrong)
    assert set(told.seen) == wanted
    assert len(wanted) == 107


async def _write(targets: Targets, told: Told, account: str, child: Child, operation: Operation) -> None:
    stage, name = targets.stage, targets.name
    if refusal(stage, ALIKE.get(account, account), name, child, operation) is not None:
        return
    if child is C.DRAFT:
        targets, name = await _another_draft(targets)
    fresh = await targets.put(child) if operation is Op.DELETE and child is not C.DRAFT else None
    before = await _history(stage, name)
    answer = await targets.call(child, operation, fresh).by(await stage.as_(account))
    after, place = await _history(stage, name), f"{child} {operation} {stage.items[name]['state']}"
    if answer.is_success:
        told.seen[place] += 1
        gone = child is C.DRAFT
        if after != ((None, before[1] + 1) if gone else ((before[0] or 0) + 1, before[1] + 1)):
            told.wrong.append(f"{account} {place}: {before} became {after}")
    elif answer.json()["code"] not in ALLOWED_TO_FAIL or after != before:
        told.wrong.append(f"{account} {place}: {answer.status_code} {answer.text[:300]}")


async def _another_draft(targets: Targets) -> tuple[Targets, str]:
    stage = targets.stage
    stage.items["another"] = await made(stage.world, "draft")
    return Targets(stage, "another", {}, targets.scan), "another"


async def _history(stage: Stage, name: str) -> tuple[int | None, int]:
    row = await stage.world.db.fetchrow(
        "SELECT (SELECT version FROM item WHERE id = $1) AS version, (SELECT count(*) FROM event WHERE subject_id = $1)::int"
        " AS events", stage.id(name),
    )  # fmt: skip
    assert row is not None
    return row["version"], row["events"]
