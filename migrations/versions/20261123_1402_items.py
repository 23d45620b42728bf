"""Items and what is kept beside them."""

from alembic import op

revision = "20261123_1402"
down_revision = "20261123_1401"
branch_labels = None
depends_on = None

UP = (
    """
    CREATE TABLE item (
        id UUID NOT NULL,
        ledger_id UUID NOT NULL,
        number VARCHAR(64),
        number_sort VARCHAR(96) NOT NULL,
        version INTEGER NOT NULL,
        head_hash BYTEA NOT NULL,
        cycle INTEGER DEFAULT '1' NOT NULL,
        state VARCHAR(20) NOT NULL,
        external_system VARCHAR(64),
        external_id VARCHAR(128),
        title VARCHAR(300) NOT NULL,
        description TEXT,
        source_type VARCHAR(64) NOT NULL,
        source_schema_version INTEGER NOT NULL,
        source_document VARCHAR(300),
        source_document_no VARCHAR(100),
        source_quote TEXT,
        source_path JSONB NOT NULL,
        source_fields JSONB NOT NULL,
        source_unit_id UUID,
        finder_person_id UUID,
        finder_unit_id UUID NOT NULL,
        category VARCHAR(64),
        severity VARCHAR(16),
        confidentiality VARCHAR(16) NOT NULL,
        major_kind VARCHAR(40),
        major_basis VARCHAR(300),
        found_on DATE,
        registered_at TIMESTAMP WITH TIME ZONE,
        registered_sort TIMESTAMP WITH TIME ZONE NOT NULL,
        cycle_started_at TIMESTAMP WITH TIME ZONE,
        responsible_unit_id UUID,
        lead_unit_id UUID,
        cooperating_unit_ids UUID[] DEFAULT '{}' NOT NULL,
        accountable_leader_ids UUID[] DEFAULT '{}' NOT NULL,
        former_holder_ids UUID[] DEFAULT '{}' NOT NULL,
        responsible_person_id UUID,
        liaison_id UUID,
        mode VARCHAR(16),
        deadline JSONB,
        due_on DATE,
        due_sort DATE NOT NULL,
        original_due_on DATE,
        assigned_at TIMESTAMP WITH TIME ZONE,
        assigned_on DATE,
        acknowledged_at TIMESTAMP WITH TIME ZONE,
        blue_from DATE,
        yellow_from DATE,
        red_from DATE,
        light_reasons JSONB NOT NULL,
        goal TEXT,
        root_cause TEXT,
        remarks TEXT,
        measures_total INTEGER DEFAULT '0' NOT NULL,
        measures_done INTEGER DEFAULT '0' NOT NULL,
        criteria_total INTEGER DEFAULT '0' NOT NULL,
        progress_percent INTEGER DEFAULT '0' NOT NULL,
        progress_latest JSONB,
        plan_version INTEGER DEFAULT '0' NOT NULL,
        submission_no INTEGER DEFAULT '0' NOT NULL,
        policy_version INTEGER,
        chain VARCHAR(40)[] DEFAULT '{}' NOT NULL,
        chain_step INTEGER DEFAULT '0' NOT NULL,
        closing_round INTEGER DEFAULT '0' NOT NULL,
        gate_problem_solved VARCHAR(16) NOT NULL,
        gate_rectification_adequate VARCHAR(16) NOT NULL,
        gate_people_satisfied VARCHAR(16) NOT NULL,
        supervision_level VARCHAR(16) NOT NULL,
        decline_count INTEGER DEFAULT '0' NOT NULL,
        notice_started_on DATE,
        notice_ends_on DATE,
        next_review_on DATE,
        next_look_back_on DATE,
        completed_at TIMESTAMP WITH TIME ZONE,
        closed_at TIMESTAMP WITH TIME ZONE,
        closed_offline BOOLEAN DEFAULT false NOT NULL,
        disposition VARCHAR(20),
        merged_into_id UUID,
        split_from_id UUID,
        movers JSONB NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT pk_item PRIMARY KEY (id),
        CONSTRAINT ck_item_state CHECK (state IN ('draft','submitted','registered','assigned','planning','plan_review','rectifying','sustaining','verifying','closing','public_notice','closed','declined','merged','split','transferred','voided')),
        CONSTRAINT ck_item_severity CHECK (severity IS NULL OR severity IN ('general','major','grave')),
        CONSTRAINT ck_item_mode CHECK (mode IS NULL OR mode IN ('immediate','time_limited','phased','sustained')),
        CONSTRAINT ck_item_confidentiality CHECK (confidentiality IN ('public','internal','restricted','secret_stub')),
        CONSTRAINT ck_item_supervision_level CHECK (supervision_level IN ('normal','key','listed')),
        CONSTRAINT ck_item_disposition CHECK (disposition IS NULL OR disposition IN ('fixed','routine','not_feasible','false_finding','entered_in_error')),
        CONSTRAINT ck_item_gate_problem_solved CHECK (gate_problem_solved IN ('pending','passed','failed','waived','not_evaluable')),
        CONSTRAINT ck_item_gate_rectification_adequate CHECK (gate_rectification_adequate IN ('pending','passed','failed','waived','not_evaluable')),
        CONSTRAINT ck_item_gate_people_satisfied CHECK (gate_people_satisfied IN ('pending','passed','failed','waived','not_evaluable')),
        CONSTRAINT ck_item_numbered CHECK (number IS NOT NULL OR state IN ('draft','submitted','declined','merged','transferred')),
        CONSTRAINT ck_item_unnumbered CHECK (number IS NULL OR state NOT IN ('draft','submitted','declined')),
        CONSTRAINT ck_item_counters CHECK (version >= 1 AND cycle >= 1),
        CONSTRAINT uq_item_ledger_id_number UNIQUE (ledger_id, number),
        CONSTRAINT fk_item_event FOREIGN KEY(id, version) REFERENCES event (subject_id, seq) DEFERRABLE INITIALLY DEFERRED,
        CONSTRAINT fk_item_ledger_id_ledger FOREIGN KEY(ledger_id) REFERENCES ledger (id),
        CONSTRAINT fk_item_source_unit_id_unit FOREIGN KEY(source_unit_id) REFERENCES unit (id),
        CONSTRAINT fk_item_finder_person_id_person FOREIGN KEY(finder_person_id) REFERENCES person (id),
        CONSTRAINT fk_item_finder_unit_id_unit FOREIGN KEY(finder_unit_id) REFERENCES unit (id),
        CONSTRAINT fk_item_responsible_unit_id_unit FOREIGN KEY(responsible_unit_id) REFERENCES unit (id),
        CONSTRAINT fk_item_lead_unit_id_unit FOREIGN KEY(lead_unit_id) REFERENCES unit (id),
        CONSTRAINT fk_item_responsible_person_id_person FOREIGN KEY(responsible_person_id) REFERENCES person (id),
        CONSTRAINT fk_item_liaison_id_person FOREIGN KEY(liaison_id) REFERENCES person (id),
        CONSTRAINT fk_item_merged_into_id_item FOREIGN KEY(merged_into_id) REFERENCES item (id),
        CONSTRAINT fk_item_split_from_id_item FOREIGN KEY(split_from_id) REFERENCES item (id)
    )
    """,
    "CREATE INDEX ix_item_document_no ON item (source_document_no) WHERE source_document_no IS NOT NULL",
    "CREATE INDEX ix_item_due ON item (due_sort, id)",
    "CREATE INDEX ix_item_finder_unit ON item (finder_unit_id)",
    "CREATE INDEX ix_item_ledger_state ON item (ledger_id, state, updated_at, id)",
    "CREATE INDEX ix_item_merged_into ON item (merged_into_id) WHERE merged_into_id IS NOT NULL",
    "CREATE INDEX ix_item_notice ON item (notice_ends_on) WHERE state = 'public_notice'",
    "CREATE INDEX ix_item_number ON item (number_sort, id)",
    "CREATE INDEX ix_item_registered ON item (registered_sort, id)",
    "CREATE INDEX ix_item_split_from ON item (split_from_id) WHERE split_from_id IS NOT NULL",
    "CREATE INDEX ix_item_state_due ON item (state, due_sort, id)",
    "CREATE INDEX ix_item_state_updated ON item (state, updated_at, id)",
    "CREATE INDEX ix_item_updated ON item (updated_at, id)",
    "CREATE UNIQUE INDEX uq_item_external_ref ON item (external_system, external_id)",
    """
    CREATE TABLE duplicate_verdict (
        item_id UUID NOT NULL,
        candidate_id UUID NOT NULL,
        verdict VARCHAR(16) NOT NULL,
        score_permille INTEGER NOT NULL,
        decided_by UUID,
        changed_seq INTEGER NOT NULL,
        CONSTRAINT pk_duplicate_verdict PRIMARY KEY (item_id, candidate_id),
        CONSTRAINT fk_duplicate_verdict_event FOREIGN KEY(item_id, changed_seq) REFERENCES event (subject_id, seq) DEFERRABLE INITIALLY DEFERRED,
        CONSTRAINT ck_duplicate_verdict_verdict CHECK (verdict IN ('different','same_fact','recurrence')),
        CONSTRAINT fk_duplicate_verdict_item_id_item FOREIGN KEY(item_id) REFERENCES item (id),
        CONSTRAINT fk_duplicate_verdict_candidate_id_item FOREIGN KEY(candidate_id) REFERENCES item (id)
    )
    """,
    """
    CREATE TABLE item_cycle (
        item_id UUID NOT NULL,
        cycle INTEGER NOT NULL,
        closed_at TIMESTAMP WITH TIME ZONE NOT NULL,
        completed_at TIMESTAMP WITH TIME ZONE,
        snapshot JSONB NOT NULL,
        changed_seq INTEGER NOT NULL,
        CONSTRAINT pk_item_cycle PRIMARY KEY (item_id, cycle),
        CONSTRAINT fk_item_cycle_event FOREIGN KEY(item_id, changed_seq) REFERENCES event (subject_id, seq) DEFERRABLE INITIALLY DEFERRED,
        CONSTRAINT fk_item_cycle_item_id_item FOREIGN KEY(item_id) REFERENCES item (id)
    )
    """,
    """
    CREATE TABLE item_mover (
        item_id UUID NOT NULL,
        role VARCHAR(40) NOT NULL,
        unit_id UUID NOT NULL,
        CONSTRAINT pk_item_mover PRIMARY KEY (item_id, role, unit_id),
        CONSTRAINT fk_item_mover_item_id_item FOREIGN KEY(item_id) REFERENCES item (id),
        CONSTRAINT fk_item_mover_unit_id_unit FOREIGN KEY(unit_id) REFERENCES unit (id)
    )
    """,
    "CREATE INDEX ix_item_mover_role_unit ON item_mover (role, unit_id)",
    """
    CREATE TABLE item_origin (
        item_id UUID NOT NULL,
        id UUID NOT NULL,
        from_item_id UUID NOT NULL,
        source_type VARCHAR(64) NOT NULL,
        document VARCHAR(300),
        document_no VARCHAR(100),
        quote TEXT,
        source_unit_id UUID,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT pk_item_origin PRIMARY KEY (item_id, id),
        CONSTRAINT fk_item_origin_item_id_item FOREIGN KEY(item_id) REFERENCES item (id),
        CONSTRAINT fk_item_origin_from_item_id_item FOREIGN KEY(from_item_id) REFERENCES item (id),
        CONSTRAINT fk_item_origin_source_unit_id_unit FOREIGN KEY(source_unit_id) REFERENCES unit (id)
    )
    """,
    "CREATE INDEX ix_item_origin_item_id ON item_origin (item_id)",
    """
    CREATE TABLE item_person (
        person_id UUID NOT NULL,
        item_id UUID NOT NULL,
        CONSTRAINT pk_item_person PRIMARY KEY (person_id, item_id),
        CONSTRAINT fk_item_person_person_id_person FOREIGN KEY(person_id) REFERENCES person (id),
        CONSTRAINT fk_item_person_item_id_item FOREIGN KEY(item_id) REFERENCES item (id)
    )
    """,
    "CREATE INDEX ix_item_person_item_id ON item_person (item_id, person_id)",
    """
    CREATE TABLE item_search (
        item_id UUID NOT NULL,
        tokens TSVECTOR NOT NULL,
        folded TEXT NOT NULL,
        CONSTRAINT pk_item_search PRIMARY KEY (item_id),
        CONSTRAINT fk_item_search_item_id_item FOREIGN KEY(item_id) REFERENCES item (id)
    )
    """,
    "CREATE INDEX ix_item_search_tokens ON item_search USING gin (tokens)",
    """
    CREATE TABLE item_unit (
        unit_id UUID NOT NULL,
        item_id UUID NOT NULL,
        part VARCHAR(16) NOT NULL,
        CONSTRAINT pk_item_unit PRIMARY KEY (unit_id, item_id, part),
        CONSTRAINT ck_item_unit_part CHECK (part IN ('lead','responsible','cooperating','source')),
        CONSTRAINT fk_item_unit_unit_id_unit FOREIGN KEY(unit_id) REFERENCES unit (id),
        CONSTRAINT fk_item_unit_item_id_item FOREIGN KEY(item_id) REFERENCES item (id)
    )
    """,
    "CREATE INDEX ix_item_unit_item_id ON item_unit (item_id, unit_id)",
    ("CREATE TRIGGER item_version_step BEFORE UPDATE ON item FOR EACH ROW EXECUTE FUNCTION trail_version_step()"),
    "ALTER TABLE item ENABLE ALWAYS TRIGGER item_version_step",
)
DOWN = (
    "DROP TABLE item_unit",
    "DROP TABLE item_search",
    "DROP TABLE item_person",
    "DROP TABLE item_origin",
    "DROP TABLE item_mover",
    "DROP TABLE item_cycle",
    "DROP TABLE duplicate_verdict",
    "DROP TABLE item",
)
GRANTS = (
    (
        "SELECT, INSERT, UPDATE, DELETE",
        (
            "item",
            "item_mover",
            "item_origin",
            "item_person",
            "item_search",
            "item_unit",
        ),
    ),
    (
        "SELECT, INSERT",
        (
            "duplicate_verdict",
            "item_cycle",
        ),
    ),
)
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


def downgrade() -> None:
    for statement in DOWN:
        op.execute(statement)
