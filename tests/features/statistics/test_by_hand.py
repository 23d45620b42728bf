"""Every formula on a few items whose stories can be read here; the numbers were worked out with a pencil.

All moments are in 2026, in China. The quarter is January to March unless a test says otherwise.
"""

from __future__ import annotations

import pytest

from tests.features.statistics.asking import SPRING, START, Asking
from tests.make.plot import instant


async def test_nothing_at_all_is_no_percentage(told: Asking) -> None:
    assert await told("closure_rate") == (0, 0, None)
    assert await told("on_time_rate_cur") == (0, 0, None)


async def test_sets_of_a_moment(told: Asking) -> None:
    await told.item(*START, "2026-01-26 closed")
    await told.item("2026-01-05 registered", "2026-01-06 assigned due=2026-03-01", "2026-01-10 rectifying")
    await told.item("2026-01-05 registered", "2026-01-06 assigned due=2026-06-01", "2026-02-10 sustaining")
    await told.item("2026-01-05 registered", "2026-01-09 merged")
    await told.item("2026-01-05 submitted")
    await told.item("2026-04-01 12:00 registered")
    assert await told("due_base") == (3, None, None)
    assert await told("on_ledger") == (2, None, None)
    assert await told("in_progress") == (1, None, None)
    assert await told("sustaining") == (1, None, None)
    assert await told("closed") == (1, None, None)
    assert await told("off_ledger") == (1, None, None)
    assert await told("closure_rate") == (1, 3, "33.3")
    assert await told("overdue_open") == (1, None, None)
    assert await told("overdue_rate") == (1, 1, "100.0")
    assert await told("due_base", "2026-01-05 09:00") == (0, None, None)
    assert await told("closure_rate", "2026-01-26 09:59") == (0, 3, "0.0")
    assert await told("closure_rate", "2026-04-01 13:00") == (1, 4, "25.0")


async def test_a_deadline_lasts_to_the_end_of_its_day_in_china(told: Asking) -> None:
    await told.item("2026-01-05 registered", "2026-01-06 assigned due=2026-03-31")
    assert await told("overdue_open", "2026-03-31 23:59") == (0, None, None)
    assert await told("overdue_open", "2026-04-01 00:01") == (1, None, None)


async def test_reported_verified_and_sustained(told: Asking) -> None:
    await told.item(*START[:3])
    await told.item(*START)
    await told.item(*START, "2026-01-26 closed")
    start = ("2026-01-05 registered", "2026-01-06 assigned due=2026-06-01", "2026-01-10 sustaining")
    await told.item(*start)
    await told.item(*start, "2026-03-01 reviewed result=on_track")
    await told.item(*start, "2026-03-01 reviewed result=needs_work", "2026-03-02 sustaining")
    assert await told("rectified_rate_reported") == (3, 6, "50.0")
    assert await told("rectified_rate_verified") == (2, 6, "33.3")
    assert await told("rectified_incl_sustained") == (3, 6, "50.0")


async def test_on_time_by_the_original_and_by_the_current_deadline(told: Asking) -> None:
    """E15: put off from 10 February to 10 March, reported on 20 February, accepted in April."""
    await told.item(
        "2026-01-05 registered", "2026-01-06 assigned due=2026-02-10", "2026-01-20 registered",
        "2026-01-21 assigned due=2026-03-10", "2026-02-20 verifying", "2026-03-20 closing",
    )  # fmt: skip
    assert await told("on_time_rate_orig") == (0, 1, "0.0")
    assert await told("on_time_rate_cur") == (1, 1, "100.0")
    await told.item(
        "2026-01-05 registered",
        "2026-01-06 assigned due=2026-02-10",
        "2026-02-10 23:59 verifying",
        "2026-03-01 closing",
    )
    await told.item(
        "2026-01-05 registered",
        "2026-01-06 assigned due=2026-02-10",
        "2026-02-11 00:00 verifying",
        "2026-03-01 closing",
    )
    await told.item("2026-01-05 registered", "2026-01-06 assigned due=2026-02-10", "2026-02-01 verifying")
    await told.item(
        "2026-01-05 registered", "2026-01-06 assigned due=2026-04-01", "2026-02-01 verifying", "2026-03-01 closing"
    )
    assert await told("on_time_rate_orig") == (1, 4, "25.0")
    assert await told("on_time_rate_cur") == (2, 4, "50.0")
    february = {"period_from": "2026-02-01", "period_to": "2026-02-28"}
    assert await told("on_time_rate_orig", **february) == (1, 4, "25.0")
    assert await told("on_time_rate_cur", **february) == (1, 3, "33.3"), "put off into March, where it counts"
    # The one that was a day late, the one still open past its day; that of E15 was not late by its deadline of then.
    assert await told("overdue_total", "2026-03-31 10:00") == (2, 5, "40.0")


