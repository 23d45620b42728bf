"""The list of items as they were: the same question and the same answer as the list of today, from the versions of then.

The rows that were in force stand where the list of today reads `item`, so filters and the JSON are the same texts.
Lists sorted by due date or change walk the versions along an index; those by registration or number walk today's items
along theirs and look up each one's version. What had no value to sort by is a walk of its own, in either direction.
Whoever sees little gets the page from all of that instead. Open states, which old items have left, are looked for among
those of today's items that may have been in them.
"""

# ruff: noqa: S608 - SQL here is put together from constants of this module; values are always parameters
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from functools import lru_cache
from typing import Any, Final, NamedTuple

from app.access.memory import CALLER_CTE, OWN
from app.access.reach import READS_ALL
from app.access.scope import CTE, CTE_SEALED, Shape, predicate, sources, then
from app.core.clock import beijing_date
from app.features.identify.listing import SORTS, Query, condition, rows_sql
from app.lifecycle.filters import filters_then
from app.lifecycle.light_sql import GREY_BY_STATE, light_sql, overdue_days_sql
from app.lifecycle.past import TITLE, UNMASKED, known, latest
from app.lifecycle.states import OPEN, State
from app.lifecycle.summaries import summary

_LIMIT: Final = f"${OWN}::int"
_AT: Final = f"${OWN + 1}::timestamptz"
_DAY: Final = f"${OWN + 2}::date"
_FIRST: Final = OWN + 3
_THEN: Final = then(_AT)
_LIGHT: Final = light_sql(_DAY, GREY_BY_STATE)
_LATE: Final = overdue_days_sql(_DAY)
_FILTERS: Final = filters_then(_DAY, _AT, CTE_SEALED)
_SHOWN: Final = summary("CASE WHEN i.unmasked THEN nullif(i.title, '') END", _LIGHT, _LATE, "'[]'::json")


@dataclass(frozen=True, slots=True)
class Walk:
    """The table `w` whose index gives an order, by a column and the item's id; `only` is what is wanted of it.

    `sort` is the value where no table is walked; `having` and `without` tell the rows of a list that have one from those
    that have none.
    """

    table: str
    column: str
    id: str
    sort: str
    only: str = "true"
    having: str = "true"
    without: str = ""


_DUE: Final = (f"i.due_sort < '{SORTS['due_on'].literal}'", f"i.due_sort = '{SORTS['due_on'].literal}'")
_REGISTERED: Final = ("i.registered_at IS NOT NULL", "i.registered_at IS NULL")
_BY_THEN: Final = f"w.registered_sort <= {_AT}"
_NUMBERED: Final = f"{_BY_THEN} AND w.number_sort < '{SORTS['number'].literal}'"
WALKS: Final = {
    "due_on": Walk("item_version", "due_sort", "item_id", "v.due_sort", _DUE[0].replace("i.", "w."), *_DUE),
    "updated_at": Walk("item_version", "valid_from", "item_id", "v.valid_from"),
    "registered_at": Walk("item", "registered_sort", "id", "t.registered_sort", _BY_THEN, *_REGISTERED),
    "number": Walk("item", "number_sort", "id", "t.number_sort", _NUMBERED, *_REGISTERED),
}
_ALL: Final = 2**31
"""A limit beyond all tables: what is planned with one may begin with a row instead of sorting everything."""
_ITEM: Final = "LEFT JOIN item t ON t.id = v.item_id"
_VERSION: Final = "SELECT o.* FROM item_version o WHERE o.item_id = w.item_id AND o.valid_from = w.valid_from LIMIT 1"
_NOT_DUE_YET: Final = frozenset({State.REGISTERED, State.ASSIGNED, State.PLANNING, State.PLAN_REVIEW})


class Asked(Enum):
    """What the states asked for say about the way to them."""

    ANY = "items may be found anywhere in the order"
    OPEN = "all are states that an item is registered in and leaves again"
    FEW = "nearly all that comes first in the order has left them"


def asked_for(query: Query, shape: Shape) -> Asked:
    """By due date, what is late comes first, and for whoever sees everything a page of that is near."""
    states = _states(query)
    if not states or not states <= OPEN:
        return Asked.ANY
    late = shape is Shape.WHOLE and not states <= _NOT_DUE_YET
    first = query.sort == "updated_at" or (query.sort == "due_on" and not late)
    return Asked.FEW if first and not query.descending else Asked.OPEN


def _states(query: Query) -> set[str]:
    return set(query.values[query.filters.index("state")]) if "state" in query.filters else set()


class Found(NamedTuple):
    """Versions `v` and their items `t`, in the order of the expressions `sort` and `id`."""

    source: str
    sort: str
    id: str = "v.item_id"


def _along_versions(where: str, order: str) -> str:
    in_force = f"w.valid_from <= {_AT} AND w.valid_to > {_AT}"
    return f"(SELECT w.* FROM item_version w WHERE {in_force} AND {where} ORDER BY {order} LIMIT {_ALL}) v {_ITEM}"


