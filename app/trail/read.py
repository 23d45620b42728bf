"""History as it is told: the events of one item, and the feed of all a caller may see, in the order of positions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app.core.db import Reader, Row
from app.trail.fold import Told
from app.trail.prove import latest

WINDOW = 2000
"""Positions one call of the feed looks at: what bounds its cost for a caller who may see little of it."""

FIRST_SCOPE_PARAMETER = 7
"""Number of the first $ parameter free for the texts in `FeedScope`."""

FIRST_MASK_PARAMETER = 5
"""As above, for the text in `Mask`."""

# A redacted field has no disclosure any more: it is missing here, while its commitment stays in the body.
_TOLD = """
LEFT JOIN LATERAL (
  SELECT json_object_agg(field, value::json) AS fields FROM event_disclosure WHERE event_id = e.id
) AS d ON TRUE
"""
# The first row is always there: it says how the item may be read, even when nothing of its history was asked for.
_ITEM_EVENTS = f"""
SELECT (SELECT {{unmasked}} FROM item AS i WHERE i.id = $1) AS unmasked, e.*
FROM (SELECT) AS always
LEFT JOIN (
  SELECT e.id, e.seq, p.position, e.type, e.at, e.body, e.hash, d.fields
  FROM event AS e LEFT JOIN log_position AS p ON p.event_id = e.id {_TOLD}
  WHERE e.subject_id = $1 AND e.subject_kind = 'item' AND e.seq > $2 AND ($4::text[] IS NULL OR e.type = ANY($4))
  ORDER BY e.seq LIMIT $3
) AS e ON TRUE
ORDER BY e.seq
"""  # noqa: S608 - a constant
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
ITEM_EVENTS_TOTAL = """
SELECT count(*) FROM (
  SELECT FROM event
  WHERE subject_id = $1 AND subject_kind = 'item' AND seq > $2 AND ($4::text[] IS NULL OR type = ANY($4))
  LIMIT $3
) AS counted
"""
NAMES_THEN = """
SELECT DISTINCT ON (e.subject_id) e.subject_id AS id, d.value::json #>> '{}' AS name
FROM event e JOIN event_disclosure d ON d.event_id = e.id AND d.field = 'name'
WHERE e.subject_id = ANY($1::uuid[]) AND e.at <= $2 ORDER BY e.subject_id, e.seq DESC
"""
NTH_OF_TYPE = "SELECT seq FROM event WHERE subject_id = $1 AND type = $2 ORDER BY seq OFFSET $3 - 1 LIMIT 1"
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
class Mask:
    """Whether a caller reads what is restricted: a condition on the item's row `i`, arguments from FIRST_MASK_PARAMETER on."""

    unmasked: str
    args: Sequence[Any] = ()


OPEN = Mask("TRUE")


@dataclass(frozen=True, slots=True)
class ItemEvents:
    """`unmasked` is None where there is no such item any more."""

    unmasked: bool | None
    rows: list[EventRow]


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


async def item_events(
    reader: Reader, item_id: UUID, after_seq: int, limit: int, types: Sequence[str] | None = None, *, mask: Mask = OPEN
) -> ItemEvents:
    """Events of an item with seq > after_seq, oldest first; whether the caller may see the item is settled before."""
    rows = await reader.fetch(_ITEM_EVENTS.format(unmasked=mask.unmasked), item_id, after_seq, limit, types, *mask.args)
    return ItemEvents(rows[0]["unmasked"], [_event(row) for row in rows if row["id"]])


async def item_story(reader: Reader, item_id: UUID, seq: int) -> list[Told]:
    """Everything told of an item up to one of its events, that one included."""
    rows = await reader.fetch(ITEM_STORY, item_id, seq)
    return [Told(json.loads(row["body"]), row["hash"].hex(), row["fields"] or {}) for row in rows]


async def givers(reader: Reader, item_id: UUID, seq: int) -> list[UUID]:
    """The items whose origins had come to this one by its event `seq`, directly or by way of others."""
    return [row["giver"] for row in await reader.fetch(GIVERS, item_id, seq)]


async def item_events_total(
    reader: Reader, item_id: UUID, after_seq: int, cap: int, types: Sequence[str] | None = None
) -> int:
    """How many `item_events` would give without a limit; counting stops at `cap`."""
    counted: int = await reader.fetchval(ITEM_EVENTS_TOTAL, item_id, after_seq, cap, types)
    return counted


async def names_then(reader: Reader, subject_ids: Sequence[UUID], at: datetime) -> dict[UUID, str]:
    """What configuration objects were called at an instant, as far as their history tells."""
    return {row["id"]: row["name"] for row in await reader.fetch(NAMES_THEN, list(subject_ids), at)}


async def seq_of(reader: Reader, item_id: UUID, event_type: str, nth: int) -> int | None:
    """The seq of an item's nth event (from 1) of one type; None where there are fewer."""
    seq: int | None = await reader.fetchval(NTH_OF_TYPE, item_id, event_type, nth)
    return seq


async def feed(reader: Reader, after: int, limit: int, scope: FeedScope, wanted: Wanted = EVERYTHING) -> Feed:
    """Events at positions > after (below 2^53) that the caller may see, at most `limit`; an empty page may move on."""
    sql = _FEED.format(visible=scope.visible, masked=scope.masked, told=_TOLD)
    window = max(limit, WINDOW)
    rows = await reader.fetch(sql, after, window, limit, scope.configuration, wanted.types, wanted.kinds, *scope.args)
    found = [FeedRow(row["subject_kind"], row["subject_id"], row["masked"], _event(row)) for row in rows if row["id"]]
    reached = rows[-1]["position"] if len(found) == limit else min(after + window, rows[0]["last"])
    return Feed(found, max(after, reached), await latest(reader))


def _event(row: Row) -> EventRow:
    body = json.loads(row["body"])
    eff = body.get("eff")
    return EventRow(
        id=row["id"],
        seq=row["seq"],
        position=row["position"],
        type=row["type"],
        at=row["at"],
        eff=None if eff is None else datetime.fromisoformat(eff),
        actor=body["actor"],
        from_state=body["from"],
        to_state=body["to"],
        ver=body["ver"],
        prev=body["prev"],
        leaf_hash=row["hash"].hex(),
        fields=row["fields"] or {},
        redacted=sorted(body["pay"].keys() - (row["fields"] or {}).keys()),
    )
