"""What is sent and answered about progress reports, outcomes and completion reports."""

from __future__ import annotations

from typing import Annotated, Final, Self
from uuid import UUID

from pydantic import Field, model_validator

from app.core.enums import LabelledEnum
from app.core.errors import Text
from app.core.fields import Day, Instant, Line, LongText, PastDay
from app.core.messages import refusal
from app.core.models import Api
from app.core.paging import PageOf
from app.lifecycle.child_views import ChildOut

Percent = Annotated[int, Field(ge=0, le=100)]
DocumentNo = Annotated[Line, Field(max_length=100)]
Quantity = Annotated[int, Field(ge=0, le=1_000_000_000)]
QuantityUnit = Annotated[Line, Field(max_length=20)]
Fen = Annotated[int, Field(ge=0, le=10**15, description="金额，单位为分 · Amount in fen")]

_NOTHING_TO_MEASURE: Final = Text("填写百分比须指明措施", "A percentage belongs to a measure; name it")
_AMOUNT_MISSING: Final = Text("资金类成效须填写金额", "An outcome in money needs its amount")
_AMOUNT_MISPLACED: Final = Text("只有资金类成效填写金额", "Only an outcome in money has an amount")
_QUANTITY_HALF: Final = Text("数量与计量单位须同时填写", "A quantity and its unit go together")
_QUANTITY_MISPLACED: Final = Text("资金类成效不填写数量", "An outcome in money has no quantity")


class Assessment(LabelledEnum):
    """How far the reporter holds the matter to be; it is an opinion and moves no state."""

    NOT_STARTED = "not_started", "未启动", "Not started"
    IN_PROGRESS = "in_progress", "正在整改", "In progress"
    BASICALLY_DONE = "basically_done", "基本完成", "Basically done"
    DONE = "done", "已完成", "Done"


class OutcomeKind(LabelledEnum):
    """What a rectification can yield."""

    INSTITUTION = "institution", "建章立制", "Rules made"
    RECOVERED_FUNDS = "recovered_funds", "追回资金", "Funds recovered"
    SAVED_FUNDS = "saved_funds", "节约资金", "Funds saved"
    ACCOUNTABILITY = "accountability", "追责问责", "Persons held accountable"
    APPOINTMENT = "appointment", "人事调整", "Appointments changed"
    PHYSICAL = "physical", "实物成效", "Something built, repaired or removed"


MONEY: Final = frozenset({OutcomeKind.RECOVERED_FUNDS, OutcomeKind.SAVED_FUNDS})


class ProgressIn(Api):
    """A report of the day `reported_on`; `percent` also moves the measure it names."""

    content: LongText
    reported_on: PastDay
    assessment: Assessment
    next_step: LongText | None = None
    measure_id: UUID | None = None
    percent: Percent | None = None

    @model_validator(mode="after")
    def _percent_of_something(self) -> Self:
        if self.percent is not None and self.measure_id is None:
            raise refusal("measure_missing", _NOTHING_TO_MEASURE)
        return self


class ProgressReport(ChildOut):
    """A progress report; it is never changed, a later one corrects it."""

    id: UUID
    measure_id: UUID | None
    reported_on: Day
    content: str | None
    assessment: Assessment
    next_step: str | None
    author_id: UUID | None
    created_at: Instant


class ProgressPage(PageOf[ProgressReport]):
    """A page of progress reports."""


class OutcomeIn(Api):
    """Money in fen, everything else in whole units; never both."""

    kind: OutcomeKind
    name: Line
    document_no: DocumentNo | None = None
    achieved_on: PastDay | None = None
    amount_fen: Fen | None = None
    quantity: Quantity | None = None
    quantity_unit: QuantityUnit | None = None
    detail: LongText | None = None

    @model_validator(mode="after")
    def _measured_in_its_own_way(self) -> Self:
        if self.kind in MONEY and self.amount_fen is None:
            raise refusal("amount_missing", _AMOUNT_MISSING)
        if self.kind not in MONEY and self.amount_fen is not None:
            raise refusal("amount_misplaced", _AMOUNT_MISPLACED)
        if (self.quantity is None) != (self.quantity_unit is None):
            raise refusal("quantity_incomplete", _QUANTITY_HALF)
        if self.kind in MONEY and self.quantity is not None:
            raise refusal("quantity_misplaced", _QUANTITY_MISPLACED)
        return self


class Outcome(ChildOut):
    """What the rectification yielded."""

    id: UUID
    kind: OutcomeKind
    name: str | None
    document_no: str | None
    achieved_on: Day | None
    amount_fen: int | None
    quantity: int | None
    quantity_unit: str | None
    detail: str | None
    author_id: UUID | None
    created_at: Instant


class OutcomePage(PageOf[Outcome]):
    """A page of outcomes."""


class Submission(ChildOut):
    """A completion report; gates, approvals and decisions are bound to it by `submission_no`."""

    id: UUID
    submission_no: int
    summary: str | None
    policy_version: int
    submitted_by: UUID | None
    submitted_unit_id: UUID | None
    declared_true: bool
    evidence_ids: list[UUID]
    submitted_at: Instant
    occurred_at: Instant


class SubmissionPage(PageOf[Submission]):
    """A page of completion reports."""
