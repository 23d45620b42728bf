"""More callers than connections: everybody gets one in turn, and none is lost to those who give up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from random import Random

import asyncpg
import pytest

from app.core.db import CROWD, MOMENT, Database
from tests.support.database import Clone

SIZE = 2


@pytest.fixture
async def small(shared_database: Clone) -> AsyncIterator[Database]:
    db = await Database.open(shared_database.app_url, pool_size=SIZE)
    yield db
    await asyncio.wait_for(db.close(), 5)


async def _all_answer(db: Database, callers: int = 40) -> set[int]:
    asked = (db.fetchval("SELECT pg_backend_pid() FROM pg_sleep(0.001)") for _ in range(callers))
    return set(await asyncio.wait_for(asyncio.gather(*asked), 10))


async def test_everybody_is_served_by_as_many_connections_as_are_allowed(small: Database) -> None:
    assert len(await _all_answer(small)) == SIZE


async def test_who_waits_is_served_in_the_order_of_coming(small: Database) -> None:
    served: list[int] = []

    async def ask(number: int) -> None:
        await small.fetchval("SELECT pg_sleep(0.005)")
        served.append(number)

    await asyncio.gather(*(ask(number) for number in range(20)))
    # A busy machine may hold one backend up while the others go on; the last to come is never the first to be served.
    assert all(abs(place - number) < 3 * SIZE for place, number in enumerate(served))


@pytest.mark.parametrize("seed", range(5))
async def test_callers_who_give_up_at_any_moment_lose_no_connection(small: Database, seed: int) -> None:
    random = Random(seed)
    tasks = [asyncio.create_task(small.fetchval("SELECT pg_sleep(0.001)")) for _ in range(120)]
    for task in random.sample(tasks, 60):
        await asyncio.sleep(random.choice((0, 0, 0.001)))
        task.cancel()
    done = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 10)
    assert {type(one) for one in done} <= {str, type(None), asyncio.CancelledError}
    assert len(await _all_answer(small)) == SIZE


@pytest.fixture
async def wide(shared_database: Clone) -> AsyncIterator[Database]:
    db = await Database.open(shared_database.app_url, pool_size=CROWD + 4)
    yield db
    await asyncio.wait_for(db.close(), 5)


async def test_many_short_reads_share_few_connections_although_more_are_allowed(wide: Database) -> None:
    await _all_answer(wide, CROWD)  # opening them takes longer than a moment
    assert len(await _all_answer(wide, 3 * CROWD)) == CROWD


async def test_behind_long_reads_a_short_one_waits_a_moment_and_not_their_time(wide: Database) -> None:
    long = [asyncio.create_task(wide.fetchval("SELECT pg_sleep(2)")) for _ in range(CROWD)]
    await asyncio.sleep(0.2)
    began = time.monotonic()
    assert await wide.fetchval("SELECT 1") == 1
    took = time.monotonic() - began
    assert not any(one.done() for one in long)
    assert took >= MOMENT
    await asyncio.gather(*long)


@pytest.mark.parametrize("seed", range(5))
async def test_whoever_gives_up_while_waiting_a_moment_loses_no_connection(wide: Database, seed: int) -> None:
    random = Random(seed)
    tasks = [asyncio.create_task(wide.fetchval("SELECT pg_sleep(0.04)")) for _ in range(40)]
    for task in random.sample(tasks, 20):
        await asyncio.sleep(random.choice((0, 0.005, 0.01)))
        task.cancel()
    await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 10)
    async with AsyncExitStack() as held:
        for _ in range(CROWD + 4):
            await held.enter_async_context(wide.snapshot())


async def test_a_connection_nobody_gives_back_is_waited_for_three_seconds(small: Database) -> None:
    async with small.snapshot(), small.snapshot():
        begun = time.monotonic()
        with pytest.raises(TimeoutError):
            await small.fetchval("SELECT 1")
        assert 2.5 < time.monotonic() - begun < 4
    assert len(await _all_answer(small)) == SIZE


async def test_connections_the_server_ended_are_replaced(small: Database, shared_database: Clone) -> None:
    pids = await _all_answer(small)
    superuser = await asyncpg.connect(shared_database.superuser_url)
    await superuser.execute("SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS pid", list(pids))
    await superuser.close()
    asked = [small.fetchval("SELECT 1") for _ in range(20)]
    answers = await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), 10)
    assert answers.count(1) >= len(asked) - SIZE
    again = await _all_answer(small)
    assert len(again) == SIZE
    assert not again & pids
