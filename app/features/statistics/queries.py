"""Statistics: any metrics, at any moment, over any items, by any keys; and their course over months."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Final

from app.core import clock
from app.core.db import Database, Reader
from app.core.errors import Fault, Problem, Text
from app.features.statistics import schemas
from app.features.statistics.figures import NOTHING, Frame, Row, figures
from app.features.statistics.fresh import Fresh
from app.features.statistics.names import names_of
from app.features.statistics.schemas import Label
from app.features.statistics.viewpoint import HALVES, Viewpoint, moment, month_of, remembered
from app.metrics.definitions import BY_CODE, Grain, Metric
from app.metrics.drill import Period, month_days, narrowed
from app.metrics.grouping import GROUPINGS, By, Grouping
from app.metrics.statement import MOST_CELLS, Domain, bind, cells_sql, columns

Keys = tuple[str | None, ...]
_BACKWARDS: Final = Text("period_from 不得晚于 period_to", "period_from must not be later than period_to")
_HALF: Final = Text("期间须同时给出首日和末日", "A period has a first and a last day")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be counted, in the order asked for."""

    metrics: tuple[Metric, ...]
    by: tuple[By, ...]
    period: Period | None

    @property
    def groupings(self) -> tuple[Grouping, ...]:
        return tuple(GROUPINGS[by] for by in self.by)


@dataclass(slots=True)
class Counted:
    """Rows by their keys, for each of the asked metrics alone; without keys there is one row."""

    as_of: datetime
    period: Period
    totals: dict[str, Row] = field(default_factory=dict)
    groups: dict[str, dict[Keys, Row]] = field(default_factory=dict)
    names: list[dict[str | None, Label]] = field(default_factory=list)


def asked(query: schemas.StatisticsQuery) -> Asked:
    """Raises validation_failed for half a period or one that ends before it begins."""
    by = tuple(By(key) for key in query.group_by.split(",")) if query.group_by else ()
    first, last = query.period_from, query.period_to
    if (first is None) != (last is None):
        missing = "period_to" if last is None else "period_from"
        raise Problem("validation_failed", faults=[Fault("missing", _HALF, parameter=f"query.{missing}")])
    if first is not None and last is not None and first > last:
        raise Problem("validation_failed", faults=[Fault("out_of_order", _BACKWARDS, parameter="query.period_from")])
    period = None if first is None or last is None else (first, last)
    return Asked(named_metrics(query.metric), by, period)


def named_metrics(codes: str) -> tuple[Metric, ...]:
    return tuple(BY_CODE[code] for code in codes.split(","))


def _passes(metrics: Sequence[Metric]) -> list[tuple[Metric, ...]]:
    """Shares multiply the rows they are counted from, and ranks do not add up, so each are counted apart."""
    kinds: dict[tuple[bool, bool], list[Metric]] = {}
    for metric in metrics:
        kinds.setdefault((metric.grain is Grain.UNIT_SHARE, metric.ranked), []).append(metric)
    return [tuple(each) for each in kinds.values()]


async def count(reader: Reader, view: Viewpoint, domain: Domain, ask: Asked, as_of: datetime, half: int = 0) -> Counted:
    """Raises too_many_groups."""
    period = ask.period or month_of(as_of)
    values = {**view.at(as_of, period), "half": half}
    found = Counted(as_of, period)
    for metrics in _passes(ask.metrics):
        # Where nothing has two keys, the groups come to the total, and a past need not be gone through twice.
        parted = bool(ask.by) and not any(grouping.join for grouping in ask.groupings) and not metrics[0].ranked
        rows: list[Row] = await _cells(reader, cells_sql(domain, metrics, ask.groupings), values) if ask.by else []
        if parted:
            total: Row = {name: sum(row[name] for row in rows) for name, _ in columns(metrics)}
        else:
            total = dict((await _cells(reader, cells_sql(domain, metrics, ()), values))[0])
        found.totals |= {metric.code: _alone(total, place) for place, metric in enumerate(metrics)}
        for row in rows:
            keys = tuple(None if row[f"k{n}"] is None else str(row[f"k{n}"]) for n in range(len(ask.by)))
            for place, metric in enumerate(metrics):
                found.groups.setdefault(metric.code, {})[keys] = _alone(dict(row), place)
    return found


async def _cells(reader: Reader, text: str, values: Mapping[str, Any]) -> list[Any]:
    sql, args = bind(text, values)
    rows = await reader.fetch(sql, *args)
    if len(rows) > MOST_CELLS:
        raise Problem("too_many_groups")
    return rows


def _alone(row: Mapping[str, int], place: int) -> Row:
    """The columns of one metric, as if it had been counted alone."""
    names = {f"{half}{place}{more}": f"{half}0{more}" for half in "nd" for more in ("", "_items")}
    return {names[name]: value for name, value in row.items() if name in names}


def _together(first: Counted, second: Counted) -> Counted:
    """The two halves of a past."""
    both = replace(first, totals=dict(first.totals), groups={})
    for code, total in second.totals.items():
        both.totals[code] = _added(both.totals[code], total)
    for code in {**first.groups, **second.groups}:
        rows, others = first.groups.get(code, {}), second.groups.get(code, {})
        keys = {**rows, **others}
        both.groups[code] = {key: _added(rows.get(key, NOTHING), others.get(key, NOTHING)) for key in keys}
        if len(both.groups[code]) > MOST_CELLS:
            raise Problem("too_many_groups")
    return both


