"""A small organisation of a test's own, with people who hold roles and clients that are logged in as them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx2
from fastapi import FastAPI

from app.access import keyfiles, tokens
from app.core import clock
from app.core.db import Database, Tx
from app.core.ids import uuid7
from app.tables import organisation as tables
from tests.support.service import client_of

LONG_AGO = date(2020, 1, 1)
_ITEM = """
INSERT INTO item (id, ledger_id, number, number_sort, version, head_hash, state, title, source_type,
  source_schema_version, source_path, source_fields, finder_unit_id, confidentiality, registered_sort, due_sort,
  light_reasons, gate_problem_solved, gate_rectification_adequate, gate_people_satisfied, supervision_level, movers,
  created_at, updated_at)
VALUES ($1, $2, $3, '', 1, decode(repeat('00', 32), 'hex'), $4, '台账不全', 'audit', 1, '[]', '{}', $5, 'internal',
  now(), '9999-12-31', '{}', 'pending', 'pending', 'pending', 'normal', '[]', now(), now())
"""
_WAITING = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
"""
_NUMBERLESS = {"draft", "submitted", "declined"}


@dataclass
class Office:
    """One root unit with a bureau and, below it, a section; beside it another bureau."""

    app: FastAPI
    tag: str = field(default_factory=lambda: uuid4().hex[:8])
    units: dict[str, UUID] = field(default_factory=dict)

    @property
    def db(self) -> Database:
        db: Database = self.app.state.db
        return db

    async def build(self) -> Office:
        for name, parent in (("root", None), ("bureau", "root"), ("section", "bureau"), ("other", "root")):
            await self._unit(name, parent)
        return self

    async def _unit(self, name: str, parent: str | None) -> None:
        unit_id, above = uuid7(), self.units.get(parent or "")
        self.units[name] = unit_id
        chain = [above] if above else []
        if parent is not None and parent != "root":
            chain = [self.units["root"], *chain]
        row = {
            "id": unit_id,
            "parent_id": above,
            "ancestors": [*chain, unit_id],
            "code": f"{self.tag}-{name}",
            "name": f"{name} {self.tag}",
            "version": 1,
            **_times(),
        }
        await self.db.write(lambda tx: tx.insert(tables.Unit, [row]))

    async def person(self, *roles: str, unit: str = "bureau") -> httpx2.AsyncClient:
        """A client logged in as somebody who holds these roles over a unit and all below it."""
        person_id, account_id = uuid7(), uuid7()

        async def hire(tx: Tx) -> None:
            await tx.insert(tables.Person, [{"id": person_id, "name": "张三", "version": 1, **_times()}])
            account = {
                "id": account_id,
                "person_id": person_id,
                "username": f"u{account_id.hex}",
                "password_hash": "x",
                "must_change_password": False,
                "active": True,
                "epoch": 1,
                "version": 1,
                **_times(),
            }
            await tx.insert(tables.Account, [account])
            grants = [
                {
                    "id": uuid7(),
                    "person_id": person_id,
                    "role": role,
                    "unit_id": self.units[unit],
                    "starts_on": LONG_AGO,
                    "version": 1,
                    **_times(),
                }
                for role in roles
            ]
            await tx.insert(tables.RoleGrant, grants)

        await self.db.write(hire)
        key = keyfiles.key(self.app.state.settings.var, "session")
        token = tokens.issue(key, tokens.Session(account_id, 1))
        return client_of(self.app, headers={"Authorization": f"Bearer {token}"})

    async def ledger(self, client: httpx2.AsyncClient, *, unit: str = "bureau", **more: Any) -> dict[str, Any]:
        body = {"code": f"L{uuid4().hex[:12]}", "name": "2026年巡察整改", "unit_id": str(self.units[unit]), **more}
        answer = await post(client, "/v1/ledgers", body)
        assert answer.status_code == 201, answer.text
        created: dict[str, Any] = answer.json()
        return created

    async def items(self, superuser_url: str, ledger_id: str, *states: str) -> None:
        """Items as they would stand in the middle of their lives; how they got there does not matter here."""
        connection = await asyncpg.connect(superuser_url)
        try:
            await connection.execute("SET session_replication_role = replica")
            for state in states:
                number = None if state in _NUMBERLESS else uuid4().hex[:12]
                await connection.execute(_ITEM, uuid7(), UUID(ledger_id), number, state, self.units["bureau"])
        finally:
            await connection.close()

    async def events(self, subject_id: str) -> list[tuple[str, int]]:
        rows = await self.db.fetch("SELECT type, seq FROM event WHERE subject_id = $1 ORDER BY seq", UUID(subject_id))
        return [(row["type"], row["seq"]) for row in rows]


@asynccontextmanager
async def held_back(superuser_url: str, sql: str, *args: Any) -> AsyncIterator[Callable[[int], Awaitable[None]]]:
    """Holds the rows that `sql` locks; the value waits until so many others of this database stand behind them."""
    connection, watcher = [await asyncpg.connect(superuser_url) for _ in range(2)]
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute(sql, *args)

    async def queued(count: int) -> None:
        for _ in range(500):
            if await watcher.fetchval(_WAITING) >= count:
                return
            await asyncio.sleep(0.01)
        raise TimeoutError

    try:
        yield queued
    finally:
        await transaction.rollback()
        await connection.close()
        await watcher.close()


async def post(client: httpx2.AsyncClient, path: str, body: Any, **headers: str) -> httpx2.Response:
    return await client.post(path, json=body, headers={"Idempotency-Key": uuid4().hex, **headers})


def codes(answer: httpx2.Response) -> list[tuple[str, str | None]]:
    return [(entry["code"], entry.get("pointer")) for entry in answer.json()["errors"]]


def _times() -> dict[str, Any]:
    now = clock.now()
    return {"created_at": now, "updated_at": now}
