"""The people behind the next roles of an item, as SQL."""

# ruff: noqa: S608 - SQL here is put together from constants; values are always parameters
from __future__ import annotations

from functools import cache
from typing import Final

_MOST: Final = 20
"""People named for a role."""


def _in_force(alias: str, day: str) -> str:
    return f"{alias}.revoked_at IS NULL AND {alias}.starts_on <= {day} AND ({alias}.ends_on IS NULL OR {alias}.ends_on >= {day})"


@cache
def held(day: str) -> str:
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


@cache
def movers_sql(day: str) -> str:
    """Who moves `item AS i` on a day, an expression for a date."""
    return f"""
(SELECT json_agg(json_build_object('role', m.role, 'unit_id', m.unit_id, 'person_ids', {held(day)}) ORDER BY m.role, m.unit_id)
 FROM (SELECT n.role, n.unit_id, (SELECT u.ancestors FROM unit u WHERE u.id = n.unit_id) AS ancestors
   FROM item_mover n WHERE n.item_id = i.id OFFSET 0) m)
"""


_KEY: Final = "string_agg(n.role || ' ' || n.unit_id, ',' ORDER BY n.role, n.unit_id)"
MOVER_KEY: Final = f"coalesce((SELECT {_KEY} FROM item_mover n WHERE n.item_id = i.id), '')"
"""The roles of `item AS i` and their units; the people behind them are remembered, see `next_movers`."""
MOVING: Final = f"""
moving AS MATERIALIZED (SELECT n.item_id, {_KEY} AS key FROM item_mover n
  WHERE n.item_id = ANY(ARRAY(SELECT id FROM page)) GROUP BY n.item_id)
"""
"""A CTE behind the CTE `page`: the same for each of its items, by one scan of an index for all of them."""