def _added(one: Row, other: Row) -> Row:
    return {name: one.get(name, 0) + other.get(name, 0) for name in {**one, **other}}


async def _of_all(db: Database, view: Viewpoint, ask: Asked) -> Counted:
    """Both halves of a past at once, because PostgreSQL looks one item after another up in one process; they are settled.

    Ranks of halves say nothing of the whole, which is then counted in one.
    """
    halved = view.domain.past and not any(metric.ranked for metric in ask.metrics)

    async def one(half: int) -> Counted:
        async with db.snapshot() as reader:
            part = replace(view.domain, half=halved)
            return await count(reader, view, part, ask, await moment(reader, view.past), half)

    if not halved:
        return await one(0)
    return _together(*await asyncio.gather(*map(one, HALVES)))


async def _counted(db: Database, view: Viewpoint, ask: Asked) -> Counted:
    found = await _of_all(db, view, ask)
    async with db.snapshot() as reader:
        keys = {keys for rows in found.groups.values() for keys in rows}
        for place, grouping in enumerate(ask.groupings):
            found.names.append(await names_of(reader, grouping, {each[place] for each in keys}, view.past))
    return found


async def _masked(db: Database, view: Viewpoint, ask: Asked) -> Counted:
    async with db.snapshot() as reader:
        return await count(reader, view, view.domain.only_masked(), ask, await moment(reader, view.past))


async def statistics(db: Database, fresh: Fresh, view: Viewpoint, stamp: str, ask: Asked) -> schemas.Statistics:
    """Counted once for all who see the same; what is masked, for each caller's access, whose mark is `stamp`."""
    found: Counted
    masked: Counted
    found, masked = await asyncio.gather(
        remembered(db, fresh, view, lambda: _counted(db, view, ask), "statistics", ask),
        fresh.get(view.key("statistics", ask, stamp), lambda: _masked(db, view, ask)),
    )
    frame = Frame(found.as_of, view.past, found.period, view.filters)
    groups = [_cross(frame, ask, found, masked, keys) for keys in _order(found)]
    return schemas.Statistics(
        as_of=found.as_of,
        generated_at=clock.now(),
        scope=view.scope,
        filters=dict(view.filters),
        period=schemas.Period(from_=found.period[0], to=found.period[1]),
        group_by=list(ask.by),
        totals=totals(frame, ask.metrics, found, masked),
        groups=groups,
    )


def totals(frame: Frame, metrics: Sequence[Metric], found: Counted, masked: Counted) -> list[schemas.Figure]:
    """One figure a metric over everything chosen."""
    return [
        figures(frame, (metric,), found.totals[metric.code], masked.totals.get(metric.code, NOTHING))[0]
        for metric in metrics
    ]


def _order(found: Counted) -> list[Keys]:
    """Keys in which something was counted, items without a key last."""
    keys = {keys for rows in found.groups.values() for keys, row in rows.items() if any(row.values())}
    return sorted(keys, key=lambda each: [(key is None, key or "") for key in each])


def _cross(frame: Frame, ask: Asked, found: Counted, masked: Counted, keys: Keys) -> schemas.Cross:
    made = []
    for metric in ask.metrics:
        filters = dict(frame.filters)
        for grouping, key in zip(ask.groupings, keys, strict=True):
            filters = narrowed(filters, grouping, key, shares=metric.grain is Grain.UNIT_SHARE)
        row = found.groups.get(metric.code, {}).get(keys, NOTHING)
        hidden = masked.groups.get(metric.code, {}).get(keys, NOTHING)
        made += figures(frame, (metric,), row, hidden, filters)
    names = [names[key] for names, key in zip(found.names, keys, strict=True)]
    return schemas.Cross(keys=list(keys), names=names, figures=made)


def _months_back(day: date, count_: int) -> list[str]:
    last = day.year * 12 + day.month - 1
    return [f"{index // 12}-{index % 12 + 1:02}" for index in range(last - count_ + 1, last + 1)]


async def trend(db: Database, fresh: Fresh, view: Viewpoint, stamp: str, query: schemas.TrendQuery) -> schemas.Trend:
    """Each month's figures as they were known when it ended; those of the running month as of the answer.

    Every point but the running month is a moment of the past, so it never changes any more.
    """
    key = ("trend", query.metric, query.months)
    made: schemas.Trend = await fresh.get(
        view.key(*key, stamp), lambda: _trend(db, fresh, view, named_metrics(query.metric), query.months)
    )
    return made


async def _trend(
    db: Database, fresh: Fresh, view: Viewpoint, metrics: tuple[Metric, ...], months: int
) -> schemas.Trend:
    as_of = await moment(db, view.past)
    points = []
    for month in _months_back(clock.beijing_date(as_of), months):
        days = month_days(month)
        ended = clock.end_of_day(days[1])
        points.append(
            await _point(db, fresh, view.ended(ended, as_of), Asked(metrics, (), days), month, min(ended, as_of))
        )
    return schemas.Trend(
        as_of=as_of, generated_at=clock.now(), scope=view.scope, filters=dict(view.filters), series=points
    )


async def _point(
    db: Database, fresh: Fresh, view: Viewpoint, ask: Asked, month: str, at: datetime
) -> schemas.TrendPoint:
    found: Counted = await remembered(db, fresh, view, lambda: _counted(db, view, ask), "statistics", ask)
    masked = await _masked(db, view, ask)
    frame = Frame(at, view.past, found.period, view.filters)
    return schemas.TrendPoint(month=month, figures=totals(frame, ask.metrics, found, masked))
