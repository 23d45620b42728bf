import json
from collections.abc import AsyncIterator

import asyncpg
import pytest

from app.core.db import Database, Tx
from app.core.ids import uuid7
from app.trail import ddl
from app.trail.positions import assign_positions
from app.trail.redact import PLACEHOLDER
from tests.trail.make import History, change, new_id, step
from tests.trail.rows import ONE_ROW_EACH

CHANGES = {
    "event": "body = ''",
    "event_disclosure": "value = 'null'",
    "log_position": "event_id = gen_random_uuid()",
    "log_tile": "level = 7",
    "redacted_field": "field = 'remarks'",
    "checkpoint": "root = sha256('')",
    "trail_key": "fingerprint = 'x'",
    "redaction": "basis = 'unlawful'",
    "item_version": "state = 'closed'",
    "item_text": "title = '无'",
    "item_gone": "finder_person_id = NULL",
    "outcome_gone": "amount_fen = 0",
    "snapshot": "content_hash = 'x'",
    "item_unit_span": "part = 'lead'",
    "item_person_span": "person_id = gen_random_uuid()",
    "approval": "comment = '改写'",
    "decision": "body = '改写'",
    "gate_result": "comment = '改写'",
    "item_cycle": "snapshot = '{}'",
    "objection": "content = '改写'",
    "progress_report": "content = '改写'",
    "stage_review": "summary = '改写'",
    "submission": "summary = '改写'",
}
REWORDED = {"item_text", *ddl.REWORDED, *ddl.RULED}
ON_RECORD = """
INSERT INTO redaction VALUES (gen_random_uuid(), $1, 'done', 'court_order', '[]', gen_random_uuid(), now(),
  gen_random_uuid(), now(), 2)
"""
BLUNT = "CREATE OR REPLACE FUNCTION {}() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"
FORBIDDEN = (
    *(f"UPDATE {table} SET {text}" for table, text in CHANGES.items() if table not in REWORDED),
    *(f"UPDATE {table} SET item_id = item_id" for table in REWORDED),
    *(f"DELETE FROM {table}" for table in ddl.PROTECTED if table != "event_disclosure"),
    *(f"TRUNCATE {table} CASCADE" for table in ddl.GRANTS),
    *(f"DROP TABLE {table}" for table in ddl.GRANTS),
    *(f"ALTER TABLE {table} DISABLE TRIGGER ALL" for table in ddl.GRANTS),
    "SET session_replication_role = replica",
    "DELETE FROM log_state",
    "INSERT INTO log_state VALUES (2, 1, gen_random_uuid(), 1)",
    "UPDATE log_state SET log_id = gen_random_uuid()",
    "DELETE FROM log_edge",
    "DELETE FROM trail_subject",
    "UPDATE log_pending SET at = now()",
    BLUNT.format("trail_refuse"),
)
DAMAGES = (
    ("ALTER TABLE event DISABLE TRIGGER event_no_change", "event: trigger event_no_change is not ENABLE ALWAYS"),
    ("ALTER TABLE event ENABLE TRIGGER event_no_change", "event: trigger event_no_change is not ENABLE ALWAYS"),
    ("DROP TRIGGER item_version_step ON item", "item: trigger item_version_step is missing"),
    (
        "DROP TRIGGER log_position_no_truncate ON log_position",
        "log_position: trigger log_position_no_truncate is missing",
    ),
    (
        BLUNT.format("trail_version_step"),
        "item: trigger item_version_step runs another function",
    ),
    ("GRANT UPDATE ON event TO {role}", "event: UPDATE is granted and must not be"),
    ("GRANT UPDATE (body) ON event TO {role}", "event: UPDATE is granted and must not be"),
    (
        "GRANT UPDATE ON checkpoint TO {role}",
        "checkpoint: UPDATE is granted on every column and must not be",
    ),
    ("GRANT TRUNCATE ON log_pending TO PUBLIC", "log_pending: TRUNCATE is granted and must not be"),
    ("REVOKE INSERT ON event_disclosure FROM {role}", "event_disclosure: INSERT is not granted"),
)


@pytest.fixture
async def owner(history: History, history_dsn: str) -> AsyncIterator[asyncpg.Connection]:
    """A superuser's connection to a database with two events in it, one of them numbered."""
    await history.items(step(new_id(), fields={"title": "漏水"}))
    await assign_positions(history.db)
    await history.changes(change(new_id(), fields={"a": 1}))
    connection = await asyncpg.connect(history_dsn)
    for statement in ONE_ROW_EACH.values():
        await connection.execute(statement)
    yield connection
    await connection.close()


@pytest.fixture
async def service_role(owner: asyncpg.Connection) -> AsyncIterator[str]:
    role = f"trail_app_{uuid7().hex[-12:]}"
    await owner.execute(f"CREATE ROLE {role} NOLOGIN")
    for statement in ddl.grant_statements(role):
        await owner.execute(statement)
    yield role
    await owner.execute(f"RESET ROLE; DROP OWNED BY {role}; DROP ROLE {role}")


@pytest.mark.parametrize("setting", ["origin", "replica"])
@pytest.mark.parametrize("table", ddl.PROTECTED)
async def test_what_is_recorded_stays_even_for_a_superuser(owner: asyncpg.Connection, table: str, setting: str) -> None:
    await owner.execute(f"SET session_replication_role = {setting}")
    before = await owner.fetch(f"SELECT * FROM {table}")
    copied = f"INSERT INTO {table} SELECT * FROM {table} ON CONFLICT ON CONSTRAINT pk_{table}"
    for statement in (
        f"UPDATE {table} SET {CHANGES[table]}",
        f"DELETE FROM {table}",
        f"TRUNCATE {table} CASCADE",
        f"{copied} DO UPDATE SET {CHANGES[table]}",
    ):
        with pytest.raises(asyncpg.PostgresError, match="it only grows"):
            await owner.execute(statement)
    assert before
    assert await owner.fetch(f"SELECT * FROM {table}") == before


