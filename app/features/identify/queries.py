"""Reads of items: one, a page of many, those visible among given ids, and look-alikes of a draft."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict, replace
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field

from app.access.actor import Actor
from app.access.authenticate import authenticate
from app.access.guarding import require
from app.access.memory import Caller, Memory
from app.access.permissions import Permission
from app.access.reach import Reach, reach_of
from app.core import clock
from app.core.asof import AS_OF, AsOf, require_settled
from app.core.db import Database, Reader
from app.core.enums import LabelledEnum
from app.core.errors import CATALOGUE, Fault, Problem, Text
from app.core.fields import Day
from app.core.http import Request
from app.core.messages import refusal
from app.core.paging import TOTAL_CAP, Cursor, PageQuery
from app.features.identify import past_listing
from app.features.identify.listing import SET, TO_COME, Query, arguments, keyset_of, page_sql, tail_follows
from app.features.identify.schemas import DuplicateCandidate
from app.lifecycle.duplicates import candidates
from app.lifecycle.filter_query import ItemFilters, chosen
from app.lifecycle.filters import ONLY_NOW
from app.lifecycle.gather import read_items
from app.lifecycle.next_movers import Movers, movers_of
from app.lifecycle.schemas import ItemOut
from app.lifecycle.view import ITEM_SQL, item_out, with_seldom
from app.metrics.definitions import Basis
from app.metrics.drill import named_set

_NO_SET: Final = Text("period_from、period_to 须与 set 同用", "period_from and period_to go with set")
_NO_PERIOD: Final = Text("该集合须给出期间的首日和末日", "This set needs the first and last day of its period")


def _set(text: str) -> str:
    if named_set(text) is None:
        raise refusal("unknown_code", Text("含有未定义的代码", "Contains an undefined code"))
    return text


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


class ItemQuery(ItemFilters, PageQuery):
    """Filters of the item list: values separated by commas are alternatives, different filters must all hold."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    set: (
        Annotated[
            str,
            Field(max_length=80, description="指标的集合，如 closure_rate.numerator · What a figure counted"),
            AfterValidator(_set),
        ]
        | None
    ) = None
    period_from: Annotated[Day | None, Field(description="集合的期间首日 · First day of the set's period")] = None
    period_to: Annotated[Day | None, Field(description="集合的期间末日 · Last day of the set's period")] = None
    as_of: Annotated[AsOf | None, Field(description=AS_OF)] = None
    sort: Annotated[ItemSort, Field(description="排序，前加 - 倒序 · Order; a minus reverses it")] = (
        ItemSort.UPDATED_AT_DESC
    )


def _named(query: ItemQuery) -> list[tuple[str, Any]]:
    """Every filter with its value, the set of a figure among them."""
    if query.set is None:
        if query.period_from is not None or query.period_to is not None:
            raise Problem("validation_failed", faults=[Fault("set_missing", _NO_SET, parameter="query.set")])
        return chosen(query)
    found = named_set(query.set)
    if found is not None and found.metric.basis is Basis.PERIOD:
        missing = [name for name in ("period_from", "period_to") if getattr(query, name) is None]
        if missing:
            faults = [Fault("missing", _NO_PERIOD, parameter=f"query.{name}") for name in missing]
            raise Problem("validation_failed", faults=faults)
    return [*chosen(query), (f"{SET}{query.set}", [query.period_from, query.period_to])]


async def page(request: Request, db: Database, query: ItemQuery, cursor: Cursor) -> tuple[Actor, bytes, str | None]:
    """The caller, the JSON of one page, and the cursor of the next. 401 comes from the same statement.

    Raises invalid_cursor, and for the past forbidden, as_of_too_recent and as_of_not_combinable.
    """
    memory: Memory = request.app.state.memory
    wanted = _wanted(query, cursor)
    if query.as_of is None:
        caller, (body, row) = await memory.told(db, request, partial(_now, db, wanted))
    else:
        await _refuse_only_now(request, db, query)
        caller, (body, row) = await memory.told(db, request, partial(_then, db, wanted, query.as_of))
        require(caller.actor, Permission.ITEM_READ)
        require_settled(query.as_of, row["db_now"])
    return caller.actor, *_finished(body, row, wanted, cursor)


def _wanted(query: ItemQuery, cursor: Cursor) -> Query:
    named = _named(query)
    after = None if query.cursor is None else cursor.decode(query.cursor)
    return Query(
        filters=tuple(name for name, _ in named),
        values=tuple(value for _, value in named),
        sort=query.sort.removeprefix("-"),
        descending=query.sort.startswith("-"),
        limit=query.limit,
        after=None if after is None else (after[0], after[1]),  # type: ignore[arg-type]
        total=query.include == "total",
    )


_Found = tuple[bytes, Any] | None
"""The rows of a page and what belongs to them; None when the caller's mark has changed."""


async def _refuse_only_now(request: Request, db: Database, query: ItemQuery) -> None:
    named = [name for name in ONLY_NOW if getattr(query, name) is not None]
    if not named:
        return
    require(await authenticate(db, request), Permission.ITEM_READ)
    kind = CATALOGUE["as_of_not_combinable"]
    faults = [Fault("as_of_not_combinable", kind.title, parameter=f"query.{name}") for name in named]
    raise Problem("as_of_not_combinable", faults=faults)


