"""Freezing a period and amending what was frozen: one row and one event each, and nothing else ever changes."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg

from app.access.actor import Actor
from app.access.guarding import Writing
from app.access.permissions import GRANTS, Permission
from app.core import clock
from app.core.asof import AGE, require_settled
from app.core.db import Database, Row, Tx
from app.core.errors import Fault, Problem, Text
from app.core.http import Reply
from app.core.ids import uuid7
from app.features.statistics.freezing import Frozen, Span, freeze, last_day
from app.features.statistics.snapshot_schemas import AmendmentIn, FrozenContent, SnapshotIn, SnapshotKind, SnapshotOut
from app.features.statistics.viewpoint import NOW
from app.tables.snapshot import Snapshot
from app.trail.envelope import Entry
from app.trail.prove import latest
from app.trail.record import record

UNIT: Final = "SELECT id, ancestors, parent_id FROM unit WHERE id = $1"
NEXT_REVISION: Final = """
SELECT max(revision) + 1 FROM snapshot WHERE unit_id = $1 AND kind = $2 AND period_from = $3
"""
_FROZEN: Final = Text("该期间已固化，更正请用修订", "This period is frozen already; amend it instead")
_AMENDED: Final = Text(
    "他人刚刚修订了这一期间，请读取后再试", "Somebody else has just amended this period; read it and try again"
)
_RUNNING: Final = Text("该期间尚未结束", "The period is not over yet")
_MAKERS: Final = tuple(role for role, held in GRANTS.items() if Permission.SNAPSHOT_MAKE in held)


async def _unit(db: Database, actor: Actor, unit_id: UUID) -> Row:
    """The unit of a snapshot; raises not_found outside the caller's reach, forbidden without the office over it."""
    row = await db.fetchrow(UNIT, unit_id)
    if row is None or not set(row["ancestors"]) & set(actor.reading_units):
        raise Problem("not_found")
    if not any(actor.holds(role, row["ancestors"]) for role in _MAKERS):
        raise Problem("forbidden")
    return row


async def frozen(db: Database, actor: Actor, body: SnapshotIn) -> Frozen:
    """Counted before anything is written, because its moment is past and the answer can no longer change.

    Raises not_found, forbidden, validation_failed, and as_of_too_recent before the period is over.
    """
    unit = await _unit(db, actor, body.unit_id)
    last = last_day(body.kind, body.period_from)
    end = clock.end_of_day(last)
    async with db.snapshot() as reader:
        _require_over(end, await reader.fetchval(NOW))
        span = Span(body.kind, body.period_from, last, end)
        return await freeze(reader, body.unit_id, span, root=unit["parent_id"] is None)


def _require_over(end: datetime, db_now: datetime) -> None:
    try:
        require_settled(end, db_now)
    except Problem as problem:
        raise Problem(problem.code, faults=[Fault("period_not_over", _RUNNING, pointer="/period_from")]) from None


async def amended(db: Database, actor: Actor, snapshot: SnapshotOut) -> Frozen:
    """The period once more, by what is known of it now. Raises forbidden."""
    unit = await _unit(db, actor, snapshot.unit_id)
    async with db.snapshot() as reader:
        known_at = clock.shifted(await reader.fetchval(NOW)) - AGE
        span = Span(snapshot.kind, snapshot.period_from, snapshot.period_to, known_at)
        return await freeze(reader, snapshot.unit_id, span, root=unit["parent_id"] is None)


async def store(tx: Tx, write: Writing, body: SnapshotIn, made: Frozen) -> Reply:
    """Raises conflict for a period that is frozen already."""
    row = await _row(tx, write.actor, body.unit_id, made)
    return await _stored(tx, write, "snapshot.frozen", {**row, "revision": 1, "amends_id": None, "reason": None})


async def store_amendment(tx: Tx, write: Writing, of: SnapshotOut, body: AmendmentIn, made: Frozen) -> Reply:
    """Raises conflict where somebody else amends the same period at this moment."""
    row = await _row(tx, write.actor, of.unit_id, made)
    revision = await tx.fetchval(NEXT_REVISION, of.unit_id, of.kind.value, of.period_from)
    more = {"revision": revision, "amends_id": of.id, "reason": body.reason}
    return await _stored(tx, write, "snapshot.amended", {**row, **more})


async def _row(tx: Tx, actor: Actor, unit_id: UUID, made: Frozen) -> dict[str, Any]:
    anchor = await latest(tx)
    return {
        "id": uuid7(),
        "unit_id": unit_id,
        "kind": made.span.kind.value,
        "period_from": made.span.first,
        "period_to": made.span.last,
        "as_of": made.span.as_of,
        "known_at": made.span.known_at,
        "content": made.content,
        "content_hash": made.content_hash,
        "definitions": made.definitions,
        "definitions_hash": made.definitions_hash,
        "checkpoint_size": None if anchor is None else anchor["size"],
        "checkpoint_root": None if anchor is None else anchor["root"].hex(),
        "made_by": actor.person_id,
        "made_at": _at(tx),
    }


async def _stored(tx: Tx, write: Writing, event: str, row: dict[str, Any]) -> Reply:
    try:
        await tx.insert(Snapshot, [row])
    except asyncpg.UniqueViolationError:
        first = row["amends_id"] is None
        fault = (
            Fault("snapshot_exists", _FROZEN, pointer="/period_from") if first else Fault("amended_already", _AMENDED)
        )
        raise Problem("conflict", faults=[fault]) from None
    told = {
        name: value for name, value in row.items() if name not in {"id", "content", "definitions", "made_by", "made_at"}
    }
    await record(tx, write.actor, [Entry("snapshot", row["id"], event, _at(tx), told, ver=1)])
    return Reply(201, snapshot_out(row), location=f"/v1/snapshots/{row['id']}")


def snapshot_out(row: Any) -> SnapshotOut:
    """A stored row with what it holds."""
    told = dict(row)
    size, root = told.pop("checkpoint_size"), told.pop("checkpoint_root")
    content, definitions = told.pop("content"), told.pop("definitions")
    return SnapshotOut.model_validate(
        told
        | {
            "kind": SnapshotKind(told["kind"]),
            "checkpoint": None if size is None else {"size": size, "root": root},
            "content": FrozenContent.model_validate(json.loads(content)),
            "definitions": json.loads(definitions),
        }
    )


def _at(tx: Tx) -> datetime:
    if tx.at is None:
        raise RuntimeError("the time of a write comes from its transaction")
    return tx.at
