"""Columns that follow from other columns: light, sort keys, movers, units."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.lifecycle.derived import derive, item_units, number_sort
from app.lifecycle.light import Light, LightReason, light_on, reasons_on, stored_turns
from app.lifecycle.states import TERMINAL, State
from app.tables.item import FAR
from tests.lifecycle.made import CALENDAR, DEADLINE, LEAD, OTHER, SOURCE, TODAY, row, uid

RUNNING = {
    State.ASSIGNED, State.PLANNING, State.PLAN_REVIEW, State.RECTIFYING, State.VERIFYING, State.CLOSING,
    State.PUBLIC_NOTICE,
}  # fmt: skip


def light(item: dict[str, Any], day: date) -> tuple[Light, LightReason]:
    found, _ = derive(item, CALENDAR)
    turns = stored_turns(found["blue_from"], found["yellow_from"], found["red_from"], found["light_reasons"])
    return light_on(turns, day), reasons_on(turns, day)[0]


@pytest.mark.parametrize("state", list(State))
def test_the_clock_runs_only_between_assignment_and_closing(state: State) -> None:
    colour, reason = light(row(state, progress_percent=100), date(2026, 7, 1))
    if state in RUNNING:
        assert (colour, reason) == (Light.RED, LightReason.PAST_DUE)
    elif state is State.SUSTAINING:
        assert reason is LightReason.NO_DUE_DATE
    else:
        assert colour is Light.GREY
        assert reason.value == {State.CLOSED: "closed"}.get(
            state, "off_ledger" if state in TERMINAL else "not_assigned"
        )


def test_long_term_work_is_measured_by_its_next_review() -> None:
    item = row("sustaining", next_review_on=date(2026, 5, 1))
    assert light(item, date(2026, 5, 1))[0] is not Light.RED
    assert light(item, date(2026, 5, 2)) == (Light.RED, LightReason.PAST_DUE)


def test_due_until_midnight_of_the_day_itself() -> None:
    item = row("rectifying", progress_percent=100)
    assert light(item, date(2026, 6, 30))[0] is Light.YELLOW
    assert light(item, date(2026, 7, 1))[0] is Light.RED


@pytest.mark.parametrize(("percent", "missed"), [(0, True), (49, True), (50, False), (100, False)])
def test_a_milestone_counts_as_reached_by_its_share_of_the_progress(percent: int, missed: bool) -> None:
    milestones = [{"title": "一", "due_on": "2026-03-03"}, {"title": "二", "due_on": "2026-06-30"}]
    item = row("rectifying", deadline=DEADLINE | {"milestones": milestones}, progress_percent=percent)
    found, _ = derive(item, CALENDAR)
    turned = found["light_reasons"]["yellow"].get("milestone_missed")
    assert (turned == "2026-03-04") is missed


def test_numbers_sort_by_their_value_and_drafts_last() -> None:
    numbers = ["ZG-2026-9", "ZG-2026-10", "ZG-2025-100", None]
    assert sorted(numbers, key=number_sort) == ["ZG-2025-100", "ZG-2026-9", "ZG-2026-10", None]


@given(st.integers(1, 99_999_999), st.integers(1, 99_999_999))
def test_the_order_of_numbers_is_the_order_of_their_serials(one: int, two: int) -> None:
    assert (number_sort(f"ZG-{one}") < number_sort(f"ZG-{two}")) == (one < two)


def test_an_item_without_a_due_date_sorts_last() -> None:
    assert derive(row(due_on=None), CALENDAR)[0]["due_sort"] == FAR
    assert derive(row(), CALENDAR)[0]["due_sort"] == date(2026, 6, 30)


def test_movers_are_stored_as_they_are_computed() -> None:
    columns, found = derive(row("rectifying"), CALENDAR)
    assert columns["movers"] == [{"role": role.value, "unit_id": str(unit)} for role, unit in found]
    assert found


def test_an_item_concerns_its_lead_responsible_cooperating_and_source_units() -> None:
    item = row(responsible_unit_id=OTHER, cooperating_unit_ids=[uid(8), uid(9)])
    parts = {(LEAD, "lead"), (OTHER, "responsible"), (uid(8), "cooperating"), (uid(9), "cooperating")}
    assert item_units(item) == parts | {(SOURCE, "source")}


def test_the_finders_unit_stands_for_a_source_outside_and_nothing_stands_for_nobody() -> None:
    bare = row(source_unit_id=None, finder_unit_id=OTHER, lead_unit_id=None, responsible_unit_id=None)
    assert item_units(bare) == {(OTHER, "source")}


@given(
    state=st.sampled_from(State),
    due=st.none() | st.dates(date(2025, 1, 1), date(2029, 1, 1)),
    percent=st.integers(0, 100),
    assigned=st.none() | st.dates(date(2025, 1, 1), date(2027, 1, 1)),
)
def test_deriving_never_fails_and_says_the_same_twice(
    state: State, due: date | None, percent: int, assigned: date | None
) -> None:
    item = row(state, due_on=due, progress_percent=percent, assigned_on=assigned)
    once, _ = derive(item, CALENDAR)
    again, _ = derive(item | once, CALENDAR)
    assert once == again
    assert reasons_on(
        stored_turns(once["blue_from"], once["yellow_from"], once["red_from"], once["light_reasons"]), TODAY
    )
