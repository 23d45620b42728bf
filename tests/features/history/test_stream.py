"""The live stream on a real port: nothing missed, nothing twice, nothing that is not the caller's, and an end in order."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn

from app.access.authenticate import ACTOR_SQL
from app.core import clock
from app.main import create_app
from app.trail import watch
from app.trail.watch import LAST_POSITION
from tests.features.history.world import World, build
from tests.support.database import Clone
from tests.support.hearing import Ear, hearing, listening
from tests.support.organisation import Someone
from tests.support.service import settings_for

CANARY = "白鹭洲头无归舟"


@dataclass
class Aired(World):
    """A world whose service also listens on a port."""

    url: str = ""
    server: uvicorn.Server | None = None

    def hear(self, who: Someone, **query: Any) -> Any:
        return hearing(self.url, who.headers, **query)


@pytest.fixture
async def world(database: Clone, tmp_path: Path) -> AsyncIterator[Aired]:
    app = create_app(settings_for(database.app_url, tmp_path / "var", stream_heartbeat=0.3), works=True)
    async with listening(app) as (url, server):
        yield Aired(**vars(await build(app)), url=url, server=server)


def seqs(ear: Ear, item: str) -> list[int]:
    return [event["seq"] for event in ear.events if event["subject_id"] == item]


async def test_what_happens_is_told_within_seconds_in_the_shape_of_the_feed(world: Aired) -> None:
    async with world.hear(world.viewer) as ear:
        assert ear.answer.status_code == 200
        assert ear.answer.headers["content-type"].startswith("text/event-stream")
        assert (ear.answer.headers["cache-control"], ear.answer.headers["x-accel-buffering"]) == ("no-store", "no")
        item = await world.acknowledged()
        told = await ear.heard(5)
    assert seqs(ear, item) == [1, 2, 3, 4, 5]
    feed = await world.ok(world.viewer, "/v1/events", after=told[0]["position"] - 1, limit=5)
    assert told == feed["items"]
    assert ear.last_id == str(told[-1]["position"])


async def test_a_stream_begins_now_unless_it_is_told_where(world: Aired) -> None:
    before = await world.acknowledged()
    async with world.hear(world.viewer, after=0) as whole:
        await whole.until(lambda ear: len(seqs(ear, before)) == 5)
    async with world.hear(world.viewer) as fresh:
        later = await world.acknowledged()
        await fresh.until(lambda ear: len(seqs(ear, later)) == 5)
    assert seqs(fresh, before) == []


async def test_the_last_id_goes_on_without_gap_or_repetition_and_before_the_parameter(world: Aired) -> None:
    async with world.hear(world.viewer, after=0) as first:
        items = [await world.acknowledged()]
        await first.heard(5)
    items.append(await world.acknowledged())
    headers = world.viewer.headers | {"Last-Event-ID": str(first.events[2]["position"])}
    async with hearing(world.url, headers, after=0) as second:
        await second.heard(7)
        items.append(await world.acknowledged())
        await second.heard(12)
    positions = [event["position"] for event in first.events[:3] + second.events]
    assert len(positions) == len(set(positions)) == 15
    assert positions == sorted(positions)
    assert {event["subject_id"] for event in second.events} == set(items)


async def test_every_listener_hears_what_is_in_its_scope_and_moves_on_past_the_rest(world: Aired) -> None:
    stranger = await world.org.person(("viewer", await world.org.unit()))
    async with world.hear(world.viewer) as viewer, world.hear(stranger) as other:
        draft = await world.draft()
        item = await world.acknowledged()
        await viewer.until(lambda ear: len(seqs(ear, item)) == 5)
        await other.until(lambda ear: ear.last_id == viewer.last_id)
    assert other.events == []
    assert draft not in {event["subject_id"] for event in viewer.events}


async def test_restricted_text_is_masked_as_in_the_feed(world: Aired) -> None:
    async with world.hear(world.viewer) as outsider, world.hear(world.head) as insider:
        await world.acknowledged(confidentiality="restricted", description=CANARY)
        await outsider.until(lambda ear: len(ear.events) >= 4)
        await insider.until(lambda ear: len(ear.events) >= 4)
    assert CANARY in str(insider.events)
    assert CANARY not in str(outsider.events)
    assert any("fields.description" in event["masked_fields"] for event in outsider.events)


async def test_only_what_is_asked_for_is_told(world: Aired) -> None:
    async with world.hear(world.viewer, type="item.assigned,item.acknowledged", subject_kind="item") as ear:
        await world.acknowledged()
        await ear.heard(2)
    assert [event["type"] for event in ear.events] == ["item.assigned", "item.acknowledged"]


async def test_a_listener_moves_on_past_what_was_not_asked_for(world: Aired) -> None:
    """So that whoever comes back does not have it looked through again."""
    async with world.hear(world.viewer) as whole:
        await world.acknowledged()
        end = (await whole.heard(5))[-1]["position"]
    async with world.hear(world.viewer, type="item.assigned", after=0) as ear:
        await ear.until(lambda heard: heard.last_id == str(end))
    assert [event["type"] for event in ear.events] == ["item.assigned"]
    assert ear.events[0]["position"] < end


async def test_a_quiet_stream_shows_that_it_is_alive(world: Aired) -> None:
    async with world.hear(world.viewer) as ear:
        await ear.until(lambda heard: heard.heartbeats >= 3, seconds=3)
    assert ear.events == []


@pytest.mark.parametrize("how", ["session", "grant"])
async def test_whoever_loses_access_hears_no_more_within_seconds(world: Aired, how: str) -> None:
    admin = await world.org.person(("security_admin", world.root))
    async with world.hear(world.liaison) as ear, world.hear(world.viewer) as kept:
        began = time.monotonic()
        async with httpx2.AsyncClient(base_url=world.url) as http:
            if how == "session":
                ended = await http.delete("/v1/auth/token", headers=world.liaison.headers)
            else:
                path = f"/v1/people/{world.liaison.id}/account"
                tag = (await http.get(path, headers=admin.headers)).headers["etag"]
                ended = await http.patch(path, json={"active": False}, headers=admin.headers | {"If-Match": tag})
        assert ended.status_code in {200, 204}, ended.text
        await ear.until(lambda heard: heard.ended, seconds=6)
        assert time.monotonic() - began < 6
        assert [problem["code"] for problem in ear.problems] == ["invalid_token"]
        assert not kept.ended


async def test_a_quiet_stream_ends_with_the_session(world: Aired) -> None:
    """Nothing happens when a token's eight hours are over."""
    async with world.hear(world.viewer) as ear:
        await ear.until(lambda heard: heard.heartbeats >= 10)
        with clock.travel(timedelta(hours=8, minutes=1)):
            await ear.until(lambda heard: heard.ended, seconds=5)
    assert [problem["code"] for problem in ear.problems] == ["invalid_token"]
    assert ear.events == []


