"""Reading one item as it was: who may see it is decided by whom it concerned then and by what the caller may see today."""

# ruff: noqa: S608 - SQL here is put together from constants; values are always parameters
from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from app.access.authenticate import ACTOR_COLUMNS, ACTOR_CTE, actor_from_row, credential_of
from app.access.guarding import require
from app.access.permissions import Permission
from app.access.scope import JOINED, Shape, item_in_scope, predicate, then
from app.core.asof import require_settled
from app.core.db import Database
from app.core.errors import Problem
from app.core.http import Request
from app.lifecycle.past import TITLE, UNMASKED, known
from app.lifecycle.retold import item_then
from app.lifecycle.schemas import ItemOut

_AT: Final = "$6::timestamptz"
FIND: Final = f"""{ACTOR_CTE}
SELECT {ACTOR_COLUMNS}, clock_timestamp() AS db_now, i.id, i.version, {TITLE} AS title, {UNMASKED} AS unmasked
FROM actor LEFT JOIN {known(_AT)} i ON i.id = $5::uuid AND {predicate(Shape.MANY, "i", JOINED, then(_AT))}
"""
OLDER: Final = """
SELECT EXISTS (SELECT FROM item WHERE id = $1 AND created_at <= $2)
  AND NOT EXISTS (SELECT FROM item_version WHERE item_id = $1 AND valid_from <= $2)
"""


async def one(request: Request, db: Database, item_id: UUID | None, as_of: datetime) -> ItemOut:
    """401, then 404 for what did not exist then or was out of scope, 403, and 422 for a moment that cannot be asked for."""
    row = await db.fetchrow(FIND, *credential_of(request), item_id, as_of)
    actor = actor_from_row(row, request.scope["rectify.language"])
    if row is None or item_id is None:
        raise Problem("not_found")
    if row["id"] is None and not (await db.fetchval(OLDER, item_id, as_of) and await item_in_scope(db, actor, item_id)):
        raise Problem("not_found")
    require(actor, Permission.ITEM_READ)
    require_settled(as_of, row["db_now"])
    if row["id"] is None:  # there already, but older than the first version kept of it
        raise Problem("as_of_not_kept")
    async with db.snapshot() as reader:
        return await item_then(reader, dict(row), as_of)
