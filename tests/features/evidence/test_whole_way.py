"""From plan to completion report over HTTP alone: what is written freezes, and what is cited stays."""

from __future__ import annotations

from typing import Any

import httpx2

from app.access.actor import SYSTEM
from app.core import clock
from app.features.ledgers.seeds import seed_dictionaries
from tests.features.evidence.test_evidence import PDF, kept
from tests.features.rectify.desk import Desk, delete, key, made, patch, refused

DEADLINE: dict[str, Any] = {
    "text": "2030年6月底前", "kind": "date", "date": "2030-06-30", "days": None, "day_type": "working", "from": "notice",
    "continuing": False, "milestones": [], "review_on": None, "original_date": "2030-06-30", "extensions": 0,
}  # fmt: skip


async def act(client: httpx2.AsyncClient, item: str, action: str, **data: Any) -> None:
    headers = {**key(), "If-Match": "*"}
    answer = await client.post(f"/v1/items/{item}/transitions", json={"action": action, "data": data}, headers=headers)
    assert answer.status_code == 201, answer.text


async def test_an_item_is_planned_worked_off_evidenced_and_reported_complete(desk: Desk) -> None:
    await desk.office.db.write(lambda tx: seed_dictionaries(tx, SYSTEM, clock.now()))
    item = await desk.item("planning", mode="immediate", deadline=DEADLINE)
    measure = await made(
        desk.lead,
        f"{item}/measures",
        {
            "content": "清理合同", "unit_id": str(desk.office.units["bureau"]), "due_on": "2029-12-31",
            "person_id": await desk.person_of(desk.lead),
        },
    )  # fmt: skip
    criterion = await made(desk.lead, f"{item}/criteria", {"content": "台账完整"})
    await act(desk.lead, item, "submit_plan", root_cause="制度缺失")

    plan = (await desk.lead.get(f"/v1/items/{item}/plans/1")).json()
    assert [one["id"] for one in plan["content"]["measures"]] == [measure["id"]]
    assert plan["author_ids"] == [await desk.person_of(desk.lead)]
    assert refused(await patch(desk.lead, f"{item}/criteria/{criterion['id']}", {"content": "x"})) == (
        409,
        "child_frozen",
    )

    shown = await kept(desk.lead, item, target_kind="criterion", target_id=criterion["id"])
    spare = await kept(desk.lead, item, target_kind="item")
    await patch(desk.lead, f"{item}/measures/{measure['id']}", {"status": "done"})
    await act(desk.lead, item, "report_completion", summary="已经整改到位", declared_true=True)

    submission = (await desk.watcher.get(f"/v1/items/{item}/submissions/1")).json()
    assert (submission["summary"], submission["submitted_by"]) == ("已经整改到位", await desk.person_of(desk.lead))
    cited = (await desk.watcher.get(f"/v1/items/{item}/evidence")).json()["items"]
    assert {one["id"]: one["cited"] for one in cited} == {shown["id"]: True, spare["id"]: False}
    for evidence in (shown, spare):
        assert refused(await delete(desk.lead, f"{item}/evidence/{evidence['id']}")) == (409, "child_frozen")
    assert (await desk.verifier.get(f"/v1/items/{item}/evidence/{shown['id']}/content")).content == PDF

    await act(desk.lead, item, "withdraw_completion", reason="尚缺一份验收单")
    assert refused(await delete(desk.lead, f"{item}/evidence/{shown['id']}")) == (409, "child_frozen")
    assert (await delete(desk.lead, f"{item}/evidence/{spare['id']}")).status_code == 204
