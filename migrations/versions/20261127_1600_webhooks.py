"""Webhooks: endpoints with a cursor over the log, the few events held back, and the log of attempts."""

from alembic import op

revision = "20261127_1600"
down_revision = "20261127_1510"
branch_labels = None
depends_on = None

TABLES = (
    """
    CREATE TABLE webhook_endpoint (
            id UUID NOT NULL,
            owner_account_id UUID,
            owner_api_key_id UUID,
            url TEXT NOT NULL,
            description VARCHAR(200),
            event_types VARCHAR(64)[] DEFAULT '{}' NOT NULL,
            state VARCHAR(16) NOT NULL,
            state_reason VARCHAR(32),
            secret_generation INTEGER NOT NULL,
            secret_key VARCHAR(64) NOT NULL,
            previous_key VARCHAR(64),
            rotated_at TIMESTAMP WITH TIME ZONE,
            version INTEGER NOT NULL,
            created_at TIMESTAMP WITH TIME ZONE NOT NULL,
            updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
            ping_id UUID,
            cursor BIGINT NOT NULL,
            ahead BIGINT[] DEFAULT '{}' NOT NULL,
            due_at TIMESTAMP WITH TIME ZONE NOT NULL,
            failures INTEGER DEFAULT 0 NOT NULL,
            failing_since TIMESTAMP WITH TIME ZONE,
            last_error VARCHAR(64),
            delivered_at TIMESTAMP WITH TIME ZONE,
            CONSTRAINT pk_webhook_endpoint PRIMARY KEY (id),
            CONSTRAINT ck_webhook_endpoint_state CHECK (state IN ('active','paused','disabled')),
            CONSTRAINT ck_webhook_endpoint_owner CHECK (num_nonnulls(owner_account_id, owner_api_key_id) = 1),
            CONSTRAINT fk_webhook_endpoint_owner_account_id_account FOREIGN KEY(owner_account_id) REFERENCES account (id),
            CONSTRAINT fk_webhook_endpoint_owner_api_key_id_api_key FOREIGN KEY(owner_api_key_id) REFERENCES api_key (id)
    )
    """,
    "CREATE INDEX ix_webhook_endpoint_due ON webhook_endpoint (due_at) WHERE state = 'active'",
    """
    CREATE TABLE webhook_held (
            endpoint_id UUID NOT NULL,
            position BIGINT NOT NULL,
            event_id UUID NOT NULL,
            subject_kind VARCHAR(32) NOT NULL,
            subject_id UUID NOT NULL,
            body TEXT NOT NULL,
            attempts INTEGER NOT NULL,
            due_at TIMESTAMP WITH TIME ZONE,
            CONSTRAINT pk_webhook_held PRIMARY KEY (endpoint_id, position),
            CONSTRAINT fk_webhook_held_endpoint_id_webhook_endpoint FOREIGN KEY(endpoint_id) REFERENCES webhook_endpoint (id)
    )
    """,
    "CREATE INDEX ix_webhook_held_due ON webhook_held (endpoint_id, due_at) WHERE due_at IS NOT NULL",
    "CREATE INDEX ix_webhook_held_subject ON webhook_held (endpoint_id, subject_id)",
    """
    CREATE TABLE webhook_attempt (
            id UUID NOT NULL,
            endpoint_id UUID NOT NULL,
            at TIMESTAMP WITH TIME ZONE NOT NULL,
            outcome VARCHAR(16) NOT NULL,
            events INTEGER NOT NULL,
            first_position BIGINT,
            last_position BIGINT,
            event_id UUID,
            attempt INTEGER NOT NULL,
            http_status INTEGER,
            error VARCHAR(64),
            duration_ms INTEGER NOT NULL,
            CONSTRAINT pk_webhook_attempt PRIMARY KEY (id),
            CONSTRAINT ck_webhook_attempt_outcome CHECK (outcome IN ('delivered','away','refused','set_aside','gone')),
            CONSTRAINT fk_webhook_attempt_endpoint_id_webhook_endpoint FOREIGN KEY(endpoint_id) REFERENCES webhook_endpoint (id)
    )
    """,
    "CREATE INDEX ix_webhook_attempt_endpoint ON webhook_attempt (endpoint_id, id)",
    "CREATE INDEX ix_webhook_attempt_at ON webhook_attempt (at)",
    "CREATE INDEX ix_webhook_attempt_set_aside ON webhook_attempt (endpoint_id, event_id) WHERE outcome = 'set_aside'",
)
NAMES = "ALTER TABLE trail_key ADD CONSTRAINT ck_trail_key_name CHECK (name IN ({names}))"
GRANT = """
DO $$ BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'rectify_app') THEN
    GRANT SELECT, INSERT, UPDATE, DELETE ON webhook_endpoint, webhook_held, webhook_attempt TO rectify_app;
  END IF;
END $$
"""


def upgrade() -> None:
    for statement in TABLES:
        op.execute(statement)
    op.execute(GRANT)
    op.execute("ALTER TABLE trail_key DROP CONSTRAINT ck_trail_key_name")
    op.execute(NAMES.format(names="'session','cursor','receipt','checkpoint','webhook'"))


def downgrade() -> None:
    """A key once registered stays in the history, so its name stays allowed."""
    for table in ("webhook_attempt", "webhook_held", "webhook_endpoint"):
        op.execute(f"DROP TABLE {table}")
