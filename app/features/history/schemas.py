"""History on the wire: events as told, the same events as transitions, and the feed."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from app.core.fields import Instant
from app.core.models import Out
from app.core.paging import DEFAULT_LIMIT, MAX_LIMIT, PageOf, PageQuery
from app.lifecycle.states import Action

LAST_POSITION = 2**53 - 1

_EventType = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*$", max_length=64)]
_Kind = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$", max_length=32)]


def _parts(given: object) -> object:
    """A comma means "or", and so does naming the parameter again."""
    if not isinstance(given, list):
        return given
    return [part for value in given for part in str(value).split(",")]


def _in_reach(limit: int) -> int:
    return min(limit, MAX_LIMIT)


Types = Annotated[
    list[_EventType] | None,
    BeforeValidator(_parts),
    Field(max_length=50, description="事件类型，逗号表示或 · Event types; a comma means or"),
]
Kinds = Annotated[
    list[_Kind] | None,
    BeforeValidator(_parts),
    Field(max_length=50, description="对象类型，逗号表示或 · Kinds of subjects; a comma means or"),
]
CycleFrom = Annotated[int, Field(ge=1, le=10**6, description="自第几轮整改起 · From this cycle on; 1 is the first")]


class EventQuery(PageQuery):
    """Which events of an item."""

    type: Types = None
    cycle_from: CycleFrom = 1


class TransitionQuery(PageQuery):
    """Which transitions of an item."""

    cycle_from: CycleFrom = 1


class FeedQuery(BaseModel):
    """Where to go on, and what to look for."""

    model_config = ConfigDict(frozen=True)

    after: Annotated[
        int, Field(ge=0, le=LAST_POSITION, description="上次的 next_after；0 从头开始 · next_after of before; 0 begins")
    ] = 0
    limit: Annotated[
        int,
        Field(ge=1, le=10**9, description="最多条数，不超过 200 · At most so many; more than 200 is taken as 200"),
        AfterValidator(_in_reach),
    ] = DEFAULT_LIMIT
    type: Types = None
    subject_kind: Kinds = None


class StreamQuery(BaseModel):
    """Where to begin, unless Last-Event-ID says it, and what to look for."""

    model_config = ConfigDict(frozen=True)

    after: Annotated[
        int | None,
        Field(
            ge=0,
            le=LAST_POSITION,
            description="自此序号之后；不填自现在起 · After this position; left out: from now on",
        ),
    ] = None
    type: Types = None
    subject_kind: Kinds = None


class EventLabel(Out):
    """What happened, for people."""

    zh: str
    en: str


class EventActor(Out):
    """Who did it; `id` is the account or API key as it stands in the evidence, names are those of today.

    The system itself has neither id nor name.
    """

    id: UUID | None
    kind: str
    person_id: UUID | None
    name: str | None
    unit_id: UUID | None
    unit_name: str | None
    on_behalf_of: UUID | None
    on_behalf_of_name: str | None


class Event(Out):
    """One step; `position` is null for the second until it has one, `label` for a type this build does not know.

    `leaf_hash` is SHA-256 of 0x00 and the canonical body, `prev` the leaf hash of the event before; both hex.
    """

    id: UUID
    seq: int
    position: int | None
    type: str
    label: EventLabel | None
    at: Instant
    eff: Instant | None
    actor: EventActor
    from_state: str | None
    to_state: str | None
    fields: dict[str, Any]
    comment: str | None
    leaf_hash: str
    prev: str
    masked_fields: list[str]
    redacted_fields: Annotated[
        list[str],
        Field(
            description="已脱敏的字段：值已删除，承诺仍在 · Fields whose words were redacted; their commitments stay"
        ),
    ]


class EventPage(PageOf[Event]):
    """Oldest first."""


class FeedEvent(Event):
    """An event with what it happened to."""

    subject_kind: str
    subject_id: UUID


class FeedCheckpoint(Out):
    """The newest signed checkpoint: whoever keeps one can show later that nothing before it was changed."""

    size: int
    note: Annotated[str, Field(description="C2SP 签名文本，原样保存 · A C2SP signed note, to be kept as it is")]


class Feed(Out):
    """Go on with `next_after`; an empty page may move on too, and what was once passed never appears behind it."""

    items: list[FeedEvent]
    next_after: int
    checkpoint: Annotated[
        FeedCheckpoint | None,
        Field(description="最新检查点；尚无时为 null · The newest checkpoint; null before the first"),
    ]


class TransitionOut(Out):
    """An action that was taken: its event seen as a transition."""

    id: UUID
    seq: int
    action: Action
    label: EventLabel
    from_state: str | None
    to_state: str | None
    comment: str | None
    document: dict[str, Any] | None
    data: dict[str, Any]
    occurred_at: Instant
    recorded_at: Instant
    actor: EventActor
    masked_fields: list[str]


class TransitionPage(PageOf[TransitionOut]):
    """Oldest first."""
