"""Attacks on the history: by the service's own login, by the owner, and by weakening what protects it.

One database is taken from revision to revision, and at each of them everything is tried on every table it protects.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import asyncpg
import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from app.core import migrate
from app.core.db import Database, Tx
from app.core.embedded_postgres import APP, OWNER
from app.trail import ddl
from tests.contract.test_schema import on
from tests.support.database import Clone
from tests.trail.rows import ONE_ROW_EACH

FIRST = "20261123_1401"
"""The revision that brought the history."""
HISTORY = {
    "event": """INSERT INTO event (id, subject_kind, subject_id, seq, type, at, body, hash)
      VALUES (gen_random_uuid(), 'item', gen_random_uuid(), 1, 'item.drafted', now(), '{}', sha256(''))""",
    "event_disclosure": "INSERT INTO event_disclosure SELECT id, 'title', sha256(''), '\"漏水\"' FROM event",
    "log_position": "INSERT INTO log_position SELECT 1, id FROM event",
}
ROWS = HISTORY | ONE_ROW_EACH
PROTECTED = """
SELECT c.relname FROM pg_class c JOIN pg_trigger t ON t.tgrelid = c.oid
WHERE c.relnamespace = 'public'::regnamespace AND t.tgname = c.relname || '_no_change' ORDER BY 1
"""
COLUMNS = "SELECT attname FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped"
STANDING = """
SELECT (SELECT string_agg(pg_get_triggerdef(oid) || tgenabled::text, chr(10) ORDER BY tgrelid, tgname) FROM pg_trigger
    WHERE NOT tgisinternal)
  || (SELECT string_agg(proname || prosrc || proowner::text, chr(10) ORDER BY proname) FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace)
  || (SELECT string_agg(relname || relowner::text || coalesce(relacl::text, ''), chr(10) ORDER BY relname) FROM pg_class
    WHERE relnamespace = 'public'::regnamespace)
  || (SELECT coalesce(string_agg(attname || attacl::text, chr(10) ORDER BY attrelid, attnum), '') FROM pg_attribute
    WHERE attacl IS NOT NULL)
