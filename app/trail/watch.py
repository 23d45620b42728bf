"""Knows how far the log has grown, for everybody in this process who waits for more of it: one look a second for all."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar, cast

import structlog

from app.core.db import Database
from app.core.errors import Problem

LAST_POSITION: Final = "SELECT coalesce(max(position), 0) FROM log_position"
LOOK_SECONDS: Final = 1.0
AT_ONCE: Final = 4
"""Of the connections of this process, so many may be busy with telling listeners; the others are for requests."""

MOST: Final = 2000
"""Listeners of one process: each holds a connection and some 35 kB."""
MOST_OF_ONE: Final = 100
"""Listeners of one caller: a hall of screens, and not a program that forgets to close."""
_ANSWERS: Final = 4096

T = TypeVar("T")
log = structlog.get_logger(__name__)


class Watch:
    """Looks only while somebody waits. What several ask alike about the same state of the log is found out once."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._last = 0
        self._known = False
        self._waiting: set[asyncio.Future[bool]] = set()
        self._looking: asyncio.Task[None] | None = None
        self._asked: dict[Hashable, asyncio.Task[Any]] = {}
        self._room = asyncio.Semaphore(AT_ONCE)
        self._closed = False
        self._seats: Counter[str] = Counter()

    @property
    def listeners(self) -> int:
        """How many listen at this moment."""
        return self._seats.total()

    def require_room(self, principal: str) -> None:
        """Raises too_many_requests for a caller who listens too often already, unavailable for a full or leaving process."""
        if self._seats[principal] >= MOST_OF_ONE:
            raise Problem("too_many_requests", headers={"Retry-After": "30"})
        if self._closed or self.listeners >= MOST:
            raise Problem("unavailable", headers={"Retry-After": "5"})

    @contextmanager
    def seat(self, principal: str) -> Iterator[None]:
        """Counts one listener while the block lasts."""
        self._seats[principal] += 1
        try:
            yield
        finally:
            self._seats[principal] -= 1
            self._seats += Counter()  # forgets who no longer listens

    @property
    def closed(self) -> bool:
        """Whether the process is leaving, so that nobody should begin to wait."""
        return self._closed

    async def last(self) -> int:
        """The last position there is at this moment."""
        self._learn(await self._db.fetchval(LAST_POSITION))
        return self._last

    async def beyond(self, position: int, seconds: float) -> bool:
        """Waits for something after `position`, at most so long; False when there is nothing or the watch is closed."""
        if self._known and self._last > position:
            return not self._closed
        if self._closed:
            return False
        woken: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.add(woken)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        timer = woken.get_loop().call_later(seconds, _settle, woken)
        try:
            return await woken and self._last > position
        finally:
            timer.cancel()
            self._waiting.discard(woken)

    async def once(self, key: Hashable, find: Callable[[], Awaitable[T]]) -> T:
        """What `find` gives, asked once for all who name the same key before the log has grown again."""
        task = self._asked.get(key)
        if task is None:
            if len(self._asked) >= _ANSWERS:
                self._asked.clear()
            task = self._asked[key] = asyncio.create_task(self._found(find))
            task.add_done_callback(lambda done: self._forget_failed(key, done))
        # Shielded: the one who asked first may leave while others wait for the same answer.
        return cast("T", await asyncio.shield(task))

    async def _found(self, find: Callable[[], Awaitable[T]]) -> T:
        async with self._room:
            return await find()

    def _forget_failed(self, key: Hashable, task: asyncio.Task[Any]) -> None:
        if (task.cancelled() or task.exception() is not None) and self._asked.get(key) is task:
            del self._asked[key]

    async def _look(self) -> None:
        while self._waiting and not self._closed:
            try:
                self._learn(await self._db.fetchval(LAST_POSITION))
            except Exception as error:  # noqa: BLE001 - an outage passes; whoever waits is only told later
                log.warning("watch_failed", error=type(error).__name__)
            await asyncio.sleep(LOOK_SECONDS)

    def _learn(self, last: int) -> None:
        grown = last > self._last or not self._known
        self._last, self._known = max(last, self._last), True
        if grown:
            self._asked.clear()
            for woken in self._waiting:
                _settle(woken, outcome=True)

    def close(self) -> None:
        """Lets everybody who waits go at once, and nobody wait again."""
        self._closed = True
        if self._looking is not None:
            self._looking.cancel()
        for woken in self._waiting:
            _settle(woken)


def _settle(woken: asyncio.Future[bool], *, outcome: bool = False) -> None:
    if not woken.done():
        woken.set_result(outcome)
