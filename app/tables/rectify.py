"""What the lead unit does about an item: measures, criteria, plans, progress, outcomes, evidence, submissions."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, ForeignKeyConstraint, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from app.tables.base import day, document, flag, instant, integer, key, line, one_of, prose, recorded, ref, uuid_, uuids


def within_item(column: str, table: str) -> ForeignKeyConstraint:
    """A reference to another child of the same item: the key starts with item_id so that an item shards as one."""
    return ForeignKeyConstraint(["item_id", column], [f"{table}.item_id", f"{table}.id"])


class Measure(SQLModel, table=True):
    __tablename__ = "measure"
    __table_args__ = (
        recorded("measure"),
        one_of("status", ("not_started", "in_progress", "done", "adjusted_away")),
        Index("ix_measure_item_id", "item_id", "cycle"),
        Index("ix_measure_person_id", "person_id", "item_id", postgresql_where="person_id IS NOT NULL"),
    )
    item_id: UUID = ref("item.id", primary=True)
    id: UUID = key()
    cycle: int = integer()
    position: int = integer()
    content: str = prose()
    kind: str | None = line(40, null=True)
    unit_id: UUID | None = ref("unit.id", null=True)
    person_id: UUID | None = ref("person.id", null=True)
    due_on: date | None = day(null=True)
    weight: int = integer(default=1)
    status: str = line(16)
    percent: int = integer(default=0)
    done_on: date | None = day(null=True)
    author_id: UUID | None = ref("person.id", null=True)
    on_behalf_of: UUID | None = ref("person.id", null=True)
    changed_seq: int = integer()
    created_at: datetime = instant()
    updated_at: datetime = instant()


class Criterion(SQLModel, table=True):
    """A testable statement of what "rectified" means; gate one judges each of them."""

    __tablename__ = "criterion"
    __table_args__ = (recorded("criterion"), Index("ix_criterion_item_id", "item_id", "cycle"))
    item_id: UUID = ref("item.id", primary=True)
    id: UUID = key()
    cycle: int = integer()
    position: int = integer()
    content: str = prose()
    is_physical: bool = flag()
    author_id: UUID | None = ref("person.id", null=True)
    on_behalf_of: UUID | None = ref("person.id", null=True)
    changed_seq: int = integer()
    created_at: datetime = instant()
    updated_at: datetime = instant()


class PlanVersion(SQLModel, table=True):
    """The plan as submitted: content frozen, only its outcome is added later."""

    __tablename__ = "plan_version"
    __table_args__ = (
        recorded("plan_version"),
        one_of("status", ("submitted", "approved", "returned", "withdrawn")),
    )
    item_id: UUID = ref("item.id", primary=True)
    plan_version: int = Field(primary_key=True)
    cycle: int = integer()
    status: str = line(16)
    content: dict[str, Any] = document()
    author_ids: list[UUID] = uuids()
    submitted_by: UUID | None = ref("person.id", null=True)
    submitted_at: datetime = instant()
    decided_by: UUID | None = ref("person.id", null=True)
    decided_at: datetime | None = instant(null=True)
    decision_note: str | None = prose(null=True)
    changed_seq: int = integer()


class ProgressReport(SQLModel, table=True):
    __tablename__ = "progress_report"
    __table_args__ = (
        recorded("progress_report"),
        within_item("measure_id", "measure"),
        Index("ix_progress_report_item_id", "item_id", "cycle", "id"),
    )
    item_id: UUID = ref("item.id", primary=True)
    id: UUID = key()
    cycle: int = integer()
    measure_id: UUID | None = uuid_(null=True)
    reported_on: date = day()
    content: str = prose()
    assessment: str = line(20)
    next_step: str | None = prose(null=True)
    author_id: UUID | None = ref("person.id", null=True)
    changed_seq: int = integer()
    created_at: datetime = instant()


class Outcome(SQLModel, table=True):
    """What the rectification yielded, in whole units: money in fen, persons, rules."""

    __tablename__ = "outcome"
    __table_args__ = (
        recorded("outcome"),
        one_of("kind", ("institution", "recovered_funds", "saved_funds", "accountability", "appointment", "physical")),
        Index("ix_outcome_item_id", "item_id", "cycle"),
    )
    item_id: UUID = ref("item.id", primary=True)
    id: UUID = key()
    cycle: int = integer()
    kind: str = line(24)
    name: str = line(200)
    document_no: str | None = line(100, null=True)
    achieved_on: date | None = day(null=True)
    amount_fen: int | None = Field(default=None, sa_column=Column(BigInteger, nullable=True))
    quantity: int | None = integer(null=True)
    quantity_unit: str | None = line(20, null=True)
    detail: str | None = prose(null=True)
    author_id: UUID | None = ref("person.id", null=True)
    changed_seq: int = integer()
    created_at: datetime = instant()


class Evidence(SQLModel, table=True):
    """A file shown for something; never deleted once a submission or a gate cites it."""

    __tablename__ = "evidence"
    __table_args__ = (
        recorded("evidence"),
        one_of(
            "target_kind",
            ("item", "measure", "criterion", "progress", "outcome", "gate", "survey", "decision", "notice"),
        ),
        Index("ix_evidence_item_id", "item_id", "cycle"),
        Index("ix_evidence_sha256", "sha256"),
    )
    item_id: UUID = ref("item.id", primary=True)
    id: UUID = key()
    cycle: int = integer()
    target_kind: str = line(16)
    target_id: UUID | None = uuid_(null=True)
    file_name: str = line(255)
    media_type: str = line(100)
    size: int = Field(sa_column=Column(BigInteger, nullable=False))
    sha256: str = line(64)
    description: str | None = line(300, null=True)
    cited: bool = flag()
    author_id: UUID | None = ref("person.id", null=True)
    changed_seq: int = integer()
    created_at: datetime = instant()


class Submission(SQLModel, table=True):
    """A completion report: what gates, chain and decision are bound to."""

    __tablename__ = "submission"
    __table_args__ = (
        recorded("submission"),
        UniqueConstraint("item_id", "submission_no", postgresql_include=["cycle"]),
    )
    item_id: UUID = ref("item.id", primary=True)
    id: UUID = key()
    submission_no: int = integer()
    cycle: int = integer()
    summary: str = prose()
    policy_version: int = integer()
    submitted_by: UUID | None = ref("person.id", null=True)
    on_behalf_of: UUID | None = ref("person.id", null=True)
    submitted_unit_id: UUID | None = ref("unit.id", null=True)
    declared_true: bool = flag()
    evidence_ids: list[UUID] = uuids()
    submitted_at: datetime = instant()
    occurred_at: datetime = instant()
    changed_seq: int = integer()
