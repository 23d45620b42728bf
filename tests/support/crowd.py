"""People who use a deployment while something happens to it, and whether they were all dealt with rightly."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random

import httpx2

from app.core.db import Database
from app.demo.organisation import Organisation, build
from tests.lin.checker import violations
from tests.support.deployment import Deployment
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
from tests.support.journal import Journal
from tests.support.load import Client, Line, Stock
from tests.support.wire import Wire


def say(text: str) -> None:
    """Progress of long runs, for whoever watches with -s."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


@asynccontextmanager
async def organisation(deployment: Deployment) -> AsyncIterator[Organisation]:
    """The people who call, made by the service itself."""
    url = f"http://127.0.0.1:{deployment.services[0].port}"
    database = await Database.open(deployment.cluster.app_url)
    made = await build(database, lambda: httpx2.AsyncClient(base_url=url, timeout=30))
    try:
        yield made
    finally:
        await made.close()
        await database.close()


@dataclass
class Crowd:
    """Clients who write on and on; `stop` ends them, `findings` compares their accounts with the history."""

    deployment: Deployment
    journal: Journal
    before: set[str]
    stock: Stock
    clients: list[Client]
    stopped: bool = False
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def failures(self) -> int:
        """How many answers were a 5xx."""
        return sum(op.failures for op in self.journal.ops)

    async def acknowledged(self, more: int = 1) -> None:
        """Until so many more writes were acknowledged."""
        wanted = self.journal.counts()["ok"] + more
        while self.journal.counts()["ok"] < wanted:  # noqa: ASYNC110 - several clients may end it
            await asyncio.sleep(0.02)

    async def stop(self) -> None:
        self.stopped = True
        await asyncio.gather(*self.tasks)
        for client in self.clients:
            for line in client.lines:
                await line.close()

    async def findings(self) -> list[str]:
        history = await History.read(self.deployment.cluster.superuser_url, self.before)
        told = (exactly_once, nothing_unasked, told_right)
        found = [fault for check in told for fault in check(history, self.journal)]
        found += [fault for check in (dense, folds, past_is_whole) for fault in check(history)]
        resolved = (op for op in self.journal.writes("unknown") if op.code and op.key in history.by_key)
        found += [f"{op.key} failed, was refused when it was asked for again, and has happened" for op in resolved]
        found += [f"nobody found out what became of {op.key}" for op in self.journal.writes("unknown") if not op.code]
        return found + violations(history, self.journal)


@asynccontextmanager
async def crowd(deployment: Deployment, made: Organisation, seed: int, clients: int = 4) -> AsyncIterator[Crowd]:
    """They have begun when the block begins, and are stopped at its end."""
    stock, journal = await Stock.laid_in(made, loose=4, flocks=1, working=2), Journal()
    found = Crowd(deployment, journal, await event_ids(deployment.cluster.superuser_url), stock, [])
    for number in range(clients):
        lines: list[Line] = [Wire(service.port) for service in deployment.services]
        turned = lines[:: 1 if number % 2 else -1]
        client = Client(f"c{number}", Random(f"{seed}/{number}"), stock, journal, turned, patience=120.0, forgets=0.0)
        found.clients.append(client)
    found.tasks = [asyncio.create_task(client.play(lambda: found.stopped)) for client in found.clients]
    try:
        yield found
    finally:
        await found.stop()
