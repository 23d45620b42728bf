"""The item as callers see it; shared by every slice that answers with one."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

from pydantic import Field

from app.access.permissions import Role
from app.core.fields import Instant
from app.core.models import Out
from app.lifecycle.light import Light, LightReason
from app.lifecycle.states import (
    Action,
    Confidentiality,
    CountFrom,
    DayType,
    DeadlineKind,
    Disposition,
    GateStatus,
    MajorKind,
    Mode,
    Phase,
    Severity,
    State,
    SupervisionLevel,
)


class ExternalRef(Out):
    system: str
    id: str


class Source(Out):
    """Where the problem comes from; `fields` follows the JSON Schema of the source type's version."""

    type: str
    schema_version: int
    unit_id: UUID | None
    document: str | None
    document_no: str | None
    quote: str | None
    path: list[str]
    fields: dict[str, Any]


class Origin(Out):
    """A source that came along with a merged item and still gets its own answer."""

    from_item_id: UUID
    source_type: str
    document: str | None
    document_no: str | None
    quote: str | None
    source_unit_id: UUID | None


class MilestoneOut(Out):
    title: str
    due_on: dt.date


class DeadlineOut(Out):
    """`text` is the wording verbatim; `original_date` never changes."""

    text: str
    kind: DeadlineKind
    date: dt.date | None
    days: int | None
    count_from: CountFrom = Field(alias="from")
    day_type: DayType
    continuing: bool
    milestones: list[MilestoneOut]
    review_on: dt.date | None
    original_date: dt.date | None
    extensions: int


class MajorMatterOut(Out):
    kind: MajorKind
    basis: str | None


class ProgressLatest(Out):
    reported_on: dt.date
    assessment: str
    content: str | None


class ProgressOut(Out):
    """Percent is the weighted mean of the measures, never typed by hand."""

    measures_total: int
    measures_done: int
    percent: int
    latest: ProgressLatest | None


class GatesOut(Out):
    problem_solved: GateStatus
    rectification_adequate: GateStatus
    people_satisfied: GateStatus


class ChildrenOut(Out):
    """Of a split item: how many came of it, and how many of those are closed."""

    total: int
    closed: int


class NextMover(Out):
    """Whose turn it is: the role, where, and up to twenty people holding it there today."""

    role: Role
    unit_id: UUID
    person_ids: list[UUID]


class ItemSummary(Out):
    """What a list shows."""

    id: UUID
    number: str | None
    version: int
    state: State
    phase: Phase
    title: str | None
    ledger_id: UUID
    source_type: str
    category: str | None
    severity: Severity | None
    lead_unit_id: UUID | None
    responsible_unit_id: UUID | None
    mode: Mode | None
    due_on: dt.date | None
    light: Light
    overdue_days: int
    progress_percent: int
    cycle: int
    next_movers: list[NextMover]
    updated_at: Instant


class ItemOut(Out):
    """One item with everything the caller may read; `masked_fields` names what is withheld."""

    id: UUID
    number: str | None
    version: int
    cycle: int
    ledger_id: UUID
    external_ref: ExternalRef | None
    phase: Phase
    state: State
    title: str | None
    description: str | None
    source: Source
    origins: list[Origin]
    merged_into_id: UUID | None
    split_from_id: UUID | None
    children: ChildrenOut | None
    category: str | None
    severity: Severity | None
    confidentiality: Confidentiality
    major_matter: MajorMatterOut | None
    found_on: dt.date | None
    registered_at: Instant | None
    responsible_unit_id: UUID | None
    lead_unit_id: UUID | None
    cooperating_unit_ids: list[UUID]
    accountable_leader_ids: list[UUID]
    responsible_person_id: UUID | None
    liaison_id: UUID | None
    mode: Mode | None
    deadline: DeadlineOut | None
    due_on: dt.date | None
    light: Light
    light_reasons: list[LightReason]
    overdue: bool
    overdue_days: int
    goal: str | None
    root_cause: str | None
    progress: ProgressOut
    submission_no: int
    policy_version: int | None
    gates: GatesOut
    supervision_level: SupervisionLevel
    clock_suspended: bool
    extension_pending: bool
    next_movers: list[NextMover]
    completed_at: Instant | None
    closed_at: Instant | None
    notice_ends_on: dt.date | None
    next_review_on: dt.date | None
    next_look_back_on: dt.date | None
    disposition: Disposition | None
    closed_offline: bool
    allowed_actions: list[Action]
    remarks: str | None
    warnings: list[str]
    masked_fields: list[str]
    created_at: Instant
    updated_at: Instant
