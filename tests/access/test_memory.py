"""What a process remembers of its callers: never past the commit that changed it, whoever made that and wherever."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from fastapi import FastAPI

from app.access.authenticate import ACTOR_SQL, Credential
from app.access.memory import Caller, Memory
from app.access.reach import reach_of
from app.core import clock
from app.core.errors import Problem
from app.lifecycle.next_movers import movers_of
from app.tables.organisation import ApiKey
from tests.support.database import Clone
from tests.support.organisation import STAMPS, Organisation, Someone
from tests.support.service import Serve, client_of

DIGEST = "d" * 64
_NO_LIGHT: dict[str, Any] = {"grey": None, "yellow": {}, "calendar_uncertain": False}
MARK = "SELECT mark FROM access_mark"
MIGRATION = Path(__file__).parents[2] / "migrations/versions/20261127_1650_access_mark.py"
# What the triggers watch, as the migration says it.
WATCHED = {
    table: columns.split(", ")
    for table, columns in re.findall(r'^    "(\w+)": "([\w, ]+)",$', MIGRATION.read_text("utf-8"), re.MULTILINE)
}
OTHER = {
    "uuid": "gen_random_uuid()", "uuid[]": "{0} || gen_random_uuid()", "boolean": "NOT {0}", "integer": "{0} + 1",
    "date": "coalesce({0}, current_date) + 1", "timestamp with time zone": "coalesce({0}, now()) + interval '1 day'",
    "character varying": "left(gen_random_uuid()::text, 16)", "text": "gen_random_uuid()::text",
    "character varying[]": "{0} || 'x'::varchar",
}  # fmt: skip
COLUMNS = """SELECT attname AS name, regexp_replace(format_type(atttypid, atttypmod), '\\(\\d+\\)', '') AS kind
  FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum"""


DECIDING = {
    "role": "CASE role WHEN 'unit_head' THEN 'liaison' ELSE 'discipline_office' END",
    "status": "'archived'", "starts_on": "current_date + 1", "ends_on": "current_date - 1",
}  # fmt: skip
"""Values that make a difference where any other would not, or would not be taken."""


@dataclass(frozen=True, slots=True)
class Office:
    """Two processes of one service, and somebody whom every watched table says something about."""

    org: Organisation
    here: FastAPI
    there: FastAPI
    superuser: str
    root: UUID
    unit: UUID
    ledger: UUID
    item: UUID
    head: Someone
    stand_in: Someone

    def credentials(self) -> list[Credential]:
        people = (self.head, self.stand_in)
        return [Credential(one.account_id, 1, None, clock.today()) for one in people] + [
            Credential(None, None, DIGEST, clock.today())
        ]

    async def told(self, memory: Memory) -> Any:
        """Everything that is remembered of the three, or found anew where `memory` is new."""
        return [await self.told_of(memory, credential) for credential in self.credentials()]

    async def told_of(self, memory: Memory, credential: Credential) -> Any:
        db = self.here.state.db
        for _ in range(5):
            try:
                caller = await memory.caller(db, credential, "zh-CN")
            except Problem as problem:
                return problem.code
            reach, movers = await reach_of(db, caller), await movers_of(db, caller, (f"unit_head {self.unit}",))
            if reach is not None and movers is not None and await db.fetchval(f"{MARK} WHERE mark = $1", caller.mark):
                return caller.actor, caller.args[1:], reach.args, dict(movers)
            memory.forget(caller.mark)
        raise AssertionError("the mark never rests")

    async def change(self, sql: str, *args: Any) -> None:
        connection = await asyncpg.connect(self.superuser)
        try:
            await connection.execute(sql, *args)
        finally:
            await connection.close()

    async def alone(self, table: str, sql: str) -> None:
        """Whatever else would have something against it."""
        await self.change(f"ALTER TABLE {table} DISABLE TRIGGER ALL; ALTER TABLE {table} ENABLE TRIGGER access_changed")
        await self.change(sql)


@pytest.fixture
async def office(database: Clone, serve: Serve) -> AsyncIterator[Office]:
    async with serve(database.app_url) as here, serve(database.app_url) as there:
        org = Organisation.of(here)
        root = await org.unit()
        unit = await org.unit(root)
        ledger = await org.ledger(root)
        head, stand_in = await org.person(("unit_head", unit)), await org.person()
        await org.post(head.id, unit)
        await org.post(head.id, root, is_primary=False)
        await org.delegation(head.id, stand_in.id, "unit_head")
        await org.grant(head.id, "supervision_office", root)
        await org.put(
            ApiKey, name="钥匙", hint="rk_", digest=DIGEST, person_id=head.id, unit_id=unit, scopes=["item:read"],
            expires_at=clock.now() + timedelta(hours=1), **STAMPS,
        )  # fmt: skip
        item = await org.item(ledger, unit, (unit,), source_type="self_inspection", light_reasons=_NO_LIGHT)
        yield Office(org, here, there, database.superuser_url, root, unit, ledger, item, head, stand_in)


CHANGES = {
    "the grant is revoked": ("UPDATE role_grant SET revoked_at = now() WHERE person_id = $1", "head", 404),
    "the grant ends": ("UPDATE role_grant SET ends_on = starts_on WHERE person_id = $1", "head", 404),
    "the grant is deleted": ("DELETE FROM role_grant WHERE person_id = $1", "head", 404),
    "the account is closed": ("UPDATE account SET active = false WHERE person_id = $1", "head", 401),
    "every session is ended": ("UPDATE account SET epoch = epoch + 1 WHERE person_id = $1", "head", 401),
    "a password must be chosen": ("UPDATE account SET must_change_password = true WHERE person_id = $1", "head", 403),
    "the person leaves": ("UPDATE person SET active = false WHERE id = $1", "head", 401),
    "the loan is revoked": ("UPDATE delegation SET revoked_at = now() WHERE principal_id = $1", "stand_in", 404),
    "the lender leaves": ("UPDATE person SET active = false WHERE id = $1", "stand_in", 404),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_what_is_taken_away_in_one_process_is_gone_in_the_other_with_the_next_request(
    office: Office, change: str
) -> None:
    sql, who, status = CHANGES[change]
    headers = getattr(office, who).headers
    async with client_of(office.there, headers=headers) as client:
        paths = [f"/v1/items/{office.item}", f"/v1/items/{office.item}/events", f"/v1/items/{office.item}/measures"]
        for path in (*paths, "/v1/items"):
            assert (await client.get(path)).status_code == 200
        assert len((await client.get("/v1/items")).json()["items"]) == 1
        await office.here.state.db.fetch(sql, office.head.id)
        for path in paths:
            assert (await client.get(path)).status_code == status, path
        listed = await client.get("/v1/items")
        assert listed.status_code == (200 if status == 404 else status)
        assert listed.json().get("items", []) == []


async def test_what_is_given_holds_with_the_next_request_too(office: Office) -> None:
    nobody = await office.org.person()
    async with client_of(office.there, headers=nobody.headers) as client:
        assert (await client.get(f"/v1/items/{office.item}")).status_code == 404
        await office.org.grant(nobody.id, "viewer", office.root)
        assert (await client.get(f"/v1/items/{office.item}")).status_code == 200
        assert len((await client.get("/v1/items")).json()["items"]) == 1


async def test_who_moves_an_item_next_is_told_as_of_now(office: Office) -> None:
    """In a list, of an item, and the same in both, however often they were asked before."""
    add = "INSERT INTO item_mover VALUES ($1, 'unit_head', $2)"
    await office.here.state.db.fetch(add, office.item, office.unit)
    async with client_of(office.there, headers=office.head.headers) as client:

        async def named() -> list[str]:
            one = (await client.get(f"/v1/items/{office.item}")).json()["next_movers"]
            [row] = (await client.get("/v1/items")).json()["items"]
            assert row["next_movers"] == one
            assert [(each["role"], each["unit_id"]) for each in one] == [("unit_head", str(office.unit))]
            return list(one[0]["person_ids"])

        assert await named() == sorted(map(str, (office.head.id, office.stand_in.id)))
        await office.change("UPDATE delegation SET revoked_at = now()")
        assert await named() == [str(office.head.id)]
        more = await office.org.person(("unit_head", office.root))
        assert await named() == sorted(map(str, (office.head.id, more.id)))
        await office.change("UPDATE person SET active = false WHERE id = $1", more.id)
        assert await named() == [str(office.head.id)]


async def columns(office: Office, table: str) -> list[tuple[str, str]]:
    return [(row["name"], row["kind"]) for row in await office.here.state.db.fetch(COLUMNS, table)]


@pytest.mark.parametrize("table", WATCHED)
async def test_a_change_of_any_column_is_noticed_or_changes_nothing_that_is_remembered(
    office: Office, table: str
) -> None:
    """Each column of each table in turn: what is remembered is what would be found anew."""
    memory, noticed = Memory(), []
    await office.change(f"CREATE TABLE kept AS TABLE {table}")
    for name, kind in await columns(office, table):
        if name == "id":  # never written anew
            continue
        await office.told(memory)
        before = await office.here.state.db.fetchval(MARK)
        value = DECIDING.get(name) or OTHER[kind].format(name)
        await office.alone(table, f"UPDATE {table} SET {name} = {value}")
        if await office.here.state.db.fetchval(MARK) != before:
            noticed.append(name)
        assert await office.told(memory) == await office.told(Memory()), (table, name)
        await office.alone(table, f"UPDATE {table} t SET {name} = k.{name} FROM kept k WHERE k.id = t.id")
    assert noticed == [name for name, _ in await columns(office, table) if name in WATCHED[table]]


async def test_a_transaction_gives_one_new_mark_and_one_that_is_taken_back_gives_none(office: Office) -> None:
    async def changed(connection: Any) -> None:
        await connection.execute("UPDATE person SET name = name || 'x'")

    async def changed_in_vain(connection: Any) -> None:
        part = connection.transaction()
        await part.start()
        await changed(connection)
        await connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        await part.rollback()

    connection = await asyncpg.connect(office.superuser)
    try:
        first = await connection.fetchval(MARK)
        async with connection.transaction():
            await changed(connection)
            await connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
            second = await connection.fetchval(MARK)
            await changed(connection)
            assert await connection.fetchval(MARK) == second
        assert await connection.fetchval(MARK) == second != first
        await changed_in_vain(connection)
        assert await connection.fetchval(MARK) == second
        async with connection.transaction():
            await changed_in_vain(connection)
            await changed(connection)
        assert await connection.fetchval(MARK) != second
        second = await connection.fetchval(MARK)
        await connection.execute("TRUNCATE delegation")
        assert await connection.fetchval(MARK) != second
    finally:
        await connection.close()


async def test_writers_of_access_wait_for_each_other_at_the_end_alone(office: Office) -> None:
    """Two that write in opposite orders neither lock each other out nor fail."""
    one, two = await asyncpg.connect(office.superuser), await asyncpg.connect(office.superuser)
    try:
        async with asyncio.timeout(10):
            first, second = one.transaction(), two.transaction()
            await first.start()
            await second.start()
            await one.execute("UPDATE account SET epoch = epoch + 1 WHERE person_id = $1", office.head.id)
            await two.execute("UPDATE person SET name = '李四' WHERE id = $1", office.head.id)
            await one.execute("UPDATE unit SET parent_id = parent_id WHERE id = $1", office.unit)
            await two.execute("UPDATE role_grant SET ends_on = NULL WHERE person_id = $1", office.head.id)
            await asyncio.gather(first.commit(), second.commit())
    finally:
        await one.close()
        await two.close()


async def test_a_key_past_its_hour_opens_nothing_though_it_is_remembered(office: Office) -> None:
    memory = Memory()
    caller = await memory.caller(office.here.state.db, office.credentials()[2], "zh-CN")
    caller.require_in_time()
    late = Caller(caller.actor, clock.now() - timedelta(seconds=1), caller.mark, caller.args, caller.credential, {})
    with pytest.raises(Problem) as refused:
        late.require_in_time()
    assert refused.value.code == "invalid_token"


async def test_what_is_remembered_has_a_bound_and_goes_together(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.access.memory._CALLERS", 2)
    memory, db = Memory(), office.here.state.db
    heads = [await office.org.person(("unit_head", office.unit)) for _ in range(3)]
    for place, head in enumerate(heads):
        credential = Credential(head.account_id, 1, None, clock.today())
        assert await reach_of(db, await memory.caller(db, credential, "zh-CN")) is not None
        assert len(memory.callers) == len(memory.kept) == (1, 2, 1)[place]


async def test_next_movers_forgotten_while_some_are_looked_up_are_not_missed(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    db, memory = office.here.state.db, Memory()
    caller = await memory.caller(db, office.credentials()[0], "zh-CN")
    known, other = f"unit_head {office.unit}", f"leader {office.root}"
    assert await movers_of(db, caller, (known,)) is not None
    looking = asyncio.create_task(movers_of(db, caller, (known, other)))
    await asyncio.sleep(0)
    monkeypatch.setattr("app.lifecycle.next_movers._MOST", 0)
    assert await movers_of(db, caller, (f"liaison {office.unit}",)) is not None
    found = await looking
    assert found is not None
    assert {known, other} <= found.keys()


async def test_a_read_during_which_access_changes_for_ever_is_told_to_come_back(office: Office) -> None:
    memory, asked = Memory(), 0

    async def ask(_: Caller) -> None:
        nonlocal asked
        asked += 1

    request = client_request(office)
    with pytest.raises(Problem) as refused:
        await memory.told(office.here.state.db, request, ask)
    assert (refused.value.code, asked) == ("unavailable", 5)


async def test_the_first_of_a_caller_asks_once_more_and_the_next_does_not(office: Office) -> None:
    found = []
    fetchrow = office.here.state.db.fetchrow

    async def counted(sql: str, *args: Any) -> Any:
        found.append(sql)
        return await fetchrow(sql, *args)

    office.here.state.db.fetchrow = counted
    async with client_of(office.here, headers=office.head.headers) as client:
        for path, first, later in ((f"/v1/items/{office.item}", 3, 1), ("/v1/items", 2, 1)):
            assert (await client.get(path)).status_code == 200
            assert len(found) <= first, path
            found.clear()
            assert (await client.get(path)).status_code == 200
            assert len(found) == later, path
            found.clear()
    assert ACTOR_SQL not in found


def client_request(office: Office) -> Any:
    class Asking:
        headers = {name.lower(): value for name, value in office.head.headers.items()}
        scope = {"app": office.here, "rectify.language": "zh-CN"}

    return Asking()
