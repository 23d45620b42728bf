"""What later changes do not undo: the rules a submission was made under, and who was named before a hand-over."""

from app.core import clock
from tests.journeys.test_delegation import lend, take_back
from tests.make.refusals import refusal
from tests.make.world import World, case


async def test_an_item_is_judged_by_the_rules_its_completion_was_reported_under(world: World) -> None:
    ledger = await world.ledger()
    before, after = case(ledger=ledger), case(ledger=ledger)
    item = await world.carrier.to("verifying", before)
    stricter = {"people_satisfied": {"threshold": {"num": 100, "den": 100}}}
    change = {"rules": stricter, "reason": "从严掌握", "expected_version": 1}
    await (await world.as_("first_responsible")).post(f"/ledgers/{world.made.ledgers[ledger]}/policies", change)
    # 19 of 20 are satisfied: enough for the rules of then, too few for those of now.
    assert (await world.carrier.survey(item, dissatisfied=1))["result"] == "passed"
    later = await world.carrier.to("verifying", after)
    assert (await world.carrier.survey(later, dissatisfied=1))["result"] == "failed"
    await world.carrier.judge_solved(item)
    await world.carrier.judge_adequate(item)
    office = await world.as_("supervision_office")
    item = await office.act(item["id"], "pass_verification")
    assert item["state"] == "closing"


async def test_handing_over_makes_nobody_independent(world: World) -> None:
    """The leader who answered for the item until yesterday lends the role to the verifier, who then may not judge it."""
    of = case(lead="safety")
    item = await world.carrier.to("rectifying", of)
    leader, successor = world.made.people["leader"], world.made.people["leader_2"]
    handed = {
        "role": "accountable_leader",
        "from_person_id": leader,
        "to_person_id": successor,
        "on": str(clock.today()),
    }
    item = await (await world.as_("supervision_office")).act(item["id"], "hand_over", handed)
    assert item["accountable_leader_ids"] == [successor]
    item = await world.carrier.to("verifying", of, item)
    delegation = await lend(world, "leader", "verifier", "leader")
    try:
        told = await refusal(world.carrier.judge_solved(item))
        assert told.told == (409, "separation_of_duties")
        assert set(told.rules) == {"separation.named_person"}
    finally:
        await take_back(world, "leader", delegation)
    assert (await world.carrier.judge_solved(item))["result"] == "passed"
