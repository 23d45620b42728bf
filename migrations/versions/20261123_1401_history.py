"""The history: events, disclosures, positions."""

from alembic import op

revision = "20261123_1401"
down_revision = "20261123_1400"
branch_labels = None
depends_on = None

UP = (
    """
    CREATE TABLE event (
        id UUID NOT NULL,
        subject_kind VARCHAR(32) NOT NULL,
        subject_id UUID NOT NULL,
        seq INTEGER NOT NULL,
        type VARCHAR(64) NOT NULL,
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        actor_id UUID,
        body TEXT NOT NULL,
        hash BYTEA NOT NULL,
        CONSTRAINT pk_event PRIMARY KEY (id),
        CONSTRAINT uq_event_subject_id_seq UNIQUE (subject_id, seq),
        CONSTRAINT ck_event_seq CHECK (seq >= 1),
        CONSTRAINT ck_event_hash CHECK (octet_length(hash) = 32),
        CONSTRAINT ck_event_body CHECK (octet_length(body) <= 16384)
    )
    """,
    """
    CREATE TABLE event_disclosure (
        event_id UUID NOT NULL,
        field VARCHAR(64) NOT NULL,
        salt BYTEA NOT NULL,
        value TEXT NOT NULL,
        CONSTRAINT pk_event_disclosure PRIMARY KEY (event_id, field),
        CONSTRAINT ck_event_disclosure_salt CHECK (octet_length(salt) = 32)
    )
    """,
    """
    CREATE TABLE log_pending (
        at TIMESTAMP WITH TIME ZONE NOT NULL,
        event_id UUID NOT NULL,
        CONSTRAINT pk_log_pending PRIMARY KEY (at, event_id)
    )
     WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000)
    """,
    """
    CREATE TABLE log_position (
        position BIGINT NOT NULL,
        event_id UUID NOT NULL,
        CONSTRAINT pk_log_position PRIMARY KEY (position),
        CONSTRAINT uq_log_position_event_id UNIQUE (event_id),
        CONSTRAINT ck_log_position_position CHECK (position >= 1)
    )
    """,
    """
    CREATE TABLE log_state (
        id SMALLINT NOT NULL,
        next BIGINT NOT NULL,
        CONSTRAINT pk_log_state PRIMARY KEY (id),
        CONSTRAINT ck_log_state_single CHECK (id = 1),
        CONSTRAINT ck_log_state_next CHECK (next >= 1)
    )
    """,
    """
    CREATE TABLE trail_subject (
        id UUID NOT NULL,
        kind VARCHAR(32) NOT NULL,
        seq INTEGER NOT NULL,
        hash BYTEA NOT NULL,
        CONSTRAINT pk_trail_subject PRIMARY KEY (id),
        CONSTRAINT ck_trail_subject_hash CHECK (octet_length(hash) = 32),
        CONSTRAINT ck_trail_subject_seq CHECK (seq >= 0)
    )
    """,
    """
CREATE FUNCTION trail_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% on % is refused: it only grows', TG_OP, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END
$$
""",
    """
CREATE FUNCTION trail_version_step() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.version IS DISTINCT FROM OLD.version + 1 THEN
    RAISE EXCEPTION 'version of % goes from % to % and not to the next', TG_TABLE_NAME, OLD.version, NEW.version
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END
$$
""",
    ("CREATE TRIGGER event_no_change BEFORE UPDATE OR DELETE ON event FOR EACH ROW EXECUTE FUNCTION trail_refuse()"),
    "ALTER TABLE event ENABLE ALWAYS TRIGGER event_no_change",
    (
        "CREATE TRIGGER event_disclosure_no_change BEFORE UPDATE OR DELETE ON event_disclosure FOR EACH "
        "ROW EXECUTE FUNCTION trail_refuse()"
    ),
    "ALTER TABLE event_disclosure ENABLE ALWAYS TRIGGER event_disclosure_no_change",
    (
        "CREATE TRIGGER log_position_no_change BEFORE UPDATE OR DELETE ON log_position FOR EACH ROW "
        "EXECUTE FUNCTION trail_refuse()"
    ),
    "ALTER TABLE log_position ENABLE ALWAYS TRIGGER log_position_no_change",
    ("CREATE TRIGGER event_no_truncate BEFORE TRUNCATE ON event FOR EACH STATEMENT EXECUTE FUNCTION trail_refuse()"),
    "ALTER TABLE event ENABLE ALWAYS TRIGGER event_no_truncate",
    (
        "CREATE TRIGGER event_disclosure_no_truncate BEFORE TRUNCATE ON event_disclosure FOR EACH "
        "STATEMENT EXECUTE FUNCTION trail_refuse()"
    ),
    "ALTER TABLE event_disclosure ENABLE ALWAYS TRIGGER event_disclosure_no_truncate",
    (
        "CREATE TRIGGER log_position_no_truncate BEFORE TRUNCATE ON log_position FOR EACH STATEMENT "
        "EXECUTE FUNCTION trail_refuse()"
    ),
    "ALTER TABLE log_position ENABLE ALWAYS TRIGGER log_position_no_truncate",
    "INSERT INTO log_state (id, next) VALUES (1, 1)",
)
DOWN = (
    "DROP TABLE trail_subject",
    "DROP TABLE log_state",
    "DROP TABLE log_position",
    "DROP TABLE log_pending",
    "DROP TABLE event_disclosure",
    "DROP TABLE event",
    "DROP FUNCTION trail_refuse()",
    "DROP FUNCTION trail_version_step()",
)
GRANTS = (
    "GRANT SELECT, INSERT ON event",
    "GRANT SELECT, INSERT ON event_disclosure",
    "GRANT SELECT, INSERT ON log_position",
    "GRANT SELECT, INSERT, DELETE ON log_pending",
    "GRANT SELECT, UPDATE ON log_state",
    "GRANT SELECT, INSERT, UPDATE ON trail_subject",
)
IF_SEPARATED = """
DO $$ BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'rectify_app') THEN {grant} TO rectify_app; END IF;
END $$
"""


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)
    for grant in GRANTS:
        op.execute(IF_SEPARATED.format(grant=grant))


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
