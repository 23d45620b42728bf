"""A service whose history is checked: prepared once, copied for every run, with whatever mistake is put into it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import asyncpg

from app.main import create_app
from tests.lin.checker import violations
from tests.make.world import world_of
from tests.support.database import Clone, Server, clone, execute
from tests.support.history import (
    History,
    dense,
    event_ids,
    exactly_once,
    folds,
    nothing_unasked,
    past_is_whole,
    told_right,
)
from tests.support.inside import Inside
from tests.support.journal import Journal
from tests.support.load import Client, Stock
from tests.support.service import running, settings_for

ALONE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'"
"""A pooler keeps a connection for a while after whoever used it has gone."""
TERMINATE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND application_name = 'rectify'"


@dataclass
class Prepared:
    """A database with an organisation and items in it, and everybody's session; nobody is connected to it."""

    server: Server
    name: str
    var: Path
    stock: Stock

    @classmethod
    async def made(cls, server: Server, template: str, var: Path) -> Prepared:
        found = await asyncio.to_thread(clone, server, template)
        async with running(create_app(settings_for(found.app_url, var))) as app:
            world = await world_of(app)
            stock = await Stock.laid_in(world.made, loose=5, flocks=2, working=3)
            await world.made.close()
        return cls(server, found.name, var, stock)

    async def copy(self, *changes: str) -> Clone:
        """Another one just like it; `changes` are statements of its superuser."""
        await execute(self.server.superuser("postgres"), ALONE.format(self.name))
        found = await asyncio.to_thread(clone, self.server, self.name)
        for change in changes:
            await execute(found.superuser_url, change.format(database=found.name))
        return found

    async def drop(self, found: Clone) -> None:
        sql = f'DROP DATABASE IF EXISTS "{found.name}" WITH (FORCE)'
        await execute(self.server.superuser("postgres"), sql)


@dataclass(frozen=True, slots=True)
class Bout:
    """How much is asked for, by how many, and whether connections break meanwhile."""

    ops: int
    seed: int
    clients: int = 8
    faults: bool = False
    mix: Callable[[], dict[str, int]] | None = None


@dataclass
class Result:
    journal: Journal
    history: History
    findings: list[str] = field(default_factory=list)


async def fight(prepared: Prepared, database: Clone, bout: Bout) -> Result:
    """Two services on one database, `bout.clients` callers of both, until so many operations are done."""
    before = await event_ids(database.superuser_url)
    journal = Journal()
    stock = prepared.stock.again()
    settings = settings_for(database.app_url, prepared.var)
    async with running(create_app(settings)) as one, running(create_app(settings)) as other:
        lines = [Inside(one), Inside(other)]
        clients = [_client(bout, number, stock, journal, lines) for number in range(bout.clients)]
        nemesis = asyncio.create_task(_break_connections(prepared, database, bout)) if bout.faults else None
        await asyncio.gather(*(client.play(lambda: len(journal.ops) >= bout.ops) for client in clients))
        if nemesis is not None:
            nemesis.cancel()
            with suppress(asyncio.CancelledError):
                await nemesis
        await asyncio.sleep(0.3)  # what was answered too early is committed by then
    history = await History.read(database.superuser_url, before)
    return Result(journal, history, [*consistent(history, journal), *violations(history, journal)])


def consistent(history: History, journal: Journal) -> Sequence[str]:
    checks = (exactly_once, nothing_unasked, told_right)
    found = [fault for check in checks for fault in check(history, journal)]
    return found + [fault for check in (dense, folds, past_is_whole) for fault in check(history)]


def _client(bout: Bout, number: int, stock: Stock, journal: Journal, lines: list[Any]) -> Client:
    random = Random(f"{bout.seed}/{number}")
    turned = lines[:: 1 if number % 2 else -1]
    return Client(f"c{number}", random, stock, journal, list(turned), patience=20.0, twins=0.1)


async def _break_connections(prepared: Prepared, database: Clone, bout: Bout) -> None:
    """Every connection of the service, or one of them, in the middle of whatever it does."""
    random = Random(f"{bout.seed}/nemesis")
    connection = await asyncpg.connect(prepared.server.superuser("postgres"))
    try:
        while True:
            await asyncio.sleep(random.uniform(0.1, 0.5))
            limit = "" if random.random() < 0.5 else " ORDER BY random() LIMIT 1"
            await connection.execute(f"{TERMINATE}{limit}".replace("$1", f"'{database.name}'"))
    finally:
        await connection.close()


def pace(result: Result, started: float) -> str:
    seconds = time.monotonic() - started
    counts = result.journal.counts()
    return f"{len(result.journal.ops)} operations in {seconds:.1f} s, writes {dict(counts)}, {len(result.findings)} findings"
