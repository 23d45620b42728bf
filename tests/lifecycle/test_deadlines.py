"""From the wording somebody confirmed to the day something falls due."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.core.workdays import Calendar, CalendarUncertain
from app.lifecycle.action_data import DeadlineIn
from app.lifecycle.deadlines import Resolved, counted, resolve, starts_at_acknowledgement, stored
from app.lifecycle.states import DayType, DeadlineKind
from tests.lifecycle.made import CALENDAR

MONDAY = date(2026, 3, 2)
MILESTONES = [{"title": "第一步", "due_on": "2026-05-01"}, {"title": "第二步", "due_on": "2026-04-01"}]


def said(**parts: Any) -> DeadlineIn:
    return DeadlineIn.model_validate({"text": "按期完成", **parts})


@pytest.mark.parametrize(
    ("given_", "due", "review"),
    [
        ({"kind": "date", "date": "2026-06-30"}, date(2026, 6, 30), None),
        ({"kind": "date", "date": "2020-01-01"}, date(2020, 1, 1), None),
        ({"kind": "days", "days": 15}, date(2026, 3, 23), None),
        ({"kind": "days", "days": 15, "day_type": "calendar"}, date(2026, 3, 17), None),
        ({"kind": "days", "days": 1}, date(2026, 3, 3), None),
        ({"kind": "immediate"}, date(2026, 4, 1), None),
        ({"kind": "immediate", "date": "2026-03-10"}, date(2026, 3, 10), None),
        ({"kind": "phased", "milestones": MILESTONES}, date(2026, 5, 1), None),
        ({"kind": "phased", "milestones": MILESTONES, "date": "2026-06-01"}, date(2026, 6, 1), None),
        ({"kind": "recurring", "review_on": "2026-06-01"}, None, date(2026, 6, 1)),
        ({"kind": "recurring", "date": "2026-06-01"}, date(2026, 6, 1), None),
        ({"kind": "long_term", "review_on": "2026-08-01"}, None, date(2026, 8, 1)),
        ({"kind": "long_term", "review_on": "2026-08-01", "date": "2026-12-31"}, None, date(2026, 8, 1)),
        ({"kind": "unspecified"}, None, None),
    ],
)
def test_a_deadline_falls_due_on(given_: dict[str, Any], due: date | None, review: date | None) -> None:
    assert resolve(said(**given_), MONDAY, CALENDAR, immediate_days=30) == Resolved(due, review)


def test_working_days_skip_the_spring_festival_and_count_the_weekend_worked_for_it() -> None:
    """2026年：2月15日至23日放假，2月14日、28日上班。"""
    assert counted(1, DayType.WORKING, date(2026, 2, 14), CALENDAR) == date(2026, 2, 24)
    assert counted(5, DayType.WORKING, date(2026, 2, 14), CALENDAR) == date(2026, 2, 28)


def test_a_year_without_a_calendar_is_never_guessed() -> None:
    with pytest.raises(CalendarUncertain) as caught:
        resolve(said(kind="days", days=15), MONDAY, Calendar(), 30)
    assert caught.value.year == 2026


@given(st.integers(1, 200), st.dates(date(2025, 6, 1), date(2026, 6, 1)))
def test_working_days_never_fall_due_before_as_many_calendar_days_and_always_on_a_working_day(
    days: int, start: date
) -> None:
    due = counted(days, DayType.WORKING, start, CALENDAR)
    assert due >= counted(days, DayType.CALENDAR, start, CALENDAR) == start + timedelta(days=days)
    assert CALENDAR.is_workday(due)
    assert CALENDAR.workdays_between(start, due) == days


@pytest.mark.parametrize(
    "given_",
    [
        {"kind": "date"},
        {"kind": "days"},
        {"kind": "phased"},
        {"kind": "recurring"},
        {"kind": "phased", "milestones": []},
    ],
)
def test_a_deadline_without_what_its_kind_needs_is_no_deadline(given_: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="deadline_incomplete"):
        said(**given_)


@pytest.mark.parametrize("days", [0, -1, 3651])
def test_the_number_of_days_is_sane(days: int) -> None:
    with pytest.raises(ValidationError):
        said(kind="days", days=days)


FIRST: dict[DeadlineKind, dict[str, Any]] = {
    DeadlineKind.DATE: {"date": "2026-06-30"},
    DeadlineKind.DAYS: {"days": 10},
    DeadlineKind.PHASED: {"milestones": MILESTONES},
    DeadlineKind.RECURRING: {"review_on": "2026-06-01"},
    DeadlineKind.LONG_TERM: {"review_on": "2026-06-01"},
}


@pytest.mark.parametrize("kind", list(DeadlineKind))
def test_the_original_date_once_written_survives_every_later_deadline(kind: DeadlineKind) -> None:
    deadline = said(kind=kind, **FIRST.get(kind, {}))
    kept = stored(deadline, resolve(deadline, MONDAY, CALENDAR, 30), date(2025, 12, 31))
    assert kept["original_date"] == "2025-12-31"
    first = stored(deadline, resolve(deadline, MONDAY, CALENDAR, 30), None)
    assert first["original_date"] == first["date"]


@pytest.mark.parametrize("kind", list(DeadlineKind))
def test_what_is_stored_can_be_read_again_as_the_same_deadline(kind: DeadlineKind) -> None:
    deadline = said(kind=kind, continuing=True, **FIRST.get(kind, {}))
    kept = stored(deadline, resolve(deadline, MONDAY, CALENDAR, 30), None)
    again = DeadlineIn.model_validate({k: v for k, v in kept.items() if k not in {"original_date", "extensions"}})
    assert (again.text, again.kind, again.days, again.continuing) == ("按期完成", kind, deadline.days, True)
    assert again.milestones == deadline.milestones
    assert resolve(again, MONDAY, CALENDAR, 30) == resolve(deadline, MONDAY, CALENDAR, 30)


@pytest.mark.parametrize("kind", list(DeadlineKind))
@pytest.mark.parametrize("start", ["notice", "acknowledge"])
def test_only_a_number_of_days_can_begin_with_the_acknowledgement(kind: DeadlineKind, start: str) -> None:
    assert starts_at_acknowledgement({"kind": kind.value, "from": start}) == (kind == "days" and start == "acknowledge")
