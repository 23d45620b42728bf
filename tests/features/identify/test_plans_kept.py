"""PostgreSQL keeps the plan of a hot read: making one anew takes as long as the read, and shows in no answer."""

from __future__ import annotations

import json
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.access.scope import Shape
from app.features.history.queries import ITEM_HISTORY
from app.features.identify.listing import Way, page_sql
from app.lifecycle.view import ITEM_SQL
from app.tables.item import FAR
from tests.features.identify.ledger_book import Book
from tests.support.caller import caller_of, walker
from tests.support.database import Clone

PAGE = 50


async def _made(database: Clone, sql: str, arguments: tuple[Any, ...]) -> tuple[int, int]:
    """How often a plan was made, and how often the kept one served, in a dozen reads."""
    connection = await asyncpg.connect(database.app_url)
    try:
        statement = await connection.prepare(sql)
        for _ in range(12):
            assert await statement.fetchrow(*arguments) is not None
        told = "SELECT custom_plans, generic_plans FROM pg_prepared_statements WHERE name = $1"
        counted = await connection.fetchrow(told, statement.get_name())
    finally:
        await connection.close()
    assert counted is not None
    return counted["custom_plans"], counted["generic_plans"]


@pytest.mark.parametrize("caller", ["whole tree", "30 units", "one unit"])
async def test_the_plan_of_an_item_is_kept(book: Book, book_database: Clone, caller: str) -> None:
    known = await caller_of(book.app, book.caller(caller).account_id)
    assert await _made(book_database, ITEM_SQL, (*known.args, book.rows[0]["id"])) == (5, 7)


@pytest.mark.parametrize("caller", ["whole tree", "30 units", "one unit"])
async def test_the_plan_of_a_history_is_kept(book: Book, book_database: Clone, caller: str) -> None:
    known = await caller_of(book.app, book.caller(caller).account_id)
    asked = (book.rows[0]["id"], 1, None, PAGE, None, False)
    assert await _made(book_database, ITEM_HISTORY, (*known.args, *asked)) == (5, 7)


@pytest.mark.parametrize("sort", ["due_on", "updated_at", "number"])
@pytest.mark.parametrize(
    ("caller", "shape"), [("whole tree", Shape.WHOLE), ("30 units", Shape.WALK), ("one unit", Shape.FEW)]
)
async def test_the_plan_of_a_page_is_kept(
    book: Book, book_database: Clone, caller: str, shape: Shape, sort: str
) -> None:
    walking = await walker(book.app, book.caller(caller).account_id)
    for filters, values, states in (
        ((), (), 0),
        (("state",), (["rectifying"],), 0),
        (("state",), (["rectifying"],), 1),
    ):
        sql = page_sql(Way(shape, states), filters, sort, "asc", total=False)
        assert await _made(book_database, sql, (*walking, PAGE, *values)) == (5, 7)


async def test_a_write_and_what_it_would_need_keep_the_plans_of_their_statements(book: Book) -> None:
    """Found by their keys, items are written and judged by plans that serve any item, from the first request on."""
    waiting = [row["id"] for row in book.rows if row["state"] == "assigned"][:8]
    assert len(waiting) > 1
    async with book.client("whole tree") as client:
        for item in waiting:
            tried = await client.post(
                f"/v1/items/{item}/transitions",
                params={"validate_only": "true"},
                headers={"If-Match": "*"},
                json={"action": "acknowledge", "data": {}},
            )
            assert tried.status_code in {200, 403, 409}, tried.text
            for asked in ("available-transitions", "closing-readiness"):
                answer = await client.get(f"/v1/items/{item}/{asked}")
                assert answer.status_code == 200, answer.text
    told = """SELECT name, custom_plans, generic_plans FROM pg_prepared_statements
      WHERE statement LIKE '%AS plan_content%' OR statement LIKE '%AS db_now FROM item%'"""
    plans = await book.app.state.db.fetch(told)  # of the connection that rests on top, which served all of these
    assert sum(row["generic_plans"] for row in plans) >= 6 * len(waiting)
    assert [row["name"] for row in plans if row["custom_plans"]] == []


@pytest.mark.parametrize("shape", [Shape.WHOLE, Shape.WALK])
async def test_a_page_is_expected_to_cost_the_same_wherever_it_goes_on_from(book: Book, shape: Shape) -> None:
    """Else the end of a list would seem so cheap that a plan is made for each of its pages."""
    sql = page_sql(Way(shape), (), "due_on", "asc+", total=False)
    walking = await walker(book.app, book.caller("one unit").account_id)
    costs = set()
    for row in (min(book.rows, key=_place), max(book.rows, key=_place)):
        found = await book.app.state.db.fetchval(f"EXPLAIN (FORMAT JSON) {sql}", *walking, PAGE, *_place(row))
        costs.add((json.loads(found) if isinstance(found, str) else found)[0]["Plan"]["Total Cost"])
    assert len(costs) == 1


def _place(row: dict[str, Any]) -> tuple[date, UUID]:
    return row["due_on"] or FAR, row["id"]
