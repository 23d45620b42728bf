"""Reading history: the trail gives what was recorded, this module adds names and takes away what is not the caller's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

from app.access.actor import Actor
from app.access.guarding import parsed_id, require
from app.access.memory import CALLER_CTE, OWN, Caller, Memory
from app.access.permissions import Permission
from app.access.scope import CTE_SEALED, JOINED, Shape, predicate, restricted_predicate
from app.core.db import Database, Reader
from app.core.errors import Problem
from app.core.http import Request
from app.core.paging import TOTAL_CAP, Cursor, PageQuery, relation
from app.features.history import schemas
from app.features.history.rules import hide
from app.lifecycle.event_types import ACTION_OF, EVENT_TYPES
from app.lifecycle.states import Action
from app.lifecycle.transitions import BY_ACTION
from app.trail import read
from app.trail.read import EventRow, FeedRow, Wanted, item_count_sql, item_page_sql

TRANSITIONS: Final = sorted(ACTION_OF)
REOPENED: Final = BY_ACTION[Action.REOPEN].event
# An account and a key are told by the name of their person; ids are unique across all of these tables.
ACTORS: Final = """
SELECT a.id, a.person_id, p.name FROM account a JOIN person p ON p.id = a.person_id WHERE a.id = ANY({0})
UNION ALL
SELECT k.id, k.person_id, coalesce(p.name, k.name) FROM api_key k LEFT JOIN person p ON p.id = k.person_id
WHERE k.id = ANY({0})
UNION ALL SELECT u.id, NULL, u.name FROM unit u WHERE u.id = ANY({0})
UNION ALL SELECT p.id, p.id, p.name FROM person p WHERE p.id = ANY({0})
"""
_ACTING: Final = ("id", "unit", "on_behalf")
"""What an event says of who acted."""
_ITEM, _CYCLE, _AFTER, _LIMIT, _TYPES, _COUNT = (
    f"${place}::{kind}" for place, kind in enumerate(("uuid", "int", "int", "int", "text[]", "bool"), OWN)
)
_PAGE: Final = ("(SELECT id FROM seen)", "(SELECT seq FROM start)", _LIMIT, _TYPES)
_ALL: Final = ("(SELECT id FROM seen)", "(SELECT seq FROM cycle)", f"{TOTAL_CAP + 1}", _TYPES)
ITEM_HISTORY: Final = f"""{CALLER_CTE},
seen AS MATERIALIZED (SELECT i.id, {restricted_predicate("i", CTE_SEALED)} AS unmasked
  FROM actor JOIN item i ON i.id = {_ITEM} AND {predicate(Shape.MANY, "i", JOINED)}),
cycle AS (SELECT CASE WHEN {_CYCLE} > 1 THEN coalesce((SELECT e.seq - 1 FROM event e
    WHERE e.subject_id = {_ITEM} AND e.type = '{REOPENED}' ORDER BY e.seq OFFSET greatest({_CYCLE} - 2, 0) LIMIT 1),
  2147483647) ELSE 0 END AS seq),
start AS (SELECT coalesce({_AFTER}, cycle.seq) AS seq FROM cycle),
page AS MATERIALIZED ({item_page_sql(*_PAGE)}),
named AS MATERIALIZED (SELECT DISTINCT a.value::uuid AS id FROM page, json_each_text(page.actor) a
  WHERE a.key IN ({", ".join(f"'{name}'" for name in _ACTING)}))
SELECT seen.id AS item_id, seen.unmasked, (SELECT json_agg(told ORDER BY seq) FROM page) AS told,
  (SELECT json_object_agg(n.id, json_build_array(n.person_id, n.name))
    FROM ({ACTORS.format("ARRAY(SELECT id FROM named)")}) n) AS names,
  CASE WHEN {_COUNT} THEN ({item_count_sql(*_ALL)}) END AS total
FROM actor LEFT JOIN seen ON true
"""  # noqa: S608 - constants of this program
"""Caller, scope, events and the names of who acted, all of one moment. Behind the caller: the item, the first cycle, the seq
to go on from, the limit, the types, and whether to count.
"""

Names = Mapping[str, Sequence[Any]]
"""Person and name by the id of an account, a key, a unit or a person."""


class _Slice(NamedTuple):
    """One page of an item's history before it is dressed for the wire."""

    rows: list[EventRow]
    names: Names
    masked: bool
    envelope: dict[str, Any]


async def item_events(request: Request, item_id: str, query: schemas.EventQuery, cursor: Cursor) -> schemas.EventPage:
    """401, then 404 for what is absent or out of scope, then 403. Raises invalid_cursor."""
    page = await _slice(request, item_id, query, cursor, query.type, query.cycle_from)
    items = [schemas.Event.model_validate(_event(row, page.names, masked=page.masked)) for row in page.rows]
    return schemas.EventPage(items=items, **page.envelope)


async def transitions(
    request: Request, item_id: str, query: schemas.TransitionQuery, cursor: Cursor
) -> schemas.TransitionPage:
    """As `item_events`."""
    page = await _slice(request, item_id, query, cursor, TRANSITIONS, query.cycle_from)
    items = [_transition(row, page.names, masked=page.masked) for row in page.rows]
    return schemas.TransitionPage(items=items, **page.envelope)


