"""The list of items: one statement per page, put together from constants and kept for each set of filters in use.

PostgreSQL makes the JSON of the page, so a page of fifty costs one row to decode. Its rows are found along an index of
their order, which says of each row enough to pass over most of what is not wanted; whatever is left is looked at and
tested. Where the caller sees little, or one of the filters keeps little, the page is chosen from all of that instead.
"""

# ruff: noqa: S608 - SQL here is put together from constants of this module; values are always parameters
from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from math import sqrt
from typing import Any, Final, NamedTuple
from uuid import UUID

from app.access.memory import CALLER_CTE, OWN
from app.access.reach import REACHING, READS_ALL, WALKERS_OWN, WALKING, may_pass
from app.access.scope import CTE_SEALED, Shape, predicate, restricted_predicate, sources
from app.core.paging import MAX_LIMIT, TOTAL_CAP
from app.lifecycle.derived import NO_NUMBER
from app.lifecycle.filters import WORDS, filters_now, finders_now
from app.lifecycle.light_sql import LIGHT_SQL, OVERDUE_DAYS_SQL
from app.lifecycle.movers_sql import MOVING
from app.lifecycle.summaries import PAGE_COLUMNS, SHOWN, summary
from app.metrics.drill import set_condition
from app.tables.item import FAR, FAR_INSTANT

UNMASKED: Final = restricted_predicate("i", CTE_SEALED)
_DAY: Final = "$4::date"
# Where words come first they were looked up before; where they do not, the words themselves are tested of each row.
FILTERS: Final = filters_now(_DAY, CTE_SEALED) | {"q": f"({{0}}::text IS NOT NULL AND {UNMASKED})"}
FINDERS: Final = finders_now(CTE_SEALED)
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


_SUMMARY: Final = summary(f"CASE WHEN {UNMASKED} THEN nullif(i.title, '') END", LIGHT_SQL, OVERDUE_DAYS_SQL, "0")
TO_COME: Final = b'"next_movers":0'
"""Stands in each row for those whose key is in the column `movers`: no text can hold it, whose quotes would be escaped."""


def rows_sql(joins: str, more: str, limit: str, movers: str = "NULL::text[]") -> str:
    """The JSON of what the CTE `page` holds; `joins` end with that of `summary`, `more` are columns.

    As bytes: they go out as they come, and reading them as text first costs the service more than all else it does here.
    """
    return f"""
SELECT (SELECT count(*) FROM page)::int AS found, page_rows.body, page_rows.movers,
  last.sort AS last_sort, last.id AS last_id, {more}
FROM actor
LEFT JOIN LATERAL (SELECT convert_to(coalesce(json_agg({SHOWN} ORDER BY i.place), '[]')::text, 'UTF8') AS body, {movers} AS movers
  FROM page i {joins} WHERE i.place <= {limit}) page_rows ON true
LEFT JOIN LATERAL (SELECT i.sort, i.id FROM page i WHERE i.place = {limit}) last ON true
"""


_LIMIT: Final = f"${WALKERS_OWN}::int"
_FIRST: Final = WALKERS_OWN + 1
_KEYS: Final = "array_agg(coalesce(mv.key, '') ORDER BY i.place)"


class Way(NamedTuple):
    """How a page comes to its rows: how far the caller sees, and which filter is asked first.

    `states` are walked side by side, each along an index of its own; `first` names a filter that keeps little, or is BESIDE:
    what says the words is found first and then looked for along the walk.
    """

    shape: Shape
    states: int = 0
    first: str = ""


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

    def finding(self, share: float) -> tuple[str, list[Any]] | None:
        """The statement that names the filter to ask first, and its own arguments, for whoever sees a `share` of all."""
        names = tuple(name for name in FINDERS if name in self.filters)
        if not names:
            return None
        given = dict(zip(self.filters, self.values, strict=True))
        values = [given["q_exact" if name == "q" else name] for name in names]
        return first_sql(names), [*values, *(borders(share) if "q" in names else ())]

    def way(self, shape: Shape, first: str, share: float = 1) -> Way:
        if shape is Shape.FEW:
            return Way(shape)
        if first == "q" and share <= _GATHERED_UP_TO:
            return Way(shape, first=GATHERED)
        states = len(self.values[self.filters.index(_STATE)]) if _STATE in self.filters else 0
        apart = first in {"", BESIDE} and self.sort in _BY_STATE and states <= _APART
        return Way(shape, states if apart else 0, first)