def _along_days(where: str, order: str, states: str) -> str:
    """Latest due first would pass all that later months wrote, had the index no way to jump over it, a day at a time.

    Of the versions that keep an item's due date, the last that had begun is looked at if it is in the `states` asked for,
    all else in the index alone.
    """
    # In the order of days and no more: else the index of days and items, which cannot jump, would seem to save a sort.
    begun = (
        f"SELECT w.due_sort, w.item_id, w.valid_from, w.state FROM item_version w WHERE w.valid_from <= {_AT} AND {where}"
        f" ORDER BY {order.partition(',')[0]} LIMIT {_ALL}"
    )
    last = f"SELECT DISTINCT ON (w.due_sort, w.item_id) w.* FROM ({begun}) w ORDER BY {order}, w.valid_from DESC LIMIT {_ALL}"
    in_state = f" CROSS JOIN LATERAL (SELECT WHERE w.state = ANY({states}::text[]) OFFSET 0) in_state" if states else ""
    return f"({last}) w{in_state} CROSS JOIN LATERAL ({_VERSION}) v {_ITEM}"


def _along_items(column: str, where: str, order: str, states: str) -> str:
    """What was registered later is passed over in the index alone, and other `states` than those asked for nearly so."""
    there = f"{where} ORDER BY {order} LIMIT {_ALL}"
    state = f"(SELECT o.state FROM {latest(_AT, 'w.id')} o) = ANY({states}::text[])"
    in_state = f" CROSS JOIN LATERAL (SELECT WHERE {state} OFFSET 0) in_state" if states else ""
    return (
        f"(SELECT w.id, w.{column} FROM item w WHERE {there}) w{in_state}"
        f" CROSS JOIN LATERAL {latest(_AT, 'w.id')} v JOIN item t ON t.id = w.id"
    )


def _maybe(states: str) -> str:
    """Whether today's `item w` may have been in one of these open `states`: it still is, or it was written since."""
    return f"{_BY_THEN} AND (w.updated_at > {_AT} OR w.state = ANY({states}::text[]))"


_GATHERED: Final = {
    "updated_at": "SELECT b.item_id, b.valid_from FROM ({began}) b",
    "due_on": "SELECT b.item_id, b.valid_from, d.due_sort FROM ({began}) b CROSS JOIN LATERAL (SELECT d.due_sort"
    " FROM item_version d WHERE d.item_id = b.item_id AND d.valid_from = b.valid_from LIMIT 1) d",
}


def _gathered(sort: str, where: str, order: str, states: str) -> str:
    """All that was in open `states`, from today's items: what a walk meets first has long left these states."""
    maybe = f"SELECT w.id FROM item w WHERE {_maybe(states)} OFFSET 0"
    began = (
        f"SELECT m.id AS item_id, o.valid_from FROM ({maybe}) m CROSS JOIN LATERAL {latest(_AT, 'm.id')} o"
        f" WHERE o.state = ANY({states}::text[]) OFFSET 0"
    )
    there = f"SELECT w.* FROM ({_GATHERED[sort].format(began=began)}) w WHERE {where} ORDER BY {order} LIMIT {_ALL}"
    return f"({there}) w CROSS JOIN LATERAL ({_VERSION}) v {_ITEM}"


def _walked(filters: tuple[str, ...], sort: str, keyset: str, asked: Asked) -> Found:
    walk, kind, none = WALKS[sort], SORTS[sort].kind, SORTS[sort].literal
    states = f"${_FIRST + filters.index('state')}" if "state" in filters else ""
    if asked is not Asked.ANY and sort == "registered_at":
        walk = replace(walk, only=_maybe(states))
    direction, sign = ("ASC", ">") if "asc" in keyset else ("DESC", "<")
    onward, last = keyset.endswith("+"), _FIRST + len(filters)
    if keyset.startswith("tail"):
        where = walk.without.replace("i.", "w.") + f" AND w.item_id {sign} ${last}::uuid" * onward
        order = f"w.item_id {direction}"
        source = _gathered(sort, where, order, states) if asked is Asked.FEW else _along_versions(where, order)
        return Found(source, f"'{none}'::{kind}")
    where = walk.only + f" AND (w.{walk.column}, w.{walk.id}) {sign} (${last}::{kind}, ${last + 1}::uuid)" * onward
    order = f"w.{walk.column} {direction}, w.{walk.id} {direction}"
    if walk.table == "item":
        return Found(_along_items(walk.column, where, order, states), f"w.{walk.column}", "w.id")
    if asked is Asked.FEW:
        return Found(_gathered(sort, where, order, states), f"w.{walk.column}", "w.item_id")
    if sort == "due_on" and (direction == "DESC" or states):
        return Found(_along_days(where, order, states), "w.due_sort", "w.item_id")
    return Found(_along_versions(where, order), f"v.{walk.column}")


