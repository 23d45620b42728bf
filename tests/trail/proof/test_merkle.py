import random
from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.trail.proof.merkle import (
    EMPTY_ROOT,
    OutOfTree,
    complete_parts,
    consistency_ranges,
    inclusion_ranges,
    leaf_hash,
    node_hash,
    tree_root,
    verify_consistency,
    verify_inclusion,
)
from app.trail.proof.strict import Malformed
from tests.trail.proof.naive import Naive, entries

TREE = Naive(entries(300))
OTHER = bytes(range(32))

# The eight entries of the reference tests of Certificate Transparency and of transparency-dev/merkle.
CT_ENTRIES = ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
CT_ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
D0 = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
D1 = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
D2 = "0298d122906dcfc10892cb53a73992fc5b9f493ea4c9badb27b791b4127a7fe7"
D4 = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
D6 = "b08693ec2e721597130641e8211e7eedccb4c26413963eee6c1e2ed16ffb1a5f"
D01 = "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
D23 = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
D45 = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
D67 = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
D03 = "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"
D47 = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
CT_INCLUSION = (
    (0, 8, (D1, D23, D47)),
    (5, 8, (D4, D67, D03)),
    (2, 3, (D01,)),
    (1, 5, (D0, D23, D4)),
)
CT_CONSISTENCY = (
    (1, 8, (D1, D23, D47)),
    (6, 8, (D45, D67, D03)),
    (2, 5, (D23, D4)),
    (6, 7, (D45, D6, D03)),
)
# RFC 9162 §2.1.5: the nodes are named as in its figure, by the leaves beneath them.
RFC_INCLUSION: tuple[tuple[int, tuple[tuple[int, int], ...]], ...] = (
    (0, ((1, 2), (2, 4), (4, 7))),
    (3, ((2, 3), (0, 2), (4, 7))),
    (4, ((5, 6), (6, 7), (0, 4))),
    (6, ((4, 6), (0, 4))),
)
RFC_CONSISTENCY: tuple[tuple[int, tuple[tuple[int, int], ...]], ...] = (
    (3, ((2, 3), (3, 4), (0, 2), (4, 7))),
    (4, ((4, 7),)),
    (6, ((4, 6), (6, 7), (0, 4))),
)


def unhex(texts: Sequence[str]) -> list[bytes]:
    return [bytes.fromhex(text) for text in texts]


def damaged(path: Sequence[bytes]) -> Iterator[list[bytes]]:
    """The path with one bit of each hash turned, with one hash left out, added or cut short, and turned around."""
    for at, node in enumerate(path):
        yield [*path[:at], bytes([node[0] ^ 1]) + node[1:], *path[at + 1 :]]
        yield [*path[:at], *path[at + 1 :]]
        yield [*path[:at], node[:-1], *path[at + 1 :]]
        yield [*path[:at], OTHER, *path[at:]]
        yield [*path[:at], node, *path[at:]]
    yield [*path, OTHER]
    yield [*path, b""]
    if len(path) > 1:
        yield list(reversed(path))


def test_the_roots_of_the_certificate_transparency_tests_come_out() -> None:
    leaves = [leaf_hash(bytes.fromhex(entry)) for entry in CT_ENTRIES]
    assert leaves[2].hex() == D2
    for size, root in enumerate(CT_ROOTS, start=1):
        assert tree_root(leaves[:size]).hex() == root
    assert node_hash(*unhex((D0, D1))).hex() == D01


@pytest.mark.parametrize(("index", "size", "path"), CT_INCLUSION)
def test_the_inclusion_proofs_of_the_certificate_transparency_tests_hold(
    index: int, size: int, path: Sequence[str]
) -> None:
    leaf, root = leaf_hash(bytes.fromhex(CT_ENTRIES[index])), bytes.fromhex(CT_ROOTS[size - 1])
    assert verify_inclusion(index, size, leaf, unhex(path), root)
    for wrong in damaged(unhex(path)):
        assert not verify_inclusion(index, size, leaf, wrong, root)


@pytest.mark.parametrize(("first", "second", "path"), CT_CONSISTENCY)
def test_the_consistency_proofs_of_the_certificate_transparency_tests_hold(
    first: int, second: int, path: Sequence[str]
) -> None:
    roots = bytes.fromhex(CT_ROOTS[first - 1]), bytes.fromhex(CT_ROOTS[second - 1])
    assert verify_consistency(first, second, *roots, unhex(path))
    assert not verify_consistency(first, second, roots[1], roots[0], unhex(path))
    for wrong in damaged(unhex(path)):
        assert not verify_consistency(first, second, *roots, wrong)


