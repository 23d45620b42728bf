"""线下销号回录: closed on paper first, recorded later, and flagged for ever (E43)."""

from datetime import timedelta

from app.core import clock
from app.demo.client import Json
from tests.make.refusals import refusal
from tests.make.world import World


async def scan(world: World, item: Json) -> str:
    office = await world.as_("supervision_office")
    place = f"/items/{item['id']}/evidence"
    found: str = (await office.upload(place, "签批单.txt", "签批单扫描", target_kind="decision"))["id"]
    return found


async def paper(world: World, item: Json, decider: str = "first_responsible") -> Json:
    decided_by = world.made.people[decider]
    return {"decider_id": decided_by, "document_no": "签批〔2026〕9号", "scan_id": await scan(world, item)}


async def test_a_closing_recorded_twenty_days_late_counts_from_its_paper_date_and_is_flagged(world: World) -> None:
    item = await world.item("closing")
    signed_at = clock.now().replace(microsecond=0) + timedelta(hours=1)
    data = await paper(world, item)
    async with world.at(timedelta(days=20)):
        office = await world.as_("supervision_office_2")
        item = await office.act(item["id"], "record_offline_closure", data, occurred_at=signed_at.isoformat())
        events = (await office.get(f"/items/{item['id']}/transitions?limit=200"))["items"]
    assert (item["state"], item["closed_offline"]) == ("closed", True)
    assert item["closed_at"] == signed_at.isoformat().replace("+00:00", "Z")
    last = next(event for event in events if event["action"] == "record_offline_closure")
    assert last["recorded_at"] > (signed_at + timedelta(days=19)).isoformat()
    assert last["occurred_at"] == item["closed_at"]


async def test_paper_does_not_get_past_a_gate_a_date_or_the_separation_of_duties(world: World) -> None:
    item = await world.item("verifying")
    data = await paper(world, item)
    async with world.at(timedelta(days=2)):
        office = await world.as_("supervision_office_2")
        signed = {"occurred_at": clock.now().isoformat()}
        told = await refusal(office.act(item["id"], "record_offline_closure", data, **signed))
        assert told.rules == [
            "gate.problem_solved.pending", "gate.rectification_adequate.pending", "gate.people_satisfied.pending",
        ]  # fmt: skip
        await world.carrier.judge(item)
        for changes, rule in (
            ({"decider_id": world.made.people["viewer"]}, "offline.decider_role"),
            ({"scan_id": world.made.people["viewer"]}, "offline.scan_missing"),
        ):
            told = await refusal(office.act(item["id"], "record_offline_closure", {**data, **changes}, **signed))
            assert told.rules == [rule]
        told = await refusal(office.act(item["id"], "record_offline_closure", data))
        assert told.rules == ["offline.paper_date_missing"]
        long_ago = (clock.now() - timedelta(days=10)).isoformat()
        told = await refusal(office.act(item["id"], "record_offline_closure", data, occurred_at=long_ago))
        assert told.rules == ["offline.before_submission", "occurred_at.before_previous"]
        ahead = (clock.now() + timedelta(days=1)).isoformat()
        told = await refusal(office.act(item["id"], "record_offline_closure", data, occurred_at=ahead))
        assert told.rules == ["occurred_at.future"]
    assert (await world.read(item))["state"] == "verifying"


async def test_rectifying_never_leads_to_closed_by_paper(world: World) -> None:
    item = await world.item("rectifying")
    data = await paper(world, item)
    told = await refusal((await world.as_("supervision_office")).act(item["id"], "record_offline_closure", data))
    assert told.told == (409, "transition_not_allowed")
