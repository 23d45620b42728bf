"""The people behind the next roles, as SQL: of one item, and of a page of them."""

# ruff: noqa: S608 - SQL here is put together from constants; values are always parameters
from __future__ import annotations

from functools import cache
from typing import Final

_ANCESTORS: Final = "(SELECT u.ancestors FROM unit u WHERE u.id = n.unit_id) AS ancestors"


def _held(day: str) -> str:
    """Up to twenty active people holding `m.role` over `m.ancestors` on a day, or standing in for a holder, each once.

    From grant to person to delegation by key, so that neither table is read whole however large it has grown.
    """
    in_force = (
        f"{{0}}.revoked_at IS NULL AND {{0}}.starts_on <= {day} AND ({{0}}.ends_on IS NULL OR {{0}}.ends_on >= {day})"
    )
    return f"""
ARRAY(SELECT DISTINCT who.person_id FROM role_grant g JOIN person p ON p.id = g.person_id AND p.active
  CROSS JOIN LATERAL (SELECT g.person_id
    UNION ALL SELECT d.delegate_id FROM delegation d JOIN person q ON q.id = d.delegate_id AND q.active
    WHERE d.principal_id = g.person_id AND g.role = ANY(d.roles) AND {in_force.format("d")}) who
  WHERE g.role = m.role AND g.unit_id = ANY(m.ancestors) AND {in_force.format("g")} ORDER BY 1 LIMIT 20)
"""


MOVERS: Final = f"""
(SELECT json_agg(json_build_object('role', m.role, 'unit_id', m.unit_id, 'person_ids', {_held("$4::date")}) ORDER BY m.role)
 FROM (SELECT n.role, n.unit_id, {_ANCESTORS} FROM item_mover n WHERE n.item_id = i.id OFFSET 0) m) AS next_movers
"""
"""Of `item AS i`; $4 is the Beijing day asked for, as in every statement that begins with the caller."""


@cache
def moving_sql(day: str) -> str:
    """CTEs behind the CTE `page`: `moving` says who moves each of its items on a day, an expression for a date."""
    return f"""
mover AS MATERIALIZED (SELECT n.item_id, n.role, n.unit_id FROM item_mover n
  WHERE n.item_id = ANY(ARRAY(SELECT id FROM page))),
holders AS MATERIALIZED (SELECT m.role, m.unit_id, to_json({_held(day)}) AS person_ids
  FROM (SELECT n.role, n.unit_id, {_ANCESTORS} FROM (SELECT DISTINCT role, unit_id FROM mover) n OFFSET 0) m),
moving AS MATERIALIZED (SELECT m.item_id, json_agg(json_build_object('role', m.role, 'unit_id', m.unit_id,
    'person_ids', h.person_ids) ORDER BY m.role) AS list
  FROM mover m JOIN holders h ON h.role = m.role AND h.unit_id = m.unit_id GROUP BY m.item_id)
"""
