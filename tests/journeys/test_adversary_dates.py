"""Dates an adversary would choose: what is back-dated, far off or without end must not get around a condition."""

from datetime import timedelta

import pytest

from app.core import clock
from app.demo.client import Json
from tests.make.refusals import refusal
from tests.make.world import World, case, words


async def walked(world: World, query: str) -> list[Json]:
    """Every row of a list, page by page."""
    auditor, found, cursor = await world.as_("auditor"), [], ""
    while True:
        page = await auditor.get(f"/items?{query}{cursor}")
        found += page["items"]
        if page["next_cursor"] is None:
            return found
        cursor = f"&cursor={page['next_cursor']}"


@pytest.mark.parametrize("sort", ["due_on", "-due_on"])
async def test_items_without_a_due_date_come_last_and_none_is_lost_on_the_way(world: World, sort: str) -> None:
    ledger = await world.ledger()
    review = str(clock.today() + timedelta(days=90))
    endless = {"text": "长期坚持", "kind": "long_term", "review_on": review}
    waiting = {"text": "签收后30日内", "kind": "days", "days": 30, "day_type": "calendar", "from": "acknowledge"}
    for deadline in (endless, waiting, None, endless, None):
        await world.item("assigned", ledger=ledger, deadline=deadline)
    for _ in range(3):
        await world.item("registered", ledger=ledger)
    found = await walked(world, f"ledger_id={world.made.ledgers[ledger]}&sort={sort}&limit=2")
    assert len({one["id"] for one in found}) == len(found) == 8
    assert [one["due_on"] is None for one in found] == [False] * 2 + [True] * 6


async def test_a_report_dated_before_its_plan_is_refused_and_so_is_all_that_would_lean_on_it(world: World) -> None:
    of = case(major="large_fund")
    item = await world.carrier.to("rectifying", of)
    await world.carrier.work(of, item)
    head = await world.as_("unit_head")
    data = {"summary": "完成", "declared_true": True}
    for long_ago in ("1999-01-01T00:00:00Z", (clock.now() - timedelta(days=3)).isoformat()):
        told = await refusal(head.act(item["id"], "report_completion", data, occurred_at=long_ago))
        assert "occurred_at.before_previous" in told.rules
    assert (await world.read(item))["state"] == "rectifying"


async def test_a_decision_to_void_is_later_than_the_registration(world: World) -> None:
    item = await world.item("registered", major="large_fund")
    office, place = await world.as_("supervision_office"), f"/items/{item['id']}"
    scan = await office.upload(f"{place}/evidence", "纪要.txt", "会议纪要", target_kind="decision")
    body = {
        "purpose": "void", "body": "党组会", "minutes_no": "纪要第1号", "scan_id": scan["id"], "entitled": 8, "present": 8,
        "yes": 8, "no": 0, "decided_at": "2001-01-01T00:00:00Z",
    }  # fmt: skip
    stale = await office.post(f"{place}/decisions", body)
    first = await world.as_("first_responsible")
    void = {"reason_code": "entered_in_error", "reason": "误登记"}
    told = await refusal(first.act(item["id"], "void", void, document={"name": "会议纪要"}))
    assert told.rules == ["decision.void_missing"]
    later = {**body, "decided_at": clock.now().isoformat(), "supersedes_id": stale["id"]}
    await office.post(f"{place}/decisions", later)
    assert (await first.act(item["id"], "void", void, document={"name": "会议纪要"}))["state"] == "voided"


async def test_a_paper_date_takes_nothing_from_the_time_to_decline(world: World) -> None:
    of = case(found_days_ago=60)
    office = await world.as_("supervision_office")
    long_ago = (clock.now() - timedelta(days=30)).isoformat()
    item = await world.carrier.draft(of)
    item = await office.act(item["id"], "submit", occurred_at=long_ago)
    item = await office.act(item["id"], "register", occurred_at=long_ago)
    item = await office.act(item["id"], "assign", world.carrier.assignment(of), occurred_at=long_ago)
    assert item["state"] == "assigned"
    declined = await (await world.head_of(of)).act(item["id"], "decline_assignment", {"reason": "不属本单位职责"})
    assert declined["state"] == "registered"


