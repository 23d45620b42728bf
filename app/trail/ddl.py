"""What the history needs of the database beyond tables: rows that only grow, versions that count, and who may do what.

Alembic's comparison of models sees none of it. Each text is one statement. This hardens and does not prove: an owner
of the database can undo it, which is why readiness compares, and why the evidence is hashed.
"""

from __future__ import annotations

from typing import NamedTuple

from app.core.db import Reader

APP_ROLE = "rectify_app"
APPEND_ONLY = ("event", "event_disclosure", "log_position")
VERSIONED = ("item",)
GRANTS = {
    "event": ("SELECT", "INSERT"),
    "event_disclosure": ("SELECT", "INSERT"),
    "log_position": ("SELECT", "INSERT"),
    "log_pending": ("SELECT", "INSERT", "DELETE"),
    "log_state": ("SELECT", "UPDATE"),
    "trail_subject": ("SELECT", "INSERT", "UPDATE"),
}
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


class Trigger(NamedTuple):
    """A trigger that stays on whatever a session sets."""

    table: str
    name: str
    when: str
    function: str

    def statements(self) -> list[str]:
        """The two statements that make it."""
        return [
            f"CREATE TRIGGER {self.name} {self.when} EXECUTE FUNCTION {self.function}()",
            f"ALTER TABLE {self.table} ENABLE ALWAYS TRIGGER {self.name}",
        ]


FUNCTIONS = {"trail_refuse": REFUSE_BODY, "trail_version_step": STEP_BODY}
TRIGGERS = (
    *(
        Trigger(table, f"{table}_no_change", f"BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW", "trail_refuse")
        for table in APPEND_ONLY
    ),
    *(
        Trigger(table, f"{table}_no_truncate", f"BEFORE TRUNCATE ON {table} FOR EACH STATEMENT", "trail_refuse")
        for table in APPEND_ONLY
    ),
    *(
        Trigger(table, f"{table}_version_step", f"BEFORE UPDATE ON {table} FOR EACH ROW", "trail_version_step")
        for table in VERSIONED
    ),
)


def create_statements() -> list[str]:
    """Functions, triggers and the one row of `log_state`; to be run once the tables exist."""
    functions = [
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $${body}$$" for name, body in FUNCTIONS.items()
    ]
    triggers = [statement for trigger in TRIGGERS for statement in trigger.statements()]
    return [*functions, *triggers, "INSERT INTO log_state (id, next) VALUES (1, 1)"]


def drop_statements() -> list[str]:
    """The way back, to be run before the tables go."""
    triggers = [f"DROP TRIGGER {trigger.name} ON {trigger.table}" for trigger in TRIGGERS]
    return [*triggers, *(f"DROP FUNCTION {name}()" for name in FUNCTIONS)]


def grant_statements(role: str = APP_ROLE) -> list[str]:
    """What the service may do to the history when it does not own it."""
    return [f"GRANT {', '.join(privileges)} ON {table} TO {role}" for table, privileges in GRANTS.items()]


# Whoever owns a table, or may become its owner, can switch its triggers off: then nothing is separated.
SEPARATED = """
SELECT count(*) = cardinality($1::text[]) AND NOT bool_or(pg_has_role(current_user, relowner, 'MEMBER'))
FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relname = ANY($1)
"""
FOUND_TRIGGERS = """
SELECT c.relname, t.tgname, t.tgenabled = 'A' AS always, f.proname, f.prosrc
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


async def separated(reader: Reader) -> bool:
    """Whether the connected role is another than the owner of the history."""
    return bool(await reader.fetchval(SEPARATED, list(GRANTS)))


async def drift(reader: Reader) -> list[str]:
    """What of the above is missing, weakened or too generous in this database; empty when all is as made.

    Grants are compared only where the service is separated from the owner: an owner may do everything.
    """
    found = await _trigger_drift(reader)
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
        elif (row["proname"], row["prosrc"]) != (trigger.function, FUNCTIONS[trigger.function]):
            found.append(f"{trigger.table}: trigger {trigger.name} runs another function")
    return found


async def _grant_drift(reader: Reader) -> list[str]:
    rows = await reader.fetch(FOUND_GRANTS, list(GRANTS), list(PRIVILEGES))
    held = {(row["relname"], row["privilege"]) for row in rows}
    due = {(table, privilege) for table, privileges in GRANTS.items() for privilege in privileges}
    return [
        *(f"{table}: {privilege} is not granted" for table, privilege in sorted(due - held)),
        *(f"{table}: {privilege} is granted and must not be" for table, privilege in sorted(held - due)),
    ]
