"""Lists walk past what a caller cannot see without leaving the index: beside the order stands whom an item may concern."""

from alembic import op

revision = "20261126_1415"
down_revision = "20261126_1390"
branch_labels = None
depends_on = None

# Units have their bits and everyone else has others. Of either an id sets two, each in a part of its own, so that strangers
# must share both before one is taken for the other; heads of many units ask for many of the first kind, hence the sizes.
BITS = """
CREATE FUNCTION reach_bits(units uuid[], others uuid[]) RETURNS bit(256) LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT coalesce(bit_or(set_bit(set_bit(B'0'::bit(256), start + (last + 256 * before) % size, 1),
  start + size + (last * 37 + before * 101 >> 2) % size, 1)), B'0'::bit(256))
FROM (SELECT start, size, get_byte(uuid_send(id), 15) AS last, get_byte(uuid_send(id), 14) AS before
  FROM (SELECT 0 AS start, 96 AS size, unnest(units) AS id UNION ALL SELECT 192, 32, unnest(others)) AS ids
  WHERE id IS NOT NULL) AS bytes
$$
"""
COLUMN = """
ALTER TABLE item ADD COLUMN reach bit(256) NOT NULL GENERATED ALWAYS AS (reach_bits(
  cooperating_unit_ids || ARRAY[lead_unit_id, responsible_unit_id, source_unit_id, finder_unit_id],
  accountable_leader_ids || ARRAY[ledger_id, finder_person_id, responsible_person_id, liaison_id])) STORED
"""
ORDERS = {
    "ix_item_due": ("due_sort, id", "state, reach"),
    "ix_item_updated": ("updated_at, id", "state, reach"),
    "ix_item_registered": ("registered_sort, id", "state, reach"),
    "ix_item_number": ("number_sort, id", "state, reach"),
    "ix_item_state_due": ("state, due_sort, id", "reach"),
    "ix_item_state_updated": ("state, updated_at, id", "reach"),
}
PERSON = "CREATE INDEX ix_measure_person_id ON measure (person_id, item_id) WHERE person_id IS NOT NULL"


def upgrade() -> None:
    # Dropped first, because the new column rewrites the table and every index that is there.
    for name in ORDERS:
        op.execute(f"DROP INDEX {name}")
    op.execute(BITS)
    op.execute(COLUMN)
    for name, (keys, beside) in ORDERS.items():
        op.execute(f"CREATE INDEX {name} ON item ({keys}) INCLUDE ({beside})")
    op.execute(PERSON)


def downgrade() -> None:
    op.execute("DROP INDEX ix_measure_person_id")
    for name, (keys, _) in ORDERS.items():
        op.execute(f"DROP INDEX {name}")
        op.execute(f"CREATE INDEX {name} ON item ({keys})")
    op.execute("ALTER TABLE item DROP COLUMN reach")
    op.execute("DROP FUNCTION reach_bits(uuid[], uuid[])")
