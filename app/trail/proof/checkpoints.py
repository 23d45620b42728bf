"""C2SP tlog-checkpoint: the text of the note in which a log says how long it is and what its root is."""

from __future__ import annotations

from typing import NamedTuple

from app.trail.proof.strict import Malformed, format_bytes, parse_hash, parse_number


class Checkpoint(NamedTuple):
    """`extensions` are lines of other logs that mean nothing to us; ours have none."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()


def format_checkpoint(origin: str, size: int, root: bytes) -> str:
    text = f"{origin}\n{size}\n{format_bytes(root)}\n"
    if parse_checkpoint(text) != Checkpoint(origin, size, root):
        raise Malformed("origin has a line break")
    return text


def parse_checkpoint(text: str) -> Checkpoint:
    *lines, end = text.split("\n")
    if end or "" in lines or len(lines) < 3:  # noqa: PLR2004 - origin, size and root
        raise Malformed("not a checkpoint")
    origin, size, root, *extensions = lines
    return Checkpoint(origin, parse_number(size), parse_hash(root), tuple(extensions))
