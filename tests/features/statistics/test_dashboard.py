"""The board in one answer: every tile is a figure one could have asked for, and leads to what it counts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from app.core import clock
from app.core.clock import beijing_date
from app.features.statistics.fresh import AHEAD, MAX_AGE, Fresh
from tests.features.identify.ledger_book import ids
from tests.features.statistics.asking import START, Asking
from tests.features.statistics.lived import Lived, settled_now
from tests.make.plot import instant

Json = dict[str, Any]


async def _board(lived: Lived, caller: str, **params: str) -> Json:
    lived.app.state.figures = Fresh()
    async with lived.client(caller) as client:
        answer = await client.get("/v1/dashboard", params=params)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


def _counts(board: Json) -> Iterator[tuple[int, str]]:
    """Every count of items on the board with the address of its list."""
    groups = [*board["by_unit"], *board["by_source"], *board["by_category"]]
    figures = [*board["figures"], board["due_this_week"], *(one for group in groups[::7] for one in group["figures"])]
    for figure in figures:
        if figure["suppressed"] or figure["grain"] not in {"problem", "day"}:
            continue
        if figure["grain"] == "problem":
            yield figure["numerator"], figure["drill"]["numerator"]
        if figure["denominator"] is not None:
            yield figure["denominator"], figure["drill"]["denominator"]
    for counted in (
        *board["lights"].values(),
        *(month[kind] for month in board["months"] for kind in ("registered", "closed", "reopened")),
    ):
        if counted["count"] is not None:
            yield counted["count"], counted["drill"]
    for outcome in board["outcomes"]:
        if outcome["items"] is not None:
            yield outcome["items"], outcome["drill"]


@pytest.mark.parametrize("caller", ["whole tree", "30 units"])
@pytest.mark.parametrize("days_ago", [None, 90.0])
async def test_every_number_on_the_board_is_the_length_of_its_list(
    lived: Lived, caller: str, days_ago: float | None
) -> None:
    at = (
        {}
        if days_ago is None
        else {"as_of": (settled_now() - timedelta(days=days_ago)).isoformat().replace("+00:00", "Z")}
    )
    board = await _board(lived, caller, severity="general,major", **at)
    seen = 0
    async with lived.client(caller) as client:
        for count, address in _counts(board):
            query: Json = dict(parse_qsl(urlsplit(address).query))
            assert query["severity"] == "general,major"
            assert len(await ids(client, **query)) == count, address
            seen += count > 0
    assert seen > 20
    assert board["filters"] == {"severity": "general,major"}


async def test_tiles_add_up(lived: Lived) -> None:
    board = await _board(lived, "whole tree")
    figures = {figure["metric"]: figure for figure in board["figures"]}
    value = {code: figure["numerator"] for code, figure in figures.items()}
    assert value["due_base"] == value["closed"] + value["in_progress"] + value["sustaining"]
    assert value["on_ledger"] == value["in_progress"] + value["sustaining"]
    lights = [lamp["count"] for lamp in board["lights"].values()]
    assert sum(lights) == value["on_ledger"]
    assert lights[0] > 0
    for groups in (board["by_unit"], board["by_source"], board["by_category"]):
        told = [group["figures"][0] for group in groups]
        assert (
            sum(figure["numerator"] or 0 for figure in told) + 2 * sum(f["suppressed"] for f in told)
            >= value["due_base"]
        )
    assert [month["month"] for month in board["months"]] == sorted(month["month"] for month in board["months"])
    assert len(board["months"]) == 12
    assert all(group["name"]["zh"] for group in board["by_unit"])


@pytest.mark.parametrize(("caller", "more"), [
    ("whole tree", {}), ("whole tree", {"mode": "phased"}), ("30 units", {}), ("30 units", {"state": "rectifying"}),
    ("one unit", {}),
])  # fmt: skip
async def test_the_longest_overdue_come_first_as_their_list_shows_them(
    lived: Lived, caller: str, more: dict[str, str]
) -> None:
    board = await _board(lived, caller, **more)
    async with lived.client(caller) as client:
        query = {"set": "overdue_open.numerator", "sort": "due_on", "limit": "10", **more}
        listed = (await client.get("/v1/items", params=query)).json()["items"]
    assert board["overdue_items"] == listed
    assert listed
    assert len(listed) == 10 or caller != "whole tree" or more


async def test_who_watches_never_waits_for_the_next_count(lived: Lived) -> None:
    elapsed = 0.0
    lived.app.state.figures = Fresh(lambda: clock.now().timestamp() + elapsed)
    async with lived.client("30 units") as client:
        first = (await client.get("/v1/dashboard")).content
        assert (await client.get("/v1/dashboard")).content == first
        elapsed = AHEAD
        assert (await client.get("/v1/dashboard")).content == first, "the last one, while the next is being made"
        async with asyncio.timeout(20):
            while (told := (await client.get("/v1/dashboard")).content) == first:  # noqa: ASYNC110 - over HTTP, as a board looks
                await asyncio.sleep(0.02)
        elapsed += MAX_AGE
        late = (await client.get("/v1/dashboard")).json()
    assert json.loads(first)["as_of"] < json.loads(told)["as_of"] < late["as_of"]


async def test_it_is_not_sent_again_while_it_says_the_same(lived: Lived) -> None:
    async with lived.client("whole tree") as client:
        first = await client.get("/v1/dashboard")
        lived.app.state.figures = Fresh()
        again = await client.get("/v1/dashboard", headers={"If-None-Match": first.headers["ETag"]})
        other = await client.get("/v1/dashboard?mode=phased", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert other.status_code == 200
    assert first.headers["ETag"].startswith('W/"')


@pytest.mark.parametrize("days_ago", [None, 20])
async def test_callers_who_see_the_same_share_what_is_counted_and_others_do_not(
    lived: Lived, days_ago: int | None
) -> None:
    past = settled_now() - timedelta(days=days_ago or 0)
    asked = {} if days_ago is None else {"as_of": past.isoformat().replace("+00:00", "Z")}
    lived.app.state.figures = Fresh()
    boards = []
    for caller in ("whole tree", "whole tree", "30 units", "one unit"):
        async with lived.client(caller) as client:
            boards.append((await client.get("/v1/dashboard", params=asked)).json())
    whole, again, some, small = boards
    assert whole["generated_at"] == again["generated_at"]
    seen = [board["figures"][0]["numerator"] for board in (small, some, whole)]
    assert 0 < seen[0] < seen[1] < seen[2]
    assert small["scope"] == {"whole_tree": False, "unit_ids": [str(lived.book.world.organisation.sections[0])]}


async def test_a_week_runs_from_monday_to_sunday_in_china(told: Asking) -> None:
    """1 April 2026 is a Wednesday."""
    for due in ("2026-03-29", "2026-03-30", "2026-04-05", "2026-04-06"):
        await told.item("2026-01-05 registered", f"2026-01-06 assigned due={due}")
    board = (await told.get("/dashboard", as_of=_z("2026-04-01"))).json()
    figure = board["due_this_week"]
    assert (figure["numerator"], figure["period"]) == (2, {"from": "2026-03-30", "to": "2026-04-05"})
    # Half an hour into Monday in China, where it is still Sunday by UTC.
    monday = instant("2026-03-30", "00:30").isoformat().replace("+00:00", "Z")
    figure = (await told.get("/dashboard", as_of=monday)).json()["due_this_week"]
    assert (figure["numerator"], figure["period"]) == (2, {"from": "2026-03-30", "to": "2026-04-05"})


@pytest.mark.parametrize(("day", "hour", "month"), [
    ("2026-03-31", "23:59", "2026-03"), ("2026-04-01", "00:00", "2026-04"), ("2028-02-29", "23:59", "2028-02"),
    ("2028-03-01", "00:00", "2028-03"), ("2026-12-31", "23:59", "2026-12"), ("2027-01-01", "00:00", "2027-01"),
])  # fmt: skip
async def test_a_month_of_the_board_begins_at_midnight_in_china(lived: Lived, day: str, hour: str, month: str) -> None:
    with clock.travel(datetime(2028, 6, 1, tzinfo=UTC)):
        moment = instant(day, hour).isoformat().replace("+00:00", "Z")
        async with lived.client("whole tree") as client:
            board = (await client.get("/v1/dashboard", params={"as_of": moment})).json()
            trend = (
                await client.get("/v1/statistics/trend", params={"metric": "closed_within", "as_of": moment})
            ).json()
    figure = next(one for one in board["figures"] if one["metric"] == "closure_rate_period")
    assert (board["months"][-1]["month"], figure["period"]["from"]) == (month, f"{month}-01")
    assert trend["series"][-1]["month"] == month
    assert len(trend["series"]) == len(board["months"]) == 12


async def test_months_count_an_item_once_however_often_it_was_closed_in_one(told: Asking) -> None:
    await told.item(
        *START, "2026-02-03 closed", "2026-02-05 reopened due=2026-05-01", "2026-02-10 verifying", "2026-02-12 closed",
        "2026-03-02 reopened due=2026-05-01",
    )  # fmt: skip
    await told.item(*START, "2026-02-28 23:59 closed")
    await told.item(*START, "2026-03-01 00:00 closed")
    board = (await told.get("/dashboard", as_of=_z("2026-04-01"))).json()
    found = {
        month["month"]: [month[kind]["count"] for kind in ("registered", "closed", "reopened")]
        for month in board["months"]
    }
    assert found["2026-01"] == [3, 0, 0]
    assert found["2026-02"] == [0, 2, 1]
    assert found["2026-03"] == [0, 1, 1]
    assert next(iter(found)) == "2025-05"


async def test_outcomes_of_a_moment_are_those_recorded_by_then_and_not_removed_yet(told: Asking) -> None:
    item = await told.item(
        "2026-01-05 registered", "2026-01-06 assigned due=2026-03-01", "2026-01-10 rectifying", "2026-01-15 rectifying",
        "2026-02-15 rectifying", "2026-03-15 rectifying",
    )  # fmt: skip
    add = """INSERT INTO outcome (item_id, id, cycle, kind, name, amount_fen, changed_seq, created_at)
             VALUES ($1, gen_random_uuid(), 1, $2, '成果', $3, 3, $4)"""
    await told.plot.connection.execute(add, item, "recovered_funds", 150_00, instant("2026-01-15"))
    await told.plot.connection.execute(add, item, "recovered_funds", 70_00, instant("2026-03-15"))
    gone = """INSERT INTO outcome_gone VALUES ($1, gen_random_uuid(), 'institution', NULL, NULL, $2, $3)"""
    await told.plot.connection.execute(gone, item, instant("2026-01-15"), instant("2026-02-15"))

    async def at(day: str | None) -> dict[str, tuple[int, int]]:
        board = (await told.get("/dashboard", **({} if day is None else {"as_of": _z(day)}))).json()
        for one in board["outcomes"]:
            query = dict(parse_qsl(urlsplit(one["drill"]).query))
            listed = (await told.get("/items", **query)).json()["items"]
            assert [found["id"] for found in listed] == [str(item)] * one["items"], one["kind"]
        return {one["kind"]: (one["count"], one["amount_fen"]) for one in board["outcomes"] if one["count"]}

    assert await at("2026-02-01") == {"recovered_funds": (1, 150_00), "institution": (1, 0)}
    assert await at("2026-03-01") == {"recovered_funds": (1, 150_00)}
    assert await at(None) == {"recovered_funds": (2, 220_00)}


@pytest.mark.parametrize("past", [False, True])
async def test_outcomes_of_few_are_withheld_with_a_restricted_one_among_them(told: Asking, *, past: bool) -> None:
    """As the metric of the same items is, for whoever may not read that one."""
    steps = ("2026-01-05 registered", "2026-01-06 assigned due=2026-03-01", "2026-01-10 rectifying")
    add = """INSERT INTO outcome (item_id, id, cycle, kind, name, amount_fen, changed_seq, created_at)
             VALUES ($1, gen_random_uuid(), 1, 'recovered_funds', '成果', 150, 3, $2)"""
    moment = {"as_of": _z("2026-02-01")} if past else {}
    seen = []
    for level in ("restricted", "internal", "internal"):
        item = await told.item(*steps, confidentiality=level)
        await told.plot.connection.execute(add, item, instant("2026-01-10"))
        board = (await told.get("/dashboard", "leader", **moment)).json()
        one = next(one for one in board["outcomes"] if one["kind"] == "recovered_funds")
        found = await told.get("/statistics", "leader", metric="outcome_recovered_funds", **moment)
        figure = found.json()["totals"][0]
        assert (one["items"], one["drill"] is None) == (figure["numerator"], figure["suppressed"])
        seen.append([one[name] for name in ("count", "amount_fen", "quantity", "items")])
    assert seen == [[None] * 4, [None] * 4, [3, 450, 0, 3]]


async def test_figures_are_made_anew_within_five_seconds(told: Asking) -> None:
    await told.item("2026-01-05 registered")
    async with told.client() as client:
        assert (await client.get("/v1/dashboard")).json()["figures"][0]["numerator"] == 1
        soon = clock.now().astimezone(clock.BEIJING) + timedelta(minutes=1)
        await told.item(f"{soon:%Y-%m-%d %H:%M} registered")
        seen = []
        for _ in range(30):
            seen.append((await client.get("/v1/dashboard")).json()["figures"][0]["numerator"])
            await asyncio.sleep(0.2)
    assert seen[0] == 1
    assert seen[-1] == 2


async def test_a_past_moment_too_young_and_filters_of_today_are_refused(lived: Lived) -> None:
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    cases = {
        "dashboard": {"as_of": now}, "statistics": {"as_of": now, "metric": "closed"},
        "statistics/trend": {"as_of": now, "metric": "closed"},
    }  # fmt: skip
    async with lived.client("whole tree") as client:
        for path, params in cases.items():
            answer = await client.get(f"/v1/{path}", params=params)
            assert (answer.status_code, answer.json()["code"]) == (422, "as_of_too_recent")
            past = {**params, "as_of": "2026-06-01T00:00:00Z", "q": "问题"}
            answer = await client.get(f"/v1/{path}", params=past)
            assert (answer.status_code, answer.json()["code"]) == (422, "as_of_not_combinable")


async def test_a_trend_refuses_filters_of_today_without_speaking_of_what_was_not_asked(told: Asking) -> None:
    answer = await told.get("/statistics/trend", metric="closed", q="问题")
    assert (answer.status_code, answer.json()["code"]) == (422, "as_of_not_combinable")
    assert answer.json()["detail"] == "趋势逐月按当时的情形计算，errors 列出的参数只对现在有意义，请去掉。"
    assert [fault["parameter"] for fault in answer.json()["errors"]] == ["query.q"]


async def test_a_trend_is_each_month_as_it_ended(lived: Lived) -> None:
    asked = {"metric": "closure_rate,closed_within", "months": "4"}
    lived.app.state.figures = Fresh()
    async with lived.client("30 units") as client:
        trend = (await client.get("/v1/statistics/trend", params=asked)).json()
        for point in trend["series"][:-1]:
            rate, closed = point["figures"]
            one = {"metric": "closure_rate,closed_within", "as_of": rate["as_of"]}
            days = {"period_from": closed["period"]["from"], "period_to": closed["period"]["to"]}
            same = (await client.get("/v1/statistics", params={**one, **days})).json()["totals"]
            assert point["figures"] == same
    assert trend["series"][-1]["month"] == beijing_date(datetime.now(UTC)).isoformat()[:7]
    assert [point["month"] for point in trend["series"]] == sorted(point["month"] for point in trend["series"])
    first = trend["series"][0]["figures"][0]["as_of"]
    assert first.endswith("T16:00:00Z")


async def test_old_figures_stand_under_the_unit_s_old_name(told: Asking) -> None:
    """E39."""
    unit = told.plot.units[0]
    await told.item("2026-01-05 registered", "2026-01-06 assigned due=2026-03-01", lead=0)
    event = """WITH e AS (INSERT INTO event (id, subject_kind, subject_id, seq, type, at, body, hash)
                 VALUES (gen_random_uuid(), 'unit', $1, $2, 'unit.changed', $3, '{}', sha256($4::text::bytea)) RETURNING id)
               INSERT INTO event_disclosure (event_id, field, salt, value)
               SELECT id, 'name', sha256('s'), to_json($4::text)::text FROM e"""
    await told.plot.connection.execute(event, unit, 1, instant("2025-01-01"), "老名称")
    await told.plot.connection.execute(event, unit, 2, instant("2026-02-01"), "新名称")
    names = []
    for day in ("2026-01-20", "2026-03-01"):
        board = (await told.get("/dashboard", as_of=_z(day))).json()
        names.append(board["by_unit"][0]["name"]["zh"])
    assert names == ["老名称", "新名称"]
    today = (await told.get("/dashboard")).json()["by_unit"][0]["name"]["zh"]
    assert today == await told.plot.connection.fetchval("SELECT name FROM unit WHERE id = $1", unit)


@pytest.mark.parametrize(
    ("params", "parameter"),
    [
        ({"metric": "x"}, "query.metric"),
        ({}, "query.metric"),
        ({"metric": "closed", "group_by": "colour"}, "query.group_by"),
        ({"metric": "closed", "group_by": "unit,unit"}, "query.group_by"),
        ({"metric": "closed", "group_by": "unit,mode,state"}, "query.group_by"),
        ({"metric": "closed", "period_from": "2026-01-01"}, "query.period_to"),
        ({"metric": "closed", "period_from": "2026-02-01", "period_to": "2026-01-01"}, "query.period_from"),
        ({"metric": "closed", "without": "title"}, "query.without"),
    ],
)
async def test_a_question_that_makes_no_sense_is_named(lived: Lived, params: dict[str, str], parameter: str) -> None:
    async with lived.client("whole tree") as client:
        answer = await client.get("/v1/statistics", params=params)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == parameter


@pytest.mark.parametrize(
    ("params", "parameter"),
    [
        ({"set": "closed"}, "query.set"),
        ({"set": "closed.denominator"}, "query.set"),
        ({"set": "closed_within.numerator", "period_from": "2026-01-01"}, "query.period_to"),
        ({"period_from": "2026-01-01"}, "query.set"),
    ],
)
async def test_a_list_of_what_no_figure_counts_is_refused(lived: Lived, params: dict[str, str], parameter: str) -> None:
    async with lived.client("whole tree") as client:
        answer = await client.get("/v1/items", params=params)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == parameter


async def test_definitions_are_told_with_the_sets_lists_take(lived: Lived) -> None:
    async with lived.client("one unit") as client:
        answer = await client.get("/v1/metrics")
        again = await client.get("/v1/metrics", headers={"If-None-Match": answer.headers["ETag"]})
    told = {metric["code"]: metric for metric in answer.json()["items"]}
    assert told["closure_rate"]["sets"] == {
        "numerator": "closure_rate.numerator",
        "denominator": "closure_rate.denominator",
    }
    assert told["closed"]["sets"] == {"numerator": "closed.numerator"}
    assert again.status_code == 304


def _z(day: str) -> str:
    return instant(day).isoformat().replace("+00:00", "Z")
