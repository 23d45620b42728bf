"""The statements figures are counted by: one source of items for now and for then, sets as filters of one pass.

Parameters are written `@name@` and numbered by `bind`, so that a statement carries no argument it does not use.
"""

# ruff: noqa: S608 - SQL here is put together from constants of this package; values are always parameters
from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

from app.access.reach import WALKER, may_pass
from app.access.scope import NOW, Known, Sealed, counted, counted_one, hidden, then
from app.lifecycle.filters import OF_THE_VERSION, filters_now, filters_then
from app.lifecycle.light_sql import GREY_BY_STATE, light_sql
from app.lifecycle.past import registered
from app.lifecycle.states import OPEN, State
from app.metrics.definitions import Grain, Metric, Part
from app.metrics.grouping import Grouping
from app.metrics.sets import BEIJING, Terms, closed, due_base
from app.tables.base import HALF

KNOWN: Final = Known("@reading@::uuid[]", "@offices@::uuid[]", "@desks@::uuid[]", "@persons@::uuid[]", "@person@::uuid")
SEALED: Final = Sealed("@roles@::text[]", "@units@::uuid[]", "@persons@::uuid[]", "@unsealed@::bool")
TERMS: Final = Terms("@day@::date", "@period@::date[]")
_AT: Final = "@at@::timestamptz"
_SINCE: Final = "@since@::timestamptz"
_PARAMETER: Final = re.compile(r"@(\w+)@")
_HALF: Final = f"{HALF} = (@half@::int = 1)"
MOST_CELLS: Final = 5000


def bind(text: str, values: Mapping[str, Any]) -> tuple[str, tuple[Any, ...]]:
    """The statement with numbered parameters, and their values in order."""
    names = list(dict.fromkeys(_PARAMETER.findall(text)))
    numbers = {name: f"${place}" for place, name in enumerate(names, start=1)}
    return _PARAMETER.sub(lambda found: numbers[found[1]], text), tuple(values[name] for name in names)


def _all(conditions: Iterable[str]) -> str:
    return " AND ".join(part for part in conditions if part != "true") or "true"


@dataclass(frozen=True, slots=True)
class Domain:
    """The items counted: today's or, where `past`, those known at an instant; seen by the caller and kept by filters.

    `masked` leaves those alone whose text the caller may not read today (`masked_then`: as they were themselves), `since` those
    written after an instant; `tested` tests scope a row at a time, and `half` is one of two halves of a past.
    """

    filters: tuple[str, ...]
    whole_tree: bool
    past: bool
    masked: bool = False
    since: bool = False
    masked_then: bool = False
    tested: bool = False
    half: bool = False

    @property
    def settled(self) -> bool:
        """Whether the figures of a moment rest on versions alone, so that nothing written later can change them.

        Scope does too: what it looks at besides, the ledger and the finder of an item, is never another.
        """
        return set(self.filters) <= OF_THE_VERSION

    def only_masked(self) -> Domain:
        return replace(self, masked=True)

    @property
    def source(self) -> str:
        if not self.past:
            return "item i"
        # Asked of today's row, so that nothing is looked up of what is not counted.
        only = [_HALF.format("t.id")] * self.half + [f"t.updated_at > {_SINCE}"] * self.since
        if self.masked and not self.masked_then:
            only.append(hidden("t", SEALED))
        if not self.since:
            only.append(counted("t", KNOWN, whole_tree=self.whole_tree, sides=then(_AT)))
        same = hidden("t", SEALED) if self.masked and self.masked_then else "true"
        return f"{registered(_AT, only=_all(only), same=same, fenced=not (self.whole_tree or self.since))} i"

    @property
    def where(self) -> str:
        sides = then(_AT) if self.past else NOW
        conditions = filters_then(TERMS.day, _AT, SEALED) if self.past else filters_now(TERMS.day, SEALED)
        # What a past looks up had been registered by then: asked again, it would be read from every version.
        parts = [] if self.past else ["i.registered_at IS NOT NULL"]
        if self.since or self.tested:
            parts.append(counted_one("i", KNOWN, whole_tree=self.whole_tree, sides=sides))
        elif not self.past:
            parts.append(counted("i", KNOWN, whole_tree=self.whole_tree))
        if self.since and not self.past:
            parts.append(f"i.updated_at > {_SINCE}")
        parts += [conditions[name].format(f"@f{place}@") for place, name in enumerate(self.filters)]
        if self.masked and self.masked_then:
            parts.append(hidden("i", SEALED))
        elif self.masked and not self.past:
            parts.append(f"i.id IN (SELECT h.id FROM item h WHERE {hidden('h', SEALED)})")
        return _all(parts)

    @property
    def shares(self) -> str:
        """The units that work on each item: found for all at once, but for those where there are few."""
        table, when = ("item_unit_span", then(_AT).when.format("s")) if self.past else ("item_unit", "")
        where = f"FROM {table} s WHERE s.part <> 'source'{when}"
        if self.since:
            return f"CROSS JOIN LATERAL (SELECT DISTINCT s.unit_id {where} AND s.item_id = i.id) share"
        half = f" AND {_HALF.format('s.item_id')}" * self.half
        return f"JOIN (SELECT DISTINCT s.item_id, s.unit_id {where}{half}) share ON share.item_id = i.id"


