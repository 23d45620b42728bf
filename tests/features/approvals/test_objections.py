from __future__ import annotations

from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from app.core import clock
from tests.features.closeout import world as w
from tests.features.closeout.world import Item, World


@pytest.fixture
async def world(app: FastAPI) -> World:
    return await w.build(app, notice_required=True)


async def noticed(world: World) -> Item:
    item = await w.closing(world, confidentiality="public")
    for role in ("leader", "discipline_office", "first_responsible"):
        await world.done(role, item, "approve_closure")
    assert (await world.read("viewer", item.path))["state"] == "public_notice"
    return item


def objection(**more: Any) -> dict[str, Any]:
    return {"content": "台账仍有缺页", "contact": "王五 13800000000", "received_on": clock.today().isoformat(), **more}


async def rule(world: World, role: str, item: Item, objection_id: str, **headers: str) -> httpx2.Response:
    body = {"ruling": "dismissed", "reason": "经复核账页齐全"}
    given = {**world.people[role].headers, **headers}
    return await world.http.patch(f"{item.path}/objections/{objection_id}", json=body, headers=given)


async def test_an_objection_is_lodged_by_one_and_ruled_by_another_who_judged_nothing(world: World) -> None:
    item = await noticed(world)
    made = await world.ok("clerk", f"{item.path}/objections", objection())
    found = await world.read("viewer", f"{item.path}/closing-readiness")
    assert "notice.objection_open" in [missing["rule"] for missing in found["guards"]]
    answer = await rule(world, "clerk", item, made["id"], **{"If-Match": "*"})
    assert (answer.status_code, w.rules_of(answer)) == (409, ["separation.objection_lodger"])
    answer = await rule(world, "supervision_office", item, made["id"], **{"If-Match": "*"})
    assert (answer.status_code, w.rules_of(answer)) == (409, ["separation.adequate_judge"])
    world.people["neutral"] = await world.org.person(("supervision_office", world.root))
    assert (await rule(world, "neutral", item, made["id"])).status_code == 428
    assert (await rule(world, "neutral", item, made["id"], **{"If-Match": '"v1"'})).status_code == 412
    tag = (await world.get("neutral", item.path)).headers["ETag"]
    answer = await rule(world, "neutral", item, made["id"], **{"If-Match": tag})
    assert (answer.status_code, answer.json()["ruling"]) == (200, "dismissed")
    answer = await rule(world, "neutral", item, made["id"], **{"If-Match": "*"})
    assert (answer.status_code, answer.json()["code"]) == (409, "child_frozen")
    found = await world.read("viewer", f"{item.path}/closing-readiness")
    assert [missing["rule"] for missing in found["guards"]] == ["notice.running"]


async def test_only_two_offices_learn_who_objected(world: World) -> None:
    item = await noticed(world)
    await world.ok("clerk", f"{item.path}/objections", objection())
    for role in ("supervision_office", "discipline_office"):
        assert (await world.read(role, f"{item.path}/objections"))["items"][0]["contact"] == "王五 13800000000"
    for role in ("viewer", "auditor", "leader", "unit_head", "first_responsible"):
        hidden = (await world.read(role, f"{item.path}/objections"))["items"][0]
        assert (hidden["contact"], hidden["content"], hidden["masked_fields"]) == (None, "台账仍有缺页", ["contact"])
        alone = await world.read(role, f"{item.path}/objections/{hidden['id']}")
        assert alone == hidden


async def test_objections_belong_to_the_notice(world: World) -> None:
    early = await w.closing(world)
    answer = await world.post("clerk", f"{early.path}/objections", objection())
    assert (answer.status_code, answer.json()["code"]) == (409, "child_frozen")
    item = await noticed(world)
    for day, expected in (("2199-01-01", "objection.received_in_future"), ("2020-01-01", "objection.before_notice")):
        answer = await world.post("clerk", f"{item.path}/objections", objection(received_on=day))
        assert (answer.status_code, w.rules_of(answer)) == (409, [expected])
    for role in ("viewer", "leader", "discipline_office", "unit_head"):
        assert (await world.post(role, f"{item.path}/objections", objection())).status_code == 403


async def test_upholding_an_objection_is_a_transition_and_not_a_ruling(world: World) -> None:
    item = await noticed(world)
    made = await world.ok("clerk", f"{item.path}/objections", objection())
    headers = {**world.people["clerk"].headers, "If-Match": "*"}
    body = {"ruling": "upheld", "reason": "属实"}
    answer = await world.http.patch(f"{item.path}/objections/{made['id']}", json=body, headers=headers)
    assert answer.status_code == 422
    missing = "018f0000-0000-7000-8000-000000000000"
    assert (await rule(world, "clerk", item, missing, **{"If-Match": "*"})).status_code == 404
