"""Keeps an item readable as it was: each write ends its version and begins the next, in the statement that writes the row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from app.core.db import Tx
from app.tables.past import ItemVersion

_NAMES: Final = tuple(ItemVersion.__table__.columns.keys())  # type: ignore[attr-defined]
_SAME: Final = _NAMES[_NAMES.index("ledger_id") :]
"""The columns a version has in common with the row; the key and the two ends come before them."""
_BEGIN: Final = (
    f"INSERT INTO item_version ({', '.join(_NAMES)}) "  # noqa: S608 - column names of the model
    f"SELECT id, version, updated_at, 'infinity', {', '.join(_SAME)} FROM {{0}}"
)
_TITLE: Final = "INSERT INTO item_text (item_id, from_version, title) SELECT id, version, title FROM {0}"
_BORN: Final = "(SELECT * FROM item WHERE id = ANY($1::uuid[])) AS born"
BEGIN: Final = f"WITH titled AS ({_TITLE.format(_BORN)}) {_BEGIN.format(_BORN)}"
END: Final = "UPDATE item_version SET valid_to = $2 WHERE item_id = $1 AND valid_to = 'infinity'"
END_SPANS: Final = (
    "UPDATE item_unit_span SET valid_to = $2 WHERE item_id = $1 AND valid_to = 'infinity'",
    "UPDATE item_person_span SET valid_to = $2 WHERE item_id = $1 AND valid_to = 'infinity'",
)


def onward(moved: str, *, retitled: bool) -> str:
    """`moved` is an UPDATE of items RETURNING item.*; the statement counts as many rows as items were moved."""
    titled = f", titled AS ({_TITLE.format('moved')})" if retitled else ""
    return (
        f"WITH moved AS ({moved}), ended AS (UPDATE item_version AS p SET valid_to = moved.updated_at FROM moved "  # noqa: S608 - constants
        f"WHERE p.item_id = moved.id AND p.version = moved.version - 1){titled} {_BEGIN.format('moved')}"
    )


async def begin(tx: Tx, ids: Sequence[UUID]) -> None:
    """The first version of new items."""
    await tx.execute(BEGIN, list(ids))


async def end(tx: Tx, item_id: UUID) -> None:
    """A draft that is deleted was there until now."""
    for sql in (END, *END_SPANS):
        await tx.execute(sql, item_id, tx.at)
