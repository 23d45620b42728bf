"""How long rectification took: from the day an item was acknowledged to the day of the report that was then accepted.

Days are days in China, and nothing is taken off: the ledger knows no suspensions. A cycle after the first is acknowledged
by nobody and begins with the reopening, unless the item was assigned and acknowledged once more.
"""

# ruff: noqa: S608 - SQL here is put together from constants; values are always parameters
from __future__ import annotations

from datetime import date
from typing import Final

from app.core.calendar_seed import FIRST_YEAR
from app.metrics.sets import BEIJING, Terms, both, verified, within

_BEGUN: Final = "CASE WHEN i.cycle = 1 THEN i.acknowledged_at ELSE greatest(i.acknowledged_at, i.cycle_started_at) END"


def _day(instant: str) -> str:
    return f"(({instant}) AT TIME ZONE {BEIJING})::date"


_FIRST: Final = _day(_BEGUN)
_LAST: Final = _day("i.completed_at")

done_within = both(verified, lambda t: within("i.completed_at", t), lambda _: f"{_BEGUN} IS NOT NULL")
"""All gates passed, and the report they were passed on made in the period."""


def days(_: Terms) -> str:
    """Nothing for a report that is dated before the acknowledgement."""
    return f"greatest({_LAST} - {_FIRST}, 0)"


_BEFORE_ALL: Final = date(FIRST_YEAR - 1, 12, 31)
_UNKNOWN: Final = 1_000_000
"""What a day counts of which no calendar says whether it is worked: more than all that are."""
_WORKED: Final = (
    f"CASE WHEN y.year IS NULL THEN {_UNKNOWN} WHEN c.kind = 'workday' THEN 1 WHEN c.kind = 'holiday' THEN 0"
    " ELSE (extract(isodow FROM s.day) < 6)::int END"
)
_PASSED: Final = (
    f"(SELECT array_agg(o.passed ORDER BY o.day) FROM (SELECT s.day, sum({_WORKED}) OVER (ORDER BY s.day) AS passed"
    f" FROM (SELECT date '{_BEFORE_ALL}' + g AS day FROM generate_series(0, (SELECT make_date(max(l.year), 12, 31)"
    f" FROM calendar_year l) - date '{_BEFORE_ALL}') g) s"
    ' LEFT JOIN calendar_year y ON y.year = extract(year FROM s.day) LEFT JOIN calendar_day c ON c."on" = s.day) o)'
)
"""Working days up to each day, from the last before the first calendar on; put together once, not for each item."""


def _upto(day: str) -> str:
    return f"{_PASSED}[{day} - date '{_BEFORE_ALL}' + 1]"


_BETWEEN: Final = f"{_upto(_LAST)} - {_upto(_FIRST)}"
"""Those after the first day up to the last, as deadlines are counted."""


def _told(between: str) -> str:
    """Null where a day is of a year whose calendar is not loaded."""
    return f"CASE WHEN {between} < {_UNKNOWN} THEN greatest({between}, 0) END"


def workdays(_: Terms) -> str:
    return f"(SELECT {_told('w.days')} FROM (SELECT {_BETWEEN} AS days OFFSET 0) w)"


def workdays_known(t: Terms) -> str:
    return f"({workdays(t)} IS NOT NULL)::int"


WORKDAYS: Final = _told("taken.passed")
WORKDAYS_KNOWN: Final = f"(taken.passed < {_UNKNOWN})::int"


def taken(t: Terms) -> str:
    """Looked up of what was done in the period alone."""
    return f"CROSS JOIN LATERAL (SELECT CASE WHEN {done_within(t)} THEN {_BETWEEN} END AS passed OFFSET 0) taken"
