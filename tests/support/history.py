"""What the database says happened, read without the service, and whether it can be true. Findings are sentences."""

from __future__ import annotations

import base64
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import asyncpg

from app.lifecycle.create import blank
from app.lifecycle.told import IN_THE_BODY, WORDS
from app.trail.canonical import committed, jsonable, leaf_hash
from app.trail.fold import SET
from app.trail.proof.checkpoints import parse_checkpoint
from app.trail.proof.notes import VerifierKey, parse_note, parse_vkey, verify_note
from app.trail.proof.tiles import Edge
from tests.support.journal import Journal

EVENTS = """
SELECT e.*, p.position FROM event e LEFT JOIN log_position p ON p.event_id = e.id ORDER BY e.subject_id, e.seq
"""
ITEMS = "SELECT * FROM item"
DISCLOSED = "SELECT event_id, field, salt, value FROM event_disclosure"
CHECKPOINTS = "SELECT size, root, note FROM checkpoint ORDER BY size"
VKEYS = "SELECT name, vkey FROM trail_key WHERE vkey IS NOT NULL"
PAST = "SELECT item_id, version, valid_from, valid_to FROM item_version ORDER BY item_id, version"
PENDING = "SELECT count(*) FROM log_pending"
SEALED = """
SELECT NOT EXISTS (SELECT FROM log_pending) AND NOT EXISTS (SELECT FROM checkpoint WHERE note IS NULL)
  AND (SELECT next - 1 FROM log_state) = (SELECT coalesce(max(size), 0) FROM checkpoint)
"""


@dataclass(slots=True)
class Event:
    """One row of the history with what its body says; `key` is the idempotency key its request carried."""

    id: str
    kind: str
    subject: str
    seq: int
    type: str
    body: str
    hash: bytes
    position: int | None
    said: dict[str, Any]

    @property
    def key(self) -> str | None:
        key: str | None = self.said["req"].get("idem")
        return key


@dataclass
class History:
    """All of it; read once, when nobody writes any more."""

    events: list[Event]
    items: dict[str, dict[str, Any]]
    disclosed: dict[str, list[tuple[str, bytes, str]]]
    checkpoints: list[tuple[int, bytes, str | None]]
    vkeys: dict[str, list[VerifierKey]]
    past: dict[str, list[tuple[int, datetime, datetime]]]
    before: set[str] = field(default_factory=set)

    @classmethod
    async def read(cls, url: str, before: set[str] | None = None) -> History:
        """`before` names events that were there when the run began."""
        connection = await asyncpg.connect(url, timeout=30)
        for name in ("json", "jsonb"):
            await connection.set_type_codec(name, encoder=json.dumps, decoder=json.loads, schema="pg_catalog")
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                rows = await connection.fetch(EVENTS)
                disclosed: dict[str, list[tuple[str, bytes, str]]] = defaultdict(list)
                for row in await connection.fetch(DISCLOSED):
                    disclosed[str(row["event_id"])].append((row["field"], row["salt"], row["value"]))
                vkeys: dict[str, list[VerifierKey]] = defaultdict(list)
                for row in await connection.fetch(VKEYS):
                    vkeys[row["name"]].append(parse_vkey(row["vkey"]))
                past = defaultdict(list)
                for row in await connection.fetch(PAST):
                    past[str(row["item_id"])].append((row["version"], row["valid_from"], row["valid_to"]))
                items = {str(row["id"]): dict(row) for row in await connection.fetch(ITEMS)}
                checkpoints = [tuple(row) for row in await connection.fetch(CHECKPOINTS)]
        finally:
            await connection.close()
        events = [
            Event(
                str(row["id"]), row["subject_kind"], str(row["subject_id"]), row["seq"], row["type"], row["body"],
                row["hash"], row["position"], json.loads(row["body"]),
            )
            for row in rows
        ]  # fmt: skip
        return cls(events, items, disclosed, checkpoints, vkeys, past, before or set())

    @cached_property
    def by_subject(self) -> dict[str, list[Event]]:
        found: dict[str, list[Event]] = defaultdict(list)
        for event in self.events:
            found[event.subject].append(event)
        return found

    @cached_property
    def of_the_run(self) -> list[Event]:
        return [event for event in self.events if event.id not in self.before]

    @cached_property
    def by_key(self) -> dict[str, list[Event]]:
        """Events of the run by the key that asked for them."""
        found: dict[str, list[Event]] = defaultdict(list)
        for event in self.of_the_run:
            if event.key is not None:
                found[event.key].append(event)
        return found


