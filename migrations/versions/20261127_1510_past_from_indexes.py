"""Figures of the past look at reports, verdicts and surveys in indexes alone, and so they do at leaders."""

from alembic import op

revision = "20261127_1510"
down_revision = "20261126_1500"
branch_labels = None
depends_on = None

COUNTED = (
    "id, version, state, cycle, ledger_id, source_type, category, severity, mode, lead_unit_id, due_on, due_sort,"
    " original_due_on, blue_from, yellow_from, red_from, measures_total, measures_done, submission_no, completed_at, closed_at,"
    " updated_at, acknowledged_at, cycle_started_at"
)
BALLOTS = "changed_seq, cycle, satisfied, basically_satisfied, dissatisfied"
BEFORE = {
    "ix_item_counted": f"item (registered_at) INCLUDE ({COUNTED}) WHERE registered_at IS NOT NULL",
    "ix_gate_result_item_id": "gate_result (item_id, submission_no, gate, id)",
    "ix_survey_item_id": "survey (item_id, submission_no)",
}
AFTER = {
    "ix_item_counted": f"item (registered_at) INCLUDE ({COUNTED}, accountable_leader_ids) WHERE registered_at IS NOT NULL",
    "ix_gate_result_item_id": "gate_result (item_id, submission_no, gate, id) INCLUDE (changed_seq)",
    "ix_survey_item_id": f"survey (item_id, submission_no) INCLUDE ({BALLOTS})",
}
REPORTS = "uq_submission_item_id_submission_no"


def _replace(indexes: dict[str, str], reports: str) -> None:
    for name, columns in indexes.items():
        op.execute(f"DROP INDEX {name}")
        op.execute(f"CREATE INDEX {name} ON {columns}")
    op.execute(f"ALTER TABLE submission DROP CONSTRAINT {REPORTS}, ADD CONSTRAINT {REPORTS} {reports}")


def upgrade() -> None:
    _replace(AFTER, "UNIQUE (item_id, submission_no) INCLUDE (cycle)")


def downgrade() -> None:
    _replace(BEFORE, "UNIQUE (item_id, submission_no)")
