"""Webhook endpoints on the wire."""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, Field, model_validator

from app.core.enums import LABELLED, LabelledEnum
from app.core.errors import Text
from app.core.fields import Instant, Line
from app.core.messages import refusal
from app.core.models import Api, Out
from app.core.outgoing import LONGEST_URL
from app.core.paging import PageOf, PageQuery
from app.core.patching import Patch
from app.features.webhooks.rules import DeliveryOutcome, known

LAST_POSITION: Final = 2**53 - 1
_UNKNOWN: Final = Text("没有这样的事件类型", "No event is of such a type")
_ONE_OF_BOTH: Final = Text("after 与 event_id 填写其一", "Give either after or event_id")


def _known(choice: str) -> str:
    if not known(choice):
        raise refusal("unknown_event_type", _UNKNOWN)
    return choice


Choice = Annotated[
    str, Field(max_length=64, pattern=r"^[a-z][a-z0-9_]*\.([a-z][a-z0-9_]*|\*)$"), AfterValidator(_known)
]
Choices = Annotated[
    list[Choice],
    Field(
        max_length=50,
        description="事件类型，或 item.* 这样的前缀；空表示全部 · Event types, or prefixes such as item.*; empty means all",
    ),
]
Address = Annotated[
    str,
    Field(
        min_length=1,
        max_length=LONGEST_URL,
        json_schema_extra={"format": "uri"},
        description="接收方地址，须在管理员允许之列 · Where to send; an administrator must have allowed it",
    ),
]
Description = Annotated[Line, Field(max_length=200)]


class EndpointState(LabelledEnum):
    """Whether anything is sent."""

    ACTIVE = "active", "推送中", "Active"
    PAUSED = "paused", "已暂停", "Paused"
    DISABLED = "disabled", "已停用", "Disabled"


class DisabledReason(LabelledEnum):
    """Why the service stopped sending by itself."""

    GONE = "gone", "接收方答复 410", "The receiver answered 410"


class WebhookEndpointIn(Api):
    """A new endpoint: it sends what its owner may see, from now on."""

    url: Address
    description: Description | None = None
    event_types: Choices = []


class WebhookEndpointPatch(Patch):
    """A change. Only the owner may send another `url`, `description` or `event_types`."""

    NULLABLE: ClassVar[frozenset[str]] = frozenset({"description"})
    url: Address | None = None
    description: Description | None = None
    event_types: Choices | None = None
    state: Annotated[Literal[EndpointState.ACTIVE, EndpointState.PAUSED], LABELLED] | None = None


class ReplayIn(Api):
    """Everything after a position once more, or one event that was set aside."""

    after: Annotated[
        int | None,
        Field(ge=0, le=LAST_POSITION, description="自此序号之后 · Everything after this position"),
    ] = None
    event_id: Annotated[UUID | None, Field(description="已搁置的事件 · An event that was set aside")] = None

    @model_validator(mode="after")
    def _either(self) -> Self:
        if (self.after is None) == (self.event_id is None):
            raise refusal("one_of_both", _ONE_OF_BOTH)
        return self


class WebhookEndpoint(Out):
    """An endpoint without its secret; the owner is the account or the API key that made it."""

    id: UUID
    owner_account_id: UUID | None
    owner_api_key_id: UUID | None
    owner_name: str
    url: str
    description: str | None
    event_types: list[str]
    state: EndpointState
    state_reason: DisabledReason | None
    cursor: Annotated[int, Field(description="此序号及以前均已处理 · Everything up to this position is done with")]
    lag: Annotated[int, Field(description="尚未处理的日志条数 · How many positions of the log are still ahead")]
    held: Annotated[int, Field(description="被拒收、等待重试的事件数 · Events refused or waiting behind one that was")]
    failing_since: Annotated[Instant | None, Field(description="接收方自何时不可达 · Since when the receiver is away")]
    last_error: Annotated[
        str | None,
        Field(description="最近的故障代码，如 timeout、http_503 · The latest failure, such as timeout or http_503"),
    ]
    next_attempt_at: Annotated[
        Instant | None, Field(description="不可达时下次尝试的时间 · When an away one is tried again")
    ]
    delivered_at: Annotated[Instant | None, Field(description="最近一次送达 · The latest delivery")]
    version: int
    created_at: Instant
    updated_at: Instant


class NewWebhookEndpoint(WebhookEndpoint):
    """With its secret, which is shown here and never again."""

    SECRET: ClassVar[frozenset[str]] = frozenset({"secret"})
    secret: str | None


class WebhookEndpointPage(PageOf[WebhookEndpoint]):
    """In the order of making."""


class Delivery(Out):
    """What became of an attempt: one row for all that was taken in a row, one for each that was not.

    A ping has no positions. `attempt` counts those of one event, or of an away receiver.
    """

    id: UUID
    at: Instant
    outcome: DeliveryOutcome
    events: int
    first_position: int | None
    last_position: int | None
    event_id: UUID | None
    attempt: int
    http_status: int | None
    error: str | None
    duration_ms: int


class DeliveryPage(PageOf[Delivery]):
    """Newest first; kept for 30 days."""


class DeliveryQuery(PageQuery):
    """Which attempts to list."""

    outcome: Annotated[DeliveryOutcome | None, Field(description="结果 · What became of it")] = None
