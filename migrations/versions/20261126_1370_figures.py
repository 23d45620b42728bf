"""Figures: what outcomes there were before they were removed, and figures that were frozen."""

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
    """
    CREATE TABLE snapshot (
            id UUID NOT NULL,
            unit_id UUID NOT NULL,
            kind VARCHAR(16) NOT NULL,
            period_from DATE NOT NULL,
            period_to DATE NOT NULL,
            revision INTEGER NOT NULL,
            amends_id UUID,
            reason TEXT,
            as_of TIMESTAMP WITH TIME ZONE NOT NULL,
            known_at TIMESTAMP WITH TIME ZONE NOT NULL,
            content TEXT NOT NULL,
            content_hash VARCHAR(64) NOT NULL,
            definitions TEXT NOT NULL,
            definitions_hash VARCHAR(64) NOT NULL,
            checkpoint_size BIGINT,
            checkpoint_root VARCHAR(64),
            made_by UUID,
            made_at TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_snapshot PRIMARY KEY (id),
            CONSTRAINT ck_snapshot_kind CHECK (kind IN ('month','quarter')),
            CONSTRAINT ck_snapshot_period_from_period_to CHECK (period_to IS NULL OR period_from IS NULL OR period_to >= period_from),
            CONSTRAINT uq_snapshot_unit_id_kind_period_from_revision UNIQUE (unit_id, kind, period_from, revision),
            CONSTRAINT fk_snapshot_unit_id_unit FOREIGN KEY(unit_id) REFERENCES unit (id),
            CONSTRAINT fk_snapshot_amends_id_snapshot FOREIGN KEY(amends_id) REFERENCES snapshot (id)
    )
    """,
    "CREATE TRIGGER snapshot_no_change BEFORE UPDATE OR DELETE ON snapshot FOR EACH ROW EXECUTE FUNCTION trail_refuse()",
    "ALTER TABLE snapshot ENABLE ALWAYS TRIGGER snapshot_no_change",
    "CREATE TRIGGER snapshot_no_truncate BEFORE TRUNCATE ON snapshot FOR EACH STATEMENT EXECUTE FUNCTION trail_refuse()",
    "ALTER TABLE snapshot ENABLE ALWAYS TRIGGER snapshot_no_truncate",
)
DOWN = ("DROP TABLE snapshot", "DROP TABLE outcome_gone")
IF_SEPARATED = """
DO $$ BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'rectify_app') THEN
    GRANT SELECT, INSERT ON outcome_gone, snapshot TO rectify_app;
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
