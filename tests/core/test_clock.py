from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core import clock

NEW_YEARS_EVE = datetime(2026, 12, 31, 15, 59, 59, 900_000, tzinfo=UTC)
instants = st.datetimes(datetime(1990, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
days = st.dates(date(1900, 1, 1), date(2200, 12, 31))


def test_now_is_an_aware_instant_in_utc() -> None:
    assert clock.now().utcoffset() == timedelta(0)


def test_a_day_begins_at_sixteen_hours_utc_of_the_day_before() -> None:
    assert clock.beijing_date(NEW_YEARS_EVE) == date(2026, 12, 31)
    assert clock.beijing_date(NEW_YEARS_EVE + timedelta(milliseconds=100)) == date(2027, 1, 1)


def test_the_server_s_own_time_zone_does_not_matter() -> None:
    new_york = timezone(timedelta(hours=-5))
    assert clock.beijing_date(datetime(2026, 6, 30, 12, 0, tzinfo=new_york)) == date(2026, 7, 1)


def test_a_day_ends_at_midnight_in_beijing() -> None:
    assert clock.end_of_day(date(2026, 6, 30)) == datetime(2026, 6, 30, 16, 0, tzinfo=UTC)
    assert clock.end_of_day(date.max).year == 9999
    assert clock.end_of_day(date.min).year == 1


@given(instants, days)
def test_an_instant_lies_before_the_end_of_exactly_its_own_and_later_days(instant: datetime, day: date) -> None:
    assert (instant < clock.end_of_day(day)) == (clock.beijing_date(instant) <= day)


@pytest.mark.parametrize("refused", [clock.beijing_date, clock.shifted])
def test_an_instant_without_time_zone_is_refused(refused: object) -> None:
    assert callable(refused)
    with pytest.raises(ValueError, match="time zone"):
        refused(datetime(2026, 1, 1))  # noqa: DTZ001


def test_travelling_to_an_instant_moves_today_and_comes_back() -> None:
    before = clock.now()
    with clock.travel(NEW_YEARS_EVE - timedelta(hours=1)):
        assert clock.today() == date(2026, 12, 31)
        assert timedelta(0) <= clock.now() - (NEW_YEARS_EVE - timedelta(hours=1)) < timedelta(seconds=30)
    assert timedelta(0) <= clock.now() - before < timedelta(seconds=30)


def test_travelling_by_a_span_adds_up_when_nested() -> None:
    before = clock.now()
    with clock.travel(timedelta(days=10)), clock.travel(timedelta(days=5)):
        assert timedelta(days=15) <= clock.now() - before < timedelta(days=15, seconds=30)
    assert clock.now() - before < timedelta(seconds=30)


def test_time_comes_back_even_when_the_journey_fails() -> None:
    before = clock.now()
    with pytest.raises(LookupError), clock.travel(timedelta(days=400)):
        raise LookupError
    assert clock.now() - before < timedelta(seconds=30)


def test_time_keeps_running_while_travelling() -> None:
    with clock.travel(NEW_YEARS_EVE):
        first = clock.now()
        while clock.now() == first:
            pass
        assert clock.now() > first


def test_instants_of_the_database_travel_along() -> None:
    stored = datetime(2026, 3, 1, tzinfo=UTC)
    assert clock.shifted(stored) == stored
    with clock.travel(timedelta(days=2)):
        assert clock.shifted(stored) == stored + timedelta(days=2)


def test_travelling_to_an_instant_without_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"), clock.travel(datetime(2026, 1, 1)):  # noqa: DTZ001
        pass
