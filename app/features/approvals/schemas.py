"""What is sent and answered about approvals, objections, recorded decisions and stage reviews."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field

from app.access.permissions import Role
from app.core.enums import LabelledEnum
from app.core.fields import Day, Instant, Line, LongText
from app.core.models import Api
from app.core.paging import PageOf
from app.features.approvals.rules import DecisionResult
from app.lifecycle.action_data import ReviewResult
from app.lifecycle.child_views import ChildOut

Heads = Annotated[int, Field(ge=0, le=100_000)]


class ApprovalPurpose(LabelledEnum):
    """What an opinion is about; one on closing is a countersignature (会签) beside the chain."""

    PLAN = "plan", "整改方案", "The plan"
    CLOSURE = "closure", "销号会签", "Closing, countersigned"
    SUSTAIN = "sustain", "转长期坚持", "Sustaining"
    TRANSFER = "transfer", "移送", "A transfer"
    ASSIGNMENT = "assignment", "退单裁定", "A declined assignment"


class Opinion(LabelledEnum):
    """What a signer says."""

    AGREE = "agree", "同意", "Agree"
    DISAGREE = "disagree", "不同意", "Disagree"


class Ruling(LabelledEnum):
    """What became of an objection."""

    UPHELD = "upheld", "成立", "Upheld"
    DISMISSED = "dismissed", "不成立", "Dismissed"


class DecisionPurpose(LabelledEnum):
    """What a body decided on."""

    PLAN = "plan", "整改方案", "The plan"
    SUSTAIN = "sustain", "转长期坚持", "Sustaining"
    CLOSURE = "closure", "销号", "Closing"
    VOID = "void", "撤销", "Voiding"


class ApprovalIn(Api):
    """A signature with an opinion; the role it is given in follows from what the signer holds over the item."""

    purpose: ApprovalPurpose
    opinion: Opinion
    comment: LongText | None = None
    occurred_at: Instant | None = None
    on_behalf_of: UUID | None = None


class ApprovalOut(ChildOut):
    """A signed opinion; `step` is null unless it is a step of the chain of closing, counted from 1."""

    id: UUID
    submission_no: int
    closing_round: int
    purpose: ApprovalPurpose
    step: int | None
    role: Role
    opinion: Opinion
    comment: str | None
    signer_id: UUID | None
    signer_unit_id: UUID | None
    on_behalf_of: UUID | None
    occurred_at: Instant
    recorded_at: Instant


class ObjectionIn(Api):
    """An objection during public notice, lodged by the office that received it; `contact` is sealed."""

    content: LongText
    contact: Line | None = None
    received_on: Day


class ObjectionPatch(Api):
    """The ruling that an objection is unfounded; one that is upheld moves the item, by its own transition."""

    ruling: Literal[Ruling.DISMISSED]
    reason: LongText


class ObjectionOut(ChildOut):
    """An objection and its ruling; `contact` is for the supervision and the discipline office alone."""

    id: UUID
    submission_no: int
    content: str | None
    contact: str | None
    received_on: Day
    lodged_by: UUID | None
    ruling: Ruling | None
    ruling_reason: str | None
    ruled_by: UUID | None
    ruled_at: Instant | None
    created_at: Instant


class DecisionIn(Api):
    """A decision taken on paper; its result follows from the count, a stated one must be the same."""

    purpose: DecisionPurpose
    body: Line
    decided_at: Instant
    minutes_no: Annotated[Line, Field(max_length=100)]
    scan_id: UUID
    entitled: Heads
    present: Heads
    yes: Heads
    no: Heads
    deferred: Heads = 0
    abstained: Heads = 0
    result: DecisionResult | None = None
    supersedes_id: UUID | None = None


class DecisionOut(ChildOut):
    """A recorded decision, what it covers, and the rule its result was computed by; never changed, only superseded."""

    id: UUID
    purpose: DecisionPurpose
    plan_version: int | None
    submission_no: int | None
    body: str
    decided_on: Day
    decided_at: Instant
    minutes_no: str
    scan_id: UUID | None
    rule: dict[str, Any]
    entitled: int
    present: int
    yes: int
    no: int
    deferred: int
    abstained: int
    result: DecisionResult
    recorded_by: UUID | None
    supersedes_id: UUID | None
    created_at: Instant


class StageReviewOut(ChildOut):
    """A periodic look at an item in long-term rectification."""

    id: UUID
    reviewed_on: Day
    result: ReviewResult
    summary: str | None
    next_review_on: Day | None
    reviewer_id: UUID | None
    evidence_ids: list[UUID] | None


class ApprovalPage(PageOf[ApprovalOut]):
    """A page of approvals."""


class ObjectionPage(PageOf[ObjectionOut]):
    """A page of objections."""


class DecisionPage(PageOf[DecisionOut]):
    """A page of decisions."""


class StageReviewPage(PageOf[StageReviewOut]):
    """A page of stage reviews."""
