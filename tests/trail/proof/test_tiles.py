import random
from itertools import accumulate, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.trail.proof.merkle import Range, consistency_ranges, inclusion_ranges, verify_consistency, verify_inclusion
from app.trail.proof.strict import NUMBER_LIMIT, Malformed
from app.trail.proof.tiles import (
    Edge,
    FullTile,
    MissingTile,
    TileId,
    TilePath,
    decode_entries,
    encode_entries,
    format_tile_path,
    parse_tile_path,
    range_hashes,
    tile_hashes,
    tiles_needed,
)
from tests.trail.proof.naive import Naive, entries

LARGE = 70_000
TREE = Naive(entries(LARGE))


def naive_tile(tile: TileId, size: int) -> bytes:
    """The tile as the specification defines it, of the tree of that size."""
    width = 256**tile.level
    begins = [(tile.index * 256 + number) * width for number in range(256)]
    return b"".join(TREE.root(begin, begin + width) for begin in begins if begin + width <= size)


def stored(full: list[FullTile], edge: Edge) -> dict[TileId, bytes]:
    return {TileId(tile.level, tile.index): tile.data for tile in full} | edge.tiles()


@pytest.fixture(scope="module")
def large() -> dict[TileId, bytes]:
    """All tiles of a log of 70 000 entries."""
    edge = Edge()
    return stored(edge.extend(TREE.leaves), edge)


def test_the_edge_has_the_root_of_every_size_up_to_1100() -> None:
    edge = Edge()
    assert (edge.size, edge.root, edge.tiles()) == (0, TREE.root(0, 0), {})
    for size in range(1, 1101):
        edge.extend([TREE.leaves[size - 1]])
        assert (edge.size, edge.root) == (size, TREE.root(0, size))


