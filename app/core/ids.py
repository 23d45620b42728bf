"""Identifiers: time-ordered keys made by the service, so that no database sequence is needed."""

from __future__ import annotations

import os
import re
import time
from uuid import UUID

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}\Z")


def uuid7() -> UUID:
    """RFC 9562 version 7: 48 bits of milliseconds, then random; neighbours in time are neighbours in the index."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10))
    value = (milliseconds & (2**48 - 1)) << 80 | random & (2**80 - 1)
    value = value & ~(0xF << 76) | 0x7 << 76
    return UUID(int=value & ~(0x3 << 62) | 0x2 << 62)


def request_id(offered: str | None) -> str:
    """The caller's correlation id when it is harmless in logs and headers, else a new one."""
    if offered is not None and _REQUEST_ID.match(offered):
        return offered
    return str(uuid7())
