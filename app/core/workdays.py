"""Working days as the official notices define them: weekends can be worked, weekdays can be free."""

from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta

_SATURDAY = 5
_ONE_DAY = timedelta(days=1)


class CalendarUncertain(Exception):  # noqa: N818 - a state of knowledge, not a failure
    """The answer depends on a year whose notice is not loaded; guessing would move somebody's deadline."""

    def __init__(self, year: int) -> None:
        super().__init__(f"no working-day calendar is loaded for {year}")
        self.year = year


@dataclass(frozen=True, slots=True)
class CalendarYear:
    """One loaded notice; only days that differ from the ordinary week need to be named."""

    year: int
    version: int
    source: str
    holidays: frozenset[date]
    workdays: frozenset[date]

    def __post_init__(self) -> None:
        if stray := [day for day in self.holidays | self.workdays if day.year != self.year]:
            raise ValueError(f"{min(stray)} does not belong to the calendar of {self.year}")
        if both := self.holidays & self.workdays:
            raise ValueError(f"{min(both)} cannot be a holiday and a working day at once")


@dataclass(frozen=True, slots=True)
class Calendar:
    """All loaded years; immutable, so that one request counts by one version from beginning to end."""

    years: tuple[CalendarYear, ...] = ()
    _by_year: dict[int, CalendarYear] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_year = {entry.year: entry for entry in self.years}
        if len(by_year) != len(self.years):
            raise ValueError("a year is loaded twice")
        object.__setattr__(self, "_by_year", by_year)

    @classmethod
    def of(cls, years: Iterable[CalendarYear]) -> "Calendar":
        """Orders the years, so that equal data makes equal calendars."""
        return cls(tuple(sorted(years, key=lambda entry: entry.year)))

    def loaded(self, year: int) -> bool:
        """Whether working days of this year are known."""
        return year in self._by_year

    def is_workday(self, day: date) -> bool:
        """Make-up workdays on a weekend count, holidays do not; raises CalendarUncertain."""
        entry = self._by_year.get(day.year)
        if entry is None:
            raise CalendarUncertain(day.year)
        return day in entry.workdays or (day.weekday() < _SATURDAY and day not in entry.holidays)

    def add_workdays(self, start: date, count: int) -> date:
        """The count-th working day after start, start itself not counted; 0 is start. Raises CalendarUncertain."""
        return self._walk(start, count, _ONE_DAY)

    def minus_workdays(self, day: date, count: int) -> date:
        """The count-th working day before a day, that day not counted; 0 is the day. Raises CalendarUncertain."""
        return self._walk(day, count, -_ONE_DAY)

    def workdays_between(self, start: date, end: date) -> int:
        """Working days after start up to and including end; negative when end lies before start."""
        if end < start:
            return -self.workdays_between(end, start)
        days = range(start.toordinal() + 1, end.toordinal() + 1)
        return sum(self.is_workday(date.fromordinal(ordinal)) for ordinal in days)

    def _walk(self, start: date, count: int, step: timedelta) -> date:
        if count < 0:
            raise ValueError("a number of working days is not negative")
        day = start
        while count:
            try:
                day += step
            except OverflowError:
                raise CalendarUncertain(day.year) from None
            count -= self.is_workday(day)
        return day


def months_later(day: date, months: int) -> date:
    """The same day of a later month, or that month's last day: half a year from 31 August ends on 28 or 29 February."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
