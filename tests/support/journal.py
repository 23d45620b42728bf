"""What the clients of a run asked for and were told: the driver's own account, kept outside the service."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

Outcome = Literal["open", "ok", "refused", "unknown"]
FOREVER = float("inf")
EVENTS: Mapping[str, tuple[str, ...]] = {
    "assign": ("item.assigned",),
    "recall": ("item.recalled",),
    "remark": ("item.described",),
    "progress": ("item.progress_reported",),
    "evidence": ("item.evidence_added",),
    "draft": ("item.drafted",),
    "submit": ("item.submitted",),
    "register": ("item.registered",),
    "merge": ("item.merged", "item.origins_received"),
    "split": ("item.split", "item.split_off", "item.split_off"),
}
"""What the history must say of each kind of write, once; a batch says the word of its action once for each item."""


@dataclass(slots=True)
class Told:
    """One item as an answer showed it."""

    item: str
    version: int
    state: str | None = None


@dataclass(slots=True)
class Op:
    """One request under one key, however often it was sent; times are seconds of the driver's own clock.

    `if_match` is the version that had to be current, `failures` how often the answer was a 5xx. Refused means that
    every attempt was refused; where the answer of any of them got lost, or said that the service had failed, the outcome
    is unknown until one says ok.
    """

    key: str
    kind: str
    who: str
    method: str
    path: str
    content_type: str = "application/json"
    body: bytes = b""
    action: str | None = None
    items: list[str] = field(default_factory=list)
    if_match: int | Literal["*"] | None = None
    invoked: float = 0.0
    returned: float = FOREVER
    outcome: Outcome = "open"
    attempts: int = 0
    failures: int = 0
    status: int = 0
    code: str = ""
    told: list[Told] = field(default_factory=list)
    current: int | None = None
    receipt: str = ""
    reply: str = ""
    differing: bool = False

    @property
    def writes(self) -> bool:
        return self.method != "GET"

    @property
    def events(self) -> tuple[str, ...]:
        if self.kind == "batch":
            return EVENTS[str(self.action)] * len(self.items)
        return EVENTS[self.kind]


class Journal:
    """Every operation of a run, in memory and, line by line, in a file that outlives the run."""

    def __init__(self, path: Path | None = None) -> None:
        self.ops: list[Op] = []
        self.by_key: dict[str, Op] = {}
        self.file = path.open("a", encoding="utf-8") if path else None

    def begin(self, op: Op) -> None:
        op.invoked = time.monotonic()
        self.ops.append(op)
        self.by_key[op.key] = op
        self._write("begin", {"key": op.key, "kind": op.kind, "items": op.items, "if_match": op.if_match})

    def end(self, op: Op) -> None:
        short = asdict(op)
        del short["body"]
        if op.returned == FOREVER:
            del short["returned"]
        self._write("end", short)

    def _write(self, what: str, told: Mapping[str, Any]) -> None:
        if self.file is not None:
            self.file.write(json.dumps({"t": time.monotonic(), what: told}, ensure_ascii=False) + "\n")
            self.file.flush()

    def writes(self, *outcomes: Outcome) -> Iterator[Op]:
        return (op for op in self.ops if op.writes and op.outcome in outcomes)

    def counts(self) -> Counter[str]:
        """Writes by outcome."""
        return Counter(op.outcome for op in self.ops if op.writes)

    def close(self) -> None:
        if self.file is not None:
            self.file.close()
            self.file = None
