"""A database full of items, the same items as plain rows, and a naive answer to every question a list can be asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
from fastapi import FastAPI

from app.access import keyfiles, tokens
from app.core import clock
from app.lifecycle.light import light_on, overdue_days, stored_turns
from app.lifecycle.states import OPEN, PHASES, State
from bench.organisation import Caller
from bench.seed import World
from tests.support.service import client_of

Row = dict[str, Any]
Keeps = Callable[[Row], bool]
_UNMASKING = {"first_responsible", "discipline_office", "auditor"}
_OFFICES = {"supervision_office", "first_responsible", "discipline_office", "leader", "verifier", "survey_runner"}


@dataclass(frozen=True)
class Book:
    """`rows` are all items with `units`, `persons` and `movers` beside their columns."""

    app: FastAPI
    world: World
    rows: list[Row]
    above: dict[UUID, list[UUID]]
    grants: dict[UUID, list[tuple[str, UUID]]]
    today: date

    def client(self, caller: str) -> httpx2.AsyncClient:
        key = keyfiles.key(self.app.state.settings.var, "session")
        session = tokens.Session(self.caller(caller).account_id, 1)
        return client_of(self.app, headers={"Authorization": f"Bearer {tokens.issue(key, session)}"})

    def caller(self, sees: str) -> Caller:
        return self.world.organisation.callers[sees]

    def sees(self, caller: str, row: Row) -> bool:
        """Grant by grant and row by row, as the sentences of the permission model say it."""
        person = self.caller(caller).person_id
        grants = self.grants[person]
        finds = row["finder_person_id"] == person or any(
            role in {"unit_head", "liaison"} and unit == row["finder_unit_id"] for role, unit in grants
        )
        if row["state"] == "draft" or finds:
            return finds
        reads = any(unit in self.above[concerned] for _, unit in grants for concerned in row["units"])
        ledger_unit = self.world.organisation.root
        runs = any(role in _OFFICES and unit in self.above[ledger_unit] for role, unit in grants)
        return reads or runs or person in row["persons"]

    def unmasked(self, caller: str, row: Row) -> bool:
        if row["confidentiality"] != "restricted" or row["state"] == "draft":
            return True
        person = self.caller(caller).person_id
        root = self.world.organisation.root
        return person in row["accountable_leader_ids"] or any(
            (role in _UNMASKING and unit in self.above[root])
            or (role in {"unit_head", "liaison"} and unit in self.above.get(row["lead_unit_id"], ()))
            for role, unit in self.grants[person]
        )

    def waits_for(self, caller: str, row: Row) -> bool:
        held = self.grants[self.caller(caller).person_id]
        return any(role == mine and unit in self.above[at] for role, at in row["movers_held"] for mine, unit in held)

    def expected(self, caller: str, sort: str, keeps: Keeps = lambda _: True) -> list[str]:
        """The ids of a whole list in order: rows without a value come last, whichever way it is sorted."""
        name, descending = sort.removeprefix("-"), sort.startswith("-")
        column = "number_sort" if name == "number" else name
        found = [row for row in self.rows if self.sees(caller, row) and keeps(row)]
        empty = (None, "~")
        having = [row for row in found if row[column] not in empty]
        without = [row for row in found if row[column] in empty]
        having.sort(key=lambda row: (row[column], row["id"]), reverse=descending)
        without.sort(key=lambda row: row["id"], reverse=descending)
        return [str(row["id"]) for row in having + without]

    def light(self, row: Row) -> str:
        turns = stored_turns(row["blue_from"], row["yellow_from"], row["red_from"], row["light_reasons"])
        return light_on(turns, self.today).value

    def late(self, row: Row) -> int:
        return overdue_days(row["due_on"], self.today) if State(row["state"]) in OPEN else 0


def phase(row: Row) -> str:
    return PHASES[State(row["state"])].value


async def pages(client: httpx2.AsyncClient, limit: int, **params: Any) -> list[dict[str, Any]]:
    """Every item of a list, page by page until the cursor is null."""
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        asked = {**params, "limit": limit} | ({"cursor": cursor} if cursor else {})
        answer = await client.get("/v1/items", params=asked)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += page["items"]
        assert len(page["items"]) <= limit
        assert len({item["id"] for item in found}) == len(found), "a row was given twice"
        cursor = page["next_cursor"]
        if cursor is None:
            return found
        assert len(page["items"]) == limit


async def ids(client: httpx2.AsyncClient, limit: int = 200, **params: Any) -> list[str]:
    return [item["id"] for item in await pages(client, limit, **params)]


async def read_book(app: FastAPI, world: World, superuser_url: str) -> Book:
    connection = await asyncpg.connect(superuser_url)
    try:
        items = await app.state.db.fetch("SELECT * FROM item")
        rows: dict[UUID, Row] = {
            row["id"]: {**row, "units": set(), "persons": set(), "movers_held": set()} for row in items
        }
        for row in await connection.fetch("SELECT unit_id, item_id FROM item_unit"):
            rows[row["item_id"]]["units"].add(row["unit_id"])
        for row in await connection.fetch("SELECT person_id, item_id FROM item_person"):
            rows[row["item_id"]]["persons"].add(row["person_id"])
        for row in await connection.fetch("SELECT item_id, role, unit_id FROM item_mover"):
            rows[row["item_id"]]["movers_held"].add((row["role"], row["unit_id"]))
    finally:
        await connection.close()
    grants: dict[UUID, list[tuple[str, UUID]]] = {}
    for held in world.organisation.rows["role_grant"]:
        grants.setdefault(held["person_id"], []).append((held["role"], held["unit_id"]))
    above = {unit["id"]: unit["ancestors"] for unit in world.organisation.rows["unit"]}
    return Book(app, world, list(rows.values()), above, grants, clock.today())