@pytest.mark.parametrize(
    ("headers", "status"),
    [({}, 401), ({"Last-Event-ID": "x"}, 422), ({"Last-Event-ID": "-1"}, 422), ({"Accept": "application/json"}, 406)],
)
async def test_what_cannot_be_told_is_refused_before_it_begins(
    world: Aired, headers: dict[str, str], status: int
) -> None:
    who = world.viewer.headers if headers else {}
    async with hearing(world.url, who | headers) as ear:
        assert ear.answer.status_code == status
        assert ear.answer.headers["content-type"] == "application/problem+json"


async def test_head_ends_at_once_and_leaves_no_listener_behind(world: Aired) -> None:
    async with httpx2.AsyncClient(base_url=world.url, timeout=5) as http:
        answer = await http.head("/v1/events/stream", headers=world.viewer.headers)
    assert (answer.status_code, answer.content) == (200, b"")
    await nobody_listens(world)


async def test_a_hundred_idle_listeners_cost_one_look_a_second_and_hear_all_the_same(world: Aired) -> None:
    async with AsyncExitStack() as stack:
        ears = [await stack.enter_async_context(world.hear(world.viewer)) for _ in range(watch.MOST_OF_ONE)]
        assert world.app.state.watch.listeners == watch.MOST_OF_ONE
        async with world.hear(world.viewer) as crowded:
            assert (crowded.answer.status_code, crowded.answer.headers["retry-after"]) == (429, "30")
        item = await world.acknowledged()
        await asyncio.gather(*(ear.until(lambda heard: len(seqs(heard, item)) == 5) for ear in ears))
        asked = statements(world)
        await asyncio.sleep(3.5)
        assert 2 <= asked[LAST_POSITION] <= 4
        assert asked[ACTOR_SQL] <= 2
    await nobody_listens(world)


async def nobody_listens(world: Aired) -> None:
    for _ in range(100):
        if not world.app.state.watch.listeners:
            return
        await asyncio.sleep(0.05)
    pytest.fail("listeners that are gone are still counted")


def statements(world: Aired) -> Counter[str]:
    """What the connections of this service run from now on."""
    seen: Counter[str] = Counter()
    pool: Any = world.db.pool
    for holder in pool._holders:
        if holder._con is not None:
            holder._con.add_query_logger(lambda ran: seen.update([ran.query]))
    return seen


async def test_a_service_that_leaves_ends_its_streams_at_once(world: Aired) -> None:
    assert world.server is not None
    async with world.hear(world.viewer) as ear:
        began = time.monotonic()
        world.server.should_exit = True
        await ear.until(lambda heard: heard.ended, seconds=5)
        assert time.monotonic() - began < 3
    assert ear.problems == []
