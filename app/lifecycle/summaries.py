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
    """A join that adds to each row `i` what is shown of it, as the row `shown`: its columns are the members of the JSON.

    The arguments are the expressions in which the present and the past differ. A row is written as JSON in half the time
    of `json_build_object`, which asks the catalogue for the type of every name and value.
    """
    return f"""
CROSS JOIN LATERAL (SELECT i.id, i.number, i.version, i.state, {PHASE_SQL} AS phase, {title} AS title, i.ledger_id,
  i.source_type, i.category, i.severity, i.lead_unit_id, i.responsible_unit_id, i.mode, i.due_on, {light} AS light,
  {late} AS overdue_days, i.progress_percent, i.cycle, {movers} AS next_movers,
  to_char(i.updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS updated_at) shown
"""


SHOWN: Final = "row_to_json(shown)"
"""The JSON of one such row."""
