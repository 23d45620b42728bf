"""Lists of any past moment: whose a deleted draft was, and an index for what was not registered yet."""

from alembic import op

revision = "20261126_1350"
down_revision = "20261126_1200"
branch_labels = None
depends_on = None

UP = (
    """
    CREATE TABLE item_gone (
            item_id UUID NOT NULL,
            finder_person_id UUID,
            finder_unit_id UUID NOT NULL,
            CONSTRAINT pk_item_gone PRIMARY KEY (item_id)
    )
    """,
    "CREATE INDEX ix_item_gone_finder_unit ON item_gone (finder_unit_id)",
    "CREATE TRIGGER item_gone_no_change BEFORE UPDATE OR DELETE ON item_gone FOR EACH ROW EXECUTE FUNCTION trail_refuse()",
    "ALTER TABLE item_gone ENABLE ALWAYS TRIGGER item_gone_no_change",
    "CREATE TRIGGER item_gone_no_truncate BEFORE TRUNCATE ON item_gone FOR EACH STATEMENT EXECUTE FUNCTION trail_refuse()",
    "ALTER TABLE item_gone ENABLE ALWAYS TRIGGER item_gone_no_truncate",
    # Drafts deleted before: their first event says whose they were.
    """
    INSERT INTO item_gone
    SELECT e.subject_id, (d.value::jsonb ->> 'finder_person_id')::uuid, (d.value::jsonb ->> 'finder_unit_id')::uuid
    FROM event g JOIN event e ON e.subject_id = g.subject_id AND e.seq = 1
    JOIN event_disclosure d ON d.event_id = e.id AND d.field = 'set' AND d.value::jsonb ? 'finder_unit_id'
    WHERE g.type = 'item.draft_deleted'
    """,
    "CREATE INDEX ix_item_version_unregistered ON item_version (item_id) WHERE registered_at IS NULL",
)
DOWN = ("DROP INDEX ix_item_version_unregistered", "DROP TABLE item_gone")
IF_SEPARATED = """
DO $$ BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'rectify_app') THEN GRANT SELECT, INSERT ON item_gone TO rectify_app; END IF;
END $$
"""


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)
    op.execute(IF_SEPARATED)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
