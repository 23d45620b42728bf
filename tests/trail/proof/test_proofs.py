import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from app.trail.proof.checkpoints import format_checkpoint, parse_checkpoint
from app.trail.proof.merkle import inclusion_ranges, leaf_hash, verify_inclusion
from app.trail.proof.notes import parse_note, sign_note, verifier_key, verify_note
from app.trail.proof.proofs import InclusionProof, format_proof, parse_proof
from app.trail.proof.strict import Malformed, parse_hash
from app.trail.proof.tiles import Edge, TileId, range_hashes
from tests.trail.proof.naive import entries

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ORIGIN = "ledger.example/log"
CHECKPOINT = sign_note(format_checkpoint(ORIGIN, 109_482, bytes(32)), ORIGIN, KEY)
NODES = st.binary(min_size=32, max_size=32)
HASHES = (
    "gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=",
    "B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=",
    "EKNzoDWG8LGC0Yp9o+sv3qllpMP9uHQ9B20KNL+Q1zs=",
    "RoopEkOdqkYqMB4MJXrbt/hMjOxsVn0IrWjpz1ZMMes=",
    "AHCioX9nLjsrse6YhjRRmk1WUEirVOLLRoOQ6vfO5vk=",
)
# The example of c2sp.org/tlog-proof; its signatures are shortened there and are one of another note here.
EXAMPLE = "\n".join(
    (
        "c2sp.org/tlog-proof@v1",
        "extra YWdlLXYxLjIuMS1kYXJ3aW4tYXJtNjQudGFyLmd6kYXJ3aW4tYXJ",
        "index 73894",
        *HASHES,
        "",
        "example.com/fancylog",
        "109482",
        "sFodV/vSp5O8n9a8QpW6PRY97tfOSW5bsc2Xl/EQi08=",
        "",
        "— example.com/fancylog Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=",
        "",
    )
)


def test_the_example_of_the_specification_is_read_and_written() -> None:
    proof = parse_proof(EXAMPLE.encode())
    assert (proof.index, proof.path) == (73_894, tuple(map(parse_hash, HASHES)))
    assert proof.extra is not None
    assert proof.extra.startswith(b"age-v1.2.1-darwin-arm64.tar.gz")
    assert parse_checkpoint(parse_note(proof.checkpoint).text).size == 109_482
    assert format_proof(proof) == EXAMPLE.encode()


def test_a_proof_is_all_that_is_needed_to_check_an_entry() -> None:
    bodies = entries(1000)
    edge = Edge()
    full = edge.extend(map(leaf_hash, bodies))
    tiles = {TileId(tile.level, tile.index): tile.data for tile in full} | edge.tiles()
    checkpoint = sign_note(format_checkpoint(ORIGIN, edge.size, edge.root), ORIGIN, KEY)
    path = range_hashes(inclusion_ranges(700, edge.size), tiles)

    received = parse_proof(format_proof(InclusionProof(700, tuple(path), checkpoint)))
    note = parse_note(received.checkpoint)
    verify_note(note, [verifier_key(ORIGIN, KEY.public_key())])
    _, size, root, _ = parse_checkpoint(note.text)
    assert verify_inclusion(received.index, size, leaf_hash(bodies[700]), received.path, root)
    assert not verify_inclusion(received.index, size, leaf_hash(bodies[701]), received.path, root)


@given(st.integers(0, 2**63 - 1), st.lists(NODES, max_size=63), st.none() | st.binary())
def test_a_proof_is_read_back(index: int, path: list[bytes], extra: bytes | None) -> None:
    proof = InclusionProof(index, tuple(path), CHECKPOINT, extra)
    assert parse_proof(format_proof(proof)) == proof


@given(st.binary())
def test_whatever_comes_is_a_proof_or_malformed(data: bytes) -> None:
    for tried in (data, b"c2sp.org/tlog-proof@v1\n" + data, b"c2sp.org/tlog-proof@v1\nindex 0\n\n" + data):
        try:
            proof = parse_proof(tried)
        except Malformed:
            continue
        assert format_proof(proof) == tried


def test_nothing_but_the_index_is_a_proof_in_a_log_of_one() -> None:
    proof = parse_proof(b"c2sp.org/tlog-proof@v1\nindex 0\n\n" + CHECKPOINT)
    assert proof == InclusionProof(0, (), CHECKPOINT)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("proof@v1", "proof@v2"),
        ("c2sp.org", "\nc2sp.org"),
        ("index 73894\n", ""),
        ("index 73894", "index -5"),
        ("index 73894", "index 073894"),
        ("index 73894", "index  73894"),
        ("index 73894", "index"),
        ("index 73894", "73894"),
        ("index 73894", "index 9223372036854775808"),
        ("index 73894", "Index 73894"),
        ("index 73894", "index 73894\nindex 73894"),
        ("extra ", "extra"),
        ("extra ", "extra !"),
        ("extra ", "extra YQ==\nextra "),
        ("index 73894", "extra YQ==\nindex 73894"),
        ("B95l", "!B95l"),
        ("5vk=", "5vl="),
        ("B95l", "AAAAB95l"),
        ("\nB95l", " \nB95l"),
        ("\nB95l", "\n\nB95l"),
        ("\nB95l", "\r\nB95l"),
        ("\n\nexample", "\nexample"),
        ("\n\nexample", "\n\n\nexample"),
        ("109482", "0109482"),
        ("\n\n— ", "\n— "),
        ("— example.com/fancylog ", "— "),
        ("index", "índex"),
    ],
)
def test_what_is_no_proof_is_refused(old: str, new: str) -> None:
    assert EXAMPLE.count(old) >= 1
    with pytest.raises(Malformed):
        parse_proof(EXAMPLE.replace(old, new, 1).encode())


@pytest.mark.parametrize(
    "proof",
    [
        InclusionProof(-1, (), CHECKPOINT),
        InclusionProof(0, (b"short",), CHECKPOINT),
        InclusionProof(0, (), b"no note\n"),
        InclusionProof(0, (), sign_note("no checkpoint\n", ORIGIN, KEY)),
    ],
)
def test_what_could_not_be_read_is_not_written(proof: InclusionProof) -> None:
    with pytest.raises(Malformed):
        format_proof(proof)