async def event_ids(url: str) -> set[str]:
    connection = await asyncpg.connect(url, timeout=30)
    try:
        return {str(row["id"]) for row in await connection.fetch("SELECT id FROM event")}
    finally:
        await connection.close()


def every_fault(history: History, journal: Journal, notes: Path | None = None) -> list[str]:
    """All checks; empty when everything that was acknowledged happened, and nothing else."""
    return [
        *exactly_once(history, journal),
        *nothing_unasked(history, journal),
        *told_right(history, journal),
        *dense(history),
        *folds(history),
        *past_is_whole(history),
        *sealed(history, notes),
        *receipts_hold(history, journal),
    ]


# --- the driver's account against the history ---------------------------------------------------------------------


def exactly_once(history: History, journal: Journal) -> Iterator[str]:
    """Acknowledged: all its events, once. Refused: none. Unknown: all or none."""
    for op in journal.ops:
        if not op.writes:
            continue
        found = Counter(event.type for event in history.by_key.get(op.key, ()))
        whole = Counter(op.events)
        if not {"ok": found == whole, "refused": not found, "unknown": not found or found == whole}[op.outcome]:
            yield f"{op.key} {op.kind} was {op.outcome}, and the history has {dict(found)}"
        if op.differing:
            yield f"{op.key} {op.kind} was answered differently when it was asked for again"


def nothing_unasked(history: History, journal: Journal) -> Iterator[str]:
    """No phantom: whatever happened to an item was asked for by somebody."""
    for event in history.of_the_run:
        if event.kind == "item" and event.key not in journal.by_key:
            yield f"phantom {event.type} {event.seq} of {event.subject}, key {event.key}"


def told_right(history: History, journal: Journal) -> Iterator[str]:
    """The version an answer named is the one its event has, and so is the state."""
    for op in journal.writes("ok"):
        found = {event.subject: event for event in history.by_key.get(op.key, ())}
        for told in op.told:
            event = found.get(told.item)
            if event is None or event.seq != told.version:
                yield f"{op.key} {op.kind} was told version {told.version} of {told.item}, history has {event and event.seq}"
            elif told.state is not None and event.said["to"] != told.state:
                yield f"{op.key} {op.kind} was told {told.state}, history has {event.said['to']}"


# --- the history by itself ----------------------------------------------------------------------------------------


def dense(history: History) -> Iterator[str]:
    """Every subject's events are numbered without a gap, each continues the one before it, hashes are of the bodies."""
    for subject, events in history.by_subject.items():
        previous, state = "0" * 64, None
        if [event.seq for event in events] != list(range(1, len(events) + 1)):
            yield f"{events[0].kind} {subject} has events {[event.seq for event in events]}"
            continue
        for event in events:
            if leaf_hash(event.body) != event.hash:
                yield f"event {event.id} is not what was hashed"
            if event.said["prev"] != previous or event.said["seq"] != event.seq:
                yield f"event {event.seq} of {subject} does not continue the one before"
            if event.kind == "item" and (event.said["from"] != state or event.said["ver"] != event.seq):
                yield f"event {event.seq} of {subject} begins in {event.said['from']} where {state} was left"
            previous, state = event.hash.hex(), event.said["to"]
        row = history.items.get(subject)
        if row is not None and (row["version"], row["state"], row["head_hash"].hex()) != (len(events), state, previous):
            yield f"item {subject} is at {row['version']} {row['state']}, its history at {len(events)} {state}"
    for item in history.items.keys() - history.by_subject.keys():
        yield f"item {item} has no history"


