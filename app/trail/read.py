"""History as it is told: the events of one item, and the feed of all a caller may see, in the order of positions."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app.access.actor import Actor
from app.access.scope import Shape, restricted_read_sql, visible_sql, watches_all
from app.core.db import Reader, Row
from app.trail.fold import Told
from app.trail.prove import latest

WINDOW = 2000
"""Positions one call of the feed looks at: what bounds its cost for a caller who may see little of it."""

FIRST_SCOPE_PARAMETER = 7
"""Number of the first $ parameter free for the texts in `FeedScope`."""

# A redacted field has no disclosure any more: it is missing here, while its commitment stays in the body.
_TOLD = """
LEFT JOIN LATERAL (
  SELECT json_object_agg(field, value::json) AS fields FROM event_disclosure WHERE event_id = e.id
) AS d ON TRUE
"""
# A list that never meets its limit: an item has as many events as versions, and the caller names one of them.
ITEM_STORY = f"""
SELECT e.body, e.hash, d.fields FROM event AS e {_TOLD}
WHERE e.subject_id = $1 AND e.subject_kind = 'item' AND e.seq <= $2 ORDER BY e.seq
"""  # noqa: S608 - a constant
# Whoever hands its origins on has none left and moves no more, so what it received it received before.
GIVERS = """
WITH RECURSIVE given AS (
  SELECT e.subject_id AS taker, jsonb_array_elements_text(d.value::jsonb)::uuid AS giver
  FROM event e JOIN event_disclosure d ON d.event_id = e.id AND d.field = 'from_item_ids'
  WHERE e.subject_id = $1 AND e.type = 'item.origins_received' AND e.seq <= $2
  UNION
  SELECT e.subject_id, jsonb_array_elements_text(d.value::jsonb)::uuid
  FROM given g JOIN event e ON e.subject_id = g.giver AND e.type = 'item.origins_received'
  JOIN event_disclosure d ON d.event_id = e.id AND d.field = 'from_item_ids'
)
SELECT DISTINCT giver FROM given
"""
NAMES_THEN = """
SELECT DISTINCT ON (e.subject_id) e.subject_id AS id, d.value::json #>> '{}' AS name
FROM event e JOIN event_disclosure d ON d.event_id = e.id AND d.field = 'name'
WHERE e.subject_id = ANY($1::uuid[]) AND e.at <= $2 ORDER BY e.subject_id, e.seq DESC
"""
# The first row is always there: it says how long the log is, even when nothing in it was the caller's.
# OFFSET 0 keeps the planner walking the positions and stopping at the limit, whatever it believes about the tables.
_FEED = """
SELECT (SELECT COALESCE(max(position), 0) FROM log_position) AS last, e.*, d.fields
FROM (SELECT) AS always
LEFT JOIN (
  SELECT v.id, v.seq, l.position, v.type, v.at, v.body, v.hash, v.subject_kind, v.subject_id,
         item.id IS NOT NULL AND ({masked}) IS NOT FALSE AS masked
  FROM log_position AS l
  JOIN LATERAL (SELECT * FROM event WHERE id = l.event_id OFFSET 0) AS v ON TRUE
  LEFT JOIN LATERAL (SELECT * FROM item WHERE v.subject_kind = 'item' AND id = v.subject_id OFFSET 0) AS item ON TRUE
  WHERE l.position > $1 AND l.position <= $1 + $2
    AND ($5::text[] IS NULL OR v.type = ANY($5)) AND ($6::text[] IS NULL OR v.subject_kind = ANY($6))
    AND CASE WHEN v.subject_kind = 'item' THEN item.id IS NOT NULL AND ({visible}) ELSE $4::boolean END
  ORDER BY l.position LIMIT $3
) AS e ON TRUE {told}
ORDER BY e.position
"""


@dataclass(frozen=True, slots=True)
class EventRow:
    """One event as stored and disclosed; `position` is None for the second until it has one."""

    id: UUID
    seq: int
    position: int | None
    type: str
    at: datetime
    eff: datetime | None
    actor: dict[str, Any]
    from_state: str | None
    to_state: str | None
    ver: int | None
    prev: str
    leaf_hash: str
    fields: dict[str, Any]
    redacted: list[str]


@dataclass(frozen=True, slots=True)
class FeedRow:
    """An event of the feed; where `masked`, the caller blanks the restricted fields before answering."""

    subject_kind: str
    subject_id: UUID
    masked: bool
    event: EventRow


@dataclass(frozen=True, slots=True)
class Feed:
    """`next_after` is the last position looked at: everything up to it has been given or is not the caller's."""

    rows: list[FeedRow]
    next_after: int
    checkpoint: Row | None = None


