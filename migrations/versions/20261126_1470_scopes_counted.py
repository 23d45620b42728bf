"""Whom an item concerned, who found it and what is masked are found for figures in indexes alone, as the items are."""

from alembic import op

revision = "20261126_1470"
down_revision = "20261126_1440"
branch_labels = None
depends_on = None

COUNTED = """id, version, state, cycle, ledger_id, source_type, category, severity, mode, lead_unit_id, due_on, due_sort,
  original_due_on, blue_from, yellow_from, red_from, measures_total, measures_done, submission_no, completed_at, closed_at,
  updated_at, confidentiality, accountable_leader_ids, source_unit_id"""
BEFORE = {
    "ix_item_restricted": "item (id) WHERE confidentiality = 'restricted'",
    "ix_item_finder_unit": "item (finder_unit_id)",
}
AFTER = {
    "ix_item_restricted": f"item (registered_at) INCLUDE ({COUNTED}) WHERE confidentiality = 'restricted'",
    "ix_item_finder_unit": "item (finder_unit_id) INCLUDE (id)",
}
SPANS = {
    "item_unit_span": "unit_id, item_id, part, valid_from",
    "item_person_span": "person_id, item_id, valid_from",
}


def _replace(indexes: dict[str, str], more: str) -> None:
    for name, columns in indexes.items():
        op.execute(f"DROP INDEX {name}")
        op.execute(f"CREATE INDEX {name} ON {columns}")
    for table, columns in SPANS.items():
        op.execute(
            f"ALTER TABLE {table} DROP CONSTRAINT pk_{table}, ADD CONSTRAINT pk_{table} PRIMARY KEY ({columns}){more}"
        )


def upgrade() -> None:
    _replace(AFTER, " INCLUDE (valid_to)")


def downgrade() -> None:
    _replace(BEFORE, "")
