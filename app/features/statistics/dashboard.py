"""The board: what is on it, as data, and how it is put together from one pass over the items and a few short looks."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from app.core import clock
from app.core.db import Database
from app.features.statistics import schemas
from app.features.statistics.figures import Frame, Row, counted, figures
from app.features.statistics.fresh import Fresh, Made
from app.features.statistics.names import names_of
from app.features.statistics.overdue import overdue_items
from app.features.statistics.schemas import Label, label
from app.features.statistics.sums import Base, Sums, base_of, sums_at
from app.features.statistics.tiles import (
    DUE,
    HEADLINES,
    LIT,
    MONTHS_SHOWN,
    TABLES,
    TILES,
    counting,
    lit,
    masks_matter,
    table,
    tile,
    total,
    week_of,
    year_back,
)
from app.features.statistics.viewpoint import Viewpoint, moment, month_of, remembered
from app.features.statistics.written import Written, written
from app.lifecycle.light import Light
from app.lifecycle.schemas import ItemSummary
from app.metrics.definitions import BY_CODE, OUTCOMES
from app.metrics.drill import month_days, narrowed
from app.metrics.grouping import GROUPINGS, By
from app.metrics.rounding import Cell
from app.metrics.statement import bind, longest_overdue_sql

MONTHS: Final = {
    "registered": BY_CODE["registered_within"],
    "closed": BY_CODE["closed_within"],
    "reopened": BY_CODE["reopened_within"],
}
_LAMPS: Final = {"red": Light.RED, "yellow": Light.YELLOW, "blue": Light.BLUE, "green": Light.GREEN, "none": Light.GREY}


@dataclass(slots=True)
class Counts:
    """What callers who see the same share: sums, the ids of the longest overdue, and names."""

    as_of: datetime
    sums: Sums
    overdue: list[UUID]
    names: dict[By, dict[str | None, Label]]

    @property
    def numbers(self) -> int:
        return self.sums.numbers


async def _counts(db: Database, view: Viewpoint, base: Base | None) -> Counts:
    async with db.snapshot() as reader:
        as_of = await moment(reader, view.past)
        sums = await sums_at(reader, base, counting(view), view.domain, as_of)
        values = view.at(as_of, month_of(as_of))
        sql, args = bind(longest_overdue_sql(view.domain, BY_CODE["overdue_open"]), values)
        late = [row["id"] for row in await reader.fetch(sql, *args)]
        names = {by: await names_of(reader, GROUPINGS[by], table(sums, by), view.past) for by in TABLES}
    return Counts(as_of, sums, late, names)


def _outcomes(frame: Frame, sums: Sums, masked: Sums) -> list[schemas.OutcomeTotal]:
    return [_outcome(frame, kind, *(each.row("outcomes", kind) for each in (sums, masked))) for kind in OUTCOMES]


def _outcome(frame: Frame, kind: str, row: Row, masked: Row) -> schemas.OutcomeTotal:
    """Withheld with the count of its items: what a single one recovered says more about it than that it is there."""
    metric, items = OUTCOMES[kind], row.get("items", 0)
    told = counted(frame, metric, frame.period, Cell(items, items, masked.get("items", 0)), frame.filters)
    amounts = {name: row.get(name, 0) for name in ("outcomes", "amount_fen", "quantity")}
    if told.count is None:
        amounts = dict.fromkeys(amounts)
    return schemas.OutcomeTotal(
        kind=kind,
        name=label(metric.label),
        count=amounts["outcomes"],
        amount_fen=amounts["amount_fen"],
        quantity=amounts["quantity"],
        items=told.count,
        drill=told.drill,
    )


async def _masked(db: Database, fresh: Fresh, view: Viewpoint, stamp: str) -> Sums:
    domain = view.domain.only_masked()
    base = await base_of(db, fresh, view, domain, counting(view), stamp)
    async with db.snapshot() as reader:
        return await sums_at(reader, base, counting(view), domain, await moment(reader, view.past))


async def _latest(db: Database, fresh: Fresh, view: Viewpoint, than: float) -> tuple[Counts, float]:
    """Newer than what was told last, and the moment that begins the answer's age; a past has none."""
    if view.past is None:
        # Before, so that figures are not as old as it took to count what they go on from.
        base = await base_of(db, fresh, view, view.domain, counting(view))
        return await fresh.newer(view.key("counts"), lambda: _counts(db, view, base), than)

    async def then() -> Counts:
        return await _counts(db, view, await base_of(db, fresh, view, view.domain, counting(view)))

    return await remembered(db, fresh, view, then, "counts"), clock.now().timestamp()


