"""One fact reported twice becomes one item; one report about several facts becomes several."""

from typing import Any

from tests.make.refusals import refusal
from tests.make.world import World, case

PAPER = {"name": "撤销说明", "document_no": "督〔2026〕1号"}
FALSE = {"reason_code": "false_finding", "reason": "经核实不属实"}


def into(target: dict[str, Any]) -> dict[str, Any]:
    return {"target_id": target["id"], "reason": "同一事实"}


async def test_what_is_merged_moves_along_and_each_source_is_still_named(world: World) -> None:
    office = await world.as_("supervision_office")
    first = await world.item("registered", case(source={"type": "hotline", "document_no": "工单-1"}))
    second = await world.item("assigned", case(source={"type": "petition", "document_no": "信-2"}))
    third = await world.item("rectifying")
    first = await office.act(first["id"], "merge", into(second))
    assert (first["state"], first["merged_into_id"], first["next_movers"]) == ("merged", second["id"], [])
    second = await office.act(second["id"], "merge", into(third))
    third = await world.read(third)
    assert {origin["document_no"] for origin in third["origins"]} == {"工单-1", "信-2"}
    assert (await world.read(first))["merged_into_id"] == second["id"]


async def test_a_merge_never_closes_a_ring_and_never_hits_itself_or_what_is_over(world: World) -> None:
    """E22, and the plain mistakes."""
    office = await world.as_("supervision_office")
    a, b, c = [await world.item("registered") for _ in range(3)]
    await office.act(a["id"], "merge", into(b))
    await office.act(b["id"], "merge", into(c))
    told = await refusal(office.act(c["id"], "merge", into(a)))
    assert told.rules == ["merge.target_state"]
    told = await refusal(office.act(c["id"], "merge", into(c)))
    assert told.rules == ["merge.target_unknown"]
    draft = await world.item("draft")
    told = await refusal(office.act(c["id"], "merge", into(draft)))
    assert told.rules == ["merge.target_state"]
    assert (await world.read(c))["state"] == "registered"


async def test_a_target_with_origins_of_others_is_voided_only_when_they_get_another_home(world: World) -> None:
    """E21."""
    office, first = await world.as_("supervision_office"), await world.as_("first_responsible")
    merged, target, home = [await world.item("registered") for _ in range(3)]
    await office.act(merged["id"], "merge", into(target))
    told = await refusal(first.act(target["id"], "void", FALSE, document=PAPER))
    assert told.rules == ["void.origins_homeless"]
    await first.act(target["id"], "void", {**FALSE, "rehome_to_id": home["id"]}, document=PAPER)
    origins = (await world.read(home))["origins"]
    assert merged["id"] in {origin["from_item_id"] for origin in origins}


async def test_a_split_item_shows_how_many_of_its_parts_are_closed(world: World) -> None:
    office, of = await world.as_("supervision_office"), case()
    item = await world.carrier.to("registered", of)
    parts = [{"title": f"拆出的问题{place}", "description": f"第{place}类问题"} for place in (1, 2)]
    told = await refusal(office.act(item["id"], "split", {"reason": "太笼统", "children": parts[:1]}))
    assert told.rules == ["split.too_few"]
    item = await office.act(item["id"], "split", {"reason": "两类问题", "children": parts})
    assert (item["state"], item["children"]) == ("split", {"total": 2, "closed": 0})
    rows = await world.db.fetch("SELECT id FROM item WHERE split_from_id = $1 ORDER BY number", item["id"])
    children = [await world.read({"id": row["id"]}) for row in rows]
    assert {child["state"] for child in children} == {"registered"}
    assert len({child["number"] for child in children} | {item["number"]}) == 3
    for closed, child in enumerate(children, start=1):
        await world.carrier.to("closed", of, child)
        assert (await world.read(item))["children"] == {"total": 2, "closed": closed}
    told = await refusal(office.act(item["id"], "assign", world.carrier.assignment(of)))
    assert told.told == (409, "transition_not_allowed"), "what was split is never worked on or closed itself"
