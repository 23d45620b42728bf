"""Reading ledgers, policies and dictionaries. They hold no item, so every person of the organisation may read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar
from uuid import UUID

from app.core.db import Reader, Row
from app.core.errors import Problem
from app.core.models import Out
from app.core.paging import TOTAL_CAP, Cursor, PageOf, PageQuery, relation
from app.features.ledgers import schemas
from app.features.ledgers.rules import TOUCHED_BY_POLICY, WITH_OPEN_SUBMISSION

P = TypeVar("P", bound=PageOf[Any])

_LEDGER: Final = """
SELECT id, code, name, description, unit_id, status, starts_on, ends_on, policy_version, version, created_at, updated_at
"""
_LEDGERS_FROM: Final = """
FROM ledger WHERE ($1::text IS NULL OR name ILIKE $1 OR code ILIKE $1)
  AND ($2::text IS NULL OR status = $2) AND ($3::uuid IS NULL OR unit_id = $3)
"""
LEDGER_BY_ID: Final = _LEDGER + "FROM ledger WHERE id = $1"
LEDGERS: Final = f"""
{_LEDGER} {_LEDGERS_FROM} AND ($4::timestamptz IS NULL OR (created_at, id) < ($4, $5::uuid))
ORDER BY created_at DESC, id DESC LIMIT $6
"""
LEDGERS_TOTAL: Final = f"SELECT count(*) FROM (SELECT {_LEDGERS_FROM} LIMIT $4) counted"  # noqa: S608 - constants

_POLICY: Final = "SELECT ledger_id, policy_version, rules, reason, created_by, created_at FROM ledger_policy"
POLICY: Final = _POLICY + " WHERE ledger_id = $1 AND policy_version = $2"
POLICIES: Final = f"""
{_POLICY} WHERE ledger_id = $1 AND ($2::int IS NULL OR policy_version < $2) ORDER BY policy_version DESC LIMIT $3
"""
POLICIES_TOTAL: Final = """
SELECT count(*) FROM (SELECT FROM ledger_policy WHERE ledger_id = $1 LIMIT $2) counted
"""
COUNT_OPEN: Final = """
SELECT count(*) FILTER (WHERE state = ANY($2::text[])) AS touched,
  count(*) FILTER (WHERE state = ANY($3::text[])) AS kept
FROM item WHERE ledger_id = $1 AND state = ANY($2::text[] || $3::text[])
"""

_CATEGORY: Final = """
SELECT id, parent_id, code, name_zh, name_en, active, sort_order, version, created_at, updated_at
"""
_CATEGORIES_FROM: Final = """
FROM category WHERE ($1::uuid IS NULL OR parent_id = $1) AND (NOT $2::bool OR parent_id IS NULL)
  AND ($3::bool IS NULL OR active = $3)
  AND ($4::text IS NULL OR name_zh ILIKE $4 OR name_en ILIKE $4 OR code ILIKE $4)
