"""The item and what is kept beside it because it is asked for often: its units, its movers, its search tokens."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Column, Computed, ForeignKeyConstraint, Index, LargeBinary, UniqueConstraint
from sqlalchemy.dialects.postgresql import BIT, TSVECTOR
from sqlmodel import Field, SQLModel

from app.tables.base import (
    day,
    document,
    flag,
    half_of,
    instant,
    integer,
    integer_key,
    key,
    line,
    one_of,
    prose,
    recorded,
    ref,
    uuid_,
    uuids,
    words,
)

STATES = [
    "draft",
    "submitted",
    "registered",
    "assigned",
    "planning",
    "plan_review",
    "rectifying",
    "sustaining",
    "verifying",
    "closing",
    "public_notice",
    "closed",
    "declined",
    "merged",
    "split",
    "transferred",
    "voided",
]
GATE_STATUS = ("pending", "passed", "failed", "waived", "not_evaluable")
PARTS = ("lead", "responsible", "cooperating", "source")
FAR = date(9999, 12, 30)
"""The stored sentinel for "no date": an index sorts it last without NULLS LAST, and keyset paging can pass it.

Not the last day Python knows, which the driver takes for infinity in some statements and for a date in others.
"""
FAR_INSTANT = datetime.fromisoformat("9999-12-31T00:00:00+00:00")
"""As FAR, for an instant."""


COUNTED = [
    "id", "version", "state", "cycle", "ledger_id", "source_type", "category", "severity", "mode", "lead_unit_id", "due_on",
    "due_sort", "original_due_on", "blue_from", "yellow_from", "red_from", "measures_total", "measures_done", "submission_no",
    "completed_at", "closed_at", "updated_at", "acknowledged_at", "cycle_started_at",
]  # fmt: skip
"""What figures look at: they are counted from the index alone, a sixth of the table's size."""

BOUNDS = ("id", "registered_at", "updated_at")
"""In the order of ids units are merged to them; what a moment leaves out is passed over without a look at the rest."""

CONCERNED = """reach_bits(cooperating_unit_ids || ARRAY[lead_unit_id, responsible_unit_id, source_unit_id, finder_unit_id],
  accountable_leader_ids || ARRAY[ledger_id, finder_person_id, responsible_person_id, liaison_id])"""
"""Two bits for each id through which somebody may see the item, people of measures excepted: a walk along an index learns
from them what the caller cannot see. Others may share a bit, so whatever passes is looked at again."""


