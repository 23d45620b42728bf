"""The rows behind the history: what happened, what it said, and the order in which it is told.

Nothing in these tables refers to anything by a foreign key: the rows of one event are written by one statement, and
the key check would lock and rewrite event rows that never change. An item refers to its newest event instead.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, LargeBinary, SmallInteger, UniqueConstraint, Uuid
from sqlmodel import Field, SQLModel

from app.tables.base import instant, integer, key, line, prose, uuid_

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
    """The next position to give; its only row is the lock that makes the assigner single."""

    __tablename__ = "log_state"
    __table_args__ = (CheckConstraint("id = 1", name="single"), CheckConstraint("next >= 1", name="next"))
    id: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    next: int = Field(sa_column=Column(BigInteger, nullable=False))


class TrailSubject(SQLModel, table=True):
    """The newest event of every subject that is not an item (an item carries its own head)."""

    __tablename__ = "trail_subject"
    __table_args__ = (CheckConstraint("octet_length(hash) = 32", name="hash"), CheckConstraint("seq >= 0", name="seq"))
    id: UUID = key()
    kind: str = line(32)
    seq: int = integer()
    hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
