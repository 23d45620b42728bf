"""Lists of the past jump over what came later: due dates day by day, all else in an index that knows when it began."""

from alembic import op

revision = "20261126_1440"
down_revision = "20261126_1420"
branch_labels = None
depends_on = None

BEFORE = {
    "ix_item_version_due": "item_version (due_sort, item_id)",
    "ix_item_version_unregistered": "item_version (item_id) WHERE registered_at IS NULL",
    "ix_item_number": "item (number_sort, id) INCLUDE (state, reach)",
}
AFTER = {
    "ix_item_version_due": "item_version (due_sort, item_id) WHERE due_sort < '9999-12-30'",
    "ix_item_version_due_day": "item_version (due_sort, valid_from) INCLUDE (item_id, state) WHERE due_sort < '9999-12-30'",
    "ix_item_version_undated": "item_version (item_id, valid_from) WHERE due_sort = '9999-12-30'",
    "ix_item_version_unregistered": "item_version (item_id, valid_from) WHERE registered_at IS NULL",
    "ix_item_number": "item (number_sort, id) INCLUDE (state, reach, registered_sort)",
}


def _replace(old: dict[str, str], new: dict[str, str]) -> None:
    for name in old:
        op.execute(f"DROP INDEX {name}")
    for name, columns in new.items():
        op.execute(f"CREATE INDEX {name} ON {columns}")


def upgrade() -> None:
    _replace(BEFORE, AFTER)


def downgrade() -> None:
    _replace(AFTER, BEFORE)
