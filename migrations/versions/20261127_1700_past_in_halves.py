"""Each half of the items, and the units that work on them, is read from its own part of an index, in the order of ids."""

from alembic import op

revision = "20261127_1700"
down_revision = "20261127_1650"
branch_labels = None
depends_on = None

COUNTED = (
    "version, state, cycle, ledger_id, source_type, category, severity, mode, lead_unit_id, due_on, due_sort,"
    " original_due_on, blue_from, yellow_from, red_from, measures_total, measures_done, submission_no, completed_at, closed_at"
)
MORE = "acknowledged_at, cycle_started_at, accountable_leader_ids"
BEFORE = {
    "ix_item_counted": f"item (registered_at) INCLUDE (id, {COUNTED}, updated_at, {MORE}) WHERE registered_at IS NOT NULL",
    "ix_item_registered": "item (registered_sort, id) INCLUDE (state, reach)",
}
AFTER = {
    "ix_item_counted": "item (((uuid_hash(id) & 1)::boolean), id, registered_at, updated_at)"
    f" INCLUDE ({COUNTED}, {MORE}) WHERE registered_at IS NOT NULL",
    "ix_item_registered": "item (registered_sort, id) INCLUDE (state, reach, updated_at)",
}
WORKING = """
CREATE INDEX ix_item_unit_span_working ON item_unit_span (((uuid_hash(item_id) & 1)::boolean), item_id, unit_id)
  INCLUDE (valid_from, valid_to) WHERE part <> 'source'
"""


def _replace(indexes: dict[str, str]) -> None:
    for name, columns in indexes.items():
        op.execute(f"DROP INDEX {name}")
        op.execute(f"CREATE INDEX {name} ON {columns}")


def upgrade() -> None:
    _replace(AFTER)
    op.execute(WORKING)


def downgrade() -> None:
    op.execute("DROP INDEX ix_item_unit_span_working")
    _replace(BEFORE)