async def dashboard(db: Database, fresh: Fresh, view: Viewpoint, stamp: str) -> Written:
    """Counted once for all who see the same; what is masked, for each caller's access, whose mark is `stamp`.

    Kept as it goes out, so that while the next is counted and written nobody waits for more than the last one's bytes.
    """
    key = view.key("told", stamp)

    async def tell() -> Made:
        counts, at = await _latest(db, fresh, view, fresh.made(key))
        masked = await _masked(db, fresh, view, stamp) if masks_matter(counts.sums) else Sums()
        rows = await overdue_items(db, view, counts.as_of, counts.overdue)
        # Thousands of figures: in a thread, so that whoever asks meanwhile is answered between them.
        return Made(await asyncio.to_thread(_told, view, counts, masked, rows), at)

    told: Written = await fresh.get(key, tell)
    return told


def _told(view: Viewpoint, counts: Counts, masked: Sums, rows: list[ItemSummary]) -> Written:
    return written(_put_together(view, counts, masked, rows))


def _put_together(view: Viewpoint, counts: Counts, masked: Sums, rows: list[ItemSummary]) -> schemas.Dashboard:
    sums = counts.sums
    frame = Frame(counts.as_of, view.past, month_of(counts.as_of), view.filters)
    week = Frame(counts.as_of, view.past, week_of(clock.beijing_date(counts.as_of)), view.filters)
    return schemas.Dashboard(
        as_of=counts.as_of,
        generated_at=clock.now(),
        scope=view.scope,
        filters=dict(view.filters),
        figures=[
            *figures(frame, TILES, total(sums), total(masked), frame.filters),
            *figures(frame, HEADLINES, sums.row("headline"), masked.row("headline"), frame.filters),
        ],
        lights=_lights(frame, sums, masked),
        by_unit=_groups(frame, By.UNIT, counts, masked),
        by_source=_groups(frame, By.SOURCE_TYPE, counts, masked),
        by_category=_groups(frame, By.CATEGORY, counts, masked),
        months=_months(frame, sums, masked),
        due_this_week=figures(week, (DUE,), sums.row("due"), masked.row("due"), week.filters)[0],
        overdue_items=rows,
        outcomes=_outcomes(frame, sums, masked),
    )


def _lights(frame: Frame, sums: Sums, masked: Sums) -> schemas.Lights:
    lamps = {}
    for lamp, light in _LAMPS.items():
        items, hidden = (lit(tile(each, By.LIGHT, light)) for each in (sums, masked))
        cell = Cell(items, items, hidden)
        lamps[lamp] = counted(frame, LIT, frame.period, cell, {**frame.filters, "light": light.value})
    return schemas.Lights(**lamps)


def _groups(frame: Frame, by: By, counts: Counts, masked: Sums) -> list[schemas.Group]:
    """The largest first, so that a board may cut the list anywhere."""
    rows = sorted(table(counts.sums, by).items(), key=lambda pair: (-pair[1]["n0"], pair[0] or ""))
    return [
        schemas.Group(
            key=key,
            name=counts.names[by][key],
            figures=figures(frame, TILES, row, tile(masked, by, key), narrowed(frame.filters, GROUPINGS[by], key)),
        )
        for key, row in rows
        if row["n0"] > 0
    ]


def _months(frame: Frame, sums: Sums, masked: Sums) -> list[schemas.Month]:
    first = year_back(clock.beijing_date(frame.as_of))[0]
    shown = []
    for place in range(MONTHS_SHOWN):
        index = first.year * 12 + first.month - 1 + place
        month = f"{index // 12}-{index % 12 + 1:02}"
        cells = {kind: _month_cell(kind, month, sums, masked) for kind in MONTHS}
        told = {kind: counted(frame, MONTHS[kind], month_days(month), cells[kind], frame.filters) for kind in MONTHS}
        shown.append(schemas.Month(month=month, **told))
    return shown


def _month_cell(kind: str, month: str, sums: Sums, masked: Sums) -> Cell:
    items, hidden = (each.row("months", kind, month).get("items", 0) for each in (sums, masked))
    return Cell(items, items, hidden)
