"""Measures, plans, evidence, submissions, gates, approvals, decisions."""

from alembic import op

revision = "20261123_1403"
down_revision = "20261123_1402"
branch_labels = None
depends_on = None

UP = (
    """
    CREATE TABLE approval (
        item_id UUID NOT NULL,
        id UUID NOT NULL,
        cycle INTEGER NOT NULL,
        submission_no INTEGER NOT NULL,
        closing_round INTEGER NOT NULL,
        purpose VARCHAR(16) NOT NULL,
        step INTEGER,
        role VARCHAR(40) NOT NULL,
        opinion VARCHAR(16) NOT NULL,
        comment TEXT,
        signer_id UUID,
        signer_unit_id UUID,
        on_behalf_of UUID,
        occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
        recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
        changed_seq INTEGER NOT NULL,
        CONSTRAINT pk_approval PRIMARY KEY (item_id, id),
        CONSTRAINT fk_approval_event FOREIGN KEY(item_id, changed_seq) REFERENCES event (subject_id, seq) DEFERRABLE INITIALLY DEFERRED,
        CONSTRAINT ck_approval_purpose CHECK (purpose IN ('plan','closure','sustain','transfer','assignment')),
        CONSTRAINT ck_approval_opinion CHECK (opinion IN ('agree','disagree')),
        CONSTRAINT fk_approval_item_id_item FOREIGN KEY(item_id) REFERENCES item (id),
        CONSTRAINT fk_approval_signer_id_person FOREIGN KEY(signer_id) REFERENCES person (id),
        CONSTRAINT fk_approval_signer_unit_id_unit FOREIGN KEY(signer_unit_id) REFERENCES unit (id),
        CONSTRAINT fk_approval_on_behalf_of_person FOREIGN KEY(on_behalf_of) REFERENCES person (id)
    )
    """,
    "CREATE INDEX ix_approval_item_id ON approval (item_id, cycle, purpose)",
    """
    CREATE TABLE criterion (
        item_id UUID NOT NULL,
        id UUID NOT NULL,
        cycle INTEGER NOT NULL,
        position INTEGER NOT NULL,
        content TEXT NOT NULL,
        is_physical BOOLEAN DEFAULT false NOT NULL,
        author_id UUID,
        changed_seq INTEGER NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT pk_criterion PRIMARY KEY (item_id, id),
        CONSTRAINT fk_criterion_event FOREIGN KEY(item_id, changed_seq) REFERENCES event (subject_id, seq) DEFERRABLE INITIALLY DEFERRED,
        CONSTRAINT fk_criterion_item_id_item FOREIGN KEY(item_id) REFERENCES item (id),
        CONSTRAINT fk_criterion_author_id_person FOREIGN KEY(author_id) REFERENCES person (id)
    )
    """,
    "CREATE INDEX ix_criterion_item_id ON criterion (item_id, cycle)",
    """
    CREATE TABLE evidence (
        item_id UUID NOT NULL,
        id UUID NOT NULL,
        cycle INTEGER NOT NULL,
        target_kind VARCHAR(16) NOT NULL,
        target_id UUID,
        file_name VARCHAR(255) NOT NULL,
        media_type VARCHAR(100) NOT NULL,
        size BIGINT NOT NULL,
        sha256 VARCHAR(64) NOT NULL,
        description VARCHAR(300),
        cited BOOLEAN DEFAULT false NOT NULL,
        author_id UUID,
        changed_seq INTEGER NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT pk_evidence PRIMARY KEY (item_id, id),
        CONSTRAINT fk_evidence_event FOREIGN KEY(item_id, changed_seq) REFERENCES event (subject_id, seq) DEFERRABLE INITIALLY DEFERRED,
        CONSTRAINT ck_evidence_target_kind CHECK (target_kind IN ('item','measure','criterion','progress','outcome','gate','survey','decision','notice')),
        CONSTRAINT fk_evidence_item_id_item FOREIGN KEY(item_id) REFERENCES item (id),
        CONSTRAINT fk_evidence_author_id_person FOREIGN KEY(author_id) REFERENCES person (id)
    )
    """,
    "CREATE INDEX ix_evidence_item_id ON evidence (item_id, cycle)",
    "CREATE INDEX ix_evidence_sha256 ON evidence (sha256)",
    """
    CREATE TABLE gate_result (
        item_id UUID NOT NULL,
        id UUID NOT NULL,
        cycle INTEGER NOT NULL,
        submission_no INTEGER NOT NULL,
        gate VARCHAR(24) NOT NULL,
        part VARCHAR(16) NOT NULL,
        result VARCHAR(16) NOT NULL,
        detail JSONB NOT NULL,
        comment TEXT,
        judge_id UUID,
        judge_unit_id UUID,
        on_behalf_of UUID,
        occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
        recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
        changed_seq INTEGER NOT NULL,
        CONSTRAINT pk_gate_result PRIMARY KEY (item_id, id),
        CONSTRAINT fk_gate_result_event FOREIGN KEY(item_id, changed_seq) REFERENCES event (subject_id, seq) DEFERRABLE INITIALLY DEFERRED,
        CONSTRAINT ck_gate_result_gate CHECK (gate IN ('problem_solved','rectification_adequate','people_satisfied')),
        CONSTRAINT ck_gate_result_part CHECK (part IN ('whole','accountability')),
        CONSTRAINT ck_gate_result_result CHECK (result IN ('passed','failed','waived','not_evaluable','reopened')),
        CONSTRAINT fk_gate_result_item_id_item FOREIGN KEY(item_id) REFERENCES item (id),
        CONSTRAINT fk_gate_result_judge_id_person FOREIGN KEY(judge_id) REFERENCES person (id),
        CONSTRAINT fk_gate_result_judge_unit_id_unit FOREIGN KEY(judge_unit_id) REFERENCES unit (id),
        CONSTRAINT fk_gate_result_on_behalf_of_person FOREIGN KEY(on_behalf_of) REFERENCES person (id)
    )
    """,
    "CREATE INDEX ix_gate_result_item_id ON gate_result (item_id, submission_no, gate, id)",
    """
    CREATE TABLE measure (
        item_id UUID NOT NULL,
        id UUID NOT NULL,
        cycle INTEGER NOT NULL,
        position INTEGER NOT NULL,
        content TEXT NOT NULL,
        kind VARCHAR(40),
        unit_id UUID,
        person_id UUID,
        due_on DATE,
        weight INTEGER DEFAULT '1' NOT NULL,
        status VARCHAR(16) NOT NULL,
        percent INTEGER DEFAULT '0' NOT NULL,
        done_on DATE,
        author_id UUID,
        changed_seq INTEGER NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        updated_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT pk_measure PRIMARY KEY (item_id, id),
        CONSTRAINT fk_measure_event FOREIGN KEY(item_id, changed_seq) REFERENCES event (subject_id, seq) DEFERRABLE INITIALLY DEFERRED,
        CONSTRAINT ck_measure_status CHECK (status IN ('not_started','in_progress','done','adjusted_away')),
        CONSTRAINT fk_measure_item_id_item FOREIGN KEY(item_id) REFERENCES item (id),
        CONSTRAINT fk_measure_unit_id_unit FOREIGN KEY(unit_id) REFERENCES unit (id),
        CONSTRAINT fk_measure_person_id_person FOREIGN KEY(person_id) REFERENCES person (id),
        CONSTRAINT fk_measure_author_id_person FOREIGN KEY(author_id) REFERENCES person (id)
    )
    """,
    "CREATE INDEX ix_measure_item_id ON measure (item_id, cycle)",
    """
    CREATE TABLE objection (
        item_id UUID NOT NULL,
        id UUID NOT NULL,
        cycle INTEGER NOT NULL,
        submission_no INTEGER NOT NULL,
        content TEXT NOT NULL,
        contact VARCHAR(200),
        received_on DATE NOT NULL,
        lodged_by UUID,
        ruling VARCHAR(16),
        ruling_reason TEXT,
        ruled_by UUID,
        ruled_at TIMESTAMP WITH TIME ZONE,
        changed_seq INTEGER NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT pk_objection PRIMARY KEY (item_id, id),
        CONSTRAINT fk_objection_event FOREIGN KEY(item_id, changed_seq) REFERENCES event (subject_id, seq) DEFERRABLE INITIALLY DEFERRED,
        CONSTRAINT ck_objection_ruling CHECK (ruling IS NULL OR ruling IN ('upheld','dismissed')),
        CONSTRAINT fk_objection_item_id_item FOREIGN KEY(item_id) REFERENCES item (id),
        CONSTRAINT fk_objection_lodged_by_person FOREIGN KEY(lodged_by) REFERENCES person (id),
        CONSTRAINT fk_objection_ruled_by_person FOREIGN KEY(ruled_by) REFERENCES person (id)
    )
    """,
    "CREATE INDEX ix_objection_item_id ON objection (item_id, cycle)",
    """
    CREATE TABLE outcome (
        item_id UUID NOT NULL,
        id UUID NOT NULL,
        cycle INTEGER NOT NULL,
        kind VARCHAR(24) NOT NULL,
        name VARCHAR(200) NOT NULL,
        document_no VARCHAR(100),
        achieved_on DATE,
        amount_fen BIGINT,
        quantity INTEGER,
        quantity_unit VARCHAR(20),
        detail TEXT,
        author_id UUID,
        changed_seq INTEGER NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT pk_outcome PRIMARY KEY (item_id, id),
        CONSTRAINT fk_outcome_event FOREIGN KEY(item_id, changed_seq) REFERENCES event (subject_id, seq) DEFERRABLE INITIALLY DEFERRED,
        CONSTRAINT ck_outcome_kind CHECK (kind IN ('institution','recovered_funds','saved_funds','accountability','appointment','physical')),
        CONSTRAINT fk_outcome_item_id_item FOREIGN KEY(item_id) REFERENCES item (id),
        CONSTRAINT fk_outcome_author_id_person FOREIGN KEY(author_id) REFERENCES person (id)
    )
    """,
    "CREATE INDEX ix_outcome_item_id ON outcome (item_id, cycle)",
    """
    CREATE TABLE plan_version (
        item_id UUID NOT NULL,
        plan_version INTEGER NOT NULL,
        cycle INTEGER NOT NULL,
        status VARCHAR(16) NOT NULL,
        content JSONB NOT NULL,
        author_ids UUID[] DEFAULT '{}' NOT NULL,
        submitted_by UUID,
        submitted_at TIMESTAMP WITH TIME ZONE NOT NULL,
        decided_by UUID,
        decided_at TIMESTAMP WITH TIME ZONE,
        decision_note TEXT,
        changed_seq INTEGER NOT NULL,
        CONSTRAINT pk_plan_version PRIMARY KEY (item_id, plan_version),
        CONSTRAINT fk_plan_version_event FOREIGN KEY(item_id, changed_seq) REFERENCES event (subject_id, seq) DEFERRABLE INITIALLY DEFERRED,
        CONSTRAINT ck_plan_version_status CHECK (status IN ('submitted','approved','returned','withdrawn')),
        CONSTRAINT fk_plan_version_item_id_item FOREIGN KEY(item_id) REFERENCES item (id),
        CONSTRAINT fk_plan_version_submitted_by_person FOREIGN KEY(submitted_by) REFERENCES person (id),
        CONSTRAINT fk_plan_version_decided_by_person FOREIGN KEY(decided_by) REFERENCES person (id)
    )
    """,
    """
    CREATE TABLE stage_review (
        item_id UUID NOT NULL,
        id UUID NOT NULL,
        cycle INTEGER NOT NULL,
        reviewed_on DATE NOT NULL,
        result VARCHAR(16) NOT NULL,
        summary TEXT NOT NULL,
        next_review_on DATE,
        reviewer_id UUID,
        evidence_ids UUID[] DEFAULT '{}' NOT NULL,
        changed_seq INTEGER NOT NULL,
        CONSTRAINT pk_stage_review PRIMARY KEY (item_id, id),
        CONSTRAINT fk_stage_review_event FOREIGN KEY(item_id, changed_seq) REFERENCES event (subject_id, seq) DEFERRABLE INITIALLY DEFERRED,
        CONSTRAINT ck_stage_review_result CHECK (result IN ('on_track','needs_work')),
        CONSTRAINT fk_stage_review_item_id_item FOREIGN KEY(item_id) REFERENCES item (id)
    )
    """,
    "CREATE INDEX ix_stage_review_item_id ON stage_review (item_id, cycle)",
    """
    CREATE TABLE submission (
        item_id UUID NOT NULL,
        id UUID NOT NULL,
        submission_no INTEGER NOT NULL,
        cycle INTEGER NOT NULL,
        summary TEXT NOT NULL,
        policy_version INTEGER NOT NULL,
        submitted_by UUID,
        submitted_unit_id UUID,
        declared_true BOOLEAN DEFAULT false NOT NULL,
        evidence_ids UUID[] DEFAULT '{}' NOT NULL,
        submitted_at TIMESTAMP WITH TIME ZONE NOT NULL,
        occurred_at TIMESTAMP WITH TIME ZONE NOT NULL,
        changed_seq INTEGER NOT NULL,
        CONSTRAINT pk_submission PRIMARY KEY (item_id, id),
        CONSTRAINT fk_submission_event FOREIGN KEY(item_id, changed_seq) REFERENCES event (subject_id, seq) DEFERRABLE INITIALLY DEFERRED,
        CONSTRAINT uq_submission_item_id_submission_no UNIQUE (item_id, submission_no),
        CONSTRAINT fk_submission_item_id_item FOREIGN KEY(item_id) REFERENCES item (id),
        CONSTRAINT fk_submission_submitted_by_person FOREIGN KEY(submitted_by) REFERENCES person (id),
        CONSTRAINT fk_submission_submitted_unit_id_unit FOREIGN KEY(submitted_unit_id) REFERENCES unit (id)
    )
    """,
    """
    CREATE TABLE decision (
        item_id UUID NOT NULL,
        id UUID NOT NULL,
        cycle INTEGER NOT NULL,
        purpose VARCHAR(16) NOT NULL,
        plan_version INTEGER,
        submission_no INTEGER,
        body VARCHAR(200) NOT NULL,
        decided_on DATE NOT NULL,
        decided_at TIMESTAMP WITH TIME ZONE NOT NULL,
        minutes_no VARCHAR(100) NOT NULL,
        scan_id UUID NOT NULL,
        rule JSONB NOT NULL,
        entitled INTEGER NOT NULL,
        present INTEGER NOT NULL,
        yes INTEGER NOT NULL,
        no INTEGER NOT NULL,
        deferred INTEGER NOT NULL,
        abstained INTEGER NOT NULL,
        result VARCHAR(16) NOT NULL,
        recorded_by UUID,
        supersedes_id UUID,
        changed_seq INTEGER NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT pk_decision PRIMARY KEY (item_id, id),
        CONSTRAINT fk_decision_event FOREIGN KEY(item_id, changed_seq) REFERENCES event (subject_id, seq) DEFERRABLE INITIALLY DEFERRED,
        CONSTRAINT fk_decision_item_id_scan_id_evidence FOREIGN KEY(item_id, scan_id) REFERENCES evidence (item_id, id),
        CONSTRAINT fk_decision_item_id_supersedes_id_decision FOREIGN KEY(item_id, supersedes_id) REFERENCES decision (item_id, id),
        CONSTRAINT ck_decision_purpose CHECK (purpose IN ('plan','sustain','closure','void')),
        CONSTRAINT ck_decision_result CHECK (result IN ('passed','rejected','deferred','not_quorate')),
        CONSTRAINT fk_decision_item_id_item FOREIGN KEY(item_id) REFERENCES item (id),
        CONSTRAINT fk_decision_recorded_by_person FOREIGN KEY(recorded_by) REFERENCES person (id)
    )
    """,
    "CREATE INDEX ix_decision_item_id ON decision (item_id, cycle, purpose)",
    """
    CREATE TABLE progress_report (
        item_id UUID NOT NULL,
        id UUID NOT NULL,
        cycle INTEGER NOT NULL,
        measure_id UUID,
        reported_on DATE NOT NULL,
        content TEXT NOT NULL,
        assessment VARCHAR(20) NOT NULL,
        next_step TEXT,
        author_id UUID,
        changed_seq INTEGER NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT pk_progress_report PRIMARY KEY (item_id, id),
        CONSTRAINT fk_progress_report_event FOREIGN KEY(item_id, changed_seq) REFERENCES event (subject_id, seq) DEFERRABLE INITIALLY DEFERRED,
        CONSTRAINT fk_progress_report_item_id_measure_id_measure FOREIGN KEY(item_id, measure_id) REFERENCES measure (item_id, id),
        CONSTRAINT fk_progress_report_item_id_item FOREIGN KEY(item_id) REFERENCES item (id),
        CONSTRAINT fk_progress_report_author_id_person FOREIGN KEY(author_id) REFERENCES person (id)
    )
    """,
    "CREATE INDEX ix_progress_report_item_id ON progress_report (item_id, cycle, id)",
    """
    CREATE TABLE survey (
        item_id UUID NOT NULL,
        id UUID NOT NULL,
        cycle INTEGER NOT NULL,
        submission_no INTEGER NOT NULL,
        kind VARCHAR(16) NOT NULL,
        held_on DATE NOT NULL,
        runner_id UUID NOT NULL,
        invited INTEGER NOT NULL,
        satisfied INTEGER NOT NULL,
        basically_satisfied INTEGER NOT NULL,
        dissatisfied INTEGER NOT NULL,
        unknown INTEGER NOT NULL,
        invalid INTEGER NOT NULL,
        unanswered_named INTEGER NOT NULL,
        scan_id UUID NOT NULL,
        changed_seq INTEGER NOT NULL,
        created_at TIMESTAMP WITH TIME ZONE NOT NULL,
        CONSTRAINT pk_survey PRIMARY KEY (item_id, id),
        CONSTRAINT fk_survey_event FOREIGN KEY(item_id, changed_seq) REFERENCES event (subject_id, seq) DEFERRABLE INITIALLY DEFERRED,
        CONSTRAINT fk_survey_item_id_scan_id_evidence FOREIGN KEY(item_id, scan_id) REFERENCES evidence (item_id, id),
        CONSTRAINT ck_survey_kind CHECK (kind IN ('ballot_paper','return_visit')),
        CONSTRAINT fk_survey_item_id_item FOREIGN KEY(item_id) REFERENCES item (id),
        CONSTRAINT fk_survey_runner_id_person FOREIGN KEY(runner_id) REFERENCES person (id)
    )
    """,
    "CREATE INDEX ix_survey_item_id ON survey (item_id, submission_no)",
)
DOWN = (
    "DROP TABLE survey",
    "DROP TABLE progress_report",
    "DROP TABLE decision",
    "DROP TABLE submission",
    "DROP TABLE stage_review",
    "DROP TABLE plan_version",
    "DROP TABLE outcome",
    "DROP TABLE objection",
    "DROP TABLE measure",
    "DROP TABLE gate_result",
    "DROP TABLE evidence",
    "DROP TABLE criterion",
    "DROP TABLE approval",
)
GRANTS = (
    (
        "SELECT, INSERT, UPDATE, DELETE",
        (
            "criterion",
            "evidence",
            "measure",
            "objection",
            "outcome",
            "plan_version",
            "progress_report",
        ),
    ),
    (
        "SELECT, INSERT",
        (
            "approval",
            "gate_result",
            "stage_review",
            "submission",
            "decision",
            "survey",
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
