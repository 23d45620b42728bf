"""What each action brings along: shape only. Whatever depends on the database is a guard, never a validator."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import Field, model_validator

from app.core.enums import LABELLED, LabelledEnum
from app.core.errors import Text
from app.core.fields import Code, Day, Instant, Line, LongText, Title
from app.core.messages import refusal
from app.core.models import Api
from app.lifecycle.states import (
    Confidentiality,
    CountFrom,
    DayType,
    DeadlineKind,
    Disposition,
    Gate,
    MajorKind,
    Mode,
    Severity,
    State,
)

Ids = Annotated[list[UUID], Field(max_length=50)]
Days = Annotated[int, Field(ge=1, le=3650)]
Closed = Annotated[Literal[Disposition.FIXED, Disposition.ROUTINE], LABELLED]
Voided = Annotated[Literal[Disposition.NOT_FEASIBLE, Disposition.FALSE_FINDING, Disposition.ENTERED_IN_ERROR], LABELLED]
SentBackTo = Annotated[Literal[State.RECTIFYING, State.VERIFYING], LABELLED]


class DuplicateVerdictCode(LabelledEnum):
    DIFFERENT = "different", "不是同一问题", "A different problem"
    SAME_FACT = "same_fact", "同一事实", "The same fact"
    RECURRENCE = "recurrence", "问题反复", "A recurrence"


class DeclineReason(LabelledEnum):
    OUT_OF_REMIT = "out_of_remit", "不属受理范围", "Out of remit"
    NOT_CONCRETE = "not_concrete", "问题不具体", "Not concrete"
    ALREADY_HANDLED = "already_handled", "已处理", "Already handled"
    DUPLICATE = "duplicate", "重复", "Duplicate"


class ReopenReason(LabelledEnum):
    REBOUND = "rebound", "问题反弹", "Rebound"
    FALSE_RECTIFICATION = "false_rectification", "虚假整改", "False rectification"
    LOOK_BACK_FAILED = "look_back_failed", "回头看不合格", "Failed look-back"
    NEW_EVIDENCE = "new_evidence", "发现新证据", "New evidence"
    SUPERIOR_ORDER = "superior_order", "上级或司法决定", "Order of a superior or a court"


class SustainReason(LabelledEnum):
    INSTITUTIONAL = "institutional", "体制机制原因", "Institutional cause"
    LEGACY = "legacy", "历史遗留问题", "Legacy problem"
    LITIGATION = "litigation", "司法诉讼", "Litigation"
    CONTINUOUS_DUTY = "continuous_duty", "需长期坚持的工作", "A continuous duty"


class ReviewResult(LabelledEnum):
    ON_TRACK = "on_track", "按计划推进", "On track"
    NEEDS_WORK = "needs_work", "需继续整改", "Needs work"


class HandOverOf(LabelledEnum):
    RESPONSIBLE_PERSON = "responsible_person", "责任人", "Responsible person"
    LIAISON = "liaison", "联络员", "Liaison"
    ACCOUNTABLE_LEADER = "accountable_leader", "责任领导", "Accountable leader"


class Document(Api):
    """The paper an act rests on."""

    name: Title
    document_no: Line | None = None
    dated_on: Day | None = None


class MajorMatter(Api):
    kind: MajorKind
    basis: Title


class Milestone(Api):
    title: Title
    due_on: Day


class DeadlineIn(Api):
    """The wording verbatim, and what a person confirmed it to mean."""

    text: Title
    kind: DeadlineKind
    date: Day | None = None
    days: Days | None = None
    day_type: DayType = DayType.WORKING
    count_from: CountFrom = Field(default=CountFrom.NOTICE, alias="from")
    continuing: bool = False
    milestones: Annotated[list[Milestone], Field(max_length=30)] = []
    review_on: Day | None = None

    @model_validator(mode="after")
    def parts_fit_the_kind(self) -> DeadlineIn:
        needed: dict[DeadlineKind, bool] = {
            DeadlineKind.DATE: self.date is not None,
            DeadlineKind.DAYS: self.days is not None,
            DeadlineKind.PHASED: bool(self.milestones) or self.date is not None,
            DeadlineKind.RECURRING: self.date is not None or self.review_on is not None,
        }
        if not needed.get(self.kind, True):
            raise refusal(
                "deadline_incomplete",
                Text("该类时限缺少日期、天数或节点", "this kind of deadline lacks its date, days or milestones"),
            )
        return self


class MeasureSpec(Api):
    content: LongText
    kind: Annotated[Code, Field(max_length=40)] | None = None
    unit_id: UUID | None = None
    person_id: UUID | None = None
    due_on: Day | None = None
    weight: Annotated[int, Field(ge=1, le=100)] = 1


class CriterionSpec(Api):
    content: LongText
    is_physical: bool = False


class NoData(Api):
    """The action needs nothing beyond its name."""


class DuplicateAnswer(Api):
    item_id: UUID
    verdict: DuplicateVerdictCode


class RegisterData(Api):
    category: Code | None = None
    severity: Severity | None = None
    confidentiality: Confidentiality | None = None
    major_matter: MajorMatter | None = None
    duplicates: Annotated[list[DuplicateAnswer], Field(max_length=20)] = []


class ReturnData(Api):
    reason: LongText
    points: Annotated[list[Line], Field(max_length=30)] = []


class ReasonData(Api):
    reason: LongText


class DeclineData(Api):
    reason_code: DeclineReason
    reason: LongText


class MergeData(Api):
    target_id: UUID
    reason: LongText


class SplitChild(Api):
    title: Title
    description: LongText
    category: Code | None = None
    severity: Severity | None = None
    responsible_unit_id: UUID | None = None


class SplitData(Api):
    reason: LongText
    children: Annotated[list[SplitChild], Field(max_length=20)]


class AssignData(Api):
    lead_unit_id: UUID | None = None
    cooperating_unit_ids: Ids | None = None
    accountable_leader_ids: Ids | None = None
    responsible_unit_id: UUID | None = None
    responsible_person_id: UUID | None = None
    liaison_id: UUID | None = None
    mode: Mode | None = None
    deadline: DeadlineIn | None = None


class DeclineAssignmentData(Api):
    reason: LongText
    suggested_unit_id: UUID | None = None


class PlanData(Api):
    root_cause: LongText | None = None
    goal: LongText | None = None


class ApprovePlanData(Api):
    opinion: LongText | None = None


class CompletionData(Api):
    summary: LongText
    declared_true: bool = False
    evidence_ids: Ids = []


class FailData(Api):
    deficiencies: Annotated[list[LongText], Field(min_length=1, max_length=30)]
    redo_by: Day


class ClosureData(Api):
    opinion: LongText | None = None
    disposition: Closed = Disposition.FIXED


class RejectData(Api):
    reason: LongText
    to_state: SentBackTo = State.RECTIFYING
    gates: Annotated[list[Gate], Field(max_length=3)] = []

    @model_validator(mode="after")
    def gates_only_when_verifying_again(self) -> RejectData:
        if (self.to_state is State.VERIFYING) != bool(self.gates):
            raise refusal(
                "gates_with_verifying",
                Text(
                    "退回核查时须写明重新评定的关口，其他情形不写",
                    "name gates if, and only if, going back to verifying",
                ),
            )
        return self


class UpholdData(Api):
    objection_id: UUID
    reason: LongText


class SustainData(Api):
    reason_code: SustainReason
    stage_goal: LongText
    next_review_on: Day


class StageReviewData(Api):
    result: ReviewResult
    summary: LongText
    next_review_on: Day | None = None
    evidence_ids: Ids = []


class ReclassifyData(Api):
    reason: LongText
    category: Code | None = None
    severity: Severity | None = None
    confidentiality: Confidentiality | None = None
    major_matter: MajorMatter | None = None
    drop_major_matter: bool = False

    @model_validator(mode="after")
    def something_changes(self) -> ReclassifyData:
        if self.drop_major_matter and self.major_matter is not None:
            raise refusal(
                "major_matter_twice", Text("不能同时设定和取消三重一大", "cannot set and drop the major matter at once")
            )
        if not self.drop_major_matter and not (
            self.category or self.severity or self.confidentiality or self.major_matter
        ):
            raise refusal("nothing_to_change", Text("没有要调整的内容", "nothing to change"))
        return self


class HandOverData(Api):
    role: HandOverOf
    from_person_id: UUID
    to_person_id: UUID
    on: Day
    note: LongText | None = None


class ReopenData(Api):
    reason_code: ReopenReason
    evidence: LongText
    evidence_ids: Ids = []
    deadline: DeadlineIn
    measures: Annotated[list[MeasureSpec], Field(max_length=50)] = []
    criteria: Annotated[list[CriterionSpec], Field(max_length=50)] = []


class VoidData(Api):
    reason_code: Voided
    reason: LongText
    source_consent: Document | None = None
    rehome_to_id: UUID | None = None


class TransferData(Api):
    receiving_body: Line
    document_no: Line
    reason: LongText | None = None


class OfflineClosureData(Api):
    decider_id: UUID
    document_no: Line
    scan_id: UUID
    disposition: Closed = Disposition.FIXED


class TransitionBase(Api):
    """What every transition may carry: `occurred_at` is the date on the paper, never later than now."""

    comment: LongText | None = None
    occurred_at: Instant | None = None
    on_behalf_of: UUID | None = None
    document: Document | None = None


def plain(value: Any) -> Any:
    """Dates, ids and enums as JSON values, for the history."""
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return value.model_dump(mode="json", by_alias=True, exclude_none=True)
