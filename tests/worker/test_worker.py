import asyncio
import io
import logging
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI

from app import worker
from app.access.actor import SYSTEM
from app.core import clock, logs
from app.core.db import Database, Tx
from app.core.ids import uuid7
from app.lifecycle.advance import Change, save
from app.lifecycle.calendars import load_calendar
from app.lifecycle.gather import lock_items
from app.tables.closeout import Objection
from app.tables.idempotency import IdempotencyRecord
from app.trail.seal import LONGEST
from app.worker import CHORES, Chore, background, finish_notices, forget_replies, number_events
from tests.features.history.world import World, build
from tests.support.database import Clone
from tests.support.organisation import Organisation

PASSED = {f"gate_{gate}": "passed" for gate in ("problem_solved", "rectification_adequate", "people_satisfied")}


@pytest.fixture
async def world(fresh_app: FastAPI) -> World:
    """A database of the test's own: notices and positions are counted over all of it."""
    return await build(fresh_app)


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    stream = io.StringIO()
    logs.configure("info", "json", stream)
    yield stream
    root.handlers[:], root.level = before


async def noticed(world: World, ledger: UUID | None = None, **more: Any) -> UUID:
    """An item whose public notice ends today, every gate passed."""
    values: dict[str, Any] = {
        "state": "public_notice",
        "number": uuid4().hex,
        "source_type": world.source_type,
        **PASSED,
    }
    values |= {"notice_started_on": clock.today(), "notice_ends_on": clock.today(), "disposition": "fixed"}
    ledger_id = ledger or UUID(world.ledger_id)
    return await world.org.item(ledger_id, world.bureau, (world.bureau,), **(values | more))


async def state_of(world: World, item_id: UUID) -> str:
    state: str = await world.db.fetchval("SELECT state FROM item WHERE id = $1", item_id)
    return state


async def object_to(world: World, item_id: UUID) -> None:
    async def work(tx: Tx) -> None:
        row = (await lock_items(tx, [item_id]))[item_id]
        objection = {
            "id": uuid7(),
            "cycle": 1,
            "submission_no": 0,
            "content": "未整改到位",
            "received_on": clock.today(),
            "created_at": tx.at,
        }
        change = Change(row, {}, "item.objection_lodged", inserts=[(Objection, objection)])
        await save(tx, SYSTEM, [change], await load_calendar(tx))

    await world.db.write(work)


async def eventually(holds: Callable[[], Awaitable[bool]]) -> None:
    for _ in range(100):
        if await holds():
            return
        await asyncio.sleep(0.05)
    pytest.fail("it never happened")


async def test_a_notice_ends_with_its_last_day_in_china_and_not_before(world: World) -> None:
    item = await noticed(world)
    assert await finish_notices(world.db) == 0
    assert await state_of(world, item) == "public_notice"
    with clock.travel(timedelta(days=1)):
        assert await finish_notices(world.db) == 1
        assert await finish_notices(world.db) == 0
    assert await state_of(world, item) == "closed"
    last = (await world.ok(world.office, f"/v1/items/{item}/transitions"))["items"][-1]
    assert (last["action"], last["from_state"], last["to_state"]) == ("finish_notice", "public_notice", "closed")
    assert (last["actor"]["kind"], last["actor"]["id"], last["actor"]["name"]) == ("system", None, None)


async def test_an_open_objection_keeps_its_item_open_and_no_other(world: World) -> None:
    contested, clean = await noticed(world), await noticed(world)
    await object_to(world, contested)
    with clock.travel(timedelta(days=1)):
        assert await finish_notices(world.db) == 1
    assert [await state_of(world, item) for item in (contested, clean)] == ["public_notice", "closed"]


async def test_an_item_that_cannot_be_judged_does_not_hold_up_the_others(world: World, written: io.StringIO) -> None:
    without_policy = await world.org.ledger(world.root)
    broken = await noticed(world, without_policy)
    fine = [await noticed(world) for _ in range(3)]
    with clock.travel(timedelta(days=1)):
        assert await finish_notices(world.db) == 3
    assert await state_of(world, broken) == "public_notice"
    assert {await state_of(world, item) for item in fine} == {"closed"}
    assert str(broken) in written.getvalue()


async def test_more_notices_than_one_batch_all_end_in_one_round(world: World) -> None:
    items = [await noticed(world) for _ in range(worker.BATCH + 3)]
    await object_to(world, min(items))
    with clock.travel(timedelta(days=1)):
        assert await finish_notices(world.db) == worker.BATCH + 2


async def test_an_item_somebody_is_writing_is_left_for_the_next_round(world: World) -> None:
    busy, free = await noticed(world), await noticed(world)
    locked, leave = asyncio.Event(), asyncio.Event()

    async def hold(tx: Tx) -> None:
        await lock_items(tx, [busy])
        locked.set()
        await leave.wait()

    holding = asyncio.create_task(world.db.write(hold))
    await locked.wait()
    with clock.travel(timedelta(days=1)):
        assert await asyncio.wait_for(finish_notices(world.db), 5) == 1
        assert [await state_of(world, item) for item in (busy, free)] == ["public_notice", "closed"]
        leave.set()
        await holding
        assert await finish_notices(world.db) == 1


