"""Carrying the plan out: status of measures, progress reports, outcomes, and reading completion reports."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from app.core import clock
from app.lifecycle.effect import ChildUpdate
from app.lifecycle.measure_status import Report, settled
from app.tables.rectify import Measure
from tests.features.rectify.desk import Desk, delete, key, made, patch, post, refused, rules

REPORT = {
    "content": "已清理合同120份",
    "reported_on": "2026-03-01",
    "assessment": "in_progress",
    "next_step": "继续清理",
}
INSTITUTION = {"kind": "institution", "name": "合同管理办法", "quantity": 1, "quantity_unit": "项"}
FROZEN = ["draft", "planning", "plan_review", "verifying", "closing", "public_notice", "closed", "transferred"]


async def measure_of(desk: Desk, state: str = "rectifying", **fields: Any) -> tuple[str, str]:
    item = await desk.item()
    measure = await made(desk.lead, f"{item}/measures", {"content": "清理合同", **fields})
    await desk.change(item, state=state)
    return item, measure["id"]


@pytest.mark.parametrize("state", ["rectifying", "sustaining"])
async def test_a_measure_that_is_done_is_complete_as_of_today(desk: Desk, state: str) -> None:
    item, measure = await measure_of(desk, state)
    answer = await patch(desk.lead, f"{item}/measures/{measure}", {"status": "done"})
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert (shown["status"], shown["percent"], shown["done_on"]) == ("done", 100, clock.today().isoformat())
    row = await desk.office.db.fetchrow("SELECT measures_done, progress_percent FROM item WHERE id = $1", item)
    assert row is not None
    assert tuple(row) == (1, 100)
    assert (await desk.events(item))[-1] == "item.measure_progressed"
    answer = await patch(desk.lead, f"{item}/measures/{measure}", {"status": "not_started"})
    assert (answer.json()["percent"], answer.json()["done_on"]) == (0, None)


async def test_the_percentage_of_an_item_weighs_its_measures(desk: Desk) -> None:
    item = await desk.item()
    heavy = await made(desk.lead, f"{item}/measures", {"content": "a", "weight": 3})
    await made(desk.lead, f"{item}/measures", {"content": "b", "weight": 1})
    await desk.change(item, state="rectifying")
    await patch(desk.lead, f"{item}/measures/{heavy['id']}", {"percent": 40})
    assert await desk.office.db.fetchval("SELECT progress_percent FROM item WHERE id = $1", item) == 30


def test_status_percentage_and_date_always_tell_one_story() -> None:
    today = clock.today()
    fresh = {"status": "not_started", "percent": 0, "done_on": None}
    done = {"status": "done", "percent": 100, "done_on": today - timedelta(days=9)}
    assert settled(fresh, Report(percent=0), today) == fresh
    assert settled(fresh, Report(percent=100), today) == {"status": "done", "percent": 100, "done_on": today}
    assert settled(done, Report(percent=60), today) == {"status": "in_progress", "percent": 60, "done_on": None}
    assert settled(done, Report(percent=100), today) == done
    assert settled(done, Report(percent=0), today)["status"] == "in_progress"


async def test_the_unit_and_the_person_of_a_measure_report_its_status_and_nobody_elses(desk: Desk) -> None:
    worker = await desk.office.person("assignee", unit="section")
    item = await desk.item()
    theirs = await made(desk.lead, f"{item}/measures", {"content": "a", "unit_id": str(desk.office.units["other"])})
    named = await made(desk.lead, f"{item}/measures", {"content": "b", "person_id": await desk.person_of(worker)})
    await desk.change(item, state="rectifying")
    assert (await patch(desk.helper, f"{item}/measures/{theirs['id']}", {"percent": 10})).status_code == 200
    assert refused(await patch(desk.helper, f"{item}/measures/{named['id']}", {"percent": 10})) == (403, "forbidden")
    assert (await patch(worker, f"{item}/measures/{named['id']}", {"percent": 10})).status_code == 200
    assert refused(await patch(worker, f"{item}/measures/{theirs['id']}", {"percent": 10})) == (403, "forbidden")
    assert refused(await patch(desk.watcher, f"{item}/measures/{theirs['id']}", {"percent": 9})) == (403, "forbidden")


@pytest.mark.parametrize("state", FROZEN)
async def test_progress_and_outcomes_wait_for_the_work_and_end_with_it(desk: Desk, state: str) -> None:
    item, measure = await measure_of(desk)
    outcome = await made(desk.lead, f"{item}/outcomes", INSTITUTION)
    number = {"number": None} if state == "draft" else {}
    watcher = {"finder_unit_id": desk.office.units["bureau"]} if state == "draft" else {}
    await desk.change(item, state=state, **number, **watcher)
    version = await desk.version(item)
    answers = [
        await patch(desk.lead, f"{item}/measures/{measure}", {"status": "done"}),
        await post(desk.lead, f"{item}/progress", REPORT),
        await post(desk.lead, f"{item}/outcomes", INSTITUTION),
        await delete(desk.lead, f"{item}/outcomes/{outcome['id']}"),
    ]
    assert [refused(answer) for answer in answers] == [(409, "child_frozen")] * 4
    assert await desk.version(item) == version


async def test_a_report_moves_its_measure_and_is_the_latest_word_on_the_item(desk: Desk) -> None:
    item, measure = await measure_of(desk)
    answer = await post(desk.lead, f"{item}/progress", REPORT | {"measure_id": measure, "percent": 60})
    assert answer.status_code == 201, answer.text
    report = answer.json()
    assert report | REPORT == report
    assert (await desk.lead.get(answer.headers["location"])).json() == report
    shown = (await desk.lead.get(f"/v1/items/{item}/measures/{measure}")).json()
    assert (shown["status"], shown["percent"]) == ("in_progress", 60)
    assert (await desk.events(item))[-1] == "item.progress_reported"
    told = await desk.disclosed(item)
    assert json.loads(told["measure"])["percent"] == 60
    assert json.loads(told["progress"])["content"] == REPORT["content"]
    latest = await desk.office.db.fetchval("SELECT progress_latest FROM item WHERE id = $1", item)
    assert latest == {"reported_on": "2026-03-01", "assessment": "in_progress", "content": REPORT["content"]}


async def test_a_report_entered_late_does_not_displace_a_later_one(desk: Desk) -> None:
    item = await desk.item("rectifying")
    await made(desk.lead, f"{item}/progress", REPORT)
    await made(desk.lead, f"{item}/progress", REPORT | {"reported_on": "2026-02-01", "content": "补录二月情况"})
    latest = await desk.office.db.fetchval("SELECT progress_latest FROM item WHERE id = $1", item)
    assert latest["content"] == REPORT["content"]
    listed = (await desk.lead.get(f"/v1/items/{item}/progress")).json()["items"]
    assert [report["content"] for report in listed] == [REPORT["content"], "补录二月情况"]


async def test_a_helping_unit_reports_on_its_own_measure_only(desk: Desk) -> None:
    item, own = await measure_of(desk, unit_id=str(desk.office.units["other"]))
    assert refused(await post(desk.helper, f"{item}/progress", REPORT)) == (403, "forbidden")
    answer = await post(desk.helper, f"{item}/progress", REPORT | {"measure_id": own, "percent": 100})
    assert answer.status_code == 201
    assert refused(await post(desk.helper, f"{item}/progress", REPORT | {"measure_id": str(uuid4())})) == (
        404, "not_found",
    )  # fmt: skip


async def test_a_program_reports_progress_but_sets_no_percentage(desk: Desk) -> None:
    item, measure = await measure_of(desk)
    program = await desk.program("item:read", "progress:write")
    answer = await post(program, f"{item}/progress", REPORT | {"measure_id": measure})
    assert answer.status_code == 201, answer.text
    assert answer.json()["author_id"] is None
    answer = await post(program, f"{item}/progress", REPORT | {"measure_id": measure, "percent": 5})
    assert refused(answer) == (403, "forbidden")
    assert refused(await patch(program, f"{item}/measures/{measure}", {"percent": 5})) == (403, "forbidden")
    reader = await desk.program("item:read")
    assert refused(await post(reader, f"{item}/progress", REPORT)) == (403, "forbidden")


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("progress", REPORT | {"reported_on": "2199-01-01"}, "date_in_the_future"),
        ("progress", REPORT | {"percent": 5}, "measure_missing"),
        ("progress", REPORT | {"assessment": "perfect"}, "enum"),
        ("progress", REPORT | {"content": "内容属秘密★5年"}, "classified_text"),
        ("outcomes", {"kind": "recovered_funds", "name": "退款"}, "amount_missing"),
        ("outcomes", {"kind": "recovered_funds", "name": "退款", "amount_fen": -1}, "greater_than_equal"),
        ("outcomes", {"kind": "recovered_funds", "name": "退款", "amount_fen": 1.5}, "int_type"),
        ("outcomes", INSTITUTION | {"amount_fen": 5}, "amount_misplaced"),
        ("outcomes", {"kind": "physical", "name": "护栏", "quantity": 3}, "quantity_incomplete"),
    ],
)
async def test_what_cannot_be_meant_is_refused_with_its_reason(
    desk: Desk, path: str, body: dict[str, Any], code: str
) -> None:
    item = await desk.item("rectifying")
    answer = await post(desk.lead, f"{item}/{path}", body)
    assert (answer.status_code, rules(answer)) == (422, [code])
    assert await desk.version(item) == 1


async def test_an_outcome_is_recorded_and_taken_back(desk: Desk) -> None:
    item = await desk.item("rectifying")
    body = {"kind": "recovered_funds", "name": "追回多付工程款", "amount_fen": 1_234_567, "achieved_on": "2026-05-01"}
    outcome = await made(desk.lead, f"{item}/outcomes", body)
    assert outcome | body == outcome
    assert (await desk.lead.get(f"/v1/items/{item}/outcomes/{outcome['id']}")).json() == outcome
    path = f"{item}/outcomes/{outcome['id']}"
    assert refused(await delete(desk.lead, path, None)) == (428, "precondition_required")
    assert refused(await delete(desk.lead, path, '"v1"')) == (412, "version_mismatch")
    assert refused(await delete(desk.helper, path)) == (403, "forbidden")
    assert (await delete(desk.lead, path, '"v2"')).status_code == 204
    assert (await desk.lead.get(f"/v1/items/{item}/outcomes")).json()["items"] == []
    assert await desk.events(item) == ["item.outcome_added", "item.outcome_removed"]
    assert json.loads((await desk.disclosed(item))["outcome"])["amount_fen"] == 1_234_567


async def test_a_measure_that_was_adjusted_away_takes_no_more_progress(desk: Desk) -> None:
    item, measure = await measure_of(desk)
    await desk.change(item, updates=[ChildUpdate(Measure, {"id": UUID(measure)}, {"status": "adjusted_away"})])
    assert refused(await patch(desk.lead, f"{item}/measures/{measure}", {"percent": 5})) == (409, "child_frozen")
    answer = await post(desk.lead, f"{item}/progress", REPORT | {"measure_id": measure, "percent": 5})
    assert refused(answer) == (409, "child_frozen")


async def test_a_retried_report_is_kept_once(desk: Desk) -> None:
    item = await desk.item("rectifying")
    headers = key()
    first, second = [await post(desk.lead, f"{item}/progress", REPORT, **headers) for _ in range(2)]
    assert first.json() == second.json()
    assert second.headers["idempotent-replayed"] == "true"
    assert await desk.events(item) == ["item.progress_reported"]


async def test_restricted_work_is_masked_for_the_helping_unit(desk: Desk) -> None:
    item = await desk.item("rectifying", confidentiality="restricted")
    await made(desk.lead, f"{item}/progress", REPORT)
    await made(desk.lead, f"{item}/outcomes", INSTITUTION)
    await desk.submission(item)
    report = (await desk.helper.get(f"/v1/items/{item}/progress")).json()["items"][0]
    assert (report["content"], report["next_step"], report["assessment"]) == (None, None, "in_progress")
    assert report["masked_fields"] == ["content", "next_step"]
    assert (await desk.helper.get(f"/v1/items/{item}/outcomes")).json()["items"][0]["name"] is None
    assert (await desk.helper.get(f"/v1/items/{item}/submissions/1")).json()["summary"] is None
    assert (await desk.lead.get(f"/v1/items/{item}/submissions/1")).json()["summary"] == "全部措施已经落实"


async def test_a_secret_stub_takes_no_report(desk: Desk) -> None:
    item = await desk.item("rectifying", confidentiality="secret_stub", title="")
    assert refused(await post(desk.lead, f"{item}/progress", REPORT)) == (409, "child_frozen")
    assert refused(await post(desk.lead, f"{item}/outcomes", INSTITUTION)) == (409, "child_frozen")


async def test_what_was_written_before_an_item_became_a_stub_is_read_by_nobody(desk: Desk) -> None:
    item = await desk.item("rectifying")
    await made(desk.lead, f"{item}/progress", REPORT)
    await desk.change(item, confidentiality="secret_stub")
    assert (await desk.lead.get(f"/v1/items/{item}/progress")).json()["items"][0]["content"] is None


async def test_completion_reports_are_read_by_their_number(desk: Desk) -> None:
    item = await desk.item("rectifying")
    await desk.submission(item)
    listed = (await desk.watcher.get(f"/v1/items/{item}/submissions")).json()["items"]
    assert [(one["submission_no"], one["declared_true"]) for one in listed] == [(1, True)]
    assert (await desk.watcher.get(f"/v1/items/{item}/submissions/1")).json() == listed[0]
    assert refused(await desk.watcher.get(f"/v1/items/{item}/submissions/2")) == (404, "not_found")
