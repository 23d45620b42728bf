"""Sealing: tiles, checkpoints, keys, redactions; and items as they were at any moment."""

from alembic import op

revision = "20261126_1100"
down_revision = "20261123_1403"
branch_labels = None
depends_on = None

TABLES = (
    """
    CREATE TABLE log_tile (
            level SMALLINT NOT NULL,
            index BIGINT NOT NULL,
            data BYTEA NOT NULL,
            CONSTRAINT pk_log_tile PRIMARY KEY (level, index),
            CONSTRAINT ck_log_tile_data CHECK (octet_length(data) = 8192)
    )
    """,
    """
    CREATE TABLE log_edge (
            level SMALLINT NOT NULL,
            data BYTEA NOT NULL,
            CONSTRAINT pk_log_edge PRIMARY KEY (level),
            CONSTRAINT ck_log_edge_data CHECK (mod(octet_length(data), 32) = 0 AND octet_length(data) < 8192)
    )
    """,
    """
    CREATE TABLE checkpoint (
            size BIGINT NOT NULL,
            root BYTEA NOT NULL,
            note TEXT,
            CONSTRAINT pk_checkpoint PRIMARY KEY (size),
            CONSTRAINT ck_checkpoint_root CHECK (octet_length(root) = 32),
            CONSTRAINT ck_checkpoint_size CHECK (size >= 1)
    )
    """,
    """
    CREATE TABLE trail_key (
            id UUID NOT NULL,
            name VARCHAR(16) NOT NULL,
            fingerprint VARCHAR(64) NOT NULL,
            vkey VARCHAR(300),
            added_at TIMESTAMP WITH TIME ZONE NOT NULL,
            retired_at TIMESTAMP WITH TIME ZONE,
            CONSTRAINT pk_trail_key PRIMARY KEY (id),
            CONSTRAINT ck_trail_key_name CHECK (name IN ('session','cursor','receipt','checkpoint')),
            CONSTRAINT uq_trail_key_fingerprint UNIQUE (fingerprint)
    )
    """,
    "CREATE UNIQUE INDEX uq_trail_key_active ON trail_key (name) WHERE retired_at IS NULL",
    """
    CREATE TABLE redaction (
            id UUID NOT NULL,
            item_id UUID NOT NULL,
            status VARCHAR(16) NOT NULL,
            basis VARCHAR(24) NOT NULL,
            places JSONB NOT NULL,
            requested_by UUID NOT NULL,
            requested_at TIMESTAMP WITH TIME ZONE NOT NULL,
            decided_by UUID,
            decided_at TIMESTAMP WITH TIME ZONE,
            version INTEGER NOT NULL,
            CONSTRAINT pk_redaction PRIMARY KEY (id),
            CONSTRAINT ck_redaction_status CHECK (status IN ('requested','done','rejected')),
            CONSTRAINT ck_redaction_basis CHECK (basis IN ('consent_withdrawn','purpose_reached','unlawful','court_order','entered_in_error')),
            CONSTRAINT ck_redaction_two_persons CHECK (decided_by IS NULL OR decided_by <> requested_by)
    )
    """,
    "CREATE INDEX ix_redaction_item_id ON redaction (item_id)",
    """
    CREATE TABLE redacted_field (
            event_id UUID NOT NULL,
            field VARCHAR(64) NOT NULL,
            item_id UUID NOT NULL,
            changed_seq INTEGER NOT NULL,
            redaction_id UUID NOT NULL,
            CONSTRAINT pk_redacted_field PRIMARY KEY (event_id, field),
            CONSTRAINT fk_redacted_field_event FOREIGN KEY(item_id, changed_seq) REFERENCES event (subject_id, seq) DEFERRABLE INITIALLY DEFERRED
    )
    """,
    "CREATE INDEX ix_redacted_field_item_id ON redacted_field (item_id, changed_seq)",
    """
    CREATE TABLE lease (
            name VARCHAR(32) NOT NULL,
            owner UUID NOT NULL,
            until TIMESTAMP WITH TIME ZONE NOT NULL,
            fence BIGINT NOT NULL,
            CONSTRAINT pk_lease PRIMARY KEY (name)
    )
    """,
    """
    CREATE TABLE item_version (
            item_id UUID NOT NULL,
            version INTEGER NOT NULL,
            valid_from TIMESTAMP WITH TIME ZONE NOT NULL,
            valid_to TIMESTAMP WITH TIME ZONE NOT NULL,
            ledger_id UUID NOT NULL,
            state VARCHAR(20) NOT NULL,
            cycle INTEGER NOT NULL,
            source_type VARCHAR(64) NOT NULL,
            category VARCHAR(64),
            severity VARCHAR(16),
            confidentiality VARCHAR(16) NOT NULL,
            major_kind VARCHAR(40),
            mode VARCHAR(16),
            lead_unit_id UUID,
            responsible_unit_id UUID,
            accountable_leader_ids UUID[] DEFAULT '{}' NOT NULL,
            due_on DATE,
            due_sort DATE NOT NULL,
            original_due_on DATE,
            blue_from DATE,
            yellow_from DATE,
            red_from DATE,
            measures_total INTEGER NOT NULL,
            measures_done INTEGER NOT NULL,
            progress_percent INTEGER NOT NULL,
            submission_no INTEGER NOT NULL,
            disposition VARCHAR(20),
            registered_at TIMESTAMP WITH TIME ZONE,
            completed_at TIMESTAMP WITH TIME ZONE,
            closed_at TIMESTAMP WITH TIME ZONE,
            next_look_back_on DATE,
            CONSTRAINT pk_item_version PRIMARY KEY (item_id, version),
            CONSTRAINT ck_item_version_valid CHECK (valid_to > valid_from)
    )
     WITH (fillfactor = 90)
    """,
    "CREATE INDEX ix_item_version_due ON item_version (due_sort, item_id)",
    "CREATE INDEX ix_item_version_from ON item_version (valid_from, item_id)",
    """
    CREATE TABLE item_text (
            item_id UUID NOT NULL,
            from_version INTEGER NOT NULL,
            title VARCHAR(300) NOT NULL,
            CONSTRAINT pk_item_text PRIMARY KEY (item_id, from_version)
    )
    """,
    """
    CREATE TABLE item_unit_span (
            unit_id UUID NOT NULL,
            item_id UUID NOT NULL,
            part VARCHAR(16) NOT NULL,
            valid_from TIMESTAMP WITH TIME ZONE NOT NULL,
            valid_to TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_item_unit_span PRIMARY KEY (unit_id, item_id, part, valid_from)
    )
     WITH (fillfactor = 90)
    """,
    "CREATE INDEX ix_item_unit_span_item_id ON item_unit_span (item_id)",
    """
    CREATE TABLE item_person_span (
            person_id UUID NOT NULL,
            item_id UUID NOT NULL,
            valid_from TIMESTAMP WITH TIME ZONE NOT NULL,
            valid_to TIMESTAMP WITH TIME ZONE NOT NULL,
            CONSTRAINT pk_item_person_span PRIMARY KEY (person_id, item_id, valid_from)
    )
     WITH (fillfactor = 90)
    """,
    "CREATE INDEX ix_item_person_span_item_id ON item_person_span (item_id)",
)
FUNCTIONS = (
    """
CREATE FUNCTION trail_ended_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.valid_to = 'infinity' AND NEW.valid_to < 'infinity' THEN
    OLD.valid_to := NEW.valid_to;
    IF OLD IS NOT DISTINCT FROM NEW THEN RETURN NEW; END IF;
  END IF;
  RAISE EXCEPTION '% on % is refused: it only grows', TG_OP, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END
$$
""",
    """
CREATE FUNCTION trail_signed_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.note IS NULL AND NEW.note IS NOT NULL THEN
    OLD.note := NEW.note;
    IF OLD IS NOT DISTINCT FROM NEW THEN RETURN NEW; END IF;
  END IF;
  RAISE EXCEPTION '% on % is refused: it only grows', TG_OP, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END
$$
""",
    """
CREATE FUNCTION trail_retired_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.retired_at IS NULL AND NEW.retired_at IS NOT NULL THEN
    OLD.retired_at := NEW.retired_at;
    IF OLD IS NOT DISTINCT FROM NEW THEN RETURN NEW; END IF;
  END IF;
  RAISE EXCEPTION '% on % is refused: it only grows', TG_OP, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END
$$
""",
    """
CREATE FUNCTION trail_untold_when_redacted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'DELETE' AND EXISTS
    (SELECT FROM redacted_field WHERE event_id = OLD.event_id AND field = OLD.field) THEN RETURN OLD; END IF;
  RAISE EXCEPTION '% on % is refused: it only grows', TG_OP, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END
$$
""",
    """
CREATE FUNCTION trail_retitled_when_redacted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.item_id = NEW.item_id AND OLD.from_version = NEW.from_version AND EXISTS
    (SELECT FROM redacted_field r JOIN event e ON e.id = r.event_id
     WHERE e.subject_id = OLD.item_id AND e.seq = OLD.from_version AND r.field = 'title') THEN RETURN NEW; END IF;
  RAISE EXCEPTION '% on % is refused: it only grows', TG_OP, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END
$$
""",
    """
CREATE FUNCTION trail_decided_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.status = 'requested' AND NEW.version = OLD.version + 1
    AND (OLD.id, OLD.item_id, OLD.basis, OLD.places, OLD.requested_by, OLD.requested_at)
      = (NEW.id, NEW.item_id, NEW.basis, NEW.places, NEW.requested_by, NEW.requested_at) THEN RETURN NEW; END IF;
  RAISE EXCEPTION '% on % is refused: it only grows', TG_OP, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END
$$
""",
)
TRIGGERS = (
    "DROP TRIGGER event_disclosure_no_change ON event_disclosure",
    "CREATE TRIGGER log_tile_no_change BEFORE UPDATE OR DELETE ON log_tile FOR EACH ROW EXECUTE FUNCTION trail_refuse()",
    "ALTER TABLE log_tile ENABLE ALWAYS TRIGGER log_tile_no_change",
    "CREATE TRIGGER redacted_field_no_change BEFORE UPDATE OR DELETE ON redacted_field FOR EACH ROW EXECUTE FUNCTION trail_refuse()",
    "ALTER TABLE redacted_field ENABLE ALWAYS TRIGGER redacted_field_no_change",
    "CREATE TRIGGER item_version_no_change BEFORE UPDATE OR DELETE ON item_version FOR EACH ROW EXECUTE FUNCTION trail_ended_once()",
    "ALTER TABLE item_version ENABLE ALWAYS TRIGGER item_version_no_change",
    "CREATE TRIGGER item_unit_span_no_change BEFORE UPDATE OR DELETE ON item_unit_span FOR EACH ROW EXECUTE FUNCTION trail_ended_once()",
    "ALTER TABLE item_unit_span ENABLE ALWAYS TRIGGER item_unit_span_no_change",
    "CREATE TRIGGER item_person_span_no_change BEFORE UPDATE OR DELETE ON item_person_span FOR EACH ROW EXECUTE FUNCTION trail_ended_once()",
    "ALTER TABLE item_person_span ENABLE ALWAYS TRIGGER item_person_span_no_change",
    "CREATE TRIGGER event_disclosure_no_change BEFORE UPDATE OR DELETE ON event_disclosure FOR EACH ROW EXECUTE FUNCTION trail_untold_when_redacted()",
    "ALTER TABLE event_disclosure ENABLE ALWAYS TRIGGER event_disclosure_no_change",
    "CREATE TRIGGER checkpoint_no_change BEFORE UPDATE OR DELETE ON checkpoint FOR EACH ROW EXECUTE FUNCTION trail_signed_once()",
    "ALTER TABLE checkpoint ENABLE ALWAYS TRIGGER checkpoint_no_change",
    "CREATE TRIGGER trail_key_no_change BEFORE UPDATE OR DELETE ON trail_key FOR EACH ROW EXECUTE FUNCTION trail_retired_once()",
    "ALTER TABLE trail_key ENABLE ALWAYS TRIGGER trail_key_no_change",
    "CREATE TRIGGER item_text_no_change BEFORE UPDATE OR DELETE ON item_text FOR EACH ROW EXECUTE FUNCTION trail_retitled_when_redacted()",
    "ALTER TABLE item_text ENABLE ALWAYS TRIGGER item_text_no_change",
    "CREATE TRIGGER redaction_no_change BEFORE UPDATE OR DELETE ON redaction FOR EACH ROW EXECUTE FUNCTION trail_decided_once()",
    "ALTER TABLE redaction ENABLE ALWAYS TRIGGER redaction_no_change",
    "CREATE TRIGGER log_tile_no_truncate BEFORE TRUNCATE ON log_tile FOR EACH STATEMENT EXECUTE FUNCTION trail_refuse()",
    "ALTER TABLE log_tile ENABLE ALWAYS TRIGGER log_tile_no_truncate",
    "CREATE TRIGGER redacted_field_no_truncate BEFORE TRUNCATE ON redacted_field FOR EACH STATEMENT EXECUTE FUNCTION trail_refuse()",
    "ALTER TABLE redacted_field ENABLE ALWAYS TRIGGER redacted_field_no_truncate",
    "CREATE TRIGGER item_version_no_truncate BEFORE TRUNCATE ON item_version FOR EACH STATEMENT EXECUTE FUNCTION trail_refuse()",
    "ALTER TABLE item_version ENABLE ALWAYS TRIGGER item_version_no_truncate",
    "CREATE TRIGGER item_unit_span_no_truncate BEFORE TRUNCATE ON item_unit_span FOR EACH STATEMENT EXECUTE FUNCTION trail_refuse()",
    "ALTER TABLE item_unit_span ENABLE ALWAYS TRIGGER item_unit_span_no_truncate",
    "CREATE TRIGGER item_person_span_no_truncate BEFORE TRUNCATE ON item_person_span FOR EACH STATEMENT EXECUTE FUNCTION trail_refuse()",
    "ALTER TABLE item_person_span ENABLE ALWAYS TRIGGER item_person_span_no_truncate",
    "CREATE TRIGGER checkpoint_no_truncate BEFORE TRUNCATE ON checkpoint FOR EACH STATEMENT EXECUTE FUNCTION trail_refuse()",
    "ALTER TABLE checkpoint ENABLE ALWAYS TRIGGER checkpoint_no_truncate",
    "CREATE TRIGGER trail_key_no_truncate BEFORE TRUNCATE ON trail_key FOR EACH STATEMENT EXECUTE FUNCTION trail_refuse()",
    "ALTER TABLE trail_key ENABLE ALWAYS TRIGGER trail_key_no_truncate",
    "CREATE TRIGGER item_text_no_truncate BEFORE TRUNCATE ON item_text FOR EACH STATEMENT EXECUTE FUNCTION trail_refuse()",
    "ALTER TABLE item_text ENABLE ALWAYS TRIGGER item_text_no_truncate",
    "CREATE TRIGGER redaction_no_truncate BEFORE TRUNCATE ON redaction FOR EACH STATEMENT EXECUTE FUNCTION trail_refuse()",
    "ALTER TABLE redaction ENABLE ALWAYS TRIGGER redaction_no_truncate",
)
LOG_IDENTITY = (
    "ALTER TABLE log_state ADD COLUMN log_id UUID NOT NULL DEFAULT gen_random_uuid(), ADD COLUMN epoch INTEGER NOT NULL DEFAULT 1",
    "ALTER TABLE log_state ALTER COLUMN log_id DROP DEFAULT, ALTER COLUMN epoch DROP DEFAULT",
)
# What was before this revision is known from now on: the past of an item begins with the version it has today.
PAST = (
    """
    INSERT INTO item_version SELECT id, version, updated_at, 'infinity', ledger_id, state, cycle, source_type, category,
      severity, confidentiality, major_kind, mode, lead_unit_id, responsible_unit_id, accountable_leader_ids, due_on, due_sort,
      original_due_on, blue_from, yellow_from, red_from, measures_total, measures_done, progress_percent, submission_no,
      disposition, registered_at, completed_at, closed_at, next_look_back_on FROM item
    """,
    "INSERT INTO item_text SELECT id, version, title FROM item",
    """
    INSERT INTO item_unit_span SELECT u.unit_id, u.item_id, u.part, i.updated_at, 'infinity'
      FROM item_unit u JOIN item i ON i.id = u.item_id
    """,
    """
    INSERT INTO item_person_span SELECT p.person_id, p.item_id, i.updated_at, 'infinity'
      FROM item_person p JOIN item i ON i.id = p.item_id
    """,
)
GRANTS = (
    "GRANT SELECT, INSERT ON log_tile",
    "GRANT SELECT, INSERT, UPDATE (data) ON log_edge",
    "GRANT SELECT, INSERT, UPDATE (note) ON checkpoint",
    "GRANT SELECT, INSERT, UPDATE (retired_at) ON trail_key",
    "GRANT SELECT, INSERT, UPDATE (status, decided_by, decided_at, version) ON redaction",
    "GRANT SELECT, INSERT ON redacted_field",
    "GRANT SELECT, INSERT, UPDATE (owner, until, fence) ON lease",
    "GRANT SELECT, INSERT, UPDATE (valid_to) ON item_version",
    "GRANT SELECT, INSERT, UPDATE (title) ON item_text",
    "GRANT SELECT, INSERT, UPDATE (valid_to) ON item_unit_span",
    "GRANT SELECT, INSERT, UPDATE (valid_to) ON item_person_span",
    "GRANT DELETE ON event_disclosure",
    "REVOKE UPDATE ON log_state",
    "GRANT UPDATE (next) ON log_state",
    "REVOKE UPDATE ON trail_subject",
    "GRANT UPDATE (seq, hash) ON trail_subject",
)
DOWN = (
    "DROP TRIGGER event_disclosure_no_change ON event_disclosure",
    "CREATE TRIGGER event_disclosure_no_change BEFORE UPDATE OR DELETE ON event_disclosure FOR EACH ROW EXECUTE FUNCTION trail_refuse()",
    "ALTER TABLE event_disclosure ENABLE ALWAYS TRIGGER event_disclosure_no_change",
    "ALTER TABLE log_state DROP COLUMN log_id, DROP COLUMN epoch",
    "DROP TABLE item_person_span",
    "DROP TABLE item_unit_span",
    "DROP TABLE item_text",
    "DROP TABLE item_version",
    "DROP TABLE lease",
    "DROP TABLE redacted_field",
    "DROP TABLE redaction",
    "DROP TABLE trail_key",
    "DROP TABLE checkpoint",
    "DROP TABLE log_edge",
    "DROP TABLE log_tile",
    "DROP FUNCTION trail_ended_once()",
    "DROP FUNCTION trail_signed_once()",
    "DROP FUNCTION trail_retired_once()",
    "DROP FUNCTION trail_untold_when_redacted()",
    "DROP FUNCTION trail_retitled_when_redacted()",
    "DROP FUNCTION trail_decided_once()",
)
GRANTS_DOWN = ("REVOKE DELETE ON event_disclosure", "GRANT UPDATE ON log_state", "GRANT UPDATE ON trail_subject")
IF_SEPARATED = """
DO $$ BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'rectify_app') THEN {grant} {to} rectify_app; END IF;
END $$
"""


def _grant(statements: tuple[str, ...]) -> None:
    for grant in statements:
        op.execute(IF_SEPARATED.format(grant=grant, to="FROM" if grant.startswith("REVOKE") else "TO"))


def upgrade() -> None:
    for statement in (*TABLES, *FUNCTIONS, *LOG_IDENTITY, *PAST, *TRIGGERS):
        op.execute(statement)
    _grant(GRANTS)


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
    _grant(GRANTS_DOWN)
