import json
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.calendar_seed import seed_from_holidays
from app.core.workdays import Calendar, CalendarYear
from app.lifecycle.light import (
    Clock,
    Light,
    LightInput,
    LightPolicy,
    LightReason,
    Turns,
    light_on,
    overdue_days,
    reasons_on,
    stored_turns,
    turn_dates,
)

ROWS = seed_from_holidays(range(2024, 2027))
CALENDAR = Calendar.of(
    CalendarYear(
        year,
        version=1,
        source="test",
        holidays=frozenset(row.on for row in ROWS if row.on.year == year and row.kind == "holiday"),
        workdays=frozenset(row.on for row in ROWS if row.on.year == year and row.kind == "workday"),
    )
    for year in range(2024, 2027)
)
NOTHING_LOADED = Calendar()
SEVERITY = [Light.GREEN, Light.BLUE, Light.YELLOW, Light.RED]
DUE = date(2026, 6, 30)  # a Tuesday, no holiday in the two weeks before except Dragon Boat on 19 June
RUNNING = LightInput(clock=Clock.RUNNING, calendar=CALENDAR, due_on=DUE, percent=100)

days = st.dates(date(2024, 7, 1), date(2026, 12, 20))
policies = st.builds(LightPolicy, st.integers(0, 15), st.integers(0, 15), st.integers(1, 60))
inputs = st.builds(
    LightInput,
    clock=st.sampled_from([Clock.RUNNING, Clock.SUSTAINING]),
    calendar=st.just(CALENDAR),
    due_on=st.none() | days,
    next_review_on=st.none() | days,
    started_on=st.none() | days,
    percent=st.integers(0, 100),
    open_milestones=st.lists(days, max_size=3).map(tuple),
    policy=policies,
)


def oracle(facts: LightInput, day: date) -> Light:
    """The rules read word for word for one single day."""
    due = facts.next_review_on if facts.clock is Clock.SUSTAINING else facts.due_on
    policy = facts.policy
    if due is not None and day > due:
        return Light.RED
    if any(day > milestone for milestone in facts.open_milestones):
        return Light.YELLOW
    if due is None:
        return Light.GREEN
    left = sum(facts.calendar.is_workday(day + timedelta(days=n + 1)) for n in range((due - day).days))
    if left <= policy.yellow_workdays:
        return Light.YELLOW
    start = facts.started_on
    if facts.clock is Clock.RUNNING and start is not None and start < due:
        expected = Fraction((day - start).days * 100, (due - start).days)
        if expected - facts.percent >= policy.behind_points:
            return Light.YELLOW
    return Light.BLUE if left <= policy.blue_workdays else Light.GREEN


@given(inputs, days)
def test_any_day_s_colour_is_what_the_rules_say_for_that_day(facts: LightInput, day: date) -> None:
    assert light_on(turn_dates(facts), day) is oracle(facts, day)


@given(inputs, st.integers(0, 40))
def test_day_by_day_around_the_due_date_the_colour_is_what_the_rules_say(facts: LightInput, offset: int) -> None:
    due = (facts.next_review_on if facts.clock is Clock.SUSTAINING else facts.due_on) or DUE
    day = min(due, date(2026, 12, 1)) + timedelta(days=5 - offset)
    assert light_on(turn_dates(facts), day) is oracle(facts, day)


@given(inputs, days, days)
def test_between_two_writes_a_light_only_gets_worse(facts: LightInput, one: date, two: date) -> None:
    turns = turn_dates(facts)
    earlier, later = sorted((one, two))
    assert SEVERITY.index(light_on(turns, earlier)) <= SEVERITY.index(light_on(turns, later))


@given(inputs, days)
def test_every_colour_has_its_reason(facts: LightInput, day: date) -> None:
    turns = turn_dates(facts)
    reasons = reasons_on(turns, day)
    assert reasons
    assert len(set(reasons)) == len(reasons)
    yellow = {LightReason.DUE_VERY_SOON, LightReason.MILESTONE_MISSED, LightReason.BEHIND_PACE}
    match light_on(turns, day):
        case Light.RED:
            assert reasons[0] is LightReason.PAST_DUE
        case Light.YELLOW:
            assert yellow & set(reasons)
            assert LightReason.PAST_DUE not in reasons
        case Light.BLUE:
            assert LightReason.DUE_SOON in reasons
        case _:
            assert set(reasons) <= {LightReason.ON_PACE, LightReason.NO_DUE_DATE}


@given(inputs, days)
def test_stored_dates_and_reasons_give_back_the_same_light(facts: LightInput, day: date) -> None:
    turns = turn_dates(facts)
    document = json.loads(json.dumps(turns.reasons_document()))
    again = stored_turns(turns.blue_from, turns.yellow_from, turns.red_from, document)
    assert again == turns
    assert reasons_on(again, day) == reasons_on(turns, day)


