"""Figures are counted from an index that holds all they look at, and the start of a later cycle is found at once."""

from alembic import op

revision = "20261126_1371"
down_revision = "20261126_1370"
branch_labels = None
depends_on = None

UP = (
    """
    CREATE INDEX ix_item_counted ON item (registered_at)
    INCLUDE (id, version, state, cycle, ledger_id, source_type, category, severity, mode, lead_unit_id, due_on, due_sort,
      original_due_on, blue_from, yellow_from, red_from, measures_total, measures_done, submission_no, completed_at, closed_at,
      updated_at)
    WHERE registered_at IS NOT NULL
    """,
    "CREATE INDEX ix_item_restricted ON item (id) WHERE confidentiality = 'restricted'",
    "CREATE INDEX ix_item_version_again ON item_version (item_id, cycle, version) WHERE cycle > 1",
)
DOWN = ("DROP INDEX ix_item_version_again", "DROP INDEX ix_item_restricted", "DROP INDEX ix_item_counted")


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
