"""Secrets this machine makes for itself: random files only the service's user may read, made once and kept.

A key that replaces another lies beside it under a name of its own, so that a rotation that breaks off loses neither.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

SIZE = 32


def key(var: Path, name: str) -> bytes:
    """The 32 bytes of `keys/{name}.key`, made at first use; workers starting together all end up with the same ones."""
    path = _folder(var) / f"{name}.key"
    if not path.exists():
        _put(path, secrets.token_bytes(SIZE))
    return _read(path)


def another(var: Path, name: str) -> bytes:
    """A new key beside those there are."""
    made = secrets.token_bytes(SIZE)
    _put(_folder(var) / f"{name}.{secrets.token_hex(4)}.key", made)
    return made


def every(var: Path, name: str) -> Iterator[bytes]:
    """All keys of a name that lie here, the first one first."""
    for path in sorted(_folder(var).glob(f"{name}*.key"), key=lambda path: (len(path.name), path.name)):
        if path.name.split(".")[0] == name:
            yield _read(path)


def _folder(var: Path) -> Path:
    folder = var / "keys"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _read(path: Path) -> bytes:
    """Raises PermissionError when others may read the file: a key that may have been copied must not go on signing."""
    if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise PermissionError(f"{path} can be read by others: run chmod 600, or put another key there")
    found = path.read_bytes()
    if len(found) != SIZE:
        raise ValueError(f"{path} does not hold {SIZE} bytes")
    return found


def _put(path: Path, content: bytes) -> None:
    """Linking a finished file is the one step that either wins whole or finds another's key already there."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
