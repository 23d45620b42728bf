"""What was redacted and by whose decision, held against the events that say so: nothing else may go."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Final

from app.audit.findings import finding
from app.audit.history import REDACTED
from app.core.db import Row, Snapshot
from app.trail.export import plain
from app.trail.proof.findings import Finding

ROWS: Final = "SELECT * FROM redaction ORDER BY id"
FIELDS: Final = "SELECT event_id, field, item_id, changed_seq, redaction_id FROM redacted_field"
# Who acted is an account; a request names the person.
EVENTS: Final = """
SELECT e.subject_id, e.type, e.at, e.seq, a.person_id, d.fields, d.said FROM event e LEFT JOIN account a ON a.id = e.actor_id
LEFT JOIN LATERAL (
  SELECT array_agg(field) AS fields, array_agg(value) AS said FROM event_disclosure WHERE event_id = e.id
) AS d ON TRUE
WHERE e.subject_kind = 'redaction' OR (e.subject_kind = 'item' AND e.type = 'item.redacted') ORDER BY e.subject_id, e.seq
"""
REQUESTED: Final = "redaction.requested"
STATUS: Final = {"redaction.approved": "done", "redaction.rejected": "rejected"}

Gone = tuple[Any, ...]
"""A removed disclosure: event, field, item, seq of the event that tells of it, redaction."""


async def redactions(snapshot: Snapshot) -> AsyncIterator[Finding]:
    requests: dict[str, dict[str, Any]] = {}
    gone: set[Gone] = set()
    async for event in snapshot.stream(EVENTS):
        fields = _fields(event)
        if event["type"] == REDACTED:
            gone |= set(_gone(str(event["subject_id"]), event["seq"], fields))
        else:
            _follow(requests, plain(event), fields)
    held = {str(row["id"]): plain(row) for row in await snapshot.fetch(ROWS)}
    for request in sorted(requests.keys() | held.keys()):
        for one in _request(request, requests.get(request), held.get(request)):
            yield one
    rows = [plain(row) async for row in snapshot.stream(FIELDS)]
    listed = {tuple(row.values()) for row in rows}
    for missing in sorted(gone - listed, key=str):
        yield finding("redaction_mismatch", missing[2], f"redacted_field {missing[0]} {missing[1]}", None, missing[3])
    for extra in sorted(listed - gone, key=str):
        yield finding("redaction_mismatch", extra[2], None, f"redacted_field {extra[0]} {extra[1]}", extra[3])


def _fields(event: Row) -> dict[str, Any]:
    said = {}
    for name, text in zip(event["fields"] or (), event["said"] or (), strict=True):
        try:
            said[name] = json.loads(text)
        except ValueError:
            continue
    return said


def _gone(item: str, seq: int, fields: Mapping[str, Any]) -> Iterator[Gone]:
    listed = fields.get("redacted")
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, dict):
            yield str(one.get("event")), str(one.get("field")), item, seq, str(fields.get("redaction_id"))


def _follow(requests: dict[str, dict[str, Any]], event: Mapping[str, Any], fields: Mapping[str, Any]) -> None:
    """A request as its events leave it."""
    row = requests.setdefault(str(event["subject_id"]), {"decided_by": None, "decided_at": None})
    row["version"] = event["seq"]
    if event["type"] == REQUESTED:
        told = {name: fields[name] for name in ("item_id", "basis", "places") if name in fields}
        row |= {**told, "status": "requested", "requested_by": event["person_id"], "requested_at": event["at"]}
    else:
        row |= {"status": STATUS.get(str(event["type"])), "decided_by": event["person_id"], "decided_at": event["at"]}


def _request(request: str, due: Mapping[str, Any] | None, held: Mapping[str, Any] | None) -> Iterator[Finding]:
    if due is None or held is None:
        yield finding("redaction_mismatch", request, due and "redaction", held and "redaction")
        return
    for name, value in due.items():
        if held[name] != value:
            yield finding("redaction_mismatch", request, f"redaction.{name}={value}", f"redaction.{name}={held[name]}")
