"""History in the caller's transaction: every write passes here once, or it does not happen.

The rows of all events of a call go out in one statement. Items carry their own head, because their row is locked
anyway; every other subject has a row here, locked in the order of ids so that two calls never wait for each other.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from app.access.actor import Actor
from app.core.db import Tx
from app.core.ids import uuid7
from app.trail.canonical import SALT_BYTES, Unrecordable, canonical, committed, jsonable
from app.trail.envelope import ITEM, NO_HASH, Entry, Head, Origin, envelope

APPEND = """
WITH events AS (
  INSERT INTO event (id, subject_kind, subject_id, seq, type, at, actor_id, body, hash)
  SELECT id, kind, subject, seq, type, at, $7, body, hash
  FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::int[], $5::text[], $6::timestamptz[], $8::text[], $9::bytea[])
    AS e(id, kind, subject, seq, type, at, body, hash)
), disclosures AS (
  INSERT INTO event_disclosure (event_id, field, salt, value)
  SELECT * FROM unnest($10::uuid[], $11::text[], $12::bytea[], $13::text[])
)
INSERT INTO log_pending (at, event_id) SELECT * FROM unnest($6::timestamptz[], $1::uuid[])
"""

OPEN_SUBJECTS = """
INSERT INTO trail_subject (id, kind, seq, hash)
SELECT id, kind, 0, $3 FROM unnest($1::uuid[], $2::text[]) AS s(id, kind) ORDER BY id ON CONFLICT DO NOTHING
"""
LOCK_SUBJECTS = "SELECT id, kind, seq, hash FROM trail_subject WHERE id = ANY($1::uuid[]) ORDER BY id FOR UPDATE"
MOVE_SUBJECTS = """
UPDATE trail_subject AS s SET seq = n.seq, hash = n.hash
FROM unnest($1::uuid[], $2::int[], $3::bytea[]) AS n(id, seq, hash) WHERE s.id = n.id
"""


class Recorded(NamedTuple):
    """What became of an entry; `Head(seq, hash)` is the subject's head after it."""

    event_id: UUID
    seq: int
    hash: bytes
    at: datetime
    kind: str
    subject_id: UUID


@dataclass(slots=True)
class _Rows:
    """The columns of one APPEND, as the arrays it takes."""

    ids: list[UUID] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    subjects: list[UUID] = field(default_factory=list)
    seqs: list[int] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    ats: list[datetime] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)
    hashes: list[bytes] = field(default_factory=list)
    owners: list[UUID] = field(default_factory=list)
    fields: list[str] = field(default_factory=list)
    salts: list[bytes] = field(default_factory=list)
    values: list[str] = field(default_factory=list)


async def record_items(tx: Tx, actor: Actor, entries: Sequence[tuple[Entry, Head]]) -> list[Recorded]:
    """One event per entry, in order; the caller holds each item's lock, gives its head and stores the new one.

    Further entries of the same item follow the one before them, whatever head they come with.
    """
    if any(entry.kind != ITEM for entry, _ in entries):
        raise Unrecordable("record_items is for items")
    heads = {entry.subject_id: head for entry, head in reversed(entries)}
    return await _append(tx, actor, [entry for entry, _ in entries], heads)


async def record(tx: Tx, actor: Actor, entries: Sequence[Entry]) -> list[Recorded]:
    """One event per entry, in order, for subjects that are not items; holds their rows until the transaction ends."""
    kinds = {entry.subject_id: entry.kind for entry in entries}
    if not kinds:
        return []
    for entry in entries:
        if entry.kind == ITEM:
            raise Unrecordable("an item is recorded with its head, by record_items")
        if entry.kind != kinds[entry.subject_id]:
            raise Unrecordable(f"{entry.subject_id} cannot be a {entry.kind} and a {kinds[entry.subject_id]}")
    heads = await _lock(tx, kinds)
    recorded = await _append(tx, actor, entries, heads)
    await tx.execute(
        MOVE_SUBJECTS, list(heads), [head.seq for head in heads.values()], [head.hash for head in heads.values()]
    )
    return recorded


async def _lock(tx: Tx, kinds: dict[UUID, str]) -> dict[UUID, Head]:
    await tx.execute(OPEN_SUBJECTS, list(kinds), list(kinds.values()), NO_HASH)
    rows = await tx.fetch(LOCK_SUBJECTS, list(kinds))
    for row in rows:
        if row["kind"] != kinds[row["id"]]:
            raise Unrecordable(f"{row['id']} is a {row['kind']}, not a {kinds[row['id']]}")
    return {row["id"]: Head(row["seq"], row["hash"]) for row in rows}


async def _append(tx: Tx, actor: Actor, entries: Sequence[Entry], heads: dict[UUID, Head]) -> list[Recorded]:
    if not entries:
        return []
    origin = Origin(actor, tx.request_id, tx.idempotency_key)
    rows = _Rows()
    recorded = _chain(entries, heads, origin, rows)
    await tx.execute(
        APPEND,
        rows.ids,
        rows.kinds,
        rows.subjects,
        rows.seqs,
        rows.types,
        rows.ats,
        origin.actor_id,
        rows.bodies,
        rows.hashes,
        rows.owners,
        rows.fields,
        rows.salts,
        rows.values,
    )
    tx.recorded += recorded
    return recorded


def _chain(entries: Sequence[Entry], heads: dict[UUID, Head], origin: Origin, rows: _Rows) -> list[Recorded]:
    """Fills `rows`, moves `heads` on, and says what became of each entry."""
    salts = os.urandom(SALT_BYTES * sum(len(entry.fields) for entry in entries))
    recorded = []
    for entry in entries:
        event_id = uuid7()
        pay = _disclose(event_id, entry.fields, salts, rows)
        head = heads[entry.subject_id]
        sealed = envelope(entry, head, origin, event_id, pay)
        rows.ids.append(event_id)
        rows.kinds.append(entry.kind)
        rows.subjects.append(entry.subject_id)
        rows.seqs.append(head.seq + 1)
        rows.types.append(entry.type)
        rows.ats.append(entry.at)
        rows.bodies.append(sealed.body)
        rows.hashes.append(sealed.hash)
        heads[entry.subject_id] = Head(head.seq + 1, sealed.hash)
        recorded.append(Recorded(event_id, head.seq + 1, sealed.hash, entry.at, entry.kind, entry.subject_id))
    return recorded


def _disclose(event_id: UUID, fields: Mapping[str, Any], salts: bytes, rows: _Rows) -> dict[str, str]:
    """Rows for what the event says, and the commitments its body carries instead."""
    pay = {}
    for name, value in fields.items():
        if not name.isidentifier():
            raise Unrecordable(f"field name is not an identifier: {name!r}")
        start = len(rows.salts) * SALT_BYTES
        salt = salts[start : start + SALT_BYTES]
        text = canonical(jsonable(value))
        pay[name] = committed(f'["{name}",{text}]', salt)
        rows.owners.append(event_id)
        rows.fields.append(name)
        rows.salts.append(salt)
        rows.values.append(text)
    return pay
