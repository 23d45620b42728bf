"""One item from 查摆 through 整改 to 销号, as the people of a bureau would carry it."""

from app.lifecycle.states import OPEN, State
from tests.make.refusals import refusal
from tests.make.world import World, case

NEXT = {
    "draft": "submitted", "submitted": "registered", "registered": "assigned", "assigned": "planning",
    "planning": "plan_review", "plan_review": "rectifying", "rectifying": "verifying", "verifying": "closing",
    "closing": "closed",
}  # fmt: skip


async def test_an_item_goes_from_draft_to_closed_through_three_gates(world: World) -> None:
    carrier, of = world.carrier, case()
    item = await carrier.draft(of)
    assert (item["state"], item["number"]) == ("draft", None)
    seen = ["draft"]
    while item["state"] != "closed":
        before = item["version"]
        item = await carrier.to(NEXT[item["state"]], of, item)
        seen.append(item["state"])
        assert item["version"] > before
        assert bool(item["next_movers"]) == (State(item["state"]) in OPEN | {State.SUBMITTED})
    assert seen == ["draft", *NEXT.values()]
    assert set(item["gates"].values()) == {"passed"}
    assert (item["disposition"], item["cycle"], item["submission_no"]) == ("fixed", 1, 1)
    assert item["number"].startswith("ZG")
    assert item["progress"]["percent"] == 100
    events = await world.events(item)
    assert len(events) == item["version"]
    assert [kind for kind in events if kind in MOVES] == MOVES


MOVES = [
    "item.drafted", "item.submitted", "item.registered", "item.assigned", "item.acknowledged", "item.plan_submitted",
    "item.plan_approved", "item.completion_reported", "item.verification_passed",
]  # fmt: skip


async def test_the_missing_gates_are_named_and_closing_waits_for_each_of_them(world: World) -> None:
    item = await world.item("verifying")
    office = await world.as_("supervision_office")
    told = await refusal(office.act(item["id"], "pass_verification"))
    assert told.told == (409, "guards_unmet")
    assert told.rules == [
        "gate.problem_solved.pending", "gate.rectification_adequate.pending", "gate.people_satisfied.pending",
    ]  # fmt: skip
    await world.carrier.judge_solved(item)
    await world.carrier.judge_adequate(item)
    await world.carrier.survey(item, satisfied=6, basically_satisfied=4, dissatisfied=9)
    readiness = await office.get(f"/items/{item['id']}/closing-readiness")
    missing = {gate["gate"]: [one["rule"] for one in gate["missing"]] for gate in readiness["gates"]}
    assert missing["problem_solved"] == missing["rectification_adequate"] == []
    assert missing["people_satisfied"]
    told = await refusal(office.act(item["id"], "pass_verification"))
    assert told.rules == ["gate.people_satisfied.failed"]
    await world.carrier.survey(item)
    assert (await office.act(item["id"], "pass_verification"))["state"] == "closing"


async def test_who_had_a_part_in_an_item_does_not_sign_its_last_step(world: World) -> None:
    """The same person reports completion, judges and signs nowhere, whatever roles were given."""
    ledger = await world.ledger(approval_chain=[{"role": "leader", "label_zh": "分管领导", "label_en": "Leader"}])
    item = await world.item("closing", ledger=ledger)
    told = await refusal((await world.as_("leader")).act(item["id"], "approve_closure"))
    assert told.told == (409, "separation_of_duties")
    assert told.rules == ["separation.named_person"]
    assert (await (await world.as_("leader_2")).act(item["id"], "approve_closure"))["state"] == "closed"


async def test_what_is_put_right_at_once_needs_no_plan_review(world: World) -> None:
    """E49: measures and criteria written before the receipt are the plan."""
    of = case(mode="immediate", deadline={"text": "立行立改", "kind": "immediate"})
    item = await world.carrier.to("assigned", of)
    item = await world.carrier.acknowledge(of, item)
    assert item["state"] == "rectifying"
    item = await world.carrier.to("closed", of, item)
    assert "item.plan_approved" not in await world.events(item)


async def test_a_plan_sent_in_for_an_immediate_item_is_taken_as_it_is(world: World) -> None:
    """E49: nobody is asked to review it."""
    of = case(mode="immediate", deadline={"text": "立行立改", "kind": "immediate"})
    item = await world.carrier.to("assigned", of)
    head = await world.carrier.head(of)
    item = await head.act(item["id"], "acknowledge")
    assert item["state"] == "planning"
    assert (await world.carrier.submit_plan(of, item))["state"] == "rectifying"


async def test_whoever_must_move_next_finds_the_item_waiting_and_may_act_on_it(world: World) -> None:
    for state, username in WAITING.items():
        item = await world.item(state)
        caller = await world.as_(username)
        waiting = await caller.get(f"/items?waiting_for=me&state={state}&limit=200")
        assert [one["id"] for one in waiting["items"]].count(item["id"]) == 1, state
        assert (await caller.get(f"/items/{item['id']}"))["allowed_actions"], state


WAITING = {
    "submitted": "supervision_office", "registered": "supervision_office", "assigned": "unit_head",
    "planning": "unit_head", "plan_review": "leader", "rectifying": "unit_head", "closing": "leader",
}  # fmt: skip
