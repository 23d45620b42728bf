"""What can be kept and held against a history later: notes, and exports, packed or not."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from app.trail.proof.command import UNREADABLE, main
from app.trail.proof.kept import kept_note
from tests.trail.proof.history_maker import ordinary, reread, written


def test_an_export_that_was_kept_vouches_by_its_newest_signed_checkpoint(tmp_path: Path) -> None:
    made = ordinary()
    newest = made.checkpoints[-1]["note"]
    plain, packed = tmp_path / "kept.ndjson", tmp_path / "kept.ndjson.gz"
    plain.write_bytes(b"".join(made.export()))
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert newest
    assert kept_note(plain) == kept_note(packed) == newest
    assert main([str(plain), "--against", str(packed)]) == 0


def test_a_note_is_read_as_it_is(tmp_path: Path) -> None:
    made = ordinary()
    note, receipt = tmp_path / "kept.note", tmp_path / "receipt.txt"
    note.write_text(str(made.checkpoints[0]["note"]), encoding="utf-8")
    receipt.write_text(made.receipt(made.events[0]), encoding="utf-8")
    assert kept_note(note) == made.checkpoints[0]["note"]
    assert kept_note(receipt) == made.receipt(made.events[0])


@pytest.mark.parametrize("what", ["bytes", "half", "header", "unsigned", "nowhere"])
def test_what_holds_no_note_is_malformed_and_nothing_else(tmp_path: Path, what: str) -> None:
    export = reread(ordinary().export())
    unsigned = [one | {"note": None} if one["t"] == "checkpoint" else one for one in export]
    contents = {
        "bytes": b"\xff\xfe\x00",
        "half": gzip.compress(b"hello" * 1000)[:-20],
        "header": b"".join(written(export[:1])),
        "unsigned": b"".join(written(unsigned)),
    }
    path = tmp_path / what
    if what in contents:
        path.write_bytes(contents[what])
    with pytest.raises(UNREADABLE):
        kept_note(path)
    honest = tmp_path / "honest.ndjson"
    honest.write_bytes(b"".join(ordinary().export()))
    assert main([str(honest), "--against", str(path)]) == 2
