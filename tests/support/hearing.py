"""A server on a real port, and listeners to its event stream: an answer without an end needs a socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import uvicorn
from fastapi import FastAPI

from app.core import serving
from app.main import leave


@asynccontextmanager
async def listening(app: FastAPI) -> AsyncIterator[tuple[str, uvicorn.Server]]:
    """The application behind the server it is deployed with, and its address; the block ends when the server has left."""
    bound = serving.bind("127.0.0.1", 0)
    address, ready = serving.address(bound), asyncio.Event()
    server = serving.server(app, ready.set, lambda: leave(app))
    running = asyncio.create_task(server.serve([bound]))
    started = asyncio.create_task(ready.wait())
    await asyncio.wait({started, running}, return_when=asyncio.FIRST_COMPLETED)
    try:
        yield address, server
    finally:
        started.cancel()
        server.should_exit = True
        await running


@dataclass
class Ear:
    """What one open stream has told so far."""

    answer: httpx2.Response
    events: list[dict[str, Any]] = field(default_factory=list)
    problems: list[dict[str, Any]] = field(default_factory=list)
    last_id: str = ""
    heartbeats: int = 0
    ended: bool = False
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def listen(self) -> None:
        try:
            kind, data = "message", ""
            async for line in self.answer.aiter_lines():
                name, _, value = line.partition(": ")
                if name == "id":
                    self.last_id = value
                elif name == "event":
                    kind = value
                elif name == "data":
                    data = value
                elif line.startswith(":"):
                    self.heartbeats += 1
                if not line and data:
                    (self.events if kind == "message" else self.problems).append(json.loads(data))
                    kind, data = "message", ""
                await self._tell()
        except httpx2.HTTPError:
            pass
        self.ended = True
        await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def until(self, happened: Any, seconds: float = 8.0) -> None:
        """Waits until `happened(ear)`; fails when the time is over."""
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(lambda: happened(self))

    async def heard(self, number: int) -> list[dict[str, Any]]:
        """The events once there are so many."""
        await self.until(lambda ear: len(ear.events) >= number)
        return self.events


@asynccontextmanager
async def hearing(url: str, headers: dict[str, str], **query: Any) -> AsyncIterator[Ear]:
    """One listener on a connection of its own, as a browser opens it."""
    async with httpx2.AsyncClient(base_url=url, timeout=httpx2.Timeout(30)) as client:
        given = {"Accept": "text/event-stream", **headers}
        async with client.stream("GET", "/v1/events/stream", headers=given, params=query) as answer:
            if answer.status_code != 200:
                await answer.aread()
            ear = Ear(answer)
            task = asyncio.create_task(ear.listen())
            try:
                yield ear
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
