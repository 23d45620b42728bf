import asyncio
from typing import Any
from uuid import UUID

import pytest

from app.core.db import Tx
from app.trail.envelope import START, Head
from app.trail.positions import assign_positions, in_order
from app.trail.record import record_items
from tests.trail.make import History, actor, change, new_id, step


async def test_positions_follow_time_without_gaps(history: History) -> None:
    late, early, middle = [(await history.changes(change(new_id(), minute)))[0].event_id for minute in (9, 1, 5)]
    assert await assign_positions(history.db) == 3
    assert await history.order() == [early, middle, late]
    (next_one,) = await history.changes(change(new_id(), 0))
    assert await assign_positions(history.db) == 1
    assert (await history.order())[-1] == next_one.event_id
    assert await history.db.fetchval("SELECT next FROM log_state") == 5
    assert await history.db.fetchval("SELECT count(*) FROM log_pending") == 0


async def test_an_idle_log_gives_no_position_and_writes_nothing(history: History) -> None:
    assert await assign_positions(history.db) == 0
    assert await history.db.fetchval("SELECT pg_current_xact_id_if_assigned() IS NULL AND next = 1 FROM log_state")


async def test_a_clock_that_stepped_back_never_turns_a_subject_around(history: History) -> None:
    policy, other = new_id(), new_id()
    minutes = [9, 3, 5, 1, 7]
    events = [(await history.changes(change(policy, minute)))[0].event_id for minute in minutes]
    (stranger,) = await history.changes(change(other, 4))
    assert await assign_positions(history.db) == 6
    order = await history.order()
    assert [event for event in order if event != stranger.event_id] == events
    assert order[0] == stranger.event_id


@pytest.mark.parametrize("limit", [1, 2, 4])
async def test_however_small_the_batches_every_event_gets_its_place_in_the_end(history: History, limit: int) -> None:
    subjects = [new_id() for _ in range(3)]
    told: dict[UUID, list[UUID]] = {subject: [] for subject in subjects}
    for minute in (9, 3, 5, 1, 7):
        for subject in subjects:
            told[subject] += [recorded.event_id for recorded in await history.changes(change(subject, minute))]
    while await assign_positions(history.db, limit):
        pass
    order = await history.order()
    assert len(order) == 15
    for events in told.values():
        assert [event for event in order if event in events] == events


async def test_two_assigners_at_once_number_every_event_once(history: History) -> None:
    for number in range(30):
        await history.items(*(step(new_id(), number) for _ in range(10)))
    given = await asyncio.gather(*(assign_positions(history.db, 40) for _ in range(6)))
    while done := await assign_positions(history.db, 40):
        given.append(done)
    assert sum(given) == 300
    order = await history.order()
    assert len(order) == len(set(order)) == 300


async def test_an_event_whose_transaction_began_first_and_commits_last_comes_later(history: History) -> None:
    begun, release = asyncio.Event(), asyncio.Event()
    slow, quick = new_id(), new_id()

    async def slow_writer(tx: Tx) -> None:
        await record_items(tx, actor(), [(step(slow, 0), START)])
        begun.set()
        await release.wait()

    writing = asyncio.create_task(history.db.write(slow_writer))
    await begun.wait()
    await history.items(step(quick, 1))
    assert await assign_positions(history.db) == 1
    release.set()
    await writing
    assert await assign_positions(history.db) == 1
    subjects = [row["id"] for row in await history.rows(quick) + await history.rows(slow)]
    assert await history.order() == subjects


def waiting(*pairs: tuple[int, int | None]) -> list[Any]:
    return [{"id": UUID(int=event), "after": None if after is None else UUID(int=after)} for event, after in pairs]


def test_an_event_whose_predecessor_is_not_in_the_batch_waits_with_all_that_follow_it() -> None:
    assert in_order(waiting((3, 2), (1, None), (4, 3))) == [UUID(int=1)]


def test_events_that_waited_come_right_after_their_predecessor() -> None:
    order = in_order(waiting((3, 2), (2, 1), (9, None), (1, None), (8, None)))
    assert order == [UUID(int=number) for number in (9, 1, 2, 3, 8)]


async def test_an_item_written_many_times_at_once_keeps_its_order(history: History) -> None:
    item = new_id()
    done = await history.items(*(step(item, 0) for _ in range(50)))
    assert history.heads[item] == Head(50, done[-1].hash)
    await assign_positions(history.db)
    assert await history.order() == [recorded.event_id for recorded in done]
