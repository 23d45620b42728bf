"""The tree as it was at every size that somebody signed, made from the leaves alone in one pass."""

from __future__ import annotations

from collections.abc import Iterable

from app.trail.proof.merkle import EMPTY_ROOT, node_hash, parent_row
from app.trail.proof.strict import HASH_BYTES


class Growth:
    """A tree that only grows: at each level the hash that waits for its neighbour, or nothing."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []

    def extend(self, leaves: bytes) -> None:
        """Appends leaf hashes lying one behind the other."""
        rising, level = leaves, 0
        while rising:
            if level == len(self._waiting):
                self._waiting.append(b"")
            row = self._waiting[level] + rising
            paired = len(row) // (2 * HASH_BYTES) * (2 * HASH_BYTES)
            self._waiting[level], rising = row[paired:], parent_row(row[:paired])
            level += 1

    @property
    def root(self) -> bytes:
        found = b""
        for waiting in self._waiting:
            if waiting:
                found = node_hash(waiting, found) if found else waiting
        return found or EMPTY_ROOT


class Growing:
    """The roots of a whole log's sizes, asked for in rising order; those of `also` are noted on the way."""

    def __init__(self, leaves: bytearray, also: Iterable[int] = ()) -> None:
        self.noted: dict[int, bytes] = {}
        self._leaves = leaves
        self._also = sorted(set(also), reverse=True)
        self._tree = Growth()
        self._size = 0

    def root(self, size: int) -> bytes | None:
        """The root at a size, None beyond the last leaf."""
        if size * HASH_BYTES > len(self._leaves):
            return None
        while self._also and self._also[-1] <= size:
            noted = self._also.pop()
            self.noted[noted] = self._grown(noted)
        return self._grown(size)

    def _grown(self, size: int) -> bytes:
        with memoryview(self._leaves) as view:
            self._tree.extend(bytes(view[self._size * HASH_BYTES : size * HASH_BYTES]))
        self._size = size
        return self._tree.root
