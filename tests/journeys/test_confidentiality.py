"""敏感 text is for those who need it, 涉密 items have no text at all."""

from app.demo.client import Json
from tests.make.refusals import refusal
from tests.make.world import World, case, words

READERS = ("first_responsible", "discipline_office", "leader", "unit_head", "liaison", "auditor")
OTHERS = ("supervision_office", "verifier", "viewer", "leader_2")


async def test_a_restricted_item_shows_its_text_only_to_those_who_need_it(world: World) -> None:
    of = case(confidentiality="restricted")
    item = await world.carrier.to("rectifying", of)
    for username in READERS:
        shown = await world.read(item, username)
        seen = [shown[name] for name in ("title", "root_cause", "goal")]
        assert (seen, shown["masked_fields"]) == ([of.title, of.root_cause, of.goal], []), username
    for username in OTHERS:
        caller = await world.as_(username)
        shown = await caller.get(f"/items/{item['id']}")
        assert {"title", "description", "root_cause", "goal"} <= set(shown["masked_fields"]), username
        texts = (of.title, of.description, of.root_cause, of.goal, *of.measures, *of.criteria)
        places = ("", "/measures", "/criteria", "/plans", "/progress", "/evidence", "/events", "/transitions")
        for place in places:
            answer = (await caller.send("GET", f"/items/{item['id']}{place}")).text
            assert not [text for text in texts if text in answer], (username, place)


async def test_a_search_finds_restricted_text_only_for_those_who_may_read_it(world: World) -> None:
    of = case(confidentiality="restricted", title=words(12))
    item = await world.carrier.to("assigned", of)
    for username, found in (("leader", 1), ("first_responsible", 1), ("viewer", 0), ("leader_2", 0)):
        caller = await world.as_(username)
        hits = (await caller.get(f"/items?q={of.title[2:8]}"))["items"]
        assert [hit["id"] for hit in hits] == [item["id"]] * found, username


async def test_a_restricted_item_is_closed_like_any_other(world: World) -> None:
    """The judges see criteria by their place, and that is enough for the ordinary path."""
    item = await world.item("closed", case(confidentiality="restricted"))
    assert item["state"] == "closed"


async def test_a_secret_stub_holds_no_text_and_takes_none(world: World) -> None:
    of = case(confidentiality="secret_stub")
    item = await world.carrier.to("assigned", of)
    texts = {name: item[name] for name in ("title", "description", "goal", "root_cause", "remarks")}
    assert not [name for name, text in texts.items() if text], texts
    assert item["number"]
    head = await world.carrier.head(of)
    for child, body in CHILDREN.items():
        told = await refusal(head.post(f"/items/{item['id']}/{child}", body))
        assert told.answer.status_code == 409, child
    office = await world.as_("supervision_office")
    told = await refusal(office.patch(f"/items/{item['id']}", {"remarks": "补充说明"}))
    assert told.answer.status_code == 409
    told = await refusal(office.act(item["id"], "reclassify", {"reason": "解密", "confidentiality": "internal"}))
    assert "reclassify.secret_stub" in told.rules


async def test_a_text_with_a_marking_is_refused_before_anything_is_stored(world: World) -> None:
    """E46."""
    office = await world.as_("supervision_office")
    before = await world.db.fetchval("SELECT count(*) FROM event")
    body: Json = {
        "ledger_id": world.made.ledgers["general"], "title": "机密★10年 某工程", "source": {"type": "self_inspection"},
    }  # fmt: skip
    told = await refusal(office.post("/items", body))
    assert told.told == (422, "classified_text")
    assert "某工程" not in told.answer.text
    assert await world.db.fetchval("SELECT count(*) FROM event") == before


CHILDREN: dict[str, Json] = {"measures": {"content": "整改"}, "criteria": {"content": "合格"}}
