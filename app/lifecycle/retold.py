"""One item as it was, told anew from its events; what lies in other tables is looked up as of the same moment."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ARRAY, Date, DateTime, Uuid

from app.core.clock import beijing_date
from app.core.db import Reader
from app.core.errors import Problem
from app.lifecycle.create import blank
from app.lifecycle.schemas import ItemOut
from app.lifecycle.states import State
from app.lifecycle.told import WORDS
from app.lifecycle.view import item_shown
from app.tables.item import Item
from app.trail import read
from app.trail.canonical import jsonable
from app.trail.fold import NotTold, fold

ORIGINS: Final = """
SELECT from_item_id, source_type, document, document_no, quote, source_unit_id FROM item_origin
WHERE from_item_id = ANY($1::uuid[]) ORDER BY created_at, id
"""
CHILDREN: Final = """
SELECT count(*) AS total, count(*) FILTER (WHERE v.state = 'closed') AS closed
FROM item c JOIN item_version v ON v.item_id = c.id AND v.valid_from <= $2 AND v.valid_to > $2 WHERE c.split_from_id = $1
"""
SEALED: Final = "SELECT sealed FROM source_type WHERE code = $1 AND schema_version = $2"
START: Final[Mapping[str, Any]] = {
    name: jsonable(value) for name, value in blank(datetime.fromtimestamp(0, UTC)).items()
}
_GAVE_ORIGINS_AWAY: Final = frozenset({State.MERGED.value, State.VOIDED.value})
_KINDS: Final = {str(column.name): column.type for column in Item.__table__.columns}  # type: ignore[attr-defined]


def stored(row: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a folded row as the columns of `item` hold them."""
    return {name: value if value is None else _stored(_KINDS[name], value) for name, value in row.items()}


def _stored(kind: Any, value: Any) -> Any:
    match kind:
        case Uuid():
            return UUID(value)
        case Date():
            return date.fromisoformat(value)
        case DateTime():
            return datetime.fromisoformat(value)
        case ARRAY(item_type=Uuid()):
            return [UUID(entry) for entry in value]
    return value


async def item_then(reader: Reader, version: Mapping[str, Any], as_of: datetime) -> ItemOut:
    """The item of a version in force at `as_of`: `id`, `version`, `title` and `unmasked`; raises as_of_not_kept."""
    item_id, seq = version["id"], version["version"]
    try:
        told = fold(START, WORDS, await read.item_story(reader, item_id, seq))
    except NotTold:
        raise Problem("as_of_not_kept") from None
    row = stored(told)
    beside = {
        "title": version["title"],
        "unmasked": version["unmasked"],
        "sealed": await reader.fetchval(SEALED, row["source_type"], row["source_schema_version"]),
        "origins": await _origins(reader, item_id, seq, row["state"]),
        "children": await _children(reader, item_id, as_of) if row["state"] == State.SPLIT else None,
        "next_movers": [{**mover, "person_ids": []} for mover in sorted(row["movers"], key=lambda one: one["role"])],
    }
    return item_shown(row | beside, beijing_date(as_of), ())


async def _origins(reader: Reader, item_id: UUID, seq: int, state: str) -> list[dict[str, Any]]:
    givers = [] if state in _GAVE_ORIGINS_AWAY else await read.givers(reader, item_id, seq)
    return [dict(row) for row in await reader.fetch(ORIGINS, givers)] if givers else []


async def _children(reader: Reader, item_id: UUID, as_of: datetime) -> dict[str, int]:
    row = await reader.fetchrow(CHILDREN, item_id, as_of)
    return {} if row is None else dict(row)
