import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.trail.proof.checkpoints import Checkpoint, format_checkpoint, parse_checkpoint
from app.trail.proof.merkle import leaf_hash
from app.trail.proof.notes import parse_note, parse_vkey, verify_note
from app.trail.proof.strict import Malformed, parse_hash

ROOT = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="
SIGNATURE = "Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8="
# The example of c2sp.org/tlog-checkpoint. It is a checkpoint of the Go checksum database under another name.
EXAMPLE = f"example.com/behind-the-sofa\n20852163\n{ROOT}\n"
GO_SUM = f"go.sum database tree\n20852163\n{ROOT}\n\n— sum.golang.org {SIGNATURE}\n"
GO_KEY = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
LINES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n"), min_size=1)


def test_the_example_of_the_specification_is_read_and_written() -> None:
    note = parse_note(f"{EXAMPLE}\n— example.com/behind-the-sofa {SIGNATURE}\n".encode())
    checkpoint = parse_checkpoint(note.text)
    assert checkpoint == Checkpoint("example.com/behind-the-sofa", 20_852_163, parse_hash(ROOT))
    assert format_checkpoint(checkpoint.origin, checkpoint.size, checkpoint.root) == EXAMPLE


def test_a_checkpoint_of_the_go_checksum_database_verifies() -> None:
    note = parse_note(GO_SUM.encode())
    key = parse_vkey(GO_KEY)
    assert verify_note(note, [key]) == [key]
    assert parse_checkpoint(note.text).size == 20_852_163


def test_the_tree_of_the_tests_of_golang_org_x_mod_is_written() -> None:
    text = "go.sum database tree\n123456789012\nTszzRgjTG6xce+z2AG31kAXYKBgQVtCSCE40HmuwBb0=\n"
    assert format_checkpoint("go.sum database tree", 123_456_789_012, leaf_hash(b"hello world")) == text


@given(LINES, st.integers(0, 2**63 - 1), st.binary(min_size=32, max_size=32))
def test_a_checkpoint_is_read_back(origin: str, size: int, root: bytes) -> None:
    assert parse_checkpoint(format_checkpoint(origin, size, root)) == Checkpoint(origin, size, root)


def test_lines_of_other_logs_are_kept() -> None:
    assert parse_checkpoint(f"{EXAMPLE}a line\nand another\n").extensions == ("a line", "and another")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n\n\n",
        EXAMPLE[:-1],
        f"{EXAMPLE}\n",
        f"{EXAMPLE}\nmore\n",
        f"{EXAMPLE}more",
        f"\n20852163\n{ROOT}\n",
        "example.com/behind-the-sofa\n20852163\n",
        f"example.com/behind-the-sofa\n\n{ROOT}\n",
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxqw==\n",
        "example.com/behind-the-sofa\n20852163\nTszzRgjTG6xce+z2AG31kAXYKBgQVtCSCE40HmuwBTOOBIG=\n",
        EXAMPLE.replace("q2I=", "q2J="),
        EXAMPLE.replace("q2I=", "q2I"),
        EXAMPLE.replace("+", "-").replace("/X", "_X"),
        EXAMPLE.replace("\n", "\r\n"),
        *(
            EXAMPLE.replace("20852163", size)
            for size in (
                "020852163",
                "00",
                "-1",
                "+1",
                " 1",
                "1 ",
                "1_000",
                "0x10",
                "1e3",
                "١",
                "²",
                "9223372036854775808",
            )
        ),
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(Malformed):
        parse_checkpoint(text)


def test_an_empty_log_has_size_0() -> None:
    assert parse_checkpoint(EXAMPLE.replace("20852163", "0")).size == 0


@pytest.mark.parametrize(
    ("origin", "size", "root"),
    [("", 1, bytes(32)), ("a\nb", 1, bytes(32)), ("a\n1", 1, bytes(32)), ("a", -1, bytes(32)), ("a", 2**63, bytes(32)),
     ("a", 1, bytes(31))],
)  # fmt: skip
def test_what_could_not_be_read_is_not_written(origin: str, size: int, root: bytes) -> None:
    with pytest.raises(Malformed):
        format_checkpoint(origin, size, root)
