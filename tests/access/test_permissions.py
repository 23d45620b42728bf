"""The table of roles and permissions says what the rules say."""

from __future__ import annotations

import pytest

from app.access.permissions import (
    ADMINISTRATORS,
    BASE,
    FINDER_ROLES,
    GRANTS,
    KEY_SCOPES,
    LENDABLE,
    OFFICE_ROLES,
    READING_ROLES,
    Permission,
    Role,
)
from app.tables.organisation import ROLES

P = Permission
MOVING = {P.ITEM_ACT, P.GATE_JUDGE, P.APPROVAL_SIGN, P.DECISION_RECORD, P.OBJECTION_WRITE}
WRITING = MOVING | {P.ITEM_DRAFT, P.PLAN_WRITE, P.PROGRESS_WRITE, P.EVIDENCE_WRITE}


def test_the_table_and_the_column_know_the_same_roles() -> None:
    assert {role.value for role in Role} == set(ROLES) == {role.value for role in GRANTS}


def test_every_permission_is_given_to_somebody() -> None:
    assert BASE.union(*GRANTS.values()) == set(Permission)


@pytest.mark.parametrize("role", sorted(ADMINISTRATORS))
def test_administrators_neither_read_nor_move_items(role: Role) -> None:
    assert not GRANTS[role] & (WRITING | {P.ITEM_READ, P.RESTRICTED_READ, P.EVENT_READ})


def test_the_three_powers_of_administration_lie_apart() -> None:
    holders = {
        P.ORGANISATION_MANAGE: {Role.SYSTEM_ADMIN},
        P.ACCESS_MANAGE: {Role.SECURITY_ADMIN},
        P.DICTIONARY_MANAGE: {Role.SYSTEM_ADMIN},
        P.TRAIL_READ: {Role.AUDIT_ADMIN, Role.AUDITOR},
    }
    for permission, expected in holders.items():
        assert {role for role, held in GRANTS.items() if permission in held} == expected


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.VIEWER])
def test_those_who_only_look_write_nothing(role: Role) -> None:
    assert not GRANTS[role] & WRITING


def test_a_program_never_moves_an_item() -> None:
    assert not GRANTS[Role.INTEGRATION] & MOVING
    assert P.RESTRICTED_READ not in GRANTS[Role.INTEGRATION]


def test_no_key_can_be_given_administration() -> None:
    assert not KEY_SCOPES & {P.ACCESS_MANAGE, P.ORGANISATION_MANAGE, P.DELEGATION_WRITE}


def test_restricted_text_is_read_by_the_roles_the_rules_name() -> None:
    assert {role for role, held in GRANTS.items() if P.RESTRICTED_READ in held} == {
        Role.FIRST_RESPONSIBLE,
        Role.LEADER,
        Role.UNIT_HEAD,
        Role.LIAISON,
        Role.DISCIPLINE_OFFICE,
        Role.SOURCE_OFFICE,
        Role.AUDITOR,
    }


def test_only_leading_roles_are_lent() -> None:
    assert not LENDABLE & ADMINISTRATORS
    assert {Role.FIRST_RESPONSIBLE, Role.LEADER, Role.UNIT_HEAD, Role.LIAISON} == LENDABLE


def test_sets_of_roles_fit_together() -> None:
    assert set(Role) - ADMINISTRATORS == READING_ROLES
    assert OFFICE_ROLES < READING_ROLES
    assert FINDER_ROLES < READING_ROLES
    assert all(P.ITEM_DRAFT in GRANTS[role] for role in FINDER_ROLES)


def test_names_are_there_in_both_languages() -> None:
    for member in (*Role, *Permission):
        assert member.label.zh
        assert member.label.en