_SEEN: Final = f"""unnest(ARRAY({" UNION ".join(sources(CTE, _THEN))})) AS w(id)
  CROSS JOIN LATERAL {latest(_AT, "w.id")} v {_ITEM}"""


def _from_seen(filters: tuple[str, ...], sort: str, keyset: str) -> tuple[Found, list[str]]:
    """All that the caller sees, and what leaves out of it what was given already."""
    kind, last = SORTS[sort].kind, _FIRST + len(filters)
    sign = ">" if "asc" in keyset else "<"
    if keyset.startswith("tail"):
        onward = [f"i.walk_id {sign} ${last}::uuid"] * keyset.endswith("+")
        return Found(_SEEN, f"'{SORTS[sort].literal}'::{kind}"), onward
    onward = [f"(i.sort, i.walk_id) {sign} (${last}::{kind}, ${last + 1}::uuid)"] * keyset.endswith("+")
    return Found(_SEEN, WALKS[sort].sort), onward


def _listed(shape: Shape, filters: tuple[str, ...], tests: Sequence[str], sort: str, keyset: str, asked: Asked) -> str:
    """Rows of then in order, as many as the page has and one more.

    What is tested of a row stands beside it, where it is asked of one row and not prepared for all of them.
    """
    walk, direction = WALKS[sort], "ASC" if "asc" in keyset else "DESC"
    if shape is Shape.FEW:
        found, more = _from_seen(filters, sort, keyset)
    else:
        found, more = _walked(filters, sort, keyset, asked), []
    tail = keyset.startswith("tail")
    visible = predicate(Shape.WHOLE if shape is Shape.FEW else shape, "i", CTE, _THEN)
    where = " AND ".join([walk.without if tail else walk.having, *more, *tests, visible])
    rows = known(_AT, found.source, f", {found.sort} AS sort, {found.id} AS walk_id")
    order = f"i.walk_id {direction}" if tail else f"i.sort {direction}, i.walk_id {direction}"
    return (
        f"SELECT i.* FROM {rows} i CROSS JOIN LATERAL (SELECT WHERE {where} OFFSET 0) tested"
        f" WHERE {READS_ALL if shape is Shape.WHOLE else 'true'} ORDER BY {order} LIMIT {_LIMIT} + 1"
    )


@lru_cache(maxsize=512)
def page_sql(
    shape: Shape, filters: tuple[str, ...], sort: str, keyset: str, *, total: bool, asked: Asked = Asked.ANY
) -> str:
    """The statement of one kind of page; `keyset` is one of what `keyset_of` gives, or `tail` and a direction.

    Parameters: those of CALLER_CTE, the limit, the instant, its Beijing day, then the filters, then the last row's sort
    value and id (in the tail its id alone).
    """
    tests = [condition(_FILTERS, name, _DAY).format(f"${_FIRST + position}") for position, name in enumerate(filters)]
    listed = _listed(shape, filters, tests, sort, keyset, asked)
    page = (
        f"page AS MATERIALIZED (SELECT i.*, {TITLE} AS title, {UNMASKED} AS unmasked, row_number() OVER () AS place"
        f" FROM ({listed}) i)"
    )
    tests += [predicate(shape, "i", CTE, _THEN), *([READS_ALL] if shape is Shape.WHOLE else [])]
    every = f"SELECT FROM {known(_AT)} i WHERE {' AND '.join(tests)} LIMIT 10001"
    counted = f"(SELECT count(*)::int FROM ({every}) c)" if total else "NULL::int"
    return f"{CALLER_CTE}, {page} {rows_sql(_SHOWN, f'{counted} AS total, clock_timestamp() AS db_now', _LIMIT)}"


def arguments(query: Query, as_of: datetime, limit: int, *, tail: bool) -> Sequence[Any]:
    after = () if query.after is None else query.after[1:] if tail else query.after
    return (limit, as_of, beijing_date(as_of), *query.values, *after)


def keyset_of(query: Query) -> str:
    """Where to go on: first what has a value to sort by, then the tail of what has none."""
    in_tail = query.after is not None and bool(WALKS[query.sort].without) and query.after[0] == SORTS[query.sort].none
    direction = "desc" if query.descending else "asc"
    return f"{'tail ' if in_tail else ''}{direction}{'' if query.after is None else '+'}"


def tail_of(query: Query) -> str | None:
    """The keyset of the tail that follows the last row of what `keyset_of` walks, if any does.

    What is open is registered: by registration or number nothing is left without a value, and looking for it takes long.
    """
    registered = WALKS[query.sort].table == "item" and bool(_states(query)) and _states(query) <= OPEN
    if not WALKS[query.sort].without or registered or keyset_of(query).startswith("tail"):
        return None
    return f"tail {'desc' if query.descending else 'asc'}"
