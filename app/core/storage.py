"""Where the bytes of evidence live: named by their SHA-256, so a file is kept once and cannot change under its name.

The database holds the name, the size and the digest; the trail holds the digest as well. Nothing here knows what the
files prove or who may read them.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol
from uuid import uuid4

from anyio import CancelScope, to_thread

from app.core import clock
from app.core.errors import Fault, Problem, Text
from app.core.file_types import FileType, confirm, file_type

CHUNK = 1024 * 1024
ABANDONED_AFTER = 24 * 3600
_DIGEST = re.compile(r"[0-9a-f]{64}\Z")
_EMPTY = Fault("empty_file", Text("文件是空的", "The file is empty"))
_MISSING = Text("文件存储暂时无法访问", "The file store cannot be reached")


@dataclass(frozen=True, slots=True)
class Upload:
    """What the sender says about a file; neither is believed until the bytes agree."""

    file_name: str
    media_type: str | None = None


@dataclass(frozen=True, slots=True)
class Stored:
    """A kept file: hexadecimal SHA-256, size in bytes, and the media type its content proved."""

    sha256: str
    size: int
    media_type: str


class Received(Protocol):
    """A file that is whole and genuine but not yet kept: what its receiver decides is still open."""

    @property
    def stored(self) -> Stored:
        """What it will be kept as."""

    async def keep(self) -> None:
        """Keeps it for good; doing so twice is the same as once, since a transaction may be run again."""


class Storage(Protocol):
    """What evidence needs of a store; a directory and an object store can both give it."""

    def receive(self, stream: AsyncIterator[bytes], upload: Upload) -> AbstractAsyncContextManager[Received]:
        """Takes in the whole file; leaving without `keep` leaves nothing of it behind."""

    async def open(self, sha256: str) -> AsyncIterator[bytes]:
        """The bytes in pieces; a missing file is refused before the first."""

    async def exists(self, sha256: str) -> bool:
        """Whether the bytes of that digest are kept."""

    async def remove(self, sha256: str) -> None:
        """Removes the bytes for good; only a redaction does."""


class LocalStorage:
    """Files below one directory as `ab/cd/<sha256>`; unfinished uploads stay in `unfinished/` until they are whole."""

    def __init__(self, root: Path, max_bytes: int) -> None:
        self.root = root
        self.max_bytes = max_bytes
        self.unfinished = root / "unfinished"

    @asynccontextmanager
    async def receive(self, stream: AsyncIterator[bytes], upload: Upload) -> AsyncIterator[Received]:
        """413 over the cap, 415 for a kind that is not allowed or not genuine, 422 when empty; then nothing is kept."""
        expected = file_type(upload.file_name, upload.media_type)
        writing = await to_thread.run_sync(_Writing, self.unfinished)
        try:
            await self._receive(stream, writing)
            yield await to_thread.run_sync(self._examined, writing, expected)
        finally:
            with CancelScope(shield=True):
                await to_thread.run_sync(writing.discard)

    async def open(self, sha256: str) -> AsyncIterator[bytes]:
        """Opens before it returns, so that a missing file is 503 and not an answer that breaks off."""
        path = self._path(sha256)
        try:
            file: BinaryIO = await to_thread.run_sync(path.open, "rb")
        except FileNotFoundError as error:
            raise Problem("unavailable", _MISSING) from error
        return _pieces(file)

    async def exists(self, sha256: str) -> bool:
        """Whether the bytes are there; a mounted but empty store answers no."""
        return await to_thread.run_sync(self._path(sha256).is_file)

    async def remove(self, sha256: str) -> None:
        """Removes the bytes and makes that durable; what is gone already stays gone."""
        await to_thread.run_sync(self._remove, self._path(sha256))

    async def sweep(self) -> int:
        """Removes what killed processes left unfinished for a day; gives how many files."""
        return await to_thread.run_sync(self._sweep)

    def _path(self, sha256: str) -> Path:
        if not _DIGEST.match(sha256):
            raise ValueError("not a SHA-256 digest")
        return self.root / sha256[:2] / sha256[2:4] / sha256

    async def _receive(self, stream: AsyncIterator[bytes], writing: _Writing) -> None:
        """Collects small pieces, since a thread switch for each would cost more than its write."""
        waiting: list[bytes] = []
        held = 0
        async for piece in stream:
            waiting.append(piece)
            held += len(piece)
            if writing.size + held > self.max_bytes:
                raise Problem("payload_too_large", max_bytes=self.max_bytes)
            if held >= CHUNK:
                await to_thread.run_sync(writing.add, waiting)
                waiting, held = [], 0
        await to_thread.run_sync(writing.add, waiting)

    def _examined(self, writing: _Writing, expected: FileType) -> Received:
        if writing.size == 0:
            raise Problem("validation_failed", faults=(_EMPTY,))
        writing.finish()
        confirm(writing.path, expected)
        stored = Stored(writing.digest.hexdigest(), writing.size, expected.media_type)
        return _LocallyReceived(stored, writing.path, self._path(stored.sha256))

    def _remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        if path.parent.is_dir():
            _sync_directory(path.parent)

    def _sweep(self) -> int:
        limit = clock.now().timestamp() - ABANDONED_AFTER
        old = [path for path in self.unfinished.glob("*") if path.stat().st_mtime < limit]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)


def private_folder(directory: Path) -> None:
    """Mkdir's mode reaches the last folder only; evidence is nobody else's on any level."""
    for folder in [*reversed(directory.parents), directory]:
        if not folder.exists():
            folder.mkdir(mode=0o700, exist_ok=True)


class _Writing:
    """One upload on its way to the disk; every method blocks and runs in a thread."""

    def __init__(self, directory: Path) -> None:
        private_folder(directory)
        self.path = directory / uuid4().hex
        self.file = self.path.open("xb")
        self.digest = hashlib.sha256()
        self.size = 0

    def add(self, pieces: list[bytes]) -> None:
        for piece in pieces:
            self.file.write(piece)
            self.digest.update(piece)
            self.size += len(piece)

    def finish(self) -> None:
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()

    def discard(self) -> None:
        self.file.close()
        self.path.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class _LocallyReceived:
    """A whole file under its temporary name."""

    stored: Stored
    path: Path
    final: Path

    async def keep(self) -> None:
        await to_thread.run_sync(self._keep)

    def _keep(self) -> None:
        private_folder(self.final.parent)
        # Two uploads of the same bytes may both arrive here; replacing equal bytes by equal bytes harms no reader.
        if self.path.exists():
            self.path.replace(self.final)
        for directory in (self.final.parent, self.final.parent.parent, self.final.parent.parent.parent):
            _sync_directory(directory)


def _sync_directory(directory: Path) -> None:
    """A rename is durable only when its directory is; Windows has no such call and syncs by itself."""
    if os.name == "nt":
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


async def _pieces(file: BinaryIO) -> AsyncIterator[bytes]:
    try:
        while piece := await to_thread.run_sync(file.read, CHUNK):
            yield piece
    finally:
        file.close()
