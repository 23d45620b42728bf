import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from app.core.db import Database, Tx
from app.core.errors import Problem
from app.core.http import Call, Out, Reply, Response
from app.core.idempotency import purge, run_write
from tests.support.database import Clone, execute

CALL = Call(
    method="POST",
    route="/v1/items",
    path="/v1/items",
    query_string="",
    if_match=None,
    if_none_match=None,
    idempotency_key='"8e03978e-40d5"',
    fingerprint=b"f" * 32,
    request_id="request-1",
    language="zh-CN",
)
Work = Callable[[Tx], Awaitable[Reply]]


class Made(Out):
    id: int
    title: str = "事项"
    secret: str | None = None


@pytest.fixture
async def db(database: Clone) -> AsyncIterator[Database]:
    await execute(database.superuser_url, "CREATE TABLE made (id int); GRANT ALL ON made TO rectify_app")
    opened = await Database.open(database.app_url)
    yield opened
    await opened.close()


def making(number: int = 1, **reply: Any) -> Work:
    async def work(tx: Tx) -> Reply:
        await tx.execute("INSERT INTO made VALUES ($1)", number)
        return Reply(201, Made(id=number, secret="s3cret"), etag='"v1"', location=f"/v1/items/{number}", **reply)

    return work


async def made(db: Database) -> int:
    return int(await db.fetchval("SELECT count(*) FROM made"))


def body(answer: Response) -> dict[str, Any]:
    return dict(json.loads(bytes(answer.body)))


async def test_a_retry_gets_the_first_answer_and_writes_nothing(db: Database) -> None:
    first = await run_write(db, CALL, "person:1", making(1))
    again = await run_write(db, replace(CALL, request_id="request-2"), "person:1", making(2))
    assert await made(db) == 1
    assert (again.status_code, body(again)) == (201, body(first))
    assert {name: again.headers[name] for name in ("etag", "location", "content-type", "idempotent-replayed")} == {
        "etag": '"v1"',
        "location": "/v1/items/1",
        "content-type": "application/json",
        "idempotent-replayed": "true",
    }
    assert "idempotent-replayed" not in first.headers


async def test_a_bare_key_and_a_quoted_key_are_the_same_key(db: Database) -> None:
    await run_write(db, CALL, "person:1", making())
    bare = replace(CALL, idempotency_key="8e03978e-40d5")
    assert (await run_write(db, bare, "person:1", making())).headers["idempotent-replayed"] == "true"


async def test_another_payload_under_the_same_key_is_422(db: Database) -> None:
    await run_write(db, CALL, "person:1", making())
    with pytest.raises(Problem, match="idempotency_key_reused"):
        await run_write(db, replace(CALL, fingerprint=b"g" * 32), "person:1", making())
    assert await made(db) == 1


async def test_keys_of_two_callers_do_not_meet(db: Database) -> None:
    await run_write(db, CALL, "person:1", making(1))
    answer = await run_write(db, replace(CALL, fingerprint=b"g" * 32), "person:2", making(2))
    assert (answer.status_code, await made(db)) == (201, 2)


async def test_a_refused_write_leaves_no_record_and_may_be_sent_again(db: Database) -> None:
    async def refused(tx: Tx) -> Reply:
        await tx.execute("INSERT INTO made VALUES (1)")
        raise Problem("guards_unmet")

    with pytest.raises(Problem, match="guards_unmet"):
        await run_write(db, CALL, "person:1", refused)
    assert await made(db) == 0
    corrected = await run_write(db, replace(CALL, fingerprint=b"g" * 32), "person:1", making())
    assert (corrected.status_code, await made(db)) == (201, 1)


async def test_the_same_key_twice_at_once_writes_once_and_tells_the_other_to_wait(db: Database) -> None:
    entered, leave = asyncio.Event(), asyncio.Event()

    async def slow(tx: Tx) -> Reply:
        entered.set()
        await leave.wait()
        return await making()(tx)

    running = asyncio.create_task(run_write(db, CALL, "person:1", slow))
    await entered.wait()
    with pytest.raises(Problem) as refused:
        await run_write(db, CALL, "person:1", making())
    assert (refused.value.code, refused.value.headers) == ("in_flight", {"Retry-After": "1"})
    leave.set()
    assert (await running).status_code == 201
    assert await made(db) == 1


