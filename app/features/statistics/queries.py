"""Statistics: any metrics, at any moment, over any items, by any keys; and their course over months."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import product
from typing import Any, Final

from app.core import clock
from app.core.db import Database, Reader
from app.core.errors import Fault, Problem, Text
from app.core.fields import EARLIEST
from app.features.statistics import schemas
from app.features.statistics.figures import Frame, Row, figures, may_withhold
from app.features.statistics.fresh import Fresh
from app.features.statistics.names import names_of
from app.features.statistics.schemas import Label
from app.features.statistics.sums import Count, Part, Sums, base_of, sums_at
from app.features.statistics.viewpoint import Viewpoint, moment, remembered
from app.metrics.definitions import BY_CODE, Grain, Metric
from app.metrics.drill import Period, month_days, narrowed
from app.metrics.grouping import GROUPINGS, By, Grouping
from app.metrics.sets import Condition
from app.metrics.statement import MOST_CELLS, Domain, cells_sql, spreads_sql

Keys = tuple[str | None, ...]
SORTING: Final = "SELECT set_config('enable_sort', $1, true)"
"""Groups are few and their rows a million, so rows are hashed; the planner sorts them by key, because what is looked up for
each of them looks so dear to it that a sort costs nothing beside. Shares are merged by item, which is what sorting is for."""
_BACKWARDS: Final = Text("period_from 不得晚于 period_to", "period_from must not be later than period_to")
_HALF: Final = Text("期间须同时给出首日和末日", "A period has a first and a last day")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be counted, in the order asked for."""

    metrics: tuple[Metric, ...]
    by: tuple[By, ...]
    period: Period | None

    def within(self, day: date) -> Period:
        """The month of the day where no period was asked for."""
        return self.period or month_days(f"{day:%Y-%m}")

    @property
    def groupings(self) -> tuple[Grouping, ...]:
        return tuple(GROUPINGS[by] for by in self.by)


@dataclass(slots=True)
class Counted:
    """Rows by metric, of everything (`whole`) and of each combination of keys (`group`), as `counting` makes them."""

    as_of: datetime
    period: Period
    sums: Sums = field(default_factory=Sums)
    names: list[dict[str | None, Label]] = field(default_factory=list)

    @property
    def numbers(self) -> int:
        return self.sums.numbers


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
    """Shares multiply the rows they are counted from, and ranks are found from how values are spread: each counted apart."""
    kinds: dict[tuple[bool, Condition | None], list[Metric]] = {}
    for metric in metrics:
        spread = metric.numerator.value if metric.ranked else None
        kinds.setdefault((metric.grain is Grain.UNIT_SHARE, spread), []).append(metric)
    return [tuple(each) for each in kinds.values()]


def counting(view: Viewpoint, ask: Asked) -> Count:
    """Rows of each of the asked metrics alone. What it gives raises too_many_groups."""

    async def count(reader: Reader, part: Part) -> Sums:
        sums = Sums()
        for metrics in _passes(ask.metrics):
            if ask.by:
                await reader.fetchval(SORTING, "on" if metrics[0].grain is Grain.UNIT_SHARE else "off")
            rows = await part.rows(reader, view, _sql(part.domain, metrics, ask.groupings), ask.within(part.day))
            _require_few(len(rows) - 1)
            for row, (place, metric) in product(rows, enumerate(metrics)):
                keys = tuple(None if row[f"k{n}"] is None else str(row[f"k{n}"]) for n in range(len(ask.by)))
                where = ("whole", metric.code) if row.get("whole", True) else ("group", metric.code, keys)
                sums.add(_alone(row, metric, place), *where)
        return sums

    return count


def _require_few(groups: int) -> None:
    if groups > MOST_CELLS:
        raise Problem("too_many_groups")


def _sql(domain: Domain, metrics: tuple[Metric, ...], by: tuple[Grouping, ...]) -> str:
    return spreads_sql(domain, metrics[0], by) if metrics[0].ranked else cells_sql(domain, metrics, by)


def _alone(row: Mapping[str, Any], metric: Metric, place: int) -> Row:
    """The columns of one metric, as if it had been counted alone."""
    if metric.ranked:
        spread: Row = row["spread"]
        return spread
    names = {f"{half}{place}{more}": f"{half}0{more}" for half in "nd" for more in ("", "_items")}
    return {names[name]: value for name, value in row.items() if name in names}


async def _counted(db: Database, fresh: Fresh, view: Viewpoint, ask: Asked, *, paced: bool = False) -> Counted:
    count = counting(view, ask)
    base = await base_of(db, fresh, view, view.domain, count, "statistics", ask, paced=paced)
    async with db.snapshot() as reader:
        as_of = await moment(reader, view.past)
        found = Counted(as_of, ask.within(clock.beijing_date(as_of)))
        found.sums = await sums_at(reader, base, count, view.domain, as_of)
        keys = {key[2] for key in found.sums.rows if key[0] == "group"}
        _require_few(len(keys))
        for place, grouping in enumerate(ask.groupings):
            found.names.append(await names_of(reader, grouping, {each[place] for each in keys}, view.past))
    return found


