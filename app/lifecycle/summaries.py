"""The row a list shows, as JSON made by PostgreSQL."""

from __future__ import annotations

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