async def test_replicas_close_each_item_once(world: World) -> None:
    items = [await noticed(world) for _ in range(20)]
    with clock.travel(timedelta(days=1)):
        done = await asyncio.gather(*(finish_notices(world.db) for _ in range(4)))
        done.append(await finish_notices(world.db))
    assert sum(done) == len(items)
    counted = "SELECT count(*) FROM event WHERE type = 'item.notice_finished'"
    assert await world.db.fetchval(counted) == len(items)


async def test_replies_older_than_a_day_are_forgotten_and_younger_ones_kept(world: World) -> None:
    row = {"principal": "p", "fingerprint": bytes(32), "status": 201, "headers": {}, "body": None}
    old = {**row, "key": "old", "created_at": clock.now() - timedelta(hours=25)}
    young = {**row, "key": "young", "created_at": clock.now() - timedelta(hours=23)}
    await world.db.write(lambda tx: tx.insert(IdempotencyRecord, [old, young]))
    assert await forget_replies(world.db) == 1
    left = await world.db.fetch("SELECT key FROM idempotency_record WHERE principal = 'p'")
    assert [kept["key"] for kept in left] == ["young"]


async def test_every_event_gets_its_position(world: World) -> None:
    await noticed(world)
    assert await number_events(world.db) > 0
    assert await number_events(world.db) == 0
    assert await world.db.fetchval("SELECT count(*) = (SELECT count(*) FROM event) FROM log_position")


async def test_a_chore_that_fails_is_logged_and_tried_again(fresh_app: FastAPI, written: io.StringIO) -> None:
    tries = 0

    async def fails_at_first(_: Database) -> int:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise RuntimeError("the disk is full")
        return 0

    async def three() -> bool:
        return tries > 3

    async with background(fresh_app.state.db, [Chore("fails", 0.01, fails_at_first)]):
        await eventually(three)
    assert written.getvalue().count("chore_failed") == 2


async def test_the_background_outlives_a_failing_database_and_ends_with_its_block(
    fresh_app: FastAPI, database: Clone
) -> None:
    db: Database = fresh_app.state.db
    root = await Database.open(database.superuser_url, pool_size=1)
    await root.fetch("ALTER TABLE log_state RENAME TO gone")
    org = Organisation.of(fresh_app)
    unit = await org.unit()
    await org.item(await org.ledger(unit), unit)

    async def numbered() -> bool:
        return bool(await db.fetchval("SELECT EXISTS (SELECT FROM log_position)"))

    async with background(db, [Chore("number_events", 0.02, number_events)]):
        await asyncio.sleep(0.1)
        assert not await numbered()
        await root.fetch("ALTER TABLE gone RENAME TO log_state")
        await eventually(numbered)
    await root.close()
    assert not {task.get_name() for task in asyncio.all_tasks()} & {"number_events"}


async def test_a_pass_under_way_is_let_finish_when_the_service_stops(fresh_app: FastAPI) -> None:
    begun, finished = asyncio.Event(), asyncio.Event()

    async def slow(_: Database) -> int:
        begun.set()
        await asyncio.sleep(0.2)
        finished.set()
        return 1

    async with background(fresh_app.state.db, [Chore("slow", 60, slow)]):
        await begun.wait()
    assert finished.is_set()


async def test_a_service_told_to_work_numbers_events_by_itself(database: Clone, tmp_path: Any) -> None:
    from app.main import create_app
    from tests.support.service import running, settings_for

    async with running(create_app(settings_for(database.app_url, tmp_path), works=True)) as app:
        org = Organisation.of(app)
        unit = await org.unit()
        item = await org.item(await org.ledger(unit), unit)
        asked = "SELECT EXISTS (SELECT FROM log_position JOIN event ON id = event_id WHERE subject_id = $1)"

        async def numbered() -> bool:
            return bool(await org.db.fetchval(asked, item))

        await eventually(numbered)
    assert {chore.name for chore in CHORES} == {"number_events", "finish_notices", "forget_replies"}


async def test_one_pass_of_the_sealer_numbers_what_it_seals(world: World) -> None:
    seal = next(chore for chore in worker.chores_of(world.app.state.settings, world.db) if chore.name == "seal")
    await world.draft()
    with clock.travel(LONGEST):
        assert await seal.work(world.db) > 0
    assert seal.stop is not None
    await seal.stop()
    sealed = """SELECT p.position <= (SELECT max(size) FROM checkpoint WHERE note IS NOT NULL)
                FROM event e LEFT JOIN log_position p ON p.event_id = e.id WHERE e.type = 'item.drafted'"""
    assert await world.db.fetchval(sealed)