async def test_both_ways_to_reckon_the_closure_rate_of_a_period(told: Asking) -> None:
    """Six items: carried over and closed, carried over and open, closed before, reopened and closed again, new, a stranger."""
    await told.item(
        "2025-11-01 registered", "2025-11-02 assigned due=2026-02-01", "2026-01-20 verifying", "2026-02-01 closed"
    )
    await told.item("2025-11-01 registered", "2025-11-02 assigned due=2026-05-01")
    await told.item(
        "2025-06-01 registered", "2025-06-02 assigned due=2025-08-01", "2025-07-01 verifying", "2025-07-10 closed"
    )
    await told.item(
        "2025-06-01 registered", "2025-06-02 assigned due=2025-08-01", "2025-07-01 verifying", "2025-07-10 closed",
        "2026-01-15 reopened due=2026-03-01", "2026-02-15 verifying", "2026-02-20 closed",
    )  # fmt: skip
    await told.item(
        "2026-02-01 registered", "2026-02-02 assigned due=2026-05-01", "2026-02-10 verifying", "2026-02-12 closed",
        "2026-02-20 reopened due=2026-06-01", "2026-03-01 verifying", "2026-03-05 closed",
    )  # fmt: skip
    await told.item("2026-04-01 09:00 registered")
    # Closed in the quarter: the first, the fourth, the fifth. Base: the first, second, fourth and fifth.
    assert await told("closure_rate_period") == (3, 4, "75.0")
    # Closings in the quarter: 1 + 1 + 2. Stock of the year: first, second (open at new year) and the fifth (new).
    assert await told("closure_rate_year") == (4, 3, "133.3")
    february = {"period_from": "2026-02-01", "period_to": "2026-02-28"}
    assert await told("closed_within", **february) == (3, None, None)
    assert await told("reopened_within", **february) == (1, None, None)
    assert await told("registered_within", **february) == (1, None, None)
    assert await told("reopened_within") == (2, None, None)


async def test_a_closing_on_paper_counts_for_its_own_month_once_it_is_recorded(told: Asking) -> None:
    """E43: decided on 30 January, recorded on 18 February."""
    january = {"period_from": "2026-01-01", "period_to": "2026-01-31"}
    await told.item(*START, "2026-02-18 closed paper=2026-01-30")
    assert await told("closed_within", "2026-02-01 00:00", **january) == (0, None, None)
    assert await told("closed_within", "2026-02-19 00:00", **january) == (1, None, None)


async def test_rebounds_by_cohort(told: Asking) -> None:
    spring = {"period_from": "2025-01-01", "period_to": "2025-03-31"}
    first = ("2025-01-05 registered", "2025-01-06 assigned due=2025-02-01", "2025-01-20 verifying", "2025-02-10 closed")
    await told.item(*first)
    await told.item(*first, "2026-02-10 09:59 reopened due=2026-05-01")
    await told.item(*first, "2026-02-10 10:00 reopened due=2026-05-01")
    again = ("2024-06-01 registered", "2024-06-02 assigned due=2024-08-01", "2024-07-01 verifying", "2024-07-10 closed",
             "2024-10-01 reopened due=2025-02-01", "2025-01-20 verifying", "2025-02-01 closed")  # fmt: skip
    await told.item(*again)
    await told.item(*again, "2025-08-01 reopened due=2026-01-01")
    assert await told("rebound_rate", **spring) == (1, 3, "33.3")
    assert await told("rebound_rate_again", **spring) == (1, 2, "50.0")
    # E19: before the reopening was recorded, nothing had come back.
    assert await told("rebound_rate", "2026-02-10 09:58", **spring) == (0, 3, "0.0")


