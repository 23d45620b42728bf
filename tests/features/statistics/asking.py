"""Asks a service on a database of the test's own, on which stories are plotted."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import httpx2
from fastapi import FastAPI

from app.core import clock
from app.features.statistics.fresh import Fresh
from bench.organisation import Caller
from bench.seed import World
from tests.features.identify.ledger_book import Book
from tests.make.plot import Plot, instant

QUARTER = {"period_from": "2026-01-01", "period_to": "2026-03-31"}
SPRING = "2026-04-01 10:00"
START = ("2026-01-05 registered", "2026-01-06 assigned due=2026-02-01", "2026-01-20 verifying", "2026-01-25 closing")
"""The usual beginning of a story."""


class Asking:
    """Calling it gives numerator, denominator and percent of one metric."""

    def __init__(self, app: FastAPI, plot: Plot) -> None:
        self.app = app
        self.plot = plot
        self.world: World = plot.world
        made = plot.world.organisation
        self.name("leader", made.people[made.bureaus[0]][2])

    def name(self, caller: str, person_id: UUID) -> None:
        """Makes somebody a caller of the test."""
        made = self.world.organisation
        account = next(row["id"] for row in made.rows["account"] if row["person_id"] == person_id)
        made.callers[caller] = Caller(caller, person_id, account)

    async def item(self, *steps: str, **columns: Any) -> UUID:
        return await self.plot.item(*steps, **columns)

    def client(self, caller: str = "whole tree") -> httpx2.AsyncClient:
        self.app.state.figures = Fresh()
        return Book(self.app, self.world, [], {}, {}, clock.today()).client(caller)

    async def get(self, path: str, caller: str = "whole tree", **params: str) -> httpx2.Response:
        async with self.client(caller) as client:
            return await client.get(f"/v1{path}", params=params)

    async def post(self, path: str, body: Any, caller: str = "whole tree") -> httpx2.Response:
        async with self.client(caller) as client:
            return await client.post(f"/v1{path}", json=body, headers={"Idempotency-Key": uuid4().hex})

    async def ask(self, metric: str, as_of: str = SPRING, caller: str = "whole tree", **params: str) -> dict[str, Any]:
        day, hour = as_of.split()
        moment = instant(day, hour).isoformat().replace("+00:00", "Z")
        answer = await self.get("/statistics", caller, metric=metric, as_of=moment, **{**QUARTER, **params})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def __call__(self, metric: str, as_of: str = SPRING, **params: str) -> tuple[int, int | None, str | None]:
        figure = (await self.ask(metric, as_of, **params))["totals"][0]
        return figure["numerator"], figure["denominator"], figure["percent"]
