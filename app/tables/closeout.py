"""What others judge: gates, paper surveys, approvals, objections, recorded decisions, stage reviews."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index
from sqlmodel import SQLModel

from app.tables.base import day, document, instant, integer, key, line, one_of, prose, recorded, ref, uuid_, uuids
from app.tables.rectify import within_item

GATES = ("problem_solved", "rectification_adequate", "people_satisfied")


class GateResult(SQLModel, table=True):
    """Append-only verdicts; the latest of (submission, gate, part) counts, `reopened` meaning "judge anew"."""

    __tablename__ = "gate_result"
    __table_args__ = (
        recorded("gate_result"),
        one_of("gate", GATES),
        one_of("part", ("whole", "accountability")),
        one_of("result", ("passed", "failed", "waived", "not_evaluable", "reopened")),
        Index("ix_gate_result_item_id", "item_id", "submission_no", "gate", "id", postgresql_include=["changed_seq"]),
        Index(
            "ix_gate_result_people",
            "item_id",
            "submission_no",
            "changed_seq",
            postgresql_include=["cycle", "result"],
            postgresql_where="gate = 'people_satisfied'",
        ),
        Index(
            "ix_gate_result_waived",
            "item_id",
            "submission_no",
            "changed_seq",
            postgresql_where="gate = 'people_satisfied' AND result = 'waived'",
        ),
    )
    item_id: UUID = ref("item.id", primary=True)
    id: UUID = key()
    cycle: int = integer()
    submission_no: int = integer()
    gate: str = line(24)
    part: str = line(16)
    result: str = line(16)
    detail: dict[str, Any] = document()
    comment: str | None = prose(null=True)
    judge_id: UUID | None = ref("person.id", null=True)
    judge_unit_id: UUID | None = ref("unit.id", null=True)
    on_behalf_of: UUID | None = ref("person.id", null=True)
    occurred_at: datetime = instant()
    recorded_at: datetime = instant()
    changed_seq: int = integer()


class Survey(SQLModel, table=True):
    """A satisfaction survey held on paper: the counts, the scan, and who ran it."""

    __tablename__ = "survey"
    __table_args__ = (
        recorded("survey"),
        within_item("scan_id", "evidence"),
        one_of("kind", ("ballot_paper", "return_visit")),
        Index(
            "ix_survey_item_id",
            "item_id",
            "submission_no",
            postgresql_include=["changed_seq", "cycle", "satisfied", "basically_satisfied", "dissatisfied"],
        ),
    )
    item_id: UUID = ref("item.id", primary=True)
    id: UUID = key()
    cycle: int = integer()
    submission_no: int = integer()
    kind: str = line(16)
    held_on: date = day()
    runner_id: UUID = ref("person.id")
    invited: int = integer()
    satisfied: int = integer()
    basically_satisfied: int = integer()
    dissatisfied: int = integer()
    unknown: int = integer()
    invalid: int = integer()
    unanswered_named: int = integer()
    scan_id: UUID = uuid_()
    changed_seq: int = integer()
    created_at: datetime = instant()


class Approval(SQLModel, table=True):
    """An opinion with a signature; counts for the closing round it was given in and no other."""

    __tablename__ = "approval"
    __table_args__ = (
        recorded("approval"),
        one_of("purpose", ("plan", "closure", "sustain", "transfer", "assignment")),
        one_of("opinion", ("agree", "disagree")),
        Index("ix_approval_item_id", "item_id", "cycle", "purpose"),
    )
    item_id: UUID = ref("item.id", primary=True)
    id: UUID = key()
    cycle: int = integer()
    submission_no: int = integer()
    closing_round: int = integer()
    purpose: str = line(16)
    step: int | None = integer(null=True)
    role: str = line(40)
    opinion: str = line(16)
    comment: str | None = prose(null=True)
    signer_id: UUID | None = ref("person.id", null=True)
    signer_unit_id: UUID | None = ref("unit.id", null=True)
    on_behalf_of: UUID | None = ref("person.id", null=True)
    occurred_at: datetime = instant()
    recorded_at: datetime = instant()
    changed_seq: int = integer()


class Objection(SQLModel, table=True):
    """Raised during public notice, lodged by the office, ruled by another person."""

    __tablename__ = "objection"
    __table_args__ = (
        recorded("objection"),
        one_of("ruling", ("upheld", "dismissed"), null=True),
        Index("ix_objection_item_id", "item_id", "cycle"),
    )
    item_id: UUID = ref("item.id", primary=True)
    id: UUID = key()
    cycle: int = integer()
    submission_no: int = integer()
    content: str = prose()
    contact: str | None = line(200, null=True)
    received_on: date = day()
    lodged_by: UUID | None = ref("person.id", null=True)
    ruling: str | None = line(16, null=True)
    ruling_reason: str | None = prose(null=True)
    ruled_by: UUID | None = ref("person.id", null=True)
    ruled_at: datetime | None = instant(null=True)
    changed_seq: int = integer()
    created_at: datetime = instant()


class Decision(SQLModel, table=True):
    """A collective decision taken on paper: who was entitled, how they voted, and what it covers."""

    __tablename__ = "decision"
    __table_args__ = (
        recorded("decision"),
        within_item("scan_id", "evidence"),
        within_item("supersedes_id", "decision"),
        one_of("purpose", ("plan", "sustain", "closure", "void")),
        one_of("result", ("passed", "rejected", "deferred", "not_quorate")),
        Index("ix_decision_item_id", "item_id", "cycle", "purpose"),
    )
    item_id: UUID = ref("item.id", primary=True)
    id: UUID = key()
    cycle: int = integer()
    purpose: str = line(16)
    plan_version: int | None = integer(null=True)
    submission_no: int | None = integer(null=True)
    body: str = line(200)
    decided_on: date = day()
    decided_at: datetime = instant()
    minutes_no: str = line(100)
    scan_id: UUID = uuid_()
    rule: dict[str, Any] = document()
    entitled: int = integer()
    present: int = integer()
    yes: int = integer()
    no: int = integer()
    deferred: int = integer()
    abstained: int = integer()
    result: str = line(16)
    recorded_by: UUID | None = ref("person.id", null=True)
    supersedes_id: UUID | None = uuid_(null=True)
    changed_seq: int = integer()
    created_at: datetime = instant()


class StageReview(SQLModel, table=True):
    """The periodic look at an item in long-term rectification."""

    __tablename__ = "stage_review"
    __table_args__ = (
        recorded("stage_review"),
        one_of("result", ("on_track", "needs_work")),
        Index("ix_stage_review_item_id", "item_id", "cycle"),
    )
    item_id: UUID = ref("item.id", primary=True)
    id: UUID = key()
    cycle: int = integer()
    reviewed_on: date = day()
    result: str = line(16)
    summary: str = prose()
    next_review_on: date | None = day(null=True)
    reviewer_id: UUID | None = uuid_(null=True)
    evidence_ids: list[UUID] = uuids()
    changed_seq: int = integer()
