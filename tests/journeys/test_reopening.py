"""A closed problem that comes back: a new cycle, the old one frozen (E20)."""

from datetime import timedelta
from typing import Any

from app.core import clock
from tests.make.refusals import refusal
from tests.make.world import World, case


def rebound(**more: Any) -> dict[str, Any]:
    on = (clock.today() + timedelta(days=30)).isoformat()
    deadline = {"text": "三十日内", "kind": "date", "date": on}
    return {"reason_code": "rebound", "evidence": "抽查再次发现同样的问题", "deadline": deadline, **more}


async def test_an_item_reopened_twice_keeps_its_number_and_three_cycles_of_its_own(world: World) -> None:
    of = case()
    item = await world.carrier.to("closed", of)
    number, office = item["number"], await world.as_("supervision_office")
    for cycle in (2, 3):
        item = await office.act(item["id"], "reopen", rebound())
        assert (item["state"], item["cycle"], item["number"]) == ("planning", cycle, number)
        assert set(item["gates"].values()) == {"pending"}
        assert (item["progress"]["measures_total"], item["closed_at"]) == (0, None)
        item = await world.carrier.to("closed", of, item)
        assert item["submission_no"] == cycle
    place = f"/items/{item['id']}"
    seen: set[str] = set()
    for cycle in (1, 2, 3):
        measures = (await office.get(f"{place}/measures?cycle={cycle}"))["items"]
        evidence = (await office.get(f"{place}/evidence?cycle={cycle}&target_kind=criterion"))["items"]
        assert (len(measures), len(evidence)) == (len(of.measures), len(of.criteria))
        own = {one["id"] for one in measures + evidence}
        assert not own & seen
        seen |= own
        gates = (await office.get(f"{place}/gates?submission_no={cycle}"))["items"]
        assert sorted(gate["result"] for gate in gates) == ["passed"] * 3
        assert {gate["cycle"] for gate in gates} == {cycle}


async def test_nothing_of_a_closed_cycle_can_be_written_any_more(world: World) -> None:
    of = case()
    item = await world.carrier.to("closed", of)
    head, place = await world.carrier.head(of), f"/items/{item['id']}"
    old = (await head.get(f"{place}/measures"))["items"][0]["id"]
    told = await refusal(head.patch(f"{place}/measures/{old}", {"status": "in_progress"}))
    assert told.told == (409, "child_frozen")
    await (await world.as_("supervision_office")).act(item["id"], "reopen", rebound())
    for change in ({"content": "改写旧措施"}, {"status": "in_progress"}):
        told = await refusal(head.patch(f"{place}/measures/{old}", change))
        assert told.told == (409, "child_frozen")
    told = await refusal(head.act(item["id"], "submit_plan", {"root_cause": "管理松懈"}))
    assert set(told.rules) >= {"plan.no_measure", "plan.no_criterion"}, "the old cycle's measures count nothing"


async def test_the_lead_unit_may_report_its_own_rebound_and_nothing_else(world: World) -> None:
    of = case(mode="immediate", deadline={"text": "立行立改", "kind": "immediate"})
    item = await world.carrier.to("closed", of)
    head = await world.carrier.head(of)
    told = await refusal(head.act(item["id"], "reopen", rebound(reason_code="new_evidence")))
    assert told.rules == ["reopen.own_rebound_only"]
    whose = {"unit_id": world.made.units[of.lead], "person_id": world.made.people["unit_head"]}
    measure = {"content": "重新排查并整改", **whose, "due_on": clock.today().isoformat()}
    plan = {"measures": [measure], "criteria": [{"content": "复查合格"}]}
    item = await head.act(item["id"], "reopen", rebound(**plan))
    assert (item["state"], item["cycle"]) == ("rectifying", 2)
    assert (await world.carrier.to("closed", of, item))["state"] == "closed"


async def test_a_closed_item_is_not_reopened_by_a_verifier(world: World) -> None:
    item = await world.item("closed")
    told = await refusal((await world.as_("verifier")).act(item["id"], "reopen", rebound()))
    assert told.told == (403, "forbidden")
