"""What an adversary tried on the way to 销号, and what must hold ever since."""

from datetime import timedelta

from app.core import clock
from tests.make.refusals import refusal
from tests.make.world import World


async def test_the_words_of_a_restricted_source_never_reach_an_item_more_people_read(world: World) -> None:
    office = await world.as_("supervision_office")
    quote = "举报人原话"
    source = {"type": "self_inspection", "quote": quote}
    restricted = await world.item("registered", confidentiality="restricted", source=source)
    internal, equal = await world.item("rectifying"), await world.item("rectifying", confidentiality="restricted")
    stub = await world.item("assigned", confidentiality="secret_stub")
    for target in (internal, stub):
        data = {"target_id": target["id"], "reason": "同一原因引起"}
        told = await refusal(office.act(restricted["id"], "merge", data))
        assert told.rules == ["origins.confidentiality"]
    await office.act(restricted["id"], "merge", {"target_id": equal["id"], "reason": "同一原因引起"})
    assert quote not in (await (await world.as_("viewer")).send("GET", f"/items/{equal['id']}")).text
    first = await world.as_("first_responsible")
    void = {"reason_code": "false_finding", "reason": "查无实据", "rehome_to_id": internal["id"]}
    told = await refusal(first.act(equal["id"], "void", void, document={"name": "复核报告"}))
    assert told.rules == ["origins.confidentiality"]


async def test_no_signature_is_dated_before_the_report_it_closes(world: World) -> None:
    item = await world.item("closing")
    leader = await world.as_("leader")
    long_ago = (clock.now() - timedelta(days=30)).isoformat()
    told = await refusal(leader.act(item["id"], "approve_closure", occurred_at=long_ago))
    assert told.rules == ["occurred_at.before_previous", "occurred_at.before_submission"]
    assert (await world.read(item))["state"] == "closing"


async def test_a_secret_stub_keeps_the_days_of_its_deadline_and_none_of_its_words(world: World) -> None:
    stub = await world.item("registered", confidentiality="secret_stub")
    office = await world.as_("supervision_office")
    day = (clock.today() + timedelta(days=40)).isoformat()
    said = {"text": "不应写在这里的时限", "kind": "phased", "date": day,
            "milestones": [{"title": "不应写在这里的节点", "due_on": day}]}  # fmt: skip
    data = {"lead_unit_id": stub["responsible_unit_id"], "accountable_leader_ids": [world.made.people["leader"]],
            "mode": "time_limited", "deadline": said}  # fmt: skip
    assigned = await office.act(stub["id"], "assign", data)
    assert (assigned["deadline"]["text"], assigned["due_on"]) == (day, day)
    assert assigned["deadline"]["milestones"] == [{"title": day, "due_on": day}]
    for path in ("", "/events", "/transitions"):
        assert "不应写在这里" not in (await office.send("GET", f"/items/{stub['id']}{path}")).text


async def test_a_secret_stub_takes_no_words_beside_an_action(world: World) -> None:
    stub = await world.item("assigned", confidentiality="secret_stub")
    head = await world.as_("unit_head")
    for words in ({"comment": "不应写在这里的话"}, {"document": {"name": "不应写在这里的文件"}}):
        told = await refusal(head.act(stub["id"], "acknowledge", **words))
        assert told.rules == ["secret_stub.text"]
    assert (await head.act(stub["id"], "acknowledge"))["state"] == "planning"