def test_the_proofs_of_the_example_in_rfc_9162_are_made_of_its_nodes() -> None:
    for index, nodes in RFC_INCLUSION:
        assert tuple(inclusion_ranges(index, 7)) == nodes
    for first, nodes in RFC_CONSISTENCY:
        assert tuple(consistency_ranges(first, 7)) == nodes


def test_the_root_of_every_size_is_the_one_the_definition_gives() -> None:
    for size in range(301):
        assert tree_root(TREE.leaves[:size]) == TREE.root(0, size)
    assert (
        tree_root([]) == EMPTY_ROOT == bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    )


def test_a_root_is_made_of_hashes_only() -> None:
    with pytest.raises(Malformed):
        tree_root([TREE.leaves[0], b"short"])


def test_leaves_of_every_size_up_to_300_are_shown_to_be_in_the_tree() -> None:
    rng = random.Random(20260301)
    for size in range(1, 301):
        root = TREE.root(0, size)
        indexes = range(size) if size <= 130 else {0, size - 1, *rng.sample(range(size), 30)}
        for index in indexes:
            path = [TREE.root(*subtree) for subtree in inclusion_ranges(index, size)]
            assert path == TREE.inclusion(index, 0, size).hashes
            assert verify_inclusion(index, size, TREE.leaves[index], path, root), (index, size)


def test_a_damaged_inclusion_path_shows_nothing() -> None:
    rng = random.Random(20260301)
    small = [(index, size) for size in range(1, 34) for index in range(size)]
    large = [(rng.randrange(size), size) for size in range(34, 301)]
    for index, size in small + large:
        leaf, root = TREE.leaves[index], TREE.root(0, size)
        path = TREE.inclusion(index, 0, size).hashes
        for wrong in damaged(path):
            assert not verify_inclusion(index, size, leaf, wrong, root), (index, size)
        assert not verify_inclusion(index, size, OTHER, path, root)
        assert not verify_inclusion(index, size, leaf, path, OTHER)


def test_a_path_longer_than_the_tree_is_high_shows_nothing_even_if_it_leads_to_the_root() -> None:
    for size in range(1, 20):
        above = node_hash(OTHER, TREE.root(0, size))
        for index in range(size):
            path = [*TREE.inclusion(index, 0, size).hashes, OTHER]
            assert not verify_inclusion(index, size, TREE.leaves[index], path, above)
        for first in range(1, size):
            path = [*TREE.consistency(first, size).hashes, OTHER]
            beneath = TREE.root(0, first)
            for old in (beneath, node_hash(OTHER, beneath)):
                assert not verify_consistency(first, size, old, above, path)


def test_an_inclusion_path_shows_one_place_and_no_other() -> None:
    for size in range(1, 49):
        for index in range(size):
            path = TREE.inclusion(index, 0, size).hashes
            for claimed in range(-1, size + 2):
                shown = verify_inclusion(claimed, size, TREE.leaves[index], path, TREE.root(0, size))
                assert shown == (claimed == index), (index, claimed, size)


def test_another_size_passes_only_where_the_way_up_is_the_same() -> None:
    for size in range(1, 33):
        for index in range(size):
            way = TREE.inclusion(index, 0, size)
            for claimed in range(36):
                same = index < claimed and TREE.inclusion(index, 0, claimed).sides == way.sides
                shown = verify_inclusion(index, claimed, TREE.leaves[index], way.hashes, TREE.root(0, size))
                assert shown == same, (index, size, claimed)


def test_nothing_is_in_an_empty_tree() -> None:
    for index in (-1, 0, 1):
        assert not verify_inclusion(index, 0, OTHER, [], OTHER)
        assert not verify_inclusion(index, 0, EMPTY_ROOT, [], EMPTY_ROOT)
    assert not verify_inclusion(0, -1, OTHER, [], OTHER)


def test_what_is_no_hash_is_refused_even_where_it_is_equal() -> None:
    assert verify_inclusion(0, 1, OTHER, [], OTHER)
    assert not verify_inclusion(0, 1, b"short", [], b"short")
    assert verify_consistency(1, 1, OTHER, OTHER, [])
    assert not verify_consistency(1, 1, b"short", b"short", [])


