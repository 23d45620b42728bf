"""Work that is sent back: plans, completion reports, failed gates, a closing that somebody does not sign."""

from datetime import timedelta
from typing import Any

from app.core import clock
from tests.make.refusals import refusal
from tests.make.world import World, case


def in_days(days: int) -> str:
    return (clock.today() + timedelta(days=days)).isoformat()


async def test_a_returned_plan_is_mended_and_both_versions_stay(world: World) -> None:
    of = case()
    item = await world.carrier.to("plan_review", of)
    head, leader = await world.carrier.head(of), await world.as_("leader")
    told = await refusal(head.post(f"/items/{item['id']}/measures", {"content": "送审后再补一条"}))
    assert told.told == (409, "child_frozen")
    item = await leader.act(item["id"], "return_plan", {"reason": "措施不具体，没有量化目标"})
    assert item["state"] == "planning"
    measures = (await head.get(f"/items/{item['id']}/measures"))["items"]
    await head.patch(f"/items/{item['id']}/measures/{measures[0]['id']}", {"content": "十个点位逐一改正并公示"})
    item = await world.carrier.to("rectifying", of, item)
    plans = (await head.get(f"/items/{item['id']}/plans"))["items"]
    assert [(plan["plan_version"], plan["status"]) for plan in plans] == [(1, "returned"), (2, "approved")]
    contents = [plan["content"]["measures"][0]["content"] for plan in plans]
    assert contents == [of.measures[0], "十个点位逐一改正并公示"]


async def test_completion_is_taken_back_until_the_first_gate_is_judged(world: World) -> None:
    of = case()
    item = await world.carrier.to("verifying", of)
    head = await world.carrier.head(of)
    item = await head.act(item["id"], "withdraw_completion", {"reason": "佐证漏传一份"})
    assert (item["state"], item["completed_at"]) == ("rectifying", None)
    item = await world.carrier.report_only(of, item)
    assert (item["state"], item["submission_no"]) == ("verifying", 2)
    await world.carrier.judge_solved(item)
    told = await refusal(head.act(item["id"], "withdraw_completion", {"reason": "再想想"}))
    assert told.rules == ["withdraw.gate_judged"]


async def test_after_a_failed_verification_every_gate_is_judged_again(world: World) -> None:
    of = case()
    item = await world.carrier.to("verifying", of)
    office, verifier = await world.as_("supervision_office"), await world.as_("verifier")
    fail = {"deficiencies": ["现场仍有三处未改"], "redo_by": in_days(10)}
    told = await refusal(verifier.act(item["id"], "fail_verification", fail))
    assert told.rules == ["gate.none_failed"]
    await world.carrier.judge_adequate(item)
    await world.carrier.judge_solved(item, met=False)
    item = await verifier.act(item["id"], "fail_verification", fail)
    assert item["state"] == "rectifying"
    item = await world.carrier.report(of, item)
    assert (item["submission_no"], set(item["gates"].values())) == (2, {"pending"})
    told = await refusal(office.act(item["id"], "pass_verification"))
    assert "gate.rectification_adequate.pending" in told.rules
    assert (await world.carrier.to("closed", of, item))["submission_no"] == 2


async def test_a_signer_sends_one_gate_back_to_be_judged_anew(world: World) -> None:
    of = case()
    item = await world.carrier.to("closing", of)
    leader, office = await world.as_("leader"), await world.as_("supervision_office")
    await leader.act(item["id"], "approve_closure")
    back: dict[str, Any] = {"reason": "问责情况未说明", "to_state": "verifying", "gates": ["rectification_adequate"]}
    item = await (await world.as_("discipline_office")).act(item["id"], "reject_closure", back)
    assert item["state"] == "verifying"
    assert item["gates"] == {
        "problem_solved": "passed", "rectification_adequate": "pending", "people_satisfied": "passed",
    }  # fmt: skip
    told = await refusal(office.act(item["id"], "pass_verification"))
    assert told.rules == ["gate.rectification_adequate.pending"]
    await world.carrier.judge_adequate(item, accountability={"answer": "na", "reason": "未发现失职，不涉及追责"})
    item = await office.act(item["id"], "pass_verification")
    told = await refusal((await world.as_("discipline_office")).act(item["id"], "approve_closure"))
    assert told.told == (403, "forbidden"), "the chain begins again with its first step"
    assert (await world.carrier.sign(of, item))["state"] == "closed"


async def test_a_rejected_closing_may_go_all_the_way_back_to_work(world: World) -> None:
    of = case()
    item = await world.carrier.to("closing", of)
    item = await (await world.as_("leader")).act(item["id"], "reject_closure", {"reason": "整改不彻底"})
    assert (item["state"], item["completed_at"]) == ("rectifying", None)
    item = await world.carrier.to("closed", of, item)
    assert item["submission_no"] == 2


async def test_an_assignment_is_declined_twice_at_most_without_the_first_responsible(world: World) -> None:
    of = case()
    item = await world.carrier.to("assigned", of)
    head, office = await world.carrier.head(of), await world.as_("supervision_office")
    for _ in range(2):
        item = await head.act(item["id"], "decline_assignment", {"reason": "职责属于用户服务中心"})
        assert item["state"] == "registered"
        item = await office.act(item["id"], "assign", world.carrier.assignment(of))
    told = await refusal(head.act(item["id"], "decline_assignment", {"reason": "仍不属于我科"}))
    assert told.rules == ["decline_assignment.too_often"]
    ruling = {"purpose": "assignment", "opinion": "agree", "comment": "确属服务中心"}
    await (await world.as_("first_responsible")).post(f"/items/{item['id']}/approvals", ruling)
    assert (await head.act(item["id"], "decline_assignment", {"reason": "已裁定"}))["state"] == "registered"


async def test_recalling_an_assignment_keeps_the_plan_as_withdrawn(world: World) -> None:
    of = case()
    item = await world.carrier.to("plan_review", of)
    office = await world.as_("supervision_office")
    item = await office.act(item["id"], "recall", {"reason": "责任单位调整"})
    assert item["state"] == "registered"
    plans = (await office.get(f"/items/{item['id']}/plans"))["items"]
    assert [plan["status"] for plan in plans] == ["withdrawn"]
