"""A file held against what was retained from before: the only step that shows it to be the history somebody saw then."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.trail.proof.checkpoints import Checkpoint
from app.trail.proof.findings import Finding, Findings, Held
from app.trail.proof.retained import PROMISED, Receipt, Retained, later
from app.trail.proof.sealed import Seals
from app.trail.proof.walk import Walk


@dataclass
class Holding:
    """Compares each retained note; `anchored` is the largest size one vouches for, `receipts` the subjects with one."""

    found: Findings
    walk: Walk
    seals: Seals
    made_at: str
    anchored: int = 0
    receipts: dict[str, int] = field(default_factory=dict)
    notes: list[Held] = field(default_factory=list)

    def take(self, retained: Retained) -> None:
        says = retained.says
        signs = "receipt" if isinstance(says, Receipt) else "checkpoint"
        keys = self.seals.keys
        what = f"{says.subject} {says.seq}" if isinstance(says, Receipt) else str(says.size)
        before = sum(self.found.counts.values())
        compared = True
        if says.origin != keys.origin:
            self.found.add(Finding("log_other", None, None, None, says.origin, keys.origin))
        elif isinstance(code := keys.signer(retained.note, signs), str):
            self.found.add(Finding(code, None, None, None, f"a known {signs} key", what))
        elif isinstance(says, Receipt):
            compared = self._receipt(says)
        else:
            compared = self._checkpoint(says)
        held = compared and sum(self.found.counts.values()) == before
        self.notes.append(Held(signs, what, compared, held))
        if held and isinstance(says, Receipt):
            self.receipts[says.subject] = max(says.seq, self.receipts.get(says.subject, 0))
        elif held and isinstance(says, Checkpoint):
            self.anchored = max(says.size, self.anchored)

    def _checkpoint(self, says: Checkpoint) -> bool:
        newest = self.seals.newest
        if self.walk.bundle:
            # A bundle has one root and no way from it to others.
            if newest is None or newest.size != says.size:
                return False
            if newest.root != says.root:
                self.found.add(Finding("fork", None, None, says.size, says.root.hex(), newest.root.hex()))
            return True
        if says.size > self.walk.positions:
            expected, actual = f"{says.size} positions", str(self.walk.positions)
            self.found.add(Finding("history_cut", None, None, says.size, expected, actual))
            return True
        actual_root = self.seals.growing.noted[says.size]
        if actual_root != says.root:
            code = "fork" if says.size in self.seals.sizes else "not_consistent"
            self.found.add(Finding(code, None, None, says.size, says.root.hex(), actual_root.hex()))
        elif says.size not in self.seals.sizes:
            self.found.add(Finding("checkpoint_missing", None, None, says.size, says.root.hex()))
        return True

    def _receipt(self, says: Receipt) -> bool:
        seen = self.walk.seen.get(says.event_id)
        if seen is None:
            # A bundle may be of other items, and a file cannot hold what was recorded after it was made.
            another = self.walk.bundle and says.subject not in self.walk.choice.asked
            if another or later(says.at, PROMISED) > self.made_at:
                return False
            self.found.add(Finding("history_cut", says.subject, says.seq, None, says.event_id))
            return True
        place = seen.place
        if (place.subject, place.seq, seen.hash) != (says.subject, says.seq, says.hash.hex()):
            expected = f"{says.subject} {says.seq} {says.hash.hex()}"
            self.found.add(Finding("receipt_broken", *place, expected, f"{place.subject} {place.seq} {seen.hash}"))
        elif not self._under_a_checkpoint(place.position) and later(says.at, PROMISED) < self.made_at:
            expected = f"under a checkpoint by {later(says.at, PROMISED)}"
            self.found.add(Finding("receipt_broken", *place, expected, "not sealed"))
        return True

    def _under_a_checkpoint(self, position: int | None) -> bool:
        newest = self.seals.newest
        return position is not None and newest is not None and position <= newest.size
