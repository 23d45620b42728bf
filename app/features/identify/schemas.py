"""What clients send and get around items: drafting, describing, moving, listing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Union
from uuid import UUID

from pydantic import Discriminator, Field, JsonValue, WithJsonSchema, create_model, model_validator

from app.core.enums import LabelledEnum
from app.core.errors import Text
from app.core.fields import Code, Day, Instant, Line, LongText, Title
from app.core.form_schema import FormContent
from app.core.messages import refusal
from app.core.models import Api, Out
from app.core.patching import Patch
from app.lifecycle.action_data import Document, MajorMatter, TransitionBase
from app.lifecycle.schemas import ItemOut
from app.lifecycle.states import Action, Confidentiality, Severity, State
from app.lifecycle.transitions import TABLE

MAX_BATCH = 200
Path = Annotated[list[Line], Field(max_length=10)]


class ExternalRefIn(Api):
    """The id of the same problem in another system; unique, so an import can be repeated safely."""

    system: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._:/#-]{1,128}$")]


class SourceIn(Api):
    type: Code
    unit_id: UUID | None = None
    document: Title | None = None
    document_no: Annotated[Line, Field(max_length=100)] | None = None
    quote: LongText | None = None
    path: Path = []
    fields: FormContent = {}


class ItemIn(Api):
    """A draft: what was found, where it comes from, whose it is. The number comes with registration."""

    ledger_id: UUID
    title: Title | None = None
    description: LongText | None = None
    source: SourceIn
    category: Code | None = None
    severity: Severity | None = None
    confidentiality: Confidentiality = Confidentiality.INTERNAL
    major_matter: MajorMatter | None = None
    found_on: Day | None = None
    responsible_unit_id: UUID | None = None
    external_ref: ExternalRefIn | None = None
    remarks: LongText | None = None

    @model_validator(mode="after")
    def texts_fit_the_level(self) -> ItemIn:
        """A secret stub holds no text at all; everything else needs a title."""
        texts = (self.title, self.description, self.remarks, self.source.document, self.source.quote)
        if self.confidentiality is Confidentiality.SECRET_STUB:
            if any(texts) or self.source.path or self.source.fields or self.major_matter:
                raise refusal("stub_has_text", Text("涉密占位事项不得填写文字", "a secret stub carries no text"))
        elif self.title is None:
            raise refusal("title_missing", Text("须填写问题标题", "a title is needed"))
        return self


class SourcePatch(Api):
    unit_id: UUID | None = None
    document: Title | None = None
    document_no: Annotated[Line, Field(max_length=100)] | None = None
    quote: LongText | None = None
    path: Path | None = None
    fields: FormContent | None = None


class ItemPatch(Patch):
    """Descriptive fields only, as a merge patch: an absent field stays, null empties. State and deadline never."""

    NULLABLE: ClassVar[frozenset[str]] = frozenset(
        {
            "description", "source", "category", "severity", "found_on", "responsible_unit_id", "goal", "root_cause",
            "remarks",
        }
    )  # fmt: skip

    title: Title | None = None
    description: LongText | None = None
    source: SourcePatch | None = None
    category: Code | None = None
    severity: Severity | None = None
    found_on: Day | None = None
    responsible_unit_id: UUID | None = None
    goal: LongText | None = None
    root_cause: LongText | None = None
    remarks: LongText | None = None

    @model_validator(mode="after")
    def not_empty(self) -> ItemPatch:
        if not self.model_fields_set:
            raise refusal("nothing_to_change", Text("没有要修改的内容", "nothing to change"))
        return self


def _action_model(action: Action, data: type[Any]) -> type[TransitionBase]:
    needed = any(field.is_required() for field in data.model_fields.values())
    name = "".join(part.capitalize() for part in action.value.split("_"))
    fields: dict[str, Any] = {
        "action": (Literal[action], ...),
        "data": (data, ... if needed else Field(default_factory=data)),
    }
    return create_model(f"Transition{name}", __base__=TransitionBase, __doc__=f"{action.zh} · {action.en}", **fields)


ACTION_MODELS: dict[Action, type[TransitionBase]] = {row.action: _action_model(row.action, row.data) for row in TABLE}
if TYPE_CHECKING:
    TransitionIn = TransitionBase
else:
    TransitionIn = Annotated[Union[tuple(ACTION_MODELS.values())], Discriminator("action")]  # noqa: UP007 - from the table


class Actor(Out):
    """Who did it: the person, the unit acted for, and whom the person stood in for."""

    person_id: UUID | None
    unit_id: UUID | None
    on_behalf_of: UUID | None


class TransitionDone(Out):
    id: UUID
    item_id: UUID
    seq: int
    action: Action
    from_state: State
    to_state: State
    occurred_at: Instant
    recorded_at: Instant
    actor: Actor


class TransitionReply(Out):
    """The transition recorded, and the item after it. With `validate_only` the transition is the one that would be."""

    transition: TransitionDone
    item: ItemOut


class BlockedBy(Out):
    rule: str
    detail: str
    who: list[str]


class AvailableTransition(Out):
    """One button: `data_schema` is the form behind it."""

    action: Action
    label: str
    enabled: bool
    blocked_by: list[BlockedBy]
    to: list[State]
    data_schema: dict[str, JsonValue]


class AvailableTransitions(Out):
    item_id: UUID
    version: int
    items: list[AvailableTransition]


class BatchItem(Api):
    """One item of a batch; `version` is the one the caller saw."""

    client_ref: Annotated[str, Field(max_length=64)] | None = None
    id: UUID
    version: Annotated[int, Field(ge=1, le=2**31 - 1)]
    comment: LongText | None = None
    occurred_at: Instant | None = None
    document: Document | None = None
    data: dict[str, JsonValue] = {}


class BatchMode(LabelledEnum):
    """What becomes of a batch in which an item cannot be moved."""

    ATOMIC = "atomic", "全办或全不办", "All or none"
    PARTIAL = "partial", "逐件办理", "Each by itself"


class BatchIn(Api):
    """One action on many items. `atomic`: all or none; `partial`: each by itself, every failure reported."""

    action: Action
    mode: BatchMode = BatchMode.PARTIAL
    items: Annotated[list[BatchItem], Field(min_length=1, max_length=MAX_BATCH)]

    @model_validator(mode="after")
    def each_item_once(self) -> BatchIn:
        if len({item.id for item in self.items}) != len(self.items):
            raise refusal("item_twice", Text("同一事项在批量中出现两次", "an item appears twice in the batch"))
        return self


ProblemOfItem = Annotated[dict[str, JsonValue], WithJsonSchema({"$ref": "#/components/schemas/Problem"})]


class BatchResult(Out):
    client_ref: str | None
    id: UUID
    status: int
    version: int | None
    number: str | None
    state: State | None
    transition_id: UUID | None
    receipt: str | None = Field(description="回执，即单件办理的 Rectify-Receipt · as the header of a single transition")
    problem: ProblemOfItem | None


class BatchSummary(Out):
    total: int
    succeeded: int
    failed: int


class BatchReply(Out):
    items: list[BatchResult]
    summary: BatchSummary


class DuplicateCandidate(Out):
    """An item that may be the same problem; the score is Jaccard similarity of bigrams in thousandths."""

    item_id: UUID
    number: str | None
    title: str | None
    score_permille: int


class Duplicates(Out):
    items: list[DuplicateCandidate]
