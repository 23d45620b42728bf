"""Two requests that take turns statement by statement, so that every meeting of theirs can be arranged."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from asyncpg.transaction import Transaction

from app.core.db import Tx
from tests.support.bugs import Patches

BLOCKED_SECONDS = 0.04
"""A statement that takes longer waits for the other's lock; where it was only slow, the other goes on a little early."""
_lane: ContextVar[Lane | None] = ContextVar("lane", default=None)


@dataclass
class Lane:
    """One request; it stops before each statement of its write until it is let on."""

    permits: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    free: bool = False
    passed: int = 0
    task: asyncio.Task[Any] | None = None

    async def stop_here(self) -> None:
        if self.free:
            return
        self.arrived.set()
        await self.permits.acquire()
        self.arrived.clear()
        self.passed += 1

    async def settle(self) -> bool:
        """Until it stands before a statement or is done; False where it hangs on somebody's lock."""
        assert self.task is not None
        standing = asyncio.ensure_future(self.arrived.wait())
        done, _ = await asyncio.wait(
            {standing, self.task}, timeout=BLOCKED_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
        standing.cancel()
        return bool(done)

    async def step(self, statements: int) -> None:
        """Lets it run so many statements, fewer where it ends or hangs before."""
        for _ in range(statements):
            if not await self.settle() or self.task is None or self.task.done():
                return
            self.permits.release()
            await asyncio.sleep(0)
        await self.settle()

    async def finish(self) -> None:
        """Lets it run on its own from here; whether it comes to its end is up to the other, too."""
        self.free = True
        self.permits.release()
        await self.settle()


@contextmanager
def steps() -> Iterator[None]:
    """While the block runs, statements of a write inside a lane wait for permission; so do BEGIN and COMMIT."""
    patches = Patches()

    def gated(run: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def one(*args: Any, **more: Any) -> Any:
            lane = _lane.get()
            if lane is not None:
                await lane.stop_here()
            return await run(*args, **more)

        return one

    for name in ("fetch", "fetchrow", "fetchval", "execute", "insert"):
        patches.put(Tx, name, gated(getattr(Tx, name)))
    for name in ("start", "__aexit__"):
        patches.put(Transaction, name, gated(getattr(Transaction, name)))
    try:
        yield
    finally:
        for undo in reversed(patches.undo):
            undo()


Request = Callable[[], Awaitable[Any]]


def _start(lane: Lane, request: Request) -> None:
    async def run() -> Any:
        _lane.set(lane)
        return await request()

    lane.task = asyncio.create_task(run())


async def interleaved(first: Request, second: Request, before: int, between: int) -> tuple[Any, Any]:
    """`before` statements of the first, then `between` of the second, then the rest of the first, then of the second."""
    lanes = Lane(), Lane()
    for lane, request in zip(lanes, (first, second), strict=True):
        _start(lane, request)
    await lanes[0].step(before)
    await lanes[1].step(between)
    await lanes[0].finish()
    await lanes[1].finish()
    assert lanes[0].task is not None
    assert lanes[1].task is not None
    async with asyncio.timeout(20):
        return await lanes[0].task, await lanes[1].task


async def counted(request: Request) -> tuple[Any, int]:
    """The answer of a request alone, and how many statements it took."""
    lane = Lane()
    _start(lane, request)
    assert lane.task is not None
    while not lane.task.done():
        await lane.step(1)
    return await lane.task, lane.passed
