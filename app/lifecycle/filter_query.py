"""What items can be chosen by, as it arrives in an address: one model for lists and for figures."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from app.core import clock
from app.core.enums import LabelledEnum
from app.core.errors import Fault, Problem, Text
from app.core.fields import Day, Instant
from app.core.messages import refusal
from app.core.text import fold, query_tokens
from app.lifecycle.light import Light
from app.lifecycle.states import Confidentiality, Mode, Phase, Severity, State

MAX_VALUES: Final = 50


def _codes(kind: type[StrEnum]) -> AfterValidator:
    """A comma-separated list of codes; an unknown one is an error, not an empty page."""
    known = {member.value for member in kind}

    def check(text: str) -> str:
        if not set(text.split(",")) <= known:
            raise refusal("unknown_code", Text("含有未定义的代码", "Contains an undefined code"))
        return text

    return AfterValidator(check)


def _uuids(text: str) -> str:
    try:
        found = [UUID(part) for part in text.split(",")]
    except ValueError:
        raise refusal("uuid_invalid", Text("应为逗号分隔的 UUID", "Must be UUIDs separated by commas")) from None
    if len(found) > MAX_VALUES:
        raise refusal("too_many_values", Text("取值过多", "Too many values"))
    return text


Ids = Annotated[str | None, Field(max_length=2000), AfterValidator(lambda text: None if text is None else _uuids(text))]
Words = Annotated[str | None, Field(min_length=1, max_length=1000, pattern=r"^[^\x00-\x1f]+$")]


class Empty(LabelledEnum):
    """Fields an item gets on its way, and may therefore not have yet."""

    LEAD_UNIT_ID = "lead_unit_id", "牵头单位", "The lead unit"
    ACCOUNTABLE_LEADER_ID = "accountable_leader_id", "责任领导", "Accountable leaders"
    CATEGORY = "category", "类别", "The category"
    SEVERITY = "severity", "等级", "Severity"
    MODE = "mode", "整改方式", "The mode"


class ItemFilters(BaseModel):
    """What items are chosen by: values separated by commas are alternatives, different filters must all hold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: Annotated[str, Field(max_length=400, description="状态代码 · Codes of states"), _codes(State)] | None = None
    phase: Annotated[str, Field(max_length=100, description="阶段代码 · Codes of phases"), _codes(Phase)] | None = None
    ledger_id: Annotated[Ids, Field(description="台账 · Ledgers")] = None
    unit_id: Annotated[Ids, Field(description="涉及的任一单位 · A unit in any part")] = None
    unit_subtree: Annotated[bool, Field(description="包含 unit_id 的下级 · Units below unit_id too")] = False
    lead_unit_id: Annotated[Ids, Field(description="牵头单位 · Lead units")] = None
    lead_unit_within: Annotated[
        Ids, Field(description="牵头单位在这些单位及其下级之中 · The lead unit is one of these or below them")
    ] = None
    working_unit_id: Annotated[
        Ids, Field(description="牵头、责任或协办单位 · Units that lead, answer for or help with it")
    ] = None
    responsible_unit_id: Annotated[Ids, Field(description="责任单位 · Responsible units")] = None
    accountable_leader_id: Annotated[Ids, Field(description="责任领导 · Accountable leaders")] = None
    person_id: Annotated[Ids, Field(description="涉及的任一人员 · A person in any part")] = None
    source_type: Annotated[Words, Field(description="来源代码 · Codes of source types")] = None
    category: Annotated[Words, Field(description="类别代码 · Codes of categories")] = None
    severity: (
        Annotated[str, Field(max_length=100, description="等级代码 · Codes of severity"), _codes(Severity)] | None
    ) = None
    mode: Annotated[str, Field(max_length=100, description="整改方式代码 · Codes of modes"), _codes(Mode)] | None = None
    confidentiality: (
        Annotated[
            str, Field(max_length=100, description="敏感程度代码 · Codes of confidentiality"), _codes(Confidentiality)
        ]
        | None
    ) = None
    major: Annotated[bool | None, Field(description="是否“三重一大” · Whether a body decides it")] = None
    light: Annotated[str, Field(max_length=60, description="灯色代码 · Codes of lights"), _codes(Light)] | None = None
    overdue: Annotated[bool | None, Field(description="是否超期 · Whether past due")] = None
    number: Annotated[Words, Field(description="编号 · Numbers")] = None
    external_ref: Annotated[Words, Field(description="外部标识 system:id · Ids in other systems")] = None
    due_on_from: Annotated[Day | None, Field(description="期限起 · Due on or after")] = None
    due_on_to: Annotated[Day | None, Field(description="期限止 · Due on or before")] = None
    registered_on_from: Annotated[Day | None, Field(description="立账日期起 · Registered on or after")] = None
    registered_on_to: Annotated[Day | None, Field(description="立账日期止 · Registered on or before")] = None
    completed_on_from: Annotated[Day | None, Field(description="整改完成日期起 · Completed on or after")] = None
    completed_on_to: Annotated[Day | None, Field(description="整改完成日期止 · Completed on or before")] = None
    closed_on_from: Annotated[Day | None, Field(description="销号日期起 · Closed on or after")] = None
    closed_on_to: Annotated[Day | None, Field(description="销号日期止 · Closed on or before")] = None
    cycle_from: (
        Annotated[int, Field(ge=1, le=1000, description="自第几轮整改起 · From this cycle on; 1 is the first")] | None
    ) = None
    updated_since: Annotated[Instant | None, Field(description="此刻以后有变化 · Changed since")] = None
    waiting_for: Annotated[Literal["me"] | None, Field(description="me：等我办理 · me: what waits for the caller")] = (
        None
    )
    q: (
        Annotated[str, Field(min_length=2, max_length=100, description="编号、标题、描述 · Number, title, text")] | None
    ) = None
    without: (
        Annotated[str, Field(max_length=200, description="尚未填写的字段 · Fields that are empty"), _codes(Empty)]
        | None
    ) = None