async def test_measures_are_counted_and_not_averaged(told: Asking) -> None:
    await told.item("2026-01-05 registered", "2026-01-06 assigned due=2026-02-01", "2026-01-20 measures done=1 of=1")
    await told.item("2026-01-05 registered", "2026-01-06 assigned due=2026-02-01", "2026-01-20 measures done=1 of=7")
    assert await told("measure_progress") == (2, 8, "25.0")


async def test_first_reports_and_returned_reports(told: Asking) -> None:
    await told.item(*START[:3], "2026-01-21 judged gate=solved result=passed", "2026-01-25 closing")
    await told.item(
        *START[:3], "2026-01-21 judged gate=solved result=failed", "2026-01-22 returned", "2026-02-01 verifying",
        "2026-02-02 judged gate=solved result=passed", "2026-02-03 closing", "2026-02-04 closed",
    )  # fmt: skip
    await told.item(*START[:3], "2026-01-21 withdrawn", "2026-02-01 verifying", "2026-02-02 closing")
    await told.item(*START[:3], "2026-01-21 judged gate=solved result=failed", "2026-01-22 returned")
    await told.item(*START[:3])
    # Accepted at once: the first. Judged: the first, second and fourth; withdrawn and pending say nothing.
    assert await told("first_pass_rate") == (1, 3, "33.3")
    # Seven reports, of which those of the second and the fourth came back.
    assert await told("return_rate") == (2, 7, "28.6")


async def test_satisfaction_and_its_waiving(told: Asking) -> None:
    await told.item(
        *START[:3],
        "2026-01-21 judged gate=people result=passed votes=16+1-3",
        "2026-01-25 closing",
        "2026-01-26 closed",
    )
    await told.item(
        *START[:3], "2026-01-21 judged gate=people result=waived", "2026-01-25 closing", "2026-01-26 closed"
    )
    await told.item(
        *START[:3], "2026-01-21 judged gate=people result=waived", "2026-01-22 judged gate=people result=reopened",
        "2026-01-23 judged gate=people result=passed votes=3+0-0", "2026-01-25 closing", "2026-01-26 closed",
    )  # fmt: skip
    await told.item(
        *START[:3],
        "2026-01-21 judged gate=people result=failed votes=0+0-9",
        "2026-01-25 returned",
        "2026-02-01 verifying",
    )
    assert await told("satisfaction_rate") == (20, 23, "87.0")
    assert await told("gate_waiver_rate") == (1, 3, "33.3")

    # The last word of the people: passed, waived, passed; of the fourth's new report nothing yet.
    assert await told("satisfaction_pass_rate") == (2, 2, "100.0")
    # While its first report stood, they had said no.
    assert await told("satisfaction_pass_rate", "2026-01-24 12:00") == (2, 3, "66.7")


async def _value(told: Asking, metric: str, as_of: str = SPRING, **params: str) -> tuple[int, int, str | None, str]:
    figure = (await told.ask(metric, as_of, **params))["totals"][0]
    assert figure["percent"] is None
    return figure["numerator"], figure["denominator"], figure["value"], figure["value_unit"]


