"""What the board counts: everything of today, or what a moment came to and what has been written since."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any, Final

from app.access.permissions import Role
from app.core import clock
from app.core.asof import AGE
from app.core.db import Database, Reader
from app.features.statistics.figures import NOTHING, Row
from app.features.statistics.fresh import Fresh
from app.features.statistics.viewpoint import HALVES, NOW, SETTLED_LASTS, TREE, Viewpoint, month_of
from app.metrics.definitions import BY_CODE
from app.metrics.drill import Period, month_days
from app.metrics.grouping import GROUPINGS, By
from app.metrics.statement import Domain, bind, cells_sql, months_sql, outcomes_sql, tiles_sql

TILES: Final = tuple(
    BY_CODE[code]
    for code in ("due_base", "closed", "in_progress", "sustaining", "overdue_open", "closure_rate", "overdue_rate")
)
"""Counted in total and for each unit, source and category."""
HEADLINES: Final = tuple(
    BY_CODE[code]
    for code in (
        "on_ledger", "rectified_rate_reported", "rectified_rate_verified", "measure_progress", "on_time_rate_orig",
        "on_time_rate_cur", "closure_rate_period", "avg_days",
    )
)  # fmt: skip
"""Counted in total alone; those of a period, of the running month."""
LIT: Final = BY_CODE["on_ledger"]
DUE: Final = BY_CODE["due_within"]
TABLES: Final = (By.UNIT, By.SOURCE_TYPE, By.CATEGORY, By.LIGHT)
TABLED: Final = (*TILES, LIT)
MONTHS_SHOWN: Final = 12


class Sums:
    """Everything counted over one domain, in rows that can be added up: tiles by place and key, months by kind, and so on."""

    def __init__(self) -> None:
        self.rows: dict[tuple[Any, ...], dict[str, int]] = {}

    def add(self, row: Mapping[str, int], *key: Any, sign: int = 1) -> None:
        kept = self.rows.setdefault(key, {})
        for name, value in row.items():
            kept[name] = kept.get(name, 0) + sign * value

    def take(self, other: Sums, sign: int) -> None:
        """Adds what another domain came to, or takes it away."""
        for key, row in other.rows.items():
            self.add(row, *key, sign=sign)

    def row(self, *key: Any) -> Row:
        return self.rows.get(key, NOTHING)

    def table(self, by: By) -> dict[str | None, Row]:
        return {key[2]: row for key, row in self.rows.items() if key[:2] == ("tiles", TABLES.index(by))}

    def tile(self, by: By, key: str | None) -> Row:
        return self.row("tiles", TABLES.index(by), key)

    @property
    def total(self) -> Row:
        return self.row("tiles", len(TABLES), None)


@dataclass(frozen=True, slots=True)
class Base:
    """What a settled moment came to, seen from a day."""

    at: datetime
    day: date
    sums: Sums


def week_of(day: date) -> Period:
    monday = day - timedelta(days=day.weekday())
    return monday, monday + timedelta(days=6)


def year_back(day: date) -> Period:
    """Twelve months with the one the day is in."""
    index = day.year * 12 + day.month - MONTHS_SHOWN
    return date(index // 12, index % 12 + 1, 1), month_days(f"{day.year}-{day.month:02}")[1]


async def sums_of(
    reader: Reader, domain: Domain, view: Viewpoint, as_of: datetime, at: datetime | None = None, half: int = 0
) -> Sums:
    """Seen from the day of `as_of`; what is known `at` a moment, which is `as_of` unless told."""
    day, month = clock.beijing_date(as_of), month_of(as_of)
    more = {"at": as_of if at is None else at, "since": at, "half": half}

    async def rows(text: str, period: Period) -> list[dict[str, Any]]:
        sql, args = bind(text, view.at(as_of, period) | more)
        return [dict(row) for row in await reader.fetch(sql, *args)]

    sums = Sums()
    for row in await rows(tiles_sql(domain, TABLED, tuple(GROUPINGS[by] for by in TABLES)), month):
        sums.add(row, "tiles", row.pop("place"), row.pop("key"))
    sums.add((await rows(cells_sql(domain, HEADLINES, ()), month))[0], "headline")
    sums.add((await rows(cells_sql(domain, (DUE,), ()), week_of(day)))[0], "due")
    for row in await rows(months_sql(domain), year_back(day)):
        sums.add({"items": row["items"]}, "months", row["kind"], row["month"])
    if not domain.masked:
        for row in await rows(outcomes_sql(domain), month):
            sums.add(row, "outcomes", row.pop("kind"))
    return sums


async def sums_then(db: Database, view: Viewpoint, past: datetime) -> Sums:
    """Both halves at once, because PostgreSQL looks one item after another up in one process; settled, so they fit."""

    async def one(half: int) -> Sums:
        async with db.snapshot() as reader:
            return await sums_of(reader, replace(view.domain, half=True), view, past, half=half)

    sums = Sums()
    for found in await asyncio.gather(*map(one, HALVES)):
        sums.take(found, 1)
    return sums


async def base_of(db: Database, fresh: Fresh, view: Viewpoint, domain: Domain, *more: Hashable) -> Base | None:
    """The figures of a moment that is settled, for a board of now that can go on from them; `more` decides them besides."""
    # The unit an item was found by is no part of its versions, and decides what is masked for offices of sources alone.
    by_source = domain.masked and Role.SOURCE_OFFICE.value in view.values["roles"]
    if view.past is not None or by_source or not domain.settled:
        return None
    day, tree = clock.today(), await db.fetchval(TREE)
    key = view.key("base", domain.masked, day, tree, *more)
    found: Base = await fresh.get(key, lambda: _base(db, view, domain, day), SETTLED_LASTS)
    return found


async def _base(db: Database, view: Viewpoint, domain: Domain, day: date) -> Base:
    async with db.snapshot() as reader:
        now = clock.shifted(await reader.fetchval(NOW))
        at = now - AGE
        return Base(at, day, await sums_of(reader, replace(domain, past=True, masked_then=True), view, now, at))


async def sums_now(reader: Reader, base: Base | None, view: Viewpoint, domain: Domain, as_of: datetime) -> Sums:
    """From a base, what was counted of the items written since goes and what they are now comes: the same, exactly."""
    if base is None or base.day != clock.beijing_date(as_of):
        return await sums_of(reader, domain, view, as_of)
    sums = Sums()
    sums.take(base.sums, 1)
    before = replace(domain, past=True, since=True, masked_then=True)
    sums.take(await sums_of(reader, before, view, as_of, base.at), -1)
    sums.take(await sums_of(reader, replace(domain, since=True, masked_then=True), view, as_of, base.at), 1)
    return sums