def test_the_dates_of_an_ordinary_deadline() -> None:
    turns = turn_dates(RUNNING)
    assert turns.red_from == date(2026, 7, 1)
    assert turns.yellow_from == date(2026, 6, 25)  # Friday, Monday and Tuesday remain
    assert turns.blue_from == date(2026, 6, 15)  # Dragon Boat on the 19th is free, ten working days remain
    assert not turns.calendar_uncertain


@pytest.mark.parametrize(
    ("day", "colour", "reasons"),
    [
        (date(2026, 6, 14), Light.GREEN, (LightReason.ON_PACE,)),
        (date(2026, 6, 15), Light.BLUE, (LightReason.DUE_SOON,)),
        (date(2026, 6, 24), Light.BLUE, (LightReason.DUE_SOON,)),
        (date(2026, 6, 25), Light.YELLOW, (LightReason.DUE_VERY_SOON,)),
        (DUE, Light.YELLOW, (LightReason.DUE_VERY_SOON,)),
        (date(2026, 7, 1), Light.RED, (LightReason.PAST_DUE,)),
    ],
)
def test_the_light_turns_on_its_days(day: date, colour: Light, reasons: tuple[LightReason, ...]) -> None:
    turns = turn_dates(RUNNING)
    assert light_on(turns, day) is colour
    assert reasons_on(turns, day) == reasons


def test_a_deadline_on_a_sunday_counts_the_working_days_before_it() -> None:
    turns = turn_dates(replace(RUNNING, due_on=date(2026, 6, 28)))
    assert turns.yellow_from == date(2026, 6, 23)  # Wednesday 24, Thursday 25, Friday 26 remain
    assert turns.red_from == date(2026, 6, 29)


def test_a_worked_saturday_brings_the_warning_a_day_closer() -> None:
    turns = turn_dates(replace(RUNNING, due_on=date(2026, 2, 14)))
    assert turns.yellow_from == date(2026, 2, 11)


def test_a_missed_milestone_turns_yellow_the_day_after_the_earliest_open_one() -> None:
    turns = turn_dates(replace(RUNNING, open_milestones=(date(2026, 5, 31), date(2026, 4, 30))))
    assert light_on(turns, date(2026, 4, 30)) is Light.GREEN
    assert light_on(turns, date(2026, 5, 1)) is Light.YELLOW
    assert reasons_on(turns, date(2026, 5, 1)) == (LightReason.MILESTONE_MISSED,)
    assert reasons_on(turns, DUE) == (LightReason.DUE_VERY_SOON, LightReason.MILESTONE_MISSED)
    assert reasons_on(turns, date(2026, 7, 1)) == (LightReason.PAST_DUE, LightReason.MILESTONE_MISSED)


def test_falling_twenty_points_behind_a_straight_line_turns_yellow() -> None:
    start = DUE - timedelta(days=100)
    turns = turn_dates(replace(RUNNING, started_on=start, percent=30))
    assert light_on(turns, start + timedelta(days=49)) is Light.GREEN
    assert light_on(turns, start + timedelta(days=50)) is Light.YELLOW
    assert reasons_on(turns, start + timedelta(days=50)) == (LightReason.BEHIND_PACE,)


def test_progress_never_behind_and_deadlines_before_the_start_have_no_pace() -> None:
    for facts in (
        replace(RUNNING, started_on=date(2026, 1, 1), percent=81),
        replace(RUNNING, started_on=DUE, percent=0),
        replace(RUNNING, started_on=DUE + timedelta(days=3), percent=0),
        replace(RUNNING, started_on=None, percent=0),
    ):
        assert [reason for reason, _ in turn_dates(facts).yellow_causes] == [LightReason.DUE_VERY_SOON]


def test_eighty_per_cent_falls_behind_only_on_the_due_date_itself() -> None:
    turns = turn_dates(replace(RUNNING, started_on=date(2026, 1, 1), percent=80))
    assert reasons_on(turns, DUE - timedelta(days=1)) == (LightReason.DUE_VERY_SOON,)
    assert reasons_on(turns, DUE) == (LightReason.DUE_VERY_SOON, LightReason.BEHIND_PACE)


def test_policy_numbers_move_the_dates() -> None:
    turns = turn_dates(replace(RUNNING, policy=LightPolicy(blue_workdays=1, yellow_workdays=0)))
    assert turns.blue_from == date(2026, 6, 29)
    assert turns.yellow_from == DUE
    with pytest.raises(ValueError, match="negative"):
        LightPolicy(blue_workdays=-1)
    with pytest.raises(ValueError, match="one point"):
        LightPolicy(behind_points=0)


