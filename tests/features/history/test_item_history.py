import hashlib
from uuid import uuid4

from tests.features.history.world import World

CANARY = "青山不见旧碑文"


async def test_a_reader_sees_every_step_of_an_item_in_order_with_who_took_it(world: World) -> None:
    item = await world.acknowledged()
    told = (await world.ok(world.viewer, f"/v1/items/{item}/events"))["items"]
    assert [event["seq"] for event in told] == [1, 2, 3, 4, 5]
    assert [event["type"].removeprefix("item.") for event in told] == [
        "drafted",
        "submitted",
        "registered",
        "assigned",
        "acknowledged",
    ]
    assert [event["to_state"] for event in told] == ["draft", "submitted", "registered", "assigned", "planning"]
    assert told[3]["label"] == {"zh": "交办", "en": "Assign"}
    assert told[3]["comment"] == "请抓紧办理"
    assert told[3]["fields"]["lead_unit_id"] == str(world.bureau)
    assert told[4]["actor"]["person_id"] == str(world.liaison.id)
    assert (told[4]["actor"]["name"], told[4]["actor"]["unit_id"]) == ("张三", str(world.bureau))
    assert all(event["masked_fields"] == [] for event in told)


async def test_each_step_names_the_hash_of_the_one_before(world: World) -> None:
    item = await world.acknowledged()
    told = (await world.ok(world.viewer, f"/v1/items/{item}/events"))["items"]
    assert [event["prev"] for event in told] == ["0" * 64, *(event["leaf_hash"] for event in told[:-1])]
    for event in told:
        body = await world.db.fetchval("SELECT body FROM event WHERE id = $1::text::uuid", event["id"])
        assert event["leaf_hash"] == hashlib.sha256(b"\0" + body.encode()).hexdigest()


async def test_transitions_are_the_actions_taken_and_nothing_else(world: World) -> None:
    item = await world.acknowledged()
    await world.record(item, "item.measure_added", {"content": "建立台账"})
    told = (await world.ok(world.viewer, f"/v1/items/{item}/transitions", include="total"))["items"]
    assert [step["action"] for step in told] == ["submit", "register", "assign", "acknowledge"]
    assert [(step["from_state"], step["to_state"]) for step in told[:2]] == [
        ("draft", "submitted"),
        ("submitted", "registered"),
    ]
    assert (told[2]["comment"], told[2]["data"]["mode"]) == ("请抓紧办理", "time_limited")
    assert "comment" not in told[2]["data"]
    assert all(step["occurred_at"] == step["recorded_at"] for step in told)


async def test_a_step_recorded_late_tells_when_it_happened_and_when_it_was_written(world: World) -> None:
    item = await world.draft()
    then = "2026-11-01T02:00:00.000000Z"
    await world.act(world.liaison, item, "submit", occurred_at=then)
    [step] = (await world.ok(world.viewer, f"/v1/items/{item}/transitions"))["items"]
    assert step["occurred_at"].startswith("2026-11-01T02:00:00")
    assert step["recorded_at"] > step["occurred_at"]


async def test_a_long_history_is_read_page_by_page_without_loss(world: World) -> None:
    item = await world.acknowledged()
    seen, query = [], {"limit": "2", "include": "total"}
    while True:
        page = await world.ok(world.viewer, f"/v1/items/{item}/events", **query)
        assert (page["total"], page["total_relation"]) == (5, "eq")
        seen += [event["seq"] for event in page["items"]]
        if page["next_cursor"] is None:
            break
        query["cursor"] = page["next_cursor"]
    assert seen == [1, 2, 3, 4, 5]


async def test_events_are_found_by_type(world: World) -> None:
    item = await world.acknowledged()
    page = await world.ok(world.viewer, f"/v1/items/{item}/events", type="item.assigned,item.drafted", include="total")
    assert [event["seq"] for event in page["items"]] == [1, 4]
    assert page["total"] == 2
    refused = await world.get(world.viewer, f"/v1/items/{item}/events", type="assigned")
    assert (refused.status_code, refused.json()["errors"][0]["parameter"]) == (422, "query.type")