def test_every_two_sizes_up_to_128_are_shown_to_be_one_history() -> None:
    for second in range(1, 129):
        for first in range(1, second + 1):
            path = [TREE.root(*subtree) for subtree in consistency_ranges(first, second)]
            assert path == TREE.consistency(first, second).hashes
            assert verify_consistency(first, second, TREE.root(0, first), TREE.root(0, second), path), (first, second)


def test_a_damaged_consistency_path_shows_nothing() -> None:
    rng = random.Random(20260302)
    small = [(first, second) for second in range(1, 33) for first in range(1, second + 1)]
    large = [(rng.randint(1, second), second) for second in range(33, 301)]
    for first, second in small + large:
        roots = TREE.root(0, first), TREE.root(0, second)
        path = TREE.consistency(first, second).hashes
        for wrong in damaged(path):
            assert not verify_consistency(first, second, *roots, wrong), (first, second)
        assert not verify_consistency(first, second, OTHER, roots[1], path)
        assert not verify_consistency(first, second, roots[0], OTHER, path)
        assert first == second or not verify_consistency(first, second, roots[1], roots[0], path)


def test_other_sizes_pass_only_where_the_way_up_is_the_same() -> None:
    pairs = [(first, second) for second in range(1, 19) for first in range(1, second + 1)]
    ways = {pair: TREE.consistency(*pair) for pair in pairs}
    for pair, way in ways.items():
        roots = TREE.root(0, pair[0]), TREE.root(0, pair[1])
        for claimed, other in ways.items():
            assert verify_consistency(*claimed, *roots, way.hashes) == (other.sides == way.sides), (pair, claimed)


def test_a_rewritten_history_is_not_the_beginning_of_a_longer_one() -> None:
    changed = Naive([b"another entry", *entries(300)[1:]])
    for first, second in ((1, 2), (3, 7), (128, 256), (255, 300)):
        path = TREE.consistency(first, second).hashes
        assert not verify_consistency(first, second, changed.root(0, first), TREE.root(0, second), path)
        assert not verify_consistency(first, second, TREE.root(0, first), changed.root(0, second), path)


def test_the_same_size_needs_the_same_root_and_no_path() -> None:
    one, other = TREE.root(0, 5), TREE.root(0, 6)
    assert verify_consistency(5, 5, one, one, [])
    assert not verify_consistency(5, 5, one, other, [])
    assert not verify_consistency(5, 5, one, one, [one])


def test_the_empty_tree_begins_every_tree_and_its_root_is_known() -> None:
    root = TREE.root(0, 5)
    assert consistency_ranges(0, 5) == consistency_ranges(0, 0) == []
    assert verify_consistency(0, 5, EMPTY_ROOT, root, [])
    assert verify_consistency(0, 0, EMPTY_ROOT, EMPTY_ROOT, [])
    assert not verify_consistency(0, 0, root, root, [])
    assert not verify_consistency(0, 5, root, root, [])
    assert not verify_consistency(0, 5, EMPTY_ROOT, root, [root])


def test_a_log_never_becomes_shorter() -> None:
    roots = TREE.root(0, 6), TREE.root(0, 5)
    for path in ([], TREE.consistency(5, 6).hashes):
        assert not verify_consistency(6, 5, *roots, path)
        assert not verify_consistency(-1, 5, *roots, path)


def test_a_proof_of_what_the_tree_does_not_have_is_not_begun() -> None:
    for index, size in ((5, 5), (0, 0), (-1, 5)):
        with pytest.raises(OutOfTree):
            inclusion_ranges(index, size)
    for first, second in ((6, 5), (-1, 5)):
        with pytest.raises(OutOfTree):
            consistency_ranges(first, second)


@given(st.integers(0, 999_999))
def test_a_proof_in_a_log_of_a_million_is_at_most_20_hashes(number: int) -> None:
    assert len(inclusion_ranges(number, 1_000_000)) <= 20
    assert len(consistency_ranges(number + 1, 1_000_000)) <= 21


@given(st.integers(1, 2**63 - 1))
def test_a_subtree_consists_of_ever_smaller_complete_ones(size: int) -> None:
    parts = complete_parts(inclusion_ranges(0, size + 1)[-1])
    widths = [part.end - part.begin for part in parts]
    assert all(width.bit_count() == 1 for width in widths)
    assert widths == sorted(set(widths), reverse=True)
    assert all(one.end == other.begin for one, other in pairwise(parts))
    assert all(part.begin % width == 0 for part, width in zip(parts, widths, strict=True))
