"""The board: what is on it, as data, and how it is put together from one pass over the items and a few short looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from app.core import clock
from app.core.db import Database, Reader
from app.core.errors import Text
from app.features.statistics import schemas
from app.features.statistics.figures import NOTHING, Frame, Row, counted, figures
from app.features.statistics.fresh import Fresh
from app.features.statistics.names import names_of
from app.features.statistics.overdue import overdue_items
from app.features.statistics.schemas import Label, label
from app.features.statistics.viewpoint import Viewpoint, moment, month_of
from app.lifecycle.light import Light
from app.lifecycle.schemas import ItemSummary
from app.metrics.definitions import BY_CODE
from app.metrics.drill import Period, month_days, narrowed
from app.metrics.grouping import GROUPINGS, By
from app.metrics.rounding import Cell
from app.metrics.statement import Domain, bind, cells_sql, longest_overdue_sql, months_sql, outcomes_sql, tiles_sql

TILES: Final = tuple(
    BY_CODE[code]
    for code in ("due_base", "closed", "in_progress", "sustaining", "overdue_open", "closure_rate", "overdue_rate")
)
"""Counted in total and for each unit, source and category."""
HEADLINES: Final = tuple(
    BY_CODE[code]
    for code in (
        "on_ledger", "rectified_rate_reported", "rectified_rate_verified", "measure_progress", "on_time_rate_orig",
        "on_time_rate_cur", "closure_rate_period",
    )
)  # fmt: skip
"""Counted in total alone; those of a period, of the running month."""
MONTHS: Final = {
    "registered": BY_CODE["registered_within"],
    "closed": BY_CODE["closed_within"],
    "reopened": BY_CODE["reopened_within"],
}
LIT: Final = BY_CODE["on_ledger"]
DUE: Final = BY_CODE["due_within"]
TABLES: Final = (By.UNIT, By.SOURCE_TYPE, By.CATEGORY, By.LIGHT)
_TABLED: Final = (*TILES, LIT)
_MONTHS_SHOWN: Final = 12
_LAMPS: Final = {"red": Light.RED, "yellow": Light.YELLOW, "blue": Light.BLUE, "green": Light.GREEN, "none": Light.GREY}
_OUTCOMES: Final = {
    "institution": Text("制度建设", "Institutions"),
    "recovered_funds": Text("追缴挽回资金", "Recovered funds"),
    "saved_funds": Text("节约资金", "Saved funds"),
    "accountability": Text("问责处理", "Accountability"),
    "appointment": Text("人事调整", "Appointments"),
    "physical": Text("实物成果", "Physical results"),
}


@dataclass(slots=True)
class Sums:
    """Everything counted over one domain."""

    tables: dict[int, dict[str | None, Row]] = field(default_factory=dict)
    headline: Row = field(default_factory=dict)
    due: Row = field(default_factory=dict)
    months: dict[tuple[str, str], int] = field(default_factory=dict)

    def table(self, by: By) -> dict[str | None, Row]:
        return self.tables.get(TABLES.index(by), {})

    def tile(self, by: By, key: str | None) -> Row:
        return self.table(by).get(key, NOTHING)

    @property
    def total(self) -> Row:
        return self.tables.get(len(TABLES), {}).get(None, NOTHING)


@dataclass(slots=True)
class Counts:
    """What callers who see the same share: sums, the ids of the longest overdue, outcomes and names."""

    as_of: datetime
    sums: Sums
    overdue: list[UUID]
    outcomes: list[schemas.OutcomeTotal]
    names: dict[By, dict[str | None, Label]]


def _week_of(day: date) -> Period:
    monday = day - timedelta(days=day.weekday())
    return monday, monday + timedelta(days=6)


def _year_back(day: date) -> Period:
    """Twelve months with the one the day is in."""
    index = day.year * 12 + day.month - _MONTHS_SHOWN
    return date(index // 12, index % 12 + 1, 1), month_days(f"{day.year}-{day.month:02}")[1]


async def _sums(reader: Reader, domain: Domain, view: Viewpoint, as_of: datetime) -> Sums:
    day = clock.beijing_date(as_of)

    async def rows(text: str, period: Period) -> list[Row]:
        sql, args = bind(text, view.at(as_of, period))
        return [dict(row) for row in await reader.fetch(sql, *args)]

    sums = Sums()
    for row in await rows(tiles_sql(domain, _TABLED, tuple(GROUPINGS[by] for by in TABLES)), month_of(as_of)):
        sums.tables.setdefault(row["place"], {})[row["key"]] = row
    sums.headline = (await rows(cells_sql(domain, HEADLINES, ()), month_of(as_of)))[0]
    sums.due = (await rows(cells_sql(domain, (DUE,), ()), _week_of(day)))[0]
    for row in await rows(months_sql(domain), _year_back(day)):
        key = (row["kind"], row["month"])
        sums.months[key] = sums.months.get(key, 0) + row["items"]
    return sums


async def _counts(db: Database, view: Viewpoint) -> Counts:
    async with db.snapshot() as reader:
        as_of = await moment(reader, view.past)
        sums = await _sums(reader, view.domain, view, as_of)
        values = view.at(as_of, month_of(as_of))
        sql, args = bind(longest_overdue_sql(view.domain, BY_CODE["overdue_open"]), values)
        late = [row["id"] for row in await reader.fetch(sql, *args)]
        sql, args = bind(outcomes_sql(view.domain), values)
        outcomes: dict[str, Row] = {row["kind"]: dict(row) for row in await reader.fetch(sql, *args)}
        names = {by: await names_of(reader, GROUPINGS[by], sums.table(by), view.past) for by in TABLES}
    return Counts(as_of, sums, late, _outcomes(outcomes), names)


def _outcomes(rows: Mapping[str, Row]) -> list[schemas.OutcomeTotal]:
    return [
        schemas.OutcomeTotal(
            kind=kind,
            name=label(text),
            count=rows.get(kind, NOTHING).get("outcomes", 0),
            amount_fen=rows.get(kind, NOTHING).get("amount_fen", 0),
            quantity=rows.get(kind, NOTHING).get("quantity", 0),
            items=rows.get(kind, NOTHING).get("items", 0),
        )
        for kind, text in _OUTCOMES.items()
    ]


async def _masked(db: Database, view: Viewpoint) -> Sums:
    async with db.snapshot() as reader:
        return await _sums(reader, view.domain.only_masked(), view, await moment(reader, view.past))


async def dashboard(db: Database, fresh: Fresh, view: Viewpoint, stamp: str) -> schemas.Dashboard:
    """Counted once for all who see the same; what is masked, for each caller's access, whose mark is `stamp`."""
    counts: Counts = await fresh.get(view.key("counts"), lambda: _counts(db, view))
    masked: Sums = await fresh.get(view.key("masked", stamp), lambda: _masked(db, view))
    rows = await overdue_items(db, view, counts.as_of, counts.overdue)
    return _put_together(view, counts, masked, rows)


