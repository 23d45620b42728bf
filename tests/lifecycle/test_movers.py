"""Who must move next: every open item has somebody, and whoever is named can really do something."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.access.actor import Actor
from app.access.permissions import GRANTS, Permission, Role
from app.lifecycle.childwrites import CHILD_TABLE, Child
from app.lifecycle.movers import movers
from app.lifecycle.parties import Party, parties
from app.lifecycle.states import OPEN, TERMINAL, Gate, GateStatus, State
from app.lifecycle.transitions import TABLE
from tests.lifecycle.made import BUREAU, LEAD, SOURCE, actor, row, uid

SIGNERS = ["leader", "discipline_office", "supervision_office", "first_responsible"]
MOVING = OPEN | {State.DRAFT, State.SUBMITTED}
NEEDED = {
    Child.GATE_PROBLEM_SOLVED: Permission.GATE_JUDGE,
    Child.GATE_ADEQUATE: Permission.GATE_JUDGE,
    Child.GATE_SATISFIED: Permission.GATE_JUDGE,
}


@st.composite
def rows(draw: st.DrawFn) -> dict[str, Any]:
    """Any row of a state that waits for somebody."""
    state = draw(st.sampled_from(sorted(MOVING)))
    chain = draw(st.lists(st.sampled_from(SIGNERS), min_size=1, max_size=5))
    gates = {f"gate_{gate}": draw(st.sampled_from(GateStatus)).value for gate in Gate}
    assigned = state not in {State.DRAFT, State.SUBMITTED, State.REGISTERED}
    lead = LEAD if assigned or draw(st.booleans()) else None
    return row(
        state,
        chain=chain if state in {State.CLOSING, State.VERIFYING, State.PUBLIC_NOTICE} else [],
        chain_step=draw(st.integers(0, len(chain) - 1)) if state is State.CLOSING else 0,
        lead_unit_id=lead,
        mode=draw(st.sampled_from(["immediate", "time_limited", "phased", "sustained"])),
        major_kind=draw(st.none() | st.just("large_fund")),
        **gates,
    )


def can(who: Actor, item: Mapping[str, Any]) -> set[str]:
    """Actions and child writes open to somebody by state, part and permission."""
    state, played = State(item["state"]), parties(who, item)
    actions = {
        one.action.value for one in TABLE if state in one.sources and one.by & played and who.has(Permission.ITEM_ACT)
    }
    writes = {
        rule.child.value
        for rule in CHILD_TABLE
        if state in rule.states and rule.by & played and who.has(NEEDED.get(rule.child, Permission.ITEM_READ))
    }
    return actions | writes


@settings(max_examples=400)
@given(rows())
def test_every_item_that_is_not_finished_waits_for_somebody_who_can_do_something(item: dict[str, Any]) -> None:
    found = movers(item)
    assert found
    assert len(set(found)) == len(found)
    for role, unit in found:
        assert can(actor((role, unit)), item), (item["state"], role)


ALWAYS = {"reclassify", "hand_over", "remarks"}


@settings(max_examples=400)
@given(rows())
def test_at_least_one_of_them_can_take_the_item_further(item: dict[str, Any]) -> None:
    """More than handing it over or changing its class, which is possible at any time."""
    assert any(can(actor(mover), item) - ALWAYS for mover in movers(item))


@pytest.mark.parametrize("state", sorted(TERMINAL | {State.CLOSED}))
def test_finished_items_wait_for_nobody(state: State) -> None:
    assert movers(row(state)) == []
    assert movers(row(state, lead_unit_id=None)) == []


WAITING: dict[str, set[tuple[str, Any]]] = {
    "draft": {("liaison", SOURCE)},
    "submitted": {("supervision_office", BUREAU)},
    "registered": {("supervision_office", BUREAU)},
    "assigned": {("unit_head", LEAD), ("liaison", LEAD)},
    "planning": {("unit_head", LEAD), ("liaison", LEAD)},
    "plan_review": {("leader", LEAD)},
    "rectifying": {("unit_head", LEAD), ("liaison", LEAD)},
    "sustaining": {("unit_head", LEAD), ("supervision_office", BUREAU)},
    "verifying": {("verifier", LEAD), ("supervision_office", BUREAU), ("survey_runner", LEAD)},
    "closing": {("leader", LEAD)},
    "public_notice": {("supervision_office", BUREAU)},
}


@pytest.mark.parametrize("state", WAITING)
def test_each_state_waits_for_the_roles_of_the_rules(state: str) -> None:
    assert {(role.value, unit) for role, unit in movers(row(state))} == WAITING[state]
    assert set(WAITING) == {one.value for one in MOVING}


@pytest.mark.parametrize(
    ("gate", "waiting"),
    [
        ("problem_solved", {("verifier", LEAD)}),
        ("rectification_adequate", {("supervision_office", BUREAU)}),
        ("people_satisfied", {("survey_runner", LEAD), ("supervision_office", BUREAU)}),
    ],
)
@pytest.mark.parametrize("status", ["pending", "not_evaluable"])
def test_verification_waits_for_the_judges_of_the_gates_still_open(
    gate: str, waiting: set[tuple[str, Any]], status: str
) -> None:
    done = {f"gate_{one}": "passed" for one in Gate} | {f"gate_{gate}": status}
    assert {(one.value, where) for one, where in movers(row("verifying", **done))} == waiting


def test_with_all_gates_answered_the_office_passes_and_with_one_failed_verifier_or_office_fail() -> None:
    done = {f"gate_{one}": "passed" for one in Gate}
    assert movers(row("verifying", **(done | {"gate_people_satisfied": "waived"}))) == [
        (Role.SUPERVISION_OFFICE, BUREAU)
    ]
    failed = movers(row("verifying", **(done | {"gate_people_satisfied": "failed"})))
    assert set(failed) == {(Role.VERIFIER, LEAD), (Role.SUPERVISION_OFFICE, BUREAU)}


@pytest.mark.parametrize("step", range(4))
def test_closing_waits_for_the_role_whose_turn_it_is(step: int) -> None:
    [(role, unit)] = movers(row("closing", chain=SIGNERS, chain_step=step))
    assert role.value == SIGNERS[step]
    assert unit == (LEAD if role is Role.LEADER else BUREAU)
    assert Party.CHAIN_STEP in parties(actor((role, unit)), row("closing", chain=SIGNERS, chain_step=step))


def test_whoever_is_waited_for_has_the_permission_to_act() -> None:
    for state in MOVING:
        for role, _ in movers(row(state)):
            assert GRANTS[role] & {Permission.ITEM_ACT, Permission.GATE_JUDGE}, (state, role)


def test_an_item_of_another_unit_waits_for_that_unit() -> None:
    elsewhere = uid(77)
    assert {unit for _, unit in movers(row("planning", lead_unit_id=elsewhere))} == {elsewhere}
