"""The row a list shows, as JSON made by PostgreSQL, and the people behind the next roles of a page of rows."""

# ruff: noqa: S608 - SQL here is put together from constants; values are always parameters
from __future__ import annotations

from functools import cache
from typing import Final

from app.lifecycle.light_sql import PHASE_SQL

PAGE_COLUMNS: Final = (
    "i.id, i.number, i.version, i.state, i.title, i.ledger_id, i.source_type, i.category, i.severity, i.lead_unit_id, "
    "i.source_unit_id, i.responsible_unit_id, i.mode, i.due_on, i.blue_from, i.yellow_from, i.red_from, i.light_reasons, "
    "i.progress_percent, i.cycle, i.updated_at, i.confidentiality, i.accountable_leader_ids, "
)


def summary(title: str, light: str, late: str, movers: str) -> str:
    """The JSON of one row `i`; the arguments are the expressions in which the present and the past differ."""
    return f"""
json_build_object('id', i.id, 'number', i.number, 'version', i.version, 'state', i.state, 'phase', {PHASE_SQL},
  'title', {title}, 'ledger_id', i.ledger_id, 'source_type', i.source_type,
  'category', i.category, 'severity', i.severity, 'lead_unit_id', i.lead_unit_id,
  'responsible_unit_id', i.responsible_unit_id, 'mode', i.mode, 'due_on', i.due_on, 'light', {light},
  'overdue_days', {late}, 'progress_percent', i.progress_percent, 'cycle', i.cycle,
  'next_movers', {movers},
  'updated_at', to_char(i.updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
"""


@cache
def holders_sql(day: str) -> str:
    """CTEs behind the CTE `page`: `moving` says who moves each of its items on a day, an expression for a date."""
    return f"""
pairs AS (SELECT DISTINCT m.role, m.unit_id FROM item_mover m WHERE m.item_id = ANY(ARRAY(SELECT id FROM page))),
held AS (SELECT p.role, p.unit_id, g.person_id FROM pairs p JOIN unit u ON u.id = p.unit_id
    JOIN role_grant g ON g.role = p.role AND g.unit_id = ANY(u.ancestors)
    JOIN person h ON h.id = g.person_id AND h.active
  WHERE g.revoked_at IS NULL AND g.starts_on <= {day} AND (g.ends_on IS NULL OR g.ends_on >= {day})),
holders AS MATERIALIZED (SELECT role, unit_id, to_json((array_agg(DISTINCT person_id ORDER BY person_id))[1:20]) AS person_ids
  FROM (SELECT * FROM held UNION ALL SELECT h.role, h.unit_id, d.delegate_id FROM held h
    JOIN delegation d ON d.principal_id = h.person_id AND h.role = ANY(d.roles)
    JOIN person q ON q.id = d.delegate_id AND q.active
    WHERE d.revoked_at IS NULL AND d.starts_on <= {day} AND (d.ends_on IS NULL OR d.ends_on >= {day})) every
  GROUP BY role, unit_id),
moving AS MATERIALIZED (SELECT m.item_id, json_agg(json_build_object('role', m.role, 'unit_id', m.unit_id,
    'person_ids', coalesce(h.person_ids, '[]')) ORDER BY m.role) AS list
  FROM item_mover m LEFT JOIN holders h ON h.role = m.role AND h.unit_id = m.unit_id
  WHERE m.item_id = ANY(ARRAY(SELECT id FROM page)) GROUP BY m.item_id)
"""
