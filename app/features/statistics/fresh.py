"""Answers that are a few seconds old at most: one computation at a time for each question, begun before it is due.

Nothing is counted while items are written; what many boards ask for is counted once for all of them.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import structlog

from app.core import clock

MAX_AGE: Final = 5.0
"""Seconds after which an answer is never given again."""
AHEAD: Final = 3.5
"""Seconds after which whoever asks is still answered at once, while the next answer is being made.

Sooner for what takes long to make, so that the next answer is there before the last one may not be given any more.
"""
MOST: Final = 256
MOST_NUMBERS: Final = 1_000_000
"""In all answers together, some 100 bytes each: a cross table of many units alone may hold a quarter of them."""
DEAR_AT_ONCE: Final = 2

log = structlog.get_logger(__name__)


class Made(NamedTuple):
    """What a computation gives whose answer is of a moment before it began, because it was put together from another."""

    value: Any
    at: float


@dataclass(slots=True)
class _Entry:
    """`numbers` is how many the value says it holds; one that does not say is small."""

    value: Any
    made: float
    took: float
    lasts: float
    numbers: int

    @property
    def due(self) -> float:
        """The age at which the next one is begun."""
        return min(AHEAD * self.lasts / MAX_AGE, self.lasts - 1.5 * self.took)


class Fresh:
    """A small memory of one process; `get` gives what was computed no longer than MAX_AGE ago, or than it `lasts`.

    An answer's age counts from the moment its computation began, because that is the moment it is of. `dear` is held by
    computations that take several connections each, so that a few of them leave the pool to everybody else.
    """

    def __init__(self, time: Callable[[], float] = lambda: clock.now().timestamp()) -> None:
        self._time = time
        self.dear = asyncio.Semaphore(DEAR_AT_ONCE)
        self._kept: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._numbers = 0
        self._coming: dict[Hashable, asyncio.Task[_Entry]] = {}

    async def get(self, key: Hashable, make: Callable[[], Awaitable[Any]], lasts: float = MAX_AGE) -> Any:
        """Raises what `make` raises; a failure is not remembered."""
        entry, age = self._last(key)
        if entry is not None and 0 <= age < lasts:
            self._kept.move_to_end(key)
            if age >= entry.due:
                self._begin(key, make, lasts)
            return entry.value
        # Shielded: others wait for the same computation, which must not end with the one who asked first.
        return (await asyncio.shield(self._begin(key, make, lasts))).value

    async def newer(self, key: Hashable, make: Callable[[], Awaitable[Any]], than: float) -> tuple[Any, float]:
        """What was begun after the moment `than`, and when: for answers put together from others, which say `Made` in turn."""
        entry, age = self._last(key)
        if entry is None or not (entry.made > than and 0 <= age < MAX_AGE):
            entry = await asyncio.shield(self._begin(key, make, MAX_AGE))
        return entry.value, entry.made

    def kept(self, key: Hashable) -> Any:
        """The last answer, however old; None where there is none."""
        entry = self._kept.get(key)
        return None if entry is None else entry.value

    def made(self, key: Hashable) -> float:
        """The moment the kept answer is of; long ago where there is none."""
        entry = self._kept.get(key)
        return 0.0 if entry is None else entry.made

    def _last(self, key: Hashable) -> tuple[_Entry | None, float]:
        entry = self._kept.get(key)
        return entry, 0.0 if entry is None else self._time() - entry.made

    def _begin(self, key: Hashable, make: Callable[[], Awaitable[Any]], lasts: float) -> asyncio.Task[_Entry]:
        coming = self._coming.get(key)
        if coming is None:
            coming = asyncio.create_task(self._make(key, make, lasts))
            coming.add_done_callback(_told)
            self._coming[key] = coming
        return coming

    async def _make(self, key: Hashable, make: Callable[[], Awaitable[Any]], lasts: float) -> _Entry:
        began = self._time()
        try:
            value = await make()
        finally:
            del self._coming[key]
        took = self._time() - began
        if isinstance(value, Made):
            value, began = value
        entry = _Entry(value, began, took, lasts, getattr(value, "numbers", 0))
        self._keep(key, entry)
        return entry

    def _keep(self, key: Hashable, entry: _Entry) -> None:
        """Forgets what nobody has asked for the longest, and the last answer never."""
        if (last := self._kept.pop(key, None)) is not None:
            self._numbers -= last.numbers
        self._kept[key] = entry
        self._numbers += entry.numbers
        while len(self._kept) > MOST or (self._numbers > MOST_NUMBERS and len(self._kept) > 1):
            self._numbers -= self._kept.popitem(last=False)[1].numbers


def _told(task: asyncio.Task[_Entry]) -> None:
    """Perhaps nobody waits for it, so its failure is logged here; the next caller tries again."""
    if not task.cancelled() and task.exception() is not None:
        log.warning("figures_not_refreshed", error=repr(task.exception()))
