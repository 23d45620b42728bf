"""What the history needs of the database beyond tables: rows that only grow, versions that count, and who may do what.

Alembic's comparison of models sees none of it. Each text is one statement. This hardens and does not prove: an owner
of the database can undo it, which is why readiness compares, and why the evidence is hashed.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from app.core.db import Reader
from app.trail.redact import PLACEHOLDER

APP_ROLE = "rectify_app"
APPEND_ONLY = ("event", "log_position", "log_tile", "redacted_field", "item_gone", "outcome_gone", "snapshot")
ENDED_ONCE = ("item_version", "item_unit_span", "item_person_span")
VERSIONED = ("item",)
REWORDED = {
    "approval": ("comment",),
    "decision": ("body", "minutes_no", "rule"),
    "gate_result": ("detail", "comment"),
    "item_cycle": ("snapshot",),
    "progress_report": ("content", "next_step"),
    "stage_review": ("summary",),
    "submission": ("summary",),
}
"""Records of an item that only grow; a redaction puts its placeholder into these columns and nothing else anywhere."""
RULED = {"objection": ("content", "contact", "ruling_reason", "ruling", "ruled_by", "ruled_at")}
"""As above, and the ruling is added once."""
GRANTS = {
    "event": ("SELECT", "INSERT"),
    "event_disclosure": ("SELECT", "INSERT", "DELETE"),
    "log_position": ("SELECT", "INSERT"),
    "log_pending": ("SELECT", "INSERT", "DELETE"),
    "log_state": ("SELECT", "UPDATE"),
    "log_tile": ("SELECT", "INSERT"),
    "log_edge": ("SELECT", "INSERT", "UPDATE"),
    "checkpoint": ("SELECT", "INSERT", "UPDATE"),
    "trail_key": ("SELECT", "INSERT", "UPDATE"),
    "trail_subject": ("SELECT", "INSERT", "UPDATE"),
    "redaction": ("SELECT", "INSERT", "UPDATE"),
    "redacted_field": ("SELECT", "INSERT"),
    "lease": ("SELECT", "INSERT", "UPDATE"),
    "item_version": ("SELECT", "INSERT", "UPDATE"),
    "item_text": ("SELECT", "INSERT", "UPDATE"),
    "item_gone": ("SELECT", "INSERT"),
    "outcome_gone": ("SELECT", "INSERT"),
    "snapshot": ("SELECT", "INSERT"),
    "item_unit_span": ("SELECT", "INSERT", "UPDATE"),
    "item_person_span": ("SELECT", "INSERT", "UPDATE"),
    **dict.fromkeys((*REWORDED, *RULED), ("SELECT", "INSERT", "UPDATE")),
}
UPDATED_COLUMNS = {
    "log_state": ("next",),
    "log_edge": ("data",),
    "checkpoint": ("note",),
    "trail_key": ("retired_at",),
    "trail_subject": ("seq", "hash"),
    "redaction": ("status", "decided_by", "decided_at", "version"),
    "lease": ("owner", "until", "fence"),
    "item_version": ("valid_to",),
    "item_text": ("title",),
    "item_unit_span": ("valid_to",),
    "item_person_span": ("valid_to",),
    **{table: (*columns, "changed_seq") for table, columns in (REWORDED | RULED).items()},
}
"""UPDATE is granted on these columns alone."""
PRIVILEGES = ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE", "REFERENCES", "TRIGGER")

REFUSE_BODY = """
BEGIN
  RAISE EXCEPTION '% on % is refused: it only grows', TG_OP, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END
"""
STEP_BODY = """
BEGIN
  IF NEW.version IS DISTINCT FROM OLD.version + 1 THEN
    RAISE EXCEPTION 'version of % goes from % to % and not to the next', TG_TABLE_NAME, OLD.version, NEW.version
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END
"""
_REFUSED = """
  RAISE EXCEPTION '% on % is refused: it only grows', TG_OP, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END
