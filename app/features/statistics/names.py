"""What the keys of groups are called: units and ledgers by the name they had at the moment of the figures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from app.core.db import Reader
from app.core.enums import LabelledEnum
from app.features.statistics.schemas import Label, label
from app.lifecycle.light import Light
from app.lifecycle.states import Mode, Phase, Severity, State
from app.metrics.grouping import By, Grouping, Names
from app.trail.read import names_then

_BY_ID: Final = "SELECT id::text AS key, name AS zh, name AS en FROM {} WHERE id = ANY($1::text[]::uuid[])"
NAMED: Final = {
    Names.UNIT: _BY_ID.format("unit"),
    Names.PERSON: _BY_ID.format("person"),
    Names.LEDGER: _BY_ID.format("ledger"),
    Names.CATEGORY: "SELECT code AS key, name_zh AS zh, name_en AS en FROM category WHERE code = ANY($1::text[])",
    Names.SOURCE_TYPE: (
        "SELECT DISTINCT ON (code) code AS key, name_zh AS zh, name_en AS en FROM source_type"
        " WHERE code = ANY($1::text[]) ORDER BY code, schema_version DESC"
    ),
}
_ENUMS: Final[dict[By, type[LabelledEnum]]] = {
    By.MODE: Mode,
    By.SEVERITY: Severity,
    By.STATE: State,
    By.PHASE: Phase,
    By.LIGHT: Light,
}
_RENAMED: Final = frozenset({Names.UNIT, Names.LEDGER})
NONE: Final = Label(zh="未填写", en="None")


async def names_of(
    reader: Reader, grouping: Grouping, keys: Iterable[str | None], past: datetime | None
) -> dict[str | None, Label]:
    """A label for each key; one that is known by no name is its own."""
    wanted = sorted({key for key in keys if key is not None})
    found: dict[str | None, Label] = {key: Label(zh=key, en=key) for key in wanted}
    found[None] = NONE
    if grouping.by in _ENUMS:
        return found | {key: label(_ENUMS[grouping.by](key)) for key in wanted}
    if grouping.names not in NAMED:
        return found
    rows = await reader.fetch(NAMED[grouping.names], wanted)
    found |= {row["key"]: Label(zh=row["zh"], en=row["en"]) for row in rows}
    if past is not None and grouping.names in _RENAMED:
        found |= await _then(reader, wanted, past)
    return found


async def _then(reader: Reader, keys: Sequence[str], past: datetime) -> dict[str | None, Label]:
    told = await names_then(reader, [UUID(key) for key in keys], past)
    return {str(key): Label(zh=name, en=name) for key, name in told.items()}
