"""Whom an adversary would be: administrators, delegates, readers of other units; what must stay closed to them."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from app.core import clock
from app.demo.client import Json
from tests.journeys.test_delegation import lend, take_back
from tests.make.refusals import refusal
from tests.make.world import World, case, words

VISIT = {"invited": 3, "satisfied": 3, "basically_satisfied": 0, "dissatisfied": 0}


async def test_whoever_manages_access_gets_no_other_power_by_it(world: World) -> None:
    security, people, units = await world.as_("security_admin"), world.made.people, world.made.units
    own = people["security_admin"]
    grant = {"role": "supervision_office", "unit_id": units["bureau"], "starts_on": str(clock.today())}
    assert (await refusal(security.post(f"/people/{own}/roles", grant))).told == (409, "administrators_must_differ")
    grant = {"role": "system_admin", "unit_id": units["bureau"], "starts_on": str(clock.today())}
    told = await refusal(security.post(f"/people/{people['liaison']}/roles", grant))
    assert told.told == (409, "administrators_must_differ")
    lent = {
        "principal_id": people["first_responsible"], "delegate_id": own, "roles": ["first_responsible"], "reason": "出差",
        "starts_on": str(clock.today()), "ends_on": str(clock.today()),
    }  # fmt: skip
    assert (await refusal(security.post("/delegations", lent))).told == (409, "administrators_must_differ")


def key_for(world: World, person: str | None, *scopes: str) -> Json:
    return {
        "name": "脚本", "unit_id": world.made.units["bureau"], "scopes": list(scopes),
        "person_id": None if person is None else world.made.people[person],
        "expires_at": (clock.now() + timedelta(days=1)).isoformat(),
    }  # fmt: skip


async def test_a_key_that_acts_as_somebody_is_made_by_that_person_alone(world: World) -> None:
    item = await world.item("registered")
    security, first = await world.as_("security_admin"), await world.as_("first_responsible")
    told = await refusal(security.post("/api-keys", key_for(world, "first_responsible", "item:read", "item:act")))
    assert told.told == (403, "forbidden")
    told = await refusal(first.post("/api-keys", key_for(world, None, "item:read")))
    assert told.told == (403, "forbidden")
    told = await refusal(first.post("/api-keys", key_for(world, "first_responsible", "item:read", "gate:judge")))
    assert (told.told, told.rules) == ((409, "conflict"), ["scope_not_held"])
    made = await first.post("/api-keys", key_for(world, "first_responsible", "item:read", "item:act"))
    assert [key["id"] for key in (await first.get("/api-keys"))["items"]] == [made["id"]]
    assert made["id"] in {key["id"] for key in (await security.get("/api-keys?limit=200"))["items"]}
    other = await world.as_("leader")
    assert (await other.send("GET", f"/api-keys/{made['id']}")).status_code == 404
    assert (await other.send("DELETE", f"/api-keys/{made['id']}")).status_code == 404
    client = world.made.connect()
    client.headers["Authorization"] = f"Bearer {made['secret']}"
    body = {
        "action": "void",
        "data": {"reason_code": "entered_in_error", "reason": "误登记"},
        "document": {"name": "纪要"},
    }
    headers = {"If-Match": "*", "Idempotency-Key": uuid4().hex}
    voided = await client.post(f"/v1/items/{item['id']}/transitions", json=body, headers=headers)
    assert voided.status_code == 201, voided.text
    again = await client.post("/v1/api-keys", json=key_for(world, "first_responsible", "item:read"), headers=headers)
    assert again.status_code == 403
    await client.aclose()
    assert (await security.send("DELETE", f"/api-keys/{made['id']}")).status_code == 204


async def test_who_had_somebody_else_report_does_not_sign_what_was_reported(world: World) -> None:
    of = case(lead="service")
    item = await world.carrier.to("rectifying", of)
    await world.carrier.work(of, item)
    lent = await lend(world, "unit_head_service", "viewer", "unit_head")
    security = await world.as_("security_admin")
    grant = {"role": "first_responsible", "unit_id": world.made.units["bureau"], "starts_on": str(clock.today())}
    principal = world.made.people["unit_head_service"]
    held = await security.post(f"/people/{principal}/roles", grant)
    try:
        data = {"summary": "完成", "declared_true": True}
        viewer = await world.as_("viewer")
        moved = await viewer.post(f"/items/{item['id']}/transitions", {"action": "report_completion", "data": data})
        assert moved["transition"]["actor"]["on_behalf_of"] == principal
        item = await world.carrier.to("closing", of, moved["item"])
        for signer in ("leader", "discipline_office"):
            await (await world.as_(signer)).act(item["id"], "approve_closure")
        told = await refusal((await world.as_("unit_head_service")).act(item["id"], "approve_closure"))
        assert "separation.submitter" in told.rules
    finally:
        await take_back(world, "unit_head_service", lent)
        await security.send("DELETE", f"/people/{principal}/roles/{held['id']}")


async def test_who_had_somebody_else_write_the_plan_does_not_approve_it(world: World) -> None:
    of = case(lead="station")
    item = await world.carrier.to("planning", of)
    lent = await lend(world, "unit_head_station", "viewer", "unit_head")
    security = await world.as_("security_admin")
    grant = {"role": "leader", "unit_id": world.made.units["bureau"], "starts_on": str(clock.today())}
    principal = world.made.people["unit_head_station"]
    held = await security.post(f"/people/{principal}/roles", grant)
    try:
        viewer, place = await world.as_("viewer"), f"/items/{item['id']}"
        whose = {"unit_id": world.made.units["station"], "person_id": principal, "due_on": item["due_on"]}
        await viewer.post(f"{place}/measures", {"content": "由受托人编制", **whose})
        await viewer.post(f"{place}/criteria", {"content": "由受托人编制"})
        events = (await viewer.get(f"{place}/events?type=item.measure_added,item.criterion_added"))["items"]
        assert {event["actor"]["on_behalf_of"] for event in events} == {principal}
    finally:
        await take_back(world, "unit_head_station", lent)
    item = await world.carrier.submit_plan(of, item)
    try:
        told = await refusal((await world.as_("unit_head_station")).act(item["id"], "approve_plan"))
        assert told.rules == ["separation.plan_author"]
    finally:
        await security.send("DELETE", f"/people/{principal}/roles/{held['id']}")


async def test_how_single_people_answered_is_known_to_who_asked_them_and_nobody_else(world: World) -> None:
    item = await world.item("verifying")
    runner, place = await world.as_("survey_runner"), f"/items/{item['id']}"
    scan = await runner.upload(f"{place}/evidence", "回访记录张三李四.txt", f"回访 {item['id']}", target_kind="survey")
    readers = {
        name: await world.as_(name) for name in ("liaison", "unit_head", "viewer", "leader", "supervision_office")
    }

    async def hidden() -> None:
        for name, reader in readers.items():
            listed = (await reader.get(f"{place}/evidence?target_kind=survey"))["items"]
            assert [(one["file_name"], one["sha256"]) for one in listed] == [(None, None)], name
            assert (await reader.send("GET", f"{place}/evidence/{scan['id']}/content")).status_code == 404, name

    await hidden()
    survey = {
        **VISIT,
        "unknown": 0,
        "invalid": 0,
        "unanswered_named": 0,
        "held_on": str(clock.today()),
        "scan_id": scan["id"],
    }
    body = {"gate": "people_satisfied", "survey": survey, "comment": "张三、李四均表示满意"}
    made = await runner.post(f"{place}/gates", body)
    assert made["survey"]["kind"] == "return_visit"
    await hidden()
    for name, reader in readers.items():
        told = [
            await reader.send("GET", f"{place}{path}")
            for path in ("/gates", "/events?limit=200", f"/gates/{made['id']}")
        ]
        assert not any("张三" in answer.text for answer in told), name
    for name in ("survey_runner", "discipline_office", "auditor"):
        confidant = await world.as_(name)
        assert (await confidant.send("GET", f"{place}/evidence/{scan['id']}/content")).status_code == 200, name


async def test_the_scan_of_an_anonymous_survey_is_open_to_those_who_see_the_item(world: World) -> None:
    item = await world.item("verifying")
    await world.carrier.survey(item)
    viewer = await world.as_("viewer")
    [scan] = (await viewer.get(f"/items/{item['id']}/evidence?target_kind=survey"))["items"]
    assert scan["file_name"] == "测评票汇总.txt"


async def test_people_who_said_no_are_not_waived_away_by_a_second_survey_nobody_answered(world: World) -> None:
    item = await world.item("verifying")
    await world.carrier.survey(item, satisfied=3, dissatisfied=12, basically_satisfied=0)
    nobody = await world.carrier.survey(item, satisfied=0, basically_satisfied=0, dissatisfied=0)
    assert nobody["result"] == "not_evaluable"
    waiver = {"gate": "people_satisfied", "waiver": {"reason": "无法测评"}}
    told = await refusal((await world.as_("leader_2")).post(f"/items/{item['id']}/gates", waiver))
    assert told.rules == ["gate.people_satisfied.survey_failed"]


async def test_a_look_alike_is_told_to_nobody_who_may_not_read_it(world: World) -> None:
    text = {"title": f"举报线索{words()[:10]}", "description": words()}
    await world.item("registered", of=case(confidentiality="restricted", lead="finance", **text))
    for account in ("liaison", "supervision_office"):
        draft = await world.carrier.draft(case(finder=account, **text))
        found = await (await world.as_(account)).get(f"/items/{draft['id']}/duplicates")
        assert found["items"] == [], account


async def test_the_same_problem_registered_twice_at_once_is_asked_about(world: World) -> None:
    text = {"title": f"重复登记{words()[:10]}", "description": words()}
    office = await world.as_("supervision_office")
    drafts = [await world.carrier.to("submitted", case(**text)) for _ in range(6)]
    answers = await asyncio.gather(
        *(
            office.send("POST", f"/items/{one['id']}/transitions", {"action": "register", "data": {}})
            for one in drafts[:4]
        )
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    refused = next(answer.json() for answer in answers if answer.status_code == 409)
    [first] = [fault for fault in refused["errors"] if fault["rule"] == "register.duplicate_unanswered"][:1]
    assert first["score_permille"] == 1000
    assert first["item_id"] in {one["id"] for one in drafts}


async def test_twins_in_one_batch_and_a_twin_without_a_unit_are_asked_about(world: World) -> None:
    text = {"title": f"同批登记{words()[:10]}", "description": words()}
    office = await world.as_("supervision_office")
    drafts = [await world.carrier.to("submitted", case(**text)) for _ in range(2)]
    batch: dict[str, Any] = {
        "action": "register", "mode": "partial", "items": [{"id": one["id"], "version": one["version"]} for one in drafts],
    }  # fmt: skip
    told = await office.post("/items:batchTransition", batch)
    assert [one["status"] for one in told["items"]] == [201, 409]
    free = f"free_{uuid4().hex[:8]}"
    schema = {"name_zh": "其他", "name_en": "Other", "json_schema": {"type": "object", "additionalProperties": False}}
    await (await world.as_("system_admin")).put(f"/source-types/{free}", schema, if_match=None)
    bare = await world.carrier.to(
        "submitted", case(**{**text, "source": {"type": free}, "more": {"responsible_unit_id": None}})
    )
    told_bare = await refusal(office.act(bare["id"], "register"))
    assert "register.duplicate_unanswered" in told_bare.rules


async def test_my_page_counts_no_draft_of_somebody_else(world: World) -> None:
    await world.carrier.draft(case(finder="unit_head"))
    viewer_like = await world.as_("supervision_office")
    mine = await viewer_like.get("/me")
    listed = await viewer_like.get("/items?waiting_for=me&limit=1&include=total")
    assert mine["waiting_total"] == listed["total"]


async def test_nobody_who_left_is_said_to_be_next(world: World) -> None:
    item = await world.item("planning", lead="finance")
    system, person = await world.as_("system_admin"), world.made.people["unit_head_finance"]
    movers = {one for mover in (await world.read(item))["next_movers"] for one in mover["person_ids"]}
    assert person in movers
    await system.patch(f"/people/{person}", {"active": False})
    try:
        page = await (await world.as_("auditor")).get(f"/items?number={item['number']}")
        for told in (await world.read(item), page["items"][0]):
            assert person not in {one for mover in told["next_movers"] for one in mover["person_ids"]}
    finally:
        await system.patch(f"/people/{person}", {"active": True})


async def test_what_a_part_says_is_in_its_own_history_only(world: World) -> None:
    item = await world.item("registered")
    secret = f"拆分文字{words()[:10]}"
    parts = [{"title": secret, "description": secret}, {"title": "其二", "description": "另一部分"}]
    office = await world.as_("supervision_office")
    await office.act(item["id"], "split", {"reason": "两件事", "children": parts})
    answer = await office.send("GET", f"/items/{item['id']}/events")
    assert secret not in answer.text


async def test_readiness_is_told_after_the_chain_of_the_ledger_has_changed(world: World) -> None:
    ledger = await world.ledger()
    item = await world.item("verifying", ledger=ledger)
    await world.carrier.judge_solved(item, met=False)
    data = {"deficiencies": ["仍有缺项"], "redo_by": str(clock.today() + timedelta(days=20))}
    await (await world.as_("verifier")).act(item["id"], "fail_verification", data)
    first, place = await world.as_("first_responsible"), f"/ledgers/{world.made.ledgers[ledger]}/policies"
    rules = (await first.get(f"{place}/1"))["rules"]
    rules["approval_chain"] = rules["approval_chain"][-1:]
    await first.post(place, {"expected_version": 1, "reason": "简化审批", "rules": rules})
    told = await (await world.as_("auditor")).get(f"/items/{item['id']}/closing-readiness")
    assert [step["role"] for step in told["chain"]] == ["first_responsible"]


async def test_a_big_batch_is_carried_out_whole(world: World) -> None:
    office = await world.as_("supervision_office")
    items = [await world.carrier.to("registered", case()) for _ in range(22)]
    data = {"reason": "拆分", "children": [{"title": f"第{n}部分", "description": words()} for n in range(20)]}
    batch = {"action": "split", "mode": "atomic", "items": [
        {"id": one["id"], "version": one["version"], "data": data} for one in items
    ]}  # fmt: skip
    told = await office.post("/items:batchTransition", batch)
    assert told["summary"] == {"total": 22, "succeeded": 22, "failed": 0}


async def test_many_merged_into_one_are_one_step_of_it(world: World) -> None:
    office, target = await world.as_("supervision_office"), await world.item("registered")
    items = [await world.item("registered") for _ in range(3)]
    data = {"target_id": target["id"], "reason": "同一事实"}
    batch = {"action": "merge", "mode": "atomic", "items": [
        {"id": one["id"], "version": one["version"], "data": data} for one in items
    ]}  # fmt: skip
    await office.post("/items:batchTransition", batch)
    read = await world.read(target)
    assert {origin["from_item_id"] for origin in read["origins"]} == {one["id"] for one in items}
    assert read["version"] == target["version"] + 1
    last = (await office.get(f"/items/{target['id']}/events?limit=200"))["items"][-1]
    assert sorted(last["fields"]["from_item_ids"]) == sorted(one["id"] for one in items)


async def test_a_batch_can_void_with_the_document_it_needs(world: World) -> None:
    items = [await world.item("registered") for _ in range(2)]
    data = {"reason_code": "entered_in_error", "reason": "误登记"}
    batch = {"action": "void", "mode": "atomic", "items": [
        {"id": one["id"], "version": one["version"], "document": {"name": "会议纪要"}, "data": data} for one in items
    ]}  # fmt: skip
    told = await (await world.as_("first_responsible")).post("/items:batchTransition", batch)
    assert {one["state"] for one in told["items"]} == {"voided"}


async def test_an_external_reference_in_use_is_named(world: World) -> None:
    reference = {"external_ref": {"system": "oa", "id": uuid4().hex}}
    await world.carrier.draft(case(more=reference))
    told = await refusal(world.carrier.draft(case(more=reference)))
    assert (told.told, told.problem["errors"][0]["pointer"]) == ((409, "duplicate_value"), "/external_ref")


@pytest.mark.parametrize(
    "mark", ["机密★半年", "机密★壹年", "秘密★至2030年1月1日", "机密★ 不超过6个月", "机密✶1年", "机密⋆1年"]
)
async def test_a_secrecy_mark_is_refused_in_forms_too(world: World, mark: str) -> None:
    system = await world.as_("system_admin")
    schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": {"note": {"type": "string", "title": mark, "maxLength": 100}},
    }
    body = {"name_zh": "来源", "name_en": "Source", "json_schema": schema}
    told = await refusal(system.put(f"/source-types/mark_{uuid4().hex[:8]}", body, if_match=None))
    assert told.told == (422, "classified_text")


async def test_too_many_passwords_at_once_are_as_slow_as_one_after_another(world: World) -> None:
    http = world.made.connect()
    wrong = [http.post("/v1/auth/token", data={"username": "viewer", "password": "wrong"}) for _ in range(30)]
    answers = [answer.status_code for answer in await asyncio.gather(*wrong)]
    await http.aclose()
    assert answers.count(401) <= 5
    assert set(answers) == {401, 429}
