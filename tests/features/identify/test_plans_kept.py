"""PostgreSQL keeps the plan of a hot read: making one anew takes as long as the read, and shows in no answer."""

from __future__ import annotations

from typing import Any

import asyncpg
import pytest

from app.access.scope import Shape
from app.features.identify.listing import Way, page_sql
from app.lifecycle.view import ITEM_SQL
from tests.features.identify.ledger_book import Book
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
    credential = (book.caller(caller).account_id, 1, None, book.today)
    assert await _made(book_database, ITEM_SQL, (*credential, book.rows[0]["id"])) == (5, 7)


@pytest.mark.parametrize("sort", ["due_on", "updated_at", "number"])
@pytest.mark.parametrize(
    ("caller", "shape"), [("whole tree", Shape.WHOLE), ("30 units", Shape.WALK), ("one unit", Shape.FEW)]
)
async def test_the_plan_of_a_page_is_kept(
    book: Book, book_database: Clone, caller: str, shape: Shape, sort: str
) -> None:
    credential = (book.caller(caller).account_id, 1, None, book.today)
    for filters, values, states in (
        ((), (), 0),
        (("state",), (["rectifying"],), 0),
        (("state",), (["rectifying"],), 1),
    ):
        sql = page_sql(Way(shape, states), filters, sort, "asc", total=False)
        assert await _made(book_database, sql, (*credential, PAGE, *values)) == (5, 7)