async def test_days_from_the_acknowledgement_to_the_report_that_was_accepted(told: Asking) -> None:
    """15, 15, 0 and 10 days; 11, 6, 0 and 8 of them worked, round the spring festival of 2026 and its make-up Saturday."""
    start = ("2026-01-02 registered", "2026-01-03 assigned due=2026-06-01")
    await told.item(*start, "2026-01-05 acknowledged", "2026-01-20 verifying", "2026-03-01 closing")
    await told.item(
        *start, "2026-02-10 acknowledged", "2026-02-20 verifying", "2026-02-22 returned", "2026-02-25 verifying",
        "2026-02-26 closing",
    )  # fmt: skip
    # One day in China, two in Greenwich.
    await told.item(*start, "2026-03-02 00:10 acknowledged", "2026-03-02 23:50 verifying", "2026-03-03 closing")
    # In its second cycle, which began with the reopening; its first, of nine days, is over and done with.
    await told.item(
        "2025-11-30 registered", "2025-12-01 assigned due=2026-01-01", "2025-12-01 12:00 acknowledged",
        "2025-12-10 verifying", "2025-12-20 closed", "2026-02-02 reopened due=2026-03-01", "2026-02-12 verifying",
        "2026-02-13 closing",
    )  # fmt: skip
    # Not accepted yet, and never acknowledged.
    await told.item(*start, "2026-01-05 acknowledged", "2026-03-20 verifying")
    await told.item(*start, "2026-03-20 verifying", "2026-03-21 closing")
    assert await _value(told, "avg_days") == (40, 4, "10.0", "days")
    assert await _value(told, "p50_days") == (10, 4, "10", "days")
    assert await _value(told, "p90_days") == (15, 4, "15", "days")
    assert await _value(told, "avg_workdays") == (25, 4, "6.3", "workdays")
    assert await _value(told, "p50_workdays") == (6, 4, "6", "workdays")
    assert await _value(told, "p90_workdays") == (11, 4, "11", "workdays")
    february = {"period_from": "2026-02-01", "period_to": "2026-02-28"}
    assert await _value(told, "avg_days", **february) == (25, 2, "12.5", "days")
    december = {"period_from": "2025-12-01", "period_to": "2025-12-31"}
    assert await _value(told, "avg_days", **december) == (0, 0, None, "days")
    assert await _value(told, "p50_days", **december) == (0, 0, None, "days")
    assert await _value(told, "avg_days", "2025-12-31 10:00", **december) == (9, 1, "9.0", "days")


async def test_the_course_of_days_taken_is_what_was_known_when_each_month_ended(told: Asking) -> None:
    start = ("2026-01-02 registered", "2026-01-03 assigned due=2026-06-01", "2026-01-05 acknowledged")
    # Reported in January and accepted in March, so January does not know of it, and a figure of January asked today does.
    await told.item(*start, "2026-01-20 verifying", "2026-03-01 closing")
    await told.item(*start, "2026-02-04 verifying", "2026-02-05 closing")
    await told.item(*start, "2026-02-08 verifying", "2026-02-09 closing", lead=1)
    moment = instant("2026-04-01").isoformat().replace("+00:00", "Z")
    asked = {"metric": "avg_days,p50_days", "months": "4", "as_of": moment}
    series = (await told.get("/statistics/trend", **asked)).json()["series"]
    assert [[figure["value"] for figure in point["figures"]] for point in series] == [
        [None, None], ["32.0", "30"], [None, None], [None, None],
    ]  # fmt: skip
    assert await _value(told, "avg_days", period_from="2026-01-01", period_to="2026-01-31") == (15, 1, "15.0", "days")
    found = await told.ask("p50_days,avg_days", group_by="unit")
    by_unit = {group["keys"][0]: [figure["value"] for figure in group["figures"]] for group in found["groups"]}
    assert by_unit == {str(told.plot.units[0]): ["15", "22.5"], str(told.plot.units[1]): ["34", "34.0"]}
    assert [figure["value"] for figure in found["totals"]] == ["30", "26.3"]


async def test_midnight_in_china_belongs_to_the_period_that_begins(told: Asking) -> None:
    await told.item("2026-01-31 23:59 registered", "2026-02-01 assigned due=2026-06-01")
    await told.item("2026-02-01 00:00 registered", "2026-02-02 assigned due=2026-06-01")
    await told.item(*START, "2026-02-28 23:59 closed")
    await told.item(*START, "2026-03-01 00:00 closed")
    january, february, march = (
        {"period_from": f"2026-{month:02}-01", "period_to": f"2026-{month:02}-{last}"}
        for month, last in ((1, 31), (2, 28), (3, 31))
    )
    assert [await told("registered_within", **days) for days in (january, february)] == [
        (3, None, None),
        (1, None, None),
    ]
    assert [await told("closed_within", **days) for days in (february, march)] == [(1, None, None), (1, None, None)]