@pytest.mark.parametrize("seed", range(12))
def test_the_tiles_are_those_of_the_definition_whatever_the_chunks(seed: int) -> None:
    rng = random.Random(seed)
    cuts = sorted({0, *rng.sample(range(LARGE), rng.choice((1, 3, 40, 400))), rng.choice((2_000, 66_000))})
    edge, full = Edge(), []
    for begin, end in pairwise(cuts):
        full += edge.extend(TREE.leaves[begin:end])
        assert edge.size == end
        # What is stored is enough to go on.
        edge = Edge(edge.rows)
    size = cuts[-1]
    assert edge.root == TREE.root(0, size)
    found = stored(full, edge)
    assert len(found) == len(full) + len(edge.tiles())
    assert all(data == naive_tile(tile, size) for tile, data in found.items())
    widths = {level: size // 256**level for level in range(3)}
    assert len(found) == sum(-(-width // 256) for width in widths.values())


def test_a_log_of_70_000_has_the_tiles_the_specification_counts(large: dict[TileId, bytes]) -> None:
    widths: dict[int, list[int]] = {}
    for tile in sorted(large):
        widths.setdefault(tile.level, []).append(len(large[tile]) // 32)
    assert widths == {0: [256] * 273 + [112], 1: [256, 17], 2: [1]}


def test_256_entries_are_a_full_tile_and_the_beginning_of_one_above() -> None:
    edge = Edge()
    full = edge.extend(TREE.leaves[:256])
    assert full == [FullTile(0, 0, b"".join(TREE.leaves[:256]))]
    assert edge.tiles() == {TileId(1, 0): TREE.root(0, 256)}
    assert edge.rows == [b"", TREE.root(0, 256)]


def test_nothing_added_changes_nothing() -> None:
    edge = Edge()
    assert edge.extend([]) == []
    edge.extend(iter(TREE.leaves[:3]))
    before = [*edge.rows]
    assert edge.extend([]) == []
    assert edge.rows == before


def test_what_is_no_hash_is_not_added() -> None:
    edge = Edge()
    edge.extend(TREE.leaves[:3])
    before = [*edge.rows]
    with pytest.raises(Malformed):
        edge.extend([TREE.leaves[3], b"short"])
    assert edge.rows == before


@pytest.mark.parametrize("rows", [[b"short"], [bytes(33)], [bytes(8192)], [b"", bytes(8224)]])
def test_what_is_no_edge_is_refused(rows: list[bytes]) -> None:
    with pytest.raises(Malformed):
        Edge(rows)


def test_an_edge_does_not_change_the_rows_it_was_made_from() -> None:
    rows = [TREE.leaves[0]]
    Edge(rows).extend(TREE.leaves[1:300])
    assert rows == [TREE.leaves[0]]


def test_inclusion_is_shown_from_few_tiles(large: dict[TileId, bytes]) -> None:
    rng = random.Random(20260302)
    sizes = [1, 2, 255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537, 65_793, LARGE]
    for size in sizes + rng.sample(range(1, LARGE), 30):
        root = TREE.root(0, size)
        for index in {0, size - 1, size // 2, rng.randrange(size)}:
            ranges = inclusion_ranges(index, size)
            needed = tiles_needed(ranges)
            assert len(needed) <= 2 * 3
            path = range_hashes(ranges, {tile: large[tile] for tile in needed})
            assert path == TREE.inclusion(index, 0, size).hashes
            assert verify_inclusion(index, size, TREE.leaves[index], path, root)


def test_consistency_is_shown_from_few_tiles(large: dict[TileId, bytes]) -> None:
    rng = random.Random(20260303)
    for _ in range(100):
        first, second = sorted(rng.sample(range(1, LARGE + 1), 2))
        ranges = consistency_ranges(first, second)
        needed = tiles_needed(ranges)
        assert len(needed) <= 2 * 3
        path = range_hashes(ranges, {tile: large[tile] for tile in needed})
        assert path == TREE.consistency(first, second).hashes
        assert verify_consistency(first, second, TREE.root(0, first), TREE.root(0, second), path)


def test_the_root_of_a_size_long_past_comes_from_its_right_edge(large: dict[TileId, bytes]) -> None:
    for size in (1, 255, 256, 300, 65_536, 65_792, 66_000, LARGE):
        whole = [Range(0, size)]
        assert len(tiles_needed(whole)) <= 3
        assert range_hashes(whole, large) == [TREE.root(0, size)]


@given(st.integers(1, 10**12), st.data())
def test_a_proof_looks_at_two_tiles_of_a_level_at_most(size: int, data: st.DataObject) -> None:
    levels = 1 + (size.bit_length() - 1) // 8
    index = data.draw(st.integers(0, size - 1))
    assert len(tiles_needed(inclusion_ranges(index, size))) <= 2 * levels
    assert len(tiles_needed(consistency_ranges(index, size))) <= 2 * levels


def test_a_tile_that_is_missing_or_too_narrow_is_named(large: dict[TileId, bytes]) -> None:
    ranges = inclusion_ranges(0, 300)
    tiles = {tile: large[tile] for tile in tiles_needed(ranges)}
    assert list(tiles) == [TileId(0, 0), TileId(0, 1)]
    with pytest.raises(MissingTile, match="tile 0/1 up to 44"):
        range_hashes(ranges, tiles | {TileId(0, 1): tiles[TileId(0, 1)][: 43 * 32]})
    del tiles[TileId(0, 0)]
    with pytest.raises(MissingTile, match="tile 0/0 up to 2"):
        range_hashes(ranges, tiles)


def test_a_tile_is_told_as_its_hashes(large: dict[TileId, bytes]) -> None:
    assert tile_hashes(large[TileId(0, 1)]) == TREE.leaves[256:512]
    for data in (b"", bytes(31), bytes(33), bytes(8224)):
        with pytest.raises(Malformed):
            tile_hashes(data)


@pytest.mark.parametrize(
    ("tile", "path"),
    [
        (TilePath(0, 1_234_067), "tile/0/x001/x234/067"),
        (TilePath(0, 273, 112), "tile/0/273.p/112"),
        (TilePath(63, 0, 1), "tile/63/000.p/1"),
        (TilePath(5, 123_456_078, 2), "tile/5/x123/x456/078.p/2"),
        (TilePath(0, 3_057_500), "tile/0/x003/x057/500"),
        (TilePath(1, 1_000), "tile/1/x001/000"),
        (TilePath(None, 1_234_067, 255), "tile/entries/x001/x234/067.p/255"),
        (TilePath(2, NUMBER_LIMIT), "tile/2/x009/x223/x372/x036/x854/x775/807"),
    ],
)
def test_a_tile_has_one_path(tile: TilePath, path: str) -> None:
    assert format_tile_path(tile) == path
    assert parse_tile_path(path) == tile


@given(st.none() | st.integers(0, 63), st.integers(0, NUMBER_LIMIT), st.integers(1, 256))
def test_a_path_names_the_tile_it_was_made_for(level: int | None, index: int, width: int) -> None:
    tile = TilePath(level, index, width)
    assert parse_tile_path(format_tile_path(tile)) == tile


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tile/0/1",
        "tile/0/0001",
        "tile/0/x000/001",
        "tile/0/001/002",
        "tile/0/x001",
        "tile/0/x001/x002",
        "tile/0/X001/002",
        "tile/00/001",
        "tile/64/001",
        "tile/-1/001",
        "tile/data/001",
        "tile/0/001.p/0",
        "tile/0/001.p/256",
        "tile/0/001.p/999",
        "tile/0/001.p/05",
        "tile/0/001.p/",
        "tile/0/001.p",
        "tile/0/001/",
        "/tile/0/001",
        "tile/0/001\n",
        "tile/0/٠٠١",
        "tile/0/x009/x223/x372/x036/x854/x775/808",
        "tile/0/x001/x000/x000/x000/x000/x000/x000/000",
        "tile/3/5/x123/x456/078",
        "checkpoint",
    ],
)
def test_another_spelling_of_a_path_is_refused(path: str) -> None:
    with pytest.raises(Malformed):
        parse_tile_path(path)


def test_the_known_bundle_is_lengths_and_entries() -> None:
    assert encode_entries([b"abc", b"", b"x" * 258]) == b"\x00\x03abc\x00\x00\x01\x02" + b"x" * 258


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=20))
def test_a_bundle_gives_back_its_entries(bundled: list[bytes]) -> None:
    data = encode_entries(bundled)
    assert decode_entries(data) == bundled
    whole = {0, *accumulate(2 + len(entry) for entry in bundled)}
    for cut in {0, 1, len(data) // 2, len(data) - 1}:
        if cut == 0 or cut not in whole:
            with pytest.raises(Malformed):
                decode_entries(data[:cut])


def test_what_fits_no_bundle_is_refused() -> None:
    assert decode_entries(encode_entries([b"x" * 65_535])) == [b"x" * 65_535]
    for bundled in ([], [b"x" * 65_536], [b""] * 257):
        with pytest.raises(Malformed):
            encode_entries(bundled)
    for data in (b"", bytes(2 * 257), b"\x00", b"\x00\x02a", b"\x00\x01ab"):
        with pytest.raises(Malformed):
            decode_entries(data)
