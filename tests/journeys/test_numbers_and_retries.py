"""Numbers without gaps, retries without a second act, and no blind overwriting."""

import asyncio
from datetime import datetime, timedelta

from app.core.clock import BEIJING
from tests.make.refusals import refusal
from tests.make.world import World, case


def serials(numbers: list[str]) -> list[int]:
    return sorted(int(number[-4:]) for number in numbers)


async def test_two_clerks_registering_at_once_get_distinct_numbers_without_a_gap(world: World) -> None:
    """E25."""
    ledger = await world.ledger()
    items = [await world.item("submitted", case(ledger=ledger)) for _ in range(12)]
    clerks = [await world.as_(name) for name in ("supervision_office", "supervision_office_2")]
    acts = [clerks[place % 2].act(item["id"], "register") for place, item in enumerate(items)]
    registered = await asyncio.gather(*acts)
    assert serials([item["number"] for item in registered]) == list(range(1, 13))


async def test_two_clerks_registering_the_same_item_give_it_one_number(world: World) -> None:
    ledger = await world.ledger()
    item = await world.item("submitted", case(ledger=ledger))
    match = f'"v{item["version"]}"'
    body = {"action": "register"}
    clerks = [await world.as_(name) for name in ("supervision_office", "supervision_office_2")]
    place = f"/items/{item['id']}/transitions"
    answers = await asyncio.gather(*(clerk.send("POST", place, body, if_match=match) for clerk in clerks))
    assert sorted(answer.status_code for answer in answers) == [201, 412]
    following = await world.item("registered", case(ledger=ledger))
    assert serials([following["number"]]) == [2]


async def test_a_registration_that_fails_burns_no_number(world: World) -> None:
    """E26: refused, refused within a batch, and only checked."""
    ledger = await world.ledger()
    of = case(ledger=ledger)
    first = await world.carrier.to("registered", of)
    twin = await world.carrier.to("submitted", of)
    office = await world.as_("supervision_office")
    told = await refusal(office.act(twin["id"], "register"))
    assert told.rules == ["register.duplicate_unanswered"]
    other = await world.item("submitted", case(ledger=ledger))
    both = [{"id": item["id"], "version": item["version"]} for item in (other, twin)]
    batch = {"action": "register", "mode": "atomic", "items": both}
    await refusal(office.post("/items:batchTransition", batch))
    place = f"/items/{other['id']}/transitions?validate_only=true"
    checked = await office.send("POST", place, {"action": "register"})
    assert checked.status_code == 200
    other = await office.act(other["id"], "register")
    answers = {"duplicates": [{"item_id": first["id"], "verdict": "different"}]}
    twin = await office.act(twin["id"], "register", answers)
    assert serials([item["number"] for item in (first, other, twin)]) == [1, 2, 3]


async def test_the_year_of_a_number_turns_at_midnight_in_beijing(world: World) -> None:
    """E27."""
    ledger = await world.ledger()
    midnight = datetime(2027, 1, 1, tzinfo=BEIJING)
    numbers = []
    for moment in (midnight - timedelta(minutes=2), midnight + timedelta(seconds=1)):
        async with world.at(moment):
            numbers.append((await world.item("registered", case(ledger=ledger)))["number"])
    assert ["2026" in numbers[0], "2027" in numbers[1]] == [True, True]
    assert [number[-4:] for number in numbers] == ["0001", "0001"]


async def test_a_retried_transition_is_answered_again_and_done_once(world: World) -> None:
    """E28."""
    item = await world.item("assigned")
    head = await world.as_("unit_head")
    place, body = f"/items/{item['id']}/transitions", {"action": "acknowledge"}
    match = f'"v{item["version"]}"'
    first = await head.send("POST", place, body, key="oa-7", if_match=match)
    again = await head.send("POST", place, body, key="oa-7", if_match=match)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json() == again.json()
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (await world.read(item))["version"] == item["version"] + 1
    other = await head.send("POST", place, {"action": "acknowledge", "comment": "另一件"}, key="oa-7", if_match=match)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


async def test_a_refused_transition_may_be_tried_again_with_its_key(world: World) -> None:
    item = await world.item("planning")
    head = await world.as_("unit_head")
    place, body = f"/items/{item['id']}/transitions", {"action": "submit_plan", "data": {"root_cause": "管理松懈"}}
    assert (await head.send("POST", place, body, key="plan-1")).status_code == 409
    await world.carrier.write_plan(case(), item)
    assert (await head.send("POST", place, body, key="plan-1")).status_code == 201


async def test_a_stale_version_is_refused_and_told_the_current_one(world: World) -> None:
    """E29."""
    item = await world.item("planning")
    head = await world.as_("unit_head")
    await head.post(f"/items/{item['id']}/measures", {"content": "先写一条"})
    body = {"action": "submit_plan", "data": {"root_cause": "管理松懈"}}
    stale = f'"v{item["version"]}"'
    told = await refusal(head.post(f"/items/{item['id']}/transitions", body, if_match=stale))
    assert told.told == (412, "version_mismatch")
    assert told.problem["current_version"] == item["version"] + 1
    told = await refusal(head.post(f"/items/{item['id']}/transitions", body, if_match=None))
    assert told.told == (428, "precondition_required")
