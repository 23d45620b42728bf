"""A small organisation whose events are pushed to two receivers, a step at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx2
from fastapi import FastAPI

from app.features.webhooks.dispatcher import Dispatcher
from app.trail.positions import assign_positions
from tests.features.history.world import Json, World
from tests.features.history.world import build as build_world
from tests.support.organisation import Someone
from tests.support.receiver import Receiver

PATH = "/v1/webhook-endpoints"


@dataclass
class Pushing:
    world: World
    owner: Someone
    one: Receiver
    other: Receiver
    dispatcher: Dispatcher = field(init=False)

    def __post_init__(self) -> None:
        self.dispatcher = self.another()

    def another(self) -> Dispatcher:
        """As of another process."""
        state = self.world.app.state
        return Dispatcher(state.db, state.settings.var, state.outgoing)

    async def send(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        who: Someone | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx2.Response:
        given = {**(who or self.owner).headers, "Idempotency-Key": uuid4().hex, **(headers or {})}
        return await self.world.http.request(method, f"{PATH}{path}", json=body, headers=given)

    async def endpoint(self, receiver: Receiver | None = None, who: Someone | None = None, **more: Any) -> Json:
        """A new one, with its secret."""
        answer = await self.send("POST", "", {"url": (receiver or self.one).url, **more}, who)
        assert answer.status_code == 201, answer.text
        made: Json = answer.json()
        return made

    async def read(self, made: Json, who: Someone | None = None) -> Json:
        answer = await self.send("GET", f"/{made['id']}", who=who)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    async def change(self, made: Json, verb: str = "", body: Json | None = None) -> Json:
        """PATCH, or a verb such as `:replay`."""
        method = "POST" if verb else "PATCH"
        answer = await self.send(method, f"/{made['id']}{verb}", body, headers={"If-Match": "*"})
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    async def deliveries(self, made: Json, **query: str) -> list[Json]:
        """Newest first."""
        text = "&".join(f"{name}={value}" for name, value in query.items())
        answer = await self.send("GET", f"/{made['id']}/deliveries?{text}")
        assert answer.status_code == 200, answer.text
        found: list[Json] = answer.json()["items"]
        return found

    async def item(self) -> str:
        """Drafted and submitted: while it is a draft it concerns its finder alone."""
        item = await self.world.draft()
        await self.world.act(self.world.liaison, item, "submit")
        return item

    async def register(self, item: str) -> None:
        await self.world.act(
            self.world.office, item, "register", {"category": self.world.category, "severity": "general"}
        )

    async def push(self) -> None:
        """Everything that is due at this moment, until nothing is."""
        await assign_positions(self.world.db)
        while await self.dispatcher.run():
            await settled(self.dispatcher)


async def settled(dispatcher: Dispatcher) -> None:
    """Nothing is under way any more."""
    await asyncio.gather(*dispatcher.tasks.values())


async def build(app: FastAPI, one: Receiver, other: Receiver) -> Pushing:
    world = await build_world(app)
    return Pushing(world, await world.org.person(("integration", world.root)), one, other)
