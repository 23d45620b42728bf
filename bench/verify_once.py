"""One verification in a process of its own, as an auditor would run it: prints seconds and memory as JSON."""

from __future__ import annotations

import hashlib
import json
import re
import sys
import time
from pathlib import Path

from app.trail.proof.verify import Asked, verify

BUFFER = 1 << 20
BARE, USUAL, STRICT = "bare", "usual", "strict"
"""Only hashing and parsing the lines, for comparison; as `rectify verify` does; everything in full."""


def bare(path: Path) -> None:
    with path.open("rb", buffering=BUFFER) as file:
        for line in file:
            hashlib.sha256(line).digest()
            json.loads(line)


def verified(path: Path, note: str, *, strict: bool) -> None:
    with path.open("rb", buffering=BUFFER) as file:
        report = verify(file, Asked(strict=strict, against=(note,)))
    if report.exit_code:
        raise SystemExit(f"{report.verdict.name} {report.found}")


def peak() -> float:
    """Megabytes held at most; `getrusage` would also count what the parent held before it started this process."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    return int(found[1]) / 1024 if found else float("nan")


def main() -> None:
    how, path, note = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]).read_text(encoding="utf-8")
    wall, cpu = time.perf_counter(), time.process_time()
    if how == BARE:
        bare(path)
    else:
        verified(path, note, strict=how == STRICT)
    told = {
        "wall": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "peak": peak(),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
