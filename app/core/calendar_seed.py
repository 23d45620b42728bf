"""Working-day data for a first start without a network; an imported official notice replaces a year of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from typing import Literal

import holidays

FIRST_YEAR = 2007
"""Earlier years had other statutory holidays and nobody counts deadlines into them."""

_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class DayRow:
    """A day that differs from the ordinary week: a free weekday, or a weekend day that is worked."""

    on: date
    kind: Literal["holiday", "workday"]
    name_zh: str


def seed_source() -> str:
    """Names the data set, so that a seeded year can be told from an imported notice."""
    return f"holidays {version('holidays')}"


def seed_years(years: Iterable[int]) -> list[int]:
    """The years whose notice is complete: every notice so far moved working days, a mere forecast moves none."""
    return [year for year in sorted(set(years)) if year >= FIRST_YEAR and _make_up_days(year)]


def seed_from_holidays(years: Iterable[int]) -> list[DayRow]:
    """All differing days of the complete years asked for, in order; a year without its notice yields nothing."""
    return [row for year in seed_years(years) for row in _rows(year)]


def _china(year: int) -> holidays.HolidayBase:
    return holidays.country_holidays("CN", years=year, language="zh_CN")


def _make_up_days(year: int) -> list[date]:
    # The package keeps make-up days of other years in the same set, whatever year is asked for.
    return sorted(day for day in _china(year).weekend_workdays if day.year == year)


def _rows(year: int) -> list[DayRow]:
    free = [DayRow(day, "holiday", name) for day, name in _china(year).items() if day.weekday() < _SATURDAY]
    worked = [DayRow(day, "workday", "调休上班") for day in _make_up_days(year)]
    return sorted(free + worked, key=lambda row: row.on)
