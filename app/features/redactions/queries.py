"""Reading requests for redaction, and what one would remove."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from app.core.db import Reader, Row
from app.core.errors import Fault, Problem, Text
from app.core.keyset import Keyset
from app.core.paging import Cursor
from app.features.redactions import schemas
from app.trail import redactions
from app.trail.redact import Material, Plan, plan

LIST: Final = Keyset(redactions.COLUMNS, redactions.FROM, ("r.id",), 2)
_UNKNOWN: Final = Text("没有这个事项", "There is no such item")
_NOTHING: Final = Text("此处没有可脱敏的文字，或已经脱敏", "No words to redact are there, or they have gone already")
_KEPT: Final = frozenset({"kind", "field", "event_id", "table", "id", "evidence_id"})


async def page(reader: Reader, query: schemas.RedactionQuery, cursor: Cursor) -> schemas.RedactionPage:
    """Raises invalid_cursor."""
    status = None if query.status is None else query.status.value
    sheet = await LIST.read(reader, (query.item_id, status), query, cursor)
    return schemas.RedactionPage(items=[_told(row) for row in sheet.rows], **sheet.envelope())


async def one(reader: Reader, redaction_id: UUID) -> schemas.Redaction:
    """Raises not_found."""
    row = await reader.fetchrow(redactions.ONE, None, None, redaction_id)
    if row is None:
        raise Problem("not_found")
    return _told(row)


def _told(row: Row) -> schemas.Redaction:
    places = [{name: value for name, value in place.items() if name in _KEPT} for place in row["places"]]
    return schemas.Redaction.model_validate(dict(row) | {"places": places})


async def preview(reader: Reader, item_id: UUID, places: Sequence[dict[str, Any]]) -> schemas.RedactionPreview:
    """Raises conflict for an unknown item and for places where nothing is."""
    made, _ = await planned(reader, item_id, places)
    found = await redactions.elsewhere(reader, item_id, made.texts)
    return schemas.RedactionPreview(
        item_id=item_id,
        disclosures=[
            schemas.ToldPlace(event_id=event_id, seq=seq, field=name)
            for seq, event_id, name in sorted(made.disclosures)
        ],
        item_fields=[schemas.ItemTextField(name) for name in sorted(made.item)],
        records=[
            schemas.ShownPlace(table=schemas.ChildTable(table), id=key, fields=sorted(changes))
            for (table, key), changes in sorted(made.children.items())
        ],
        elsewhere=[schemas.ForeignPlace.model_validate(dict(row)) for row in found],
    )


async def planned(reader: Reader, item_id: UUID, places: Sequence[dict[str, Any]]) -> tuple[Plan, Material]:
    """As `preview`, for carrying it out: every place must still hold something."""
    found = await redactions.material(reader, item_id)
    if found is None:
        raise Problem("conflict", _UNKNOWN, faults=[Fault("unknown_reference", _UNKNOWN, pointer="/item_id")])
    made = plan(places, found)
    if made.unmatched:
        faults = [Fault("nothing_there", _NOTHING, pointer=f"/places/{index}") for index in made.unmatched]
        raise Problem("conflict", _NOTHING, faults=faults)
    return made, found