LIGHT: Final = light_sql(TERMS.day, GREY_BY_STATE)


@lru_cache(maxsize=256)
def columns(metrics: tuple[Metric, ...]) -> tuple[tuple[str, str], ...]:
    """Name and expression of everything counted: what it comes to, and where an item may count for more than one, items."""
    found: list[tuple[str, str]] = []
    for place, metric in enumerate(metrics):
        for part in Part:
            counting, name = metric.counting(part), f"{part[0]}{place}"
            if counting is None:
                continue
            of = counting.of(TERMS)
            if counting.value is None:
                condition = counting.column or of
            else:
                value = counting.column or counting.value(TERMS)
                found.append((name, f"coalesce(sum({value}) FILTER (WHERE {of}), 0)::bigint"))
                name, condition = f"{name}_items", f"({of}) AND {value} {counting.enough}"
            found.append((name, f"count(*) FILTER (WHERE {condition})"))
    return tuple(found)


def _by_key(
    domain: Domain, metrics: tuple[Metric, ...], by: tuple[Grouping, ...], counts: Mapping[str, str], value: str = ""
) -> str:
    """One row for each combination of keys `k0`, `k1` an item has, and of its `value`; without any one row.

    All metrics count shares or none does, because shares multiply the rows.
    """
    shares = any(metric.grain is Grain.UNIT_SHARE for metric in metrics)
    keys = [grouping.share if shares and grouping.share else grouping.key.format(light=LIGHT) for grouping in by]
    joins = [domain.shares] * shares + list(dict.fromkeys(metric.join(TERMS) for metric in metrics if metric.join))
    chosen = [f"{key} AS k{place}" for place, key in enumerate(keys)] + [f"{value} AS value"] * bool(value)
    grouped = f" GROUP BY {', '.join(str(place) for place in range(1, len(chosen) + 1))}" if chosen else ""
    chosen += [f"{expression} AS {name}" for name, expression in counts.items()]
    source = domain.source
    if shares and domain.half:
        # As they stand in the index of halves: units are then merged to them, and neither side is sorted or hashed.
        source = f"(SELECT i.* FROM {source} ORDER BY i.id OFFSET 0) i"
    return f"SELECT {', '.join(chosen)} FROM {source} {' '.join(joins)} WHERE {domain.where}{grouped}"


def _each(domain: Domain, by: tuple[Grouping, ...]) -> tuple[list[str], str]:
    """The keys an item counts under, from rows `c` of `_by_key`, and where they are found.

    What an item has several keys by is counted once by what gives them, and then added up to each: that are few rows.
    """
    keys = [grouping.each or f"c.k{place}" for place, grouping in enumerate(by)]
    joins = " ".join(grouping.join.format(f"c.k{place}") for place, grouping in enumerate(by) if grouping.join)
    within = [
        grouping.within[1].format(f"@f{domain.filters.index(grouping.within[0])}@")
        for grouping in by
        if grouping.within is not None and grouping.within[0] in domain.filters
    ]
    return keys, f"c {joins} WHERE {' AND '.join(within) or 'true'}"


def _grouped(by: tuple[Grouping, ...], inner: str, groups: str, whole: str) -> str:
    """Rows of each combination of keys, and one of all, whose `whole` is true; without keys that row alone."""
    if not by:
        return f"WITH c AS MATERIALIZED ({inner}) SELECT {whole}"
    nothing = ", ".join("NULL" for _ in by)
    return (
        f"WITH c AS MATERIALIZED ({inner}) ({groups} LIMIT {MOST_CELLS + 1}) UNION ALL SELECT true, {nothing}, {whole}"
    )


