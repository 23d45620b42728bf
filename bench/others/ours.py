"""The product itself, as the other measurements serve it: one worker."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

import asyncpg

from bench import bulk, load
from bench.cells import ACKNOWLEDGE
from bench.load import Work
from bench.organisation import made_id
from bench.others.ground import CHANGES, COUNTED_LIST, PAGE, READ, TURN, WRITE, Served, Size
from bench.seed import World

_FILTER: Final = {"state": "rectifying", "sort": "due_on", "limit": str(PAGE)}
CALLER: Final = "whole tree"
_READABLE: Final = "SELECT id FROM item WHERE state <> 'draft' ORDER BY hash_record_extended(row(id), 7) LIMIT $1"
"""Anywhere among the items, but no draft: those are their authors' alone."""


class Ours:
    name = "rectification-ledger"
    moved = "SELECT count(*) FROM event WHERE type = 'item.acknowledged'"
    pairs = True

    def __init__(self, superuser: str, url: str, var: Path, size: Size, seed: int) -> None:
        self.url, self.service, self.var, self.size, self.seed = superuser, url, var, size, seed
        self.world: World | None = None
        self.read: list[UUID] = []

    def prepare(self) -> None:
        count = self.size.items - self.size.waiting
        filled = bulk.fill(self.url, count, self.seed, assigned=self.size.waiting, lived=False, changes=CHANGES)
        self.world = asyncio.run(filled).world()
        self.read = asyncio.run(self._readable())

    async def _readable(self) -> list[UUID]:
        connection = await asyncpg.connect(self.url)
        try:
            return [row["id"] for row in await connection.fetch(_READABLE, TURN)]
        finally:
            await connection.close()

    @contextmanager
    def serving(self) -> Iterator[Served]:
        environment = {**os.environ, "DATABASE_URL": self.service, "RECTIFY_VAR": str(self.var)}
        with load.serving("product", environment) as (port, process):
            yield Served(port, process)

    def work(self, kind: str, port: int, share: range) -> Work | None:
        if self.world is None:
            raise RuntimeError("prepare() comes first")
        token = self.world.organisation.callers[CALLER].authorization(self.var)
        if kind == WRITE:
            return Work(port, [f"/v1/items/{made_id(7, place)}/transitions" for place in share], token, ACKNOWLEDGE)
        if kind == READ:
            items = [f"/v1/items/{key}" for key in self.read]
            return Work(port, [path for item in items for path in (item, f"{item}/events")], token)
        counted = {"include": "total"} if kind == COUNTED_LIST else {}
        return Work(port, [f"/v1/items?{urlencode(_FILTER | counted)}"], token)

    def entries(self, kind: str, answers: Sequence[Any]) -> int:
        return len(answers[1 if kind == READ else 0]["items"])
