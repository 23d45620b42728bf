"""What the people concerned said of each report is found for figures in an index alone."""

from alembic import op

revision = "20261126_1500"
down_revision = "20261126_1490"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "CREATE INDEX ix_gate_result_people ON gate_result (item_id, submission_no, changed_seq) INCLUDE (cycle, result)"
        " WHERE gate = 'people_satisfied'"
    )


def downgrade() -> None:
    op.execute("DROP INDEX ix_gate_result_people")
