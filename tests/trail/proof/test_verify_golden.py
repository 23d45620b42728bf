"""Exports of every form there has been: what verified once verifies for ever."""

import gzip
import json
from pathlib import Path

import pytest

from app.trail.proof.verify import Asked, verify

FOLDER = Path(__file__).parents[1] / "golden"
NAMES = sorted(path.name.removesuffix(".ndjson.gz") for path in FOLDER.glob("*.ndjson.gz"))


def test_there_is_a_corpus() -> None:
    assert {"v1_ordinary", "v1_bundle", "v1_wandering"} <= set(NAMES)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_an_export_verifies_as_it_did_when_it_was_made(name: str, strict: bool) -> None:
    told = json.loads((FOLDER / f"{name}.notes.json").read_text(encoding="utf-8"))
    with gzip.open(FOLDER / f"{name}.ndjson.gz") as file:
        report = verify(file, Asked(strict=strict, against=tuple(told["notes"])))
    assert (report.verdict.name, report.findings) == (told["verdict"], [])
    assert all(note.held for note in report.notes)
