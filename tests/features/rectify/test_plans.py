"""Measures and criteria: written while the plan is made, frozen afterwards."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from tests.features.rectify.desk import Desk, delete, key, made, patch, post, refused, rules

MEASURE = {"content": "逐份清理2023年以来的合同", "kind": "institution", "weight": 3}
CRITERION = {"content": "每份合同都有台账编号", "is_physical": True}


async def test_the_lead_unit_writes_a_measure_and_the_item_counts_it(desk: Desk) -> None:
    item = await desk.item()
    body = MEASURE | {"unit_id": str(desk.office.units["other"]), "due_on": "2027-03-31"}
    answer = await post(desk.lead, f"{item}/measures", body)
    assert answer.status_code == 201, answer.text
    measure = answer.json()
    assert measure | body == measure
    assert (measure["status"], measure["percent"], measure["cycle"], measure["masked_fields"]) == (
        "not_started", 0, 1, []
    )  # fmt: skip
    assert measure["author_id"] == await desk.person_of(desk.lead)
    assert answer.headers["location"] == f"/v1/items/{item}/measures/{measure['id']}"
    assert answer.headers["etag"].startswith('"v2.')
    assert (await desk.lead.get(answer.headers["location"])).json() == measure
    assert await desk.events(item) == ["item.measure_added"]
    assert json.loads((await desk.disclosed(item))["measure"])["content"] == MEASURE["content"]
    row = await desk.office.db.fetchrow("SELECT measures_total FROM item WHERE id = $1", item)
    assert row is not None
    assert row["measures_total"] == 1


async def test_naming_a_person_in_a_measure_shows_the_item_to_that_person(desk: Desk) -> None:
    item = await desk.item()
    worker = await desk.office.person(unit="section")
    assert (await worker.get(f"/v1/items/{item}/measures")).status_code == 404
    person = await desk.person_of(worker)
    measure = await made(desk.lead, f"{item}/measures", MEASURE | {"person_id": person})
    assert (await worker.get(f"/v1/items/{item}/measures")).json()["items"][0]["person_id"] == person
    assert (await patch(desk.lead, f"{item}/measures/{measure['id']}", {"person_id": None})).status_code == 200
    assert (await worker.get(f"/v1/items/{item}/measures")).status_code == 404


async def test_a_change_of_content_needs_the_version_one_has_read(desk: Desk) -> None:
    item = await desk.item()
    measure = await made(desk.lead, f"{item}/measures", MEASURE)
    path = f"{item}/measures/{measure['id']}"
    assert refused(await patch(desk.lead, path, {"weight": 5}, None)) == (428, "precondition_required")
    stale = await patch(desk.lead, path, {"weight": 5}, '"v1"')
    assert refused(stale) == (412, "version_mismatch")
    assert stale.json()["current_version"] == 2
    answer = await patch(desk.lead, path, {"weight": 5, "kind": None}, '"v2"')
    assert (answer.status_code, answer.json()["weight"], answer.json()["kind"]) == (200, 5, None)
    assert answer.headers["etag"].startswith('"v3.')
    assert json.loads((await desk.disclosed(item))["measure"]) == {"id": measure["id"], "weight": 5, "kind": None}


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"content": "x", "status": "done"}, "content_with_status"),
        ({}, "nothing_to_change"),
        ({"content": None}, "not_null"),
        ({"status": "adjusted_away"}, "literal_error"),
        ({"status": "done", "percent": 50}, "status_contradiction"),
        ({"status": "not_started", "percent": 1}, "status_contradiction"),
        ({"status": "in_progress", "percent": 100}, "status_contradiction"),
        ({"done_on": "2026-01-01"}, "status_contradiction"),
        ({"status": "done", "done_on": "2199-01-01"}, "date_in_the_future"),
        ({"content": "机密★10年"}, "classified_text"),
        ({"position": 1}, "extra_forbidden"),
        ({"weight": 0}, "greater_than_equal"),
    ],
)
async def test_a_change_that_makes_no_sense_is_told_what_is_wrong(desk: Desk, body: dict[str, Any], code: str) -> None:
    item = await desk.item("rectifying")
    answer = await patch(desk.lead, f"{item}/measures/{uuid4()}", body)
    assert (answer.status_code, rules(answer)) == (422, [code])


async def test_unknown_units_and_people_are_named_together(desk: Desk) -> None:
    item = await desk.item()
    answer = await post(desk.lead, f"{item}/measures", MEASURE | {"unit_id": str(uuid4()), "person_id": str(uuid4())})
    assert refused(answer) == (409, "guards_unmet")
    assert rules(answer) == ["reference.unit_unknown", "reference.person_unknown"]
    assert await desk.version(item) == 1


@pytest.mark.parametrize("child", ["measures", "criteria"])
@pytest.mark.parametrize(
    "state",
    [
        "registered",
        "plan_review",
        "rectifying",
        "sustaining",
        "verifying",
        "closing",
        "public_notice",
        "closed",
        "voided",
    ],
)
async def test_the_plan_is_frozen_outside_planning(desk: Desk, child: str, state: str) -> None:
    item = await desk.item()
    content = MEASURE if child == "measures" else CRITERION
    path = f"{item}/{child}/{(await made(desk.lead, f'{item}/{child}', content))['id']}"
    await desk.change(item, state=state)
    version = await desk.version(item)
    answers = [
        await post(desk.lead, f"{item}/{child}", content),
        await patch(desk.lead, path, {"content": "换一种做法"}),
        await delete(desk.lead, path),
    ]
    assert [refused(answer) for answer in answers] == [(409, "child_frozen")] * 3
    assert answers[0].json()["current_state"] == state
    assert await desk.version(item) == version


@pytest.mark.parametrize("child", ["measures", "criteria"])
async def test_only_the_lead_unit_plans(desk: Desk, child: str) -> None:
    item = await desk.item()
    content = MEASURE if child == "measures" else CRITERION
    one = await made(desk.lead, f"{item}/{child}", content)
    for client in (desk.helper, desk.watcher, desk.verifier):
        assert refused(await post(client, f"{item}/{child}", content)) == (403, "forbidden")
        assert refused(await patch(client, f"{item}/{child}/{one['id']}", {"content": "x"})) == (403, "forbidden")
        assert refused(await delete(client, f"{item}/{child}/{one['id']}")) == (403, "forbidden")


async def test_an_item_out_of_scope_does_not_exist_for_anybody(desk: Desk) -> None:
    item = await desk.item()
    stranger = await desk.office.person("unit_head", unit="section")
    for path in ("measures", "criteria", "plans", "progress", "outcomes", "submissions", "evidence"):
        assert refused(await stranger.get(f"/v1/items/{item}/{path}")) == (404, "not_found")
    assert refused(await post(stranger, f"{item}/measures", MEASURE)) == (404, "not_found")
    assert refused(await post(desk.lead, f"{uuid4()}/measures", MEASURE)) == (404, "not_found")
    assert refused(await desk.lead.get(f"/v1/items/{item}/measures/{uuid4()}")) == (404, "not_found")


async def test_a_retry_with_the_same_key_adds_one_measure(desk: Desk) -> None:
    item = await desk.item()
    headers = key()
    first, second = [await post(desk.lead, f"{item}/measures", MEASURE, **headers) for _ in range(2)]
    assert first.json() == second.json()
    assert second.headers["idempotent-replayed"] == "true"
    assert second.headers["etag"] == first.headers["etag"]
    reused = await post(desk.lead, f"{item}/measures", MEASURE | {"weight": 9}, **headers)
    assert refused(reused) == (422, "idempotency_key_reused")
    assert await desk.events(item) == ["item.measure_added"]
    keyless = await desk.lead.post(f"/v1/items/{item}/measures", json=MEASURE)
    assert refused(keyless) == (400, "idempotency_key_required")


async def test_measures_are_read_page_by_page_in_the_order_they_were_written(desk: Desk) -> None:
    item = await desk.item()
    ids = [(await made(desk.lead, f"{item}/measures", MEASURE))["id"] for _ in range(5)]
    seen: list[str] = []
    cursor: dict[str, Any] = {}
    while True:
        page = (
            await desk.lead.get(f"/v1/items/{item}/measures", params={"limit": 2, "include": "total", **cursor})
        ).json()
        assert (page["total"], page["total_relation"]) == (5, "eq")
        seen += [measure["id"] for measure in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == ids
    foreign = await desk.lead.get(f"/v1/items/{item}/criteria", params={"cursor": cursor["cursor"]})
    assert refused(foreign) == (400, "invalid_cursor")


async def test_a_removed_measure_is_remembered_and_no_longer_counts(desk: Desk) -> None:
    item = await desk.item()
    measure = await made(desk.lead, f"{item}/measures", MEASURE)
    answer = await delete(desk.lead, f"{item}/measures/{measure['id']}", '"v2"')
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["etag"].startswith('"v3.')
    assert (await desk.lead.get(f"/v1/items/{item}/measures")).json()["items"] == []
    assert await desk.events(item) == ["item.measure_added", "item.measure_removed"]
    assert json.loads((await desk.disclosed(item))["measure"])["content"] == MEASURE["content"]
    assert await desk.office.db.fetchval("SELECT measures_total FROM item WHERE id = $1", item) == 0


async def test_a_criterion_is_written_changed_and_removed(desk: Desk) -> None:
    item = await desk.item("assigned")
    one = await made(desk.lead, f"{item}/criteria", CRITERION)
    assert one | CRITERION == one
    answer = await patch(desk.lead, f"{item}/criteria/{one['id']}", {"is_physical": False})
    assert (answer.json()["is_physical"], answer.json()["content"]) == (False, CRITERION["content"])
    assert (await desk.lead.get(f"/v1/items/{item}/criteria/{one['id']}")).json() == answer.json()
    assert await desk.office.db.fetchval("SELECT criteria_total FROM item WHERE id = $1", item) == 1
    assert (await delete(desk.lead, f"{item}/criteria/{one['id']}")).status_code == 204
    assert await desk.office.db.fetchval("SELECT criteria_total FROM item WHERE id = $1", item) == 0
    assert await desk.events(item) == ["item.criterion_added", "item.criterion_changed", "item.criterion_removed"]


async def test_an_earlier_cycle_is_listed_by_number_and_stays_as_it_was(desk: Desk) -> None:
    item = await desk.item()
    measure = await made(desk.lead, f"{item}/measures", MEASURE)
    await desk.change(item, cycle=2)
    assert (await desk.lead.get(f"/v1/items/{item}/measures")).json()["items"] == []
    old = (await desk.lead.get(f"/v1/items/{item}/measures", params={"cycle": 1})).json()["items"]
    assert [entry["id"] for entry in old] == [measure["id"]]
    path = f"{item}/measures/{measure['id']}"
    assert refused(await patch(desk.lead, path, {"content": "改写历史"})) == (409, "child_frozen")
    assert refused(await delete(desk.lead, path)) == (409, "child_frozen")
    await desk.change(item, state="rectifying")
    assert refused(await patch(desk.lead, path, {"status": "done"})) == (409, "child_frozen")


async def test_a_secret_stub_takes_no_text(desk: Desk) -> None:
    item = await desk.item(confidentiality="secret_stub", title="")
    for child, body in (("measures", MEASURE), ("criteria", CRITERION)):
        answer = await post(desk.lead, f"{item}/{child}", body)
        assert refused(answer) == (409, "child_frozen")
        assert "涉密" in answer.json()["detail"]


async def test_restricted_plans_are_masked_for_the_helping_unit(desk: Desk) -> None:
    item = await desk.item(confidentiality="restricted")
    unit = str(desk.office.units["other"])
    measure = await made(desk.lead, f"{item}/measures", MEASURE | {"unit_id": unit})
    assert measure["masked_fields"] == []
    await made(desk.lead, f"{item}/criteria", CRITERION)
    await desk.plan(item, {"root_cause": "制度缺失", "measures": []})
    shown = (await desk.helper.get(f"/v1/items/{item}/measures")).json()["items"][0]
    assert (shown["content"], shown["person_id"], shown["unit_id"]) == (None, None, unit)
    assert shown["masked_fields"] == ["content", "person_id"]
    assert (await desk.helper.get(f"/v1/items/{item}/criteria")).json()["items"][0]["content"] is None
    plan = (await desk.helper.get(f"/v1/items/{item}/plans/1")).json()
    assert (plan["content"], plan["decision_note"]) == (None, None)
    assert (await desk.lead.get(f"/v1/items/{item}/plans/1")).json()["content"]["root_cause"] == "制度缺失"


async def test_a_plan_version_shows_what_was_submitted(desk: Desk) -> None:
    item = await desk.item()
    await desk.plan(item, {"root_cause": "制度缺失", "measures": [MEASURE], "criteria": []})
    listed = (await desk.watcher.get(f"/v1/items/{item}/plans")).json()["items"]
    assert [(plan["plan_version"], plan["status"], plan["decision_note"]) for plan in listed] == [
        (1, "returned", "措施不具体")
    ]
    answer = await desk.watcher.get(f"/v1/items/{item}/plans/1")
    assert answer.json() == listed[0]
    again = await desk.watcher.get(f"/v1/items/{item}/plans/1", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert refused(await desk.watcher.get(f"/v1/items/{item}/plans/2")) == (404, "not_found")
    assert refused(await desk.watcher.get(f"/v1/items/{item}/plans/eins")) == (404, "not_found")
