"""Secrets this machine makes for itself: random files only the service's user may read, made once and kept."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

SIZE = 32


@lru_cache(maxsize=8)
def key(var: Path, name: str) -> bytes:
    """The 32 bytes of `keys/{name}.key`, made at first use; workers starting together all end up with the same ones.

    Raises PermissionError when others may read the file: a key that may have been copied must not go on signing.
    """
    folder = var / "keys"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / f"{name}.key"
    if not path.exists():
        _make(path)
    if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise PermissionError(f"{path} can be read by others: run chmod 600, or delete it to end all sessions")
    found = path.read_bytes()
    if len(found) != SIZE:
        raise ValueError(f"{path} does not hold {SIZE} bytes: delete it, and everybody signs in anew")
    return found


def _make(path: Path) -> None:
    """Linking a finished file is the one step that either wins whole or finds another's key already there."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(secrets.token_bytes(SIZE))
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