def _put_together(view: Viewpoint, counts: Counts, masked: Sums, rows: list[ItemSummary]) -> schemas.Dashboard:
    sums = counts.sums
    frame = Frame(counts.as_of, view.past, month_of(counts.as_of), view.filters)
    week = Frame(counts.as_of, view.past, _week_of(clock.beijing_date(counts.as_of)), view.filters)
    return schemas.Dashboard(
        as_of=counts.as_of,
        generated_at=clock.now(),
        scope=view.scope,
        filters=dict(view.filters),
        figures=[
            *figures(frame, TILES, sums.total, masked.total),
            *figures(frame, HEADLINES, sums.headline, masked.headline),
        ],
        lights=_lights(frame, sums, masked),
        by_unit=_groups(frame, By.UNIT, counts, masked),
        by_source=_groups(frame, By.SOURCE_TYPE, counts, masked),
        by_category=_groups(frame, By.CATEGORY, counts, masked),
        months=_months(frame, sums, masked),
        due_this_week=figures(week, (DUE,), sums.due, masked.due)[0],
        overdue_items=rows,
        outcomes=counts.outcomes,
    )


def _lights(frame: Frame, sums: Sums, masked: Sums) -> schemas.Lights:
    name = f"n{_TABLED.index(LIT)}"
    lamps = {}
    for lamp, light in _LAMPS.items():
        total = sums.tile(By.LIGHT, light).get(name, 0)
        cell = Cell(total, total, masked.tile(By.LIGHT, light).get(name, 0))
        lamps[lamp] = counted(frame, LIT, frame.period, cell, {**frame.filters, "light": light.value})
    return schemas.Lights(**lamps)


def _groups(frame: Frame, by: By, counts: Counts, masked: Sums) -> list[schemas.Group]:
    """The largest first, so that a board may cut the list anywhere."""
    rows = sorted(counts.sums.table(by).items(), key=lambda pair: (-pair[1]["n0"], pair[0] or ""))
    return [
        schemas.Group(
            key=key,
            name=counts.names[by][key],
            figures=figures(frame, TILES, row, masked.tile(by, key), narrowed(frame.filters, GROUPINGS[by], key)),
        )
        for key, row in rows
        if row["n0"] > 0
    ]


def _months(frame: Frame, sums: Sums, masked: Sums) -> list[schemas.Month]:
    first = _year_back(clock.beijing_date(frame.as_of))[0]
    shown = []
    for place in range(_MONTHS_SHOWN):
        index = first.year * 12 + first.month - 1 + place
        month = f"{index // 12}-{index % 12 + 1:02}"
        cells = {kind: _month_cell(kind, month, sums, masked) for kind in MONTHS}
        told = {kind: counted(frame, MONTHS[kind], month_days(month), cells[kind], frame.filters) for kind in MONTHS}
        shown.append(schemas.Month(month=month, **told))
    return shown


def _month_cell(kind: str, month: str, sums: Sums, masked: Sums) -> Cell:
    items = sums.months.get((kind, month), 0)
    return Cell(items, items, masked.months.get((kind, month), 0))
