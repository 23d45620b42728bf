"""The people behind the next roles, as SQL: of one item, and of a page of them."""

# ruff: noqa: S608 - SQL here is put together from constants; values are always parameters
from __future__ import annotations

from functools import cache
from typing import Final

_MOST: Final = 20
"""People named for a role."""


def _in_force(alias: str, day: str) -> str:
    return f"{alias}.revoked_at IS NULL AND {alias}.starts_on <= {day} AND ({alias}.ends_on IS NULL OR {alias}.ends_on >= {day})"


def _held(day: str) -> str:
    """Up to twenty active people holding `m.role` over `m.ancestors` on a day, or standing in for a holder, each once.

    From grant to person to delegation by key, so that neither table is read whole however large it has grown.
    """
    return f"""
ARRAY(SELECT DISTINCT who.person_id FROM role_grant g JOIN person p ON p.id = g.person_id AND p.active
  CROSS JOIN LATERAL (SELECT g.person_id
    UNION ALL SELECT d.delegate_id FROM delegation d JOIN person q ON q.id = d.delegate_id AND q.active
    WHERE d.principal_id = g.person_id AND g.role = ANY(d.roles) AND {_in_force("d", day)}) who
  WHERE g.role = m.role AND g.unit_id = ANY(m.ancestors) AND {_in_force("g", day)} ORDER BY 1 LIMIT {_MOST})
"""


MOVERS: Final = f"""
(SELECT json_agg(json_build_object('role', m.role, 'unit_id', m.unit_id, 'person_ids', {_held("$4::date")}) ORDER BY m.role)
 FROM (SELECT n.role, n.unit_id, (SELECT u.ancestors FROM unit u WHERE u.id = n.unit_id) AS ancestors
   FROM item_mover n WHERE n.item_id = i.id OFFSET 0) m) AS next_movers
"""
"""Of `item AS i`; $4 is the Beijing day asked for, as in every statement that begins with the caller."""


@cache
def moving_sql(day: str) -> str:
    """CTEs behind the CTE `page`: `moving` says who moves each of its items on a day, an expression for a date.

    The same people as `MOVERS` names, found once for all items: their units have most of those above them in common.
    Each step hands its keys on as an array, which one scan of an index takes, whatever the planner expects of a join.
    """
    return f"""
mover AS MATERIALIZED (SELECT n.item_id, n.role, n.unit_id FROM item_mover n
  WHERE n.item_id = ANY(ARRAY(SELECT id FROM page))),
above AS MATERIALIZED (SELECT u.id, unnest(u.ancestors) AS unit_id FROM unit u
  WHERE u.id = ANY(ARRAY(SELECT unit_id FROM mover))),
holder AS MATERIALIZED (SELECT g.role, g.unit_id, g.person_id FROM role_grant g JOIN person p ON p.id = g.person_id AND p.active
  WHERE g.unit_id = ANY(ARRAY(SELECT DISTINCT unit_id FROM above)) AND g.role = ANY(ARRAY(SELECT DISTINCT role FROM mover))
    AND {_in_force("g", day)}),
lent AS MATERIALIZED (SELECT d.principal_id, d.delegate_id, d.roles
  FROM delegation d JOIN person q ON q.id = d.delegate_id AND q.active
  WHERE d.principal_id = ANY(ARRAY(SELECT person_id FROM holder)) AND {_in_force("d", day)}),
serving AS (SELECT role, unit_id, person_id FROM holder
  UNION ALL SELECT h.role, h.unit_id, d.delegate_id
  FROM lent d JOIN holder h ON h.person_id = d.principal_id AND h.role = ANY(d.roles)),
people AS MATERIALIZED (
  SELECT a.id, s.role, to_json((array_agg(DISTINCT s.person_id ORDER BY s.person_id))[:{_MOST}]) AS ids
  FROM above a JOIN serving s ON s.unit_id = a.unit_id GROUP BY a.id, s.role),
moving AS MATERIALIZED (SELECT m.item_id, json_agg(row_to_json(one) ORDER BY m.role) AS list
  FROM mover m LEFT JOIN people p ON p.id = m.unit_id AND p.role = m.role
  CROSS JOIN LATERAL (SELECT m.role, m.unit_id, coalesce(p.ids, '[]') AS person_ids) one GROUP BY m.item_id)
"""
