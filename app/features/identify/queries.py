"""Reads of items: one, a page of many, those visible among given ids, and look-alikes of a draft."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict, replace
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import partial
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field

from app.access.actor import Actor
from app.access.authenticate import Credential, actor_from_row, authenticate, credential_of
from app.access.guarding import require
from app.access.permissions import Permission
from app.access.scope import Shape, shape_for
from app.core import clock
from app.core.asof import AS_OF, AsOf, require_settled
from app.core.db import Database, Reader
from app.core.enums import LabelledEnum
from app.core.errors import CATALOGUE, Fault, Problem, Text
from app.core.fields import Day, Instant
from app.core.http import Request
from app.core.messages import refusal
from app.core.paging import TOTAL_CAP, Cursor, PageQuery
from app.core.text import fold, query_tokens
from app.features.identify import past_listing
from app.features.identify.listing import Query, arguments, keyset_of, page_sql, tail_follows
from app.features.identify.schemas import DuplicateCandidate
from app.lifecycle.duplicates import candidates
from app.lifecycle.gather import read_items
from app.lifecycle.light import Light
from app.lifecycle.schemas import ItemOut
from app.lifecycle.states import Confidentiality, Mode, Phase, Severity, State
from app.lifecycle.view import ITEM_SQL, item_out

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


class ItemSort(LabelledEnum):
    """Orders of the item list; a minus turns one round."""

    DUE_ON = "due_on", "期限由近到远", "Due first"
    DUE_ON_DESC = "-due_on", "期限由远到近", "Due last"
    UPDATED_AT = "updated_at", "最久未更新在前", "Longest untouched first"
    UPDATED_AT_DESC = "-updated_at", "最近更新在前", "Last changed first"
    REGISTERED_AT = "registered_at", "先立账在前", "Registered first"
    REGISTERED_AT_DESC = "-registered_at", "后立账在前", "Registered last"
    NUMBER = "number", "编号由小到大", "By number"
    NUMBER_DESC = "-number", "编号由大到小", "By number, descending"


class ItemQuery(PageQuery):
    """Filters of the item list: values separated by commas are alternatives, different filters must all hold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    state: Annotated[str, Field(max_length=400, description="状态代码 · Codes of states"), _codes(State)] | None = None
    phase: Annotated[str, Field(max_length=100, description="阶段代码 · Codes of phases"), _codes(Phase)] | None = None
    ledger_id: Annotated[Ids, Field(description="台账 · Ledgers")] = None
    unit_id: Annotated[Ids, Field(description="涉及的任一单位 · A unit in any part")] = None
    unit_subtree: Annotated[bool, Field(description="包含 unit_id 的下级 · Units below unit_id too")] = False
    lead_unit_id: Annotated[Ids, Field(description="牵头单位 · Lead units")] = None
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
    as_of: Annotated[AsOf | None, Field(description=AS_OF)] = None
    sort: Annotated[ItemSort, Field(description="排序，前加 - 倒序 · Order; a minus reverses it")] = (
        ItemSort.UPDATED_AT_DESC
    )


_ARRAYS = (
    "state", "phase", "ledger_id", "lead_unit_id", "responsible_unit_id", "accountable_leader_id", "person_id",
    "source_type", "category", "severity", "mode", "confidentiality", "light", "number", "external_ref",
)  # fmt: skip
_PLAIN = ("major", "overdue", "due_on_from", "due_on_to", "cycle_from", "updated_since", "waiting_for")
_DAYS = ("registered_on", "completed_on", "closed_on")


def _start_of(day: date) -> datetime:
    return datetime.combine(day, time(), clock.BEIJING).astimezone(UTC)


def _filters(query: ItemQuery) -> list[tuple[str, Any]]:
    """The filters named, with database values; days are Beijing days."""
    found: list[tuple[str, Any]] = []
    for name in _ARRAYS:
        text = getattr(query, name)
        if text is not None:
            parts: list[Any] = text.split(",")
            found.append((name, [UUID(part) for part in parts] if name.endswith("_id") else parts))
    if query.unit_id is not None:
        name = "unit_id+subtree" if query.unit_subtree else "unit_id"
        found.append((name, [UUID(part) for part in query.unit_id.split(",")]))
    found += [(name, getattr(query, name)) for name in _PLAIN if getattr(query, name) is not None]
    for name in _DAYS:
        start, end = getattr(query, f"{name}_from"), getattr(query, f"{name}_to")
        if start is not None:
            found.append((f"{name}_from", _start_of(start)))
        if end is not None:
            found.append((f"{name}_to", _start_of(end + timedelta(days=1))))
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


_reach: dict[str, Shape] = {}
_REACH_LIMIT = 10_000


