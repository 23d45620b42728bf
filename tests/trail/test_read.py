import asyncio
from datetime import UTC, datetime
from uuid import UUID

from app.core.db import Tx
from app.trail.envelope import START
from app.trail.positions import assign_positions
from app.trail.read import WINDOW, EventRow, Feed, FeedScope, event_told, feed, item_page_sql
from app.trail.record import record_items
from tests.trail.make import NOON, History, actor, change, new_id, step

EVERYTHING = FeedScope(visible="TRUE", masked="FALSE", configuration=True)
ITEMS_ONLY = FeedScope(visible="TRUE", masked="FALSE")


async def add_item(history: History, *, hidden: bool = False) -> UUID:
    item = new_id()
    await history.db.pool.execute("INSERT INTO item VALUES ($1, 1, $2)", item, hidden)
    return item


def subjects(page: Feed) -> list[UUID]:
    return [row.subject_id for row in page.rows]


async def item_events(history: History, item: UUID, after: int, limit: int) -> list[EventRow]:
    sql = item_page_sql("$1::uuid", "$2::int", "$3::int", "NULL::text[]")
    return [event_told(row["told"]) for row in await history.db.fetch(sql, item, after, limit)]


async def test_the_events_of_an_item_say_what_was_recorded(history: History) -> None:
    item, principal = new_id(), new_id()
    eff = datetime(2026, 2, 1, tzinfo=UTC)
    fields = {"title": "漏水", "units": ["a", None, {"b": 1}], "done": True}
    await history.items(
        step(item, type="item.registered", from_state="submitted", to_state="registered", ver=1, fields=fields)
    )
    await assign_positions(history.db)
    await history.items(step(item, 1, eff=eff, on_behalf=principal, ver=2))
    await history.items(step(new_id(), 2))
    first, second = await item_events(history, item, 0, 10)
    assert (first.seq, first.position, first.type, first.at, first.eff) == (1, 1, "item.registered", NOON, None)
    assert (first.from_state, first.to_state, first.ver, first.fields) == ("submitted", "registered", 1, fields)
    assert first.actor["id"] == str(actor().account_id)
    assert (second.seq, second.position, second.eff, second.fields) == (2, None, eff, {})
    assert second.actor["on_behalf"] == str(principal)


async def test_the_events_of_an_item_are_read_page_by_page(history: History) -> None:
    item = new_id()
    await history.items(*(step(item, minute) for minute in range(5)))
    pages, after = [], 0
    while page := await item_events(history, item, after, 2):
        pages.append([event.seq for event in page])
        after = page[-1].seq
    assert pages == [[1, 2], [3, 4], [5]]


async def test_the_feed_gives_only_what_the_caller_may_see_and_marks_what_is_masked(history: History) -> None:
    open_item, hidden_item = await add_item(history), await add_item(history, hidden=True)
    gone, policy = new_id(), new_id()
    await history.items(step(open_item, 0), step(hidden_item, 1), step(gone, 2))
    await history.changes(change(policy, 3))
    await assign_positions(history.db)
    db = history.db
    assert subjects(await feed(db, 0, 10, EVERYTHING)) == [open_item, hidden_item, policy]
    assert subjects(await feed(db, 0, 10, ITEMS_ONLY)) == [open_item, hidden_item]
    own = FeedScope(visible="item.id = ANY($7::uuid[])", masked="item.hidden = $8", args=([hidden_item], True))
    page = await feed(db, 0, 10, own)
    assert [(row.subject_kind, row.subject_id, row.masked) for row in page.rows] == [("item", hidden_item, True)]
    masked = FeedScope(visible="TRUE", masked="NULLIF(item.hidden, TRUE)", configuration=True)
    assert [row.masked for row in (await feed(db, 0, 10, masked)).rows] == [False, True, False]


async def test_a_page_without_anything_visible_still_moves_on(history: History) -> None:
    nothing = FeedScope(visible="FALSE", masked="FALSE")
    assert await feed(history.db, 0, 10, nothing) == Feed([], 0)
    await history.items(*(step(new_id(), minute) for minute in range(7)))
    await assign_positions(history.db)
    assert await feed(history.db, 0, 10, nothing) == Feed([], 7)
    assert await feed(history.db, 7, 10, nothing) == Feed([], 7)
    assert await feed(history.db, 99, 10, EVERYTHING) == Feed([], 99)


async def test_a_caller_who_may_see_little_moves_through_the_feed_in_bounded_steps(history: History) -> None:
    own = await add_item(history)
    await history.items(*(step(new_id()) for _ in range(WINDOW)))
    await history.items(step(own, 1))
    await assign_positions(history.db)
    first = await feed(history.db, 0, 10, EVERYTHING)
    assert first == Feed([], WINDOW)
    second = await feed(history.db, first.next_after, 10, EVERYTHING)
    assert (subjects(second), second.next_after) == ([own], WINDOW + 1)


async def test_reading_the_feed_page_by_page_gives_every_event_once(history: History) -> None:
    shown, hidden = await add_item(history), await add_item(history, hidden=True)
    await history.items(*(step(item, minute) for minute in range(10) for item in (shown, hidden)))
    await assign_positions(history.db)
    scope = FeedScope(visible="NOT item.hidden", masked="FALSE")
    seen, after = [], 0
    while True:
        page = await feed(history.db, after, 3, scope)
        assert all(after < (row.event.position or 0) <= page.next_after for row in page.rows)
        seen += [row.event.seq for row in page.rows]
        if page.next_after == after:
            break
        after = page.next_after
    assert seen == list(range(1, 11))
    assert after == 20


async def test_a_reader_of_the_feed_never_loses_an_event_that_commits_late(history: History) -> None:
    begun, release = asyncio.Event(), asyncio.Event()
    slow, quick = await add_item(history), await add_item(history)

    async def slow_writer(tx: Tx) -> None:
        await record_items(tx, actor(), [(step(slow, 0), START)])
        begun.set()
        await release.wait()

    writing = asyncio.create_task(history.db.write(slow_writer))
    await begun.wait()
    await history.items(step(quick, 1))
    await assign_positions(history.db)
    between = await feed(history.db, 0, 10, EVERYTHING)
    release.set()
    await writing
    await assign_positions(history.db)
    after = await feed(history.db, between.next_after, 10, EVERYTHING)
    assert subjects(between) == [quick]
    assert subjects(after) == [slow]


async def test_a_poller_beside_writers_and_assigners_sees_every_event_exactly_once(history: History) -> None:
    items = [await add_item(history) for _ in range(6)]
    writers_done = asyncio.Event()

    async def writer(item: UUID) -> None:
        for minute in range(20):
            await history.items(step(item, 20 - minute))

    async def assigner() -> None:
        while not writers_done.is_set():
            await assign_positions(history.db, 7)
        while await assign_positions(history.db, 7):
            pass

    async def poller() -> list[UUID]:
        seen, after, last = [], 0, False
        while True:
            page = await feed(history.db, after, 5, EVERYTHING)
            seen += [row.event.id for row in page.rows]
            if last and page.next_after == after:
                return seen
            after, last = page.next_after, assigning.done()

    assigning = asyncio.create_task(assigner())
    polling = asyncio.create_task(poller())
    await asyncio.gather(*(writer(item) for item in items))
    writers_done.set()
    assert await polling == await history.order()
    assert len(await history.order()) == 120
