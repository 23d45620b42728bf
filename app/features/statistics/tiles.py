"""What is counted for the board."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final

from app.core.db import Reader
from app.features.statistics.figures import Row, may_withhold
from app.features.statistics.sums import Count, Part, Sums
from app.features.statistics.viewpoint import Viewpoint
from app.metrics.definitions import BY_CODE
from app.metrics.drill import Period, month_days
from app.metrics.grouping import GROUPINGS, By
from app.metrics.rounding import may_hide
from app.metrics.statement import cells_sql, months_sql, outcomes_sql, tiles_sql

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
_LIT: Final = f"n{TABLED.index(LIT)}"


def week_of(day: date) -> Period:
    monday = day - timedelta(days=day.weekday())
    return monday, monday + timedelta(days=6)


def year_back(day: date) -> Period:
    """Twelve months with the one the day is in."""
    index = day.year * 12 + day.month - MONTHS_SHOWN
    return date(index // 12, index % 12 + 1, 1), month_days(f"{day:%Y-%m}")[1]


def counting(view: Viewpoint) -> Count:
    """Tiles by place and key, headlines, what is due, months by kind, outcomes."""

    async def count(reader: Reader, part: Part) -> Sums:
        domain, month = part.domain, month_days(f"{part.day:%Y-%m}")
        sums = Sums()
        tables = tiles_sql(domain, TABLED, tuple(GROUPINGS[by] for by in TABLES))
        for row in await part.rows(reader, view, tables, month):
            sums.add(row, "tiles", row.pop("place"), row.pop("key"))
        for kind, metrics, period in (("headline", HEADLINES, month), ("due", (DUE,), week_of(part.day))):
            for row in await part.rows(reader, view, cells_sql(domain, metrics, ()), period):
                sums.add(row, kind)
        for row in await part.rows(reader, view, months_sql(domain), year_back(part.day)):
            sums.add({"items": row["items"]}, "months", row["kind"], row["month"])
        for row in await part.rows(reader, view, outcomes_sql(domain), month):
            sums.add(row, "outcomes", row.pop("kind"))
        return sums

    return count


def table(sums: Sums, by: By) -> dict[str | None, Row]:
    return {key[2]: row for key, row in sums.rows.items() if key[:2] == ("tiles", TABLES.index(by))}


def tile(sums: Sums, by: By, key: str | None) -> Row:
    return sums.row("tiles", TABLES.index(by), key)


def total(sums: Sums) -> Row:
    return sums.row("tiles", len(TABLES), None)


def lit(row: Row) -> int:
    """The open items of one colour."""
    items: int = row.get(_LIT, 0)
    return items


def masks_matter(sums: Sums) -> bool:
    """Whether any number of the board is of so few items that masked ones among them would withhold it."""
    return (
        any(may_withhold(TILES, row) for by in TABLES if by is not By.LIGHT for row in table(sums, by).values())
        or any(may_hide(lit(row), None) for row in table(sums, By.LIGHT).values())
        or may_withhold(TILES, total(sums))
        or may_withhold(HEADLINES, sums.row("headline"))
        or may_withhold((DUE,), sums.row("due"))
        or any(may_hide(row["items"], None) for key, row in sums.rows.items() if key[0] in {"months", "outcomes"})
    )
