"""The list of items as they were: the same question and the same answer as the list of today, from the versions of then.

The rows that were in force stand where the list of today reads `item`, so filters and the JSON are the same texts.
Lists sorted by due date or change walk the versions along an index; those by registration or number walk today's items
along theirs and look up each one's version. What had no value to sort by is a walk of its own, in either direction.
"""

# ruff: noqa: S608 - SQL here is put together from constants of this module; values are always parameters
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from app.access.authenticate import ACTOR_CTE
from app.access.reach import READS_ALL
from app.access.scope import CTE, CTE_SEALED, Shape, predicate, then
from app.core.clock import beijing_date
from app.features.identify.listing import SORTS, Query, condition, rows_sql
from app.lifecycle.filters import filters_then
from app.lifecycle.light_sql import GREY_BY_STATE, light_sql, overdue_days_sql
from app.lifecycle.past import TITLE, UNMASKED, known
from app.lifecycle.summaries import summary

_AT: Final = "$6::timestamptz"
_DAY: Final = "$7::date"
_FIRST: Final = 8
_THEN: Final = then(_AT)
_SOURCE: Final = f"{known(_AT)} i"
_ALONG_ITEMS: Final = f"{known(_AT, along_items=True)} i"
_LIGHT: Final = light_sql(_DAY, GREY_BY_STATE)
_LATE: Final = overdue_days_sql(_DAY)
_FILTERS: Final = filters_then(_DAY, _AT, CTE_SEALED)
_SHOWN: Final = summary("CASE WHEN i.unmasked THEN nullif(i.title, '') END", _LIGHT, _LATE, "'[]'::json")


@dataclass(frozen=True, slots=True)
class Walk:
    """Columns to walk along, and what tells rows that have a value to sort by from those that have none."""

    column: str
    id: str
    having: str = "true"
    without: str = ""
    along_items: bool = False


_DUE_NONE: Final = f"'{SORTS['due_on'].literal}'"
_NUMBER_NONE: Final = f"'{SORTS['number'].literal}'"
# What was registered later is passed over by today's row alone, without looking for a version of then.
_REGISTERED: Final = f"i.registered_at IS NOT NULL AND i.walk_registered <= {_AT}"
_UNREGISTERED: Final = "i.registered_at IS NULL"
_NUMBERED: Final = f"{_REGISTERED} AND i.walk_number < {_NUMBER_NONE}"
WALKS: Final = {
    "due_on": Walk("due_sort", "id", f"i.due_sort < {_DUE_NONE}", f"i.due_sort = {_DUE_NONE}"),
    "updated_at": Walk("updated_at", "id"),
    "registered_at": Walk("walk_registered", "walk_id", _REGISTERED, _UNREGISTERED, along_items=True),
    "number": Walk("walk_number", "walk_id", _NUMBERED, _UNREGISTERED, along_items=True),
}


@lru_cache(maxsize=512)
def page_sql(shape: Shape, filters: tuple[str, ...], sort: str, keyset: str, *, total: bool) -> str:
    """The statement of one kind of page; `keyset` is one of what `keyset_of` gives, or `tail` and a direction.

    Parameters: $1..$4 the credential, $5 the limit, $6 the instant, $7 its Beijing day, then the filters, then the last
    row's sort value and id (in the tail its id alone).
    """
    walk, kind, none = WALKS[sort], SORTS[sort].kind, SORTS[sort].literal
    where = [predicate(shape, "i", CTE, _THEN), *([READS_ALL] if shape is Shape.WHOLE else [])]
    where += [condition(_FILTERS, name, _DAY).format(f"${_FIRST + position}") for position, name in enumerate(filters)]
    base = " AND ".join(where)
    last = _FIRST + len(filters)
    direction, sign = ("ASC", ">") if "asc" in keyset else ("DESC", "<")
    source = _SOURCE
    if keyset.startswith("tail"):
        where.append(walk.without)
        onward, order, value = f"i.id {sign} ${last}::uuid", f"i.id {direction}", f"'{none}'::{kind}"
    else:
        where.append(walk.having)
        source = _ALONG_ITEMS if walk.along_items else _SOURCE
        value = f"i.{walk.column}"
        onward = f"({value}, i.{walk.id}) {sign} (${last}::{kind}, ${last + 1}::uuid)"
        order = f"{value} {direction}, i.{walk.id} {direction}"
    where += [onward] * keyset.endswith("+")
    page = (
        f"page AS MATERIALIZED (SELECT i.*, {TITLE} AS title, {UNMASKED} AS unmasked, row_number() OVER () AS place"
        f" FROM (SELECT i.*, {value} AS sort FROM {source} WHERE {' AND '.join(where)} ORDER BY {order} LIMIT $5 + 1) i)"
    )
    counted = (
        f"(SELECT count(*)::int FROM (SELECT FROM {_SOURCE} WHERE {base} LIMIT 10001) c)" if total else "NULL::int"
    )
    return f"{ACTOR_CTE}, {page} {rows_sql(_SHOWN, '', f'{counted} AS total, clock_timestamp() AS db_now')}"


def arguments(query: Query, as_of: datetime, limit: int, *, tail: bool) -> Sequence[Any]:
    after = () if query.after is None else query.after[1:] if tail else query.after
    return (limit, as_of, beijing_date(as_of), *query.values, *after)


def keyset_of(query: Query) -> str:
    """Where to go on: first what has a value to sort by, then the tail of what has none."""
    in_tail = query.after is not None and bool(WALKS[query.sort].without) and query.after[0] == SORTS[query.sort].none
    direction = "desc" if query.descending else "asc"
    return f"{'tail ' if in_tail else ''}{direction}{'' if query.after is None else '+'}"


def tail_of(query: Query) -> str | None:
    """The keyset of the tail that follows the last row of what `keyset_of` walks, if any does."""
    if not WALKS[query.sort].without or keyset_of(query).startswith("tail"):
        return None
    return f"tail {'desc' if query.descending else 'asc'}"
