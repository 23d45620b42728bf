"""Reading accounts, roles and delegations."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from app.access.actor import Actor
from app.access.permissions import Permission
from app.core.db import Reader
from app.core.errors import Problem
from app.core.keyset import Keyset
from app.core.paging import Cursor, PageQuery
from app.features.authority import schemas

ACCOUNT: Final = """
SELECT id, person_id, username, active, must_change_password, last_login_at, version, created_at, updated_at
FROM account WHERE person_id = $1
"""
PERSON: Final = "SELECT id FROM person WHERE id = $1"

_GRANT: Final = """g.id, g.person_id, g.role, g.unit_id, u.name AS unit_name, g.starts_on, g.ends_on, g.revoked_at,
  g.version, g.created_at, g.updated_at"""
_GRANT_FROM: Final = "FROM role_grant g JOIN unit u ON u.id = g.unit_id"
GRANT: Final = f"SELECT {_GRANT} {_GRANT_FROM} WHERE g.person_id = $1 AND g.id = $2"
GRANTS: Final = Keyset(_GRANT, f"{_GRANT_FROM} WHERE g.person_id = $1", ("g.id",), 1)

_DELEGATION: Final = """d.id, d.principal_id, p.name AS principal_name, d.delegate_id, q.name AS delegate_name, d.roles,
  d.reason, d.starts_on, d.ends_on, d.revoked_at, d.version, d.created_at, d.updated_at"""
# $1 is the caller where only own delegations may be read, and null for the security administrator.
_DELEGATION_FROM: Final = """FROM delegation d
  JOIN person p ON p.id = d.principal_id JOIN person q ON q.id = d.delegate_id
  WHERE ($1::uuid IS NULL OR $1 IN (d.principal_id, d.delegate_id))"""
DELEGATION: Final = f"SELECT {_DELEGATION} {_DELEGATION_FROM} AND d.id = $2"
DELEGATIONS: Final = Keyset(
    _DELEGATION,
    f"{_DELEGATION_FROM} AND ($2::uuid IS NULL OR $2 IN (d.principal_id, d.delegate_id))",
    ("d.id",),
    2,
)


async def account(reader: Reader, person_id: UUID) -> schemas.Account:
    """Raises not_found where the person has none."""
    row = await reader.fetchrow(ACCOUNT, person_id)
    if row is None:
        raise Problem("not_found")
    return schemas.Account.model_validate(dict(row))


async def grant(reader: Reader, person_id: UUID, grant_id: UUID) -> schemas.RoleGrant:
    """Raises not_found."""
    row = await reader.fetchrow(GRANT, person_id, grant_id)
    if row is None:
        raise Problem("not_found")
    return schemas.RoleGrant.model_validate(dict(row))


async def grants(reader: Reader, person_id: UUID, query: PageQuery, cursor: Cursor) -> schemas.RoleGrantPage:
    """Raises not_found for an unknown person."""
    if await reader.fetchval(PERSON, person_id) is None:
        raise Problem("not_found")
    sheet = await GRANTS.read(reader, (person_id,), query, cursor)
    return schemas.RoleGrantPage.model_validate({"items": [dict(row) for row in sheet.rows], **sheet.envelope()})


def concerned(actor: Actor) -> UUID | None:
    """Whose delegations the caller sees: everybody's (None), or only those with the caller as a party."""
    if actor.has(Permission.ACCESS_MANAGE):
        return None
    if actor.person_id is None:
        raise Problem("forbidden")
    return actor.person_id


async def delegation(reader: Reader, actor: Actor, delegation_id: UUID) -> schemas.Delegation:
    """Raises not_found, also for those of other people."""
    row = await reader.fetchrow(DELEGATION, concerned(actor), delegation_id)
    if row is None:
        raise Problem("not_found")
    return schemas.Delegation.model_validate(dict(row))


async def delegations(
    reader: Reader, actor: Actor, query: schemas.DelegationQuery, cursor: Cursor
) -> schemas.DelegationPage:
    """In the order of entry."""
    sheet = await DELEGATIONS.read(reader, (concerned(actor), query.person_id), query, cursor)
    return schemas.DelegationPage.model_validate({"items": [dict(row) for row in sheet.rows], **sheet.envelope()})
