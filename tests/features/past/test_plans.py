"""Every list of a past moment walks an index and stops when its page is full."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest

from app.access.scope import Shape
from app.core import clock
from app.features.identify.past_listing import Asked, page_sql
from app.main import create_app
from bench.seed import fill
from tests.features.identify.ledger_book import Book, pages, read_book
from tests.features.past.book import give_past
from tests.support.caller import caller_of
from tests.support.database import Clone, Server, clone
from tests.support.service import running, settings_for

INDEXES = {
    ("due_on", "asc"): "ix_item_version_due",
    ("due_on", "desc"): "ix_item_version_due_day",
    ("updated_at", "asc"): "ix_item_version_from",
    ("updated_at", "desc"): "ix_item_version_from",
    ("registered_at", "asc"): "ix_item_registered",
    ("registered_at", "desc"): "ix_item_registered",
    ("number", "asc"): "ix_item_number",
    ("number", "desc"): "ix_item_number",
}
FILTERS: dict[str, list[Any]] = {"every state": [], "two states": [["rectifying", "closed"]]}
TAILS = {"due_on": "ix_item_version_undated", "registered_at": "ix_item_version_unregistered"}
CALLERS = {"whole tree": Shape.WHOLE, "30 units": Shape.WALK}


@pytest.fixture(scope="session")
def past_database(server: Server, template: str) -> Clone:
    return clone(server, template)


@pytest.fixture(scope="session")
async def past_book(past_database: Clone, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Book]:
    connection = await asyncpg.connect(past_database.superuser_url)
    made = await fill(connection, 3000)
    await give_past(connection, 5)
    await connection.close()
    var: Path = tmp_path_factory.mktemp("past")
    async with running(create_app(settings_for(past_database.app_url, var))) as app:
        yield await read_book(app, made, past_database.superuser_url)


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)


def path(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What the rows of the page come along, without what is worked out beside them once."""
    yield plan
    for inner in plan.get("Plans", ()):
        if inner["Parent Relationship"] not in {"InitPlan", "SubPlan"}:
            yield from path(inner)


def page_of(plan: dict[str, Any]) -> dict[str, Any]:
    """The part of the plan that finds the rows of the page."""
    return next(node for node in nodes(plan) if node.get("Subplan Name") == "CTE page")


async def plan_of(
    book: Book, caller: str, sort: str, keyset: str, values: list[Any], asked: Asked = Asked.ANY
) -> dict[str, Any]:
    sql = page_sql(CALLERS[caller], ("state",) if values else (), sort, keyset, total=False, asked=asked)
    at = clock.now() - timedelta(days=200)
    known = await caller_of(book.app, book.caller(caller).account_id)
    found = await book.app.state.db.fetchval(f"EXPLAIN (FORMAT JSON) {sql}", *known.args, 50, at, at.date(), *values)
    plan: dict[str, Any] = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
    return plan


@pytest.mark.parametrize(("caller", "order", "states"), list(product(CALLERS, INDEXES, FILTERS)))
async def test_a_page_walks_the_index_of_its_order(
    past_book: Book, caller: str, order: tuple[str, str], states: str
) -> None:
    page = page_of(await plan_of(past_book, caller, *order, FILTERS[states]))
    index = "ix_item_version_due_day" if order[0] == "due_on" and FILTERS[states] else INDEXES[order]
    limit = next(node for node in nodes(page) if node["Node Type"] == "Limit")
    found = list(path(limit))
    assert index in [node.get("Index Name") for node in found]
    assert not [node for node in found if node["Node Type"] == "Sort"]
    assert not [node for node in found if node["Node Type"] == "Seq Scan" and node["Relation Name"] == "item_version"]


@pytest.mark.parametrize(("caller", "sort"), list(product(CALLERS, ["due_on", "updated_at", "registered_at"])))
async def test_open_states_are_looked_for_among_items_that_may_have_been_in_them(
    past_book: Book, caller: str, sort: str
) -> None:
    asked = Asked.OPEN if sort == "registered_at" else Asked.FEW
    page = page_of(await plan_of(past_book, caller, sort, "asc", [["planning"]], asked))
    limit = next(node for node in nodes(page) if node["Node Type"] == "Limit")
    found = {node["Index Name"]: node for node in path(limit) if "Index Name" in node}
    assert found["ix_item_registered"]["Node Type"] == "Index Only Scan"
    versions = [node for name, node in found.items() if name.startswith(("ix_item_version", "pk_item_version"))]
    assert versions
    assert all("item_id = " in node["Index Cond"] for node in versions)
    assert ("Sort" in {node["Node Type"] for node in path(limit)}) == (asked is Asked.FEW)