async def feed(db: Database, actor: Actor, query: schemas.FeedQuery) -> schemas.Feed:
    """Items within the caller's scope; everything else for those who watch the whole organisation."""
    async with db.snapshot() as reader:
        scope = await read.scope_of(reader, actor)
        found = await read.feed(reader, query.after, query.limit, scope, Wanted(query.type, query.subject_kind))
        names = await _names(reader, [row.event for row in found.rows])
    items = [_feed_event(row, names) for row in found.rows]
    newest = found.checkpoint
    return schemas.Feed(
        items=items,
        next_after=found.next_after,
        checkpoint=None if newest is None else schemas.FeedCheckpoint(size=newest["size"], note=newest["note"]),
    )


async def _slice(
    request: Request, item_id: str, query: PageQuery, cursor: Cursor, types: Sequence[str] | None, cycle: int
) -> _Slice:
    memory: Memory = request.app.state.memory
    after = None if query.cursor is None else int(str(cursor.decode(query.cursor)[0]))
    asked = (parsed_id(item_id), cycle, after, query.limit + 1, types, query.include == "total")
    db: Database = request.app.state.db

    async def ask(caller: Caller) -> Any:
        return await db.fetchrow(ITEM_HISTORY, *caller.args, *asked)

    caller, row = await memory.told(db, request, ask)
    if row["item_id"] is None:
        raise Problem("not_found")
    require(caller.actor, Permission.EVENT_READ)
    rows = [read.event_told(told) for told in row["told"] or ()]
    envelope: dict[str, Any] = {"next_cursor": None, "total": None, "total_relation": None}
    if len(rows) > query.limit:
        rows = rows[: query.limit]
        envelope["next_cursor"] = cursor.encode([rows[-1].seq])
    if row["total"] is not None:
        envelope |= {"total": min(row["total"], TOTAL_CAP), "total_relation": relation(row["total"])}
    return _Slice(rows, row["names"] or {}, not row["unmasked"], envelope)


async def _names(reader: Reader, rows: Iterable[EventRow]) -> Names:
    ids = {UUID(row.actor[name]) for row in rows for name in _ACTING if row.actor.get(name)}
    if not ids:
        return {}
    found = await reader.fetch(ACTORS.format("$1::uuid[]"), list(ids))
    return {str(row["id"]): (row["person_id"], row["name"]) for row in found}


_NOBODY: Final = (None, None)


def _actor(told: Mapping[str, Any], names: Names, *, masked: bool) -> dict[str, Any]:
    hidden = {"id", "on_behalf"} if masked else ()
    key, unit, principal = (None if name in hidden else told.get(name) for name in _ACTING)
    person_id, name = names.get(key or "", _NOBODY)
    return {
        "id": key,
        "kind": told["kind"],
        "person_id": person_id,
        "name": name,
        "unit_id": unit,
        "unit_name": names.get(unit or "", _NOBODY)[1],
        "on_behalf_of": principal,
        "on_behalf_of_name": names.get(principal or "", _NOBODY)[1],
    }


def _masked_actor(told: Mapping[str, Any]) -> list[str]:
    found = ["actor.id", "actor.person_id", "actor.name"] if told["id"] else []
    return found + (["actor.on_behalf_of", "actor.on_behalf_of_name"] if told.get("on_behalf") else [])


def _event(row: EventRow, names: Names, *, masked: bool) -> dict[str, Any]:
    fields, hidden = hide(row.fields, restricted=masked)
    comment = fields.pop("comment", None)
    label = EVENT_TYPES.get(row.type)
    names_hidden = _masked_actor(row.actor) if masked else []
    return {
        "id": row.id,
        "seq": row.seq,
        "position": row.position,
        "type": row.type,
        "label": None if label is None else {"zh": label.zh, "en": label.en},
        "at": row.at,
        "eff": row.eff,
        "actor": _actor(row.actor, names, masked=masked),
        "from_state": row.from_state,
        "to_state": row.to_state,
        "fields": fields,
        "comment": comment,
        "leaf_hash": row.leaf_hash,
        "prev": row.prev,
        "redacted_fields": row.redacted,
        "masked_fields": names_hidden + [name if name == "comment" else f"fields.{name}" for name in hidden],
    }


def _feed_event(row: FeedRow, names: Names) -> schemas.FeedEvent:
    told = _event(row.event, names, masked=row.masked)
    return schemas.FeedEvent.model_validate(told | {"subject_kind": row.subject_kind, "subject_id": row.subject_id})


def _transition(row: EventRow, names: Names, *, masked: bool) -> schemas.TransitionOut:
    told = _event(row, names, masked=masked)
    data = told["fields"]
    document = data.pop("document", None)
    hidden = [name.replace("fields.document", "document").replace("fields.", "data.") for name in told["masked_fields"]]
    kept = {name: told[name] for name in ("id", "seq", "label", "from_state", "to_state", "comment", "actor")}
    return schemas.TransitionOut.model_validate(
        {
            **kept,
            "action": ACTION_OF[row.type],
            "document": document,
            "data": data,
            "occurred_at": row.eff or row.at,
            "recorded_at": row.at,
            "masked_fields": hidden,
        }
    )