_ARRAYS: Final = (
    "state", "phase", "ledger_id", "lead_unit_id", "lead_unit_within", "working_unit_id", "responsible_unit_id",
    "accountable_leader_id", "person_id", "source_type", "category", "severity", "mode", "confidentiality", "light",
    "number", "external_ref",
)  # fmt: skip
_PLAIN: Final = ("major", "overdue", "due_on_from", "due_on_to", "cycle_from", "updated_since", "waiting_for")
_DAYS: Final = ("registered_on", "completed_on", "closed_on")


def start_of(day: date) -> datetime:
    return datetime.combine(day, time(), clock.BEIJING).astimezone(UTC)


def chosen(query: ItemFilters) -> list[tuple[str, Any]]:
    """The filters named, with database values; days are Beijing days."""
    found: list[tuple[str, Any]] = []
    for name in _ARRAYS:
        text = getattr(query, name)
        if text is not None:
            parts: list[Any] = list(dict.fromkeys(text.split(",")))
            found.append((name, [UUID(part) for part in parts] if name.endswith(("_id", "_within")) else parts))
    if query.unit_id is not None:
        name = "unit_id+subtree" if query.unit_subtree else "unit_id"
        found.append((name, [UUID(part) for part in query.unit_id.split(",")]))
    found += [(name, getattr(query, name)) for name in _PLAIN if getattr(query, name) is not None]
    for name in _DAYS:
        start, end = getattr(query, f"{name}_from"), getattr(query, f"{name}_to")
        if start is not None:
            found.append((f"{name}_from", start_of(start)))
        if end is not None:
            found.append((f"{name}_to", start_of(end + timedelta(days=1))))
    if query.without is not None:
        found += [(f"without {name}", True) for name in query.without.split(",")]
    if query.q is not None:
        found += _search(query.q)
    return sorted(found, key=lambda pair: pair[0])


def _search(text: str) -> list[tuple[str, Any]]:
    """All bigrams by index, then the words themselves: pairs alone do not prove that they stand together."""
    tokens = query_tokens(text)
    if not tokens:
        fault = Fault(
            "query_too_short", Text("至少两个可检索的字符", "At least two searchable characters"), parameter="query.q"
        )
        raise Problem("validation_failed", faults=[fault])
    words = fold(text).strip().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return [("q", " & ".join(f"'{token}'" for token in tokens)), ("q_exact", f"%{words}%")]