async def test_history_can_begin_at_a_cycle(world: World) -> None:
    item = await world.acknowledged()
    path = f"/v1/items/{item}/events"
    await world.record(item, "item.reopened", {"cycle": 2, "reason_code": "rebound"}, cycle=2)
    await world.record(item, "item.measure_added", {"content": "再立台账"})

    async def seqs(cycle: int) -> list[int]:
        return [event["seq"] for event in (await world.ok(world.viewer, path, cycle_from=cycle))["items"]]

    assert await seqs(1) == [1, 2, 3, 4, 5, 6, 7]
    assert await seqs(2) == [6, 7]
    assert await seqs(3) == []
    steps = await world.ok(world.viewer, f"/v1/items/{item}/transitions", cycle_from=2)
    assert [step["action"] for step in steps["items"]] == ["reopen"]


async def test_restricted_text_and_names_stay_hidden_in_history(world: World) -> None:
    item = await world.acknowledged(
        title=f"{CANARY}{uuid4().hex[:6]}", description=CANARY, remarks=CANARY, confidentiality="restricted"
    )
    await world.record(item, "item.progress_reported", {"progress": {"content": CANARY}, "comment": CANARY})
    await world.record(item, "item.not_yet_invented", {"a_field_nobody_thought_of": [CANARY]})
    for path in ("events", "transitions"):
        hidden = await world.get(world.viewer, f"/v1/items/{item}/{path}")
        assert hidden.status_code == 200
        assert CANARY not in hidden.text
        assert str(world.liaison.account_id) not in hidden.text
        assert str(world.liaison.id) not in hidden.text
    told = (await world.ok(world.viewer, f"/v1/items/{item}/events"))["items"]
    assert {"fields.title", "fields.description", "fields.remarks", "actor.name"} <= set(told[0]["masked_fields"])
    assert told[0]["fields"]["title"] is None
    assert told[2]["fields"]["number"]
    assert "comment" in told[5]["masked_fields"]
    assert told[5]["comment"] is None
    open_to = await world.get(world.head, f"/v1/items/{item}/events")
    assert open_to.text.count(CANARY) >= 5


async def test_how_people_answered_and_how_an_objector_is_reached_is_told_to_nobody(world: World) -> None:
    item = await world.acknowledged()
    await world.record(item, "item.objection_lodged", {"content": "措施未见效", "contact": CANARY})
    await world.record(item, "item.gate_judged", {"return_visit": {"dissatisfied": 1}, "findings": {"unmet": [CANARY]}})
    for who in (world.viewer, world.head, world.office):
        answer = await world.get(who, f"/v1/items/{item}/events")
        assert CANARY not in answer.text
        *_, objection, verdict = answer.json()["items"]
        assert objection["fields"] == {"content": "措施未见效", "contact": None}
        assert objection["masked_fields"] == ["fields.contact"]
        assert verdict["masked_fields"] == ["fields.findings", "fields.return_visit"]


async def test_the_history_of_an_item_out_of_scope_does_not_exist(world: World) -> None:
    item = await world.acknowledged()
    stranger = await world.org.person(("viewer", await world.org.unit()))
    for path in ("events", "transitions"):
        assert (await world.get(stranger, f"/v1/items/{item}/{path}")).status_code == 404
        assert (await world.get(world.viewer, f"/v1/items/{uuid4()}/{path}")).status_code == 404
        assert (await world.get(None, f"/v1/items/{item}/{path}")).status_code == 401
    draft = await world.draft()
    assert (await world.get(world.viewer, f"/v1/items/{draft}/events")).status_code == 404
    assert (await world.get(world.liaison, f"/v1/items/{draft}/events")).status_code == 200
