"""Figures as they were frozen: never changed afterwards, only followed by an amendment that says why."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, Column, UniqueConstraint
from sqlmodel import Field, SQLModel

from app.tables.base import day, instant, integer, key, line, one_of, period, prose, ref, uuid_


class Snapshot(SQLModel, table=True):
    """One revision of one unit's month or quarter; `content` is the canonical text that `content_hash` is of."""

    __tablename__ = "snapshot"
    __table_args__ = (
        one_of("kind", ("month", "quarter")),
        period("period_from", "period_to"),
        UniqueConstraint("unit_id", "kind", "period_from", "revision"),
    )
    id: UUID = key()
    unit_id: UUID = ref("unit.id")
    kind: str = line(16)
    period_from: date = day()
    period_to: date = day()
    revision: int = integer()
    amends_id: UUID | None = ref("snapshot.id", null=True)
    reason: str | None = prose(null=True)
    as_of: datetime = instant()
    known_at: datetime = instant()
    content: str = prose()
    content_hash: str = line(64)
    definitions: str = prose()
    definitions_hash: str = line(64)
    checkpoint_size: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    checkpoint_root: str | None = line(64, null=True)
    made_by: UUID | None = uuid_(null=True)
    made_at: datetime = instant()
