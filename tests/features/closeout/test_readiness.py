from __future__ import annotations

from typing import Any

import pytest

from app.core import clock
from app.lifecycle.readiness import NEXT
from app.lifecycle.states import TERMINAL, State
from app.lifecycle.transitions import BY_ACTION
from tests.features.closeout import world as w
from tests.features.closeout.world import Item, World


async def told(world: World, item: Item, role: str = "viewer") -> dict[str, Any]:
    return await world.read(role, f"{item.path}/closing-readiness")


def rules(missing: list[dict[str, Any]]) -> list[str]:
    return [entry["rule"] for entry in missing]


@pytest.mark.parametrize("state", [state for state in State if state not in TERMINAL | {State.CLOSED}])
def test_every_state_that_is_not_an_end_has_one_action_that_leads_on(state: State) -> None:
    assert state in BY_ACTION[NEXT[state]].sources


async def test_while_work_goes_on_it_names_what_the_completion_report_would_be_refused_for(world: World) -> None:
    item = await w.rectifying(world)
    found = await told(world, item)
    refused = await world.act("unit_head", item, "report_completion", {"summary": "完成", "declared_true": True})
    assert rules(found["guards"]) == ["completion.not_reported", *w.rules_of(refused)]
    assert (found["state"], found["next_action"], found["ready"]) == ("rectifying", "report_completion", False)
    assert found["guards"][1]["who"] == ["unit_head", "liaison"]
    assert [rules(gate["missing"]) for gate in found["gates"]] == [
        ["gate.problem_solved.not_submitted"],
        ["gate.rectification_adequate.not_submitted"],
        ["gate.people_satisfied.not_submitted"],
    ]


async def test_while_gates_are_judged_it_says_who_judges_and_it_agrees_with_the_refusal(world: World) -> None:
    item = await w.verifying(world)
    await world.ok("verifier", f"{item.path}/gates", item.solved())
    await world.ok("survey_runner", f"{item.path}/gates", w.survey(item.proofs[0], 16, 0, 3))
    found = await told(world, item)
    refused = await world.act("supervision_office", item, "pass_verification")
    assert [gate["missing"][0]["rule"] for gate in found["gates"] if gate["missing"]] == w.rules_of(refused)
    assert [rules(gate["missing"]) for gate in found["gates"]] == [
        [],
        ["gate.rectification_adequate.pending"],
        ["gate.people_satisfied.failed", "gate.people_satisfied.below_threshold"],
    ]
    assert found["gates"][1]["missing"][0]["who"] == ["supervision_office"]
    assert found["gates"][2]["missing"][0]["who"] == ["survey_runner", "leader"]


async def test_deficiencies_of_the_last_verification_stay_in_sight_while_they_are_mended(world: World) -> None:
    item = await w.verifying(world)
    body = item.solved()
    body["criteria"][0]["met"] = False
    await world.ok("verifier", f"{item.path}/gates", body)
    redo = clock.today().isoformat()
    await world.done("verifier", item, "fail_verification", {"deficiencies": ["台账不全"], "redo_by": redo})
    gate = (await told(world, item))["gates"][0]
    assert rules(gate["missing"]) == ["gate.problem_solved.not_submitted", "gate.problem_solved.not_met"]


async def test_the_chain_shows_who_has_signed_and_who_is_next(world: World) -> None:
    item = await w.closing(world)
    found = await told(world, item)
    assert (found["ready"], found["guards"], found["next_action"]) == (True, [], "approve_closure")
    assert [mover["role"] for mover in found["next_movers"]] == ["leader"]
    await world.ok("leader", f"{item.path}/approvals", {"purpose": "closure", "opinion": "agree"})
    await world.done("leader", item, "approve_closure")
    found = await told(world, item)
    leader = str(world.people["leader"].id)
    assert [(link["step"], link["role"], link["signed"], link["signer_id"]) for link in found["chain"]] == [
        (1, "leader", True, leader),
        (2, "discipline_office", False, None),
        (3, "first_responsible", False, None),
    ]
    assert found["chain"][0]["label"] == "分管领导"
    english = await world.get("viewer", f"{item.path}/closing-readiness", **{"Accept-Language": "en"})
    assert english.json()["chain"][0]["label"] == "Leader in charge"
    assert found["next_movers"][0]["person_ids"] == [str(world.people["discipline_office"].id)]


async def test_a_major_matter_is_told_early_that_a_decision_is_needed(world: World) -> None:
    item = await w.reported(world, await w.worked_off(world, await w.rectifying(world)))
    matter = {"reason": "涉及大额资金", "major_matter": {"kind": "large_fund", "basis": "三重一大制度第七条"}}
    await world.done("supervision_office", item, "reclassify", matter)
    assert rules((await told(world, item))["guards"]) == ["decision.closure_missing"]


async def test_the_separation_of_duties_is_told_to_those_whose_turn_it_is(world: World) -> None:
    item = await w.closing(world)
    await world.org.grant(world.people["unit_head"].id, "leader", world.bureau)
    assert rules((await told(world, item, "unit_head"))["guards"]) == ["separation.submitter"]
    assert rules((await told(world, item, "liaison"))["guards"]) == []
    refused = await world.act("unit_head", item, "approve_closure")
    assert w.rules_of(refused) == ["separation.submitter"]


async def test_before_assignment_and_off_the_ledger_it_still_answers(world: World) -> None:
    item = await w.assigned(world)
    assert (await told(world, item))["next_action"] == "acknowledge"
    await world.ok("supervision_office", f"{item.path}/approvals", {"purpose": "transfer", "opinion": "agree"})
    moved = {"receiving_body": "市纪委监委", "document_no": "移送〔2026〕1号"}
    await world.done("discipline_office", item, "transfer", moved)
    found = await told(world, item)
    assert (found["next_action"], found["ready"], rules(found["guards"])) == (None, False, ["state.off_ledger"])


async def test_an_unchanged_answer_is_not_sent_twice(world: World) -> None:
    item = await w.assigned(world)
    first = await world.get("viewer", f"{item.path}/closing-readiness")
    tag = first.headers["ETag"]
    assert (await world.get("viewer", f"{item.path}/closing-readiness", **{"If-None-Match": tag})).status_code == 304
    await world.done("liaison", item, "acknowledge")
    assert (await world.get("viewer", f"{item.path}/closing-readiness", **{"If-None-Match": tag})).status_code == 200