async def page(request: Request, db: Database, query: ItemQuery, cursor: Cursor) -> tuple[Actor, bytes, str | None]:
    """The caller, the JSON of one page, and the cursor of the next. 401 comes from the same statement.

    Raises invalid_cursor, and for the past forbidden, as_of_too_recent and as_of_not_combinable.
    """
    credential = credential_of(request)
    chosen = _filters(query)
    after = None if query.cursor is None else cursor.decode(query.cursor)
    wanted = Query(
        filters=tuple(name for name, _ in chosen),
        values=tuple(value for _, value in chosen),
        sort=query.sort.removeprefix("-"),
        descending=query.sort.startswith("-"),
        limit=query.limit,
        after=None if after is None else (after[0], after[1]),  # type: ignore[arg-type]
        total=query.include == "total",
    )
    if query.as_of is None:
        ask: _Ask = partial(_now, db, credential, wanted)
        follows = tail_follows(wanted)
    else:
        await _refuse_only_now(request, db, query)
        ask = partial(_then, db, credential, wanted, query.as_of)
        follows = past_listing.tail_of(wanted) is not None
    actor, row, shape = await _first(request, f"{credential.account_id or credential.digest}", ask)
    if query.as_of is not None:
        require(actor, Permission.ITEM_READ)
        require_settled(query.as_of, row["db_now"])
    body, row = await _with_tail(wanted, row, follows=follows, tail=partial(ask, shape))
    return actor, *_finished(body, row, wanted, cursor)


_Ask = Callable[..., Awaitable[Any]]
"""Given a shape, the first statement of a page; given a number of rows too, that of its tail."""


async def _refuse_only_now(request: Request, db: Database, query: ItemQuery) -> None:
    named = [name for name in past_listing.ONLY_NOW if getattr(query, name) is not None]
    if not named:
        return
    require(await authenticate(db, request), Permission.ITEM_READ)
    kind = CATALOGUE["as_of_not_combinable"]
    faults = [Fault("as_of_not_combinable", kind.title, parameter=f"query.{name}") for name in named]
    raise Problem("as_of_not_combinable", faults=faults)


async def _first(request: Request, known: str, ask: _Ask) -> tuple[Actor, Any, Shape]:
    """The first rows, asked for in the shape that suited this caller last, or again if it suits no more."""
    shape = _reach.get(known, Shape.WALK)
    row = await ask(shape)
    actor = actor_from_row(row, request.scope["rectify.language"])
    if shape_for(actor) is not shape:
        shape = shape_for(actor)
        if len(_reach) > _REACH_LIMIT:
            _reach.clear()
        _reach[known] = shape
        row = await ask(shape)
        actor = actor_from_row(row, request.scope["rectify.language"])
    return actor, row, shape


async def _now(db: Database, credential: Credential, wanted: Query, shape: Shape, tail: int | None = None) -> Any:
    if tail is None:
        sql = page_sql(shape, wanted.filters, wanted.sort, keyset_of(wanted), total=wanted.total)
        return await db.fetchrow(sql, *credential, *arguments(wanted, wanted.limit))
    sql = page_sql(shape, wanted.filters, wanted.sort, "tail", total=False)
    return await db.fetchrow(sql, *credential, *arguments(replace(wanted, after=None), tail))


async def _then(
    db: Database, credential: Credential, wanted: Query, as_of: datetime, shape: Shape, tail: int | None = None
) -> Any:
    keyset = past_listing.keyset_of(wanted) if tail is None else past_listing.tail_of(wanted)
    sql = past_listing.page_sql(shape, wanted.filters, wanted.sort, keyset or "", total=wanted.total and tail is None)
    asked, limit = (wanted, wanted.limit) if tail is None else (replace(wanted, after=None), tail)
    in_tail = keyset is not None and keyset.startswith("tail")
    return await db.fetchrow(sql, *credential, *past_listing.arguments(asked, as_of, limit, tail=in_tail))


async def _with_tail(
    wanted: Query, row: Any, *, follows: bool, tail: Callable[[int], Awaitable[Any]]
) -> tuple[str, Any]:
    """A page that ran out of rows with a value to sort by is filled from those without one."""
    if row["found"] > wanted.limit or not follows:
        return row["body"], row
    missing = wanted.limit - row["found"]
    more = await tail(max(missing, 1))
    if missing == 0:
        return row["body"], {**row, "found": wanted.limit + (more["found"] > 0)}
    joined = ", ".join(part for part in (row["body"][1:-1], more["body"][1:-1]) if part)
    return f"[{joined}]", {**more, "total": row["total"], "found": row["found"] + more["found"]}


def _finished(body: str, row: Any, wanted: Query, cursor: Cursor) -> tuple[bytes, str | None]:
    following = cursor.encode([row["last_sort"], row["last_id"]]) if row["found"] > wanted.limit else None
    total, relation = row["total"], "null"
    if total is not None:
        relation = '"gte"' if total > TOTAL_CAP else '"eq"'
    shown = "null" if total is None else str(min(total, TOTAL_CAP))
    quoted = "null" if following is None else f'"{following}"'
    text = f'{{"items":{body},"next_cursor":{quoted},"total":{shown},"total_relation":{relation}}}'
    return text.encode(), following


async def one(request: Request, db: Database, item_id: UUID | None) -> tuple[Actor, ItemOut]:
    """Caller and item in one statement: 401, then 404 for what is absent or out of scope, then 403."""
    credential = credential_of(request)
    row = await db.fetchrow(ITEM_SQL, *credential, item_id)
    actor = actor_from_row(row, request.scope["rectify.language"])
    if row is None or row["id"] is None:
        raise Problem("not_found")
    return actor, item_out(dict(row), actor, credential.today)


async def look_alikes(reader: Reader, actor: Actor, item_id: UUID) -> list[DuplicateCandidate]:
    """What `register` will ask about, as far as the caller may read it: nothing else can be answered, or must be known."""
    rows = await read_items(reader, [item_id])
    found = await candidates(reader, actor, [rows[item_id]], clock.now())
    return [DuplicateCandidate(**asdict(candidate)) for candidate in found.get(item_id, ())]
