"""Reading the sealed log: checkpoints, tiles, and the proofs that are made from a few of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from app.core.db import Reader, Row
from app.trail.proof.merkle import EMPTY_ROOT, Range, consistency_ranges, inclusion_ranges
from app.trail.proof.proofs import InclusionProof, format_proof
from app.trail.proof.strict import HASH_BYTES
from app.trail.proof.tiles import (
    TILE_HEIGHT,
    TILE_WIDTH,
    Edge,
    MissingTile,
    TileId,
    TilePath,
    encode_entries,
    range_hashes,
    tiles_needed,
)

# A checkpoint without its note is still being signed and has been promised to nobody.
LATEST: Final = "SELECT size, root, note FROM checkpoint WHERE note IS NOT NULL ORDER BY size DESC LIMIT 1"
PAGE: Final = """
SELECT c.size, c.root, c.note, e.at AS last_event_at FROM checkpoint c
JOIN log_position p ON p.position = c.size JOIN event e ON e.id = p.event_id
WHERE c.note IS NOT NULL AND ($1::bigint IS NULL OR c.size < $1) ORDER BY c.size DESC LIMIT $2
"""
TOTAL: Final = "SELECT count(*) FROM (SELECT FROM checkpoint WHERE note IS NOT NULL LIMIT $1) c"
TILES: Final = """
SELECT t.level, t.index, t.data FROM log_tile t
JOIN unnest($1::smallint[], $2::bigint[]) AS n(level, index) ON n.level = t.level AND n.index = t.index
"""
EDGE: Final = "SELECT data FROM log_edge ORDER BY level"
ENTRY: Final = """
SELECT e.id, e.subject_kind, e.subject_id, e.seq, e.hash FROM log_position p JOIN event e ON e.id = p.event_id
WHERE p.position = $1
"""
BODIES: Final = """
SELECT e.body FROM log_position p JOIN event e ON e.id = p.event_id
WHERE p.position > $1 AND p.position <= $2 ORDER BY p.position
"""


class Entry(NamedTuple):
    """What stands at one index of the log."""

    event_id: UUID
    subject_kind: str
    subject_id: UUID
    seq: int
    hash: bytes


class Consistency(NamedTuple):
    """That the log of `second` begins with that of `first`, with the two roots the path leads to."""

    first_root: bytes
    second_root: bytes
    path: list[bytes]


async def latest(reader: Reader) -> Row | None:
    """The newest signed checkpoint {size, root, note}; None before the first."""
    return await reader.fetchrow(LATEST)


async def page(reader: Reader, below: int | None, limit: int) -> list[Row]:
    """Signed checkpoints with the time of their last event, largest first."""
    return await reader.fetch(PAGE, below, limit)


async def total(reader: Reader, cap: int) -> int:
    counted: int = await reader.fetchval(TOTAL, cap)
    return counted


async def entry(reader: Reader, index: int) -> Entry | None:
    """The event at a leaf index; positions count from 1, leaves from 0."""
    row = await reader.fetchrow(ENTRY, index + 1)
    return None if row is None else Entry(*row)


async def inclusion(reader: Reader, index: int) -> tuple[bytes, InclusionProof] | None:
    """The proof that a leaf is under the newest checkpoint, as text and as parts; None while it is under none."""
    newest = await latest(reader)
    if newest is None or index >= newest["size"]:
        return None
    path = await _hashes(reader, inclusion_ranges(index, newest["size"]))
    proof = InclusionProof(index, tuple(path), newest["note"].encode())
    return format_proof(proof), proof


async def paths(reader: Reader, size: int, indices: Sequence[int]) -> list[list[bytes] | None]:
    """The inclusion path of each leaf in the tree of one sealed size; None where what is stored does not give it."""
    planned = [inclusion_ranges(index, size) for index in indices]
    tiles = await _tiles(reader, tiles_needed(part for ranges in planned for part in ranges))
    return [_path(ranges, tiles) for ranges in planned]


def _path(ranges: list[Range], tiles: Mapping[TileId, bytes]) -> list[bytes] | None:
    try:
        return range_hashes(ranges, tiles)
    except MissingTile:
        return None


async def consistency(reader: Reader, first: int, second: int) -> Consistency | None:
    """For any two sizes up to the newest checkpoint's; None beyond it. Raises OutOfTree where second < first."""
    newest = await latest(reader)
    if newest is None or second > newest["size"]:
        return None
    path = await _hashes(reader, consistency_ranges(first, second))
    roots = [await _root(reader, size) for size in (first, second)]
    return Consistency(roots[0], roots[1], path)


async def tile(reader: Reader, wanted: TilePath) -> bytes | None:
    """A tile or a bundle of entries of exactly that width, as far as the newest checkpoint covers it."""
    newest = await latest(reader)
    size = 0 if newest is None else newest["size"]
    level = wanted.level or 0
    available = (size >> TILE_HEIGHT * level) - wanted.index * TILE_WIDTH
    if wanted.width > available:
        return None
    if wanted.level is None:
        begin = wanted.index * TILE_WIDTH
        return encode_entries(row["body"].encode() for row in await reader.fetch(BODIES, begin, begin + wanted.width))
    found = await _tiles(reader, [TileId(level, wanted.index)])
    data: bytes = found[TileId(level, wanted.index)]
    return data[: wanted.width * HASH_BYTES]


async def _root(reader: Reader, size: int) -> bytes:
    return EMPTY_ROOT if size == 0 else (await _hashes(reader, [Range(0, size)]))[0]


async def _hashes(reader: Reader, ranges: list[Range]) -> list[bytes]:
    return range_hashes(ranges, await _tiles(reader, tiles_needed(ranges)))


async def _tiles(reader: Reader, wanted: Iterable[TileId]) -> dict[TileId, Any]:
    """Full tiles as stored; what is not full yet is the edge, whose rows only ever grow until they are."""
    ids = list(wanted)
    rows = await reader.fetch(TILES, [one.level for one in ids], [one.index for one in ids])
    found = {TileId(row["level"], row["index"]): row["data"] for row in rows}
    if len(found) < len(ids):
        edge = Edge([row["data"] for row in await reader.fetch(EDGE)])
        found = {**edge.tiles(), **found}
    return found