async def test_a_course_begins_with_the_first_year_there_is(told: Asking) -> None:
    answer = await told.get("/statistics/trend", metric="closed", months="24", as_of="1900-03-01T00:00:00Z")
    assert answer.status_code == 200, answer.text
    assert [point["month"] for point in answer.json()["series"]] == ["1900-01", "1900-02", "1900-03"]


async def test_working_days_of_a_year_without_a_calendar_are_not_guessed(told: Asking) -> None:
    start = ("2025-12-02 registered", "2025-12-03 assigned due=2026-06-01")
    await told.item(*start, "2025-12-30 acknowledged", "2026-01-06 verifying", "2026-01-07 closing")
    # The day itself is not counted, so that its year need not be known: 4, 5 and 6 January were worked.
    await told.item(*start, "2025-12-31 acknowledged", "2026-01-06 verifying", "2026-01-07 closing")
    assert await _value(told, "avg_workdays") == (7, 2, "3.5", "workdays")
    for lost in ("year = 2025", "year < 2026"):
        await told.plot.connection.execute(f"DELETE FROM calendar_year WHERE {lost}")
        assert await _value(told, "avg_workdays") == (3, 1, "3.0", "workdays")
    assert await _value(told, "avg_days") == (13, 2, "6.5", "days")


async def test_the_mode_immediate_has_a_rate_of_its_own(told: Asking) -> None:
    start, due = "2026-01-05 registered", "2026-01-06 assigned due=2026-02-01 mode=immediate"
    await told.item(start, due, "2026-01-07 verifying", "2026-01-08 closing")
    await told.item(start, due)
    await told.item(*START)
    assert await told("immediate_rate") == (1, 2, "50.0")


async def test_what_falls_due_in_a_week(told: Asking) -> None:
    await told.item("2026-01-05 registered", "2026-01-06 assigned due=2026-04-05")
    await told.item("2026-01-05 registered", "2026-01-06 assigned due=2026-04-06")
    await told.item(
        "2026-01-05 registered", "2026-01-06 assigned due=2026-04-05", "2026-02-01 verifying", "2026-02-02 closed"
    )
    assert await told("due_within", period_from="2026-03-30", period_to="2026-04-05") == (1, None, None)


async def test_shares_count_an_item_for_each_unit_at_work_on_it(told: Asking) -> None:
    await told.item(*START, "2026-01-26 closed", lead=0, helping=1)
    await told.item("2026-01-05 registered", "2026-01-06 assigned due=2026-03-01", lead=1)
    assert await told("closure_rate") == (1, 2, "50.0")
    assert await told("closure_rate_shared") == (2, 3, "66.7")
    found = await told.ask("closure_rate_shared", group_by="unit")
    shares = {group["keys"][0]: group["figures"][0]["percent"] for group in found["groups"]}
    assert shares == {str(told.plot.units[0]): "100.0", str(told.plot.units[1]): "50.0"}


@pytest.mark.parametrize("restricted", [True, False])
async def test_few_items_with_a_restricted_one_among_them_are_withheld(told: Asking, *, restricted: bool) -> None:
    """E31: for a caller who may not read it, such as a leader who does not answer for it."""
    kind = "restricted" if restricted else "internal"
    await told.item("2026-01-05 registered", "2026-01-06 assigned due=2026-03-01", lead=0, confidentiality=kind)
    for _ in range(3):
        await told.item("2026-01-05 registered", "2026-01-06 assigned due=2026-03-01", lead=1)
    assert (await told.ask("due_base", group_by="unit"))["groups"][0]["figures"][0]["numerator"] == 1
    found = await told.ask("due_base", caller="leader", group_by="unit")
    by_unit = {group["keys"][0]: group["figures"][0] for group in found["groups"]}
    assert by_unit[str(told.plot.units[0])]["suppressed"] is restricted
    assert by_unit[str(told.plot.units[0])]["numerator"] == (None if restricted else 1)
    assert by_unit[str(told.plot.units[1])]["numerator"] == 3
    assert found["totals"][0]["numerator"] == 4
