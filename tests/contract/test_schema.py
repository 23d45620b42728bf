"""The database is what the tables say: migrations, models and the codes of the program agree."""

import asyncio
import importlib
import pkgutil
import re
from collections.abc import Callable, Iterable
from typing import Any

import asyncpg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import CheckConstraint, Connection
from sqlmodel import SQLModel

import app.tables
from app.access.permissions import Role
from app.core import migrate
from app.core.db import Database
from app.lifecycle import states
from app.trail import ddl
from tests.architecture.rules import ledgered_tables
from tests.support.database import Clone

for module in pkgutil.iter_modules(app.tables.__path__, "app.tables."):
    importlib.import_module(module.name)
TABLES = SQLModel.metadata.tables
# The stored part of a unit in an item has no enumeration of its own: it is never sent or shown as a code.
CODES: dict[str, Iterable[str]] = {
    "item.state": states.State,
    "item.severity": states.Severity,
    "item.mode": states.Mode,
    "item.confidentiality": states.Confidentiality,
    "item.supervision_level": states.SupervisionLevel,
    "item.disposition": states.Disposition,
    "item.gate_problem_solved": states.GateStatus,
    "item.gate_rectification_adequate": states.GateStatus,
    "item.gate_people_satisfied": states.GateStatus,
    "measure.status": states.MeasureStatus,
    "gate_result.gate": states.Gate,
    "role_grant.role": Role,
}
WRITTEN = ("SELECT", "INSERT", "UPDATE", "DELETE")
READ_AND_ADDED = ("SELECT", "INSERT")
# What was judged or counted is never written again, whoever asks; what holds words besides is in ddl.GRANTS.
GROWING = ("duplicate_verdict", "ledger_policy", "survey")
REMADE = {"access_mark": ("SELECT", "UPDATE")}
"""Its one row is there from the migration on."""
FOUND_CHECKS = """
SELECT c.relname, k.conname, pg_get_constraintdef(k.oid) AS text FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
WHERE k.contype = 'c' AND c.relnamespace = 'public'::regnamespace
"""
DEFERRED = """
SELECT c.relname, k.condeferrable AND k.condeferred AS deferred,
  ARRAY(SELECT attname::text FROM unnest(k.conkey) WITH ORDINALITY AS n(num, place)
    JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = n.num ORDER BY place) AS columns
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class e ON e.oid = k.confrelid
WHERE k.contype = 'f' AND e.relname = 'event' AND c.relnamespace = 'public'::regnamespace
"""
PRIVILEGES = """
SELECT c.relname, array_agg(p.privilege ORDER BY p.privilege) FILTER
  (WHERE CASE WHEN p.privilege IN ('SELECT', 'INSERT', 'UPDATE') THEN
     has_any_column_privilege('rectify_app', c.oid, p.privilege)
   ELSE has_table_privilege('rectify_app', c.oid, p.privilege) END) AS held
FROM pg_class c CROSS JOIN unnest(ARRAY['SELECT','INSERT','UPDATE','DELETE','TRUNCATE']) AS p(privilege)
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') GROUP BY c.relname
"""


async def on(url: str, work: Callable[[Connection], Any]) -> Any:
    """Runs `work` on the connection migrations run on, in a thread, since they bring their own event loop."""
    found: list[Any] = []
    await asyncio.to_thread(lambda: asyncio.run(migrate._on_connection(url, lambda c: found.append(work(c)))))
    return found[0]


async def rows(url: str, sql: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetch(sql)
    finally:
        await connection.close()


def listed(check: str) -> set[str] | None:
    """The codes of `column IN (…)`, as written by us or as PostgreSQL gives it back."""
    if not re.search(r" IN \(| (= ANY|<> ALL) \(", check):
        return None
    return set(re.findall(r"'([^']*)'", check))


def named(table: str, check: str) -> str:
    return f"{table}.{check.removeprefix(f'ck_{table}_')}"


def differences(connection: Connection) -> list[Any]:
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": False})
    found = compare_metadata(context, SQLModel.metadata)
    return [change for change in found if "alembic_version" not in str(change)]


async def test_the_migrations_make_exactly_the_tables_of_the_models(database: Clone) -> None:
    assert await on(database.superuser_url, differences) == []


async def test_a_missing_column_would_be_noticed(database: Clone) -> None:
    connection = await asyncpg.connect(database.superuser_url)
    await connection.execute("ALTER TABLE item DROP COLUMN remarks")
    await connection.close()
    assert "remarks" in str(await on(database.superuser_url, differences))


async def test_the_migrations_go_down_to_nothing_and_up_again(empty_database: Clone) -> None:
    url = empty_database.superuser_url

    def down(connection: Connection) -> None:
        config = migrate._config()
        config.attributes["connection"] = connection
        command.downgrade(config, "base")

    await asyncio.to_thread(migrate.migrate, url)
    await on(url, down)
    left = await rows(url, "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'")
    assert [row["relname"] for row in left] == ["alembic_version"]
    functions = "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
    assert await rows(url, functions) == []
    await asyncio.to_thread(migrate.migrate, url)
    assert await on(url, differences) == []


def checks() -> dict[str, set[str]]:
    found = {}
    for table in TABLES.values():
        for constraint in table.constraints:
            if isinstance(constraint, CheckConstraint) and (codes := listed(str(constraint.sqltext))):
                found[named(table.name, str(constraint.name))] = codes
    return found


async def test_the_database_checks_the_codes_the_tables_list(database: Clone) -> None:
    stored = {
        named(row["relname"], row["conname"]): codes
        for row in await rows(database.superuser_url, FOUND_CHECKS)
        if (codes := listed(row["text"])) is not None
    }
    assert stored == checks()


@pytest.mark.parametrize("column", CODES)
def test_a_column_takes_exactly_the_codes_of_the_program(column: str) -> None:
    assert checks()[column] == set(CODES[column])


def test_an_item_may_have_a_number_in_every_state_but_the_first_and_the_declined() -> None:
    assert checks()["item.unnumbered"] == set(states.State) - states.NUMBERED


async def test_every_ledgered_table_waits_for_its_event_at_commit(database: Clone) -> None:
    found = {row["relname"]: row for row in await rows(database.superuser_url, DEFERRED)}
    expected = {name: ["item_id", "changed_seq"] for name in ledgered_tables()} | {"item": ["id", "version"]}
    assert {name: row["columns"] for name, row in found.items()} == expected
    assert all(row["deferred"] for row in found.values())


async def test_the_service_may_write_tables_and_nothing_more(database: Clone) -> None:
    held = {row["relname"]: set(row["held"] or ()) for row in await rows(database.superuser_url, PRIVILEGES)}
    assert held.pop("alembic_version") == {"SELECT"}
    assert held.keys() == TABLES.keys()
    due: dict[str, tuple[str, ...]] = dict.fromkeys(TABLES, WRITTEN)
    due |= {**dict.fromkeys(GROWING, READ_AND_ADDED), **REMADE, **ddl.GRANTS}
    assert {name: sorted(privileges) for name, privileges in held.items()} == {
        name: sorted(privileges) for name, privileges in due.items()
    }


async def test_a_migrated_database_protects_its_history_as_readiness_expects(database: Clone) -> None:
    db = await Database.open(database.app_url, pool_size=1)
    try:
        assert await ddl.drift(db) == []
        assert await ddl.separated(db)
    finally:
        await db.close()