def test_long_term_items_follow_their_next_review_not_their_due_date() -> None:
    facts = LightInput(
        clock=Clock.SUSTAINING,
        calendar=CALENDAR,
        due_on=date(2025, 12, 31),
        next_review_on=DUE,
        started_on=date(2025, 1, 1),
        percent=0,
    )
    turns = turn_dates(facts)
    assert turns == turn_dates(replace(RUNNING, due_on=DUE))
    assert light_on(turns, date(2026, 3, 1)) is Light.GREEN


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (replace(RUNNING, clock=Clock.NOT_ASSIGNED), LightReason.NOT_ASSIGNED),
        (replace(RUNNING, clock=Clock.CLOSED), LightReason.CLOSED),
        (replace(RUNNING, clock=Clock.OFF_LEDGER), LightReason.OFF_LEDGER),
        (replace(RUNNING, clock_suspended=True), LightReason.CLOCK_SUSPENDED),
        (replace(RUNNING, clock=Clock.SUSTAINING, clock_suspended=True), LightReason.CLOCK_SUSPENDED),
        (replace(RUNNING, clock=Clock.CLOSED, clock_suspended=True), LightReason.CLOSED),
    ],
)
def test_without_a_running_clock_the_light_is_grey_for_ever(facts: LightInput, reason: LightReason) -> None:
    turns = turn_dates(facts)
    assert (turns.blue_from, turns.yellow_from, turns.red_from) == (None, None, None)
    for day in (date(2020, 1, 1), DUE, date(2099, 1, 1)):
        assert light_on(turns, day) is Light.GREY
        assert reasons_on(turns, day) == (reason,)


def test_without_a_due_date_the_light_stays_green_until_a_milestone_is_missed() -> None:
    facts = replace(RUNNING, due_on=None, open_milestones=(DUE,))
    turns = turn_dates(facts)
    assert light_on(turns, DUE) is Light.GREEN
    assert reasons_on(turns, DUE) == (LightReason.NO_DUE_DATE,)
    assert light_on(turns, date(2099, 1, 1)) is Light.YELLOW
    assert reasons_on(turns, date(2099, 1, 1)) == (LightReason.MILESTONE_MISSED, LightReason.NO_DUE_DATE)


def test_a_year_without_calendar_is_counted_in_days_and_says_so() -> None:
    due = date(2027, 3, 31)
    turns = turn_dates(replace(RUNNING, due_on=due))
    assert turns == Turns(
        blue_from=due - timedelta(days=10),
        yellow_from=due - timedelta(days=3),
        red_from=due + timedelta(days=1),
        yellow_causes=((LightReason.DUE_VERY_SOON, due - timedelta(days=3)),),
        calendar_uncertain=True,
    )
    assert reasons_on(turns, date(2027, 1, 1)) == (LightReason.ON_PACE, LightReason.CALENDAR_UNCERTAIN)
    assert reasons_on(turns, due) == (LightReason.DUE_VERY_SOON, LightReason.CALENDAR_UNCERTAIN)


def test_only_the_date_that_needs_the_missing_year_is_uncertain() -> None:
    turns = turn_dates(replace(RUNNING, due_on=date(2024, 1, 10)))
    assert turns.yellow_from == date(2024, 1, 5)
    assert turns.blue_from == date(2023, 12, 31)
    assert turns.calendar_uncertain


@given(st.dates(), st.dates(), st.integers(0, 100), policies)
def test_no_date_in_the_world_makes_the_light_fail(due: date, day: date, percent: int, policy: LightPolicy) -> None:
    facts = LightInput(
        clock=Clock.RUNNING,
        calendar=NOTHING_LOADED,
        due_on=due,
        started_on=day,
        percent=percent,
        open_milestones=(day,),
        policy=policy,
    )
    turns = turn_dates(facts)
    assert light_on(turns, due) in {Light.YELLOW, Light.BLUE, Light.GREEN} or due == date.max
    assert turns.calendar_uncertain


def test_overdue_days_count_from_the_day_after_the_due_date() -> None:
    assert overdue_days(DUE, DUE) == 0
    assert overdue_days(DUE, DUE - timedelta(days=9)) == 0
    assert overdue_days(DUE, DUE + timedelta(days=1)) == 1
    assert overdue_days(DUE, date(2026, 7, 31)) == 31
    assert overdue_days(None, DUE) == 0


@given(days, days)
def test_an_item_is_overdue_exactly_when_its_light_is_red(due: date, day: date) -> None:
    turns = turn_dates(replace(RUNNING, due_on=due))
    assert (overdue_days(due, day) > 0) == (light_on(turns, day) is Light.RED)


def test_every_colour_and_reason_speaks_both_languages() -> None:
    for word in (*Light, *LightReason):
        assert word.zh
        assert word.en
        assert word.zh != word.en
