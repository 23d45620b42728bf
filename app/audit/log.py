"""The log's own tables: the stored tree, what waits for a position, the keys, and rows that belong to nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from hashlib import sha256
from typing import Any, Final

from app.audit.findings import finding
from app.core.db import Row, Snapshot
from app.trail.canonical import canonical
from app.trail.export import plain
from app.trail.keys import origin_of
from app.trail.proof.findings import Finding
from app.trail.proof.strict import HASH_BYTES
from app.trail.proof.tiles import LEVEL_LIMIT, TILE_HEIGHT, Edge, TileId

AT_ONCE: Final = 8192
"""Leaves taken into the tree together."""
# Hashed where they lie: the bodies themselves were read and checked by the verifier already.
LEAVES: Final = r"""
SELECT sha256('\x00'::bytea || convert_to(e.body, 'UTF8')) AS leaf FROM log_position p JOIN event e ON e.id = p.event_id
WHERE p.position <= (SELECT coalesce(max(size), 0) FROM checkpoint) ORDER BY p.position
"""
TILES: Final = "SELECT level, index, data FROM log_tile ORDER BY level, index"
EDGE: Final = "SELECT level, data FROM log_edge"
NEWEST: Final = "SELECT coalesce(max(size), 0) FROM checkpoint"
STATE: Final = """
SELECT s.*, (SELECT coalesce(max(position), 0) FROM log_position) + 1 AS due,
  (SELECT d.value FROM event e JOIN event_disclosure d ON d.event_id = e.id AND d.field = 'origin'
   WHERE e.subject_id = s.log_id AND e.type = 'log.opened') AS origin,
  EXISTS (SELECT FROM event WHERE type = 'log.opened') AS opened
FROM log_state s
"""
PENDING: Final = """
WITH due AS (
  SELECT at, id AS event_id FROM event e WHERE NOT EXISTS (SELECT FROM log_position p WHERE p.event_id = e.id)
)
SELECT event_id, at, TRUE AS missing FROM (TABLE due EXCEPT SELECT at, event_id FROM log_pending) m
UNION ALL SELECT event_id, at, FALSE FROM (SELECT at, event_id FROM log_pending EXCEPT TABLE due) e
"""
ORPHANS: Final = """
SELECT event_id AS id, 'log_position ' || position AS place FROM log_position l
WHERE NOT EXISTS (SELECT FROM event WHERE id = l.event_id)
UNION ALL SELECT event_id, 'event_disclosure ' || field FROM event_disclosure l
WHERE NOT EXISTS (SELECT FROM event WHERE id = l.event_id)
"""
KEYS: Final = "SELECT * FROM trail_key ORDER BY id"
KEY_EVENTS: Final = """
SELECT e.subject_id, e.type, e.at, array_agg(d.field) AS fields, array_agg(d.value) AS said
FROM event e JOIN event_disclosure d ON d.event_id = e.id WHERE e.subject_kind = 'key' GROUP BY e.id ORDER BY e.seq
"""


async def log(snapshot: Snapshot) -> AsyncIterator[Finding]:
    for one in await _tree(snapshot):
        yield one
    for one in _state(await snapshot.fetch(STATE)):
        yield one
    async for row in snapshot.stream(PENDING):
        place = f"log_pending {row['at'].isoformat()}"
        yield finding("pending_mismatch", row["event_id"], *((place, None) if row["missing"] else (None, place)))
    async for row in snapshot.stream(ORPHANS):
        yield finding("orphan", row["id"], None, row["place"])
    for one in _keys(await snapshot.fetch(KEYS), await snapshot.fetch(KEY_EVENTS)):
        yield one


async def _tree(snapshot: Snapshot) -> list[Finding]:
    edge = Edge()
    due: dict[TileId, bytes] = {}
    waiting: list[bytes] = []
    async for row in snapshot.stream(LEAVES):
        waiting.append(row["leaf"])
        if len(waiting) == AT_ONCE:
            due |= _grown(edge, waiting)
            waiting.clear()
    due |= _grown(edge, waiting)
    found = []
    async for row in snapshot.stream(TILES):
        made = due.pop(TileId(row["level"], row["index"]), None)
        if made != sha256(row["data"]).digest():
            said = "not in the tree" if made is None else "not made of the events"
            found.append(finding("tile_mismatch", f"log_tile {row['level']}/{row['index']}", made, said))
    found += [finding("tile_mismatch", f"log_tile {tile.level}/{tile.index}", "a tile", None) for tile in due]
    rows = await snapshot.fetch(EDGE)
    # The edge is moved on with each checkpoint and says by itself how large the tree was then.
    reached, newest = sum(_leaves(row) for row in rows), await snapshot.fetchval(NEWEST)
    if reached > newest:
        found.append(
            Finding("checkpoint_missing", None, None, reached, f"log_edge of {reached}", f"checkpoint {newest}")
        )
    held = {row["level"]: row["data"].hex() for row in rows}
    for level in sorted(held.keys() | set(range(len(edge.rows)))):
        made_row = edge.rows[level].hex() if level < len(edge.rows) else None
        if held.get(level) != made_row:
            found.append(finding("edge_mismatch", f"log_edge {level}", made_row, held.get(level)))
    return found


def _leaves(row: Row) -> int:
    level = row["level"]
    return len(row["data"]) // HASH_BYTES << TILE_HEIGHT * level if 0 <= level < LEVEL_LIMIT else 0


def _grown(edge: Edge, leaves: list[bytes]) -> dict[TileId, bytes]:
    return {TileId(tile.level, tile.index): sha256(tile.data).digest() for tile in edge.extend(leaves)}


def _state(rows: list[Row]) -> Iterator[Finding]:
    if len(rows) != 1:
        yield finding("state_mismatch", "log_state", "one row", f"{len(rows)} rows")
    for row in rows:
        named = canonical(origin_of(row["log_id"], row["epoch"]))
        if row["next"] != row["due"]:
            yield finding("state_mismatch", "log_state", f"next={row['due']}", f"next={row['next']}")
        if row["opened"] and row["origin"] != named:
            yield finding("state_mismatch", "log_state", f"origin={row['origin']}", f"origin={named}")


def _keys(rows: list[Row], events: list[Row]) -> Iterator[Finding]:
    due: dict[str, dict[str, Any]] = {}
    for event in events:
        told = dict(zip(event["fields"], event["said"], strict=True))
        row = due.setdefault(str(event["subject_id"]), {"retired_at": None})
        at = plain(event)["at"]
        if event["type"] == "key.added":
            row |= {**told, "added_at": at}
        else:
            row["retired_at"] = at
    held = {str(row["id"]): plain(row) for row in rows}
    for key in sorted(due.keys() | held.keys()):
        yield from _key(key, due.get(key), held.get(key))


def _key(key: str, due: Mapping[str, Any] | None, held: Mapping[str, Any] | None) -> Iterator[Finding]:
    if due is None or held is None:
        yield finding("key_mismatch", key, due and "trail_key", held and "trail_key")
        return
    said = {**held, **{name: canonical(held[name]) for name in ("name", "fingerprint", "vkey")}}
    for name, value in due.items():
        if said.get(name) != value:
            yield finding("key_mismatch", key, f"trail_key.{name}={value}", f"trail_key.{name}={said.get(name)}")
