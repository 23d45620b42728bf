"""The list of items against a naive oracle: reach, order, page boundaries, filters, masking, cursors."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import product
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest

from app.core import clock
from app.core.text import fold
from app.features.identify.router import ItemPage
from app.lifecycle.light import LightReason, Turns, light_on, overdue_days
from app.lifecycle.light_sql import LIGHT_SQL, OVERDUE_DAYS_SQL, PHASE_SQL
from app.lifecycle.schemas import ItemOut
from app.lifecycle.states import OPEN, PHASES, State
from app.lifecycle.view import MASK
from tests.features.identify.ledger_book import Book, Keeps, Row, ids, pages, phase

CALLERS = ("whole tree", "30 units", "one unit")
SORTS = [f"{sign}{name}" for name in ("due_on", "updated_at", "registered_at", "number") for sign in ("", "-")]


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("sort", SORTS)
async def test_pages_put_together_are_the_whole_list_in_order(book: Book, caller: str, sort: str) -> None:
    expected = book.expected(caller, sort)
    assert len(expected) > 10
    async with book.client(caller) as client:
        for limit in (7, 50):
            assert await ids(client, limit, sort=sort) == expected


@pytest.mark.parametrize("sort", ["-due_on", "-registered_at", "-number"])
async def test_a_page_that_ends_where_the_values_end_goes_on_with_the_rows_without_one(book: Book, sort: str) -> None:
    expected = book.expected("30 units", sort)
    column = "number_sort" if sort == "-number" else sort[1:]
    empty = {str(row["id"]) for row in book.rows if row[column] in {None, "~"}}
    having = len([key for key in expected if key not in empty])
    assert 1 < having < len(expected) - 1
    async with book.client("30 units") as client:
        for limit in (having - 1, having, having + 1, len(expected) - 1, len(expected)):
            assert await ids(client, limit, sort=sort) == expected


def _codes(column: str, *codes: str | UUID) -> Keeps:
    return lambda row: row[column] in codes


def _by_date(book: Book) -> list[tuple[dict[str, Any], Keeps]]:
    today = book.today
    soon = today + timedelta(days=30)
    start = datetime(today.year - 1, 3, 1, tzinfo=clock.BEIJING)
    stop = datetime(today.year - 1, 9, 1, tzinfo=clock.BEIJING)
    period = {"from": f"{start.year}-03-01", "to": f"{start.year}-08-31"}

    def within(column: str) -> Keeps:
        return lambda row: row[column] is not None and start <= row[column] < stop

    return [
        ({"due_on_from": today, "due_on_to": soon}, lambda row: row["due_on"] and today <= row["due_on"] <= soon),
        ({"due_on_from": today}, lambda row: row["due_on"] and row["due_on"] >= today),
        ({"registered_on_from": period["from"], "registered_on_to": period["to"]}, within("registered_at")),
        ({"registered_on_from": period["from"]}, lambda row: row["registered_at"] and row["registered_at"] >= start),
        ({"completed_on_from": period["from"], "completed_on_to": period["to"]}, within("completed_at")),
        ({"closed_on_from": period["from"], "closed_on_to": period["to"]}, within("closed_at")),
        ({"updated_since": start.isoformat()}, lambda row: row["updated_at"] >= start),
    ]  # fmt: skip


def _filters(book: Book) -> list[tuple[dict[str, Any], Keeps]]:
    organisation = book.world.organisation
    bureau, section, root = organisation.bureaus[0], organisation.sections[0], organisation.root
    leader = organisation.people[bureau][2]
    a, b = (book.rows[place] for place in (3, 4))

    def under(*units: Any) -> Keeps:
        return lambda row: any(unit in book.above[concerned] for concerned in row["units"] for unit in units)

    numbered = [row for row in book.rows if row["number"]][:3]
    return [
        *_by_date(book),
        ({"state": "rectifying,closed"}, _codes("state", "rectifying", "closed")),
        ({"phase": "rectify,off_ledger"}, lambda row: phase(row) in {"rectify", "off_ledger"}),
        ({"ledger_id": a["ledger_id"]}, _codes("ledger_id", a["ledger_id"])),
        ({"ledger_id": f"{a['ledger_id']},{b['ledger_id']}"}, _codes("ledger_id", a["ledger_id"], b["ledger_id"])),
        ({"unit_id": section}, lambda row: section in row["units"]),
        ({"unit_id": bureau, "unit_subtree": "true"}, under(bureau)),
        ({"unit_id": root, "unit_subtree": "true"}, under(root)),
        ({"lead_unit_id": a["responsible_unit_id"]}, _codes("lead_unit_id", a["responsible_unit_id"])),
        ({"responsible_unit_id": section}, _codes("responsible_unit_id", section)),
        ({"accountable_leader_id": leader}, lambda row: leader in row["accountable_leader_ids"]),
        ({"source_type": "audit,media"}, _codes("source_type", "audit", "media")),
        ({"category": "formalism"}, _codes("category", "formalism")),
        ({"severity": "major,grave"}, _codes("severity", "major", "grave")),
        ({"mode": "phased"}, _codes("mode", "phased")),
        ({"confidentiality": "restricted"}, _codes("confidentiality", "restricted")),
        ({"major": "true"}, lambda row: row["major_kind"] is not None),
        ({"major": "false"}, lambda row: row["major_kind"] is None),
        *(({"light": c}, lambda row, c=c: book.light(row) == c) for c in ("grey", "green", "blue", "yellow", "red")),
        ({"light": "red,yellow"}, lambda row: book.light(row) in {"red", "yellow"}),
        ({"overdue": "true"}, lambda row: book.late(row) > 0),
        ({"overdue": "false"}, lambda row: book.late(row) == 0),
        ({"number": ",".join(row["number"] for row in numbered)}, lambda row: row in numbered),
        ({"cycle_from": 2}, lambda row: row["cycle"] >= 2),
        ({"state": "rectifying", "light": "red", "severity": "general"},
         lambda row: row["state"] == "rectifying" and row["severity"] == "general" and book.light(row) == "red"),
    ]  # fmt: skip


@pytest.mark.parametrize("caller", CALLERS)
async def test_every_filter_keeps_what_the_oracle_keeps(book: Book, caller: str) -> None:
    kept = 0
    async with book.client(caller) as client:
        for params, keeps in _filters(book):
            for sort in ("-updated_at", "due_on", "-due_on"):
                expected = book.expected(caller, sort, keeps)
                assert await ids(client, sort=sort, **params) == expected, params
                kept += bool(expected)
    assert kept > 40


@pytest.mark.parametrize("caller", CALLERS)
async def test_waiting_for_me_is_what_a_role_of_mine_must_move(book: Book, caller: str) -> None:
    expected = book.expected(caller, "due_on", lambda row: book.waits_for(caller, row))
    assert expected
    async with book.client(caller) as client:
        assert await ids(client, sort="due_on", waiting_for="me") == expected


def _found_by(book: Book, caller: str, words: str) -> Keeps:
    def keeps(row: Row) -> bool:
        text = " ".join(filter(None, (row["number"], row["title"], row["description"])))
        return fold(words) in fold(text) and book.unmasked(caller, row)

    return keeps


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("words", ["台账", "档案室", "合同台账", "食堂档", "台账 记", "%台", "ZG-", "供应商名录"])
async def test_two_to_four_characters_find_what_contains_them_and_nothing_masked(
    book: Book, caller: str, words: str
) -> None:
    expected = book.expected(caller, "-updated_at", _found_by(book, caller, words))
    async with book.client(caller) as client:
        answer = await client.get("/v1/items", params={"q": words, "limit": 200})
        if answer.status_code == 422:
            assert answer.json()["errors"][0]["code"] == "query_too_short"
            assert words == "%台"
            return
        assert await ids(client, q=words) == expected


async def test_a_masked_row_is_listed_without_its_title_and_found_by_neither_words_nor_names(book: Book) -> None:
    masked = [row for row in book.rows if book.sees("30 units", row) and not book.unmasked("30 units", row)]
    assert masked
    async with book.client("30 units") as client:
        listed = {item["id"]: item for item in await pages(client, 200)}
        for row in book.rows:
            if book.sees("30 units", row):
                shown = row["title"] if book.unmasked("30 units", row) else None
                assert listed[str(row["id"])]["title"] == shown
        for row in masked[:5]:
            assert str(row["id"]) not in await ids(client, q=row["title"][:4])
            if row["responsible_person_id"]:
                assert str(row["id"]) not in await ids(client, person_id=row["responsible_person_id"])
            one = ItemOut.model_validate((await client.get(f"/v1/items/{row['id']}")).json())
            assert one.title is None
            assert set(MASK) <= set(one.masked_fields)


async def test_a_person_finds_the_items_that_name_them(book: Book) -> None:
    person = next(row["responsible_person_id"] for row in book.rows if row["responsible_person_id"])
    expected = book.expected(
        "whole tree", "number", lambda row: person in row["persons"] and book.unmasked("whole tree", row)
    )
    async with book.client("whole tree") as client:
        assert await ids(client, sort="number", person_id=person) == expected


@pytest.mark.parametrize("caller", CALLERS)
async def test_each_listed_item_is_what_reading_it_alone_shows(book: Book, caller: str) -> None:
    async with book.client(caller) as client:
        page = ItemPage.model_validate((await client.get("/v1/items", params={"limit": 40})).json())
        for item in page.items:
            alone = ItemOut.model_validate((await client.get(f"/v1/items/{item.id}")).json())
            names = set(type(item).model_fields) - {"source_type", "progress_percent"}
            assert {name: getattr(alone, name) for name in names} == {name: getattr(item, name) for name in names}
            assert (alone.source.type, alone.progress.percent) == (item.source_type, item.progress_percent)


@pytest.mark.parametrize("caller", CALLERS)
async def test_what_is_not_listed_is_not_found_alone_either(book: Book, caller: str) -> None:
    async with book.client(caller) as client:
        for row in book.rows[:80]:
            answer = await client.get(f"/v1/items/{row['id']}")
            assert answer.status_code == (200 if book.sees(caller, row) else 404)


async def test_a_total_is_given_when_asked_for_and_is_the_number_of_matches(book: Book) -> None:
    expected = len(book.expected("30 units", "due_on", _codes("state", "closed")))
    async with book.client("30 units") as client:
        params: dict[str, Any] = {"state": "closed", "limit": 1, "sort": "-due_on"}
        page = (await client.get("/v1/items", params={**params, "include": "total"})).json()
        assert (page["total"], page["total_relation"]) == (expected, "eq")
        page = (await client.get("/v1/items", params=params)).json()
        assert (page["total"], page["total_relation"]) == (None, None)


async def test_the_link_header_leads_to_the_next_page(book: Book) -> None:
    async with book.client("whole tree") as client:
        answer = await client.get("/v1/items", params={"limit": 5, "state": "closed"})
        onward = answer.links["next"]["url"]
        assert parse_qs(urlsplit(onward).query)["cursor"] == [answer.json()["next_cursor"]]
        assert (await client.get(onward)).status_code == 200


async def test_a_cursor_of_another_list_or_changed_by_hand_is_refused(book: Book) -> None:
    async with book.client("whole tree") as client:
        cursor = (await client.get("/v1/items", params={"limit": 5})).json()["next_cursor"]
        changed = ("B" if cursor[0] == "A" else "A") + cursor[1:]
        for params in (
            {"cursor": changed}, {"cursor": cursor[:-2]}, {"cursor": "x"}, {"cursor": cursor, "sort": "due_on"},
            {"cursor": cursor, "state": "closed"},
        ):  # fmt: skip
            answer = await client.get("/v1/items", params=params)
            assert (answer.status_code, answer.json()["code"]) == (400, "invalid_cursor"), params


@pytest.mark.parametrize(
    "params", [{"state": "gone"}, {"ledger_id": "1"}, {"sort": "title"}, {"unknown": "1"}, {"q": "台"}, {"limit": "0"}]
)
async def test_a_parameter_that_makes_no_sense_is_named(book: Book, params: dict[str, str]) -> None:
    async with book.client("whole tree") as client:
        assert (await client.get("/v1/items", params=params)).status_code == 422


async def test_colour_lateness_and_phase_in_sql_are_those_of_the_pure_functions(book: Book) -> None:
    today = date(2026, 5, 10)
    days = [None, *(today + timedelta(days=by) for by in (-1, 0, 1))]
    greys = [None, LightReason.CLOSED]
    cases = list(product(days, days, days, greys, State))
    reasons = [Turns(grey=grey).reasons_document() for _, _, _, grey, _ in cases]
    rows = await book.app.state.db.fetch(
        f"SELECT {LIGHT_SQL} AS light, {OVERDUE_DAYS_SQL} AS late, {PHASE_SQL} AS phase FROM unnest($1::date[],"
        " $2::date[], $3::date[], $3::date[], $5::jsonb[], $6::text[]) WITH ORDINALITY"
        " AS i(blue_from, yellow_from, red_from, due_on, light_reasons, state, n) ORDER BY n",
        [c[0] for c in cases], [c[1] for c in cases], [c[2] for c in cases], today, reasons, [c[4].value for c in cases],
    )  # fmt: skip
    for (blue, yellow, red, grey, state), row in zip(cases, rows, strict=True):
        turns = Turns(blue_from=blue, yellow_from=yellow, red_from=red, grey=grey)
        late = overdue_days(red, today) if state in OPEN else 0
        assert (row["light"], row["late"], row["phase"]) == (light_on(turns, today).value, late, PHASES[state].value)