async def test_the_service_records_and_numbers_with_its_grants_alone(
    owner: asyncpg.Connection, service_role: str, history_dsn: str
) -> None:
    pool = await asyncpg.create_pool(history_dsn, min_size=0, max_size=2, server_settings={"role": service_role})
    service = History(Database(pool))
    assert await service.db.fetchval("SELECT current_user") == service_role
    await service.items(step(new_id(), fields={"a": 1}))
    await service.changes(change(new_id(), fields={"a": 1}))
    assert await assign_positions(service.db) == 3
    await service.db.close()
    assert await owner.fetchval("SELECT count(*) FROM log_position") == 4


async def test_the_service_role_cannot_change_the_past(owner: asyncpg.Connection, service_role: str) -> None:
    await owner.execute(f"SET ROLE {service_role}")
    for statement in FORBIDDEN:
        with pytest.raises(asyncpg.InsufficientPrivilegeError) as caught:
            await owner.execute(statement)
        assert "it only grows" not in str(caught.value), statement


@pytest.mark.parametrize("table", sorted(REWORDED))
async def test_after_a_redaction_a_record_takes_the_placeholder_and_nothing_else(
    owner: asyncpg.Connection, table: str
) -> None:
    item_id = await owner.fetchval(f"SELECT item_id FROM {table}")
    column = CHANGES[table].partition(" ")[0]
    words = json.dumps({"goal": PLACEHOLDER}, ensure_ascii=False) if table == "item_cycle" else PLACEHOLDER
    wrong = "{}" if table == "item_cycle" else f"{PLACEHOLDER}。"
    change = f"UPDATE {table} SET {column} = $1"
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="it only grows"):
        await owner.execute(change, words)
    await owner.execute(ON_RECORD, item_id)
    for bad in (f"{change}, item_id = gen_random_uuid()", f"DELETE FROM {table} WHERE $1 <> ''"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError, match="it only grows"):
            await owner.execute(bad, words)
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="it only grows"):
        await owner.execute(change, wrong)
    await owner.execute(change, words)
    assert await owner.fetchval(f"SELECT {column}::text FROM {table}") == words


async def test_an_objection_is_ruled_on_once(owner: asyncpg.Connection) -> None:
    ruling = "UPDATE objection SET ruling = 'dismissed', ruling_reason = '不实', ruled_at = now()"
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="it only grows"):
        await owner.execute(f"{ruling}, content = '改写'")
    await owner.execute(ruling)
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="it only grows"):
        await owner.execute("UPDATE objection SET ruling = 'upheld'")


async def test_an_item_cannot_skip_or_repeat_a_version(owner: asyncpg.Connection) -> None:
    await owner.execute("INSERT INTO item VALUES (gen_random_uuid(), 1)")
    await owner.execute("UPDATE item SET version = 2")
    for statement in (
        "UPDATE item SET version = 4",
        "UPDATE item SET version = 2",
        "UPDATE item SET version = 1",
        "UPDATE item SET hidden = true",
    ):
        with pytest.raises(asyncpg.IntegrityConstraintViolationError):
            await owner.execute(statement)
    assert await owner.fetchval("SELECT version FROM item") == 2


async def test_a_database_as_made_shows_no_drift(owner: asyncpg.Connection, service_role: str) -> None:
    reader = Tx(owner)
    assert await ddl.drift(reader) == []
    assert not await ddl.separated(reader)
    await owner.execute(f"SET ROLE {service_role}")
    assert await ddl.separated(reader)
    assert await ddl.drift(reader) == []


async def test_weakened_protection_is_named(owner: asyncpg.Connection, service_role: str) -> None:
    for damage, finding in DAMAGES:
        undone = owner.transaction()
        await undone.start()
        await owner.execute(damage.format(role=service_role))
        await owner.execute(f"SET LOCAL ROLE {service_role}")
        assert await ddl.drift(Tx(owner)) == [finding]
        await undone.rollback()


async def test_a_service_that_may_become_the_owner_is_not_separated(
    owner: asyncpg.Connection, service_role: str
) -> None:
    owning = f"{service_role}_owner"
    await owner.execute(f"CREATE ROLE {owning} NOLOGIN")
    await owner.execute(f"ALTER TABLE event OWNER TO {owning}")
    await owner.execute(f"GRANT {owning} TO {service_role}")
    await owner.execute(f"SET ROLE {service_role}")
    assert not await ddl.separated(Tx(owner))
    await owner.execute(f"RESET ROLE; ALTER TABLE event OWNER TO CURRENT_USER; DROP ROLE {owning}")


async def test_the_protection_can_be_taken_down_and_put_up_again(owner: asyncpg.Connection) -> None:
    for statement in ddl.drop_statements():
        await owner.execute(statement)
    missing = await ddl.drift(Tx(owner))
    assert len(missing) == len(ddl.TRIGGERS)
    assert all("is missing" in finding for finding in missing)
    await owner.execute("DELETE FROM log_state")
    for statement in ddl.create_statements():
        await owner.execute(statement)
    assert await ddl.drift(Tx(owner)) == []
