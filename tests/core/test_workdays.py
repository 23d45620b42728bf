from datetime import date, timedelta
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.calendar_seed import FIRST_YEAR, seed_from_holidays, seed_source, seed_years
from app.core.workdays import Calendar, CalendarUncertain, CalendarYear

LAST_YEAR = 2026


@cache
def official() -> Calendar:
    rows = seed_from_holidays(range(FIRST_YEAR, LAST_YEAR + 1))
    return Calendar.of(
        CalendarYear(
            year,
            version=1,
            source="test",
            holidays=frozenset(row.on for row in rows if row.on.year == year and row.kind == "holiday"),
            workdays=frozenset(row.on for row in rows if row.on.year == year and row.kind == "workday"),
        )
        for year in range(FIRST_YEAR, LAST_YEAR + 1)
    )


def bare(year: int) -> Calendar:
    return Calendar.of([CalendarYear(year, 1, "test", frozenset(), frozenset())])


days = st.dates(date(2008, 1, 1), date(2025, 12, 31))
counts = st.integers(0, 60)


@pytest.mark.parametrize(
    ("day", "worked"),
    [
        (date(2026, 2, 13), True),  # Friday
        (date(2026, 2, 14), True),  # Saturday worked for Spring Festival
        (date(2026, 2, 15), False),  # Sunday, first free day
        (date(2026, 2, 20), False),  # moved free Friday
        (date(2026, 2, 23), False),  # moved free Monday
        (date(2026, 2, 24), True),
        (date(2026, 2, 28), True),  # Saturday worked
        (date(2026, 3, 1), False),  # ordinary Sunday
        (date(2026, 4, 6), False),  # Tomb-Sweeping falls on a Sunday, Monday is free
        (date(2026, 5, 9), True),
        (date(2026, 9, 20), True),  # Sunday worked for National Day
        (date(2026, 10, 7), False),
        (date(2026, 10, 8), True),
        (date(2026, 10, 10), True),
        (date(2015, 9, 3), False),  # a free day of that year only
        (date(2015, 9, 6), True),
    ],
)
def test_the_official_notice_decides_what_is_worked(day: date, worked: bool) -> None:
    assert official().is_workday(day) is worked


def test_a_worked_saturday_counts_towards_a_deadline() -> None:
    assert official().add_workdays(date(2026, 2, 11), 3) == date(2026, 2, 14)
    assert official().workdays_between(date(2026, 2, 11), date(2026, 2, 14)) == 3


def test_a_public_notice_over_national_day_lasts_its_working_days() -> None:
    assert official().add_workdays(date(2026, 9, 28), 5) == date(2026, 10, 10)


def test_the_start_day_itself_is_not_counted() -> None:
    assert official().add_workdays(date(2026, 3, 2), 1) == date(2026, 3, 3)
    assert official().minus_workdays(date(2026, 3, 3), 1) == date(2026, 3, 2)
    assert official().add_workdays(date(2026, 3, 1), 0) == date(2026, 3, 1)


def test_a_deadline_into_a_year_without_notice_is_uncertain_and_names_the_year() -> None:
    with pytest.raises(CalendarUncertain) as caught:
        official().add_workdays(date(2026, 12, 30), 5)
    assert caught.value.year == 2027
    with pytest.raises(CalendarUncertain) as caught:
        official().is_workday(date(2006, 6, 1))
    assert caught.value.year == 2006
    with pytest.raises(CalendarUncertain):
        official().workdays_between(date(2026, 12, 1), date(2027, 1, 2))


def test_a_span_inside_known_years_is_certain_even_beside_an_unknown_one() -> None:
    assert bare(2026).add_workdays(date(2025, 12, 31), 1) == date(2026, 1, 1)
    assert not bare(2026).loaded(2025)
    assert bare(2026).loaded(2026)


