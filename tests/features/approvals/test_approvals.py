from __future__ import annotations

import pytest

from tests.features.closeout import world as w
from tests.features.closeout.world import World

AGREE = {"opinion": "agree"}


@pytest.mark.parametrize(
    ("role", "purpose", "status"),
    [
        ("viewer", "assignment", 403),
        ("auditor", "assignment", 403),
        ("verifier", "assignment", 403),
        ("leader", "assignment", 403),
        ("supervision_office", "assignment", 403),
        ("unit_head", "transfer", 403),
        ("first_responsible", "transfer", 403),
        ("first_responsible", "assignment", 201),
        ("supervision_office", "transfer", 201),
        ("leader", "plan", 409),
        ("first_responsible", "sustain", 409),
        ("leader", "closure", 409),
    ],
)
async def test_an_opinion_is_for_its_signer_and_its_season(world: World, role: str, purpose: str, status: int) -> None:
    item = await w.assigned(world)
    answer = await world.post(role, f"{item.path}/approvals", {"purpose": purpose, **AGREE})
    assert answer.status_code == status
    if status == 409:
        assert answer.json()["code"] == "child_frozen"


async def test_an_opinion_records_the_role_it_was_given_in(world: World) -> None:
    item = await w.in_review(world)
    for role in ("leader", "first_responsible"):
        made = await world.ok(role, f"{item.path}/approvals", {"purpose": "plan", **AGREE, "comment": "同意"})
        assert (made["role"], made["step"], made["signer_id"]) == (role, None, str(world.people[role].id))
    listed = await world.read("viewer", f"{item.path}/approvals")
    assert [row["role"] for row in listed["items"]] == ["leader", "first_responsible"]
    assert (await world.read("viewer", f"{item.path}/approvals?cycle=2"))["items"] == []


async def test_whoever_wrote_the_plan_gives_no_opinion_on_it(world: World) -> None:
    item = await w.in_review(world)
    await world.org.grant(world.people["liaison"].id, "leader", world.root)
    await world.org.grant(world.people["liaison"].id, "unit_head", world.bureau)
    answer = await world.post("liaison", f"{item.path}/approvals", {"purpose": "plan", **AGREE})
    assert (answer.status_code, w.rules_of(answer)) == (409, ["separation.plan_author"])


async def test_a_countersignature_never_moves_the_chain(world: World) -> None:
    item = await w.closing(world)
    made = await world.ok("first_responsible", f"{item.path}/approvals", {"purpose": "closure", **AGREE})
    assert (made["role"], made["step"], made["closing_round"]) == ("first_responsible", None, 1)
    assert (await world.read("viewer", item.path))["state"] == "closing"
    found = await world.read("viewer", f"{item.path}/closing-readiness")
    assert [link["signed"] for link in found["chain"]] == [False, False, False]
    answer = await world.post("supervision_office", f"{item.path}/approvals", {"purpose": "closure", **AGREE})
    assert answer.status_code == 403  # not on the chain of this item


async def test_whoever_judged_the_first_gate_does_not_countersign(world: World) -> None:
    item = await w.closing(world)
    await world.org.grant(world.people["verifier"].id, "leader", world.root)
    answer = await world.post("verifier", f"{item.path}/approvals", {"purpose": "closure", **AGREE})
    assert (answer.status_code, w.rules_of(answer)) == (409, ["separation.problem_judge"])


async def test_a_delegate_signs_with_both_names_and_only_for_those_who_lent_the_role(world: World) -> None:
    item = await w.in_review(world)
    deputy, principal = await world.org.person(), world.people["leader"]
    await world.org.delegation(principal.id, deputy.id, "leader")
    path, body = f"{item.path}/approvals", {"purpose": "plan", **AGREE}
    made = await world.ok(deputy, path, body)
    assert (made["signer_id"], made["on_behalf_of"]) == (str(deputy.id), str(principal.id))
    other = str(world.people["first_responsible"].id)
    assert (await world.post(deputy, path, {**body, "on_behalf_of": other})).status_code == 403
    named = await world.ok(deputy, path, {**body, "on_behalf_of": str(principal.id)})
    assert named["on_behalf_of"] == str(principal.id)


async def test_the_date_on_paper_is_not_in_the_future(world: World) -> None:
    item = await w.assigned(world)
    body = {"purpose": "transfer", **AGREE, "occurred_at": "2199-01-01T00:00:00Z"}
    answer = await world.post("supervision_office", f"{item.path}/approvals", body)
    assert (answer.status_code, w.rules_of(answer)) == (409, ["occurred_at.future"])


async def test_comments_on_a_restricted_item_are_masked(world: World) -> None:
    item = await w.assigned(world, confidentiality="restricted")
    body = {"purpose": "transfer", **AGREE, "comment": "线索已核"}
    await world.ok("supervision_office", f"{item.path}/approvals", body)
    hidden = (await world.read("viewer", f"{item.path}/approvals"))["items"][0]
    assert (hidden["comment"], hidden["masked_fields"]) == (None, ["comment"])
    shown = (await world.read("discipline_office", f"{item.path}/approvals"))["items"][0]
    assert (shown["comment"], shown["masked_fields"]) == ("线索已核", [])


async def test_a_stage_review_is_listed_after_its_transition(world: World) -> None:
    item = await w.rectifying(world)
    await world.ok("first_responsible", f"{item.path}/approvals", {"purpose": "sustain", **AGREE})
    data = {"reason_code": "legacy", "stage_goal": "每季度核对一次", "next_review_on": w.soon()}
    await world.done("leader", item, "enter_sustaining", data)
    result = {"result": "on_track", "summary": "按计划推进", "next_review_on": w.soon()}
    await world.done("supervision_office", item, "stage_review", result)
    found = (await world.read("viewer", f"{item.path}/stage-reviews"))["items"]
    assert [(row["result"], row["summary"]) for row in found] == [("on_track", "按计划推进")]
