"""Reading history: the trail gives what was recorded, this module adds names and takes away what is not the caller's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, Final, NamedTuple
from uuid import UUID

from app.access.actor import Actor
from app.access.guarding import ItemReading
from app.access.scope import Shape, restricted_read_sql, visible_sql, watches_all
from app.core.db import Database, Reader, Row
from app.core.errors import Problem
from app.core.paging import TOTAL_CAP, Cursor, PageQuery, relation
from app.features.history import schemas
from app.features.history.rules import ACTION_OF, hide, label_of
from app.lifecycle.states import Action
from app.lifecycle.transitions import BY_ACTION
from app.trail import read
from app.trail.read import FIRST_MASK_PARAMETER, FIRST_SCOPE_PARAMETER, EventRow, FeedRow, FeedScope, Mask, Wanted

TRANSITIONS: Final = sorted(ACTION_OF)
REOPENED: Final = BY_ACTION[Action.REOPEN].event
# An account and a key are told by the name of their person; ids are unique across all of these tables.
ACTORS: Final = """
SELECT a.id, a.person_id, p.name FROM account a JOIN person p ON p.id = a.person_id WHERE a.id = ANY($1::uuid[])
UNION ALL
SELECT k.id, k.person_id, coalesce(p.name, k.name) FROM api_key k LEFT JOIN person p ON p.id = k.person_id
WHERE k.id = ANY($1::uuid[])
UNION ALL SELECT u.id, NULL, u.name FROM unit u WHERE u.id = ANY($1::uuid[])
UNION ALL SELECT p.id, p.id, p.name FROM person p WHERE p.id = ANY($1::uuid[])
"""

Names = Mapping[UUID, Row]


class _Slice(NamedTuple):
    """One page of an item's history before it is dressed for the wire."""

    rows: list[EventRow]
    names: Names
    masked: bool
    envelope: dict[str, Any]


async def item_events(reading: ItemReading, query: schemas.EventQuery, cursor: Cursor) -> schemas.EventPage:
    """Raises invalid_cursor."""
    page = await _slice(reading, query, cursor, query.type, query.cycle_from)
    items = [schemas.Event.model_validate(_event(row, page.names, masked=page.masked)) for row in page.rows]
    return schemas.EventPage(items=items, **page.envelope)


async def transitions(reading: ItemReading, query: schemas.TransitionQuery, cursor: Cursor) -> schemas.TransitionPage:
    """Raises invalid_cursor."""
    page = await _slice(reading, query, cursor, TRANSITIONS, query.cycle_from)
    items = [_transition(row, page.names, masked=page.masked) for row in page.rows]
    return schemas.TransitionPage(items=items, **page.envelope)


async def feed(db: Database, actor: Actor, query: schemas.FeedQuery) -> schemas.Feed:
    """Items within the caller's scope; everything else for those who watch the whole organisation."""
    async with db.snapshot() as reader:
        scope = _scope(actor, configuration=await watches_all(reader, actor))
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
    reading: ItemReading, query: PageQuery, cursor: Cursor, types: Sequence[str] | None, cycle: int
) -> _Slice:
    mask = Mask(*restricted_read_sql(reading.actor, "i", FIRST_MASK_PARAMETER))
    # One statement sees one moment by itself, and names are those of today; only more of them need a snapshot.
    several = cycle > 1 or query.include == "total"
    async with reading.db.snapshot() if several else nullcontext(reading.db) as reader:
        start = await _start(reader, reading.item_id, cycle)
        after = start if query.cursor is None else int(str(cursor.decode(query.cursor)[0]))
        found = await read.item_events(reader, reading.item_id, after, query.limit + 1, types, mask=mask)
        if found.unmasked is None:
            raise Problem("not_found")
        rows = found.rows
        envelope: dict[str, Any] = {"next_cursor": None, "total": None, "total_relation": None}
        if len(rows) > query.limit:
            rows = rows[: query.limit]
            envelope["next_cursor"] = cursor.encode([rows[-1].seq])
        if query.include == "total":
            counted = await read.item_events_total(reader, reading.item_id, start, TOTAL_CAP + 1, types)
            envelope |= {"total": min(counted, TOTAL_CAP), "total_relation": relation(counted)}
        return _Slice(rows, await _names(reader, rows), not found.unmasked, envelope)


async def _start(reader: Reader, item_id: UUID, cycle: int) -> int:
    """The seq before the first event of a cycle; far beyond the end where there is no such cycle."""
    if cycle == 1:
        return 0
    began = await read.seq_of(reader, item_id, REOPENED, cycle - 1)
    return 2**31 - 1 if began is None else began - 1


def _scope(actor: Actor, *, configuration: bool) -> FeedScope:
    # The feed walks positions and tests what it meets, so it never starts from the units.
    shape = Shape.WHOLE if actor.whole_tree else Shape.MANY
    visible, args = visible_sql(actor, "item", FIRST_SCOPE_PARAMETER, shape)
    unmasked, more = restricted_read_sql(actor, "item", FIRST_SCOPE_PARAMETER + len(args))
    return FeedScope(visible, f"NOT {unmasked}", (*args, *more), configuration)


async def _names(reader: Reader, rows: Iterable[EventRow]) -> Names:
    ids = {UUID(row.actor[name]) for row in rows for name in ("id", "unit", "on_behalf") if row.actor.get(name)}
    return {row["id"]: row for row in await reader.fetch(ACTORS, list(ids))} if ids else {}


def _actor(told: Mapping[str, Any], names: Names, *, masked: bool) -> dict[str, Any]:
    ids = {name: None if told.get(name) is None else UUID(told[name]) for name in ("id", "unit", "on_behalf")}
    if masked:
        ids |= {"id": None, "on_behalf": None}
    known = {name: names.get(key) if key else None for name, key in ids.items()}
    who, unit, other = known["id"], known["unit"], known["on_behalf"]
    return {
        "id": ids["id"],
        "kind": told["kind"],
        "person_id": who["person_id"] if who else None,
        "name": who["name"] if who else None,
        "unit_id": ids["unit"],
        "unit_name": unit["name"] if unit else None,
        "on_behalf_of": ids["on_behalf"],
        "on_behalf_of_name": other["name"] if other else None,
    }


def _masked_actor(told: Mapping[str, Any]) -> list[str]:
    found = ["actor.id", "actor.person_id", "actor.name"] if told["id"] else []
    return found + (["actor.on_behalf_of", "actor.on_behalf_of_name"] if told.get("on_behalf") else [])


def _event(row: EventRow, names: Names, *, masked: bool) -> dict[str, Any]:
    fields, hidden = hide(row.fields, restricted=masked)
    comment = fields.pop("comment", None)
    label = label_of(row.type)
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
