"""Standing in for somebody brings their powers, their name into the record, and their conflicts."""

from datetime import timedelta

from app.core import clock
from tests.make.refusals import refusal
from tests.make.world import World, case


async def lend(world: World, principal: str, delegate: str, role: str) -> str:
    today = clock.today()
    body = {
        "delegate_id": world.made.people[delegate], "roles": [role], "reason": "出差",
        "starts_on": today.isoformat(), "ends_on": (today + timedelta(days=5)).isoformat(),
    }  # fmt: skip
    found: str = (await (await world.as_(principal)).post("/delegations", body))["id"]
    return found


async def take_back(world: World, principal: str, delegation: str) -> None:
    answer = await (await world.as_(principal)).send("DELETE", f"/delegations/{delegation}")
    assert answer.is_success, answer.text


async def test_a_delegate_acts_in_the_other_name_until_the_delegation_is_taken_back(world: World) -> None:
    of = case(lead="finance")
    item = await world.carrier.to("assigned", of)
    viewer = await world.as_("viewer")
    told = await refusal(viewer.act(item["id"], "acknowledge"))
    assert told.told == (403, "forbidden")
    delegation = await lend(world, "unit_head_finance", "viewer", "unit_head")
    try:
        item = await viewer.act(item["id"], "acknowledge")
        assert item["state"] == "planning"
        moves = (await viewer.get(f"/items/{item['id']}/transitions"))["items"]
        done = next(move for move in moves if move["action"] == "acknowledge")
        assert done["actor"]["person_id"] == world.made.people["viewer"]
        assert done["actor"]["on_behalf_of"] == world.made.people["unit_head_finance"]
    finally:
        await take_back(world, "unit_head_finance", delegation)
    item = await world.carrier.to("rectifying", of, item)
    await world.carrier.work(of, item)
    data = {"summary": "完成", "declared_true": True}
    told = await refusal(viewer.act(item["id"], "report_completion", data))
    assert told.told == (403, "forbidden")


async def test_a_delegate_inherits_the_conflicts_of_the_principal(world: World) -> None:
    """The head who reported completion lends the role to the verifier, who then is no outsider any more."""
    of = case(lead="safety")
    item = await world.carrier.to("verifying", of)
    delegation = await lend(world, "unit_head_safety", "verifier", "unit_head")
    try:
        told = await refusal(world.carrier.judge_solved(item))
        assert told.told == (409, "separation_of_duties")
        assert {"separation.submitter", "separation.named_person"} <= set(told.rules)
    finally:
        await take_back(world, "unit_head_safety", delegation)
    assert (await world.carrier.judge_solved(item))["result"] == "passed"
