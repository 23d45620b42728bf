"""The only place that reads the machine's clock, so that a test can move time for the whole process at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, timezone

BEIJING = timezone(timedelta(hours=8), "Asia/Shanghai")
"""Civil time of every ledger: UTC+8 without daylight saving, hence no time zone data is needed."""


@dataclass(slots=True)
class _Skew:
    """One per process and not per task: a worker or a second connection must see the same moved time."""

    by: timedelta = timedelta(0)


_skew = _Skew()


def now() -> datetime:
    """The current instant, aware, in UTC."""
    return datetime.now(UTC) + _skew.by


def today() -> date:
    """The civil date in China, which decides deadlines, numbers and colours wherever the server stands."""
    return beijing_date(now())


def beijing_date(instant: datetime) -> date:
    """The civil date in China at an aware instant; a naive one is a programming error (ValueError)."""
    return _aware(instant).astimezone(BEIJING).date()


def end_of_day(day: date) -> datetime:
    """When a day is over, 24:00 Beijing time as an instant in UTC: whatever happens before it is in time."""
    return datetime(day.year, day.month, day.day, 24 - 8, tzinfo=UTC)


def shifted(db_instant: datetime) -> datetime:
    """The database keeps its own clock; its instants travel along with ours in tests."""
    return _aware(db_instant) + _skew.by


@contextmanager
def travel(to: datetime | timedelta) -> Iterator[None]:
    """For tests only: starts at an aware instant, or moves by a span; time keeps running, nested spans add up."""
    before = _skew.by
    _skew.by = before + to if isinstance(to, timedelta) else _aware(to) - datetime.now(UTC)
    try:
        yield
    finally:
        _skew.by = before


def _aware(instant: datetime) -> datetime:
    if instant.tzinfo is None:
        raise ValueError("an instant needs a time zone")
    return instant
