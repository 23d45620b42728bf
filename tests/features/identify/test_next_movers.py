"""The people behind the next roles, of one item and of a page, against a naive oracle over raw rows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from app.core import clock
from app.core.ids import uuid7
from app.main import create_app
from bench.seed import fill
from tests.features.identify.ledger_book import Book, read_book
from tests.support.database import Clone
from tests.support.service import running, settings_for

Rows = list[asyncpg.Record]
_DELEGATION = """
INSERT INTO delegation
  (id, principal_id, delegate_id, roles, reason, starts_on, ends_on, revoked_at, version, created_at, updated_at)
VALUES ($1, $2, $3, $4, '出差', $5, $6, $7, 1, now(), now())
"""


async def _stand_ins(connection: asyncpg.Connection[Any], people: list[UUID], today: date) -> None:
    """Each holder of a role lends it once, in one of the ways that count or do not."""
    day = timedelta(days=1)
    ways = [
        (["unit_head", "liaison"], today, None, None),
        (["unit_head"], today, today, None),
        (["liaison"], today, None, clock.now()),
        (["liaison"], today + day, None, None),
        (["unit_head"], today - 2 * day, today - day, None),
        (["leader"], today, None, None),
    ]
    for place, person in enumerate(people):
        roles, starts, ends, revoked = ways[place % len(ways)]
        delegate = people[(place * 7 + 1) % len(people)]
        await connection.execute(_DELEGATION, uuid7(), person, delegate, roles, starts, ends, revoked)


@pytest.fixture
async def lent(database: Clone, tmp_path: Path) -> AsyncIterator[tuple[Book, dict[str, Rows]]]:
    """A ledger where people stand in for others, some have left, and some roles were taken away or are over."""
    connection = await asyncpg.connect(database.superuser_url)
    world = await fill(connection, 150)
    today = clock.today()
    held = "SELECT DISTINCT person_id FROM role_grant WHERE role IN ('unit_head', 'liaison') ORDER BY 1"
    people = [row["person_id"] for row in await connection.fetch(held)]
    await _stand_ins(connection, people, today)
    callers = [caller.person_id for caller in world.organisation.callers.values()]
    gone = [person for person in people[::9] if person not in callers]
    await connection.execute("UPDATE person SET active = false, version = version + 1 WHERE id = ANY($1)", gone)
    over = "UPDATE role_grant SET {} , version = version + 1 WHERE person_id = ANY($1)"
    left = [person for person in people[4::11] if person not in callers]
    await connection.execute(over.format("revoked_at = now()"), left[::2])
    await connection.execute(over.format("ends_on = starts_on"), left[1::2])
    names = ("role_grant", "delegation", "person", "item_mover")
    rows = {name: await connection.fetch(f"SELECT * FROM {name}") for name in names}
    await connection.close()
    async with running(create_app(settings_for(database.app_url, tmp_path))) as app:
        yield await read_book(app, world, database.superuser_url), rows


def _in_force(row: asyncpg.Record, today: date) -> bool:
    return (
        row["revoked_at"] is None and row["starts_on"] <= today and (row["ends_on"] is None or row["ends_on"] >= today)
    )


def _people(rows: dict[str, Rows], role: str, ancestors: list[UUID], today: date) -> list[str]:
    active = {row["id"] for row in rows["person"] if row["active"]}
    holders = {
        row["person_id"]
        for row in rows["role_grant"]
        if row["role"] == role and row["unit_id"] in ancestors and _in_force(row, today) and row["person_id"] in active
    }
    standing_in = {
        row["delegate_id"]
        for row in rows["delegation"]
        if row["principal_id"] in holders
        and role in row["roles"]
        and _in_force(row, today)
        and row["delegate_id"] in active
    }
    return sorted(str(person) for person in holders | standing_in)[:20]


async def test_an_item_and_its_line_in_a_list_name_everybody_who_can_move_it_today(
    lent: tuple[Book, dict[str, Rows]],
) -> None:
    book, rows = lent
    movers: dict[str, list[dict[str, Any]]] = {}
    for row in sorted(rows["item_mover"], key=lambda one: one["role"]):
        people = _people(rows, row["role"], book.above[row["unit_id"]], book.today)
        one = {"role": row["role"], "unit_id": str(row["unit_id"]), "person_ids": people}
        movers.setdefault(str(row["item_id"]), []).append(one)
    async with book.client("whole tree") as client:
        listed = (await client.get("/v1/items", params={"limit": 200})).json()["items"]
        assert len(listed) > 100
        for line in listed:
            assert line["next_movers"] == movers.get(line["id"], []), line["id"]
        for line in listed[:40]:
            assert (await client.get(f"/v1/items/{line['id']}")).json()["next_movers"] == line["next_movers"]
    lent_to = {person for of in movers.values() for one in of for person in one["person_ids"]}
    direct = {str(row["person_id"]) for row in rows["role_grant"]}
    assert any(len(one["person_ids"]) > 1 for of in movers.values() for one in of)
    assert lent_to <= direct
