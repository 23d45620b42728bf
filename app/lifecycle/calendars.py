"""The loaded calendar, read once a minute: it changes once a year, and every transition counts by it."""

from __future__ import annotations

import time
from dataclasses import dataclass

from app.core.db import Reader
from app.core.workdays import Calendar, CalendarYear

_SECONDS = 60
SQL = """
SELECT y.year, y.source, y.data_version,
  coalesce(array_agg(d."on") FILTER (WHERE d.kind = 'holiday'), '{}') AS holidays,
  coalesce(array_agg(d."on") FILTER (WHERE d.kind = 'workday'), '{}') AS workdays
FROM calendar_year y LEFT JOIN calendar_day d ON extract(year FROM d."on") = y.year
GROUP BY y.year ORDER BY y.year
"""


@dataclass(slots=True)
class _Cache:
    calendar: Calendar | None = None
    read_at: float = 0.0


_cache = _Cache()


async def load_calendar(reader: Reader) -> Calendar:
    if _cache.calendar is None or time.monotonic() - _cache.read_at > _SECONDS:
        rows = await reader.fetch(SQL)
        _cache.calendar = Calendar.of(
            CalendarYear(
                row["year"], row["data_version"], row["source"], frozenset(row["holidays"]), frozenset(row["workdays"])
            )
            for row in rows
        )
        _cache.read_at = time.monotonic()
    return _cache.calendar
