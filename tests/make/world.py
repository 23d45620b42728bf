"""An invented organisation for a test run, and items of its in any state of their lives, all made over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import uuid4

from fastapi import FastAPI

from app.core import clock
from app.core.db import Database
from app.demo.carry import Carrier, Case
from app.demo.client import Caller, Json
from app.demo.organisation import ROOT, Organisation, build
from tests.support.service import client_of

_NUMBERS = count(1)
_HAN = [chr(point) for point in range(0x4E00, 0x9000)]


def words(length: int = 24) -> str:
    """Han characters that no other item of the run has in the same order, so that nothing looks like a duplicate."""
    number = next(_NUMBERS) * 7919
    return "".join(_HAN[(number + place * place * 131 + place * 17) % len(_HAN)] for place in range(length))


def case(**changes: Any) -> Case:
    """A problem unlike any other."""
    text = words()
    usual = Case(title=f"问题{text[:8]}", description=text, source={"type": "self_inspection"})
    return replace(usual, **changes)


@dataclass
class World:
    """`as_` gives the caller of an account (named after its role), `item` an item in the state a test begins with."""

    app: FastAPI
    made: Organisation
    carrier: Carrier

    @property
    def db(self) -> Database:
        db: Database = self.app.state.db
        return db

    async def as_(self, username: str) -> Caller:
        return await self.made.as_(username)

    @asynccontextmanager
    async def at(self, moment: datetime | timedelta) -> AsyncIterator[None]:
        """Another time, for the service and for its callers: sessions are bound to the clock, hence opened anew."""
        before, self.made.callers = self.made.callers, {}
        try:
            with clock.travel(moment):
                yield
        finally:
            await self.made.close()
            self.made.callers = before

    async def head_of(self, of: Case) -> Caller:
        """The head of the unit that leads the case."""
        return await self.as_(self.made.head_of(of.lead))

    async def item(self, state: str = "rectifying", of: Case | None = None, **changes: Any) -> Json:
        return await self.carrier.to(state, of or case(**changes))

    async def ledger(self, **rules: Any) -> str:
        """A ledger of the test's own under a key of the same name, for `case(ledger=…)`; `rules` make its policy."""
        key = f"l-{uuid4().hex[:12]}"
        body = {"code": key, "name": f"台账{key}", "unit_id": self.made.units[ROOT], "rules": rules}
        self.made.ledgers[key] = (await (await self.as_("supervision_office")).post("/ledgers", body))["id"]
        return key

    async def read(self, item: Json, username: str = "auditor") -> Json:
        return await (await self.as_(username)).get(f"/items/{item['id']}")

    async def events(self, item: Json) -> list[str]:
        """The types of the item's events, oldest first."""
        rows = await self.db.fetch("SELECT type FROM event WHERE subject_id = $1 ORDER BY seq", item["id"])
        return [str(row["type"]) for row in rows]


async def world_of(app: FastAPI) -> World:
    made = await build(app.state.db, lambda: client_of(app))
    return World(app, made, Carrier(made))
