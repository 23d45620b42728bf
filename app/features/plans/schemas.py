"""What is sent and answered about measures, criteria and the plans made of them."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from app.core.enums import LABELLED, LabelledEnum
from app.core.errors import Text
from app.core.fields import Code, Day, Instant, LongText, PastDay
from app.core.messages import refusal
from app.core.models import Api
from app.core.paging import PageOf
from app.core.patching import Patch
from app.lifecycle.child_views import ChildOut
from app.lifecycle.measure_status import Report
from app.lifecycle.states import MeasureStatus

MeasureKind = Annotated[
    Code,
    Field(max_length=40, description="措施类别代码，由本单位约定 · A code agreed locally"),
]
Weight = Annotated[int, Field(ge=1, le=100, description="计算总进度时的权重 · Weight in the item's percentage")]
Percent = Annotated[int, Field(ge=0, le=100)]
Settable = Annotated[Literal[MeasureStatus.NOT_STARTED, MeasureStatus.IN_PROGRESS, MeasureStatus.DONE], LABELLED]

_MIXED = Text(
    "措施内容与措施进度须分两次修改", "Change the content of a measure and its status in two separate requests"
)
_EMPTY = Text("没有要修改的内容", "There is nothing to change")
_CONTRADICTION = Text(
    "状态、百分比与完成日期互相矛盾", "Status, percentage and date of completion contradict each other"
)


class PlanStatus(LabelledEnum):
    """What became of a plan version."""

    SUBMITTED = "submitted", "已报送", "Submitted"
    APPROVED = "approved", "已批准", "Approved"
    RETURNED = "returned", "已退回", "Returned"
    WITHDRAWN = "withdrawn", "已撤回", "Withdrawn"


class MeasureIn(Api):
    """A measure of the plan; unit, person and date may still be open until the plan is submitted."""

    content: LongText
    kind: MeasureKind | None = None
    unit_id: UUID | None = None
    person_id: UUID | None = None
    due_on: Day | None = None
    weight: Weight = 1


class MeasurePatch(Patch):
    """Either the content, while the plan is made, or the status, while it is carried out; never both at once."""

    NULLABLE: ClassVar[frozenset[str]] = frozenset({"kind", "unit_id", "person_id", "due_on"})
    STATUS: ClassVar[frozenset[str]] = frozenset({"status", "percent", "done_on"})

    content: LongText | None = None
    kind: MeasureKind | None = None
    unit_id: UUID | None = None
    person_id: UUID | None = None
    due_on: Day | None = None
    weight: Weight | None = None
    status: Settable | None = None
    percent: Percent | None = None
    done_on: PastDay | None = None

    @model_validator(mode="after")
    def _one_thing_at_a_time(self) -> Self:
        if not self.model_fields_set:
            raise refusal("nothing_to_change", _EMPTY)
        if self.about_status and self.model_fields_set - self.STATUS:
            raise refusal("content_with_status", _MIXED)
        if self.report.contradicts:
            raise refusal("status_contradiction", _CONTRADICTION)
        return self

    @property
    def about_status(self) -> bool:
        return bool(self.model_fields_set & self.STATUS)

    @property
    def report(self) -> Report:
        return Report(self.status, self.percent, self.done_on)


class Measure(ChildOut):
    """A measure; `author_id` is the person who wrote it, null when a program did."""

    id: UUID
    content: str | None
    kind: str | None
    unit_id: UUID | None
    person_id: UUID | None
    due_on: Day | None
    weight: int
    status: MeasureStatus
    percent: int
    done_on: Day | None
    author_id: UUID | None
    created_at: Instant
    updated_at: Instant


class MeasurePage(PageOf[Measure]):
    """A page of measures."""


class CriterionIn(Api):
    """A testable statement of what "rectified" means."""

    content: LongText
    is_physical: Annotated[bool, Field(description="须现场核查 · Something to be seen on site")] = False


class CriterionPatch(Patch):
    """A change while the plan is made."""

    content: LongText | None = None
    is_physical: bool | None = None

    @model_validator(mode="after")
    def _something_changes(self) -> Self:
        if not self.model_fields_set:
            raise refusal("nothing_to_change", _EMPTY)
        return self


class Criterion(ChildOut):
    """A criterion; the first gate judges each of them."""

    id: UUID
    content: str | None
    is_physical: bool
    author_id: UUID | None
    created_at: Instant
    updated_at: Instant


class CriterionPage(PageOf[Criterion]):
    """A page of criteria."""


class Plan(ChildOut):
    """A plan as it was submitted: `content` holds root cause, goal, measures and criteria and never changes."""

    plan_version: int
    status: PlanStatus
    content: dict[str, Any] | None
    author_ids: list[UUID]
    submitted_by: UUID | None
    submitted_at: Instant
    decided_by: UUID | None
    decided_at: Instant | None
    decision_note: str | None


class PlanPage(PageOf[Plan]):
    """A page of plan versions."""