"""
BLUNT = "CREATE OR REPLACE FUNCTION {}() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"
ANYWHERE = (
    "SET session_replication_role = replica",
    f"SET ROLE {OWNER}",
    "SET ROLE pg_write_all_data",
    f"SET SESSION AUTHORIZATION {OWNER}",
    f"GRANT {OWNER} TO {APP}",
    f"ALTER ROLE {APP} SUPERUSER",
    BLUNT.format("trail_refuse"),
    BLUNT.format("trail_version_step"),
    "DROP FUNCTION trail_refuse() CASCADE",
    "ALTER FUNCTION trail_refuse() RENAME TO nothing",
    "DROP SCHEMA public CASCADE",
    "UPDATE pg_trigger SET tgenabled = 'D'",
)


def revisions() -> Iterator[str]:
    """From the one that brought the history to the newest."""
    every = [one.revision for one in ScriptDirectory.from_config(migrate._config()).walk_revisions()][::-1]
    yield from every[every.index(FIRST) :]


def on_table(table: str, columns: list[str]) -> Iterator[str]:
    """What would change or free the rows of one table."""
    for column in columns:
        yield f'UPDATE {table} SET "{column}" = "{column}"'
        yield f'INSERT INTO {table} SELECT * FROM {table} ON CONFLICT ON CONSTRAINT pk_{table} DO UPDATE SET "{column}" = EXCLUDED."{column}"'  # noqa: E501 - one statement
    yield f"DELETE FROM {table}"
    yield f"TRUNCATE {table} CASCADE"
    yield f"MERGE INTO {table} t USING {table} s ON t.tableoid = s.tableoid WHEN MATCHED THEN DELETE"


def around_table(table: str, columns: list[str]) -> Iterator[str]:
    """What would take the protection from one table."""
    yield f"ALTER TABLE {table} DISABLE TRIGGER ALL"
    yield f"ALTER TABLE {table} DISABLE TRIGGER {table}_no_change"
    yield f"ALTER TABLE {table} DISABLE TRIGGER {table}_no_truncate"
    yield f"DROP TRIGGER {table}_no_change ON {table}"
    yield f"DROP TABLE {table} CASCADE"
    yield f"ALTER TABLE {table} RENAME TO {table}_old"
    yield f"ALTER TABLE {table} DROP COLUMN {columns[-1]} CASCADE"
    yield f"ALTER TABLE {table} OWNER TO {APP}"
    yield f"CREATE TRIGGER first BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION trail_refuse()"
    yield f"CREATE RULE nothing AS ON INSERT TO {table} DO INSTEAD NOTHING"
    yield f"CREATE POLICY none ON {table} USING (false)"
    yield f"COMMENT ON TABLE {table} IS ''"


async def protected(owner: asyncpg.Connection) -> dict[str, list[str]]:
    """The protected tables of the present revision with their columns; each has a row."""
    found = {}
    await owner.execute("SET session_replication_role = replica")  # what the rows refer to is of no interest here
    for row in await owner.fetch(PROTECTED):
        table = row["relname"]
        found[table] = [column["attname"] for column in await owner.fetch(COLUMNS, table)]
        if not await owner.fetchval(f"SELECT count(*) FROM {table}"):
            await owner.execute(ROWS[table])
        assert await owner.fetchval(f"SELECT count(*) FROM {table}"), table
    await owner.execute("SET session_replication_role = origin")
    return found


async def standing(owner: asyncpg.Connection, tables: dict[str, list[str]]) -> list[Any]:
    """Everything an attack may not change."""
    rows = [await owner.fetch(f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables]
    return [*rows, await owner.fetchval(STANDING)]


async def attempts(connection: asyncpg.Connection, statements: Iterator[str], told: list[str]) -> int:
    """Tries each; one that is not refused is told and undone."""
    tried = 0
    for statement in statements:
        tried += 1
        undone = connection.transaction()
        await undone.start()
        try:
            await connection.execute(statement)
        except asyncpg.InsufficientPrivilegeError:
            pass
        except asyncpg.PostgresError as error:
            told.append(f"{statement}: {type(error).__name__} {error}")
        else:
            told.append(f"{statement}: done")
        await undone.rollback()
    return tried


async def copied_over(service: asyncpg.Connection, table: str) -> str | None:
    """COPY with a key that is there already must fail; None if so."""
    rows = [tuple(row) for row in await service.fetch(f"SELECT * FROM {table} LIMIT 1")]
    try:
        await service.copy_records_to_table(table, records=rows)
    except asyncpg.UniqueViolationError:
        return None
    return f"COPY {table}: done"


def upgraded_to(revision: str) -> Any:
    def work(connection: Connection) -> None:
        config = migrate._config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)

    return work


async def test_at_no_revision_can_the_service_change_the_past(empty_database: Clone) -> None:
    tried = 0
    seen: list[int] = []
    for revision in revisions():
        await on(empty_database.superuser_url, upgraded_to(revision))
        owner = await asyncpg.connect(empty_database.superuser_url)
        service = await asyncpg.connect(empty_database.app_url)
        tables = await protected(owner)
        seen.append(len(tables))
        told: list[str] = []
        before = await standing(owner, tables)
        tried += await attempts(service, iter(ANYWHERE), told)
        for table, columns in tables.items():
            tried += await attempts(service, on_table(table, columns), told)
            tried += await attempts(service, around_table(table, columns), told)
            told += filter(None, [await copied_over(service, table)])
            await service.execute(f"GRANT UPDATE, DELETE, TRUNCATE ON {table} TO {APP}")  # no error, and no effect
        assert told == [], revision
        assert await standing(owner, tables) == before, revision
        await service.close()
        await owner.close()
    assert seen[0] >= 3
    assert seen[-1] == len(ddl.PROTECTED)
    assert tried > 1000


async def test_at_no_revision_can_the_owner_change_the_past_without_taking_the_protection_away(
    empty_database: Clone,
) -> None:
    for revision in revisions():
        await on(empty_database.superuser_url, upgraded_to(revision))
        owner = await asyncpg.connect(empty_database.superuser_url)
        tables = await protected(owner)
        told: list[str] = []
        before = await standing(owner, tables)
        for setting in ("origin", "replica", "local"):
            await owner.execute(f"RESET ROLE; SET session_replication_role = {setting}; SET ROLE {OWNER}")
            for table, columns in tables.items():
                await attempts(owner, on_table(table, columns), told)
        await owner.execute("RESET ROLE; SET session_replication_role = origin")
        assert told == [], revision
        assert await standing(owner, tables) == before, revision
        await owner.close()


def remade(trigger: ddl.Trigger, when: str) -> str:
    """The trigger under its own name, fired at other times."""
    made = trigger._replace(when=when).statements()
    return "; ".join([f"DROP TRIGGER {trigger.name} ON {trigger.table}", *made])


def damages() -> Iterator[tuple[str, str]]:
    """Everything a superuser could do to the protection, and the table readiness must name."""
    for trigger in ddl.TRIGGERS:
        table, name = trigger.table, trigger.name
        yield f"ALTER TABLE {table} DISABLE TRIGGER {name}", f"{table}: trigger {name} is not ENABLE ALWAYS"
        yield f"ALTER TABLE {table} ENABLE REPLICA TRIGGER {name}", f"{table}: trigger {name} is not ENABLE ALWAYS"
        yield f"DROP TRIGGER {name} ON {table}", f"{table}: trigger {name} is missing"
        yield remade(trigger, f"{trigger.when} WHEN (false)"), f"{table}: trigger {name} does not fire on every change"
    for table in ddl.PROTECTED:
        no_change = next(one for one in ddl.TRIGGERS if one.name == f"{table}_no_change")
        only = remade(no_change, no_change.when.replace("UPDATE OR DELETE", "DELETE"))
        yield only, f"{table}: trigger {table}_no_change does not fire on every change"
        yield f"GRANT TRUNCATE ON {table} TO {APP}", f"{table}: TRUNCATE is granted and must not be"
        yield f"GRANT TRIGGER ON {table} TO {APP}", f"{table}: TRIGGER is granted and must not be"
        yield f"ALTER TABLE {table} OWNER TO postgres", f"{table}: belongs to postgres and not to {OWNER}"
        yield (
            f"CREATE RULE nothing AS ON INSERT TO {table} DO INSTEAD NOTHING",
            f"{table}: rules or row security are in force",
        )
        yield f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY", f"{table}: rules or row security are in force"
        yield (
            f"CREATE TRIGGER first BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION trail_refuse()",
            f"{table}: trigger first is not ours",
        )
        if "DELETE" not in ddl.GRANTS[table]:
            yield f"GRANT DELETE ON {table} TO {APP}", f"{table}: DELETE is granted and must not be"
        if "UPDATE" in ddl.GRANTS[table]:
            yield f"GRANT UPDATE ON {table} TO {APP}", f"{table}: UPDATE is granted on every column and must not be"
        else:
            yield f"GRANT UPDATE ON {table} TO PUBLIC", f"{table}: UPDATE is granted and must not be"
    for name in ddl.FUNCTIONS:
        user = next(trigger for trigger in ddl.TRIGGERS if trigger.function == name)
        yield BLUNT.format(name), f"{user.table}: trigger {user.name} runs another function"


async def test_readiness_names_every_way_of_weakening_the_protection(database: Clone) -> None:
    superuser = await asyncpg.connect(database.superuser_url)
    if await superuser.fetchval("SELECT count(*) FROM pg_roles WHERE rolname = 'postgres'") == 0:
        pytest.skip("the superuser of this server bears another name")
    missed: list[str] = []
    db, tried = await Database.open(database.app_url, pool_size=1), 0
    assert await ddl.drift(db) == []
    for damage, finding in damages():
        tried += 1
        undone = superuser.transaction()
        await undone.start()
        await superuser.execute(damage)
        await superuser.execute(f"SET LOCAL ROLE {APP}")
        found = await ddl.drift(Tx(superuser))
        if finding not in found:
            missed.append(f"{damage}: {found}")
        await undone.rollback()
    assert missed == []
    assert tried > 200
    assert await ddl.drift(db) == []
    await db.close()
    await superuser.close()


async def test_a_table_that_belongs_to_the_service_is_told(database: Clone) -> None:
    superuser = await asyncpg.connect(database.superuser_url)
    await superuser.execute(f"ALTER TABLE event OWNER TO {APP}")
    db = await Database.open(database.app_url, pool_size=1)
    assert not await ddl.separated(db)
    assert f"event: belongs to {APP} and not to {OWNER}" in await ddl.drift(db)
    await db.close()
    await superuser.close()