def test_the_ends_of_time_are_uncertain_rather_than_a_crash() -> None:
    with pytest.raises(CalendarUncertain):
        bare(9999).add_workdays(date(9999, 12, 31), 1)
    with pytest.raises(CalendarUncertain):
        bare(1).minus_workdays(date(1, 1, 1), 1)


def test_a_negative_number_of_working_days_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        official().add_workdays(date(2026, 3, 2), -1)
    with pytest.raises(ValueError, match="negative"):
        official().minus_workdays(date(2026, 3, 2), -1)


@given(days, counts)
def test_counting_forward_arrives_at_a_working_day_with_exactly_that_many_between(start: date, count: int) -> None:
    calendar = official()
    end = calendar.add_workdays(start, count)
    assert calendar.workdays_between(start, end) == count
    assert count == 0 or calendar.is_workday(end)


@given(days, counts)
def test_counting_back_leaves_that_many_working_days_from_there_to_the_day_before(end: date, count: int) -> None:
    calendar = official()
    start = calendar.minus_workdays(end, count)
    between = [start + timedelta(days=n) for n in range((end - start).days)]
    assert sum(calendar.is_workday(day) for day in between) == count


@given(days, days, days)
def test_working_days_add_up_over_any_stop_on_the_way(one: date, two: date, three: date) -> None:
    calendar = official()
    total = calendar.workdays_between(one, three)
    assert total == calendar.workdays_between(one, two) + calendar.workdays_between(two, three)


@given(days, counts, counts)
def test_more_working_days_never_end_earlier(start: date, one: int, two: int) -> None:
    low, high = sorted((one, two))
    assert official().add_workdays(start, low) <= official().add_workdays(start, high)


def test_a_calendar_refuses_contradictions() -> None:
    day = date(2026, 1, 1)
    with pytest.raises(ValueError, match="belong"):
        CalendarYear(2025, 1, "test", frozenset({day}), frozenset())
    with pytest.raises(ValueError, match="at once"):
        CalendarYear(2026, 1, "test", frozenset({day}), frozenset({day}))
    year = CalendarYear(2026, 1, "test", frozenset({day}), frozenset())
    with pytest.raises(ValueError, match="twice"):
        Calendar.of([year, year])


def test_equal_data_makes_equal_calendars_and_a_new_version_another() -> None:
    old, new = (CalendarYear(2026, version, "test", frozenset(), frozenset()) for version in (1, 2))
    before = CalendarYear(2025, 1, "test", frozenset(), frozenset())
    assert Calendar.of([old, before]) == Calendar.of([before, old])
    assert Calendar.of([old]) != Calendar.of([new])
    assert len({Calendar.of([old]), Calendar.of([old])}) == 1


def test_only_years_with_a_complete_notice_are_seeded() -> None:
    assert seed_years(range(1999, LAST_YEAR + 1)) == list(range(FIRST_YEAR, LAST_YEAR + 1))
    # No notice exists that far ahead, only the statutory days can be computed.
    assert seed_years([2090]) == []
    assert seed_from_holidays([2090]) == []


def test_the_seed_names_only_days_that_differ_from_the_week_and_their_data_set() -> None:
    rows = seed_from_holidays(range(FIRST_YEAR, LAST_YEAR + 1))
    assert {row.on.weekday() < 5 for row in rows if row.kind == "holiday"} == {True}
    assert {row.on.weekday() >= 5 for row in rows if row.kind == "workday"} == {True}
    assert len({row.on for row in rows}) == len(rows)
    assert [row.on for row in rows] == sorted(row.on for row in rows)
    assert all(0 < len(row.name_zh) <= 100 for row in rows)
    assert seed_source().startswith("holidays ")


def test_each_make_up_day_pays_for_one_free_weekday() -> None:
    rows = [row for row in seed_from_holidays([2026]) if row.on.year == 2026]
    moved = [row for row in rows if "调休）" in row.name_zh]
    assert len(moved) == len([row for row in rows if row.kind == "workday"]) == 6
