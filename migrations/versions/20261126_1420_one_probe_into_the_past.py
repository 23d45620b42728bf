"""The version an item was in at a moment is found by one probe, and so are the waivers of a gate."""

from alembic import op

revision = "20261126_1420"
down_revision = "20261126_1415"
branch_labels = None
depends_on = None

UP = (
    "CREATE INDEX ix_item_version_when ON item_version (item_id, valid_from) INCLUDE (state)",
    """
    CREATE INDEX ix_gate_result_waived ON gate_result (item_id, submission_no, changed_seq)
    WHERE gate = 'people_satisfied' AND result = 'waived'
    """,
)
DOWN = ("DROP INDEX ix_gate_result_waived", "DROP INDEX ix_item_version_when")


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
