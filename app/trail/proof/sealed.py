"""The checkpoints of a file: each root made anew, each signature checked, and who signed too late."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from app.trail.proof.checkpoints import format_checkpoint, parse_checkpoint
from app.trail.proof.findings import Finding, Findings
from app.trail.proof.growth import Growing
from app.trail.proof.merkle import verify_inclusion
from app.trail.proof.notes import parse_note
from app.trail.proof.retained import Keyring, key_name
from app.trail.proof.strict import Malformed
from app.trail.proof.walk import Walk


class Signed(NamedTuple):
    """A checkpoint somebody has signed."""

    size: int
    root: bytes


@dataclass
class Seals:
    """The checkpoints in the order of their sizes; `newest` is the largest signed one."""

    found: Findings
    keys: Keyring
    walk: Walk
    growing: Growing
    newest: Signed | None = None
    sizes: set[int] = field(default_factory=set)
    signed: int = 0
    _last: int = 0
    _unsigned: int | None = None
    _diverged: bool = False

    def checkpoint(self, document: dict[str, Any]) -> None:
        """Checks one checkpoint; all numbered events have come before."""
        size, root, note = document["size"], bytes.fromhex(document["root"]), document["note"]
        if size <= self._last:
            raise Malformed("checkpoints are out of order")
        self._last = size
        self.sizes.add(size)
        if self._unsigned is not None:
            self._add("checkpoint_missing", self._unsigned, "a signature")
            self._unsigned = None
        if not self.walk.bundle:
            self._compare(size, root)
        if note is None:
            self._unsigned = size
        else:
            self._signature(size, root, note)

    def _compare(self, size: int, root: bytes) -> None:
        actual = self.growing.root(size)
        if actual is None:
            self._add("history_cut", size, f"{size} positions", str(self.walk.positions))
        elif actual != root and not self._diverged:
            # What differs once differs for ever: the first size says where.
            self._diverged = True
            self._add("root_mismatch", size, root.hex(), actual.hex())

    def _signature(self, size: int, root: bytes, text: str) -> None:
        origin = self.keys.origin
        try:
            note = parse_note(text.encode())
            said = parse_checkpoint(note.text)
        except Malformed as error:
            self._add("signature_invalid", size, "a checkpoint", str(error))
            return
        if note.text != format_checkpoint(origin, size, root):
            code = "log_other" if said.origin != origin else "root_mismatch"
            self._add(code, size, f"{origin} {size} {root.hex()}", f"{said.origin} {said.size} {said.root.hex()}")
            return
        key = self.keys.signer(note, "checkpoint")
        if isinstance(key, str):
            self._add(key, size, "a signature by a known key", " ".join(one.name for one in note.signatures))
            return
        if size >= self.walk.passed.get(key_name(key), size + 1):
            self._add("key_retired", size, f"before {self.keys.retired[key_name(key)]}", key_name(key))
        self.signed += 1
        self.newest = Signed(size, root)

    def inclusions(self) -> None:
        """Checks that the events of a bundle are under its checkpoint."""
        newest = self.newest
        if newest is None:
            self._add("checkpoint_missing", None, "a signed checkpoint")
            return
        for place, leaf, path in self.walk.included:
            position = place.position or 0
            if position <= newest.size and not (
                path is not None and verify_inclusion(position - 1, newest.size, leaf, path, newest.root)
            ):
                self.found.add(Finding("inclusion_invalid", *place, newest.root.hex(), leaf.hex()))

    def _add(self, code: str, size: int | None, expected: str, actual: str | None = None) -> None:
        self.found.add(Finding(code, None, None, size, expected, actual))
