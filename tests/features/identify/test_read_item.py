"""An item read is the item a write answers with: two ways to the same, for everything there is and whoever may see it."""

from __future__ import annotations

import asyncpg
import pytest

from app.access.authenticate import ACTOR_SQL, actor_from_row
from app.core.db import Tx
from app.lifecycle.schemas import ItemOut
from app.lifecycle.view import ITEM_SQL, own_items, with_seldom
from tests.features.identify.ledger_book import Book
from tests.support.caller import caller_of
from tests.support.database import Clone

KINDS = {
    "whole tree": {"plain", "restricted", "split"},
    "30 units": {"plain", "restricted", "masked", "split"},
    "one unit": {"plain"},
}


def _kind(item: ItemOut) -> str:
    if item.children is not None:
        return "split"
    return "plain" if item.confidentiality != "restricted" else "masked" if item.masked_fields else "restricted"


@pytest.mark.parametrize("caller", ["whole tree", "30 units", "one unit"])
async def test_a_read_answers_what_a_write_would(book: Book, caller: str) -> None:
    db = book.app.state.db
    row = await db.fetchrow(ACTOR_SQL, book.caller(caller).account_id, 1, None, book.today)
    seen = [row["id"] for row in book.rows if book.sees(caller, row)]
    written = await own_items(db, actor_from_row(row, "zh-CN"), seen)
    async with book.client(caller) as client:
        for key in seen:
            answer = await client.get(f"/v1/items/{key}")
            assert answer.status_code == 200, answer.text
            assert answer.json() == written[key].model_dump(mode="json"), key
    assert {_kind(written[key]) for key in seen} >= KINDS[caller]


async def test_a_submission_taken_back_while_it_is_read_stays_masked(book: Book, book_database: Clone) -> None:
    """Nothing of a draft is masked, but it is its finder's alone; who reads what it was before is somebody else."""
    masked = [row for row in book.rows if book.sees("30 units", row) and not book.unmasked("30 units", row)]
    connection = await asyncpg.connect(book_database.superuser_url)
    try:
        caller = await caller_of(book.app, book.caller("30 units").account_id)
        row = await connection.fetchrow(ITEM_SQL, *caller.args, masked[0]["id"])
        assert row is not None
        transaction = connection.transaction()
        await transaction.start()
        back = "UPDATE item SET state = 'draft', number = NULL, version = version + 1 WHERE id = $1"
        await connection.execute(back, masked[0]["id"])
        found = await with_seldom(Tx(connection), caller.actor, row)
        await transaction.rollback()
    finally:
        await connection.close()
    assert found["unmasked"] is False


async def test_what_a_caller_does_not_see_is_not_there(book: Book) -> None:
    hidden = [row["id"] for row in book.rows if not book.sees("one unit", row)]
    for state, confidentiality in (("split", None), (None, "restricted"), ("draft", None)):
        rows = [r for r in book.rows if r["id"] in hidden and state in (None, r["state"])]
        key = next(r["id"] for r in rows if confidentiality in (None, r["confidentiality"]))
        async with book.client("one unit") as client:
            assert (await client.get(f"/v1/items/{key}")).status_code == 404
