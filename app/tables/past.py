"""The item as it was: what lists, filters and figures ask of any past moment, and the titles of those days.

Everything else about a past moment is folded from the item's events (app/trail/fold.py). No row here refers to an item
by a foreign key: a deleted draft takes its row along, never what it once was.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, Index, Integer, PrimaryKeyConstraint, String, Uuid
from sqlmodel import Field, SQLModel

from app.tables.base import day, half_of, instant, integer, line, uuid_, uuids
from app.tables.item import FAR

FILLFACTOR = {"postgresql_with": {"fillfactor": "90"}}
"""Room for the one update a row ever gets, so that ending a version touches no index."""


DATED = f"due_sort < '{FAR}'"


def _key(kind: Any) -> Any:
    return Column(kind, primary_key=True, autoincrement=False)


class ItemVersion(SQLModel, table=True):
    """One version, in force from `valid_from` (its event's `at`) until the next; `valid_to` is written once."""

    __tablename__ = "item_version"
    __table_args__ = (
        CheckConstraint("valid_to > valid_from", name="valid"),
        Index("ix_item_version_due", "due_sort", "item_id", postgresql_where=DATED),
        Index(
            "ix_item_version_due_day",
            "due_sort",
            "valid_from",
            postgresql_include=["item_id", "state"],
            postgresql_where=DATED,
        ),
        Index("ix_item_version_undated", "item_id", "valid_from", postgresql_where=f"due_sort = '{FAR}'"),
        Index("ix_item_version_from", "valid_from", "item_id"),
        Index("ix_item_version_when", "item_id", "valid_from", postgresql_include=["state"]),
        Index("ix_item_version_again", "item_id", "cycle", "version", postgresql_where="cycle > 1"),
        Index("ix_item_version_unregistered", "item_id", "valid_from", postgresql_where="registered_at IS NULL"),
        FILLFACTOR,
    )
    item_id: UUID = Field(sa_column=_key(Uuid))
    version: int = Field(sa_column=_key(Integer))
    valid_from: datetime = instant()
    valid_to: datetime = instant()
    ledger_id: UUID = uuid_()
    state: str = line(20)
    cycle: int = integer()
    source_type: str = line(64)
    category: str | None = line(64, null=True)
    severity: str | None = line(16, null=True)
    confidentiality: str = line(16)
    major_kind: str | None = line(40, null=True)
    mode: str | None = line(16, null=True)
    lead_unit_id: UUID | None = uuid_(null=True)
    responsible_unit_id: UUID | None = uuid_(null=True)
    accountable_leader_ids: list[UUID] = uuids()
    due_on: date | None = day(null=True)
    due_sort: date = day()
    original_due_on: date | None = day(null=True)
    blue_from: date | None = day(null=True)
    yellow_from: date | None = day(null=True)
    red_from: date | None = day(null=True)
    measures_total: int = integer()
    measures_done: int = integer()
    progress_percent: int = integer()
    submission_no: int = integer()
    disposition: str | None = line(20, null=True)
    registered_at: datetime | None = instant(null=True)
    completed_at: datetime | None = instant(null=True)
    closed_at: datetime | None = instant(null=True)
    next_look_back_on: date | None = day(null=True)
    acknowledged_at: datetime | None = instant(null=True)
    cycle_started_at: datetime | None = instant(null=True)


class ItemGone(SQLModel, table=True):
    """Whose draft it was that was deleted: the item's own row, which said so, is no more."""

    __tablename__ = "item_gone"
    __table_args__ = (Index("ix_item_gone_finder_unit", "finder_unit_id"),)
    item_id: UUID = Field(sa_column=_key(Uuid))
    finder_person_id: UUID | None = uuid_(null=True)
    finder_unit_id: UUID = uuid_()


class OutcomeGone(SQLModel, table=True):
    """An outcome that was recorded and removed again: figures of a moment in between still count it."""

    __tablename__ = "outcome_gone"
    item_id: UUID = Field(sa_column=_key(Uuid))
    id: UUID = Field(sa_column=_key(Uuid))
    kind: str = line(24)
    amount_fen: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    quantity: int | None = integer(null=True)
    created_at: datetime = instant()
    gone_at: datetime = instant()


class ItemText(SQLModel, table=True):
    """The title a list shows, from the version in which it was given; written only when it changes."""

    __tablename__ = "item_text"
    item_id: UUID = Field(sa_column=_key(Uuid))
    from_version: int = Field(sa_column=_key(Integer))
    title: str = line(300)


class ItemUnitSpan(SQLModel, table=True):
    """When an item concerned a unit: `item_unit` with its past."""

    __tablename__ = "item_unit_span"
    __table_args__ = (
        PrimaryKeyConstraint("unit_id", "item_id", "part", "valid_from", postgresql_include=["valid_to"]),
        Index("ix_item_unit_span_item_id", "item_id"),
        Index(
            "ix_item_unit_span_working",
            half_of("item_id"),
            "item_id",
            "unit_id",
            postgresql_include=["valid_from", "valid_to"],
            postgresql_where="part <> 'source'",
        ),
        FILLFACTOR,
    )
    unit_id: UUID = Field(sa_column=_key(Uuid))
    item_id: UUID = Field(sa_column=_key(Uuid))
    part: str = Field(sa_column=Column(String(16), primary_key=True))
    valid_from: datetime = Field(sa_column=Column(DateTime(timezone=True), primary_key=True))
    valid_to: datetime = instant()


class ItemPersonSpan(SQLModel, table=True):
    """When an item named a person: `item_person` with its past."""

    __tablename__ = "item_person_span"
    __table_args__ = (
        PrimaryKeyConstraint("person_id", "item_id", "valid_from", postgresql_include=["valid_to"]),
        Index("ix_item_person_span_item_id", "item_id"),
        FILLFACTOR,
    )
    person_id: UUID = Field(sa_column=_key(Uuid))
    item_id: UUID = Field(sa_column=_key(Uuid))
    valid_from: datetime = Field(sa_column=Column(DateTime(timezone=True), primary_key=True))
    valid_to: datetime = instant()
