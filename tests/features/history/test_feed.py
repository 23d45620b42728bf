import asyncio
from pathlib import Path
from typing import Any
from uuid import uuid4

from fastapi import FastAPI

from app.access.actor import SYSTEM
from app.core import clock
from app.core.db import Tx
from app.trail.envelope import Entry
from app.trail.positions import assign_positions
from app.trail.record import record
from app.trail.seal import Sealer
from tests.features.history.world import World, build
from tests.support.organisation import Someone

CANARY = "白鹭洲头无归舟"


async def last_position(world: World) -> int:
    await assign_positions(world.db)
    position: int = await world.db.fetchval("SELECT coalesce(max(position), 0) FROM log_position")
    return position


async def read_on(world: World, who: Someone, after: int, **query: Any) -> list[dict[str, Any]]:
    """Everything from a position on, as a consumer keeps reading it."""
    await assign_positions(world.db)
    found: list[dict[str, Any]] = []
    while True:
        page = await world.ok(who, "/v1/events", after=after, **query)
        found += page["items"]
        if page["next_after"] == after:
            return found
        after = page["next_after"]


async def test_the_feed_hands_out_the_newest_checkpoint_for_its_readers_to_keep(fresh_app: FastAPI) -> None:
    world = await build(fresh_app)
    await assign_positions(world.db)
    assert (await world.ok(world.viewer, "/v1/events"))["checkpoint"] is None
    sealer = Sealer(world.db, Path(fresh_app.state.settings.var))
    await sealer.run(at_once=True)
    first = (await world.ok(world.viewer, "/v1/events", limit=1))["checkpoint"]
    latest = await world.ok(world.viewer, "/v1/trail/checkpoints/latest")
    assert first == {"size": latest["size"], "note": latest["note"]}
    await world.draft()
    await assign_positions(world.db)
    assert (await world.ok(world.viewer, "/v1/events"))["checkpoint"] == first
    await sealer.run(at_once=True)
    await sealer.stop()
    assert (await world.ok(world.viewer, "/v1/events"))["checkpoint"]["size"] > first["size"]


async def test_a_consumer_reads_on_from_where_it_stopped(world: World) -> None:
    start = await last_position(world)
    item = await world.acknowledged()
    told = await read_on(world, world.viewer, start, limit=2)
    assert [(event["subject_kind"], event["subject_id"], event["seq"]) for event in told] == [
        ("item", item, seq) for seq in range(1, 6)
    ]
    assert [event["position"] for event in told] == sorted(event["position"] for event in told)
    await world.record(item, "item.measure_added", {"content": "建立台账"})
    assert [event["seq"] for event in await read_on(world, world.viewer, told[-1]["position"])] == [6]


async def test_the_feed_links_onward_only_while_it_moves(world: World) -> None:
    start = await last_position(world)
    await world.acknowledged()
    await assign_positions(world.db)
    answer = await world.get(world.viewer, "/v1/events", after=start, limit=2, type="item.assigned")
    onward = answer.json()["next_after"]
    assert f"after={onward}" in answer.headers["Link"]
    assert "type=item.assigned" in answer.headers["Link"]
    at_the_end = await world.get(world.viewer, "/v1/events", after=await last_position(world))
    assert (at_the_end.json()["items"], "Link" in at_the_end.headers) == ([], False)


async def test_an_event_committed_late_is_never_skipped(world: World) -> None:
    start = await last_position(world)
    written, finish = asyncio.Event(), asyncio.Event()
    subject = uuid4()

    async def slow(tx: Tx) -> None:
        await record(tx, SYSTEM, [Entry("unit", subject, "unit.changed", clock.now())])
        written.set()
        await finish.wait()

    late = asyncio.create_task(world.db.write(slow))
    await written.wait()
    item = await world.draft()
    auditor = await world.org.person(("auditor", world.root))
    await world.act(world.liaison, item, "submit")
    before = await read_on(world, auditor, start)
    assert [event["subject_id"] for event in before if event["subject_kind"] == "item"] == [item, item]
    assert str(subject) not in {event["subject_id"] for event in before}
    finish.set()
    await late
    after = await read_on(world, auditor, before[-1]["position"])
    assert [event["subject_id"] for event in after] == [str(subject)]


async def test_the_feed_tells_of_items_in_scope_only(world: World) -> None:
    start = await last_position(world)
    await world.acknowledged()
    draft = await world.draft()
    stranger = await world.org.person(("viewer", await world.org.unit()))
    assert await read_on(world, stranger, start) == []
    assert draft not in {event["subject_id"] for event in await read_on(world, world.viewer, start)}
    assert draft in {event["subject_id"] for event in await read_on(world, world.liaison, start)}
    assert (await world.get(None, "/v1/events")).status_code == 401


async def test_changes_of_configuration_are_for_those_who_watch_the_whole_organisation(world: World) -> None:
    start = await last_position(world)
    name = f"新台账{uuid4().hex[:6]}"
    body = {"code": f"L{uuid4().hex[:12]}", "name": name, "unit_id": str(world.root)}
    made = await world.post(world.office, "/v1/ledgers", body)
    watchers = [await world.org.person((role, world.root)) for role in ("auditor", "audit_admin")]
    for watcher in watchers:
        told = await read_on(world, watcher, start, subject_kind="ledger")
        assert [event["subject_id"] for event in told] == [made["id"]]
        assert told[0]["fields"]["name"] == name
    others = [world.viewer, world.office, await world.org.person(("auditor", world.bureau))]
    others += [await world.org.person((role, world.root)) for role in ("system_admin", "security_admin")]
    for other in others:
        assert await read_on(world, other, start, subject_kind="ledger,unit,account") == []


async def test_the_feed_is_filtered_by_type_and_kind(world: World) -> None:
    start = await last_position(world)
    await world.acknowledged()
    assert [
        event["type"] for event in await read_on(world, world.viewer, start, type="item.assigned,item.drafted")
    ] == [
        "item.drafted",
        "item.assigned",
    ]
    assert len(await read_on(world, world.viewer, start, subject_kind="item")) == 5
    assert await read_on(world, world.viewer, start, subject_kind="policy") == []


async def test_the_feed_hides_restricted_text_and_names(world: World) -> None:
    start = await last_position(world)
    item = await world.acknowledged(title=f"{CANARY}{uuid4().hex[:6]}", remarks=CANARY, confidentiality="restricted")
    await world.record(item, "item.not_yet_invented", {"a_field_nobody_thought_of": {"deep": CANARY}})
    hidden = await read_on(world, world.viewer, start)
    assert len(hidden) == 6
    assert CANARY not in str(hidden)
    assert str(world.liaison.id) not in str(hidden)
    assert all("actor.name" in event["masked_fields"] for event in hidden[:5])
    assert str(await read_on(world, world.head, start)).count(CANARY) >= 3


async def test_a_parameter_out_of_range_is_refused(world: World) -> None:
    for query in ({"after": -1}, {"after": 2**53}, {"limit": 0}, {"subject_kind": "Item!"}, {"since": 1}):
        assert (await world.get(world.viewer, "/v1/events", **query)).status_code == 422
    assert (await world.get(world.viewer, "/v1/events", limit=10**6)).status_code == 200
