"""How long rectification took: every version keeps when its item was acknowledged and when its cycle began."""

from alembic import op

revision = "20261126_1480"
down_revision = "20261126_1470"
branch_labels = None
depends_on = None

COUNTED = (
    "id, version, state, cycle, ledger_id, source_type, category, severity, mode, lead_unit_id, due_on, due_sort,"
    " original_due_on, blue_from, yellow_from, red_from, measures_total, measures_done, submission_no, completed_at, closed_at,"
    " updated_at"
)
BEGUN = "acknowledged_at, cycle_started_at"
MASKED = "confidentiality, accountable_leader_ids, source_unit_id"
# Most of it follows from what the item says today; what was so before it became otherwise, its events have told.
FILL = """
UPDATE item_version v SET
  acknowledged_at = CASE WHEN i.acknowledged_at <= v.valid_from THEN i.acknowledged_at ELSE (
    SELECT e.at FROM event e WHERE e.subject_id = v.item_id AND e.seq <= v.version AND e.type = 'item.acknowledged'
    ORDER BY e.seq DESC LIMIT 1) END,
  cycle_started_at = CASE WHEN v.cycle = i.cycle THEN i.cycle_started_at ELSE (
    SELECT (d.value::jsonb ->> 'cycle_started_at')::timestamptz FROM event e
    JOIN event_disclosure d ON d.event_id = e.id AND d.field = 'set' AND d.value::jsonb ? 'cycle_started_at'
    WHERE e.subject_id = v.item_id AND e.seq <= v.version ORDER BY e.seq DESC LIMIT 1) END
FROM item i WHERE i.id = v.item_id AND v.registered_at IS NOT NULL
"""
INDEXES = (
    "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'item_version' AND indexname <> 'pk_item_version'"
)


def _filled() -> None:
    """Without its indexes, which are made anew: nearly every version of a ledger is written once more."""
    indexes = op.get_bind().exec_driver_sql(INDEXES).all()
    for name, _ in indexes:
        op.execute(f"DROP INDEX {name}")
    # A version is only ever ended; this once it learns what it never was told.
    op.execute("ALTER TABLE item_version DISABLE TRIGGER item_version_no_change")
    op.execute(FILL)
    op.execute("ALTER TABLE item_version ENABLE ALWAYS TRIGGER item_version_no_change")
    for _, made in indexes:
        op.execute(made)


def _index(columns: str) -> None:
    for name, also, where in (
        ("counted", "", "registered_at IS NOT NULL"),
        ("restricted", f", {MASKED}", "confidentiality = 'restricted'"),
    ):
        op.execute(f"DROP INDEX ix_item_{name}")
        op.execute(f"CREATE INDEX ix_item_{name} ON item (registered_at) INCLUDE ({columns}{also}) WHERE {where}")


def upgrade() -> None:
    op.execute("ALTER TABLE item_version ADD COLUMN acknowledged_at TIMESTAMP WITH TIME ZONE")
    op.execute("ALTER TABLE item_version ADD COLUMN cycle_started_at TIMESTAMP WITH TIME ZONE")
    _filled()
    _index(f"{COUNTED}, {BEGUN}")


def downgrade() -> None:
    _index(COUNTED)
    for column in ("cycle_started_at", "acknowledged_at"):
        op.execute(f"ALTER TABLE item_version DROP COLUMN {column}")
