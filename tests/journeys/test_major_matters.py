"""三重一大: a body decides, on this very plan and later than this very report (E9)."""

from datetime import timedelta

from app.core import clock
from app.demo.client import Json
from tests.make.refusals import refusal
from tests.make.world import World, case

LARGE = {"major": "large_fund"}


async def decision(world: World, item: Json, purpose: str, **changes: object) -> Json:
    office, place = await world.as_("supervision_office"), f"/items/{item['id']}"
    scan = await office.upload(f"{place}/evidence", "纪要.txt", "会议纪要", target_kind="decision")
    body = {
        "purpose": purpose, "body": "党组会", "decided_at": clock.now().isoformat(), "minutes_no": "纪要第3号",
        "scan_id": scan["id"], "entitled": 8, "present": 8, "yes": 5, "no": 3, **changes,
    }  # fmt: skip
    return await office.post(f"{place}/decisions", body)


async def test_its_plan_waits_for_more_than_half_of_those_entitled(world: World) -> None:
    of = case(**LARGE)
    item = await world.carrier.to("plan_review", of)
    leader = await world.as_("leader")
    told = await refusal(leader.act(item["id"], "approve_plan"))
    assert told.rules == ["decision.plan_missing"]
    half = await decision(world, item, "plan", yes=4, no=4)
    assert half["result"] == "rejected", "half of those entitled are not more than half"
    told = await refusal(leader.act(item["id"], "approve_plan"))
    assert told.rules == ["decision.plan_missing"]
    again = await refusal(decision(world, item, "plan"))
    assert again.rules == ["decision.supersedes_standing"]
    assert (await decision(world, item, "plan", supersedes_id=half["id"]))["result"] == "passed"
    assert (await leader.act(item["id"], "approve_plan"))["state"] == "rectifying"


async def test_a_decision_on_the_first_plan_does_not_cover_the_second(world: World) -> None:
    of = case(**LARGE)
    item = await world.carrier.to("plan_review", of)
    await decision(world, item, "plan")
    leader = await world.as_("leader")
    item = await leader.act(item["id"], "return_plan", {"reason": "投资估算需调整"})
    item = await world.carrier.submit_plan(of, item)
    told = await refusal(leader.act(item["id"], "approve_plan"))
    assert told.rules == ["decision.plan_missing"]


async def test_a_decision_older_than_the_last_report_does_not_close(world: World) -> None:
    """E9: decided, sent back, reported again: what was decided before is stale."""
    of = case(**LARGE)
    item = await world.carrier.to("closing", of)
    await decision(world, item, "closure")
    leader = await world.as_("leader")
    item = await leader.act(item["id"], "reject_closure", {"reason": "材料不全"})
    item = await world.carrier.to("closing", of, item)
    told = await refusal(leader.act(item["id"], "approve_closure"))
    assert told.rules == ["decision.closure_missing"]
    earlier = (clock.now() - timedelta(days=2)).isoformat()
    await decision(world, item, "closure", decided_at=earlier)
    told = await refusal(leader.act(item["id"], "approve_closure"))
    assert told.rules == ["decision.closure_missing"]
    standing = (await leader.get(f"/items/{item['id']}/decisions"))["items"][-1]
    await decision(world, item, "closure", supersedes_id=standing["id"])
    for signer in ("leader", "discipline_office", "first_responsible"):
        item = await (await world.as_(signer)).act(item["id"], "approve_closure")
    assert item["state"] == "closed"


async def test_a_stated_result_must_be_what_the_count_says(world: World) -> None:
    item = await world.item("plan_review", case(**LARGE))
    told = await refusal(decision(world, item, "plan", yes=3, no=5, result="passed"))
    assert told.rules == ["decision.result_differs"]
    assert (await decision(world, item, "plan", present=3, yes=3, no=0))["result"] == "not_quorate"