async def test_a_crowd_of_retries_writes_once(db: Database) -> None:
    answers = await asyncio.gather(
        *(run_write(db, CALL, "person:1", making()) for _ in range(20)), return_exceptions=True
    )
    assert await made(db) == 1
    assert {answer.code if isinstance(answer, Problem) else "written" for answer in answers} <= {"written", "in_flight"}
    assert sum(isinstance(answer, Response) and "idempotent-replayed" not in answer.headers for answer in answers) == 1


@pytest.mark.parametrize("key", ["", '""', " ", '"open', "two words", "整改", "a" * 201, '"a"b"', "ta\tb"])
async def test_a_key_that_is_no_key_is_400(db: Database, key: str) -> None:
    with pytest.raises(Problem, match="invalid_idempotency_key"):
        await run_write(db, replace(CALL, idempotency_key=key), "person:1", making())


async def test_a_post_needs_a_key_unless_exempt_and_other_methods_honour_one(db: Database) -> None:
    keyless = replace(CALL, idempotency_key=None)
    with pytest.raises(Problem, match="idempotency_key_required"):
        await run_write(db, keyless, "person:1", making())
    assert (await run_write(db, keyless, "person:1", making(), idempotent=False)).status_code == 201
    patch = replace(keyless, method="PATCH")
    assert (await run_write(db, patch, "person:1", making())).status_code == 201
    keyed = replace(CALL, method="PATCH")
    await run_write(db, keyed, "person:1", making())
    assert (await run_write(db, keyed, "person:1", making())).headers["idempotent-replayed"] == "true"


async def test_a_secret_is_answered_once_and_never_stored(db: Database) -> None:
    first = await run_write(db, CALL, "person:1", making(secret_fields=frozenset({"secret"})))
    again = await run_write(db, CALL, "person:1", making())
    assert body(first)["secret"] == "s3cret"
    assert body(again) == {"id": 1, "title": "事项"}
    assert "s3cret" not in str(await db.fetch("SELECT * FROM idempotency_record"))


async def test_an_answer_without_a_body_is_replayed_without_one(db: Database) -> None:
    async def removed(tx: Tx) -> Reply:
        await tx.execute("INSERT INTO made VALUES (1)")
        return Reply(204, None)

    keyed = replace(CALL, method="DELETE")
    first, again = [await run_write(db, keyed, "person:1", removed) for _ in range(2)]
    assert (first.status_code, again.status_code, again.body) == (204, 204, b"")
    assert again.headers["idempotent-replayed"] == "true"


async def test_after_a_day_a_key_is_new_again_and_old_records_are_purged(db: Database, database: Clone) -> None:
    await run_write(db, CALL, "person:1", making(1))
    await execute(
        database.superuser_url, "UPDATE idempotency_record SET created_at = now() - interval '24 hours 1 second'"
    )
    renewed = await run_write(db, CALL, "person:1", making(2))
    assert (body(renewed)["id"], await made(db)) == (2, 2)
    await run_write(db, replace(CALL, idempotency_key="young"), "person:1", making(3))
    await execute(
        database.superuser_url,
        "UPDATE idempotency_record SET created_at = now() - interval '25 hours' WHERE key <> 'young'",
    )
    assert await purge(db) == 1
    assert await db.fetchval("SELECT string_agg(key, ',') FROM idempotency_record") == "young"


async def test_the_write_knows_its_request_and_key(db: Database) -> None:
    seen: list[tuple[str, str | None]] = []

    async def work(tx: Tx) -> Reply:
        seen.append((tx.request_id, tx.idempotency_key))
        return await making()(tx)

    await run_write(db, CALL, "person:1", work)
    assert seen == [("request-1", "8e03978e-40d5")]
