"""Entity tags of items: the version says what changed, the suffix says for whom and for which day it was shown."""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from hashlib import blake2s
from typing import Final

from app.core.errors import Problem

_TAG: Final = re.compile(r"""(?:W/)?"?v([0-9]{1,10})(?:\.[0-9a-z]{1,32})?"?\Z""")


@lru_cache(maxsize=4096)
def _suffix(today: date, stamp: str, language: str) -> str:
    return blake2s(f"{today}|{stamp}|{language}".encode(), digest_size=3).hexdigest()


def item_etag(version: int, today: date, stamp: str, language: str) -> str:
    """`today` is the Beijing date (the light changes at midnight), `stamp` the caller's access stamp."""
    return f'"v{version}.{_suffix(today, stamp, language)}"'


def past_etag(version: int, content: bytes) -> str:
    """Of an item as it was: the answer itself decides, since only a mask or a redaction can still change it."""
    return f'"v{version}.{blake2s(content, digest_size=8).hexdigest()}"'


def require_version(if_match: str | None, current: int) -> None:
    """Only the version is compared: another reader's tag of the same version is no reason to refuse a write.

    A `W/` prefix is taken, because compressing proxies add it. Raises precondition_required (428), and
    version_mismatch (412) with `current_version`.
    """
    if if_match is None or not if_match.strip():
        raise Problem("precondition_required")
    for candidate in if_match.split(","):
        tag = candidate.strip()
        found = _TAG.match(tag)
        if tag == "*" or (found is not None and int(found[1]) == current):
            return
    raise Problem("version_mismatch", current_version=current)


def not_modified(if_none_match: str | None, etag: str) -> bool:
    """Weak comparison of the whole tag, as RFC 9110 §13.1.2 asks for reading."""
    if if_none_match is None:
        return False
    wanted = etag.removeprefix("W/")
    return any(tag.strip() == "*" or tag.strip().removeprefix("W/") == wanted for tag in if_none_match.split(","))
