"""公示: the window is counted in working days, and an objection holds it open."""

from datetime import UTC, date, datetime, timedelta

from app.core import clock
from app.core.clock import BEIJING
from app.demo.client import Json
from tests.make.refusals import refusal
from tests.make.world import World, case

BEFORE_THE_HOLIDAY = datetime(2026, 9, 30, 2, tzinfo=UTC)
DISMISSED = {"ruling": "dismissed", "reason": "经核实，反映的情况发生在整改之前"}


async def noticed(world: World) -> Json:
    return await world.item("public_notice", case(ledger="public", confidentiality="public"))


def last_day(item: Json) -> date:
    return date.fromisoformat(item["notice_ends_on"])


def late_on(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 23, 59, tzinfo=BEIJING)


async def test_a_notice_over_national_day_ends_by_working_days(world: World) -> None:
    """E41; counted here from the published days off and make-up days."""
    async with world.at(BEFORE_THE_HOLIDAY):
        item = await noticed(world)
        calendar = await (await world.as_("auditor")).get("/meta/calendars?year=2026")
    special = {date.fromisoformat(day["on"]): day["kind"] for day in calendar["days"]}
    counted, day = 0, date(2026, 9, 30)
    while counted < 5:
        day += timedelta(days=1)
        counted += special.get(day, "holiday" if day.weekday() >= 5 else "workday") == "workday"
    assert last_day(item) == day
    assert day - date(2026, 9, 30) >= timedelta(days=12)


async def test_a_notice_runs_to_the_end_of_its_last_day_in_beijing(world: World) -> None:
    item = await noticed(world)
    ends = last_day(item)
    async with world.at(late_on(ends)):
        office = await world.as_("supervision_office")
        told = await refusal(office.act(item["id"], "finish_notice"))
        assert told.rules == ["notice.running"]
    async with world.at(late_on(ends) + timedelta(minutes=2)):
        item = await (await world.as_("supervision_office")).act(item["id"], "finish_notice")
    assert (item["state"], item["disposition"]) == ("closed", "fixed")


async def test_an_objection_of_the_last_day_holds_the_notice_open_until_somebody_else_rules_on_it(world: World) -> None:
    """E42."""
    item = await noticed(world)
    ends = last_day(item)
    async with world.at(late_on(ends)):
        office = await world.as_("supervision_office")
        body = {"content": "仍有两户没有恢复供水", "received_on": ends.isoformat(), "contact": "010-0000"}
        lodged = await office.post(f"/items/{item['id']}/objections", body)
    async with world.at(late_on(ends) + timedelta(days=1)):
        office, other = await world.as_("supervision_office"), await world.as_("supervision_office_2")
        told = await refusal(office.act(item["id"], "finish_notice"))
        assert told.rules == ["notice.objection_open"]
        told = await refusal(office.patch(f"/items/{item['id']}/objections/{lodged['id']}", DISMISSED))
        assert told.told == (409, "separation_of_duties")
        assert set(told.rules) == {"separation.adequate_judge", "separation.objection_lodger"}
        await other.patch(f"/items/{item['id']}/objections/{lodged['id']}", DISMISSED)
        assert (await office.act(item["id"], "finish_notice"))["state"] == "closed"


async def test_an_objection_that_is_upheld_sends_the_item_back_to_work(world: World) -> None:
    item = await noticed(world)
    async with world.at(timedelta(days=1)):
        body = {"content": "现场未恢复", "received_on": clock.today().isoformat()}
        office, other = await world.as_("supervision_office"), await world.as_("supervision_office_2")
        lodged = await office.post(f"/items/{item['id']}/objections", body)
        data = {"objection_id": lodged["id"], "reason": "现场核实属实"}
        told = await refusal(office.act(item["id"], "uphold_objection", data))
        assert told.told == (409, "separation_of_duties")
        item = await other.act(item["id"], "uphold_objection", data)
    assert (item["state"], item["notice_ends_on"], item["completed_at"]) == ("rectifying", None, None)
    objections = (await (await world.as_("auditor")).get(f"/items/{item['id']}/objections"))["items"]
    assert [one["ruling"] for one in objections] == ["upheld"]


async def test_what_is_not_public_is_closed_without_a_notice(world: World) -> None:
    item = await world.item("closed", case(ledger="public", confidentiality="internal"))
    assert item["notice_ends_on"] is None
