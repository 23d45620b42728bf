"""The tables beside an item that other questions read: its units and people, now and in the past, and its movers.

Set-based, however many items.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from app.core.db import Tx
from app.lifecycle.derived import item_units
from app.lifecycle.movers import Mover

SYNC_MOVERS = """
WITH n AS (SELECT * FROM unnest($2::uuid[], $3::text[], $4::uuid[]) AS n(item_id, role, unit_id)),
d AS (DELETE FROM item_mover m WHERE m.item_id = ANY($1::uuid[]) AND NOT EXISTS
  (SELECT 1 FROM n WHERE n.item_id = m.item_id AND n.role = m.role AND n.unit_id = m.unit_id))
INSERT INTO item_mover (item_id, role, unit_id) SELECT item_id, role, unit_id FROM n ON CONFLICT DO NOTHING
"""
SYNC_UNITS = """
WITH n AS (SELECT * FROM unnest($2::uuid[], $3::uuid[], $4::text[]) AS n(item_id, unit_id, part)),
d AS (DELETE FROM item_unit u WHERE u.item_id = ANY($1::uuid[]) AND NOT EXISTS
  (SELECT 1 FROM n WHERE n.item_id = u.item_id AND n.unit_id = u.unit_id AND n.part = u.part) RETURNING u.*),
a AS (INSERT INTO item_unit (item_id, unit_id, part) SELECT item_id, unit_id, part FROM n ON CONFLICT DO NOTHING RETURNING *),
e AS (UPDATE item_unit_span s SET valid_to = $5 FROM d WHERE s.item_id = d.item_id AND s.unit_id = d.unit_id
  AND s.part = d.part AND s.valid_to = 'infinity')
INSERT INTO item_unit_span (unit_id, item_id, part, valid_from, valid_to) SELECT unit_id, item_id, part, $5, 'infinity' FROM a
"""
SYNC_PERSONS = """
WITH i AS (SELECT * FROM item WHERE id = ANY($1::uuid[])),
n AS (SELECT DISTINCT item_id, person_id FROM (
  SELECT id AS item_id, unnest(accountable_leader_ids || ARRAY[finder_person_id, responsible_person_id, liaison_id])
    AS person_id FROM i
  UNION ALL SELECT m.item_id, m.person_id FROM measure m JOIN i ON i.id = m.item_id AND i.cycle = m.cycle) a
  WHERE person_id IS NOT NULL),
d AS (DELETE FROM item_person p WHERE p.item_id = ANY($1::uuid[]) AND NOT EXISTS
  (SELECT 1 FROM n WHERE n.item_id = p.item_id AND n.person_id = p.person_id) RETURNING p.*),
a AS (INSERT INTO item_person (item_id, person_id) SELECT item_id, person_id FROM n ON CONFLICT DO NOTHING RETURNING *),
e AS (UPDATE item_person_span s SET valid_to = $2 FROM d WHERE s.item_id = d.item_id AND s.person_id = d.person_id
  AND s.valid_to = 'infinity')
INSERT INTO item_person_span (person_id, item_id, valid_from, valid_to) SELECT person_id, item_id, $2, 'infinity' FROM a
"""


async def sync_movers(tx: Tx, found: Mapping[UUID, Iterable[Mover]]) -> None:
    if not found:
        return
    rows = [(item_id, role.value, unit) for item_id, movers in found.items() for role, unit in dict.fromkeys(movers)]
    await tx.execute(
        SYNC_MOVERS, list(found), [row[0] for row in rows], [row[1] for row in rows], [row[2] for row in rows]
    )


async def sync_units(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    if not rows:
        return
    pairs = [(row["id"], unit, part) for row in rows for unit, part in sorted(item_units(row))]
    ids = [row["id"] for row in rows]
    await tx.execute(SYNC_UNITS, ids, [p[0] for p in pairs], [p[1] for p in pairs], [p[2] for p in pairs], tx.at)


async def sync_persons(tx: Tx, ids: Sequence[UUID]) -> None:
    """Everyone an item names, measures included: being named lets them see it."""
    if ids:
        await tx.execute(SYNC_PERSONS, list(ids), tx.at)