async def _masked(  # noqa: PLR0913 - who asks, and for what
    db: Database, fresh: Fresh, view: Viewpoint, stamp: str, ask: Asked, found: Counted, *, paced: bool = False
) -> Sums:
    """Counted for each caller's access, whose mark is `stamp`, and only where masked items would withhold a figure."""
    if not any(may_withhold((BY_CODE[key[1]],), row) for key, row in found.sums.rows.items()):
        return Sums()
    domain, count = view.domain.only_masked(), counting(view, ask)

    async def make() -> Sums:
        base = await base_of(db, fresh, view, domain, count, "statistics", ask, stamp, paced=paced)
        async with db.snapshot() as reader:
            return await sums_at(reader, base, count, domain, await moment(reader, view.past))

    masked: Sums = await fresh.get(view.key("statistics", ask, stamp), make)
    return masked


async def statistics(db: Database, fresh: Fresh, view: Viewpoint, stamp: str, ask: Asked) -> schemas.Statistics:
    """Counted once for all who see the same; what is masked, for each caller's access, whose mark is `stamp`."""
    found: Counted = await remembered(db, fresh, view, lambda: _counted(db, fresh, view, ask), "statistics", ask)
    masked = await _masked(db, fresh, view, stamp, ask, found)
    frame = Frame(found.as_of, view.past, found.period, view.filters)
    return schemas.Statistics(
        as_of=found.as_of,
        generated_at=clock.now(),
        scope=view.scope,
        filters=dict(view.filters),
        period=schemas.Period(from_=found.period[0], to=found.period[1]),
        group_by=list(ask.by),
        totals=totals(frame, ask.metrics, found.sums, masked),
        groups=[_cross(frame, ask, found, masked, keys) for keys in _order(found.sums)],
    )


def totals(frame: Frame, metrics: Sequence[Metric], sums: Sums, masked: Sums) -> list[schemas.Figure]:
    """One figure a metric over everything chosen."""
    return [
        figures(frame, (metric,), sums.row(*key), masked.row(*key), frame.filters)[0]
        for metric in metrics
        for key in [("whole", metric.code)]
    ]


def _order(sums: Sums) -> list[Keys]:
    """Keys in which something was counted, items without a key last."""
    keys = {key[2] for key, row in sums.rows.items() if key[0] == "group" and any(row.values())}
    return sorted(keys, key=lambda each: [(key is None, key or "") for key in each])


def _cross(frame: Frame, ask: Asked, found: Counted, masked: Sums, keys: Keys) -> schemas.Cross:
    made = []
    for metric in ask.metrics:
        filters: Mapping[str, str] | None = frame.filters
        for grouping, key in zip(ask.groupings, keys, strict=True):
            if filters is not None:
                filters = narrowed(filters, grouping, key, shares=metric.grain is Grain.UNIT_SHARE)
        row, hidden = (sums.row("group", metric.code, keys) for sums in (found.sums, masked))
        made += figures(frame, (metric,), row, hidden, filters)
    names = [names[key] for names, key in zip(found.names, keys, strict=True)]
    return schemas.Cross(keys=list(keys), names=names, figures=made)


def _months_back(day: date, count_: int) -> list[str]:
    """Fewer where the calendar of the service begins within them."""
    first, last = (each.year * 12 + each.month - 1 for each in (EARLIEST, day))
    return [f"{index // 12}-{index % 12 + 1:02}" for index in range(max(first, last - count_ + 1), last + 1)]


async def trend(db: Database, fresh: Fresh, view: Viewpoint, stamp: str, query: schemas.TrendQuery) -> schemas.Trend:
    """Each month's figures as they were known when it ended; those of the running month as of the answer.

    Every point but the running month is a moment of the past, so it never changes any more.
    """
    key = ("trend", query.metric, query.months)
    made: schemas.Trend = await fresh.get(
        view.key(*key, stamp), lambda: _trend(db, fresh, view, stamp, named_metrics(query.metric), query.months)
    )
    return made


async def _trend(
    db: Database, fresh: Fresh, view: Viewpoint, stamp: str, metrics: tuple[Metric, ...], months: int
) -> schemas.Trend:
    as_of = await moment(db, view.past)
    points = []
    for month in _months_back(clock.beijing_date(as_of), months):
        days = month_days(month)
        ended = clock.end_of_day(days[1])
        then, ask = view.ended(ended, as_of), Asked(metrics, (), days)
        points.append(await _point(db, fresh, then, stamp, ask, min(ended, as_of)))
    return schemas.Trend(
        as_of=as_of, generated_at=clock.now(), scope=view.scope, filters=dict(view.filters), series=points
    )


async def _point(
    db: Database, fresh: Fresh, view: Viewpoint, stamp: str, ask: Asked, at: datetime
) -> schemas.TrendPoint:
    """One after another and each on one connection: so many moments are nothing others should have to wait for."""
    found: Counted = await remembered(
        db, fresh, view, lambda: _counted(db, fresh, view, ask, paced=True), "statistics", ask
    )
    masked = await _masked(db, fresh, view, stamp, ask, found, paced=True)
    frame = Frame(at, view.past, found.period, view.filters)
    return schemas.TrendPoint(month=f"{found.period[0]:%Y-%m}", figures=totals(frame, ask.metrics, found.sums, masked))
