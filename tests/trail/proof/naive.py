"""The tree as RFC 9162 §2.1 defines it, word for word and recursively: slow, and written without looking at ours."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple


def hashed(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


class Way(NamedTuple):
    """A path, and beside each hash which side it is joined on; two proofs with equal sides are checked alike."""

    hashes: list[bytes]
    sides: list[str]

    def then(self, side: str, node: bytes) -> Way:
        return Way([*self.hashes, node], [*self.sides, side])


class Naive:
    def __init__(self, entries: Sequence[bytes]) -> None:
        self.leaves = [hashed(b"\x00", entry) for entry in entries]
        self.known: dict[tuple[int, int], bytes] = {}

    def root(self, begin: int, end: int) -> bytes:
        """MTH(D[begin:end])."""
        if begin == end:
            return hashed(b"")
        if end - begin == 1:
            return self.leaves[begin]
        if (begin, end) not in self.known:
            k = begin + split(end - begin)
            self.known[begin, end] = hashed(b"\x01", self.root(begin, k), self.root(k, end))
        return self.known[begin, end]

    def inclusion(self, m: int, begin: int, end: int) -> Way:
        """PATH(m, D[begin:end])."""
        if end - begin == 1:
            return Way([], [])
        k = split(end - begin)
        if m < k:
            return self.inclusion(m, begin, begin + k).then("right", self.root(begin + k, end))
        return self.inclusion(m - k, begin + k, end).then("left", self.root(begin, begin + k))

    def consistency(self, m: int, n: int) -> Way:
        """PROOF(m, D[n])."""
        return self.subproof(m, 0, n, b=True)

    def subproof(self, m: int, begin: int, end: int, *, b: bool) -> Way:
        if m == end - begin:
            return Way([], ["start known"]) if b else Way([self.root(begin, end)], ["start sent"])
        k = split(end - begin)
        if m <= k:
            return self.subproof(m, begin, begin + k, b=b).then("right", self.root(begin + k, end))
        return self.subproof(m - k, begin + k, end, b=False).then("left", self.root(begin, begin + k))


def split(n: int) -> int:
    k = 1
    while 2 * k < n:
        k *= 2
    return k


def entries(count: int) -> list[bytes]:
    return [b"entry %d" % number for number in range(count)]
