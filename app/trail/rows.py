"""What an event says of child rows: one digest each, so that a row changed behind the service's back is found.

The words themselves are told by the event's other fields; a digest binds the whole row without repeating them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from sqlmodel import SQLModel

from app.tables import closeout, item, rectify
from app.trail.canonical import canonical, jsonable

ROWS: Final = "rows"
"""The field of an event that lists [table, key, hex digest]; the digest is null for a row that was removed."""
UNCOVERED: Final = frozenset({"changed_seq", "cited"})
"""Which event changed a row last, and whether something cites it: both follow from the history itself."""

COVERED: Final[tuple[type[SQLModel], ...]] = (
    closeout.Approval, rectify.Criterion, closeout.Decision, item.DuplicateVerdict, rectify.Evidence, closeout.GateResult,
    item.ItemCycle, rectify.Measure, closeout.Objection, rectify.Outcome, rectify.PlanVersion, rectify.ProgressReport,
    closeout.StageReview, rectify.Submission, closeout.Survey,
)  # fmt: skip
"""The tables whose rows events bind, by name."""


@cache
def _shape(table: type[SQLModel]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    columns = table.__table__.columns  # type: ignore[attr-defined]
    names = [str(column.name) for column in columns]
    keys = tuple(str(column.name) for column in columns if column.primary_key and column.name != "item_id")
    return keys, tuple(name for name in names if name not in UNCOVERED)


@cache
def nothing(table: type[SQLModel]) -> dict[str, Any]:
    """What a row holds where nothing was said: null in every column that may be null."""
    return {str(column.name): None for column in table.__table__.columns if column.nullable}  # type: ignore[attr-defined]


def row_key(table: type[SQLModel], row: Mapping[str, Any]) -> str:
    """What tells a row from the others of its item."""
    return "/".join(str(row[name]) for name in _shape(table)[0])


def key_columns(table: type[SQLModel]) -> tuple[str, ...]:
    """The columns of `row_key`."""
    return _shape(table)[0]


def row_digest(table: type[SQLModel], row: Mapping[str, Any]) -> str:
    """Hex SHA-256 of the canonical text of the row; raises KeyError for a row that is not whole."""
    content = {name: row[name] for name in _shape(table)[1]}
    return hashlib.sha256(canonical(jsonable(content)).encode()).hexdigest()


def told(table: type[SQLModel], row: Mapping[str, Any]) -> list[str | None]:
    """The entry of a row as it now stands."""
    return [str(table.__tablename__), row_key(table, row), row_digest(table, row)]


def told_removed(table: type[SQLModel], key: str) -> list[str | None]:
    """The entry of a row that is no more."""
    return [str(table.__tablename__), key, None]
