"""Reading what was frozen: for whoever reads everything of the unit it is of."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from app.access.actor import Actor
from app.core.db import Reader
from app.core.errors import Problem
from app.core.keyset import Keyset
from app.core.paging import Cursor
from app.features.statistics.commands import snapshot_out
from app.features.statistics.snapshot_schemas import Anchor, SnapshotOut, SnapshotPage, SnapshotQuery, SnapshotSummary

_SUMMARY: Final = (
    "s.id, s.unit_id, s.kind, s.period_from, s.period_to, s.revision, s.amends_id, s.reason, s.as_of, s.known_at,"
    " s.content_hash, s.definitions_hash, s.checkpoint_size, s.checkpoint_root, s.made_by, s.made_at"
)
_READABLE: Final = "FROM snapshot s JOIN unit u ON u.id = s.unit_id WHERE u.ancestors && $1::uuid[]"
SHEET: Final = Keyset(
    _SUMMARY,
    f"{_READABLE} AND ($2::uuid IS NULL OR s.unit_id = $2) AND ($3::text IS NULL OR s.kind = $3)",
    ("s.period_from", "s.id"),
    3,
)
ONE: Final = f"SELECT {_SUMMARY}, s.content, s.definitions {_READABLE} AND s.id = $2"


async def snapshots(reader: Reader, actor: Actor, query: SnapshotQuery, cursor: Cursor) -> SnapshotPage:
    """Raises invalid_cursor."""
    kind = None if query.kind is None else query.kind.value
    sheet = await SHEET.read(reader, (actor.reading_units, query.unit_id, kind), query, cursor)
    items = []
    for row in sheet.rows:
        told = dict(row)
        size, root = told.pop("checkpoint_size"), told.pop("checkpoint_root")
        anchor = None if size is None else Anchor(size=size, root=root)
        items.append(SnapshotSummary.model_validate(told | {"checkpoint": anchor}))
    return SnapshotPage(items=items, **sheet.envelope())


async def one(reader: Reader, actor: Actor, snapshot_id: UUID) -> SnapshotOut:
    """Raises not_found alike for what is not there and what is not the caller's to read."""
    row = await reader.fetchrow(ONE, actor.reading_units, snapshot_id)
    if row is None:
        raise Problem("not_found")
    return snapshot_out(row)
