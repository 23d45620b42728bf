"""Keeps an item readable as it was: each write ends its version and begins the next, in the statement that writes the row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final
from uuid import UUID

from app.access.scope import CTE_SEALED, Sealed, restricted_predicate
from app.core.db import Tx
from app.tables.item import FAR_INSTANT
from app.tables.past import ItemGone, ItemVersion

_NAMES: Final = tuple(ItemVersion.__table__.columns.keys())  # type: ignore[attr-defined]
_SAME: Final = _NAMES[_NAMES.index("ledger_id") :]
"""The columns a version has in common with the row; the key and the two ends come before them."""
_BEGIN: Final = (
    f"INSERT INTO item_version ({', '.join(_NAMES)}) "  # noqa: S608 - column names of the model
    f"SELECT id, version, updated_at, 'infinity', {', '.join(_SAME)} FROM {{0}}"
)
# A redaction has put its placeholder into the titles of before already, and gives none anew.
_TITLE: Final = (
    "INSERT INTO item_text (item_id, from_version, title) SELECT m.id, m.version, m.title FROM {0} AS m "
    "WHERE m.title IS DISTINCT FROM "
    "(SELECT x.title FROM item_text x WHERE x.item_id = m.id ORDER BY x.from_version DESC LIMIT 1)"
)
_BORN: Final = "(SELECT * FROM item WHERE id = ANY($1::uuid[]))"
BEGIN: Final = f"WITH titled AS ({_TITLE.format(_BORN)}) {_BEGIN.format(f'{_BORN} AS born')}"
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


_OF_VERSIONS: Final = "item_version v LEFT JOIN item t ON t.id = v.item_id"


def latest(at: str, item_id: str) -> str:
    """The last version of an item that had begun at the instant `at`, by one probe; there need not be one."""
    return (
        f"(SELECT o.* FROM item_version o WHERE o.item_id = {item_id} AND o.valid_from <= {at}"  # noqa: S608 - constants
        f" ORDER BY o.valid_from DESC LIMIT 1)"
    )


def known(at: str, source: str = _OF_VERSIONS, more: str = "") -> str:
    """What items were at the instant `at` (an expression), as rows that can stand where a list reads `item`.

    `source` gives versions `v` and the items of today `t` they belong to, if there still are such; `more` are further
    columns of it. Versions that were not in force are left out here.
    """
    return f"""(
  SELECT v.item_id AS id, v.version, v.state, v.cycle, v.ledger_id, v.source_type, v.category, v.severity,
    v.confidentiality, v.major_kind, v.mode, v.lead_unit_id, v.responsible_unit_id, v.accountable_leader_ids, v.due_on,
    v.due_sort, v.blue_from, v.yellow_from, v.red_from, v.progress_percent, v.original_due_on,
    v.measures_total, v.measures_done, v.submission_no, v.registered_at, v.completed_at, v.closed_at, v.acknowledged_at,
    v.cycle_started_at, coalesce(v.registered_at, '{FAR_INSTANT.isoformat()}') AS registered_sort, v.valid_from AS updated_at,
    CASE WHEN v.registered_at IS NOT NULL THEN t.number END AS number, t.external_system, t.external_id,
    CASE WHEN t.id IS NULL THEN g.finder_person_id ELSE t.finder_person_id END AS finder_person_id,
    CASE WHEN t.id IS NULL THEN g.finder_unit_id ELSE t.finder_unit_id END AS finder_unit_id{more}
  FROM {source} LEFT JOIN item_gone g ON g.item_id = v.item_id
  WHERE v.valid_from <= {at} AND v.valid_to > {at}
)"""  # noqa: S608 - constants


_SAME_AS_ROW: Final = (
    "version", "state", "cycle", "ledger_id", "source_type", "category", "severity", "confidentiality", "major_kind", "mode",
    "lead_unit_id", "responsible_unit_id", "accountable_leader_ids", "due_on", "due_sort", "blue_from", "yellow_from",
    "red_from", "progress_percent", "original_due_on", "measures_total", "measures_done", "submission_no", "registered_at",
    "completed_at", "closed_at", "acknowledged_at", "cycle_started_at",
)  # fmt: skip
_OF_ROW: Final = (
    "registered_sort, t.number, t.external_system, t.external_id, "
    "t.finder_person_id, t.finder_unit_id, t.source_unit_id"
)


def registered(at: str, *, only: str = "true", same: str = "true", fenced: bool = False) -> str:
    """As `known`, for what had been registered by then, which nothing takes back and which is never deleted.

    An item that was not written since is its own row; of the others the version in force is looked up. So the cost is
    that of the items there were and of what has happened to them since, not of all that ever happened.
    `only` is a condition on today's `item t`, and `same` a further one on those that are their own row. `fenced` is for
    conditions that become joins: they are met before versions are looked up.
    """
    here = f"t.updated_at <= {at}"
    shown = ", ".join(f"CASE WHEN {here} THEN t.{name} ELSE v.{name} END AS {name}" for name in _SAME_AS_ROW)
    begun = ", ".join(f"o.{name}" for name in (*_SAME_AS_ROW, "valid_from"))
    items, kept = "item t", f"t.registered_at <= {at} AND {only} AND (NOT {here} OR {same})"
    if fenced:
        items, kept = f"(SELECT t.* FROM item t WHERE {kept} OFFSET 0) t", "true"  # noqa: S608 - constants
    # The limit keeps this a lookup for each item, which a plain join is not; of its columns only those asked for are read.
    return f"""(
  SELECT t.id, {shown}, CASE WHEN {here} THEN t.updated_at ELSE v.valid_from END AS updated_at, t.{_OF_ROW}
  FROM {items} LEFT JOIN LATERAL (SELECT {begun} FROM item_version o WHERE NOT {here} AND o.item_id = t.id
      AND o.valid_from <= {at} ORDER BY o.valid_from DESC LIMIT 1) v ON true
  WHERE {kept}
)"""  # noqa: S608 - constants


TITLE: Final = """(SELECT x.title FROM item_text x WHERE x.item_id = i.id AND x.from_version <= i.version
  ORDER BY x.from_version DESC LIMIT 1)"""


@cache
def unmasked(sealed: Sealed) -> str:
    """The mask is that of the item today: what has become restricted is restricted in its past as well."""
    return f"coalesce((SELECT {restricted_predicate('t', sealed, 'i')} FROM item t WHERE t.id = i.id), true)"  # noqa: S608 - constants


UNMASKED: Final = unmasked(CTE_SEALED)


async def begin(tx: Tx, ids: Sequence[UUID]) -> None:
    """The first version of new items."""
    await tx.execute(BEGIN, list(ids))


async def end(tx: Tx, row: Mapping[str, Any]) -> None:
    """A draft that is deleted was there until now, and whoever saw it then still sees what it was."""
    for sql in (END, *END_SPANS):
        await tx.execute(sql, row["id"], tx.at)
    gone = {"item_id": row["id"], **{name: row[name] for name in ("finder_person_id", "finder_unit_id")}}
    await tx.insert(ItemGone, [gone])
