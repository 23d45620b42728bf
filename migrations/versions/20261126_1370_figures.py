"""Figures: what outcomes there were before they were removed."""

from alembic import op

revision = "20261126_1370"
down_revision = "20261126_1350"
branch_labels = None
depends_on = None

UP = (
    """
    CREATE TABLE outcome_gone (
            item_id UUID NOT NULL,
            id UUID NOT NULL,
            kind VARCHAR(24) NOT NULL,
            amount_fen BIGINT,
            quantity INTEGER,
            created_at TIMESTAMP WITH TIME ZONE NOT NULL,
            gone_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_outcome_gone PRIMARY KEY (item_id, id)
    )
    """,
    "CREATE TRIGGER outcome_gone_no_change BEFORE UPDATE OR DELETE ON outcome_gone FOR EACH ROW EXECUTE FUNCTION trail_refuse()",
    "ALTER TABLE outcome_gone ENABLE ALWAYS TRIGGER outcome_gone_no_change",
    "CREATE TRIGGER outcome_gone_no_truncate BEFORE TRUNCATE ON outcome_gone FOR EACH STATEMENT EXECUTE FUNCTION trail_refuse()",
    "ALTER TABLE outcome_gone ENABLE ALWAYS TRIGGER outcome_gone_no_truncate",
)
DOWN = ("DROP TABLE outcome_gone",)
IF_SEPARATED = """
DO $$ BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'rectify_app') THEN
    GRANT SELECT, INSERT ON outcome_gone TO rectify_app;
  END IF;
END $$
"""


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)
    op.execute(IF_SEPARATED)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
