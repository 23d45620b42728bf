"""Offline verification of a long history: time, memory, and the ratio to hashing and parsing the same lines."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.cells import Row
from bench.histories import write
from bench.verify_once import BARE, STRICT, USUAL


def rows(events: int, rounds: int, seed: int) -> list[Row]:
    """Writes a history and verifies it in processes of their own, in alternating rounds."""
    with tempfile.TemporaryDirectory(prefix="rectify-bench-verify-") as folder:
        path, note = Path(folder) / "history.ndjson", Path(folder) / "checkpoint.note"
        begun = time.perf_counter()
        note.write_text(write(path, events, seed), encoding="utf-8")
        size = path.stat().st_size
        print(f"wrote {events} events, {size / 1e6:.0f} MB, in {time.perf_counter() - begun:.0f} s", flush=True)
        found: dict[str, list[dict[str, float]]] = {BARE: [], USUAL: [], STRICT: []}
        for number in range(rounds):
            for how in (BARE, USUAL, STRICT) if number % 2 == 0 else (STRICT, USUAL, BARE):
                found[how].append(_measured(how, path, note))
    return _table(events, {how: _median(measured) for how, measured in found.items()})


def _measured(how: str, path: Path, note: Path) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.verify_once", how, str(path), str(note)],
        capture_output=True,
        text=True,
        check=True,
    )
    told: dict[str, float] = json.loads(done.stdout)
    return told


def _median(measured: list[dict[str, float]]) -> dict[str, float]:
    return {name: statistics.median(one[name] for one in measured) for name in measured[0]}


def _table(events: int, found: dict[str, dict[str, float]]) -> list[Row]:
    scale, bare = 1_000_000 / events, found[BARE]["cpu"]
    table = [Row("sha256 + json.loads of the lines, CPU s per 10^6 events", "", bare * scale)]
    for how, seconds, limit in ((USUAL, 10, 300), (STRICT, 60, None)):
        one = found[how]
        wall, peak, each = one["wall"] * scale, one["peak"], one["cpu"] / events * 1e6
        table += [
            Row(f"verify {how}, s per 10^6 events", f"≤ {seconds}", wall, wall <= seconds, cpu=each),
            Row(f"verify {how}, CPU ÷ sha256 + json.loads", "", one["cpu"] / bare),
            Row(f"verify {how}, peak MB", f"≤ {limit}" if limit else "", peak, peak <= limit if limit else None),
        ]
    return table