@dataclass(frozen=True, slots=True)
class FeedScope:
    """What a caller may see: SQL conditions on the row named `item`, with arguments from FIRST_SCOPE_PARAMETER on.

    `configuration` says whether the events of everything that is not an item are for this caller.
    """

    visible: str
    masked: str
    args: Sequence[Any] = ()
    configuration: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events of the feed are asked for; None means all."""

    types: Sequence[str] | None = None
    kinds: Sequence[str] | None = None


EVERYTHING = Wanted()


async def scope_of(reader: Reader, actor: Actor) -> FeedScope:
    """Items within the caller's scope; everything else for those who watch the whole organisation."""
    # The feed walks positions and tests what it meets, so it never starts from the units.
    shape = Shape.WHOLE if actor.whole_tree else Shape.MANY
    visible, args = visible_sql(actor, "item", FIRST_SCOPE_PARAMETER, shape)
    unmasked, more = restricted_read_sql(actor, "item", FIRST_SCOPE_PARAMETER + len(args))
    return FeedScope(visible, f"NOT {unmasked}", (*args, *more), await watches_all(reader, actor))


def item_page_sql(item: str, after: str, limit: str, types: str) -> str:
    """Events of an item with seq > after, oldest first: `seq`, the `actor` as JSON, and `told` for `event_told`.

    The arguments are SQL expressions; `types` is an array or NULL for all. Who may ask is settled around it.
    """
    return f"""
SELECT e.seq, e.said -> 'actor' AS actor,
  json_build_array(e.id, e.seq, p.position, e.type, e.at, e.said, encode(e.hash, 'hex'), d.fields) AS told
FROM (SELECT id, seq, type, at, hash, body::json AS said FROM event
  WHERE subject_id = {item} AND subject_kind = 'item' AND seq > {after} AND ({types} IS NULL OR type = ANY({types}))
  ORDER BY seq LIMIT {limit}) AS e
LEFT JOIN log_position AS p ON p.event_id = e.id {_TOLD}
"""  # noqa: S608 - constants of this program


def item_count_sql(item: str, after: str, cap: str, types: str) -> str:
    """How many events `item_page_sql` would give without a limit; counting stops at `cap`."""
    return f"""
SELECT count(*)::int FROM (SELECT FROM event
  WHERE subject_id = {item} AND subject_kind = 'item' AND seq > {after} AND ({types} IS NULL OR type = ANY({types}))
  LIMIT {cap}) AS counted
"""  # noqa: S608 - constants of this program


def event_told(told: Sequence[Any]) -> EventRow:
    """An event as `item_page_sql` tells it."""
    key, seq, position, kind, at, body, leaf_hash, fields = told
    return EventRow(
        UUID(key), seq, position, kind, datetime.fromisoformat(at), leaf_hash=leaf_hash, **_said(body, fields)
    )


async def item_story(reader: Reader, item_id: UUID, seq: int) -> list[Told]:
    """Everything told of an item up to one of its events, that one included."""
    rows = await reader.fetch(ITEM_STORY, item_id, seq)
    return [Told(json.loads(row["body"]), row["hash"].hex(), row["fields"] or {}) for row in rows]


async def givers(reader: Reader, item_id: UUID, seq: int) -> list[UUID]:
    """The items whose origins had come to this one by its event `seq`, directly or by way of others."""
    return [row["giver"] for row in await reader.fetch(GIVERS, item_id, seq)]


async def names_then(reader: Reader, subject_ids: Sequence[UUID], at: datetime) -> dict[UUID, str]:
    """What configuration objects were called at an instant, as far as their history tells."""
    return {row["id"]: row["name"] for row in await reader.fetch(NAMES_THEN, list(subject_ids), at)}


async def feed(reader: Reader, after: int, limit: int, scope: FeedScope, wanted: Wanted = EVERYTHING) -> Feed:
    """Events at positions > after (below 2^53) that the caller may see, at most `limit`; an empty page may move on."""
    sql = _FEED.format(visible=scope.visible, masked=scope.masked, told=_TOLD)
    window = max(limit, WINDOW)
    rows = await reader.fetch(sql, after, window, limit, scope.configuration, wanted.types, wanted.kinds, *scope.args)
    found = [FeedRow(row["subject_kind"], row["subject_id"], row["masked"], _of(row)) for row in rows if row["id"]]
    reached = rows[-1]["position"] if len(found) == limit else min(after + window, rows[0]["last"])
    return Feed(found, max(after, reached), await latest(reader))


def _of(row: Row) -> EventRow:
    said = _said(json.loads(row["body"]), row["fields"])
    place = (row["id"], row["seq"], row["position"], row["type"], row["at"])
    return EventRow(*place, leaf_hash=row["hash"].hex(), **said)


def _said(body: Mapping[str, Any], disclosed: dict[str, Any] | None) -> dict[str, Any]:
    """The part of an EventRow that stands in the body, and what of it is still disclosed."""
    eff, fields = body.get("eff"), disclosed or {}
    return {
        "eff": None if eff is None else datetime.fromisoformat(eff),
        "actor": body["actor"],
        "from_state": body["from"],
        "to_state": body["to"],
        "ver": body["ver"],
        "prev": body["prev"],
        "fields": fields,
        "redacted": sorted(body["pay"].keys() - fields.keys()),
    }