class Item(SQLModel, table=True):
    """One problem from 查摆 to 销号; `state` and every facet are written by the life cycle alone."""

    __tablename__ = "item"
    __table_args__ = (
        one_of("state", STATES),
        one_of("severity", ("general", "major", "grave"), null=True),
        one_of("mode", ("immediate", "time_limited", "phased", "sustained"), null=True),
        one_of("confidentiality", ("public", "internal", "restricted", "secret_stub")),
        one_of("supervision_level", ("normal", "key", "listed")),
        one_of("disposition", ("fixed", "routine", "not_feasible", "false_finding", "entered_in_error"), null=True),
        one_of("gate_problem_solved", GATE_STATUS),
        one_of("gate_rectification_adequate", GATE_STATUS),
        one_of("gate_people_satisfied", GATE_STATUS),
        CheckConstraint(
            "number IS NOT NULL OR state IN ('draft','submitted','declined','merged','transferred')", name="numbered"
        ),
        CheckConstraint("number IS NULL OR state NOT IN ('draft','submitted','declined')", name="unnumbered"),
        CheckConstraint("version >= 1 AND cycle >= 1", name="counters"),
        UniqueConstraint("ledger_id", "number"),
        ForeignKeyConstraint(
            ["id", "version"],
            ["event.subject_id", "event.seq"],
            name="fk_item_event",
            deferrable=True,
            initially="DEFERRED",
        ),
        Index("uq_item_external_ref", "external_system", "external_id", unique=True),
        Index("ix_item_due", "due_sort", "id", postgresql_include=["state", "reach"]),
        Index("ix_item_updated", "updated_at", "id", postgresql_include=["state", "reach"]),
        Index("ix_item_registered", "registered_sort", "id", postgresql_include=["state", "reach", "updated_at"]),
        Index("ix_item_number", "number_sort", "id", postgresql_include=["state", "reach", "registered_sort"]),
        Index("ix_item_state_due", "state", "due_sort", "id", postgresql_include=["reach"]),
        Index("ix_item_state_updated", "state", "updated_at", "id", postgresql_include=["reach"]),
        Index("ix_item_ledger_state", "ledger_id", "state", "updated_at", "id"),
        Index("ix_item_merged_into", "merged_into_id", postgresql_where="merged_into_id IS NOT NULL"),
        Index("ix_item_split_from", "split_from_id", postgresql_where="split_from_id IS NOT NULL"),
        Index("ix_item_document_no", "source_document_no", postgresql_where="source_document_no IS NOT NULL"),
        Index("ix_item_finder_unit", "finder_unit_id", postgresql_include=["id"]),
        Index(
            "ix_item_counted",
            half_of("id"),
            *BOUNDS,
            postgresql_include=[*(name for name in COUNTED if name not in BOUNDS), "accountable_leader_ids"],
            postgresql_where="registered_at IS NOT NULL",
        ),
        Index(
            "ix_item_restricted",
            "registered_at",
            postgresql_include=[*COUNTED, "confidentiality", "accountable_leader_ids", "source_unit_id"],
            postgresql_where="confidentiality = 'restricted'",
        ),
        Index("ix_item_notice", "notice_ends_on", postgresql_where="state = 'public_notice'"),
    )
    id: UUID = key()
    ledger_id: UUID = ref("ledger.id")
    number: str | None = line(64, null=True)
    number_sort: str = line(96)
    version: int = integer()
    head_hash: bytes = Field(sa_column=Column(LargeBinary(32), nullable=False))
    cycle: int = integer(default=1)
    state: str = line(20)
    external_system: str | None = line(64, null=True)
    external_id: str | None = line(128, null=True)
    title: str = line(300)
    description: str | None = prose(null=True)
    source_type: str = line(64)
    source_schema_version: int = integer()
    source_document: str | None = line(300, null=True)
    source_document_no: str | None = line(100, null=True)
    source_quote: str | None = prose(null=True)
    source_path: list[str] = document()
    source_fields: dict[str, Any] = document()
    source_unit_id: UUID | None = ref("unit.id", null=True)
    finder_person_id: UUID | None = ref("person.id", null=True)
    finder_unit_id: UUID = ref("unit.id")
    category: str | None = line(64, null=True)
    severity: str | None = line(16, null=True)
    confidentiality: str = line(16)
    major_kind: str | None = line(40, null=True)
    major_basis: str | None = line(300, null=True)
    found_on: date | None = day(null=True)
    registered_at: datetime | None = instant(null=True)
    registered_sort: datetime = instant()
    cycle_started_at: datetime | None = instant(null=True)
    responsible_unit_id: UUID | None = ref("unit.id", null=True)
    lead_unit_id: UUID | None = ref("unit.id", null=True)
    cooperating_unit_ids: list[UUID] = uuids()
    accountable_leader_ids: list[UUID] = uuids()
    former_holder_ids: list[UUID] = uuids()
    responsible_person_id: UUID | None = ref("person.id", null=True)
    liaison_id: UUID | None = ref("person.id", null=True)
    mode: str | None = line(16, null=True)
    deadline: dict[str, Any] | None = document(null=True)
    due_on: date | None = day(null=True)
    due_sort: date = day()
    original_due_on: date | None = day(null=True)
    assigned_at: datetime | None = instant(null=True)
    assigned_on: date | None = day(null=True)
    acknowledged_at: datetime | None = instant(null=True)
    blue_from: date | None = day(null=True)
    yellow_from: date | None = day(null=True)
    red_from: date | None = day(null=True)
    light_reasons: dict[str, Any] = document()
    goal: str | None = prose(null=True)
    root_cause: str | None = prose(null=True)
    remarks: str | None = prose(null=True)
    measures_total: int = integer(default=0)
    measures_done: int = integer(default=0)
    criteria_total: int = integer(default=0)
    progress_percent: int = integer(default=0)
    progress_latest: dict[str, Any] | None = document(null=True)
    plan_version: int = integer(default=0)
    submission_no: int = integer(default=0)
    policy_version: int | None = integer(null=True)
    chain: list[str] = words()
    chain_step: int = integer(default=0)
    closing_round: int = integer(default=0)
    gate_problem_solved: str = line(16)
    gate_rectification_adequate: str = line(16)
    gate_people_satisfied: str = line(16)
    supervision_level: str = line(16)
    decline_count: int = integer(default=0)
    effective_at: datetime | None = instant(null=True)
    entered_seq: int = integer(default=1)
    notice_started_on: date | None = day(null=True)
    notice_ends_on: date | None = day(null=True)
    next_review_on: date | None = day(null=True)
    next_look_back_on: date | None = day(null=True)
    completed_at: datetime | None = instant(null=True)
    closed_at: datetime | None = instant(null=True)
    closed_offline: bool = flag()
    disposition: str | None = line(20, null=True)
    merged_into_id: UUID | None = ref("item.id", null=True)
    split_from_id: UUID | None = ref("item.id", null=True)
    movers: list[dict[str, Any]] = document()
    created_at: datetime = instant()
    updated_at: datetime = instant()
    reach: Any = Field(sa_column=Column(BIT(256), Computed(CONCERNED, persisted=True), nullable=False))


