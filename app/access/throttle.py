"""Guessing is made slow, and nobody fills the disk: after too many tries the caller has to wait."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2s
from typing import Final

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from app.core.errors import Problem

PER_ACCOUNT: Final = RateLimitItemPerMinute(5, 15)
PER_ADDRESS: Final = RateLimitItemPerMinute(100, 15)
UPLOADS: Final = RateLimitItemPerMinute(600)
"""Per caller: far above any office's day, far below what fills a disk overnight."""


Limits = list[tuple[RateLimitItemPerMinute, str]]


class Throttle:
    """Counts failures per user name and address, and per address; kept in memory, so each process counts its own."""

    def __init__(self) -> None:
        self._window = MovingWindowRateLimiter(MemoryStorage())
        self._undecided: Counter[str] = Counter()

    @contextmanager
    def attempt(self, username: str, address: str) -> Iterator[None]:
        """One try at a password; a Problem raised inside is a failure and is remembered.

        What is still being looked at counts as wrong, so that many tries at once gain nothing. Raises too_many_requests
        with the seconds to wait.
        """
        limits = self._limits(username, address)
        for limit, name in limits:
            if self._window.get_window_stats(limit, name).remaining <= self._undecided[name]:
                raise self._refusal(limit, name)
        names = [name for _, name in limits]
        self._undecided.update(names)
        try:
            yield
        except Problem:
            for limit, name in limits:
                self._window.hit(limit, name)
            raise
        finally:
            self._undecided.subtract(names)
            self._undecided += Counter()  # forgets the names nobody tries any more

    def upload(self, principal: str) -> None:
        """Counts one upload of a caller; raises too_many_requests past the limit."""
        if not self._window.hit(UPLOADS, principal):
            raise self._refusal(UPLOADS, principal)

    def _refusal(self, limit: RateLimitItemPerMinute, name: str) -> Problem:
        seconds = math.ceil(self._window.get_window_stats(limit, name).reset_time - time.time())
        return Problem("too_many_requests", headers={"Retry-After": str(max(seconds, 1))})

    def _limits(self, username: str, address: str) -> Limits:
        # A digest, because a name may be of any length and people type passwords into the wrong field.
        pair = blake2s(f"{username.casefold()}\n{address}".encode("utf-8", "replace")).hexdigest()
        return [(PER_ACCOUNT, pair), (PER_ADDRESS, address)]
