"""长期坚持: its own state, looked at every half year."""

from datetime import timedelta

from app.core import clock
from app.demo.client import Json
from tests.make.refusals import refusal
from tests.make.world import World, case


def in_days(days: int) -> str:
    return (clock.today() + timedelta(days=days)).isoformat()


def entering(days: int = 120) -> Json:
    return {"reason_code": "legacy", "stage_goal": "每季度压降一成", "next_review_on": in_days(days)}


async def test_entering_it_takes_the_first_responsible_and_a_review_within_half_a_year(world: World) -> None:
    item = await world.item("rectifying")
    leader, first = await world.as_("leader"), await world.as_("first_responsible")
    told = await refusal(leader.act(item["id"], "enter_sustaining", entering(200)))
    assert set(told.rules) == {"sustain.not_approved", "review.too_far"}
    opinion = {"purpose": "sustain", "opinion": "disagree"}
    await first.post(f"/items/{item['id']}/approvals", opinion)
    told = await refusal(leader.act(item["id"], "enter_sustaining", entering()))
    assert told.rules == ["sustain.not_approved"]
    await first.post(f"/items/{item['id']}/approvals", {**opinion, "opinion": "agree"})
    item = await leader.act(item["id"], "enter_sustaining", entering())
    assert (item["state"], item["next_review_on"]) == ("sustaining", in_days(120))


async def test_stage_reviews_keep_it_going_or_send_it_back_to_work(world: World) -> None:
    of = case(mode="sustained", deadline={"text": "长期坚持", "kind": "long_term", "review_on": in_days(90)})
    item = await world.carrier.to("sustaining", of)
    assert (item["due_on"], item["next_review_on"]) == (None, in_days(90))
    office = await world.as_("supervision_office")
    told = await refusal(office.act(item["id"], "stage_review", {"result": "on_track", "summary": "进展正常"}))
    assert told.rules == ["review.missing"]
    for days in (60, 150):
        data = {"result": "on_track", "summary": "进展正常", "next_review_on": in_days(days)}
        item = await office.act(item["id"], "stage_review", data)
        assert (item["state"], item["next_review_on"]) == ("sustaining", in_days(days))
    item = await office.act(item["id"], "stage_review", {"result": "needs_work", "summary": "出现反弹"})
    assert item["state"] == "rectifying"
    reviews = (await office.get(f"/items/{item['id']}/stage-reviews"))["items"]
    assert [review["result"] for review in reviews] == ["on_track", "on_track", "needs_work"]
    assert (await world.carrier.to("closed", of, item))["state"] == "closed"


async def test_a_continuing_duty_is_closed_once_and_looked_back_at(world: World) -> None:
    deadline = {"text": "月底前完成，并长期坚持", "kind": "date", "date": in_days(30), "continuing": True}
    item = await world.item("closed", case(deadline=deadline))
    assert in_days(150) <= item["next_look_back_on"] <= in_days(184)
    assert item["deadline"]["text"] == "月底前完成，并长期坚持"
