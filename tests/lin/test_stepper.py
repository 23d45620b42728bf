"""Whatever statement the other one comes between: the outcome is that of one after the other.

RECTIFY_TEST_STEPS (8 unless set, 0 for all) is how many meetings of each pair are tried, drawn by RECTIFY_TEST_SEED.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from itertools import product
from random import Random
from typing import Any

import pytest

from app.demo.client import Caller, Json
from tests.journeys.stage import made, problem
from tests.lin.stepper import Request, counted, interleaved, steps
from tests.make.world import World
from tests.support.bugs import facts_before_the_lock, planted

STEPS = int(os.environ.get("RECTIFY_TEST_STEPS", "8"))
SEED = int(os.environ.get("RECTIFY_TEST_SEED", "20261126"))
ROW = """
SELECT state, version, CASE WHEN $2 THEN right(number, 4) END AS number,
  (SELECT string_agg(type, ' ' ORDER BY seq) FROM event WHERE subject_id = i.id) AS told,
  (SELECT count(*) FROM criterion WHERE item_id = i.id) AS criteria,
  (SELECT count(*) FROM item_origin WHERE item_id = i.id) AS origins
FROM item i WHERE id = $1
"""


@dataclass
class Meeting:
    """Two requests, and the items they are about; `numbered` where these are the only ones of their ledger."""

    first: Request
    second: Request
    items: list[Json]
    numbered: bool = False


Setting = Callable[[World], Awaitable[Meeting]]


def move(caller: Caller, item: Json, action: str, **data: Any) -> Request:
    body = {"action": action, "data": data}
    return partial(_answered, caller, "POST", f"/items/{item['id']}/transitions", body)


async def _answered(caller: Caller, method: str, path: str, body: Any, key: str | None = None) -> tuple[int, str]:
    """Somebody told that the first attempt is still under way asks again."""
    while True:
        answer = await caller.send(method, path, body, key=key)
        code = "" if answer.is_success else answer.json()["code"]
        if code != "in_flight":
            return answer.status_code, code


async def acknowledged_and_recalled(world: World) -> Meeting:
    item = await made(world, "assigned")
    office, head = await world.as_("supervision_office"), await world.as_("unit_head")
    return Meeting(move(head, item, "acknowledge"), move(office, item, "recall", reason="主体有误"), [item])


async def plan_without_its_criterion(world: World) -> Meeting:
    item, head = await made(world, "planning"), await world.as_("unit_head")
    await world.carrier.write_plan(problem(world), item)
    path = f"/items/{item['id']}/criteria"
    [criterion] = (await head.get(path))["items"]
    taken = partial(_answered, await world.as_("liaison"), "DELETE", f"{path}/{criterion['id']}", None)
    return Meeting(move(head, item, "submit_plan", root_cause="责任不清"), taken, [item])


async def merged_into_each_other(world: World) -> Meeting:
    one, other = [await made(world, "registered") for _ in range(2)]
    office, colleague = await world.as_("supervision_office"), await world.as_("supervision_office_2")
    return Meeting(
        move(office, one, "merge", target_id=other["id"], reason="同一事实"),
        move(colleague, other, "merge", target_id=one["id"], reason="同一事实"),
        [one, other],
    )


async def two_into_a_third(world: World) -> Meeting:
    one, other, home = [await made(world, "registered") for _ in range(3)]
    office, colleague = await world.as_("supervision_office"), await world.as_("supervision_office_2")
    return Meeting(
        move(office, one, "merge", target_id=home["id"], reason="同一事实"),
        move(colleague, other, "merge", target_id=home["id"], reason="同一事实"),
        [one, other, home],
    )


async def numbered_at_once(world: World) -> Meeting:
    ledger = await world.ledger()
    one, other = [await made(world, "submitted", ledger=ledger) for _ in range(2)]
    office, colleague = await world.as_("supervision_office"), await world.as_("supervision_office_2")
    return Meeting(move(office, one, "register"), move(colleague, other, "register"), [one, other], numbered=True)


async def two_batches_crossing(world: World) -> Meeting:
    items = [await made(world, "assigned") for _ in range(3)]
    office, head = await world.as_("supervision_office"), await world.as_("unit_head")

    def batch(caller: Caller, action: str, order: list[Json], **data: Any) -> Request:
        told = [{"id": item["id"], "version": item["version"], "data": data} for item in order]
        body = {"action": action, "mode": "atomic", "items": told}
        return partial(_answered, caller, "POST", "/items:batchTransition", body)

    return Meeting(
        batch(head, "acknowledge", items), batch(office, "recall", items[::-1], reason="主体有误"), items
    )  # fmt: skip


async def the_same_key_twice(world: World) -> Meeting:
    item, head = await made(world, "assigned"), await world.as_("unit_head")
    body = {"action": "acknowledge", "data": {}}
    sent = partial(_answered, head, "POST", f"/items/{item['id']}/transitions", body, f"key-{item['id']}")
    return Meeting(sent, sent, [item])


SETTINGS = (
    acknowledged_and_recalled, plan_without_its_criterion, merged_into_each_other, two_into_a_third, numbered_at_once,
    two_batches_crossing, the_same_key_twice,
)  # fmt: skip


async def outcome(world: World, answers: tuple[Any, Any], meeting: Meeting) -> tuple[Any, ...]:
    rows = [await world.db.fetchrow(ROW, item["id"], meeting.numbered) for item in meeting.items]
    return (*answers, *(tuple(row or ()) for row in rows))


async def one_after_the_other(world: World, setting: Setting) -> tuple[set[tuple[Any, ...]], int, int]:
    """Both outcomes without a meeting, and how many statements each request takes."""
    meeting = await setting(world)
    first, many = await counted(meeting.first)
    second, _ = await counted(meeting.second)
    ahead = await outcome(world, (first, second), meeting)
    meeting = await setting(world)
    second, more = await counted(meeting.second)
    first, _ = await counted(meeting.first)
    return {ahead, await outcome(world, (first, second), meeting)}, many, more


async def meetings(world: World, setting: Setting, most: int) -> list[str]:
    """What came out of them and could not have come of one after the other."""
    found = []
    with steps():
        serial, many, more = await one_after_the_other(world, setting)
        tried = list(product(range(1, many + 1), range(1, more + 1)))
        if most:
            tried = Random(f"{SEED}/{setting.__name__}").sample(tried, min(most, len(tried)))
        for before, between in tried:
            meeting = await setting(world)
            answers = await interleaved(meeting.first, meeting.second, before, between)
            came = await outcome(world, answers, meeting)
            if came not in serial:
                found.append(f"{setting.__name__} {before}/{between}: {came}, but in turn {serial}")
    return found


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: setting.__name__)
async def test_any_meeting_ends_as_if_one_had_waited_for_the_other(stepped: World, setting: Setting) -> None:
    assert await meetings(stepped, setting, STEPS) == []


async def test_facts_gathered_before_the_lock_are_found_out(stepped: World) -> None:
    with planted(facts_before_the_lock):
        found = await meetings(stepped, plan_without_its_criterion, 40)
    assert any("item.plan_submitted" in one for one in found)