def _named(keys: Sequence[str]) -> str:
    return ", ".join(f"{key} AS k{place}" for place, key in enumerate(keys))


@lru_cache(maxsize=1024)
def cells_sql(domain: Domain, metrics: tuple[Metric, ...], by: tuple[Grouping, ...]) -> str:
    """One row for each combination of keys `k0`, `k1`, and one of all, whose `whole` is true; without keys that row alone."""
    counts = dict(columns(metrics))
    inner, (keys, rows) = _by_key(domain, metrics, by, counts), _each(domain, by)
    if not by:
        return inner
    sums = ", ".join(f"coalesce(sum({name}), 0)::bigint AS {name}" for name in counts)
    groups = f"SELECT false AS whole, {_named(keys)}, {sums} FROM {rows} GROUP BY {', '.join(keys)}"
    return _grouped(by, inner, groups, f"{sums} FROM c")


@lru_cache(maxsize=256)
def spreads_sql(domain: Domain, ranked: Metric, by: tuple[Grouping, ...]) -> str:
    """As `cells_sql`, with `spread`: how many of the items have each value, which adds up where their ranks do not."""
    counting = ranked.numerator
    given = counting.column or (counting.value or counting.of)(TERMS)
    value = f"CASE WHEN {counting.of(TERMS)} THEN {given} END"
    inner, (keys, rows) = _by_key(domain, (ranked,), by, {"n": "count(*)"}, value), _each(domain, by)
    spread = "coalesce(json_object_agg(s.value, s.n), '{}') AS spread"
    counted = "sum(c.n)::bigint AS n"
    each = f"SELECT {_named(keys)}, c.value, {counted} FROM {rows} AND c.value >= 0 GROUP BY {', '.join(keys)}, c.value"
    names = ", ".join(f"s.k{place}" for place in range(len(by)))
    groups = f"SELECT false AS whole, {names}, {spread} FROM ({each}) s GROUP BY {names}"
    all_ = f"SELECT c.value, {counted} FROM c WHERE c.value >= 0 GROUP BY c.value"
    return _grouped(by, inner, groups, f"{spread} FROM ({all_}) s")


@lru_cache(maxsize=1024)
def tiles_sql(domain: Domain, metrics: tuple[Metric, ...], by: tuple[Grouping, ...]) -> str:
    """Total and one table a key from one pass: counted by all keys together, then added up by each.

    `place` is the number of the key a row belongs to, and one more than the last for the total.
    """
    keys = [f"k{place}" for place in range(len(by))]
    inner = _by_key(domain, metrics, by, dict(columns(metrics)))
    names = [name for name, _ in columns(metrics)]
    place = "CASE " + " ".join(f"WHEN grouping({key}) = 0 THEN {place}" for place, key in enumerate(keys))
    sums = ", ".join(f"coalesce(sum({name}), 0)::bigint AS {name}" for name in names)
    key = f"coalesce({', '.join(f'{key}::text' for key in keys)})"
    sets = ", ".join(f"({key})" for key in keys)
    return (
        f"SELECT {place} ELSE {len(keys)} END AS place, {key} AS key, {sums} FROM ({inner}) c"
        f" GROUP BY GROUPING SETS ((), {sets})"
    )


def _month(instant: str) -> str:
    return f"to_char({instant} AT TIME ZONE {BEIJING}, 'YYYY-MM')"


_OF_MONTHS: Final = "i.id, i.version, i.state, i.cycle, i.registered_at, i.closed_at, i.updated_at"


