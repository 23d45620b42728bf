"""Passwords: argon2id off the event loop, a few at a time, and the same effort for a name nobody has."""

from __future__ import annotations

import secrets
import unicodedata
from functools import cache
from typing import Final

from anyio import CapacityLimiter, to_thread
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST: Final = 12
LONGEST: Final = 128
_DISTINCT: Final = 5
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


def generated() -> str:
    """A password for its first use: 96 random bits, easy to read out."""
    return secrets.token_urlsafe(12)


def acceptable(password: str, username: str) -> bool:
    """Length is what counts; what repeats itself or holds the user name is guessed first."""
    text = _normal(password)
    fits = SHORTEST <= len(text) <= LONGEST and len(set(text)) >= _DISTINCT
    return fits and username.casefold() not in text.casefold()


async def hashed(password: str) -> str:
    """About 20 ms and 19 MiB a call."""
    return await to_thread.run_sync(_HASHER.hash, _normal(password), limiter=_limiter())


async def matches(stored: str | None, password: str) -> bool:
    """Whether the password is right; None, an account that does not exist, takes as long as any other."""
    return await to_thread.run_sync(_verify, stored, _normal(password)[: LONGEST * 4], limiter=_limiter())


def _verify(stored: str | None, password: str) -> bool:
    try:
        right = _HASHER.verify(stored or _nobody(), password)
    except (VerificationError, InvalidHashError):
        return False
    return right and stored is not None


def _normal(password: str) -> str:
    """One text for one password, whatever keyboard or system composed its characters."""
    return unicodedata.normalize("NFC", password).strip()


@cache
def _nobody() -> str:
    return _HASHER.hash(secrets.token_urlsafe(24))


@cache
def _limiter() -> CapacityLimiter:
    """A flood of log-ins must not take all threads and all memory."""
    return CapacityLimiter(2)
