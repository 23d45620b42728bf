"""The service in a loop of its own, so that a synchronous state machine can call it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TypeVar

from app.demo.client import Json
from tests.journeys.stage import made, problem
from tests.make.world import World, world_of
from tests.support.service import running, settings_for

T = TypeVar("T")
EXTRA = ("verifier", "supervision_office", "survey_runner", "leader", "first_responsible", "discipline_office")


class Service:
    """`home` is an item that others may be merged into."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.stack = AsyncExitStack()
        self.world: World
        self.home: Json

    def start(self, url: str, var: Path) -> None:
        self.thread.start()
        self.run(self._start(url, var))

    async def _start(self, url: str, var: Path) -> None:
        from app.main import create_app

        app = await self.stack.enter_async_context(running(create_app(settings_for(url, var))))
        self.world = await world_of(app)
        await self._double()
        self.home = await made(self.world, "registered")

    async def _double(self) -> None:
        """One person with every role that judges and signs."""
        people = self.world.made
        system, security = await people.as_("system_admin"), await people.as_("security_admin")
        person = (await system.post("/people", {"name": "多职人员"}))["id"]
        people.people["double"], people.passwords["double"] = person, people.passwords["leader"]
        log_in = {"username": "double", "password": people.passwords["double"], "must_change_password": False}
        await security.put(f"/people/{person}/account", log_in, if_match=None)
        post = {"person_id": person, "unit_id": people.units["office"], "title": "科员", "starts_on": "2024-01-01"}
        await system.post("/posts", post)
        for role in (*EXTRA, "unit_head"):
            unit = people.units["engineering" if role == "unit_head" else "bureau"]
            grant = {"role": role, "unit_id": unit, "starts_on": "2024-01-01"}
            await security.post(f"/people/{person}/roles", grant)

    def draft(self, mode: str, *, noticed: bool) -> Json:
        public = {"ledger": "public", "confidentiality": "public"} if noticed else {}
        return self.run(self.world.carrier.draft(problem(self.world, mode=mode, **public)))

    def stop(self) -> None:
        self.run(self.world.made.close())
        self.run(self.stack.aclose())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    def run(self, work: Awaitable[T]) -> T:
        async def whole() -> T:
            return await work

        return asyncio.run_coroutine_threadsafe(whole(), self.loop).result(timeout=60)
