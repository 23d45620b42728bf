"""回执 receipts: a signed word that something was recorded, given before anybody could think of taking it back.

Whoever keeps one can show, with any checkpoint made later than `MMD` seconds after it, that the event is in the log; or
that it is not, which is proof of misconduct.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any, Final

from app.trail.canonical import instant
from app.trail.keys import Signer
from app.trail.record import Recorded

HEADER: Final = "Rectify-Receipt"
MMD: Final = 60
"""Seconds within which what was recorded is under a signed checkpoint."""


def receipt_text(origin: str, event: Recorded) -> str:
    """The text that is signed; one fact a line, in this order for ever."""
    lines = (
        "rl-receipt/v1", origin, f"{event.kind} {event.subject_id}", str(event.seq), str(event.event_id),
        base64.b64encode(event.hash).decode(), instant(event.at), f"mmd {MMD}",
    )  # fmt: skip
    return "\n".join(lines) + "\n"


class Receipts:
    """Gives receipts in the name of one log."""

    def __init__(self, origin: str, signer: Signer) -> None:
        self._origin = origin
        self._signer = signer

    def note(self, event: Recorded) -> str:
        """The signed note; the same event gives the same note for ever."""
        return self._signer.sign(receipt_text(self._origin, event))

    def encoded(self, event: Recorded) -> str:
        """The note as one line, for headers and JSON."""
        return base64.b64encode(self.note(event).encode()).decode()

    def header(self, recorded: Sequence[Any], path: str) -> dict[str, str]:
        """For the reply to a write: the receipt of the subject its path names, else of the first that was recorded."""
        if not recorded:
            return {}
        named = next((event for event in reversed(recorded) if str(event.subject_id) in path), recorded[0])
        return {HEADER: self.encoded(named)}
