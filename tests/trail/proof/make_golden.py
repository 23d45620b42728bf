"""Writes the corpus of exports that must verify for ever: `python -m tests.trail.proof.make_golden NAME`.

A file once committed is never written again; a new form of history is a new file beside it. Files named `real_*` are what
`rectify export` gave of the ledger that `tests/trail/lives.py` makes.
"""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

from tests.trail.proof.history_maker import Maker, ordinary

FOLDER = Path(__file__).parents[1] / "golden"


def keep(name: str, lines: list[bytes], notes: list[str], verdict: str) -> None:
    packed = gzip.compress(b"".join(lines), mtime=0)
    (FOLDER / f"{name}.ndjson.gz").write_bytes(packed)
    document = json.dumps({"notes": notes, "verdict": verdict}, ensure_ascii=False, indent=2)
    (FOLDER / f"{name}.notes.json").write_text(document + "\n", encoding="utf-8")


def wandering() -> Maker:
    """Many items in many states, a redaction, a deleted draft, a rotated key."""
    made = Maker(2026)
    items = [made.draft(description=f"第{number}项") for number in range(12)]
    drafted = next(one for one in made.events if one.row["type"] == "item.drafted")
    for number in range(160):
        made.wander(made.random.choice(items))
        if number % 40 == 0:
            made.seal()
    made.redact(items[0], drafted, "description")
    made.delete_draft(made.draft())
    made.rotate("checkpoint")
    made.seal()
    return made


def main() -> None:
    name = sys.argv[1]
    made = ordinary()
    notes = [str(one["note"]) for one in made.checkpoints]
    keep(f"{name}_ordinary", made.export(), [*notes, made.receipt(made.events[9])], "VERIFIED")
    keep(f"{name}_bundle", made.export([next(iter(made.items))]), notes[-1:], "VERIFIED")
    other = wandering()
    keep(f"{name}_wandering", other.export(), [str(one["note"]) for one in other.checkpoints], "VERIFIED")


if __name__ == "__main__":
    main()
