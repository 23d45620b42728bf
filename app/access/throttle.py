"""Guessing is made slow: after some wrong passwords even the right one has to wait."""

from __future__ import annotations

import math
import time
from hashlib import blake2s
from typing import Final

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from app.core.errors import Problem

PER_ACCOUNT: Final = RateLimitItemPerMinute(5, 15)
PER_ADDRESS: Final = RateLimitItemPerMinute(100, 15)


class Throttle:
    """Counts failures per user name and address, and per address; kept in memory, so each process counts its own."""

    def __init__(self) -> None:
        self._window = MovingWindowRateLimiter(MemoryStorage())

    def check(self, username: str, address: str) -> None:
        """Raises too_many_requests with the seconds to wait."""
        for limit, *names in self._limits(username, address):
            if not self._window.test(limit, *names):
                seconds = math.ceil(self._window.get_window_stats(limit, *names).reset_time - time.time())
                raise Problem("too_many_requests", headers={"Retry-After": str(max(seconds, 1))})

    def failed(self, username: str, address: str) -> None:
        """Remembers one wrong password."""
        for limit, *names in self._limits(username, address):
            self._window.hit(limit, *names)

    def _limits(self, username: str, address: str) -> list[tuple[RateLimitItemPerMinute, str]]:
        # A digest, because a name may be of any length and people type passwords into the wrong field.
        pair = blake2s(f"{username.casefold()}\n{address}".encode("utf-8", "replace")).hexdigest()
        return [(PER_ACCOUNT, pair), (PER_ADDRESS, address)]
