"""The Merkle tree of RFC 6962 and RFC 9162 over SHA-256: its root, its proofs, and what a proof is made of.

Leaves count from 0. A subtree is named by the range of leaves under it, so that a proof can be planned from numbers
alone before anything is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import NamedTuple

from app.trail.proof.strict import HASH_BYTES, Malformed

EMPTY_ROOT = sha256(b"").digest()


class OutOfTree(ValueError):  # noqa: N818 - it says what is wrong with the number
    """The tree has no such leaf, or no such size came before."""


class Range(NamedTuple):
    """The leaves from `begin` up to but not including `end`, at least one."""

    begin: int
    end: int


def leaf_hash(body: bytes) -> bytes:
    return sha256(b"\x00" + body).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def tree_root(hashes: Sequence[bytes]) -> bytes:
    """The root over leaf hashes; SHA-256 of nothing where there are none."""
    if not are_hashes(hashes):
        raise Malformed("not SHA-256 hashes")
    return packed_root(b"".join(hashes)) if hashes else EMPTY_ROOT


def are_hashes(values: Iterable[bytes]) -> bool:
    return all(len(value) == HASH_BYTES for value in values)


def packed_root(row: bytes) -> bytes:
    """The root over a row of hashes lying one behind the other, at least one."""
    while len(row) > HASH_BYTES:
        row = parent_row(row)
    return row


def parent_row(row: bytes) -> bytes:
    """The row above: neighbours hashed in pairs, the last one of an odd number moving up as it is."""
    pair = 2 * HASH_BYTES
    paired = len(row) // pair * pair
    return b"".join([sha256(b"\x01" + row[at : at + pair]).digest() for at in range(0, paired, pair)]) + row[paired:]


def verify_inclusion(index: int, size: int, leaf: bytes, path: Sequence[bytes], root: bytes) -> bool:
    """Whether the leaf hash stands at `index` in the tree of that root, RFC 9162 §2.1.3.2.

    The path shows the place of the leaf, not the size, which may be another with the same way up: take the size from
    where the root comes from.
    """
    if not 0 <= index < size or not are_hashes((leaf, root, *path)):
        return False
    here, last, found = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if here & 1 or here == last:
            found = node_hash(sibling, found)
            while here and not here & 1:
                here, last = here >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        here, last = here >> 1, last >> 1
    return last == 0 and found == root


def verify_consistency(first: int, second: int, first_root: bytes, second_root: bytes, path: Sequence[bytes]) -> bool:
    """Whether the tree of the first root is the beginning of that of the second, RFC 9162 §2.1.4.2.

    The RFC speaks of 0 < first < second. Between equal sizes the path is empty and the roots are equal. The empty tree
    is the beginning of every tree: its path is empty too, and nothing is shown about a second root.
    """
    if not 0 <= first <= second or not are_hashes((first_root, second_root, *path)):
        return False
    if first == 0 and first_root != EMPTY_ROOT:
        return False
    if first == second:
        return not path and first_root == second_root
    if first == 0:
        return not path
    return bool(path) and _consistent(first, second, first_root, second_root, path)


def _consistent(first: int, second: int, first_root: bytes, second_root: bytes, path: Sequence[bytes]) -> bool:
    # The root of a complete tree is itself the node where the way up begins, and is therefore not sent.
    start, *siblings = path if first & (first - 1) else (first_root, *path)
    here, last = first - 1, second - 1
    while here & 1:
        here, last = here >> 1, last >> 1
    old = new = start
    for sibling in siblings:
        if last == 0:
            return False
        if here & 1 or here == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while here and not here & 1:
                here, last = here >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        here, last = here >> 1, last >> 1
    return last == 0 and old == first_root and new == second_root


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """The subtrees whose hashes, in this order, are the inclusion path, RFC 9162 §2.1.3.1."""
    if not 0 <= index < size:
        raise OutOfTree(f"no leaf {index} in a tree of {size}")
    begin, end = 0, size
    ranges = []
    while end - begin > 1:
        middle = _middle(begin, end)
        if index < middle:
            ranges.append(Range(middle, end))
            end = middle
        else:
            ranges.append(Range(begin, middle))
            begin = middle
    return ranges[::-1]


def consistency_ranges(first: int, second: int) -> list[Range]:
    """The subtrees whose hashes, in this order, are the consistency path, RFC 9162 §2.1.4.1; none from 0 or to itself."""
    if not 0 <= first <= second:
        raise OutOfTree(f"no size {first} before {second}")
    if first == 0:
        return []
    begin, end = 0, second
    ranges = []
    while end != first:
        middle = _middle(begin, end)
        if first <= middle:
            ranges.append(Range(middle, end))
            end = middle
        else:
            ranges.append(Range(begin, middle))
            begin = middle
    if begin:
        ranges.append(Range(begin, end))
    return ranges[::-1]


def _middle(begin: int, end: int) -> int:
    """Where the tree splits: the left side is the largest power of two smaller than the whole."""
    return begin + (1 << (end - begin - 1).bit_length() - 1)


def complete_parts(subtree: Range) -> list[Range]:
    """The complete subtrees of which a subtree consists, from left to right, each smaller than the one before."""
    begin, end = subtree
    parts = []
    while begin < end:
        width = 1 << (end - begin).bit_length() - 1
        parts.append(Range(begin, begin + width))
        begin += width
    return parts