WRITTEN = tuple(column.name for column in Item.__table__.columns if column.computed is None)  # type: ignore[attr-defined]
"""The columns somebody writes; the others follow from them in the database itself."""


class ItemUnit(SQLModel, table=True):
    """Which units an item concerns: the one table `visible()` joins."""

    __tablename__ = "item_unit"
    __table_args__ = (one_of("part", PARTS), Index("ix_item_unit_item_id", "item_id", "unit_id"))
    unit_id: UUID = ref("unit.id", primary=True)
    item_id: UUID = ref("item.id", primary=True)
    part: str = Field(primary_key=True, max_length=16)


class ItemPerson(SQLModel, table=True):
    """Which people an item names: finder, responsible person, liaison, accountable leaders, people of its measures."""

    __tablename__ = "item_person"
    __table_args__ = (Index("ix_item_person_item_id", "item_id", "person_id"),)
    person_id: UUID = ref("person.id", primary=True)
    item_id: UUID = ref("item.id", primary=True)


class ItemMover(SQLModel, table=True):
    """Who must act next, as (role, unit): what `waiting_for=me` and the to-do counts read."""

    __tablename__ = "item_mover"
    __table_args__ = (Index("ix_item_mover_role_unit", "role", "unit_id"),)
    item_id: UUID = ref("item.id", primary=True)
    role: str = Field(primary_key=True, max_length=40)
    unit_id: UUID = ref("unit.id", primary=True)


class ItemOrigin(SQLModel, table=True):
    """Every source that named this problem; merging moves origins along, and each still gets its own answer."""

    __tablename__ = "item_origin"
    __table_args__ = (Index("ix_item_origin_item_id", "item_id"),)
    item_id: UUID = ref("item.id", primary=True)
    id: UUID = key()
    from_item_id: UUID = ref("item.id")
    source_type: str = line(64)
    document: str | None = line(300, null=True)
    document_no: str | None = line(100, null=True)
    quote: str | None = prose(null=True)
    source_unit_id: UUID | None = ref("unit.id", null=True)
    created_at: datetime = instant()


class ItemSearch(SQLModel, table=True):
    """Bigram tokens beside the item, written only when a text changes: an index on the item would slow every transition."""

    __tablename__ = "item_search"
    __table_args__ = (Index("ix_item_search_tokens", "tokens", postgresql_using="gin"),)
    item_id: UUID = ref("item.id", primary=True)
    tokens: str = Field(sa_column=Column(TSVECTOR, nullable=False))
    folded: str = prose()


class ItemCycle(SQLModel, table=True):
    """A finished cycle as it stood when it was closed; reopening starts the next one and never touches this."""

    __tablename__ = "item_cycle"
    __table_args__ = (recorded("item_cycle"),)
    item_id: UUID = ref("item.id", primary=True)
    cycle: int = integer_key()
    closed_at: datetime = instant()
    completed_at: datetime | None = instant(null=True)
    snapshot: dict[str, Any] = document()
    changed_seq: int = integer()


class DuplicateVerdict(SQLModel, table=True):
    """The registrar's answer on each candidate that looked like the same problem."""

    __tablename__ = "duplicate_verdict"
    __table_args__ = (recorded("duplicate_verdict"), one_of("verdict", ("different", "same_fact", "recurrence")))
    item_id: UUID = ref("item.id", primary=True)
    candidate_id: UUID = ref("item.id", primary=True)
    verdict: str = line(16)
    score_permille: int = integer()
    decided_by: UUID | None = uuid_(null=True)
    changed_seq: int = integer()
