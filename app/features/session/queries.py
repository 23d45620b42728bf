"""Reading what concerns the caller, and the list of keys."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from app.access.actor import Actor
from app.access.permissions import Permission
from app.access.scope import Shape, visible_sql
from app.core import clock
from app.core.db import Database, Reader, Row
from app.core.errors import Problem
from app.core.keyset import Keyset
from app.core.paging import Cursor, PageQuery
from app.features.session import schemas

LOGIN: Final = """
SELECT a.id, a.epoch, a.password_hash, a.active AND p.active AS active
FROM account a JOIN person p ON p.id = a.person_id
WHERE a.username = $1
"""
OWN_LOGIN: Final = "SELECT username, password_hash FROM account WHERE id = $1"
MY_ACCOUNT: Final = "SELECT id, username, must_change_password, last_login_at FROM account WHERE id = $1"
MY_POSTS: Final = """
SELECT t.id, t.unit_id, u.name AS unit_name, t.title, t.is_primary FROM post t JOIN unit u ON u.id = t.unit_id
WHERE t.person_id = $1 AND t.starts_on <= $2 AND (t.ends_on IS NULL OR t.ends_on >= $2)
ORDER BY t.is_primary DESC, t.starts_on, t.id
"""
MY_DELEGATIONS: Final = """
SELECT d.id, d.principal_id, p.name AS principal_name, d.delegate_id, q.name AS delegate_name, d.roles, d.starts_on,
  d.ends_on
FROM delegation d JOIN person p ON p.id = d.principal_id JOIN person q ON q.id = d.delegate_id
WHERE $1 IN (d.principal_id, d.delegate_id) AND d.revoked_at IS NULL AND d.starts_on <= $2
  AND (d.ends_on IS NULL OR d.ends_on >= $2) ORDER BY d.id
"""
UNIT_NAMES: Final = "SELECT id, name FROM unit WHERE id = ANY($1::uuid[])"
WAITING: Final = """
SELECT i.state, count(DISTINCT i.id) AS waiting
FROM unnest($1::text[], $2::uuid[]) AS g(role, unit_id)
  JOIN unit u ON u.ancestors && ARRAY[g.unit_id]
  JOIN item_mover m ON m.role = g.role AND m.unit_id = u.id
  JOIN item i ON i.id = m.item_id
WHERE {visible}
GROUP BY i.state
"""
_KEY: Final = """k.id, k.name, k.hint, k.unit_id, k.person_id, k.scopes, k.expires_at, k.revoked_at, k.version,
  k.created_at, k.updated_at"""
KEY: Final = f"SELECT {_KEY} FROM api_key k WHERE k.id = $1"  # noqa: S608 - constants
KEYS: Final = Keyset(_KEY, "FROM api_key k WHERE ($1::bool OR k.person_id = $2::uuid)", ("k.id",), 2)


async def login(reader: Reader, username: str) -> Row | None:
    """What signing in compares; None for a name nobody has."""
    return await reader.fetchrow(LOGIN, username)


async def me(db: Database, actor: Actor, *, trial_mode: bool) -> schemas.Me:
    """All of it as of one moment."""
    today = clock.today()
    async with db.snapshot() as reader:
        account = await reader.fetchrow(MY_ACCOUNT, actor.account_id)
        posts = await reader.fetch(MY_POSTS, actor.person_id, today)
        delegations = await reader.fetch(MY_DELEGATIONS, actor.person_id, today)
        names = {row["id"]: row["name"] for row in await reader.fetch(UNIT_NAMES, [g.unit_id for g in actor.grants])}
        roles = [grant.role.value for grant in actor.grants]
        visible, args = visible_sql(actor, "i", 3, Shape.WHOLE if actor.whole_tree else Shape.MANY)
        waiting = await reader.fetch(
            WAITING.format(visible=visible), roles, [grant.unit_id for grant in actor.grants], *args
        )
    by_state = {row["state"]: row["waiting"] for row in waiting}
    body: dict[str, Any] = {
        "kind": actor.kind,
        "name": actor.name,
        "person": None if actor.person_id is None else {"id": actor.person_id, "name": actor.name},
        "account": None if account is None else dict(account),
        "posts": [dict(row) for row in posts],
        "roles": [{**grant._asdict(), "unit_name": names[grant.unit_id]} for grant in actor.grants],
        "delegations": [dict(row) for row in delegations],
        "scope": {"whole_tree": actor.whole_tree, "unit_ids": actor.reading_units},
        "permissions": sorted(actor.permissions),
        "waiting_by_state": by_state,
        "waiting_total": sum(by_state.values()),
        "trial_mode": trial_mode,
    }
    return schemas.Me.model_validate(body)


def may_see_key(actor: Actor, person_id: UUID | None) -> bool:
    """Everybody their own keys, who manages access all of them."""
    return actor.has(Permission.ACCESS_MANAGE) or (person_id is not None and person_id == actor.person_id)


async def api_key(reader: Reader, actor: Actor, key_id: UUID) -> schemas.ApiKey:
    """Raises not_found."""
    row = await reader.fetchrow(KEY, key_id)
    if row is None or not may_see_key(actor, row["person_id"]):
        raise Problem("not_found")
    return schemas.ApiKey.model_validate(dict(row))


async def api_keys(reader: Reader, actor: Actor, query: PageQuery, cursor: Cursor) -> schemas.ApiKeyPage:
    """Revoked and expired ones as well."""
    sheet = await KEYS.read(reader, (actor.has(Permission.ACCESS_MANAGE), actor.person_id), query, cursor)
    return schemas.ApiKeyPage.model_validate({"items": [dict(row) for row in sheet.rows], **sheet.envelope()})
