"""What is sent and answered about ledgers, their policies, categories and source types."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal, Self
from uuid import UUID

from pydantic import Field, model_validator

from app.core.enums import LabelledEnum
from app.core.errors import Fault, Text
from app.core.fields import Code, Day, Instant, Line, LongText, SmallInt
from app.core.messages import refusal
from app.core.models import Api, Out
from app.core.paging import PageOf, PageQuery
from app.core.patching import Patch
from app.lifecycle.policy import LONGEST_SOURCE_CODE, PolicyRules

LedgerCode = Annotated[str, Field(max_length=32, pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]
SourceCode = Annotated[str, Field(max_length=LONGEST_SOURCE_CODE, pattern=r"^[a-z][a-z0-9_]*$")]
Label = Annotated[Line, Field(max_length=100)]
Words = Annotated[str, Field(min_length=2, max_length=100, description="名称或编码中的文字 · Part of a name or code")]
Flag = Annotated[bool | None, Field(description="仅在用或仅停用 · Only those in use, or only the others")]


class LedgerStatus(LabelledEnum):
    """An archived ledger takes no new items; those it has go on."""

    OPEN = "open", "在用", "Open"
    ARCHIVED = "archived", "已归档", "Archived"


class RequiredField(LabelledEnum):
    """The fields of an item that a source may demand before the item is submitted."""

    TITLE = "title", "问题标题", "Title"
    DESCRIPTION = "description", "具体表现", "Description"
    FOUND_ON = "found_on", "发现日期", "Found on"
    CATEGORY = "category", "问题类别", "Category"
    SEVERITY = "severity", "问题等级", "Severity"
    RESPONSIBLE_UNIT_ID = "responsible_unit_id", "责任单位", "Responsible unit"
    SOURCE_DOCUMENT = "source_document", "来源文件", "Source document"
    SOURCE_DOCUMENT_NO = "source_document_no", "来源文号", "Number of the source document"
    SOURCE_QUOTE = "source_quote", "原文摘录", "Verbatim wording"
    SOURCE_UNIT_ID = "source_unit_id", "来源单位", "Source unit"


def _ordered(starts_on: Day | None, ends_on: Day | None) -> None:
    if starts_on is not None and ends_on is not None and ends_on < starts_on:
        raise refusal("ends_before_start", Text("结束日期早于开始日期", "It ends before it starts"))


class LedgerIn(Api):
    """A new ledger: one campaign, source batch or year; `rules` default to the usual policy with `code` as prefix."""

    code: LedgerCode
    name: Line
    unit_id: UUID
    description: LongText | None = None
    starts_on: Day | None = None
    ends_on: Day | None = None
    rules: PolicyRules | None = None

    @model_validator(mode="after")
    def _dates_in_order(self) -> Self:
        _ordered(self.starts_on, self.ends_on)
        return self


class LedgerPatch(Patch):
    """The code and the unit stay: numbers and grants hang on them."""

    NULLABLE: ClassVar[frozenset[str]] = frozenset({"description", "starts_on", "ends_on"})

    name: Line | None = None
    description: LongText | None = None
    starts_on: Day | None = None
    ends_on: Day | None = None
    status: LedgerStatus | None = None

    @model_validator(mode="after")
    def _dates_in_order(self) -> Self:
        _ordered(self.starts_on, self.ends_on)
        return self


class Ledger(Out):
    """A ledger; `policy_version` is the version that the next submission will pin."""

    id: UUID
    code: str
    name: str
    description: str | None
    unit_id: UUID
    status: LedgerStatus
    starts_on: Day | None
    ends_on: Day | None
    policy_version: int
    version: int
    created_at: Instant
    updated_at: Instant


class LedgerPage(PageOf[Ledger]):
    """A page of ledgers."""


class LedgerQuery(PageQuery):
    """Which ledgers to list."""

    q: Words | None = None
    status: Annotated[LedgerStatus | None, Field(description="状态 · Status")] = None
    unit_id: Annotated[UUID | None, Field(description="所属单位 · Unit of the ledger")] = None


class PolicyIn(Api):
    """The next version of a policy; `expected_version` is the one the author had before them."""

    rules: PolicyRules
    reason: LongText
    expected_version: Annotated[int, Field(ge=1, le=1_000_000)]


class Policy(Out):
    """One version of a ledger's policy; `created_by` is a person, null for what came with the ledger's import."""

    ledger_id: UUID
    policy_version: int
    rules: PolicyRules
    reason: str | None
    created_by: UUID | None
    created_at: Instant


class PolicyPage(PageOf[Policy]):
    """A page of policy versions."""


class PolicyChange(Out):
    """What a change does, or with `validate_only` would do; open submissions keep the version they pinned."""

    ledger_id: UUID
    policy_version: int
    rules: PolicyRules
    changed: Annotated[
        list[str], Field(description="与现行版本不同的规则 · Rules that differ from the version in force")
    ]
    open_items_touched: Annotated[int, Field(description="将适用新规则的在办问题数 · Open items it will apply to")]
    open_submissions_kept: Annotated[
        int, Field(description="仍按原规则办理的销号申请数 · Submissions that keep theirs")
    ]
    written: bool


class CategoryIn(Api):
    """A new category; a code is never used again."""

    code: Code
    name_zh: Label
    name_en: Label
    parent_id: UUID | None = None
    sort_order: SmallInt = 0


class CategoryPatch(Patch):
    """The code and the place in the tree stay: items refer to the one, statistics to the other."""

    name_zh: Label | None = None
    name_en: Label | None = None
    sort_order: SmallInt | None = None
    active: bool | None = None


class Category(Out):
    """A kind of problem; `parent_id` is null on the top level."""

    id: UUID
    parent_id: UUID | None
    code: str
    name_zh: str
    name_en: str
    active: bool
    sort_order: int
    version: int
    created_at: Instant
    updated_at: Instant


class CategoryPage(PageOf[Category]):
    """A page of categories."""


class CategoryQuery(PageQuery):
    """Which categories to list."""

    parent_id: Annotated[
        UUID | Literal["none"] | None, Field(description="none：仅一级 · none: only the top level")
    ] = None
    active: Flag = None
    q: Words | None = None


class SourceTypeIn(Api):
    """The next version of a source type; items keep the version they were drafted with."""

    name_zh: Label
    name_en: Label
    json_schema: Annotated[
        dict[str, Any], Field(description="补充字段的 JSON Schema（2020-12）· Schema of extra fields")
    ]
    required: Annotated[tuple[RequiredField, ...], Field(max_length=len(RequiredField))] = ()
    sealed: Annotated[
        tuple[Code, ...], Field(max_length=20, description="加密保护的补充字段 · Sealed extra fields")
    ] = ()
    external: bool = False
    active: bool = True

    @model_validator(mode="after")
    def _names_things_once(self) -> Self:
        if len(set(self.required)) != len(self.required) or len(set(self.sealed)) != len(self.sealed):
            raise ValueError(Fault("repeated", Text("同一字段列出了两次", "A field is named twice")))
        return self


class SourceType(Out):
    """One version of a source type: where problems come from and what must be said about them."""

    code: str
    schema_version: int
    name_zh: str
    name_en: str
    json_schema: dict[str, Any]
    required: list[RequiredField]
    sealed: list[str]
    external: bool
    active: bool
    created_at: Instant


class SourceTypePage(PageOf[SourceType]):
    """A page of source types."""


class SourceTypeQuery(PageQuery):
    """Which source types to list."""

    active: Flag = None
