"""What a process remembers of its callers holds until this mark is another: hot reads no longer find them anew."""

from alembic import op

revision = "20261127_1650"
down_revision = "20261127_1600"
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE access_mark (
        sole BOOLEAN NOT NULL,
        mark UUID NOT NULL,
        CONSTRAINT pk_access_mark PRIMARY KEY (sole),
        CONSTRAINT ck_access_mark_sole CHECK (sole)
)
"""
# Once a transaction: the setting ends with it, and is taken back together with the mark where a savepoint is.
CHANGED = """
CREATE FUNCTION access_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF current_setting('rectify.access_changed', true) IS DISTINCT FROM 'on' THEN
    UPDATE access_mark SET mark = gen_random_uuid();
    PERFORM set_config('rectify.access_changed', 'on', true);
  END IF;
  RETURN NULL;
END $$
"""
# The columns callers, their scope and next movers are found from. Of a ledger and an account others change often.
COLUMNS = {
    "account": "person_id, epoch, active, must_change_password",
    "api_key": "name, digest, person_id, unit_id, scopes, expires_at, revoked_at",
    "person": "name, active",
    "post": "person_id, unit_id, is_primary, starts_on, ends_on",
    "role_grant": "person_id, role, unit_id, starts_on, ends_on, revoked_at",
    "delegation": "principal_id, delegate_id, roles, starts_on, ends_on, revoked_at",
    "unit": "parent_id, ancestors",
    "ledger": "unit_id",
}
# At the commit, so that writers of these tables wait for each other no longer than that, and cannot wait in a ring.
TRIGGER = """
CREATE CONSTRAINT TRIGGER access_changed AFTER INSERT OR DELETE OR UPDATE OF {columns} ON {table}
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION access_changed()
"""
TRUNCATED = """
CREATE TRIGGER access_truncated AFTER TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION access_changed()
"""
GRANT = """
DO $$ BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'rectify_app') THEN
    GRANT SELECT, UPDATE (mark) ON access_mark TO rectify_app;
  END IF;
END $$
"""


def upgrade() -> None:
    op.execute(TABLE)
    op.execute("INSERT INTO access_mark VALUES (true, gen_random_uuid())")
    op.execute(CHANGED)
    for table, columns in COLUMNS.items():
        op.execute(TRIGGER.format(table=table, columns=columns))
        op.execute(TRUNCATED.format(table=table))
    op.execute(GRANT)


def downgrade() -> None:
    for table in COLUMNS:
        op.execute(f"DROP TRIGGER access_truncated ON {table}")
        op.execute(f"DROP TRIGGER access_changed ON {table}")
    op.execute("DROP FUNCTION access_changed()")
    op.execute("DROP TABLE access_mark")
