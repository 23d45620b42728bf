"""A redaction says nothing new: rows it took words from are marked again with the event before that told or cited them."""

from alembic import op

revision = "20261126_1490"
down_revision = "20261126_1480"
branch_labels = None
depends_on = None

KEYS = {
    **dict.fromkeys(
        ("measure", "criterion", "progress_report", "outcome", "evidence", "submission", "gate_result", "approval",
         "objection", "decision", "stage_review"), "c.id",
    ),
    "plan_version": "c.plan_version",
    "item_cycle": "c.cycle",
}  # fmt: skip
# What was cited is marked by the first event that did, where that came after the last that told the row.
CITED = """
  UNION ALL (SELECT e.seq FROM event e WHERE c.cited AND e.subject_id = c.item_id AND e.type <> 'item.redacted'
    AND e.seq > (SELECT max(t.seq) FROM told t) AND (c.target_kind = 'criterion' AND e.type = 'item.completion_reported'
      OR EXISTS (SELECT FROM event_disclosure d WHERE d.event_id = e.id AND strpos(d.value, c.id::text) > 0))
    ORDER BY e.seq LIMIT 1)"""
MARK = """
UPDATE {table} c SET changed_seq = (
  WITH told AS (SELECT e.seq FROM event e JOIN event_disclosure d ON d.event_id = e.id AND d.field = 'rows'
    CROSS JOIN LATERAL jsonb_array_elements(d.value::jsonb) AS one
    WHERE e.subject_id = c.item_id AND e.type <> 'item.redacted' AND one ->> 0 = '{table}' AND one ->> 1 = {key}::text)
  SELECT max(m.seq) FROM (SELECT seq FROM told{cited}) m)
FROM event r WHERE r.subject_id = c.item_id AND r.seq = c.changed_seq AND r.type = 'item.redacted'
"""


def upgrade() -> None:
    for table, key in KEYS.items():
        op.execute(MARK.format(table=table, key=key, cited=CITED if table == "evidence" else ""))


def downgrade() -> None:
    """Earlier programs read these marks as well."""