_WORTH_READING: Final = 8
"""Times the root of the number of items: so much costs as much to read as a walk does that meets one of it so seldom."""
_ELSEWHERE: Final = 4
"""Times more for units and people, who may be others than the caller's own: a walk to what both concern can be long."""
BESIDE: Final = "q beside"
GATHERED: Final = "q gathered"
"""Words asked first by whoever sees little: what is not seen is left out before an item is read, most of which are others'."""
_GATHERED_UP_TO: Final = 0.1


def borders(share: float) -> tuple[float, float]:
    """Up to how many roots of the number of items words may be said to be asked first, and to be found beside the walk.

    Where n of all N say them, n items cost 8 µs each to read and 4 to find; to fifty of them that are the caller's a walk passes
    50 N / (n share) rows in 0.18 µs each. So both ways cost the same where n is 1.5 √(N / share), or, where
    all that is seen is gathered before (0.45 µs each) and nothing else is read, 0.02 √N / share². A look into each text on the
    way takes 5 µs, and is the cheapest beyond about the same n for everybody.
    """
    gathered = 0.02 / share**2 if share <= _GATHERED_UP_TO else 0
    return min(20, max(1.5 / sqrt(share), gathered)), 10 if share == 1 else 16


_PAGES: Final = 256
"""Pages of texts, some two thousand items and always the same ones, by which is judged how often words are said. Counting
what says frequent words costs fifty times as much wherever it stops: the index has all of them before it gives the first."""


@lru_cache(maxsize=512)
def first_sql(names: tuple[str, ...]) -> str:
    """Which of these filters keeps little, or BESIDE, or nothing; parameters: those of CALLER_CTE, then their values.

    Behind these the two `borders`, if words are among them.
    """
    values = {name: f"${place}" for place, name in enumerate(names, OWN)}
    seldom, beside = (_SAID_UP_TO.format(f"${OWN + len(names) + place}::float8") for place in range(2))
    little = " ".join(
        f"WHEN {seldom if name == 'q' else _keeps_little(name, value)} THEN '{name}'" for name, value in values.items()
    )
    often, otherwise = "", "''"
    if "q" in names:
        often = f", often AS MATERIALIZED ({_OFTEN.format(WORDS.format(values['q']))})"
        otherwise = f"CASE WHEN {beside} THEN '{BESIDE}' ELSE '' END"
    return f"""{CALLER_CTE}, enough AS MATERIALIZED (
  SELECT ({_WORTH_READING} * sqrt(greatest(reltuples, 1)))::bigint AS items,
    greatest(pg_relation_size('item_search') / current_setting('block_size')::float8 / {_PAGES}, 1) AS share
  FROM pg_class WHERE oid = 'item'::regclass){often}
SELECT CASE {little} ELSE {otherwise} END AS first FROM actor, enough"""


# In `share` times as many items words are said as many times as often; both sides are divided by that.
_OFTEN: Final = """SELECT count(*) FILTER (WHERE {}) / sqrt(greatest(count(*), 1) / enough.share) AS times
  FROM enough, item_search s TABLESAMPLE SYSTEM (100 / (SELECT share FROM enough)) REPEATABLE (0) GROUP BY enough.share"""
"""How often words are said, in roots of the number of items; no row where nothing is written yet."""


_SAID_UP_TO: Final = "coalesce((SELECT times FROM often), 0) <= {}"


def _keeps_little(name: str, value: str) -> str:
    most = "items" if name == "waiting_for" else f"{_ELSEWHERE} * items"
    return f"(SELECT count(*) FROM ({FINDERS[name].format(value)} LIMIT (SELECT {most} + 1 FROM enough)) c) <= {most}"


def _finder(name: str, filters: tuple[str, ...]) -> str:
    values = [_parameter(filters, part) for part in ((name, "q_exact") if name == "q" else (name,))]
    return FINDERS[name].format(*values)


