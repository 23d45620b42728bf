"""截至时点: one item, and the list, as they were; who may ask, and what cannot be asked."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from app.core import clock
from app.core.db import Tx
from app.demo.client import Caller, Json
from app.lifecycle import past
from app.lifecycle.retold import START
from app.lifecycle.told import WORDS
from app.tables.item import STATES, WRITTEN
from app.trail import read
from app.trail.canonical import jsonable
from app.trail.fold import fold
from app.trail.redact import PLACEHOLDER
from tests.features.past.walk import as_then
from tests.journeys.stage import made
from tests.journeys.test_merge_and_split import FALSE, PAPER, into
from tests.make.world import World, case
from tests.support.organisation import Organisation

SETTLED = timedelta(seconds=11)


async def ask(caller: Caller, path: str, at: datetime, **more: Any) -> httpx2.Response:
    with clock.travel(SETTLED):
        return await caller.http.get(f"/v1{path}", params={"as_of": at.isoformat(), **more})


async def then(caller: Caller, item: Json, at: datetime) -> Json:
    answer = await ask(caller, f"/items/{item['id']}", at)
    assert answer.status_code == 200, answer.text
    found: Json = answer.json()
    return found


async def told(caller: Caller, item: Json, at: datetime) -> tuple[int, str]:
    answer = await ask(caller, f"/items/{item['id']}", at)
    return answer.status_code, answer.json().get("code", "")


@pytest.mark.parametrize("state", STATES)
async def test_an_item_in_any_state_is_the_sum_of_its_events_and_shown_as_it_was(world: World, state: str) -> None:
    item = await made(world, state)
    events = await read.item_story(world.db, item["id"], item["version"])
    row = await world.db.fetchrow("SELECT * FROM item WHERE id = $1", item["id"])
    assert row is not None
    as_json = {name: jsonable(row[name]) if name != "head_hash" else row[name].hex() for name in WRITTEN}
    assert fold(START, WORDS, events) == as_json
    for username in ("auditor", "unit_head", "liaison", "viewer"):
        caller = await world.as_(username)
        live = await caller.http.get(f"/v1/items/{item['id']}")
        seen = await ask(caller, f"/items/{item['id']}", clock.now())
        assert live.status_code == seen.status_code
        if live.status_code == 200:
            assert seen.json() == as_then(live.json())


async def test_each_step_is_shown_as_it_stood_when_it_was_taken(world: World) -> None:
    auditor, of, states = await world.as_("auditor"), case(), []
    item = await world.carrier.draft(of)
    for state in (
        "submitted",
        "registered",
        "assigned",
        "planning",
        "plan_review",
        "rectifying",
        "verifying",
        "closing",
        "closed",
    ):
        item = await world.carrier.to(state, of, item)
        states.append((clock.now(), item["version"], await world.read(item)))
    for at, version, live in states:
        seen = await then(auditor, item, at)
        assert (seen["version"], seen) == (version, as_then(live))


async def test_before_it_was_drafted_there_is_nothing(world: World) -> None:
    before = clock.now()
    item = await world.item("submitted")
    auditor = await world.as_("auditor")
    assert await told(auditor, item, before) == (404, "not_found")
    assert await told(auditor, {"id": uuid4()}, clock.now()) == (404, "not_found")
    assert await told(auditor, {"id": "none"}, clock.now()) == (404, "not_found")


async def test_the_past_is_as_much_out_of_scope_as_the_present(world: World) -> None:
    item = await world.item("rectifying")
    at = clock.now()
    assert (await told(await world.as_("unit_head"), item, at))[0] == 200
    for username in ("unit_head_finance", "unit_head_station", "system_admin", "security_admin"):
        caller = await world.as_(username)
        assert await told(caller, item, at) == (404, "not_found"), username
        assert (await told(caller, item, clock.now() + timedelta(days=1)))[0] == 404, "scope is settled first"
    nobody = httpx2.AsyncClient(transport=caller.http._transport, base_url=caller.http.base_url)
    answer = await nobody.get(f"/v1/items/{item['id']}", params={"as_of": at.isoformat()})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    listed = await ask(await world.as_("system_admin"), "/items", at)
    assert listed.status_code == (await (await world.as_("system_admin")).send("GET", "/items")).status_code


async def test_what_a_unit_had_stays_in_its_past_when_another_unit_has_it_now(world: World) -> None:
    office, of = await world.as_("supervision_office"), case(lead="engineering")
    item = await world.carrier.to("assigned", of)
    await office.patch(f"/items/{item['id']}", {"remarks": "改派"})
    before = clock.now()
    item = await office.act(item["id"], "recall", {"reason": "改派"})
    assignment = world.carrier.assignment(case(lead="finance"))
    finance = {"lead_unit_id": world.made.units["finance"], "responsible_unit_id": world.made.units["finance"]}
    item = await office.act(item["id"], "assign", {**assignment, **finance})
    after = clock.now()
    expected = {"unit_head": (200, 404), "unit_head_finance": (404, 200)}
    for username, codes in expected.items():
        caller = await world.as_(username)
        assert ((await told(caller, item, before))[0], (await told(caller, item, after))[0]) == codes, username
        for at, code in zip((before, after), codes, strict=True):
            page = (await ask(caller, "/items", at, number=item["number"])).json()
            assert len(page["items"]) == (code == 200), username


@pytest.mark.parametrize(("age", "ahead"), [(0, 0), (9, 0), (0, 300)])
async def test_a_moment_that_writes_may_still_be_on_their_way_to_is_refused(world: World, age: int, ahead: int) -> None:
    item = await world.item("submitted")
    auditor, at = await world.as_("auditor"), clock.now() + timedelta(days=ahead)
    for path in (f"/items/{item['id']}", "/items"):
        with clock.travel(timedelta(seconds=age)):
            answer = await auditor.http.get(f"/v1{path}", params={"as_of": at.isoformat()})
        assert (answer.status_code, answer.json()["code"]) == (422, "as_of_too_recent")


@pytest.mark.parametrize(
    "given",
    ["", "2026-06-30", "2026-06-30T00:00:00", "1750000000", "now", "2026-06-30T00:00:00 08:00", "2026-06-31T00:00:00Z",
     "1800-01-01T00:00:00Z", "2026-06-30T00:00:00+08", "２０２６-06-30T00:00:00Z"],
)  # fmt: skip
async def test_an_instant_is_written_with_its_offset_or_refused(world: World, given: str) -> None:
    item = await world.item("submitted")
    auditor = await world.as_("auditor")
    for path in (f"/items/{item['id']}", "/items"):
        answer = await auditor.http.get(f"/v1{path}", params={"as_of": given})
        problem = answer.json()
        assert (answer.status_code, problem["code"], problem["errors"][0]["parameter"]) == (
            422, "validation_failed", "query.as_of",
        )  # fmt: skip


@pytest.mark.parametrize("more", [{"q": "台账"}, {"updated_since": "2026-01-01T00:00:00Z"}, {"waiting_for": "me"}])
async def test_what_only_today_knows_is_not_asked_of_the_past(world: World, more: dict[str, str]) -> None:
    answer = await ask(await world.as_("auditor"), "/items", clock.now(), **more)
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (422, "as_of_not_combinable")
    assert [fault["parameter"] for fault in problem["errors"]] == [f"query.{name}" for name in more]


async def test_a_cursor_belongs_to_its_moment(world: World) -> None:
    for _ in range(2):
        await world.item("submitted")
    auditor, at = await world.as_("auditor"), clock.now()
    page = (await ask(auditor, "/items", at, limit=1)).json()
    assert (await ask(auditor, "/items", at, limit=1, cursor=page["next_cursor"])).status_code == 200
    other = await ask(auditor, "/items", at - timedelta(seconds=1), limit=1, cursor=page["next_cursor"])
    assert (other.status_code, other.json()["code"]) == (400, "invalid_cursor")


async def test_a_draft_is_nobody_elses_in_the_past_either(world: World) -> None:
    of = case(finder="liaison")
    draft = await world.carrier.draft(of)
    at = clock.now()
    item = await world.carrier.to("rectifying", of, draft)
    assert (await told(await world.as_("liaison"), item, at))[0] == 200
    for username in ("auditor", "supervision_office", "leader", "viewer", "unit_head_finance"):
        assert await told(await world.as_(username), item, at) == (404, "not_found"), username
        page = (await ask(await world.as_(username), "/items", at, sort="updated_at", limit=200)).json()
        assert draft["id"] not in [one["id"] for one in page["items"]]


async def test_a_deleted_draft_is_still_in_the_past_of_those_who_had_it_and_of_nobody_else(world: World) -> None:
    liaison = await world.as_("liaison")
    draft = await world.carrier.draft(
        case(finder="liaison", source={"type": "self_inspection", "unit_id": world.made.units["finance"]})
    )
    at, shown = clock.now(), await liaison.get(f"/items/{draft['id']}")
    assert (await liaison.send("DELETE", f"/items/{draft['id']}")).status_code == 204
    after = clock.now()
    for username in ("liaison", "unit_head"):
        caller = await world.as_(username)
        assert await then(caller, draft, at) == as_then(shown)
        page = (await ask(caller, "/items", at, state="draft", limit=200)).json()
        assert draft["title"] in [one["title"] for one in page["items"]], username
        assert await told(caller, draft, after) == (404, "not_found"), username
    for username in ("auditor", "supervision_office", "unit_head_finance"):
        assert await told(await world.as_(username), draft, at) == (404, "not_found"), username
        page = (await ask(await world.as_(username), "/items", at, state="draft", limit=200)).json()
        assert draft["id"] not in [one["id"] for one in page["items"]], username


async def test_a_draft_that_was_submitted_once_can_no_longer_be_deleted(world: World) -> None:
    of = case(finder="liaison")
    item = await world.carrier.to("submitted", of)
    office, liaison = await world.as_("supervision_office"), await world.as_("liaison")
    item = await office.act(item["id"], "return_for_supplement", {"reason": "补充依据"})
    answer = await liaison.send("DELETE", f"/items/{item['id']}")
    assert (answer.status_code, answer.json()["code"]) == (409, "not_deletable")
    assert (await liaison.get(f"/items/{item['id']}"))["version"] == item["version"]


async def test_what_became_restricted_is_masked_in_its_past_as_well(world: World) -> None:
    item = await world.item("rectifying")
    office, viewer, leader = [await world.as_(name) for name in ("supervision_office", "viewer", "leader")]
    at = clock.now()
    assert (await then(viewer, item, at))["title"] == item["title"]
    await office.act(item["id"], "reclassify", {"reason": "涉及个人", "confidentiality": "restricted"})
    seen = await then(viewer, item, at)
    assert (seen["confidentiality"], seen["title"], seen["description"], seen["goal"]) == ("internal", None, None, None)
    assert {"title", "description", "goal", "origins.quote"} <= set(seen["masked_fields"])
    person = world.made.people["unit_head"]
    for caller, title in ((viewer, None), (leader, item["title"])):
        page = (await ask(caller, "/items", at, number=item["number"])).json()
        assert [one["title"] for one in page["items"]] == [title]
        page = (await ask(caller, "/items", at, number=item["number"], person_id=person)).json()
        assert len(page["items"]) == (title is not None), "a name is not found out by asking for it"


async def test_a_restricted_item_sent_back_to_its_finder_stays_masked_for_those_who_saw_it_before(world: World) -> None:
    of = case(finder="liaison", confidentiality="restricted")
    item = await world.carrier.to("submitted", of)
    at = clock.now()
    await (await world.as_("supervision_office")).act(item["id"], "return_for_supplement", {"reason": "补充依据"})
    seen = await then(await world.as_("viewer"), item, at)
    assert (seen["state"], seen["title"]) == ("submitted", None)
    page = (await ask(await world.as_("viewer"), "/items", at, sort="updated_at", state="submitted", limit=200)).json()
    assert [one["title"] for one in page["items"] if one["id"] == item["id"]] == [None]


async def test_the_light_and_the_days_past_due_are_those_of_the_day(world: World) -> None:
    item = await world.item("rectifying", due_in_days=2)
    async with world.at(timedelta(days=5)):
        auditor, now = await world.as_("auditor"), clock.now()
        for days, late in ((5, 3), (4, 2), (2, 0), (1, 0)):
            at = now - timedelta(days=5 - days, seconds=20)
            one = await auditor.http.get(f"/v1/items/{item['id']}", params={"as_of": at.isoformat()})
            light = "red" if late else "yellow"
            assert (one.json()["overdue_days"], one.json()["overdue"], one.json()["light"]) == (late, late > 0, light)
            asked = {"as_of": at.isoformat(), "number": item["number"]}
            listed = (await auditor.http.get("/v1/items", params=asked)).json()["items"]
            assert [(row["overdue_days"], row["light"]) for row in listed] == [(late, light)]
            for filters in ({"light": light}, {"overdue": str(late > 0).lower()}):
                found = (await auditor.http.get("/v1/items", params=asked | filters)).json()["items"]
                assert len(found) == 1


async def test_origins_and_parts_are_shown_as_they_were(world: World) -> None:
    office, first, auditor = [await world.as_(name) for name in ("supervision_office", "first_responsible", "auditor")]
    a, b, c, d = [
        await world.item("registered", case(source={"type": "petition", "document_no": f"信-{n}"})) for n in range(4)
    ]
    kept = []

    async def keep() -> None:
        kept.append((clock.now(), [await world.read(one) for one in (a, b, c, d)]))

    await keep()
    await office.act(a["id"], "merge", into(b))
    await keep()
    await office.act(b["id"], "merge", into(c))
    await keep()
    await first.act(c["id"], "void", {**FALSE, "rehome_to_id": d["id"]}, document=PAPER)
    await keep()
    parts = [{"title": f"拆出的问题{place}", "description": "其一类"} for place in (1, 2)]
    await office.act(d["id"], "split", {"reason": "两类问题", "children": parts})
    await keep()
    child = await world.db.fetchrow("SELECT id, state FROM item WHERE split_from_id = $1 LIMIT 1", d["id"])
    assert child is not None
    await world.carrier.to("closed", case(), {"id": str(child["id"]), "state": child["state"]})
    await keep()
    assert [len(items[2]["origins"]) for _, items in kept] == [0, 0, 2, 0, 0, 0]
    assert [len(items[3]["origins"]) for _, items in kept] == [0, 0, 0, 2, 2, 2]
    assert [items[3]["children"] for _, items in kept[-2:]] == [{"total": 2, "closed": 0}, {"total": 2, "closed": 1}]
    for at, items in kept:
        for live in items:
            assert await then(auditor, live, at) == as_then(live)


async def test_a_past_answer_has_a_tag_of_its_own_and_may_be_kept_for_a_while(world: World) -> None:
    item = await world.item("registered")
    auditor, at = await world.as_("auditor"), clock.now()
    first = await ask(auditor, f"/items/{item['id']}", at)
    assert first.headers["ETag"].startswith(f'"v{item["version"]}.')
    assert first.headers["Cache-Control"] == "private, max-age=300"
    await world.carrier.to("assigned", case(), item)
    with clock.travel(SETTLED):
        path, asked = f"/v1/items/{item['id']}", {"as_of": at.isoformat()}
        again = await auditor.http.get(path, params=asked)
        assert (again.content, again.headers["ETag"]) == (first.content, first.headers["ETag"])
        same = await auditor.http.get(path, params=asked, headers={"If-None-Match": first.headers["ETag"]})
        assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", first.headers["ETag"])
        now = await auditor.http.get(path, headers={"If-None-Match": first.headers["ETag"]})
        assert now.status_code == 200
    office = await world.as_("supervision_office")
    stale = await office.send("PATCH", f"/items/{item['id']}", {"remarks": "补记"}, if_match=first.headers["ETag"])
    assert (stale.status_code, stale.json()["code"]) == (412, "version_mismatch")


async def test_an_item_older_than_whole_histories_is_not_shown_as_something_it_may_not_have_been(world: World) -> None:
    org = Organisation.of(world.app)
    root = world.made.units["engineering"]
    ledger = world.made.ledgers["general"]
    auditor = await world.as_("auditor")
    item_id = await org.item(ledger, root, (root,), source_type="self_inspection", light_reasons={"grey": None})  # type: ignore[arg-type]
    item = {"id": item_id}
    assert await told(auditor, item, clock.now()) == (422, "as_of_not_kept")
    assert await told(await world.as_("unit_head_finance"), item, clock.now()) == (404, "not_found")

    async def begin(tx: Tx) -> None:
        await past.begin(tx, [item_id])

    await world.db.write(begin)
    assert await told(auditor, item, clock.now()) == (422, "as_of_not_kept"), "its list row is known, not all of it"
    page = (await ask(auditor, "/items", clock.now(), sort="updated_at", limit=1)).json()
    assert [one["id"] for one in page["items"]] == [str(item_id)]


async def test_what_was_redacted_is_not_told_by_the_past(world: World) -> None:
    item = await world.item("registered")
    at = clock.now()
    places = [{"kind": "item_field", "field": field} for field in ("title", "description")]
    asked = {"item_id": item["id"], "basis": "entered_in_error", "places": places}
    made = await (await world.as_("security_admin")).post("/trail/redactions", asked)
    await (await world.as_("audit_admin")).post(f"/trail/redactions/{made['id']}:approve", None)
    seen = await then(await world.as_("auditor"), item, at)
    assert (seen["title"], seen["description"], seen["number"]) == (PLACEHOLDER, None, item["number"])
