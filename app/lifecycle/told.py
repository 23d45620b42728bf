"""What an item's event tells of the row itself: everything that changed, so that the row is the sum of its events.

Codes, dates, numbers and ids go together into `set`; a column of words is a field of its own, which can be redacted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from app.trail.fold import SET

WORDS: Final = frozenset({
    "title", "description", "source_document", "source_document_no", "source_quote", "source_path", "source_fields",
    "external_system", "external_id", "major_basis", "goal", "root_cause", "remarks", "deadline", "progress_latest",
})  # fmt: skip
"""Columns that may hold what somebody wrote."""
IN_THE_BODY: Final = frozenset({"id", "version", "head_hash", "state", "created_at", "updated_at"})
"""Columns the event's body says: subject, seq, leaf hash, state after, and the time of the first and the latest event."""


def told(before: Mapping[str, Any], changes: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of an event that says `fields` and makes `changes`; one named like a column of words is that column.

    What was asked for may be worded otherwise than what is kept, and may not have changed anything.
    """
    named = {name: changes.get(name, before[name]) for name in fields if name in WORDS}
    return {**fields, **named, **changed(before, changes)}


def changed(before: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The fields an event adds for what `changes` makes of the row `before`; empty where nothing becomes different."""
    codes: dict[str, Any] = {}
    fields: dict[str, Any] = {}
    for name, value in changes.items():
        if name in IN_THE_BODY or value == before[name]:
            continue
        (fields if name in WORDS else codes)[name] = value
    return fields | ({SET: codes} if codes else {})