"""
# Each of these lets one thing happen once and compares whole rows, so that nothing else rides along.
ENDED_BODY = f"""
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.valid_to = 'infinity' AND NEW.valid_to < 'infinity' THEN
    OLD.valid_to := NEW.valid_to;
    IF OLD IS NOT DISTINCT FROM NEW THEN RETURN NEW; END IF;
  END IF;{_REFUSED}"""
SIGNED_BODY = f"""
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.note IS NULL AND NEW.note IS NOT NULL THEN
    OLD.note := NEW.note;
    IF OLD IS NOT DISTINCT FROM NEW THEN RETURN NEW; END IF;
  END IF;{_REFUSED}"""
RETIRED_BODY = f"""
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.retired_at IS NULL AND NEW.retired_at IS NOT NULL THEN
    OLD.retired_at := NEW.retired_at;
    IF OLD IS NOT DISTINCT FROM NEW THEN RETURN NEW; END IF;
  END IF;{_REFUSED}"""
UNTOLD_BODY = f"""
BEGIN
  IF TG_OP = 'DELETE' AND EXISTS
    (SELECT FROM redacted_field WHERE event_id = OLD.event_id AND field = OLD.field) THEN RETURN OLD; END IF;{_REFUSED}"""
# What differs of a row must have become the placeholder, for an item about which a redaction was carried out.
_REDACTED = f"""
  IF TG_OP = 'UPDATE' AND EXISTS (SELECT FROM redaction WHERE item_id = OLD.item_id AND status = 'done') AND NOT EXISTS
    (SELECT FROM jsonb_each(to_jsonb(NEW)) AS n JOIN jsonb_each(to_jsonb(OLD)) AS o USING (key)
     WHERE n.value <> o.value AND key <> 'changed_seq' AND n.value <> to_jsonb('{PLACEHOLDER}'::text)
       AND NOT (jsonb_typeof(n.value) = 'object' AND strpos(n.value::text, '{PLACEHOLDER}') > 0))
  THEN RETURN NEW; END IF;"""  # noqa: S608 - a constant
REWORDED_BODY = f"""
BEGIN{_REDACTED}{_REFUSED}"""
RULED_BODY = f"""
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.ruling IS NULL AND NEW.ruling IS NOT NULL
    AND to_jsonb(OLD) - '{{ruling,ruling_reason,ruled_by,ruled_at,changed_seq}}'::text[]
      = to_jsonb(NEW) - '{{ruling,ruling_reason,ruled_by,ruled_at,changed_seq}}'::text[]
  THEN RETURN NEW; END IF;{_REDACTED}{_REFUSED}"""
DECIDED_BODY = f"""
BEGIN
  IF TG_OP = 'UPDATE' AND OLD.status = 'requested' AND NEW.version = OLD.version + 1
    AND (OLD.id, OLD.item_id, OLD.basis, OLD.places, OLD.requested_by, OLD.requested_at)
      = (NEW.id, NEW.item_id, NEW.basis, NEW.places, NEW.requested_by, NEW.requested_at) THEN RETURN NEW; END IF;{_REFUSED}"""


class Trigger(NamedTuple):
    """A trigger that stays on whatever a session sets."""

    table: str
    name: str
    when: str
    function: str

    @property
    def kind(self) -> int:
        """What pg_trigger.tgtype says of it: for each row, before, and on which changes."""
        told = {"FOR EACH ROW": 1, "BEFORE": 2, "DELETE": 8, "UPDATE": 16, "TRUNCATE": 32}
        return sum(bit for word, bit in told.items() if word in self.when)

    def statements(self) -> list[str]:
        """The two statements that make it."""
        return [
            f"CREATE TRIGGER {self.name} {self.when} EXECUTE FUNCTION {self.function}()",
            f"ALTER TABLE {self.table} ENABLE ALWAYS TRIGGER {self.name}",
        ]


FUNCTIONS = {
    "trail_refuse": REFUSE_BODY,
    "trail_version_step": STEP_BODY,
    "trail_ended_once": ENDED_BODY,
    "trail_signed_once": SIGNED_BODY,
    "trail_retired_once": RETIRED_BODY,
    "trail_untold_when_redacted": UNTOLD_BODY,
    "trail_reworded_when_redacted": REWORDED_BODY,
    "trail_ruled_once": RULED_BODY,
    "trail_decided_once": DECIDED_BODY,
}
_GUARDED = {
    **dict.fromkeys(APPEND_ONLY, "trail_refuse"),
    **dict.fromkeys(ENDED_ONCE, "trail_ended_once"),
    "event_disclosure": "trail_untold_when_redacted",
    "checkpoint": "trail_signed_once",
    "trail_key": "trail_retired_once",
    "item_text": "trail_reworded_when_redacted",
    "redaction": "trail_decided_once",
    **dict.fromkeys(REWORDED, "trail_reworded_when_redacted"),
    **dict.fromkeys(RULED, "trail_ruled_once"),
}
PROTECTED = tuple(_GUARDED)
"""Tables whose rows stay: what may happen to one of them happens once, and for a recorded reason."""
TRIGGERS = (
    *(
        Trigger(table, f"{table}_no_change", f"BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW", function)
        for table, function in _GUARDED.items()
    ),
    *(
        Trigger(table, f"{table}_no_truncate", f"BEFORE TRUNCATE ON {table} FOR EACH STATEMENT", "trail_refuse")
        for table in _GUARDED
    ),
    *(
        Trigger(table, f"{table}_version_step", f"BEFORE UPDATE ON {table} FOR EACH ROW", "trail_version_step")
        for table in VERSIONED
    ),
)


_OPEN_LOG = "INSERT INTO log_state (id, next, log_id, epoch) VALUES (1, 1, gen_random_uuid(), 1)"


def create_statements() -> list[str]:
    """Functions, triggers and the one row of `log_state`; to be run once the tables exist."""
    functions = [
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $${body}$$" for name, body in FUNCTIONS.items()
    ]
    triggers = [statement for trigger in TRIGGERS for statement in trigger.statements()]
    return [*functions, *triggers, _OPEN_LOG]


def drop_statements() -> list[str]:
    """The way back, to be run before the tables go."""
    triggers = [f"DROP TRIGGER {trigger.name} ON {trigger.table}" for trigger in TRIGGERS]
    return [*triggers, *(f"DROP FUNCTION {name}()" for name in FUNCTIONS)]


def grant_statements(role: str = APP_ROLE) -> list[str]:
    """What the service may do to the history when it does not own it."""
    return [f"GRANT {', '.join(_narrowed(table))} ON {table} TO {role}" for table in GRANTS]


def _narrowed(table: str) -> list[str]:
    columns = UPDATED_COLUMNS.get(table)
    return [
        f"UPDATE ({', '.join(columns)})" if privilege == "UPDATE" and columns else privilege
        for privilege in GRANTS[table]
    ]


# Whoever owns a table, or may become its owner, can switch its triggers off: then nothing is separated.
SEPARATED = """
SELECT count(*) = cardinality($1::text[]) AND NOT bool_or(pg_has_role(current_user, relowner, 'MEMBER'))
FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relname = ANY($1)
"""
FOUND_TRIGGERS = """
SELECT c.relname, t.tgname, t.tgenabled = 'A' AS always, f.proname, f.prosrc, t.tgtype,
  t.tgqual IS NULL AND cardinality(t.tgattr::int2[]) = 0 AS unconditional
FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid JOIN pg_proc AS f ON f.oid = t.tgfoid
WHERE c.relnamespace = current_schema()::regnamespace AND NOT t.tgisinternal
"""
FOUND_GRANTS = """
SELECT c.relname, p.privilege
FROM pg_class AS c CROSS JOIN unnest($2::text[]) AS p(privilege)
WHERE c.relnamespace = current_schema()::regnamespace AND c.relname = ANY($1)
  AND CASE WHEN p.privilege IN ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES')
      THEN has_any_column_privilege(c.oid, p.privilege) ELSE has_table_privilege(c.oid, p.privilege) END
"""


FOUND_TABLES = """
SELECT relname, pg_get_userbyid(relowner) AS owner, relrowsecurity OR EXISTS
  (SELECT FROM pg_rewrite WHERE ev_class = c.oid) AS rewritten
FROM pg_class AS c WHERE relnamespace = current_schema()::regnamespace AND relname = ANY($1) ORDER BY relname
"""
WHOLE_UPDATES = """
SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relname = ANY($1)
  AND has_table_privilege(oid, 'UPDATE') ORDER BY relname
"""


async def separated(reader: Reader) -> bool:
    """Whether the connected role is another than the owner of the history."""
    return bool(await reader.fetchval(SEPARATED, list(GRANTS)))


async def drift(reader: Reader) -> list[str]:
    """What of the above is missing, weakened or too generous in this database; empty when all is as made.

    Grants are compared only where the service is separated from the owner: an owner may do everything.
    """
    found = [*await _trigger_drift(reader), *await _table_drift(reader)]
    if await separated(reader):
        found += await _grant_drift(reader)
    return found


async def _trigger_drift(reader: Reader) -> list[str]:
    rows = await reader.fetch(FOUND_TRIGGERS)
    seen = {(row["relname"], row["tgname"]): row for row in rows}
    found = []
    for trigger in TRIGGERS:
        row = seen.get((trigger.table, trigger.name))
        if row is None:
            found.append(f"{trigger.table}: trigger {trigger.name} is missing")
        elif not row["always"]:
            found.append(f"{trigger.table}: trigger {trigger.name} is not ENABLE ALWAYS")
        elif row["tgtype"] != trigger.kind or not row["unconditional"]:
            found.append(f"{trigger.table}: trigger {trigger.name} does not fire on every change")
        elif (row["proname"], row["prosrc"]) != (trigger.function, FUNCTIONS[trigger.function]):
            found.append(f"{trigger.table}: trigger {trigger.name} runs another function")
    ours = {(trigger.table, trigger.name) for trigger in TRIGGERS}
    strange = [key for key in seen if key not in ours and key[0] in {*GRANTS, *VERSIONED}]
    return [*found, *(f"{table}: trigger {name} is not ours" for table, name in sorted(strange))]


async def _table_drift(reader: Reader) -> list[str]:
    """One owner for all, no rule that rewrites what is written, no policy that hides rows."""
    rows = await reader.fetch(FOUND_TABLES, list(GRANTS))
    owners = Counter(row["owner"] for row in rows)
    usual = owners.most_common(1)[0][0] if owners else None
    found = [f"{row['relname']}: belongs to {row['owner']} and not to {usual}" for row in rows if row["owner"] != usual]
    return found + [f"{row['relname']}: rules or row security are in force" for row in rows if row["rewritten"]]


async def _grant_drift(reader: Reader) -> list[str]:
    rows = await reader.fetch(FOUND_GRANTS, list(GRANTS), list(PRIVILEGES))
    held = {(row["relname"], row["privilege"]) for row in rows}
    due = {(table, privilege) for table, privileges in GRANTS.items() for privilege in privileges}
    whole = await reader.fetch(WHOLE_UPDATES, list(UPDATED_COLUMNS))
    return [
        *(f"{row['relname']}: UPDATE is granted on every column and must not be" for row in whole),
        *(f"{table}: {privilege} is not granted" for table, privilege in sorted(due - held)),
        *(f"{table}: {privilege} is granted and must not be" for table, privilege in sorted(held - due)),
    ]