_STATE: Final = "state"
_BY_STATE: Final = frozenset({"due_on", "updated_at"})
"""Sorts with an index behind the state."""
_APART: Final = 4
_ALL: Final = 2**31
"""A limit beyond all tables: what is planned with one may begin with a row instead of sorting everything."""
_SEEN: Final = " UNION ".join(sources(WALKING))
_SEEN_AMONG: Final = f"({{}} IN (SELECT unnest(ARRAY({' UNION ALL '.join(sources(WALKING))})))) IS TRUE"
"""All that the caller sees as one table of hashes, looked at for each of very many rows: a tenth of a test of the row itself.
The array lets PostgreSQL expect it to be small enough for one."""
_VISIBLE: Final = {
    Shape.WHOLE: predicate(Shape.WHOLE, "i", WALKING),
    Shape.FEW: predicate(Shape.WHOLE, "i", WALKING),
    Shape.WALK: predicate(Shape.WALK, "i", WALKING),
}
"""What is tested of a row that was found: where only what the caller sees is looked at, others' drafts are still among it."""
_STARTS: Final = {Shape.WHOLE: READS_ALL, Shape.FEW: f"w.id = ANY(ARRAY({_SEEN}))", Shape.WALK: may_pass("w")}
_FEWER: Final = {Shape.WHOLE: READS_ALL, Shape.FEW: f"i.id = ANY(ARRAY({_SEEN}))", Shape.WALK: may_pass("i")}
"""The same where no index is walked: a count reads rows anyway."""


@lru_cache(maxsize=512)
def page_sql(way: Way, filters: tuple[str, ...], sort: str, keyset: str, *, total: bool) -> str:
    """The statement of one kind of page; `keyset` is asc, desc or tail, followed by `+` when it goes on from a row.

    The walk ends at the largest page there is, which the planner can count on before it knows the limit: else it would make
    a plan for each request, for as long again as the page takes. So it also walks, whatever it believes of the tables.

    Parameters: those of CALLER_CTE and REACHING, the limit, then the filters, then the last row's sort value and id.
    """
    direction = "ASC" if keyset.startswith("asc") else "DESC"
    page = (
        f"page AS MATERIALIZED (SELECT {PAGE_COLUMNS} i.sort, row_number() OVER () AS place FROM (SELECT i.*, w.sort "
        f"FROM ({_walked(way, filters, sort, keyset)}) w {_tested(way, filters)} "
        f"ORDER BY w.sort {direction}, w.id {direction} LIMIT {MAX_LIMIT + 1}) i LIMIT {_LIMIT} + 1)"
    )
    counted = f"(SELECT count(*)::int FROM ({_every(way, filters)}) c)" if total else "NULL::int"
    rows = rows_sql(f"LEFT JOIN moving mv ON mv.item_id = i.id {_SUMMARY}", f"{counted} AS total", _LIMIT, _KEYS)
    said = f"said AS MATERIALIZED ({_finder('q', filters)}), " if way.first == BESIDE else ""
    return f"{CALLER_CTE}, {REACHING}, {said}{page}, {MOVING} {rows}"


def _parameter(filters: tuple[str, ...], name: str) -> str:
    return f"${_FIRST + filters.index(name)}"


def _in_states(filters: tuple[str, ...]) -> str:
    return f"w.state = ANY({_parameter(filters, _STATE)}::text[])" if _STATE in filters else "true"


def _every(way: Way, filters: tuple[str, ...]) -> str:
    """A row for each item of the whole list, up to the cap, in no order.

    Where nothing but the caller's reach keeps it short, what is not seen is passed over along an index.
    """
    if way.shape is Shape.WALK and not way.first and "q" not in filters:
        walk = f"SELECT w.id FROM item w WHERE {_SEEN_AMONG.format('w.id')} AND {_in_states(filters)} OFFSET 0"
        return f"SELECT FROM ({walk}) w {_tested(way._replace(shape=Shape.FEW), filters)} LIMIT {TOTAL_CAP + 1}"
    where = [condition(FILTERS, name, _DAY).format(_parameter(filters, name)) for name in filters if name != "q_exact"]
    if "q" in filters and way.shape is not Shape.FEW:
        return _every_with_words(way, filters, where)
    where += [_VISIBLE[way.shape], _FEWER[way.shape]]
    for name in sorted({way.first, "q"} & {*filters}):
        where.append(f"i.id = ANY(ARRAY({_finder(name, filters)}))")
    return f"SELECT FROM item i WHERE {' AND '.join(where)} LIMIT {TOTAL_CAP + 1}"