async def _now(db: Database, wanted: Query, caller: Caller) -> _Found:
    reach = await reach_of(db, caller)
    first = None if reach is None else await _asked_first(db, wanted, caller, reach)
    if reach is None or first is None:
        return None
    way, given = wanted.way(reach.shape, first, reach.share), (*caller.args, *reach.args)
    sql = page_sql(way, wanted.filters, wanted.sort, keyset_of(wanted), total=wanted.total)
    row = await db.fetchrow(sql, *given, *arguments(wanted, wanted.limit))

    async def tail(limit: int) -> Any:
        sql = page_sql(way, wanted.filters, wanted.sort, "tail", total=False)
        return await db.fetchrow(sql, *given, *arguments(replace(wanted, after=None), limit))

    found = await _with_tail(wanted, row, follows=tail_follows(wanted), tail=tail)
    return None if found is None else await _with_movers(db, caller, *found)


async def _with_movers(db: Database, caller: Caller, body: bytes, row: Any) -> _Found:
    """Puts the people behind the next roles into rows that hold a place for them."""
    keys = row["movers"] or ()
    known = await movers_of(db, caller, keys)
    if known is None:
        return None
    *parts, last = body.split(TO_COME)
    told = [b'%b"next_movers":%b' % (part, known[key][1]) for part, key in zip(parts, keys, strict=True)]
    return b"".join([*told, last]), row


async def _asked_first(db: Database, wanted: Query, caller: Caller, reach: Reach) -> str | None:
    """A filter that keeps little; this costs a statement of its own, and is asked for filters that could alone."""
    finding = wanted.finding(reach.share)
    if finding is None:
        return ""
    row = await db.fetchrow(finding[0], *caller.args, *finding[1])
    return None if row is None else row["first"]


async def _then(db: Database, wanted: Query, as_of: datetime, caller: Caller) -> _Found:
    reach = await reach_of(db, caller)
    if reach is None:
        return None
    shape, tail_of = reach.shape, past_listing.tail_of(wanted)

    async def ask(asked: Query, limit: int, keyset: str, *, total: bool) -> Any:
        states = past_listing.asked_for(wanted, shape)
        sql = past_listing.page_sql(shape, wanted.filters, wanted.sort, keyset, total=total, asked=states)
        given = past_listing.arguments(asked, as_of, limit, tail=keyset.startswith("tail"))
        return await db.fetchrow(sql, *caller.args, *given)

    async def tail(limit: int) -> Any:
        return await ask(replace(wanted, after=None), limit, tail_of or "", total=False)

    row = await ask(wanted, wanted.limit, past_listing.keyset_of(wanted), total=wanted.total)
    return await _with_tail(wanted, row, follows=tail_of is not None, tail=tail)


async def _with_tail(wanted: Query, row: Any, *, follows: bool, tail: Callable[[int], Awaitable[Any]]) -> _Found:
    """A page that ran out of rows with a value to sort by is filled from those without one."""
    if row is None:
        return None
    if row["found"] > wanted.limit or not follows:
        return row["body"], row
    missing = wanted.limit - row["found"]
    more = await tail(max(missing, 1))
    if more is None:
        return None
    if missing == 0:
        return row["body"], {**row, "found": wanted.limit + (more["found"] > 0)}
    joined = b", ".join(part for part in (row["body"][1:-1], more["body"][1:-1]) if part)
    movers = [*(row["movers"] or ()), *(more["movers"] or ())]
    return b"[%b]" % joined, {**more, "total": row["total"], "found": row["found"] + more["found"], "movers": movers}


def _finished(body: bytes, row: Any, wanted: Query, cursor: Cursor) -> tuple[bytes, str | None]:
    following = cursor.encode([row["last_sort"], row["last_id"]]) if row["found"] > wanted.limit else None
    total, relation = row["total"], "null"
    if total is not None:
        relation = '"gte"' if total > TOTAL_CAP else '"eq"'
    shown = "null" if total is None else str(min(total, TOTAL_CAP))
    quoted = "null" if following is None else f'"{following}"'
    rest = f',"next_cursor":{quoted},"total":{shown},"total_relation":{relation}}}'
    return b'{"items":%b%b' % (body, rest.encode()), following


async def one(request: Request, db: Database, item_id: UUID | None) -> tuple[Actor, ItemOut]:
    """Caller and item in one statement: 401, then 404 for what is absent or out of scope, then 403."""
    memory: Memory = request.app.state.memory

    async def ask(caller: Caller) -> tuple[Any, Movers] | None:
        row = await db.fetchrow(ITEM_SQL, *caller.args, item_id)
        movers = None if row is None else await movers_of(db, caller, (row["mover_key"],))
        return None if movers is None else (row, movers)

    caller, (row, movers) = await memory.told(db, request, ask)
    if row["id"] is None:
        raise Problem("not_found")
    shown = await with_seldom(db, caller.actor, row)
    shown["next_movers"] = movers[row["mover_key"]][0]
    return caller.actor, item_out(shown, caller.actor, caller.credential.today)


async def look_alikes(reader: Reader, actor: Actor, item_id: UUID) -> list[DuplicateCandidate]:
    """What `register` will ask about, as far as the caller may read it: nothing else can be answered, or must be known."""
    rows = await read_items(reader, [item_id])
    found = await candidates(reader, actor, [rows[item_id]], clock.now())
    return [DuplicateCandidate(**asdict(candidate)) for candidate in found.get(item_id, ())]
