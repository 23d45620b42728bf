"""rl-export/1: the history as one file that an outsider checks without this service (docs/guides/trail-format.md).

Everything comes from one snapshot and goes out line by line, so that a log of any length passes through little memory.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from importlib.metadata import version
from typing import Any, Final, Protocol
from uuid import UUID, uuid5

from sqlmodel import SQLModel

from app.access.actor import SYSTEM
from app.core import clock
from app.core.db import Database, Row, Snapshot
from app.core.ids import uuid7
from app.tables.item import WRITTEN
from app.trail import prove
from app.trail.canonical import SAFE_INTEGER, canonical, instant, jsonable
from app.trail.envelope import Entry
from app.trail.keys import origin_of
from app.trail.record import record
from app.trail.rows import COVERED, key_columns
from app.trail.rules import NAMESPACE

FORMAT: Final = "rl-export/1"
PROVED_AT_ONCE: Final = 256
"""Events whose proofs are made of one reading of tiles."""

LOG: Final = """
SELECT s.log_id, s.epoch, l.size
FROM (SELECT coalesce(max(position), 0) AS size FROM log_position) l LEFT JOIN log_state s ON TRUE
"""
KEYS: Final = "SELECT id, name, fingerprint, vkey, added_at, retired_at FROM trail_key ORDER BY id"
_COLUMNS: Final = (
    "e.id, e.subject_kind, e.subject_id, e.seq, e.type, e.at, e.actor_id, e.body, e.hash, d.fields, d.said"
)
_SAID: Final = """
LEFT JOIN LATERAL (
  SELECT array_agg(field) AS fields, array_agg(ARRAY[encode(salt, 'hex'), value]) AS said
  FROM event_disclosure WHERE event_id = e.id
) AS d ON TRUE
"""
_CHOSEN: Final = "($1::uuid[] IS NULL OR e.subject_id = ANY($1))"
NUMBERED: Final = f"""
SELECT p.position, {_COLUMNS} FROM log_position p JOIN event e ON e.id = p.event_id {_SAID}
WHERE {_CHOSEN} ORDER BY p.position
"""  # noqa: S608 - constants
UNNUMBERED: Final = f"""
SELECT NULL::bigint AS position, {_COLUMNS} FROM event e {_SAID}
WHERE {_CHOSEN} AND NOT EXISTS (SELECT FROM log_position p WHERE p.event_id = e.id) ORDER BY e.at, e.id
"""  # noqa: S608 - constants
# The table in force is published as a subject of its own, named after its hash.
RULES_NAMED: Final = """
SELECT DISTINCT substring(body FROM '"rules":"([0-9a-f]{64})"') AS hash FROM event
WHERE subject_id = ANY($1) AND subject_kind = 'item'
"""
CHECKPOINTS: Final = "SELECT size, root, note FROM checkpoint ORDER BY size"
HEADS: Final = "SELECT id, kind, seq, hash FROM trail_subject ORDER BY id"
ITEMS: Final = f"SELECT {', '.join(WRITTEN)} FROM item WHERE $1::uuid[] IS NULL OR id = ANY($1) ORDER BY id"  # noqa: S608 - column names


class Withholds(Protocol):
    """What a recipient is not given, though it was recorded."""

    def fields(self, said: Mapping[str, Any]) -> Sequence[str]:
        """Names among the fields of one event."""

    def row(self, table: str, row: Mapping[str, Any]) -> bool:
        """Whether a row beside the item stays out."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What goes into the file: everything, or some items with all that their proofs need."""

    items: Sequence[UUID] | None = None
    withholds: Withholds | None = None

    def document(self) -> dict[str, Any]:
        """As it stands in the header and in the event that tells of the export."""
        if self.items is None:
            return {"kind": "all"}
        named = {"kind": "items", "ids": sorted(str(item) for item in self.items)}
        return named if self.withholds is None else {**named, "withheld": True}


EVERYTHING: Final = Asked()