def _every_with_words(way: Way, filters: tuple[str, ...], where: list[str]) -> str:
    """From what says the words, as it lies in the table, past what is not seen to the rows themselves, up to the cap."""
    seen = READS_ALL if way.shape is Shape.WHOLE else _SEEN_AMONG.format("s.item_id")
    if way.first in filters and way.first != "q":
        where = [*where, f"i.id = ANY(ARRAY({_finder(way.first, filters)}))"]
    tested = f"SELECT FROM item i WHERE i.id = s.item_id AND {' AND '.join([_VISIBLE[Shape.FEW], *where])} OFFSET 0"
    return (
        f"SELECT FROM ({_finder('q', filters)} OFFSET 0) s CROSS JOIN LATERAL ({tested}) i"
        f" WHERE {seen} LIMIT {TOTAL_CAP + 1}"
    )


def _tested(way: Way, filters: tuple[str, ...]) -> str:
    """The join to the rows themselves, with all that only they can answer."""
    done = {_STATE, "q_exact"}
    where = [_VISIBLE[way.shape]]
    where += [condition(FILTERS, name, _DAY).format(_parameter(filters, name)) for name in filters if name not in done]
    words = ""
    if "q" in filters and way.first not in {"q", BESIDE, GATHERED}:
        said = WORDS.format(_parameter(filters, "q_exact"))
        words = f"CROSS JOIN LATERAL (SELECT FROM item_search s WHERE s.item_id = w.id AND {said} OFFSET 0) s "
    return f"{words}CROSS JOIN LATERAL (SELECT i.* FROM item i WHERE i.id = w.id AND {' AND '.join(where)} OFFSET 0) i"


def _walked(way: Way, filters: tuple[str, ...], sort: str, keyset: str) -> str:
    """Ids in order, each with its sort value: of all rows that may be wanted, as far as an index can tell."""
    order = SORTS[sort]
    first = _FIRST + len(filters)
    direction, sign = ("ASC", ">") if keyset.startswith("asc") else ("DESC", "<")
    where = [_STARTS[way.shape]]
    if way.first == BESIDE:
        # Not as a join, which would be planned without a walk: each row is looked for in a table of hashes, made once.
        where.append("(w.id IN (SELECT item_id FROM said)) IS TRUE")
    elif way.first == GATHERED:
        seen = f"SELECT s.item_id FROM ({_finder('q', filters)} OFFSET 0) s WHERE {_SEEN_AMONG.format('s.item_id')}"
        where.append(f"w.id = ANY(ARRAY({seen}))")
    elif way.first:
        where.append(f"w.id = ANY(ARRAY({_finder(way.first, filters)}))")
    if keyset.endswith("+"):
        # As sub-selects, which tell the planner nothing: near the end of a list it would else make a plan for each page.
        where.append(f"(w.{order.column}, w.id) {sign} ((SELECT ${first}::{order.kind}), (SELECT ${first + 1}::uuid))")
    if not keyset.startswith("asc") and order.none is not None:
        operator = "=" if keyset.startswith("tail") else "<"
        where.append(f"w.{order.column} {operator} '{order.literal}'::{order.kind}")
    each = [f"w.state = ({_parameter(filters, _STATE)}::text[])[{place}]" for place in range(1, way.states + 1)]
    each = each or [_in_states(filters)]
    ordered = f"ORDER BY sort {direction}, id {direction} LIMIT {_ALL}"
    walks = " UNION ALL ".join(
        f"(SELECT w.id, w.{order.column} AS sort FROM item w WHERE {' AND '.join([*where, one])} {ordered})"
        for one in each
    )
    return f"SELECT id, sort FROM ({walks}) walks {ordered}" if way.states > 1 else walks


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