"""
CATEGORY_BY_ID: Final = _CATEGORY + "FROM category WHERE id = $1"
CATEGORIES: Final = f"""
{_CATEGORY} {_CATEGORIES_FROM} AND ($5::int IS NULL OR (sort_order, code) > ($5, $6::text))
ORDER BY sort_order, code LIMIT $7
"""
CATEGORIES_TOTAL: Final = f"SELECT count(*) FROM (SELECT {_CATEGORIES_FROM} LIMIT $5) counted"  # noqa: S608 - constants

_SOURCE_TYPE: Final = """
code, schema_version, name_zh, name_en, json_schema, required, sealed, external, active, created_at
FROM source_type
"""
_NEWEST_SOURCE_TYPES: Final = f"(SELECT DISTINCT ON (code) {_SOURCE_TYPE} ORDER BY code, schema_version DESC) newest"
NEWEST_SOURCE_TYPE: Final = f"SELECT {_SOURCE_TYPE} WHERE code = $1 ORDER BY schema_version DESC LIMIT 1"
SOURCE_TYPE_VERSION: Final = f"SELECT {_SOURCE_TYPE} WHERE code = $1 AND schema_version = $2"
SOURCE_TYPES: Final = f"""
SELECT * FROM {_NEWEST_SOURCE_TYPES} WHERE ($1::bool IS NULL OR active = $1) AND ($2::text IS NULL OR code > $2)
ORDER BY code LIMIT $3
"""  # noqa: S608 - constants
SOURCE_TYPES_TOTAL: Final = f"""
SELECT count(*) FROM (SELECT FROM {_NEWEST_SOURCE_TYPES} WHERE ($1::bool IS NULL OR active = $1) LIMIT $2) counted
"""  # noqa: S608 - constants


@dataclass(frozen=True, slots=True)
class _List(Generic[P]):
    """One list: its rows after a position, its capped count, and the columns that make up a position."""

    rows: str
    total: str
    item: type[Out]
    page: type[P]
    keys: tuple[str, ...]


_LEDGERS: Final = _List(LEDGERS, LEDGERS_TOTAL, schemas.Ledger, schemas.LedgerPage, ("created_at", "id"))
_POLICIES: Final = _List(POLICIES, POLICIES_TOTAL, schemas.Policy, schemas.PolicyPage, ("policy_version",))
_CATEGORIES: Final = _List(CATEGORIES, CATEGORIES_TOTAL, schemas.Category, schemas.CategoryPage, ("sort_order", "code"))
_SOURCE_TYPES: Final = _List(SOURCE_TYPES, SOURCE_TYPES_TOTAL, schemas.SourceType, schemas.SourceTypePage, ("code",))


async def ledger(reader: Reader, ledger_id: UUID) -> schemas.Ledger:
    """Raises not_found."""
    return schemas.Ledger.model_validate(_found(await reader.fetchrow(LEDGER_BY_ID, ledger_id)))


async def ledgers(reader: Reader, query: schemas.LedgerQuery, cursor: Cursor) -> schemas.LedgerPage:
    """Newest first."""
    conditions = (containing(query.q), query.status, query.unit_id)
    return await _page(reader, _LEDGERS, query, cursor, conditions)


async def policy(reader: Reader, ledger_id: UUID, policy_version: int) -> schemas.Policy:
    """Raises not_found."""
    return schemas.Policy.model_validate(_found(await reader.fetchrow(POLICY, ledger_id, policy_version)))


async def policies(reader: Reader, ledger_id: UUID, query: PageQuery, cursor: Cursor) -> schemas.PolicyPage:
    """Newest first; every version that was ever in force is there. Raises not_found for the ledger."""
    _found(await reader.fetchrow(LEDGER_BY_ID, ledger_id))
    return await _page(reader, _POLICIES, query, cursor, (ledger_id,))


async def category(reader: Reader, category_id: UUID) -> schemas.Category:
    """Raises not_found."""
    return schemas.Category.model_validate(_found(await reader.fetchrow(CATEGORY_BY_ID, category_id)))


async def categories(reader: Reader, query: schemas.CategoryQuery, cursor: Cursor) -> schemas.CategoryPage:
    """In the order people arranged them; `parent_id` makes the tree."""
    top = query.parent_id == "none"
    conditions = (None if top else query.parent_id, top, query.active, containing(query.q))
    return await _page(reader, _CATEGORIES, query, cursor, conditions)


async def source_type(reader: Reader, code: str, schema_version: int | None) -> schemas.SourceType:
    """The newest version unless one is named; raises not_found."""
    if schema_version is None:
        row = await reader.fetchrow(NEWEST_SOURCE_TYPE, code)
    else:
        row = await reader.fetchrow(SOURCE_TYPE_VERSION, code, schema_version)
    return schemas.SourceType.model_validate(_found(row))


async def source_types(reader: Reader, query: schemas.SourceTypeQuery, cursor: Cursor) -> schemas.SourceTypePage:
    """The newest version of each, by code."""
    return await _page(reader, _SOURCE_TYPES, query, cursor, (query.active,))


async def open_items(reader: Reader, ledger_id: UUID) -> tuple[int, int]:
    """How many open items a new policy would apply to, and how many submissions keep the one they pinned."""
    row = _found(await reader.fetchrow(COUNT_OPEN, ledger_id, sorted(TOUCHED_BY_POLICY), sorted(WITH_OPEN_SUBMISSION)))
    return row["touched"], row["kept"]


def containing(words: str | None) -> str | None:
    """The LIKE pattern for a part of a text, its own wildcards taken literally."""
    if words is None:
        return None
    literal = words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{literal}%"


async def _page(reader: Reader, listed: _List[P], query: PageQuery, cursor: Cursor, conditions: Sequence[Any]) -> P:
    after = cursor.decode(query.cursor) if query.cursor else (None,) * len(listed.keys)
    rows = await reader.fetch(listed.rows, *conditions, *after, query.limit + 1)
    total = await reader.fetchval(listed.total, *conditions, TOTAL_CAP + 1) if query.include == "total" else None
    more = len(rows) > query.limit
    return listed.page(
        items=[listed.item.model_validate(dict(row)) for row in rows[: query.limit]],
        next_cursor=cursor.encode([rows[query.limit - 1][key] for key in listed.keys]) if more else None,
        total=None if total is None else min(total, TOTAL_CAP),
        total_relation=None if total is None else relation(total),
    )


def _found(row: Row | None) -> dict[str, Any]:
    if row is None:
        raise Problem("not_found")
    return dict(row)
