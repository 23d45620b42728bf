"""A database with nothing but the history in it, and short ways to write some."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from app.access.actor import Actor
from app.core.db import Database, Row, Tx
from app.core.ids import uuid7
from app.tables import closeout, past, rectify
from app.tables import trail as tables
from app.tables.item import ItemCycle
from app.tables.snapshot import Snapshot
from app.trail import ddl
from app.trail.canonical import commitment, leaf_hash
from app.trail.envelope import START, Entry, Head
from app.trail.record import Recorded, record, record_items

DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call]
RULES = "ab" * 32
NOON = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)
TABLES: Sequence[Any] = (
    tables.Event,
    tables.EventDisclosure,
    tables.LogPending,
    tables.LogPosition,
    tables.LogState,
    tables.TrailSubject,
    tables.LogTile,
    tables.LogEdge,
    tables.Checkpoint,
    tables.TrailKey,
    tables.Redaction,
    tables.RedactedField,
    tables.Lease,
    past.ItemVersion,
    past.ItemText,
    past.ItemGone,
    past.OutcomeGone,
    Snapshot,
    past.ItemUnitSpan,
    past.ItemPersonSpan,
    closeout.Approval,
    closeout.Decision,
    closeout.GateResult,
    closeout.Objection,
    closeout.StageReview,
    rectify.ProgressReport,
    rectify.Submission,
    ItemCycle,
)
ITEM_TABLE = "CREATE TABLE item (id uuid PRIMARY KEY, version int NOT NULL, hidden boolean NOT NULL DEFAULT false)"


async def create_history(connection: asyncpg.Connection) -> None:
    """Tables and everything beyond them, and the columns of an item that the history looks at."""
    for model in TABLES:
        table: Table = model.__table__
        # Without what a record of an item refers to: organisation and life cycle are not here.
        made = CreateTable(table, include_foreign_key_constraints=[])
        await connection.execute(str(made.compile(dialect=DIALECT)))
    await connection.execute(ITEM_TABLE)
    for statement in ddl.create_statements():
        await connection.execute(statement)


def actor(**changes: Any) -> Actor:
    known: dict[str, Any] = {
        "kind": "person",
        "account_id": UUID(int=0xA),
        "api_key_id": None,
        "person_id": UUID(int=0xB),
        "name": "李明",
        "unit_id": UUID(int=0xC),
        "post_id": None,
        "auth": "password",
    }
    return Actor(**(known | changes))


def step(item: UUID, minute: int = 0, **changes: Any) -> Entry:
    known: dict[str, Any] = {"type": "item.updated", "at": NOON + timedelta(minutes=minute), "rules": RULES}
    return Entry(kind="item", subject_id=item, **(known | changes))


def change(subject: UUID, minute: int = 0, **changes: Any) -> Entry:
    known: dict[str, Any] = {"kind": "policy", "type": "policy.published", "at": NOON + timedelta(minutes=minute)}
    return Entry(subject_id=subject, **(known | changes))


@dataclass
class History:
    """Writes through the product's own calls; `heads` stands for the item rows that callers keep."""

    db: Database
    heads: dict[UUID, Head] = field(default_factory=dict)

    async def items(self, *entries: Entry, author: Actor | None = None) -> list[Recorded]:
        async def work(tx: Tx) -> list[Recorded]:
            tx.request_id = "request-1"
            given = [(entry, self.heads.get(entry.subject_id, START)) for entry in entries]
            return await record_items(tx, author or actor(), given)

        done = await self.db.write(work)
        for entry, recorded in zip(entries, done, strict=True):
            self.heads[entry.subject_id] = Head(recorded.seq, recorded.hash)
        return done

    async def changes(self, *entries: Entry) -> list[Recorded]:
        async def work(tx: Tx) -> list[Recorded]:
            tx.request_id = "request-1"
            return await record(tx, actor(), entries)

        return await self.db.write(work)

    async def rows(self, subject: UUID) -> list[Row]:
        return await self.db.fetch("SELECT * FROM event WHERE subject_id = $1 ORDER BY seq", subject)

    async def order(self) -> list[UUID]:
        rows = await self.db.fetch("SELECT position, event_id FROM log_position ORDER BY position")
        assert [row["position"] for row in rows] == list(range(1, len(rows) + 1))
        return [row["event_id"] for row in rows]

    async def broken_links(self, subject: UUID) -> list[str]:
        """Checks a subject's chain and disclosures from the stored rows alone, as an outsider would."""
        found, previous = [], bytes(32)
        for number, row in enumerate(await self.rows(subject), start=1):
            body = json.loads(row["body"])
            if (row["seq"], body["seq"], body["prev"]) != (number, number, previous.hex()):
                found.append(f"link {number}")
            previous = leaf_hash(row["body"])
            if row["hash"] != previous or previous != hashlib.sha256(b"\0" + row["body"].encode()).digest():
                found.append(f"hash {number}")
            told = await self.db.fetch("SELECT * FROM event_disclosure WHERE event_id = $1", row["id"])
            if body["pay"] != {d["field"]: commitment(d["field"], json.loads(d["value"]), d["salt"]) for d in told}:
                found.append(f"disclosure {number}")
        return found


def new_id() -> UUID:
    return uuid7()
