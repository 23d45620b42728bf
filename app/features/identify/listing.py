"""The list of items: one statement per page, put together from constants and kept for each set of filters in use.

PostgreSQL makes the JSON of the page, so a page of fifty costs one row to decode. The caller's reach decides how the
planner starts; the reach last seen is tried first and checked against what the statement itself says of the caller.
"""

# ruff: noqa: S608 - SQL here is put together from constants of this module; values are always parameters
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from app.access.authenticate import ACTOR_COLUMNS, ACTOR_CTE
from app.access.scope import CTE, CTE_SEALED, Shape, predicate, restricted_predicate
from app.core.paging import MAX_LIMIT
from app.lifecycle.derived import NO_NUMBER
from app.lifecycle.filters import filters_now
from app.lifecycle.light_sql import LIGHT_SQL, OVERDUE_DAYS_SQL
from app.lifecycle.movers_sql import moving_sql
from app.lifecycle.summaries import PAGE_COLUMNS, summary
from app.metrics.drill import set_condition
from app.tables.item import FAR, FAR_INSTANT

UNMASKED: Final = restricted_predicate("i", CTE_SEALED)
_DAY: Final = "$4::date"
FILTERS: Final = filters_now(_DAY, CTE_SEALED)
SET: Final = "set "
"""Begins the name of a filter that keeps what a figure counted."""


def condition(filters: Mapping[str, str], name: str, day: str) -> str:
    """The condition of a filter, with {0} for its value."""
    return set_condition(name.removeprefix(SET), day) if name.startswith(SET) else filters[name]


@dataclass(frozen=True, slots=True)
class Sort:
    """A sort column, its type, and the stored value that means "none": such rows come last in either direction.

    `literal` is that value in SQL.
    """

    column: str
    kind: str
    none: str | date | datetime | None = None
    literal: str = ""


SORTS: Final = {
    "due_on": Sort("due_sort", "date", FAR, FAR.isoformat()),
    "updated_at": Sort("updated_at", "timestamptz"),
    "registered_at": Sort("registered_sort", "timestamptz", FAR_INSTANT, FAR_INSTANT.isoformat()),
    "number": Sort("number_sort", "text", NO_NUMBER, NO_NUMBER),
}


_SUMMARY: Final = summary(
    f"CASE WHEN {UNMASKED} THEN nullif(i.title, '') END", LIGHT_SQL, OVERDUE_DAYS_SQL, "coalesce(mv.list, '[]')"
)
_MOVING: Final = moving_sql("$4::date")


def rows_sql(shown: str, joins: str, more: str) -> str:
    """The caller and the JSON of what the CTE `page` holds, `shown` a row; `joins` is what that needs, `more` columns.

    As bytes: they go out as they come, and reading them as text first costs the service more than all else it does here.
    """
    return f"""
SELECT {ACTOR_COLUMNS}, (SELECT count(*) FROM page)::int AS found, page_rows.body,
  last.sort AS last_sort, last.id AS last_id, {more}
FROM actor
LEFT JOIN LATERAL (SELECT convert_to(coalesce(json_agg({shown} ORDER BY i.place), '[]')::text, 'UTF8') AS body FROM page i {joins}
  WHERE i.place <= $5) page_rows ON true
LEFT JOIN LATERAL (SELECT i.sort, i.id FROM page i WHERE i.place = $5) last ON true
"""


@dataclass(frozen=True, slots=True)
class Query:
    """A page wanted: filters by name, in a fixed order, with their values beside them."""

    filters: tuple[str, ...]
    values: tuple[Any, ...]
    sort: str
    descending: bool
    limit: int
    after: tuple[Any, UUID] | None
    total: bool


@lru_cache(maxsize=512)
def page_sql(shape: Shape, filters: tuple[str, ...], sort: str, keyset: str, *, total: bool) -> str:
    """The statement of one kind of page; `keyset` is asc, desc or tail, followed by `+` when it goes on from a row.

    The walk ends at the largest page there is, which the planner can count on before it knows $5: else it would make a
    plan for each request, for as long again as the page takes.

    Parameters: $1..$4 the credential, $5 the limit, then the filters, then the last row's sort value and id.
    """
    order = SORTS[sort]
    where = [predicate(shape, "i", CTE)]
    where += [condition(FILTERS, name, _DAY).format(f"${6 + position}") for position, name in enumerate(filters)]
    base = " AND ".join(where)
    first = 6 + len(filters)
    direction = "ASC" if keyset.startswith("asc") else "DESC"
    sign = ">" if direction == "ASC" else "<"
    if keyset.endswith("+"):
        where.append(f"(i.{order.column}, i.id) {sign} (${first}::{order.kind}, ${first + 1}::uuid)")
    if not keyset.startswith("asc") and order.none is not None:
        operator = "=" if keyset.startswith("tail") else "<"
        where.append(f"i.{order.column} {operator} '{order.literal}'::{order.kind}")
    page = (
        f"page AS MATERIALIZED (SELECT {PAGE_COLUMNS} i.sort, row_number() OVER () AS place FROM (SELECT i.*, "
        f"i.{order.column} AS sort FROM item i WHERE {' AND '.join(where)} "
        f"ORDER BY i.{order.column} {direction}, i.id {direction} LIMIT {MAX_LIMIT + 1}) i LIMIT $5 + 1)"
    )
    counted = f"(SELECT count(*)::int FROM (SELECT FROM item i WHERE {base} LIMIT 10001) c)" if total else "NULL::int"
    rows = rows_sql(_SUMMARY, "LEFT JOIN moving mv ON mv.item_id = i.id", f"{counted} AS total")
    return f"{ACTOR_CTE}, {page}, {_MOVING} {rows}"


def arguments(query: Query, limit: int) -> Sequence[Any]:
    after = () if query.after is None else query.after
    return (limit, *query.values, *after)


def keyset_of(query: Query) -> str:
    """Where to go on: descending lists give rows with a value first and the rows without one as a tail of their own."""
    order = SORTS[query.sort]
    onward = "" if query.after is None else "+"
    if not query.descending:
        return f"asc{onward}"
    in_tail = query.after is not None and order.none is not None and query.after[0] == order.none
    return f"{'tail' if in_tail else 'desc'}{onward}"


def tail_follows(query: Query) -> bool:
    """Whether rows without a value come after the last row of what `keyset_of` walks."""
    return SORTS[query.sort].none is not None and keyset_of(query).startswith("desc")
