"""One row for each protected table, as SQL: put beside an item's event, whatever the tables refer to."""

_ROOT = "sha256('')"
_STATEMENTS = (
    "INSERT INTO log_tile VALUES (0, 0, decode(repeat('ab', 8192), 'hex'))",
    f"INSERT INTO checkpoint VALUES (1, {_ROOT}, 'signed')",
    "INSERT INTO trail_key VALUES (gen_random_uuid(), 'receipt', 'f', NULL, now(), now())",
    """INSERT INTO redaction VALUES (gen_random_uuid(), gen_random_uuid(), 'done', 'court_order', '[]', gen_random_uuid(),
         now(), gen_random_uuid(), now(), 2)""",
    """INSERT INTO redacted_field SELECT gen_random_uuid(), 'title', subject_id, seq, gen_random_uuid() FROM event
         WHERE subject_kind = 'item'""",
    """INSERT INTO item_version (item_id, version, valid_from, valid_to, ledger_id, state, cycle, source_type, confidentiality,
         due_sort, measures_total, measures_done, progress_percent, submission_no)
       VALUES (gen_random_uuid(), 1, now(), 'infinity', gen_random_uuid(), 'draft', 1, 's', 'internal', 'infinity',
         0, 0, 0, 0)""",
    "INSERT INTO item_text VALUES (gen_random_uuid(), 1, '漏水')",
    "INSERT INTO item_gone VALUES (gen_random_uuid(), gen_random_uuid(), gen_random_uuid())",
    """INSERT INTO snapshot (id, unit_id, kind, period_from, period_to, revision, as_of, known_at, content, content_hash,
         definitions, definitions_hash, made_at)
       SELECT gen_random_uuid(), gen_random_uuid(), 'month', '2026-10-01', '2026-10-31', 1, now(), now(), '{}', 'x', '[]',
         'y', now()""",
    "INSERT INTO outcome_gone VALUES (gen_random_uuid(), gen_random_uuid(), 'physical', NULL, 1, now(), now())",
    "INSERT INTO item_unit_span VALUES (gen_random_uuid(), gen_random_uuid(), 'source', now(), 'infinity')",
    "INSERT INTO item_person_span VALUES (gen_random_uuid(), gen_random_uuid(), now(), 'infinity')",
    """INSERT INTO approval (item_id, id, cycle, submission_no, closing_round, purpose, role, opinion, comment, occurred_at,
         recorded_at, changed_seq)
       SELECT subject_id, gen_random_uuid(), 1, 1, 1, 'closure', 'leader', 'agree', '同意', now(), now(), seq FROM event WHERE
         subject_kind = 'item'""",
    """INSERT INTO decision (item_id, id, cycle, purpose, body, decided_on, decided_at, minutes_no, scan_id, rule, entitled,
         present, yes, no, deferred, abstained, result, changed_seq, created_at)
       SELECT subject_id, gen_random_uuid(), 1, 'closure', '会', now(), now(), '8', gen_random_uuid(), '{}', 1, 1, 1, 0, 0, 0,
         'passed', seq, now() FROM event WHERE subject_kind = 'item'""",
    """INSERT INTO gate_result (item_id, id, cycle, submission_no, gate, part, result, detail, comment, occurred_at, recorded_at,
         changed_seq)
       SELECT subject_id, gen_random_uuid(), 1, 1, 'problem_solved', 'whole', 'passed', '{"note": "实"}', '好', now(), now(), seq
       FROM event WHERE subject_kind = 'item'""",
    """INSERT INTO item_cycle (item_id, cycle, closed_at, snapshot, changed_seq)
       SELECT subject_id, 1, now(), '{"goal": "好"}', seq FROM event WHERE subject_kind = 'item'""",
    """INSERT INTO objection (item_id, id, cycle, submission_no, content, contact, received_on, changed_seq, created_at)
       SELECT subject_id, gen_random_uuid(), 1, 1, '有异议', '电话', now(), seq, now() FROM event WHERE subject_kind = 'item'""",
    """INSERT INTO progress_report (item_id, id, cycle, reported_on, content, assessment, changed_seq, created_at)
       SELECT subject_id, gen_random_uuid(), 1, now(), '已做', 'done', seq, now() FROM event WHERE subject_kind = 'item'""",
    """INSERT INTO stage_review (item_id, id, cycle, reviewed_on, result, summary, changed_seq)
       SELECT subject_id, gen_random_uuid(), 1, now(), 'on_track', '好', seq FROM event WHERE subject_kind = 'item'""",
    """INSERT INTO submission (item_id, id, submission_no, cycle, summary, policy_version, submitted_at, occurred_at, changed_seq)
       SELECT subject_id, gen_random_uuid(), 1, 1, '做完', 1, now(), now(), seq FROM event WHERE subject_kind = 'item'""",
)
ONE_ROW_EACH = {statement.split()[2]: statement for statement in _STATEMENTS}