@dataclass(slots=True)
class Export:
    """One export under way; the figures are whole when `lines` has ended."""

    snapshot: Snapshot
    asked: Asked = EVERYTHING
    size: int = 0
    events: int = 0
    lines_written: int = 0
    _digest: Any = field(default_factory=sha256)

    @property
    def sha256(self) -> str:
        """Of all that was given so far, as in the last line."""
        return str(self._digest.hexdigest())

    async def lines(self) -> AsyncIterator[bytes]:
        """Every line with the newline that ends it."""
        async for document in self._documents():
            line = (canonical(document) + "\n").encode()
            self._digest.update(line)
            self.lines_written += 1
            self.events += document["t"] == "event"
            yield line
        end = {"t": "end", "events": self.events, "lines": self.lines_written, "sha256": self.sha256}
        yield (canonical(end) + "\n").encode()

    async def _documents(self) -> AsyncIterator[dict[str, Any]]:
        yield await self._header()
        for row in await self.snapshot.fetch(KEYS):
            yield {"t": "key", **plain(row)}
        newest = None if self.asked.items is None else await prove.latest(self.snapshot)
        subjects = await self._subjects()
        async for event in self._numbered(subjects, newest):
            yield event
        async for checkpoint in self._checkpoints(newest):
            yield checkpoint
        async for row in self.snapshot.stream(UNNUMBERED, subjects):
            yield self._event(row)
        async for line in self._rows():
            yield line
        if self.asked.items is None:
            async for row in self.snapshot.stream(HEADS):
                yield {"t": "subject", **plain(row)}

    async def _header(self) -> dict[str, Any]:
        (log,) = await self.snapshot.fetch(LOG)
        self.size = log["size"]
        named = {"id": told(log["log_id"]), "epoch": log["epoch"], "origin": origin_of(log["log_id"], log["epoch"])}
        return {
            "t": "header", "format": FORMAT, "log": named, "at": instant(clock.now()), "size": told(self.size),
            "scope": self.asked.document(), "made_by": {"service": version("rectification-ledger")},
        }  # fmt: skip

    async def _subjects(self) -> list[UUID] | None:
        """The items and the tables of transitions that their events name; None for everything."""
        if self.asked.items is None:
            return None
        named = await self.snapshot.fetch(RULES_NAMED, list(self.asked.items))
        return [*self.asked.items, *(uuid5(NAMESPACE, row["hash"]) for row in named if row["hash"])]

    async def _numbered(self, subjects: list[UUID] | None, newest: Row | None) -> AsyncIterator[dict[str, Any]]:
        waiting: list[Row] = []
        async for row in self.snapshot.stream(NUMBERED, subjects):
            if newest is None:
                yield self._event(row)
                continue
            waiting.append(row)
            if len(waiting) == PROVED_AT_ONCE:
                for event in await self._proved(waiting, newest["size"]):
                    yield event
                waiting.clear()
        if newest is not None:
            for event in await self._proved(waiting, newest["size"]):
                yield event

    async def _proved(self, rows: Sequence[Row], size: int) -> list[dict[str, Any]]:
        sealed = [row["position"] for row in rows if row["position"] <= size]
        found = await prove.paths(self.snapshot, size, [position - 1 for position in sealed])
        proofs = {position: path for position, path in zip(sealed, found, strict=True) if path is not None}
        return [self._event(row, proofs.get(row["position"])) for row in rows]

    def _event(self, row: Row, proof: list[bytes] | None = None) -> dict[str, Any]:
        said = _members(dict(zip(row["fields"] or (), row["said"] or (), strict=True)))
        line: dict[str, Any] = {
            "t": "event",
            "pos": told(row["position"]),
            "body": row["body"],
            "row": _projections(row),
        }
        withheld = sorted(self._withheld(said))
        if withheld:
            line["withheld"] = withheld
        if proof is not None:
            line["proof"] = [part.hex() for part in proof]
        return {**line, "say": {name: pair for name, pair in said.items() if name not in withheld}}

    def _withheld(self, said: Mapping[str, Sequence[str]]) -> Sequence[str]:
        if self.asked.withholds is None:
            return ()
        return self.asked.withholds.fields({name: json.loads(value) for name, (_, value) in said.items()})

    async def _checkpoints(self, newest: Row | None) -> AsyncIterator[dict[str, Any]]:
        if self.asked.items is not None:
            if newest is not None:
                yield {"t": "checkpoint", **plain(newest)}
            return
        async for row in self.snapshot.stream(CHECKPOINTS):
            yield {"t": "checkpoint", **plain(row)}

    async def _rows(self) -> AsyncIterator[dict[str, Any]]:
        ids = None if self.asked.items is None else list(self.asked.items)
        async for row in self.snapshot.stream(ITEMS, ids):
            yield {"t": "item", "row": plain(row)}
        for table in COVERED:
            name = str(table.__tablename__)
            async for found in self.snapshot.stream(_children(table), ids):
                content = plain(found)
                if self.asked.withholds is None or not self.asked.withholds.row(name, content):
                    yield {"t": "row", "table": name, "item": content["item_id"], "row": content}


def _projections(row: Row) -> dict[str, Any]:
    return {
        "id": str(row["id"]), "kind": row["subject_kind"], "subject": str(row["subject_id"]), "seq": row["seq"],
        "type": row["type"], "at": told(row["at"]), "actor": told(row["actor_id"]), "hash": row["hash"].hex(),
    }  # fmt: skip


def _children(table: type[SQLModel]) -> str:
    order = ", ".join(("item_id", *key_columns(table)))
    return f"SELECT * FROM {table.__tablename__} WHERE $1::uuid[] IS NULL OR item_id = ANY($1) ORDER BY {order}"  # noqa: S608 - a table of ours


def plain(row: Row) -> dict[str, Any]:
    """A row as the file holds it."""
    return {name: told(value) for name, value in row.items()}


def told(value: Any) -> Any:
    """A value as the file holds it: bytes in hex, and as text whatever no service of ours could have stored."""
    match value:
        case bytes():
            return value.hex()
        case dict() | list():
            return _members(value)
        case float():
            return repr(value)
        case int() if abs(value) > SAFE_INTEGER:
            return str(value)
        case datetime() if value.tzinfo is None:
            return value.isoformat()
        case _:
            return jsonable(value)


def _members(value: dict[str, Any] | list[Any]) -> Any:
    if isinstance(value, list):
        return [told(member) for member in value]
    return {name if name.isascii() else ascii(name): told(member) for name, member in value.items()}


async def tell(db: Database, export: Export) -> None:
    """An export is itself recorded: who holds a copy of the ledger is part of its history."""
    fields = {
        "scope": export.asked.document(), "size": export.size, "lines": export.lines_written, "sha256": export.sha256,
    }  # fmt: skip
    await db.write(lambda tx: record(tx, SYSTEM, [Entry("export", uuid7(), "export.made", clock.now(), fields)]))
