"""The rows behind the history: what happened, what it said, and the order in which it is told.

Nothing in these tables refers to anything by a foreign key: the rows of one event are written by one statement, and
the key check would lock and rewrite event rows that never change. An item refers to its newest event instead.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    LargeBinary,
    SmallInteger,
    UniqueConstraint,
    Uuid,
)
from sqlmodel import Field, SQLModel

from app.tables.base import document, instant, integer, key, line, one_of, prose, recorded, uuid_

BODY_LIMIT = 16_384
"""Bytes of UTF-8: entry bundles of the log carry a 16-bit length, and a quarter of that is plenty."""


class Event(SQLModel, table=True):
    """One step of one subject; `body` is the evidence as hashed, every other column is a projection of it."""

    __tablename__ = "event"
    __table_args__ = (
        UniqueConstraint("subject_id", "seq"),
        CheckConstraint("seq >= 1", name="seq"),
        CheckConstraint("octet_length(hash) = 32", name="hash"),
        CheckConstraint(f"octet_length(body) <= {BODY_LIMIT}", name="body"),
    )
    id: UUID = key()
    subject_kind: str = line(32)
    subject_id: UUID = uuid_()
    seq: int = integer()
    type: str = line(64)
    at: datetime = instant()
    actor_id: UUID | None = uuid_(null=True)
    body: str = prose()
    hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class EventDisclosure(SQLModel, table=True):
    """What an event said, outside the evidence, so that it can be redacted while its commitment stays."""

    __tablename__ = "event_disclosure"
    __table_args__ = (CheckConstraint("octet_length(salt) = 32", name="salt"),)
    event_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    field: str = Field(primary_key=True, max_length=64)
    salt: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    value: str = prose()


class LogPending(SQLModel, table=True):
    """Events that have no position yet; the key is the order in which they will get one."""

    __tablename__ = "log_pending"
    # A queue's dead rows lie where the next scan begins; a share of an empty table is never reached, so a count it is.
    __table_args__ = (
        {"postgresql_with": {"autovacuum_vacuum_scale_factor": "0", "autovacuum_vacuum_threshold": "10000"}},
    )
    at: datetime = Field(sa_column=Column(DateTime(timezone=True), primary_key=True))
    event_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))


class LogPosition(SQLModel, table=True):
    """The one order of all events, without gaps from 1; the leaf index of a position is one less."""

    __tablename__ = "log_position"
    __table_args__ = (UniqueConstraint("event_id"), CheckConstraint("position >= 1", name="position"))
    position: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    event_id: UUID = uuid_()


class LogState(SQLModel, table=True):
    """The next position to give, and which log this is; its only row is the lock that makes assigner and sealer single."""

    __tablename__ = "log_state"
    __table_args__ = (CheckConstraint("id = 1", name="single"), CheckConstraint("next >= 1", name="next"))
    id: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    next: int = Field(sa_column=Column(BigInteger, nullable=False))
    log_id: UUID = uuid_()
    epoch: int = integer()


class LogTile(SQLModel, table=True):
    """256 hashes of one level of the tree, side by side; a full tile never changes."""

    __tablename__ = "log_tile"
    __table_args__ = (CheckConstraint("octet_length(data) = 8192", name="data"),)
    level: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    index: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    data: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class LogEdge(SQLModel, table=True):
    """The tile still being filled at each level: all that is needed to go on, and derivable from the rest."""

    __tablename__ = "log_edge"
    __table_args__ = (CheckConstraint("mod(octet_length(data), 32) = 0 AND octet_length(data) < 8192", name="data"),)
    level: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    data: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class Checkpoint(SQLModel, table=True):
    """The root of the tree at one size; signed after it was committed, hence `note` is filled in once, later."""

    __tablename__ = "checkpoint"
    __table_args__ = (
        CheckConstraint("octet_length(root) = 32", name="root"),
        CheckConstraint("size >= 1", name="size"),
    )
    size: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    root: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    note: str | None = prose(null=True)


class TrailKey(SQLModel, table=True):
    """Which keys this log has ever used: a process that holds another one refuses to start."""

    __tablename__ = "trail_key"
    __table_args__ = (
        one_of("name", ("session", "cursor", "receipt", "checkpoint", "webhook")),
        Index("uq_trail_key_active", "name", unique=True, postgresql_where="retired_at IS NULL"),
    )
    id: UUID = key()
    name: str = line(16)
    fingerprint: str = line(64, unique=True)
    vkey: str | None = line(300, null=True)
    added_at: datetime = instant()
    retired_at: datetime | None = instant(null=True)


class Redaction(SQLModel, table=True):
    """What somebody asks to be removed and why; another person decides. It holds places, never the words."""

    __tablename__ = "redaction"
    __table_args__ = (
        one_of("status", ("requested", "done", "rejected")),
        one_of("basis", ("consent_withdrawn", "purpose_reached", "unlawful", "court_order", "entered_in_error")),
        Index("ix_redaction_item_id", "item_id"),
        CheckConstraint("decided_by IS NULL OR decided_by <> requested_by", name="two_persons"),
    )
    id: UUID = key()
    item_id: UUID = uuid_()
    status: str = line(16)
    basis: str = line(24)
    places: list[dict[str, Any]] = document()
    requested_by: UUID = uuid_()
    requested_at: datetime = instant()
    decided_by: UUID | None = uuid_(null=True)
    decided_at: datetime | None = instant(null=True)
    version: int = integer()


class RedactedField(SQLModel, table=True):
    """A disclosure that may go, because the item's event `changed_seq` says so: nothing else can be removed."""

    __tablename__ = "redacted_field"
    __table_args__ = (recorded("redacted_field"), Index("ix_redacted_field_item_id", "item_id", "changed_seq"))
    event_id: UUID = Field(sa_column=Column(Uuid, primary_key=True))
    field: str = Field(primary_key=True, max_length=64)
    item_id: UUID = uuid_()
    changed_seq: int = integer()
    redaction_id: UUID = uuid_()


class Lease(SQLModel, table=True):
    """Who does a job that only one process may do; `fence` rises with every new holder."""

    __tablename__ = "lease"
    name: str = Field(primary_key=True, max_length=32)
    owner: UUID = uuid_()
    until: datetime = instant()
    fence: int = Field(sa_column=Column(BigInteger, nullable=False))


class TrailSubject(SQLModel, table=True):
    """The newest event of every subject that is not an item (an item carries its own head)."""

    __tablename__ = "trail_subject"
    __table_args__ = (CheckConstraint("octet_length(hash) = 32", name="hash"), CheckConstraint("seq >= 0", name="seq"))
    id: UUID = key()
    kind: str = line(32)
    seq: int = integer()
    hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
