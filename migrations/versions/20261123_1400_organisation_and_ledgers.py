"""Units, people, roles, accounts, ledgers and dictionaries, calendars, kept replies."""

from alembic import op
from sqlalchemy import text

from app.core.calendar_seed import FIRST_YEAR, seed_from_holidays, seed_source, seed_years

revision = "20261123_1400"
down_revision = None
branch_labels = None
depends_on = None

UP = (
    """
    CREATE TABLE calendar_day (
        "on" DATE NOT NULL,
        kind VARCHAR(16) NOT NULL,
        name_zh VARCHAR(100) NOT NULL,
        CONSTRAINT pk_calendar_day PRIMARY KEY ("on"),
        CONSTRAINT ck_calendar_day_kind CHECK (kind IN ('holiday','workday'))
    )
    """,
    """
    CREATE TABLE calendar_year (
        year INTEGER NOT NULL,
        source VARCHAR(200) NOT NULL,
        data_version INTEGER DEFAULT '1' NOT NULL,
        loaded_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT pk_calendar_year PRIMARY KEY (year)
    )
    """,
    """
    CREATE TABLE category (
        id UUID NOT NULL,
        parent_id UUID,
        code VARCHAR(64) NOT NULL,
        name_zh VARCHAR(100) NOT NULL,
        name_en VARCHAR(100) NOT NULL,
        active BOOLEAN DEFAULT true NOT NULL,
        sort_order INTEGER DEFAULT '0' NOT NULL,
        version INTEGER DEFAULT '1' NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT pk_category PRIMARY KEY (id),
        CONSTRAINT fk_category_parent_id_category FOREIGN KEY(parent_id) REFERENCES category (id),
        CONSTRAINT uq_category_code UNIQUE (code)
    )
    """,
    "CREATE INDEX ix_category_parent_id ON category (parent_id)",
    """
    CREATE TABLE idempotency_record (
        principal VARCHAR(80) NOT NULL,
        key VARCHAR(200) NOT NULL,
        fingerprint BYTEA NOT NULL,
        status INTEGER NOT NULL,
        headers JSONB NOT NULL,
        body TEXT,
        created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
        CONSTRAINT pk_idempotency_record PRIMARY KEY (principal, key),
        CONSTRAINT ck_idempotency_record_fingerprint CHECK (octet_length(fingerprint) = 32),
        CONSTRAINT ck_idempotency_record_status CHECK (status BETWEEN 200 AND 299)
    )
    """,
    "CREATE INDEX ix_idempotency_record_created_at ON idempotency_record (created_at)",
    """
    CREATE TABLE person (
        id UUID NOT NULL,
        name VARCHAR(100) NOT NULL,
        staff_no VARCHAR(64),
        active BOOLEAN DEFAULT true NOT NULL,
        version INTEGER DEFAULT '1' NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT pk_person PRIMARY KEY (id),
        CONSTRAINT uq_person_staff_no UNIQUE (staff_no)
    )
    """,
    "CREATE INDEX ix_person_name ON person (name)",
    """
    CREATE TABLE source_type (
        id UUID NOT NULL,
        code VARCHAR(64) NOT NULL,
        schema_version INTEGER NOT NULL,
        name_zh VARCHAR(100) NOT NULL,
        name_en VARCHAR(100) NOT NULL,
        json_schema JSONB NOT NULL,
        required JSONB NOT NULL,
        sealed JSONB NOT NULL,
        external BOOLEAN DEFAULT false NOT NULL,
        active BOOLEAN DEFAULT true NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT pk_source_type PRIMARY KEY (id),
        CONSTRAINT uq_source_type_code_schema_version UNIQUE (code, schema_version)
    )
    """,
    """
    CREATE TABLE unit (
        id UUID NOT NULL,
        parent_id UUID,
        ancestors UUID[] DEFAULT '{}' NOT NULL,
        code VARCHAR(64) NOT NULL,
        name VARCHAR(200) NOT NULL,
        short_name VARCHAR(60),
        sort_order INTEGER DEFAULT '0' NOT NULL,
        active_from DATE,
        active_until DATE,
        version INTEGER DEFAULT '1' NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT pk_unit PRIMARY KEY (id),
        CONSTRAINT ck_unit_active_from_active_until CHECK (active_until IS NULL OR active_from IS NULL OR active_until >= active_from),
        CONSTRAINT fk_unit_parent_id_unit FOREIGN KEY(parent_id) REFERENCES unit (id),
        CONSTRAINT uq_unit_code UNIQUE (code)
    )
    """,
    "CREATE INDEX ix_unit_ancestors ON unit USING gin (ancestors)",
    "CREATE INDEX ix_unit_parent_id ON unit (parent_id)",
    """
    CREATE TABLE account (
        id UUID NOT NULL,
        person_id UUID NOT NULL,
        username VARCHAR(64) NOT NULL,
        password_hash VARCHAR(200) NOT NULL,
        must_change_password BOOLEAN DEFAULT false NOT NULL,
        active BOOLEAN DEFAULT true NOT NULL,
        epoch INTEGER DEFAULT '1' NOT NULL,
        version INTEGER DEFAULT '1' NOT NULL,
        last_login_at TIMESTAMP WITH TIME ZONE,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT pk_account PRIMARY KEY (id),
        CONSTRAINT uq_account_person_id UNIQUE (person_id),
        CONSTRAINT fk_account_person_id_person FOREIGN KEY(person_id) REFERENCES person (id),
        CONSTRAINT uq_account_username UNIQUE (username)
    )
    """,
    """
    CREATE TABLE api_key (
        id UUID NOT NULL,
        name VARCHAR(100) NOT NULL,
        hint VARCHAR(16) NOT NULL,
        digest VARCHAR(64) NOT NULL,
        person_id UUID,
        unit_id UUID NOT NULL,
        scopes VARCHAR(60)[] DEFAULT '{}' NOT NULL,
        expires_at TIMESTAMP WITH TIME ZONE NOT NULL,
        revoked_at TIMESTAMP WITH TIME ZONE,
        created_by UUID,
        version INTEGER DEFAULT '1' NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT pk_api_key PRIMARY KEY (id),
        CONSTRAINT uq_api_key_digest UNIQUE (digest),
        CONSTRAINT fk_api_key_person_id_person FOREIGN KEY(person_id) REFERENCES person (id),
        CONSTRAINT fk_api_key_unit_id_unit FOREIGN KEY(unit_id) REFERENCES unit (id),
        CONSTRAINT fk_api_key_created_by_person FOREIGN KEY(created_by) REFERENCES person (id)
    )
    """,
    "CREATE INDEX ix_api_key_person_id ON api_key (person_id)",
    """
    CREATE TABLE delegation (
        id UUID NOT NULL,
        principal_id UUID NOT NULL,
        delegate_id UUID NOT NULL,
        roles VARCHAR(40)[] DEFAULT '{}' NOT NULL,
        reason TEXT NOT NULL,
        starts_on DATE NOT NULL,
        ends_on DATE,
        revoked_at TIMESTAMP WITH TIME ZONE,
        version INTEGER DEFAULT '1' NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT pk_delegation PRIMARY KEY (id),
        CONSTRAINT ck_delegation_starts_on_ends_on CHECK (ends_on IS NULL OR starts_on IS NULL OR ends_on >= starts_on),
        CONSTRAINT fk_delegation_principal_id_person FOREIGN KEY(principal_id) REFERENCES person (id),
        CONSTRAINT fk_delegation_delegate_id_person FOREIGN KEY(delegate_id) REFERENCES person (id)
    )
    """,
    "CREATE INDEX ix_delegation_delegate_id ON delegation (delegate_id)",
    "CREATE INDEX ix_delegation_principal_id ON delegation (principal_id)",
    """
    CREATE TABLE ledger (
        id UUID NOT NULL,
        code VARCHAR(32) NOT NULL,
        name VARCHAR(200) NOT NULL,
        description TEXT,
        unit_id UUID NOT NULL,
        status VARCHAR(16) NOT NULL,
        starts_on DATE,
        ends_on DATE,
        policy_version INTEGER DEFAULT '1' NOT NULL,
        version INTEGER DEFAULT '1' NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT pk_ledger PRIMARY KEY (id),
        CONSTRAINT ck_ledger_status CHECK (status IN ('open','archived')),
        CONSTRAINT uq_ledger_code UNIQUE (code),
        CONSTRAINT fk_ledger_unit_id_unit FOREIGN KEY(unit_id) REFERENCES unit (id)
    )
    """,
    "CREATE INDEX ix_ledger_unit_id ON ledger (unit_id)",
    """
    CREATE TABLE post (
        id UUID NOT NULL,
        person_id UUID NOT NULL,
        unit_id UUID NOT NULL,
        title VARCHAR(100) NOT NULL,
        is_primary BOOLEAN DEFAULT true NOT NULL,
        starts_on DATE NOT NULL,
        ends_on DATE,
        version INTEGER DEFAULT '1' NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT pk_post PRIMARY KEY (id),
        CONSTRAINT ck_post_starts_on_ends_on CHECK (ends_on IS NULL OR starts_on IS NULL OR ends_on >= starts_on),
        CONSTRAINT fk_post_person_id_person FOREIGN KEY(person_id) REFERENCES person (id),
        CONSTRAINT fk_post_unit_id_unit FOREIGN KEY(unit_id) REFERENCES unit (id)
    )
    """,
    "CREATE INDEX ix_post_person_id ON post (person_id)",
    "CREATE INDEX ix_post_unit_id ON post (unit_id)",
    """
    CREATE TABLE role_grant (
        id UUID NOT NULL,
        person_id UUID NOT NULL,
        role VARCHAR(40) NOT NULL,
        unit_id UUID NOT NULL,
        starts_on DATE NOT NULL,
        ends_on DATE,
        revoked_at TIMESTAMP WITH TIME ZONE,
        version INTEGER DEFAULT '1' NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT pk_role_grant PRIMARY KEY (id),
        CONSTRAINT ck_role_grant_role CHECK (role IN ('first_responsible','leader','unit_head','liaison','assignee','supervision_office','verifier','survey_runner','discipline_office','source_office','petition_office','viewer','auditor','system_admin','security_admin','audit_admin','integration')),
        CONSTRAINT ck_role_grant_starts_on_ends_on CHECK (ends_on IS NULL OR starts_on IS NULL OR ends_on >= starts_on),
        CONSTRAINT fk_role_grant_person_id_person FOREIGN KEY(person_id) REFERENCES person (id),
        CONSTRAINT fk_role_grant_unit_id_unit FOREIGN KEY(unit_id) REFERENCES unit (id)
    )
    """,
    "CREATE INDEX ix_role_grant_person_id ON role_grant (person_id)",
    "CREATE INDEX ix_role_grant_unit_id_role ON role_grant (unit_id, role)",
    """
    CREATE TABLE ledger_policy (
        ledger_id UUID NOT NULL,
        policy_version INTEGER NOT NULL,
        rules JSONB NOT NULL,
        reason TEXT,
        created_by UUID,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT pk_ledger_policy PRIMARY KEY (ledger_id, policy_version),
        CONSTRAINT fk_ledger_policy_ledger_id_ledger FOREIGN KEY(ledger_id) REFERENCES ledger (id),
        CONSTRAINT fk_ledger_policy_created_by_person FOREIGN KEY(created_by) REFERENCES person (id)
    )
    """,
    """
    CREATE TABLE number_counter (
        ledger_id UUID NOT NULL,
        year INTEGER NOT NULL,
        last INTEGER NOT NULL,
        CONSTRAINT pk_number_counter PRIMARY KEY (ledger_id, year),
        CONSTRAINT fk_number_counter_ledger_id_ledger FOREIGN KEY(ledger_id) REFERENCES ledger (id)
    )
    """,
)
DOWN = (
    "DROP TABLE number_counter",
    "DROP TABLE ledger_policy",
    "DROP TABLE role_grant",
    "DROP TABLE post",
    "DROP TABLE ledger",
    "DROP TABLE delegation",
    "DROP TABLE api_key",
    "DROP TABLE account",
    "DROP TABLE unit",
    "DROP TABLE source_type",
    "DROP TABLE person",
    "DROP TABLE idempotency_record",
    "DROP TABLE category",
    "DROP TABLE calendar_year",
    "DROP TABLE calendar_day",
)
GRANTS = (
    (
        "SELECT, INSERT, UPDATE, DELETE",
        (
            "calendar_day",
            "calendar_year",
            "category",
            "idempotency_record",
            "person",
            "source_type",
            "unit",
            "account",
            "api_key",
            "delegation",
            "ledger",
            "post",
            "role_grant",
            "number_counter",
        ),
    ),
    ("SELECT, INSERT", ("ledger_policy",)),
)
LAST_YEAR = 2026
YEAR = text("INSERT INTO calendar_year (year, source, loaded_at) VALUES (:year, :source, now())")
DAY = text('INSERT INTO calendar_day ("on", kind, name_zh) VALUES (:on, :kind, :name)')
IF_SEPARATED = """
DO $$ BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'rectify_app') THEN {grant} TO rectify_app; END IF;
END $$
"""


def upgrade() -> None:
    for statement in UP:
        op.execute(statement)
    for privileges, tables in GRANTS:
        op.execute(IF_SEPARATED.format(grant=f"GRANT {privileges} ON {', '.join(tables)}"))
    _seed_calendar()


def _seed_calendar() -> None:
    """The years whose official notice is known; later ones are loaded as data when the notice appears."""
    years = seed_years(range(FIRST_YEAR, LAST_YEAR + 1))
    connection = op.get_bind()
    connection.execute(YEAR, [{"year": year, "source": seed_source()} for year in years])
    rows = seed_from_holidays(years)
    connection.execute(DAY, [{"on": row.on, "kind": row.kind, "name": row.name_zh} for row in rows])


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
