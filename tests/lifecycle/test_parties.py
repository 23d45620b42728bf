"""Who somebody is to an item: every role on every relation of units, delegations, programs, administrators."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.access.permissions import ADMINISTRATORS, Role
from app.lifecycle.judge import lent_by
from app.lifecycle.parties import Party, anchors, parties
from app.lifecycle.states import Action, State
from app.lifecycle.transitions import TABLE
from tests.lifecycle.made import ANCESTORS, BUREAU, GROUP, LEAD, ME, OTHER, SECTION, SOURCE, actor, row, uid

P = Party
WITHIN_LEDGER = {GROUP, BUREAU}
WITHIN_LEAD = {GROUP, BUREAU, LEAD}
SIGNS = {P.CHAIN_STEP, P.CHAIN_MEMBER}
ROLES: dict[Role, tuple[set[UUID], set[Party]]] = {
    Role.SUPERVISION_OFFICE: (WITHIN_LEDGER, {P.SUPERVISION_OFFICE, *SIGNS}),
    Role.FIRST_RESPONSIBLE: (WITHIN_LEDGER, {P.FIRST_RESPONSIBLE, *SIGNS}),
    Role.DISCIPLINE_OFFICE: (WITHIN_LEDGER, {P.DISCIPLINE_OFFICE, *SIGNS}),
    Role.LEADER: (WITHIN_LEAD, {P.LEADER, *SIGNS}),
    Role.VERIFIER: (WITHIN_LEAD, {P.VERIFIER}),
    Role.SURVEY_RUNNER: (WITHIN_LEAD, {P.SURVEY_RUNNER}),
    Role.UNIT_HEAD: (WITHIN_LEAD, {P.LEAD_UNIT, P.LEAD_UNIT_HEAD}),
    Role.LIAISON: (WITHIN_LEAD, {P.LEAD_UNIT}),
    Role.SOURCE_OFFICE: ({GROUP, BUREAU, SOURCE}, {P.SOURCE_OFFICE}),
    Role.INTEGRATION: (WITHIN_LEAD, {P.INTEGRATION}),
}
FINDERS = {Role.UNIT_HEAD, Role.LIAISON}
"""In `row` the source unit is also the unit that found the problem."""


@pytest.mark.parametrize("unit", ANCESTORS)
@pytest.mark.parametrize("role", list(Role))
def test_a_role_counts_only_over_the_unit_it_answers_to(role: Role, unit: UUID) -> None:
    units, played = ROLES.get(role, (set(), set()))
    expected = set(played) if unit in units else set()
    if role in FINDERS and unit == SOURCE:
        expected.add(P.FINDER)
    assert parties(actor((role, unit)), row("rectifying")) == expected


@pytest.mark.parametrize("unit", ANCESTORS)
@pytest.mark.parametrize("role", sorted(ADMINISTRATORS))
@pytest.mark.parametrize("state", list(State))
def test_administrators_play_no_part_whatever_unit_they_administer(state: State, role: Role, unit: UUID) -> None:
    assert parties(actor((role, unit)), row(state)) == set()


@pytest.mark.parametrize("role", [Role.VIEWER, Role.AUDITOR, Role.ASSIGNEE, Role.PETITION_OFFICE])
def test_those_who_only_read_play_no_part_in_transitions(role: Role) -> None:
    assert parties(actor((role, GROUP)), row("rectifying")) == set()


@pytest.mark.parametrize("unit", ANCESTORS)
def test_before_an_item_is_assigned_nobody_is_its_lead_unit(unit: UUID) -> None:
    item = row("submitted", lead_unit_id=None, lead_ancestors=None)
    for role in (Role.UNIT_HEAD, Role.LIAISON, Role.INTEGRATION):
        assert not parties(actor((role, unit)), item) & {P.LEAD_UNIT, P.LEAD_UNIT_HEAD, P.INTEGRATION}


def test_an_item_without_a_source_unit_has_no_source_office() -> None:
    item = row("closed", source_unit_id=None, source_ancestors=None)
    assert parties(actor((Role.SOURCE_OFFICE, GROUP)), item) == set()


def test_whoever_found_it_stays_its_finder_without_any_role() -> None:
    assert parties(actor(), row("draft", finder_person_id=ME)) == {P.FINDER}
    assert parties(actor(), row("draft")) == set()


@pytest.mark.parametrize(("unit", "found"), [(SOURCE, True), (BUREAU, False), (OTHER, False)])
def test_a_liaison_stands_in_for_the_finder_in_exactly_the_finders_unit(unit: UUID, found: bool) -> None:
    for role in FINDERS:
        assert (P.FINDER in parties(actor((role, unit)), row("draft"))) is found


# --- programs ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", list(Role))
def test_a_program_without_a_person_drafts_and_reports_and_no_more(role: Role) -> None:
    program = actor((role, GROUP), person=None, kind="api_key", account_id=None, api_key_id=uid(5), unit_id=SOURCE)
    expected = {P.FINDER} | ({P.INTEGRATION} if role is Role.INTEGRATION else set())
    expected = set() if role in ADMINISTRATORS else expected
    assert parties(program, row("rectifying")) == expected
    elsewhere = actor((role, GROUP), person=None, kind="api_key", account_id=None, api_key_id=uid(5), unit_id=OTHER)
    assert parties(elsewhere, row("rectifying")) == expected - {P.FINDER}


def test_a_program_mapped_to_a_person_plays_that_persons_parts() -> None:
    program = actor((Role.UNIT_HEAD, LEAD), kind="api_key", account_id=None, api_key_id=uid(5))
    assert parties(program, row("rectifying")) == {P.LEAD_UNIT, P.LEAD_UNIT_HEAD}


def test_the_worker_is_the_system_and_nothing_else() -> None:
    worker = actor((Role.SUPERVISION_OFFICE, GROUP), person=None, kind="system", account_id=None)
    assert parties(worker, row("public_notice")) == {P.SYSTEM}


# --- delegation --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.FIRST_RESPONSIBLE, Role.LEADER, Role.UNIT_HEAD, Role.LIAISON])
def test_a_lent_role_counts_like_ones_own(role: Role) -> None:
    own = parties(actor((role, BUREAU)), row("rectifying"))
    assert parties(actor(lent=[(role, BUREAU, uid(9))]), row("rectifying")) == own != set()


LENT: list[tuple[Action, State, Role]] = [
    (Action.ACKNOWLEDGE, State.ASSIGNED, Role.UNIT_HEAD),
    (Action.ACKNOWLEDGE, State.ASSIGNED, Role.LIAISON),
    (Action.REPORT_COMPLETION, State.RECTIFYING, Role.UNIT_HEAD),
    (Action.APPROVE_PLAN, State.PLAN_REVIEW, Role.LEADER),
    (Action.VOID, State.REGISTERED, Role.FIRST_RESPONSIBLE),
    (Action.RECLASSIFY, State.CLOSING, Role.FIRST_RESPONSIBLE),
    (Action.APPROVE_CLOSURE, State.CLOSING, Role.LEADER),
    (Action.REJECT_CLOSURE, State.CLOSING, Role.LEADER),
    (Action.REJECT_CLOSURE, State.CLOSING, Role.FIRST_RESPONSIBLE),
]


@pytest.mark.parametrize(("action", "state", "role"), LENT)
def test_whoever_acts_by_a_lent_role_acts_in_both_names(action: Action, state: State, role: Role) -> None:
    borrower = actor(lent=[(role, BUREAU, uid(9))])
    assert lent_by(borrower, action, row(state)) == uid(9)
    owner = actor((role, BUREAU), lent=[(role, BUREAU, uid(9))])
    assert lent_by(owner, action, row(state)) is None


@pytest.mark.parametrize(
    ("action", "state", "own", "lent"),
    [
        (Action.HAND_OVER, State.RECTIFYING, Role.SUPERVISION_OFFICE, Role.UNIT_HEAD),
        (Action.ACKNOWLEDGE, State.ASSIGNED, Role.LIAISON, Role.UNIT_HEAD),
        (Action.ACKNOWLEDGE, State.ASSIGNED, Role.UNIT_HEAD, Role.LIAISON),
        (Action.REOPEN, State.CLOSED, Role.SUPERVISION_OFFICE, Role.UNIT_HEAD),
        (Action.REOPEN, State.CLOSED, Role.SOURCE_OFFICE, Role.UNIT_HEAD),
    ],
)
def test_no_other_name_is_kept_where_ones_own_role_suffices(
    action: Action, state: State, own: Role, lent: Role
) -> None:
    both = actor((own, BUREAU), lent=[(lent, BUREAU, uid(9))])
    assert lent_by(both, action, row(state)) is None


def test_the_first_responsible_is_named_even_beside_an_office_of_ones_own() -> None:
    both = actor((Role.SUPERVISION_OFFICE, BUREAU), lent=[(Role.FIRST_RESPONSIBLE, BUREAU, uid(9))])
    assert lent_by(both, Action.RECLASSIFY, row("rectifying")) == uid(9)


# --- the chain of signatures -------------------------------------------------------------------------------------

CHAIN_ROLES = [Role.LEADER, Role.DISCIPLINE_OFFICE, Role.FIRST_RESPONSIBLE]


@pytest.mark.parametrize("step", [0, 1, 2])
@pytest.mark.parametrize("role", [*CHAIN_ROLES, Role.SUPERVISION_OFFICE, Role.UNIT_HEAD, Role.VERIFIER])
def test_while_closing_only_the_role_of_the_step_signs_and_any_of_the_chain_may_reject(role: Role, step: int) -> None:
    played = parties(actor((role, BUREAU)), row("closing", chain_step=step))
    assert (P.CHAIN_STEP in played) == (CHAIN_ROLES[step] is role)
    assert (P.CHAIN_MEMBER in played) == (role in CHAIN_ROLES)


def test_a_leader_over_the_lead_unit_alone_signs_while_an_office_there_does_not() -> None:
    item = row("closing", chain=["leader", "first_responsible"])
    assert P.CHAIN_STEP in parties(actor((Role.LEADER, LEAD)), item)
    assert not parties(actor((Role.FIRST_RESPONSIBLE, LEAD)), row("closing", chain_step=2))


GRANTED = st.lists(st.tuples(st.sampled_from(Role), st.sampled_from(sorted(ANCESTORS))), max_size=4)


@given(GRANTED, st.sampled_from(sorted(set(State) - {State.CLOSING})))
def test_several_roles_together_play_what_each_would_play_alone(grants: list[tuple[Role, UUID]], state: State) -> None:
    alone: set[Party] = set()
    for grant in grants:
        alone |= parties(actor(grant), row(state))
    administers = any(role in ADMINISTRATORS for role, _ in grants)
    assert parties(actor(*grants), row(state)) == (set() if administers else alone)


@pytest.mark.parametrize("role", sorted(ADMINISTRATORS))
def test_an_administrator_plays_no_part_whatever_else_was_granted_or_lent(role: Role) -> None:
    everything = [(one, BUREAU) for one in Role]
    assert parties(actor(*everything), row("rectifying")) == set()
    assert parties(actor((role, GROUP), lent=[(Role.FIRST_RESPONSIBLE, GROUP, uid(9))]), row("closing")) == set()


@given(GRANTED, st.sampled_from(State))
def test_a_grant_below_the_units_concerned_never_counts(grants: list[tuple[Role, UUID]], state: State) -> None:
    below = [(role, SECTION) for role, _ in grants]
    assert parties(actor(*below), row(state)) == set()


def test_every_party_of_the_table_can_be_played_by_somebody() -> None:
    playable = {party for _, played in ROLES.values() for party in played} | {P.FINDER, P.SYSTEM}
    assert {party for one in TABLE for party in one.by} <= playable


def test_roles_that_answer_to_no_unit_are_anchored_nowhere() -> None:
    for role in (Role.VIEWER, Role.AUDITOR, Role.ASSIGNEE, *ADMINISTRATORS):
        assert anchors(role, row()) == ()
