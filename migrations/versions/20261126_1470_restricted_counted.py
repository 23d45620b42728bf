"""What is masked is counted from an index alone, as everything else is."""

from alembic import op

revision = "20261126_1470"
down_revision = "20261126_1440"
branch_labels = None
depends_on = None

COUNTED = """id, version, state, cycle, ledger_id, source_type, category, severity, mode, lead_unit_id, due_on, due_sort,
  original_due_on, blue_from, yellow_from, red_from, measures_total, measures_done, submission_no, completed_at, closed_at,
  updated_at, confidentiality, accountable_leader_ids, source_unit_id"""


def upgrade() -> None:
    op.execute("DROP INDEX ix_item_restricted")
    op.execute(
        f"CREATE INDEX ix_item_restricted ON item (registered_at) INCLUDE ({COUNTED}) WHERE confidentiality = 'restricted'"
    )


def downgrade() -> None:
    op.execute("DROP INDEX ix_item_restricted")
    op.execute("CREATE INDEX ix_item_restricted ON item (id) WHERE confidentiality = 'restricted'")
