"""Redaction: words of an item can go, on record and by two persons; what is judged, signed or reported only grows."""

from alembic import op

revision = "20261126_1390"
down_revision = "20261126_1371"
branch_labels = None
depends_on = None

FUNCTIONS = (
    """
CREATE FUNCTION trail_reworded_when_redacted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND EXISTS (SELECT FROM redaction WHERE item_id = OLD.item_id AND status = 'done') AND NOT EXISTS
    (SELECT FROM jsonb_each(to_jsonb(NEW)) AS n JOIN jsonb_each(to_jsonb(OLD)) AS o USING (key)
     WHERE n.value <> o.value AND key <> 'changed_seq' AND n.value <> to_jsonb('〔已脱敏 redacted〕'::text)
       AND NOT (jsonb_typeof(n.value) = 'object' AND strpos(n.value::text, '〔已脱敏 redacted〕') > 0))
  THEN RETURN NEW; END IF;
  RAISE EXCEPTION '% on % is refused: it only grows', TG_OP, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END
$$
""",
    """
CREATE FUNCTION trail_ruled_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.ruling IS NULL AND NEW.ruling IS NOT NULL
    AND to_jsonb(OLD) - '{ruling,ruling_reason,ruled_by,ruled_at,changed_seq}'::text[]
      = to_jsonb(NEW) - '{ruling,ruling_reason,ruled_by,ruled_at,changed_seq}'::text[]
  THEN RETURN NEW; END IF;
  IF TG_OP = 'UPDATE' AND EXISTS (SELECT FROM redaction WHERE item_id = OLD.item_id AND status = 'done') AND NOT EXISTS
    (SELECT FROM jsonb_each(to_jsonb(NEW)) AS n JOIN jsonb_each(to_jsonb(OLD)) AS o USING (key)
     WHERE n.value <> o.value AND key <> 'changed_seq' AND n.value <> to_jsonb('〔已脱敏 redacted〕'::text)
       AND NOT (jsonb_typeof(n.value) = 'object' AND strpos(n.value::text, '〔已脱敏 redacted〕') > 0))
  THEN RETURN NEW; END IF;
  RAISE EXCEPTION '% on % is refused: it only grows', TG_OP, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END
$$
""",
)
TRIGGERS = (
    "DROP TRIGGER item_text_no_change ON item_text",
    "DROP FUNCTION trail_retitled_when_redacted()",
    "CREATE TRIGGER item_text_no_change BEFORE UPDATE OR DELETE ON item_text FOR EACH ROW EXECUTE FUNCTION trail_reworded_when_redacted()",
    "ALTER TABLE item_text ENABLE ALWAYS TRIGGER item_text_no_change",
    "CREATE TRIGGER approval_no_change BEFORE UPDATE OR DELETE ON approval FOR EACH ROW EXECUTE FUNCTION trail_reworded_when_redacted()",
    "ALTER TABLE approval ENABLE ALWAYS TRIGGER approval_no_change",
    "CREATE TRIGGER decision_no_change BEFORE UPDATE OR DELETE ON decision FOR EACH ROW EXECUTE FUNCTION trail_reworded_when_redacted()",
    "ALTER TABLE decision ENABLE ALWAYS TRIGGER decision_no_change",
    "CREATE TRIGGER gate_result_no_change BEFORE UPDATE OR DELETE ON gate_result FOR EACH ROW EXECUTE FUNCTION trail_reworded_when_redacted()",
    "ALTER TABLE gate_result ENABLE ALWAYS TRIGGER gate_result_no_change",
    "CREATE TRIGGER item_cycle_no_change BEFORE UPDATE OR DELETE ON item_cycle FOR EACH ROW EXECUTE FUNCTION trail_reworded_when_redacted()",
    "ALTER TABLE item_cycle ENABLE ALWAYS TRIGGER item_cycle_no_change",
    "CREATE TRIGGER progress_report_no_change BEFORE UPDATE OR DELETE ON progress_report FOR EACH ROW EXECUTE FUNCTION trail_reworded_when_redacted()",
    "ALTER TABLE progress_report ENABLE ALWAYS TRIGGER progress_report_no_change",
    "CREATE TRIGGER stage_review_no_change BEFORE UPDATE OR DELETE ON stage_review FOR EACH ROW EXECUTE FUNCTION trail_reworded_when_redacted()",
    "ALTER TABLE stage_review ENABLE ALWAYS TRIGGER stage_review_no_change",
    "CREATE TRIGGER submission_no_change BEFORE UPDATE OR DELETE ON submission FOR EACH ROW EXECUTE FUNCTION trail_reworded_when_redacted()",
    "ALTER TABLE submission ENABLE ALWAYS TRIGGER submission_no_change",
    "CREATE TRIGGER objection_no_change BEFORE UPDATE OR DELETE ON objection FOR EACH ROW EXECUTE FUNCTION trail_ruled_once()",
    "ALTER TABLE objection ENABLE ALWAYS TRIGGER objection_no_change",
    "CREATE TRIGGER approval_no_truncate BEFORE TRUNCATE ON approval FOR EACH STATEMENT EXECUTE FUNCTION trail_refuse()",
    "ALTER TABLE approval ENABLE ALWAYS TRIGGER approval_no_truncate",
    "CREATE TRIGGER decision_no_truncate BEFORE TRUNCATE ON decision FOR EACH STATEMENT EXECUTE FUNCTION trail_refuse()",
    "ALTER TABLE decision ENABLE ALWAYS TRIGGER decision_no_truncate",
    "CREATE TRIGGER gate_result_no_truncate BEFORE TRUNCATE ON gate_result FOR EACH STATEMENT EXECUTE FUNCTION trail_refuse()",
    "ALTER TABLE gate_result ENABLE ALWAYS TRIGGER gate_result_no_truncate",
    "CREATE TRIGGER item_cycle_no_truncate BEFORE TRUNCATE ON item_cycle FOR EACH STATEMENT EXECUTE FUNCTION trail_refuse()",
    "ALTER TABLE item_cycle ENABLE ALWAYS TRIGGER item_cycle_no_truncate",
    "CREATE TRIGGER progress_report_no_truncate BEFORE TRUNCATE ON progress_report FOR EACH STATEMENT EXECUTE FUNCTION trail_refuse()",
    "ALTER TABLE progress_report ENABLE ALWAYS TRIGGER progress_report_no_truncate",
    "CREATE TRIGGER stage_review_no_truncate BEFORE TRUNCATE ON stage_review FOR EACH STATEMENT EXECUTE FUNCTION trail_refuse()",
    "ALTER TABLE stage_review ENABLE ALWAYS TRIGGER stage_review_no_truncate",
    "CREATE TRIGGER submission_no_truncate BEFORE TRUNCATE ON submission FOR EACH STATEMENT EXECUTE FUNCTION trail_refuse()",
    "ALTER TABLE submission ENABLE ALWAYS TRIGGER submission_no_truncate",
    "CREATE TRIGGER objection_no_truncate BEFORE TRUNCATE ON objection FOR EACH STATEMENT EXECUTE FUNCTION trail_refuse()",
    "ALTER TABLE objection ENABLE ALWAYS TRIGGER objection_no_truncate",
)
GRANTS = (
    "REVOKE UPDATE ON objection, progress_report FROM rectify_app",
    "GRANT UPDATE (comment, changed_seq) ON approval TO rectify_app",
    "GRANT UPDATE (body, minutes_no, rule, changed_seq) ON decision TO rectify_app",
    "GRANT UPDATE (detail, comment, changed_seq) ON gate_result TO rectify_app",
    "GRANT UPDATE (snapshot, changed_seq) ON item_cycle TO rectify_app",
    "GRANT UPDATE (content, next_step, changed_seq) ON progress_report TO rectify_app",
    "GRANT UPDATE (summary, changed_seq) ON stage_review TO rectify_app",
    "GRANT UPDATE (summary, changed_seq) ON submission TO rectify_app",
    "GRANT UPDATE (content, contact, ruling_reason, ruling, ruled_by, ruled_at, changed_seq) ON objection TO rectify_app",
)
DOWN = (
    "DROP TRIGGER approval_no_change ON approval",
    "DROP TRIGGER decision_no_change ON decision",
    "DROP TRIGGER gate_result_no_change ON gate_result",
    "DROP TRIGGER item_cycle_no_change ON item_cycle",
    "DROP TRIGGER progress_report_no_change ON progress_report",
    "DROP TRIGGER stage_review_no_change ON stage_review",
    "DROP TRIGGER submission_no_change ON submission",
    "DROP TRIGGER objection_no_change ON objection",
    "DROP TRIGGER approval_no_truncate ON approval",
    "DROP TRIGGER decision_no_truncate ON decision",
    "DROP TRIGGER gate_result_no_truncate ON gate_result",
    "DROP TRIGGER item_cycle_no_truncate ON item_cycle",
    "DROP TRIGGER progress_report_no_truncate ON progress_report",
    "DROP TRIGGER stage_review_no_truncate ON stage_review",
    "DROP TRIGGER submission_no_truncate ON submission",
    "DROP TRIGGER objection_no_truncate ON objection",
    "DROP TRIGGER item_text_no_change ON item_text",
    "DROP FUNCTION trail_reworded_when_redacted()",
    "DROP FUNCTION trail_ruled_once()",
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
    "CREATE TRIGGER item_text_no_change BEFORE UPDATE OR DELETE ON item_text FOR EACH ROW EXECUTE FUNCTION trail_retitled_when_redacted()",
    "ALTER TABLE item_text ENABLE ALWAYS TRIGGER item_text_no_change",
)
GRANTS_DOWN = (
    "REVOKE UPDATE (comment, changed_seq) ON approval FROM rectify_app",
    "REVOKE UPDATE (body, minutes_no, rule, changed_seq) ON decision FROM rectify_app",
    "REVOKE UPDATE (detail, comment, changed_seq) ON gate_result FROM rectify_app",
    "REVOKE UPDATE (snapshot, changed_seq) ON item_cycle FROM rectify_app",
    "REVOKE UPDATE (content, next_step, changed_seq) ON progress_report FROM rectify_app",
    "REVOKE UPDATE (summary, changed_seq) ON stage_review FROM rectify_app",
    "REVOKE UPDATE (summary, changed_seq) ON submission FROM rectify_app",
    "REVOKE UPDATE (content, contact, ruling_reason, ruling, ruled_by, ruled_at, changed_seq) ON objection FROM rectify_app",
    "GRANT UPDATE ON objection, progress_report TO rectify_app",
)
IF_SEPARATED = """
DO $$ BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'rectify_app') THEN {statement}; END IF;
END $$
"""


def _change(statements: tuple[str, ...], grants: tuple[str, ...]) -> None:
    for statement in statements:
        op.execute(statement)
    for grant in grants:
        op.execute(IF_SEPARATED.format(statement=grant))


def upgrade() -> None:
    _change((*FUNCTIONS, *TRIGGERS), GRANTS)


def downgrade() -> None:
    _change(DOWN, GRANTS_DOWN)
