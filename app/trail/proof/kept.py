"""Files as somebody keeps them: packed or not, a note by itself, or an earlier export that has one in it."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader, FileIO
from pathlib import Path
from typing import IO, cast

from app.trail.proof.canon import parse_json
from app.trail.proof.strict import Malformed

BUFFER = 1 << 20
GZIPPED = b"\x1f\x8b"
_EXPORT_BEGINS = b"{"
_SIGNED_BEGINS = b'{"note":"'


@contextmanager
def unpacked(path: Path | str) -> Iterator[IO[bytes]]:
    """The bytes of a file, gzipped or not; it may be a pipe, so it is looked at and not rewound."""
    with BufferedReader(FileIO(path), BUFFER) as file:
        if file.peek(2)[:2] != GZIPPED:
            yield file
            return
        with gzip.open(file) as inside:
            yield cast("IO[bytes]", inside)


def kept_note(path: Path) -> str:
    """The text of a note, or of the newest signed checkpoint in an export that was kept; raises Malformed."""
    with unpacked(path) as file:
        first = file.readline()
        if not first.startswith(_EXPORT_BEGINS):
            return (first + file.read()).decode()
        newest = None
        for line in file:
            if line.startswith(_SIGNED_BEGINS):
                newest = line
    note = None if newest is None else parse_json(newest)["note"]
    if not isinstance(note, str):
        raise Malformed(f"no signed checkpoint in {path.name}")
    return note