async def test_working_days_counted_from_the_acknowledgement_need_their_calendar_then(world: World) -> None:
    deadline = {"text": "签收后1个工作日内", "kind": "days", "days": 1, "day_type": "working", "from": "acknowledge"}
    of = case(deadline=deadline)
    item = await world.carrier.to("assigned", of)
    async with world.at(timedelta(days=8 * 365)):
        told = await refusal((await world.head_of(of)).act(item["id"], "acknowledge"))
        assert told.rules == ["deadline.calendar_uncertain"]
    item = await (await world.as_("supervision_office")).act(item["id"], "recall", {"reason": "主体有误"})
    async with world.at(timedelta(days=8 * 365)):
        again = {**world.carrier.assignment(of), "deadline": None}
        told = await refusal((await world.as_("supervision_office")).act(item["id"], "assign", again))
        assert told.rules == ["deadline.calendar_uncertain"]


async def test_an_agreement_to_sustain_is_used_up_when_the_item_comes_back(world: World) -> None:
    of = case()
    item = await world.carrier.to("rectifying", of)
    place, first = f"/items/{item['id']}", await world.as_("first_responsible")
    await first.post(f"{place}/approvals", {"purpose": "sustain", "opinion": "agree"})
    soon = str(clock.today() + timedelta(days=30))
    sustain = {"reason_code": "legacy", "stage_goal": "年内移交", "next_review_on": soon}
    leader = await world.as_("leader")
    await leader.act(item["id"], "enter_sustaining", sustain)
    review = {"result": "needs_work", "summary": "未达到阶段目标"}
    await (await world.as_("supervision_office")).act(item["id"], "stage_review", review)
    told = await refusal(leader.act(item["id"], "enter_sustaining", sustain))
    assert told.rules == ["sustain.not_approved"]


async def test_a_ruling_on_one_assignment_does_not_allow_declining_the_next(world: World) -> None:
    of = case()
    item = await world.carrier.to("assigned", of)
    head, first, office = (
        await world.head_of(of),
        await world.as_("first_responsible"),
        await world.as_("supervision_office"),
    )
    decline = {"reason": "不属本单位职责"}
    agree = {"purpose": "assignment", "opinion": "agree"}
    await first.post(f"/items/{item['id']}/approvals", agree)  # before anything was declined: worth nothing later
    for _ in range(2):
        await head.act(item["id"], "decline_assignment", decline)
        await office.act(item["id"], "assign", world.carrier.assignment(of))
    told = await refusal(head.act(item["id"], "decline_assignment", decline))
    assert told.rules == ["decline_assignment.too_often"]
    await first.post(f"/items/{item['id']}/approvals", agree)
    await head.act(item["id"], "decline_assignment", decline)
    await office.act(item["id"], "assign", world.carrier.assignment(of))
    told = await refusal(head.act(item["id"], "decline_assignment", decline))
    assert told.rules == ["decline_assignment.too_often"]


async def test_what_a_step_has_asked_for_is_corrected_and_not_emptied(world: World) -> None:
    item = await world.item("registered")
    office, place = await world.as_("supervision_office"), f"/items/{item['id']}"
    for name in ("title", "category", "severity", "description", "found_on", "responsible_unit_id"):
        answer = await office.send("PATCH", place, {name: None})
        assert answer.status_code in {409, 422}, name
        if answer.status_code == 409:
            assert [fault["rule"] for fault in answer.json()["errors"]] == [f"describe.required.{name}"]
    described = await office.patch(place, {"title": f"更正：{words()[:8]}", "severity": "major"})
    assert described["severity"] == "major"


async def test_a_category_nobody_has_made_is_refused_wherever_it_is_named(world: World) -> None:
    office = await world.as_("supervision_office")
    submitted, registered = await world.item("submitted"), await world.item("registered")
    part = {"title": "其一", "description": "拆分出的问题", "category": "no_such"}
    for item, action, data in (
        (submitted, "register", {"category": "no_such"}),
        (registered, "reclassify", {"reason": "调整", "category": "no_such"}),
        (registered, "split", {"reason": "两件事", "children": [part, {**part, "title": "其二"}]}),
    ):
        told = await refusal(office.act(item["id"], action, data))
        assert told.rules == ["reference.category_unknown"], action
