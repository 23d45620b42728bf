"""Everything a guard may look at, as plain values; gathered in one statement after the item row is locked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from app.access.separation import Conflicts
from app.core.clock import beijing_date
from app.core.errors import Text
from app.core.workdays import Calendar
from app.lifecycle.parties import Party
from app.lifecycle.policy import PolicyRules
from app.lifecycle.states import Action, Confidentiality, Gate, GateStatus, Mode, State


@dataclass(frozen=True, slots=True)
class Unmet:
    """One reason why not: the rule, the sentence, the roles that can supply what is missing, and what it is about."""

    rule: str
    text: Text
    who: tuple[str, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MeasureFact:
    id: UUID
    status: str
    unit_id: UUID | None
    person_id: UUID | None
    due_on: date | None
    authors: frozenset[UUID] = frozenset()


@dataclass(frozen=True, slots=True)
class CriterionFact:
    id: UUID
    evidence: int
    authors: frozenset[UUID] = frozenset()


@dataclass(frozen=True, slots=True)
class GateFact:
    gate: str
    part: str
    result: str
    judge_id: UUID | None


@dataclass(frozen=True, slots=True)
class ApprovalFact:
    purpose: str
    role: str
    opinion: str
    step: int | None
    signer_id: UUID | None
    closing_round: int
    recorded_at: datetime
    seq: int = 0


@dataclass(frozen=True, slots=True)
class DecisionFact:
    purpose: str
    result: str
    plan_version: int | None
    submission_no: int | None
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class ObjectionFact:
    id: UUID
    lodged_by: UUID | None
    ruling: str | None


@dataclass(frozen=True, slots=True)
class Candidate:
    """An item that looks like the same problem; the score is Jaccard similarity in thousandths."""

    item_id: UUID
    number: str | None
    title: str
    score_permille: int


@dataclass(frozen=True, slots=True)
class Related:
    """Another item this action touches: the merge target, or the new home of merged origins."""

    id: UUID
    state: State
    ledger_id: UUID
    confidentiality: Confidentiality = Confidentiality.PUBLIC


@dataclass(frozen=True, slots=True)
class Facts:
    """One item at one moment, the request, and who asks.

    `item` is the locked row. Extensions, adjustments and clock suspensions have no records yet: their facts are false.
    """

    action: Action
    item: Mapping[str, Any]
    data: Any
    now: datetime
    today: date
    occurred_at: datetime
    parties: frozenset[Party]
    policy: PolicyRules
    calendar: Calendar
    conflicts: Conflicts
    actor_person_id: UUID | None = None
    actor_unit_id: UUID | None = None
    on_behalf_of: UUID | None = None
    actor_persons: frozenset[UUID] = frozenset()
    policy_version: int = 1
    plan_content: Mapping[str, Any] = field(default_factory=dict)
    criterion_evidence_ids: frozenset[UUID] = frozenset()
    measures: tuple[MeasureFact, ...] = ()
    criteria: tuple[CriterionFact, ...] = ()
    evidence_ids: frozenset[UUID] = frozenset()
    gates: tuple[GateFact, ...] = ()
    approvals: tuple[ApprovalFact, ...] = ()
    decisions: tuple[DecisionFact, ...] = ()
    objections: tuple[ObjectionFact, ...] = ()
    candidates: tuple[Candidate, ...] = ()
    related: Mapping[UUID, Related] = field(default_factory=dict)
    known_people: frozenset[UUID] = frozenset()
    known_units: frozenset[UUID] = frozenset()
    known_categories: frozenset[str] = frozenset()
    lead_unit_people: frozenset[UUID] = frozenset()
    last_step_holders: frozenset[UUID] = frozenset()
    required_fields: tuple[str, ...] = ()
    source_external: bool = False
    ledger_open: bool = True
    foreign_origins: int = 0
    submitted_at: datetime | None = None
    plan_submitted_at: datetime | None = None
    has_document: bool = False
    has_paper_date: bool = False
    extension_pending: bool = False
    adjustment_pending: bool = False
    clock_suspended: bool = False

    @property
    def state(self) -> State:
        return State(self.item["state"])

    def in_force(self, purpose: str, role: str) -> str | None:
        """The latest opinion for this purpose since the item came into its state: going back voids what was signed."""
        given = [a for a in self.approvals if a.purpose == purpose and a.role == role]
        fresh = [a.opinion for a in given if a.seq > self.item["entered_seq"]]
        return fresh[-1] if fresh else None

    @property
    def occurred_on(self) -> date:
        return beijing_date(self.occurred_at)

    @property
    def mode(self) -> Mode | None:
        return Mode(self.item["mode"]) if self.item["mode"] else None

    @property
    def major(self) -> bool:
        return self.item["major_kind"] is not None

    def gate(self, gate: Gate) -> GateStatus:
        return GateStatus(self.item[f"gate_{gate}"])
