"""Many items at once: each for itself, or all or none (E50)."""

from typing import Any

from app.demo.client import Json
from tests.make.refusals import refusal
from tests.make.world import World, case


def of(items: list[Json], action: str, mode: str, **data: Any) -> Json:
    told = [
        {"id": item["id"], "version": item["version"], "client_ref": str(n), "data": data}
        for n, item in enumerate(items)
    ]
    return {"action": action, "mode": mode, "items": told}


async def verified_but_two(world: World, total: int) -> list[Json]:
    """Items in verification, all judged, but for two whom nobody has asked the people about."""
    items = [await world.item("verifying") for _ in range(total)]
    for place, item in enumerate(items):
        await world.carrier.judge_solved(item)
        await world.carrier.judge_adequate(item)
        if place >= 2:
            await world.carrier.survey(item)
    return [await world.read(item) for item in items]


async def test_in_a_partial_batch_what_can_go_goes_and_the_rest_says_why(world: World) -> None:
    items = await verified_but_two(world, 6)
    office = await world.as_("supervision_office")
    answer = await office.send("POST", "/items:batchTransition", of(items, "pass_verification", "partial"))
    assert answer.status_code == 207
    told = answer.json()
    assert told["summary"] == {"total": 6, "succeeded": 4, "failed": 2}
    assert [one["status"] for one in told["items"]] == [409, 409, 201, 201, 201, 201]
    assert [one["client_ref"] for one in told["items"]] == ["0", "1", "2", "3", "4", "5"]
    for one in told["items"][:2]:
        assert [fault["rule"] for fault in one["problem"]["errors"]] == ["gate.people_satisfied.pending"]
    states = [(await world.read(item))["state"] for item in items]
    assert states == ["verifying"] * 2 + ["closing"] * 4


async def test_an_atomic_batch_moves_all_or_none(world: World) -> None:
    items = await verified_but_two(world, 3)
    office = await world.as_("supervision_office")
    told = await refusal(office.post("/items:batchTransition", of(items, "pass_verification", "atomic")))
    assert told.told == (409, "guards_unmet")
    assert {fault["pointer"] for fault in told.problem["errors"]} == {"/items/0", "/items/1"}
    assert [await world.read(item) for item in items] == items
    for item in items[:2]:
        await world.carrier.survey(item)
    items = [await world.read(item) for item in items]
    answer = await office.send("POST", "/items:batchTransition", of(items, "pass_verification", "atomic"))
    assert answer.status_code == 200
    assert {one["state"] for one in answer.json()["items"]} == {"closing"}


async def test_a_batch_skips_what_changed_meanwhile_and_what_the_caller_cannot_see(world: World) -> None:
    items = [await world.item("assigned", lead="finance") for _ in range(2)]
    hidden = await world.item("assigned", lead="safety")
    items[1]["version"] -= 1
    head = await world.as_("unit_head_finance")
    answer = await head.send("POST", "/items:batchTransition", of([*items, hidden], "acknowledge", "partial"))
    assert [one["status"] for one in answer.json()["items"]] == [201, 412, 404]


async def test_a_batch_asks_the_database_as_often_for_many_as_for_few(world: World) -> None:
    """Forty statements are what a batch of 200 may take; here the number of items makes no difference."""
    head, took = await world.as_("unit_head_finance"), []
    for count in (3, 3, 12):  # the first prepares what a connection prepares once
        items = [await world.item("assigned", lead="finance") for _ in range(count)]
        seen: list[str] = []
        pool: Any = world.db.pool
        for holder in pool._holders:
            if holder._con is not None:
                holder._con.add_query_logger(lambda ran, seen=seen: seen.append(ran.query))
        answer = await head.send("POST", "/items:batchTransition", of(items, "acknowledge", "atomic"))
        assert answer.status_code == 200
        took.append(len(seen))
    assert took[1] == took[2] <= 40
    assert took[1] >= 10, took  # the logger hears


async def test_registering_a_batch_gives_numbers_without_a_gap(world: World) -> None:
    ledger = await world.ledger()
    items = [await world.item("submitted", case(ledger=ledger)) for _ in range(5)]
    office = await world.as_("supervision_office")
    answer = await office.post("/items:batchTransition", of(items, "register", "atomic"))
    numbers = sorted(one["number"] for one in answer["items"])
    assert [int(number[-4:]) for number in numbers] == [1, 2, 3, 4, 5]
