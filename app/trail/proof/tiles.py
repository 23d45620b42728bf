"""The tree as C2SP tlog-tiles: 256 neighbouring hashes to a tile, of which the tiles of the next level are made.

A full tile never changes. What is not full yet is one tile per level at the right edge, which is all that is needed to
go on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from app.trail.proof.merkle import EMPTY_ROOT, Range, are_hashes, complete_parts, node_hash, packed_root, parent_row
from app.trail.proof.strict import HASH_BYTES, NUMBER_LIMIT, Malformed

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT
TILE_BYTES = TILE_WIDTH * HASH_BYTES
LEVEL_LIMIT = 63
ENTRY_LIMIT = 2**16 - 1
"""Bytes of one entry in a bundle."""

_PATH = re.compile(r"tile/(entries|[0-9]{1,2})/((?:x[0-9]{3}/){0,6})([0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")


class MissingTile(LookupError):  # noqa: N818 - it says what is missing
    """A tile that a hash is made from was not given, or not as wide as needed."""


@dataclass(frozen=True, slots=True, order=True)
class TileId:
    """The place of a tile, whether full or not yet."""

    level: int
    index: int


@dataclass(frozen=True, slots=True)
class FullTile:
    """256 hashes, 8192 bytes, that never change."""

    level: int
    index: int
    data: bytes


@dataclass(frozen=True, slots=True)
class TilePath:
    """What a path names: a tile of hashes, or the bundle of entries beneath one where `level` is None."""

    level: int | None
    index: int
    width: int = TILE_WIDTH


@dataclass(slots=True)
class Edge:
    """A log as far as writing on needs it: `rows[level]` holds the hashes of the tile not full yet, often none."""

    rows: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rows = list(self.rows)
        if any(len(row) % HASH_BYTES or len(row) >= TILE_BYTES for row in self.rows):
            raise Malformed("not the edge of a log")

    @property
    def size(self) -> int:
        return sum(len(row) // HASH_BYTES << TILE_HEIGHT * level for level, row in enumerate(self.rows))

    @property
    def root(self) -> bytes:
        found = b""
        # What is left over below is in the tree the last node of the level above, however few its leaves.
        for row in self.rows:
            found = packed_root(row + found)
        return found or EMPTY_ROOT

    def tiles(self) -> dict[TileId, bytes]:
        """The tiles not full yet, without the empty ones, which do not exist."""
        size = self.size
        found = ((TileId(level, size >> TILE_HEIGHT * (level + 1)), row) for level, row in enumerate(self.rows))
        return {tile: row for tile, row in found if row}

    def extend(self, leaves: Iterable[bytes]) -> list[FullTile]:
        """Appends leaf hashes and returns the tiles that have become full, lowest level first."""
        added = list(leaves)
        if not are_hashes(added):
            raise Malformed("not SHA-256 hashes")
        size, rising = self.size, b"".join(added)
        full: list[FullTile] = []
        level = 0
        while rising:
            if level == len(self.rows):
                self.rows.append(b"")
            row = self.rows[level] + rising
            complete = len(row) // TILE_BYTES * TILE_BYTES
            index = size >> TILE_HEIGHT * (level + 1)
            tiles = [row[at : at + TILE_BYTES] for at in range(0, complete, TILE_BYTES)]
            full += [FullTile(level, index + number, data) for number, data in enumerate(tiles)]
            self.rows[level], rising = row[complete:], row[:complete]
            # All tiles at once: complete ones have no hash left over that could pair with a neighbour's.
            for _ in range(TILE_HEIGHT):
                rising = parent_row(rising)
            level += 1
        return full


def tiles_needed(ranges: Iterable[Range]) -> list[TileId]:
    """The tiles that `range_hashes` looks at, each once, in order: at most two of a level for the ranges of a proof."""
    return sorted({_place(part)[0] for subtree in ranges for part in complete_parts(subtree)})


def range_hashes(ranges: Iterable[Range], tiles: Mapping[TileId, bytes]) -> list[bytes]:
    """The hash of each subtree; tiles may be wider than they were at the size the ranges are from."""
    return [_range_hash(subtree, tiles) for subtree in ranges]


def _range_hash(subtree: Range, tiles: Mapping[TileId, bytes]) -> bytes:
    *rest, last = complete_parts(subtree)
    found = _part_hash(last, tiles)
    for part in reversed(rest):
        found = node_hash(_part_hash(part, tiles), found)
    return found


def _part_hash(part: Range, tiles: Mapping[TileId, bytes]) -> bytes:
    tile, begin, end = _place(part)
    row = tiles.get(tile, b"")[begin * HASH_BYTES : end * HASH_BYTES]
    if len(row) != (end - begin) * HASH_BYTES:
        raise MissingTile(f"tile {tile.level}/{tile.index} up to {end}")
    return packed_root(row)


def _place(part: Range) -> tuple[TileId, int, int]:
    """The tile that holds a complete subtree, and from which to which of its hashes."""
    height = (part.end - part.begin).bit_length() - 1
    level, within = divmod(height, TILE_HEIGHT)
    index, begin = divmod(part.begin >> TILE_HEIGHT * level, TILE_WIDTH)
    return TileId(level, index), begin, begin + (1 << within)


def tile_hashes(data: bytes) -> list[bytes]:
    """The hashes of a tile, of which there is at least one."""
    if not 0 < len(data) <= TILE_BYTES or len(data) % HASH_BYTES:
        raise Malformed("not a tile")
    return [data[at : at + HASH_BYTES] for at in range(0, len(data), HASH_BYTES)]


def format_tile_path(tile: TilePath) -> str:
    """As it stands in a URL and in a file drop, from `tile/` on."""
    digits = str(tile.index)
    digits = digits.zfill(len(digits) + -len(digits) % 3)
    *above, last = (digits[at : at + 3] for at in range(0, len(digits), 3))
    kind = "entries" if tile.level is None else str(tile.level)
    partial = "" if tile.width == TILE_WIDTH else f".p/{tile.width}"
    return "/".join(["tile", kind, *(f"x{group}" for group in above), last]) + partial


def parse_tile_path(path: str) -> TilePath:
    found = _PATH.fullmatch(path)
    if not found:
        raise Malformed("not the path of a tile")
    kind, above, last, width = found.groups()
    index = int(re.sub("[x/]", "", above) + last)
    tile = TilePath(None if kind == "entries" else int(kind), index, int(width or TILE_WIDTH))
    within = (tile.level or 0) <= LEVEL_LIMIT and index <= NUMBER_LIMIT and tile.width <= TILE_WIDTH
    if not within or format_tile_path(tile) != path:
        raise Malformed("not the path of a tile")
    return tile


def encode_entries(entries: Iterable[bytes]) -> bytes:
    """A bundle: each entry after its length in two bytes, the higher one first."""
    bundled = list(entries)
    if not 0 < len(bundled) <= TILE_WIDTH or any(len(entry) > ENTRY_LIMIT for entry in bundled):
        raise Malformed("not the entries of a bundle")
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in bundled)


def decode_entries(data: bytes) -> list[bytes]:
    entries = []
    at = 0
    while at < len(data):
        begin = at + 2
        at = begin + int.from_bytes(data[at:begin], "big")
        entries.append(data[begin:at])
    if at != len(data) or not 0 < len(entries) <= TILE_WIDTH:
        raise Malformed("not a bundle of entries")
    return entries