@pytest.mark.parametrize("order", INDEXES)
async def test_whom_an_item_concerned_is_looked_up_for_the_rows_that_are_met(
    past_book: Book, order: tuple[str, str]
) -> None:
    """Not for all that the caller's units were ever concerned with, which is a hundred times as much at a million items."""
    page = page_of(await plan_of(past_book, "30 units", *order, []))
    spans = [node for node in nodes(page) if node.get("Relation Name") == "item_unit_span"]
    assert [node.get("Index Cond", "")[:9] for node in spans] == ["(item_id "]


@pytest.mark.parametrize("caller", CALLERS)
async def test_latest_due_first_leaves_out_in_the_index_what_began_later(past_book: Book, caller: str) -> None:
    page = page_of(await plan_of(past_book, caller, "due_on", "desc", []))
    walk = next(node for node in nodes(page) if node.get("Index Name") == INDEXES["due_on", "desc"])
    assert walk["Node Type"] == "Index Only Scan"
    assert "valid_from <= " in walk["Index Cond"]


@pytest.mark.parametrize("caller", CALLERS)
async def test_numbers_given_later_are_passed_over_without_a_look_at_the_item(past_book: Book, caller: str) -> None:
    page = page_of(await plan_of(past_book, caller, "number", "desc", []))
    walk = next(node for node in nodes(page) if node.get("Index Name") == INDEXES["number", "desc"])
    assert walk["Node Type"] == "Index Only Scan"


@pytest.mark.parametrize(("sort", "direction"), list(product(TAILS, ["asc", "desc"])))
async def test_what_had_no_value_to_sort_by_is_found_by_an_index_of_its_own(
    past_book: Book, sort: str, direction: str
) -> None:
    page = page_of(await plan_of(past_book, "whole tree", sort, f"tail {direction}", []))
    walk = next(node for node in nodes(page) if node.get("Index Name") == TAILS[sort])
    assert "valid_from <= " in walk["Index Cond"]


@pytest.mark.parametrize("caller", [*CALLERS, "one unit"])
@pytest.mark.parametrize("states", ["", "planning", "rectifying,verifying", "rectifying,closed"])
async def test_the_list_of_then_is_the_list_of_those_that_were_there(past_book: Book, caller: str, states: str) -> None:
    """All items at once, or those in some states, in every order, against what the rows say."""
    at = clock.now() - timedelta(days=400)
    asked = {"as_of": at.isoformat()} | ({"state": states} if states else {})
    there = [
        row
        for row in past_book.rows
        if row["updated_at"] <= at and past_book.sees(caller, row) and (not states or row["state"] in states.split(","))
    ]
    assert there
    async with past_book.client(caller) as client:
        for sort, sign in product(("due_on", "registered_at", "number", "updated_at"), ["", "-"]):
            size = 200 if len(there) > 500 else 20
            found = [one["id"] for one in await pages(client, size, sort=f"{sign}{sort}", **asked)]
            assert len(found) == len(there)
            key = _key(sort, at)
            having = sorted((row for row in there if key(row)[0] is not None), key=key, reverse=sign == "-")
            without = sorted(
                (row for row in there if key(row)[0] is None), key=lambda row: row["id"], reverse=sign == "-"
            )
            assert found == [str(row["id"]) for row in having + without], sort


def _key(sort: str, at: datetime) -> Any:
    def version(row: dict[str, Any]) -> datetime:
        began: datetime = row["updated_at"]
        return began + timedelta(days=30 * min(4, (at - began) // timedelta(days=30)))

    if sort == "updated_at":
        return lambda row: (version(row), row["id"])
    if sort == "number":
        return lambda row: (row["number"] and row["number_sort"], row["id"])
    return lambda row: (row[sort], row["id"])


async def test_units_and_masks_narrow_the_past_as_they_narrow_the_present(past_book: Book) -> None:
    """Nothing about scope changed in this past, so each caller sees what of today was there already."""
    at = clock.now() - timedelta(days=400)
    for caller in ("30 units", "one unit"):
        there = {str(row["id"]) for row in past_book.rows if row["updated_at"] <= at and past_book.sees(caller, row)}
        titles = {str(row["id"]): row["title"] if past_book.unmasked(caller, row) else None for row in past_book.rows}
        async with past_book.client(caller) as client:
            found = await pages(client, 200, sort="due_on", as_of=at.isoformat())
            total: httpx2.Response = await client.get("/v1/items", params={"as_of": at.isoformat(), "include": "total"})
        assert {one["id"] for one in found} == there
        assert total.json()["total"] == len(there)
        assert {one["id"]: one["title"] for one in found} == {key: titles[key] for key in there}