@lru_cache(maxsize=256)
def months_sql(domain: Domain) -> str:
    """What was registered, closed and reopened in each month of the period: items, each once a month.

    The same sets as the metrics `registered_within`, `closed_within` and `reopened_within` of each month.
    """
    source, where, t = domain.source, domain.where, TERMS
    once = ""
    if domain.past:
        # To find what was known costs more than to keep it for four looks at it.
        once = f"WITH seen AS MATERIALIZED (SELECT {_OF_MONTHS} FROM {source} WHERE {where}) "
        source, where = "seen i", "true"
    base, is_closed = due_base(t), closed(t)
    cycles = (
        f"{source} JOIN item_cycle c ON c.item_id = i.id AND c.cycle < i.cycle WHERE {where} AND {base} AND i.cycle > 1"
    )
    within = f">= {t.start} AND {{0}} < {t.end}"
    began = (
        "(SELECT r.valid_from FROM item_version r WHERE r.item_id = i.id AND r.cycle > 1 AND r.cycle = c.cycle + 1"
        " AND r.version <= i.version ORDER BY r.version LIMIT 1)"
    )
    again = f"(SELECT i.id, {began} AS at FROM {cycles} AND i.updated_at >= {t.start}) o"
    same = f"({is_closed} AND {_month('i.closed_at')} = {_month('c.closed_at')})"
    registered = (
        f"SELECT 'registered' AS kind, {_month('i.registered_at')} AS month, count(*) AS items FROM {source}"
        f" WHERE {where} AND i.registered_at {within.format('i.registered_at')} GROUP BY 2"
    )
    closed_now = (
        f"SELECT 'closed', {_month('i.closed_at')}, count(*) FROM {source}"
        f" WHERE {where} AND {is_closed} AND i.closed_at {within.format('i.closed_at')} GROUP BY 2"
    )
    closed_before = (
        f"SELECT 'closed', {_month('c.closed_at')}, count(DISTINCT i.id) FROM {cycles}"
        f" AND NOT coalesce({same}, false) AND c.closed_at {within.format('c.closed_at')} GROUP BY 2"
    )
    reopened = (
        f"SELECT 'reopened', {_month('o.at')}, count(DISTINCT o.id) FROM {again}"
        f" WHERE o.at {within.format('o.at')} GROUP BY 2"
    )
    return f"{once}{registered} UNION ALL {closed_now} UNION ALL {closed_before} UNION ALL {reopened}"


_OF_OUTCOMES: Final = "o.item_id, o.kind, o.amount_fen, o.quantity"


@lru_cache(maxsize=256)
def outcomes_sql(domain: Domain) -> str:
    """What rectification has yielded, by kind: rows, sums, and the items they belong to."""
    seen = f"SELECT i.id FROM {domain.source} WHERE {domain.where} AND {due_base(TERMS)}"
    joined = f"SELECT {_OF_OUTCOMES} FROM seen JOIN {{}} o ON o.item_id = seen.id"
    rows = joined.format("outcome")
    if domain.past:
        # Joined one by one: the two together would be read whole for each of few items.
        known = f" WHERE o.created_at <= {_AT}"
        rows = f"{rows}{known} UNION ALL {joined.format('outcome_gone')}{known} AND o.gone_at > {_AT}"
    return (
        f"WITH seen AS MATERIALIZED ({seen})"
        f" SELECT o.kind, count(*) AS outcomes, coalesce(sum(o.amount_fen), 0)::bigint AS amount_fen,"
        f" coalesce(sum(o.quantity), 0)::bigint AS quantity, count(DISTINCT o.item_id) AS items FROM ({rows}) o GROUP BY 1"
    )


_IN_PROGRESS: Final = ", ".join(f"'{state}'" for state in sorted(OPEN - {State.SUSTAINING}))
_WALKER: Final = (
    f"WITH actor AS (SELECT {KNOWN.reading} AS reading, {KNOWN.offices} AS offices, {KNOWN.desks} AS desks,"
    f" {KNOWN.persons} AS persons), {WALKER} "
)


@lru_cache(maxsize=256)
def longest_overdue_sql(domain: Domain, overdue: Metric) -> str:
    """The ids of those that have been overdue the longest; what is overdue has a day that is due and is in progress."""
    condition = overdue.numerator.condition(TERMS)
    if domain.past:
        return (
            f"SELECT i.id FROM {domain.source} WHERE {domain.where} AND {condition} ORDER BY i.due_sort, i.id LIMIT 10"
        )
    # Along the index of each state, past what the caller does not see: only those that are overdue are looked at.
    met = "true" if domain.whole_tree else may_pass("i")
    along = (
        f"SELECT i.id, i.due_sort FROM item i WHERE i.state = s.state AND i.due_sort < {TERMS.day} AND {met}"
        f" AND {replace(domain, tested=True).where} AND {condition} ORDER BY i.due_sort, i.id LIMIT 10"
    )
    return (
        f"{'' if domain.whole_tree else _WALKER}SELECT l.id FROM unnest(ARRAY[{_IN_PROGRESS}]) AS s(state)"
        f" CROSS JOIN LATERAL ({along}) l ORDER BY l.due_sort, l.id LIMIT 10"
    )