def folds(history: History) -> Iterator[str]:
    """The row is the sum of what its events say, and what they say is what they committed to."""
    nothing = {name: jsonable(value) for name, value in blank(datetime.now(UTC)).items() if name not in IN_THE_BODY}
    for item, row in history.items.items():
        folded: dict[str, Any] = dict(nothing)
        for event in history.by_subject.get(item, ()):
            yield from _fold(history, event, folded)
        for name, value in folded.items():
            if jsonable(row[name]) != value:
                yield f"item {item}: {name} is {jsonable(row[name])!r}, its events make {value!r}"


def _fold(history: History, event: Event, folded: dict[str, Any]) -> Iterator[str]:
    said = event.said["pay"]
    told = history.disclosed.get(event.id, [])
    if {name for name, _, _ in told} != set(said):
        yield f"event {event.id} has committed to {sorted(said)} and tells {sorted(name for name, _, _ in told)}"
    for name, salt, text in told:
        if committed(f'["{name}",{text}]', salt) != said.get(name):
            yield f"event {event.id} does not say what it committed to in {name}"
        value = json.loads(text)
        if name in WORDS:
            folded[name] = value
        elif name == SET:
            folded.update(value)


def past_is_whole(history: History) -> Iterator[str]:
    """Every version was there for a time of its own; the last one still is, unless the item is no more."""
    for item, row in history.items.items():
        spans = history.past.get(item, [])
        if [version for version, _, _ in spans] != list(range(1, row["version"] + 1)):
            yield f"item {item} at {row['version']} has past versions {[version for version, _, _ in spans]}"
            continue
        for (_, begins, ends), (_, begins_next, _) in pairwise(spans):
            if not begins < ends == begins_next:
                yield f"item {item}: a version from {begins} ends at {ends}, the next begins at {begins_next}"


# --- the seals ----------------------------------------------------------------------------------------------------


def sealed(history: History, notes: Path | None) -> Iterator[str]:
    """Every event has one place in the log, in the order of its subject, under checkpoints that one tree explains."""
    placed = sorted(((event.position or 0, event) for event in history.events), key=lambda pair: pair[0])
    if [position for position, _ in placed] != list(range(1, len(placed) + 1)):
        yield f"{len(placed)} events have positions {[position for position, _ in placed][:5]} …"
        return
    latest: dict[str, int] = {}
    for _, event in placed:
        if event.seq != latest.get(event.subject, 0) + 1:
            yield f"event {event.seq} of {event.subject} comes after {latest.get(event.subject)} in the log"
        latest[event.subject] = event.seq
    yield from _checkpoints(history, [event.hash for _, event in placed], notes)


def _checkpoints(history: History, leaves: Sequence[bytes], notes: Path | None) -> Iterator[str]:
    edge, reached = Edge([]), 0
    for size, root, note in history.checkpoints:
        edge.extend(leaves[reached:size])
        reached = size
        if edge.root != root or note is None:
            yield f"the checkpoint of {size} is {'unsigned' if note is None else 'of another tree'}"
            continue
        parsed = parse_note(note.encode())
        verify_note(parsed, history.vkeys["checkpoint"])
        said = parse_checkpoint(parsed.text)
        if (said.size, said.root) != (size, root):
            yield f"the note of {size} says {said.size}"
    if reached != len(leaves):
        yield f"{len(leaves) - reached} events are not under a checkpoint"
    kept = {size: note for size, _, note in history.checkpoints}
    for path in sorted(notes.iterdir()) if notes is not None and notes.exists() else ():
        if path.read_text(encoding="utf-8") != kept.get(int(path.stem)):
            yield f"{path.name} was published and is not the checkpoint any more"


def receipts_hold(history: History, journal: Journal) -> Iterator[str]:
    """Every receipt that was given is signed and names an event that is there, as it is there."""
    by_id = {event.id: event for event in history.events}
    for op in journal.writes("ok"):
        if not op.receipt:
            if op.kind != "batch":
                yield f"{op.key} {op.kind} was acknowledged without a receipt"
            continue
        note = parse_note(base64.b64decode(op.receipt))
        verify_note(note, history.vkeys["receipt"])
        lines = note.text.splitlines()
        event = by_id.get(lines[4])
        if event is None or base64.b64decode(lines[5]) != event.hash:
            yield f"the receipt of {op.key} is for an event that is not there"
