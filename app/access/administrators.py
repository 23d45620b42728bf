"""The three administrators: three persons who do nothing else, and never none of a kind."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from app.access.permissions import ADMINISTRATORS, Role
from app.core import clock
from app.core.db import Tx
from app.core.errors import Problem

# All who change who is an administrator queue here: two at once could each leave the other as the last.
_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended('rectify.administrators', 0))"
_IN_OFFICE: Final = """
SELECT g.role, bool_or(g.person_id <> $1) AS others, bool_or(g.person_id = $1) AS this_one
FROM role_grant g JOIN person p ON p.id = g.person_id JOIN account a ON a.person_id = p.id
WHERE g.role = ANY($2::text[]) AND g.revoked_at IS NULL AND g.starts_on <= $3 AND (g.ends_on IS NULL OR g.ends_on >= $3)
  AND p.active AND a.active
GROUP BY g.role
"""
_OTHER_OFFICES: Final = """
SELECT count(*) FROM role_grant
WHERE person_id = $1 AND role <> $2 AND ($3::bool OR role = ANY($4::text[])) AND revoked_at IS NULL
  AND (ends_on IS NULL OR ends_on >= $5)
"""
_LENT: Final = """
SELECT count(*) FROM delegation WHERE delegate_id = $1 AND revoked_at IS NULL AND (ends_on IS NULL OR ends_on >= $2)
"""


async def lock(tx: Tx) -> None:
    """Taken before any change that can make or unmake an administrator."""
    await tx.execute(_LOCK)


async def keep_one(tx: Tx, person_id: UUID) -> None:
    """Raises last_administrator when nobody else could do what that person does as an administrator today."""
    rows = await tx.fetch(_IN_OFFICE, person_id, sorted(ADMINISTRATORS), clock.today())
    if any(row["this_one"] and not row["others"] for row in rows):
        raise Problem("last_administrator")


async def in_office(tx: Tx, role: str) -> bool:
    """Whether somebody who can sign in holds that administrator's role today."""
    return role in ADMINISTRATORS and bool(await tx.fetch(_IN_OFFICE, None, [role], clock.today()))


async def keep_apart(tx: Tx, person_id: UUID, role: Role) -> None:
    """Raises administrators_must_differ for an administrator who has or would have any other role, now or later.

    Whoever says who may do what must not be able to do it: what such a person granted themselves would count for nothing.
    """
    becoming = role in ADMINISTRATORS
    held = await tx.fetchval(_OTHER_OFFICES, person_id, role, becoming, sorted(ADMINISTRATORS), clock.today())
    if held or (becoming and await tx.fetchval(_LENT, person_id, clock.today())):
        raise Problem("administrators_must_differ")


async def keep_out(tx: Tx, delegate_id: UUID) -> None:
    """Raises administrators_must_differ where an administrator would be lent somebody's role."""
    if await tx.fetchval(_OTHER_OFFICES, delegate_id, "", False, sorted(ADMINISTRATORS), clock.today()):  # noqa: FBT003
        raise Problem("administrators_must_differ")
