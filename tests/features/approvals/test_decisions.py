from __future__ import annotations

from typing import Any

import pytest
from fastapi import FastAPI

from tests.features.closeout import world as w
from tests.features.closeout.world import Item, World

LARGE_FUND = {"kind": "large_fund", "basis": "三重一大制度第七条"}
PERSONNEL = {"kind": "key_personnel", "basis": "三重一大制度第五条"}


async def paper(world: World, item: Item, purpose: str, votes: tuple[int, int, int], **more: Any) -> dict[str, Any]:
    """`votes` are those entitled, those present and the yes votes; everybody else present voted no."""
    entitled, present, yes = votes
    scan = await world.evidence("supervision_office", item, "decision")
    return {
        "purpose": purpose, "body": "党委会", "decided_at": w.just_now(), "minutes_no": "纪要〔2026〕12号",
        "scan_id": scan, "entitled": entitled, "present": present, "yes": yes, "no": present - yes, **more,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("matter", "votes", "result"),
    [
        (LARGE_FUND, (7, 4, 4), "passed"),  # E1: quorate as an ordinary matter
        (PERSONNEL, (7, 4, 4), "not_quorate"),  # E1: two thirds of seven are more than four
        (LARGE_FUND, (8, 4, 4), "rejected"),  # E2: quorate, but four of eight is not more than half
        (PERSONNEL, (6, 4, 4), "passed"),  # E3: exactly two thirds present
    ],
)
async def test_the_result_follows_from_the_count(
    world: World, matter: dict[str, str], votes: tuple[int, int, int], result: str
) -> None:
    item = await w.in_review(world, major_matter=matter)
    made = await world.ok("supervision_office", f"{item.path}/decisions", await paper(world, item, "plan", votes))
    assert (made["result"], made["plan_version"], made["submission_no"]) == (result, 1, None)
    answer = await world.act("leader", item, "approve_plan")
    assert answer.status_code == (201 if result == "passed" else 409)
    if result != "passed":
        assert w.rules_of(answer) == ["decision.plan_missing"]


async def test_a_stated_result_must_be_the_computed_one(world: World) -> None:
    item = await w.in_review(world, major_matter=LARGE_FUND)
    body = await paper(world, item, "plan", (8, 4, 4), result="passed")
    answer = await world.post("supervision_office", f"{item.path}/decisions", body)
    assert (answer.status_code, w.rules_of(answer)) == (409, ["decision.result_differs"])
    await world.ok("supervision_office", f"{item.path}/decisions", {**body, "result": "rejected"})


async def test_an_impossible_count_is_refused_with_every_rule_it_breaks(world: World) -> None:
    item, other = await w.in_review(world), await w.in_review(world)
    body = await paper(world, other, "plan", (3, 5, 5), no=4, decided_at="2199-01-01T00:00:00Z")
    answer = await world.post("supervision_office", f"{item.path}/decisions", body)
    assert (answer.status_code, w.rules_of(answer)) == (
        409,
        [
            "decision.more_present_than_entitled",
            "decision.more_votes_than_present",
            "reference.evidence_unknown",
            "decision.in_future",
        ],
    )
    assert (await world.read("viewer", f"{item.path}/decisions"))["items"] == []


async def test_a_decision_older_than_the_completion_report_closes_nothing(world: World) -> None:
    item = await w.in_review(world, major_matter=LARGE_FUND)
    await world.ok("supervision_office", f"{item.path}/decisions", await paper(world, item, "plan", (7, 7, 7)))
    await world.done("leader", item, "approve_plan")
    before = w.just_now()
    await w.judged(world, await w.reported(world, await w.worked_off(world, item)))
    stale = await paper(world, item, "closure", (7, 7, 7), decided_at=before)
    made = await world.ok("first_responsible", f"{item.path}/decisions", stale)
    await world.done("supervision_office", item, "pass_verification")
    answer = await world.act("leader", item, "approve_closure")
    assert (answer.status_code, w.rules_of(answer)) == (409, ["decision.closure_missing"])
    body = await paper(world, item, "closure", (7, 7, 7), supersedes_id=made["id"])
    fresh = await world.ok("supervision_office", f"{item.path}/decisions", body)
    assert (fresh["submission_no"], fresh["plan_version"]) == (1, None)
    await world.done("leader", item, "approve_closure")


async def test_a_reconsideration_takes_the_place_of_the_standing_decision(world: World) -> None:
    item = await w.in_review(world, major_matter=LARGE_FUND)
    path = f"{item.path}/decisions"
    first = await world.ok("supervision_office", path, await paper(world, item, "plan", (7, 7, 3)))
    again = await paper(world, item, "plan", (7, 7, 7))
    answer = await world.post("supervision_office", path, again)
    assert (answer.status_code, w.rules_of(answer)) == (409, ["decision.supersedes_standing"])
    early = {**again, "supersedes_id": first["id"], "decided_at": first["decided_at"]}
    assert w.rules_of(await world.post("supervision_office", path, early)) == ["decision.not_later"]
    second = await world.ok("supervision_office", path, {**again, "supersedes_id": first["id"]})
    late = {**again, "supersedes_id": first["id"], "decided_at": w.just_now()}
    assert w.rules_of(await world.post("supervision_office", path, late)) == ["decision.supersedes_standing"]
    listed = (await world.read("viewer", path))["items"]
    assert [(row["result"], row["supersedes_id"]) for row in listed] == [("rejected", None), ("passed", first["id"])]
    alone = await world.get("viewer", f"{path}/{second['id']}")
    assert (alone.status_code, alone.json()["supersedes_id"]) == (200, first["id"])
    await world.done("leader", item, "approve_plan")


@pytest.mark.parametrize("role", ["viewer", "auditor", "leader", "verifier", "discipline_office", "unit_head"])
async def test_only_the_office_and_the_first_responsible_record_decisions(world: World, role: str) -> None:
    item = await w.in_review(world)
    body = await paper(world, item, "plan", (7, 7, 7))
    assert (await world.post(role, f"{item.path}/decisions", body)).status_code == 403


async def test_each_purpose_has_its_season(world: World) -> None:
    item = await w.in_review(world)
    for purpose, status in (("closure", 409), ("sustain", 409), ("void", 201), ("plan", 201)):
        answer = await world.post(
            "supervision_office", f"{item.path}/decisions", await paper(world, item, purpose, (3, 3, 3))
        )
        assert answer.status_code == status
        if status == 409:
            assert answer.json()["code"] == "child_frozen"


async def test_a_ledger_may_ask_for_more_than_half(app: FastAPI) -> None:
    rule = {"majority": {"share": {"num": 2, "den": 3}, "strict": False, "base": "present"}}
    world = await w.build(app, decision_rule=rule)
    item = await w.in_review(world)
    made = await world.ok("supervision_office", f"{item.path}/decisions", await paper(world, item, "plan", (9, 6, 4)))
    assert (made["result"], made["rule"]["majority"]["base"]) == ("passed", "present")
