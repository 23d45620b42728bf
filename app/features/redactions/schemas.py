"""Redactions on the wire: places and decisions, never the words."""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from app.core.enums import LabelledEnum
from app.core.errors import Text
from app.core.fields import Instant
from app.core.messages import refusal
from app.core.models import Api, Out
from app.core.paging import PageOf, PageQuery
from app.trail.redact import CHILDREN, FILE_NAME, TABLES

_NO_TEXT: Final = Text(
    "该记录没有这个可脱敏的字段，文件名随文件脱敏",
    "Such a record has no field of that name to redact; a file's name goes with the file",
)


class RedactionStatus(LabelledEnum):
    """How far a request has come."""

    REQUESTED = "requested", "待审批", "Awaiting a decision"
    DONE = "done", "已脱敏", "Carried out"
    REJECTED = "rejected", "已驳回", "Rejected"


class RedactionBasis(LabelledEnum):
    """Why words have to go."""

    CONSENT_WITHDRAWN = "consent_withdrawn", "个人撤回同意", "Consent was withdrawn"
    PURPOSE_REACHED = "purpose_reached", "处理目的已实现", "The purpose was reached"
    UNLAWFUL = "unlawful", "处理违法", "Processing was unlawful"
    COURT_ORDER = "court_order", "司法裁判要求", "A court ordered it"
    ENTERED_IN_ERROR = "entered_in_error", "误录", "Entered in error"


class ItemTextField(LabelledEnum):
    """The texts of an item itself."""

    TITLE = "title", "问题标题", "Title"
    DESCRIPTION = "description", "问题描述", "Description"
    SOURCE_DOCUMENT = "source_document", "来源文件", "Source document"
    SOURCE_DOCUMENT_NO = "source_document_no", "来源文号", "Number of the source document"
    SOURCE_QUOTE = "source_quote", "来源原文", "Quotation"
    SOURCE_PATH = "source_path", "来源章节", "Place in the source"
    SOURCE_FIELDS = "source_fields", "来源表单", "Form of the source"
    EXTERNAL_SYSTEM = "external_system", "外部系统", "Other system"
    EXTERNAL_ID = "external_id", "外部编号", "Reference in the other system"
    MAJOR_BASIS = "major_basis", "三重一大依据", "Basis of the major matter"
    GOAL = "goal", "整改目标", "Goal"
    ROOT_CAUSE = "root_cause", "问题根源", "Root cause"
    REMARKS = "remarks", "备注", "Remarks"
    DEADLINE = "deadline", "时限原文", "Wording of the deadline"
    PROGRESS_LATEST = "progress_latest", "最近进展", "Latest progress"


class ChildTable(LabelledEnum):
    """The records of an item that hold text."""

    MEASURE = "measure", "整改措施", "Measure"
    CRITERION = "criterion", "完成标准", "Criterion"
    PLAN_VERSION = "plan_version", "方案", "Plan"
    PROGRESS_REPORT = "progress_report", "整改进展", "Progress report"
    OUTCOME = "outcome", "整改成效", "Outcome"
    EVIDENCE = "evidence", "佐证材料", "Evidence"
    SUBMISSION = "submission", "销号申请", "Submission"
    GATE_RESULT = "gate_result", "评定", "Gate result"
    APPROVAL = "approval", "审批意见", "Approval"
    OBJECTION = "objection", "异议", "Objection"
    DECISION = "decision", "集体决策", "Decision"
    STAGE_REVIEW = "stage_review", "阶段评估", "Stage review"
    ITEM_ORIGIN = "item_origin", "来源记录", "Origin"
    ITEM_CYCLE = "item_cycle", "轮次", "Cycle"


class ItemFieldPlace(Api):
    """A text of the item, with everything the history ever told of it."""

    kind: Literal["item_field"]
    field: ItemTextField


class EventFieldPlace(Api):
    """One field of one event, such as the comment of a transition."""

    kind: Literal["event_field"]
    event_id: UUID
    field: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]


class ChildPlace(Api):
    """A text of a record of the item, with everything the history ever told of it."""

    kind: Literal["child"]
    table: ChildTable
    id: Annotated[
        str,
        Field(
            pattern=r"^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[1-9][0-9]{0,4})$",
            max_length=36,
            description="记录的 id；方案和轮次为其序号 · The record's id; of a plan or a cycle its number",
        ),
    ]
    field: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=64)]

    @model_validator(mode="after")
    def _holds_text(self) -> Self:
        table = self.table.value
        numbered = self.table in {ChildTable.PLAN_VERSION, ChildTable.ITEM_CYCLE}
        known = self.field in CHILDREN[TABLES[table]] and (table, self.field) != FILE_NAME
        if not known or numbered != self.id.isdigit():
            raise refusal("not_redactable", _NO_TEXT)
        return self


class FilePlace(Api):
    """A file of evidence: its bytes, its name and its description. Its digest stays, since events name it."""

    kind: Literal["file"]
    evidence_id: UUID


Place = Annotated[ItemFieldPlace | EventFieldPlace | ChildPlace | FilePlace, Field(discriminator="kind")]


class RedactionIn(Api):
    """Which words of which item have to go, and why."""

    item_id: UUID
    basis: RedactionBasis
    places: Annotated[list[Place], Field(min_length=1, max_length=50)]


class ToldPlace(Out):
    """One field of one event."""

    event_id: UUID
    seq: int
    field: str


class ForeignPlace(ToldPlace):
    """One field of one event of another item."""

    item_id: UUID


class ShownPlace(Out):
    """Fields of one record."""

    table: ChildTable
    id: str
    fields: list[str]


class RedactionPreview(Out):
    """What carrying it out would remove now. `elsewhere` are other items that say the same: each needs its own request."""

    item_id: UUID
    disclosures: list[ToldPlace]
    item_fields: list[ItemTextField]
    records: list[ShownPlace]
    elsewhere: Annotated[list[ForeignPlace], Field(description="最多 200 处 · At most 200")]


class Redaction(Out):
    """A request and what became of it."""

    id: UUID
    item_id: UUID
    status: RedactionStatus
    basis: RedactionBasis
    places: list[Place]
    requested_by: UUID
    requested_by_name: str | None
    requested_at: Instant
    decided_by: UUID | None
    decided_by_name: str | None
    decided_at: Instant | None
    version: int


class RedactionPage(PageOf[Redaction]):
    """In the order of asking."""


class RedactionQuery(PageQuery):
    """Which requests to list."""

    item_id: Annotated[UUID | None, Field(description="针对哪个事项 · About which item")] = None
    status: Annotated[RedactionStatus | None, Field(description="办理情况 · How far it has come")] = None
