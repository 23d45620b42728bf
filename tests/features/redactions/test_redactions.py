"""脱敏 over HTTP: asked for by one person, decided by another, and nothing but what was named goes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from fastapi import FastAPI

from app.demo.client import Caller, Json
from app.trail.redact import PLACEHOLDER
from app.worker import chores_of
from tests.journeys.stage import PART
from tests.make.refusals import refusal
from tests.make.world import World, case, words, world_of

TITLE = [{"kind": "item_field", "field": "title"}]
KNOWN = "SELECT (SELECT count(*) FROM redaction) + (SELECT count(*) FROM event)"


@pytest.fixture(scope="module")
async def world(app: FastAPI) -> AsyncIterator[World]:
    made = await world_of(app)
    yield made
    await made.made.close()


@pytest.fixture
async def security(world: World) -> Caller:
    return await world.as_("security_admin")


@pytest.fixture
async def audit(world: World) -> Caller:
    return await world.as_("audit_admin")


def asking(item: Json, *places: Json) -> Json:
    return {"item_id": item["id"], "basis": "entered_in_error", "places": list(places) or TITLE}


async def redacted(security: Caller, audit: Caller, item: Json, *places: Json) -> Json:
    made = await security.post("/trail/redactions", asking(item, *places))
    return await audit.post(f"/trail/redactions/{made['id']}:approve", None)


async def test_a_title_goes_from_the_item_its_history_its_past_and_the_search(
    world: World, security: Caller, audit: Caller
) -> None:
    item = await world.item("rectifying", case(title=words()))
    title = item["title"]
    done = await redacted(security, audit, item)
    assert (done["status"], done["version"]) == ("done", 2)
    assert (done["requested_by_name"], done["decided_by_name"]) == ("纪安宁", "沈知远")
    viewer = await world.as_("viewer")
    shown = await viewer.get(f"/items/{item['id']}")
    assert (shown["title"], shown["description"], shown["version"]) == (
        PLACEHOLDER, item["description"], item["version"] + 1,
    )  # fmt: skip
    told = await viewer.get(f"/items/{item['id']}/events?limit=200")
    assert title not in json.dumps(told, ensure_ascii=False)
    last = told["items"][-1]
    assert (last["type"], last["label"]["zh"]) == ("item.redacted", "事项：脱敏")
    first = told["items"][0]
    assert {"event": first["id"], "field": "title"} in last["fields"]["redacted"]
    assert (last["fields"]["basis"], last["fields"]["redaction_id"]) == ("entered_in_error", done["id"])
    assert first["redacted_fields"] == ["title"]
    assert last["redacted_fields"] == []
    assert (await viewer.get(f"/items?q={title[2:8]}"))["items"] == []
    titles = await world.db.fetch("SELECT title FROM item_text WHERE item_id = $1", item["id"])
    assert {row["title"] for row in titles} == {PLACEHOLDER}


async def test_the_item_goes_on_living_and_is_closed_like_any_other(
    world: World, security: Caller, audit: Caller
) -> None:
    of = case()
    item = await world.carrier.to("rectifying", of)
    await redacted(security, audit, item, {"kind": "item_field", "field": "deadline"}, *TITLE)
    assert (await world.carrier.to("closed", of, item))["state"] == "closed"


async def test_whoever_asked_does_not_decide_even_holding_both_roles(world: World, security: Caller) -> None:
    item = await world.item("draft")
    made = await security.post("/trail/redactions", asking(item))
    path = f"/trail/redactions/{made['id']}"
    for verb in ("approve", "reject"):
        told = await refusal(security.post(f"{path}:{verb}", None))
        assert told.told == (403, "forbidden")
    grant = (
        "INSERT INTO role_grant SELECT $2, person_id, 'audit_admin', unit_id, starts_on, NULL, NULL, 1, now(), now() {}"
    )
    columns = "(id, person_id, role, unit_id, starts_on, ends_on, revoked_at, version, created_at, updated_at)"
    given, person = uuid4(), world.made.people["security_admin"]
    source = "FROM role_grant WHERE person_id = $1 LIMIT 1"
    sql = grant.format(source).replace("role_grant SELECT", f"role_grant {columns} SELECT")
    await world.db.write(lambda tx: tx.execute(sql, person, given))
    try:
        for verb in ("approve", "reject"):
            told = await refusal(security.post(f"{path}:{verb}", None))
            assert (told.told, told.rules) == ((409, "separation_of_duties"), ["separation.redaction_requester"])
    finally:
        await world.db.write(lambda tx: tx.execute("UPDATE role_grant SET revoked_at = now() WHERE id = $1", given))
    assert (await security.get(path))["status"] == "requested"


@pytest.mark.parametrize("who", ["system_admin", "audit_admin", "supervision_office", "auditor", "integration"])
async def test_only_the_security_administrator_asks(world: World, who: str) -> None:
    item = await world.item("draft")
    told = await refusal((await world.as_(who)).post("/trail/redactions", asking(item)))
    assert told.told == (403, "forbidden")


@pytest.mark.parametrize(
    "who", ["system_admin", "security_admin", "supervision_office", "auditor", "first_responsible"]
)
async def test_only_the_audit_administrator_decides_and_others_do_not_even_read(world: World, who: str) -> None:
    item = await world.item("draft")
    made = await (await world.as_("security_admin")).post("/trail/redactions", asking(item))
    caller = await world.as_(who)
    for verb in ("approve", "reject"):
        told = await refusal(caller.post(f"/trail/redactions/{made['id']}:{verb}", None))
        assert told.told == (403, "forbidden")
    for path in ("", f"/{made['id']}", f"/{made['id']}/preview"):
        answer = await caller.send("GET", f"/trail/redactions{path}")
        assert answer.status_code == (200 if who == "security_admin" else 403)


async def test_a_preview_names_places_and_never_words_and_writes_nothing(world: World, security: Caller) -> None:
    item = await world.item("registered")
    before = await world.db.fetchval(KNOWN)
    answer = await security.send("POST", "/trail/redactions?validate_only=true", asking(item))
    assert answer.status_code == 200
    told = answer.json()
    assert item["title"] not in answer.text
    assert told["item_fields"] == ["title"]
    assert [place["field"] for place in told["disclosures"]] == ["title"]
    assert (told["records"], told["elsewhere"]) == ([], [])
    assert await world.db.fetchval(KNOWN) == before


async def test_what_other_items_say_is_listed_and_stays_theirs(world: World, security: Caller, audit: Caller) -> None:
    quote = words()
    source = {"type": "self_inspection", "quote": quote}
    item = await world.item("registered", case(source=source))
    office = await world.as_("supervision_office")
    parts = [PART | {"title": words()} for _ in range(2)]
    item = await office.act(item["id"], "split", {"reason": "两件事", "children": parts})
    place = {"kind": "item_field", "field": "source_quote"}
    told = (await security.send("POST", "/trail/redactions?validate_only=true", asking(item, place))).json()
    children = {place["item_id"] for place in told["elsewhere"]}
    assert len(children) == 2
    assert {place["field"] for place in told["elsewhere"]} == {"source_quote"}
    await redacted(security, audit, item, place)
    for child in children:
        assert (await world.read({"id": child}))["source"]["quote"] == quote


@pytest.mark.parametrize(
    ("places", "pointers"),
    [
        ([{"kind": "item_field", "field": "goal"}], ["/places/0"]),
        ([*TITLE, {"kind": "event_field", "event_id": str(uuid4()), "field": "comment"}], ["/places/1"]),
        ([{"kind": "file", "evidence_id": str(uuid4())}], ["/places/0"]),
        ([{"kind": "child", "table": "measure", "id": str(uuid4()), "field": "content"}], ["/places/0"]),
        ([{"kind": "child", "table": "plan_version", "id": "1", "field": "content"}], ["/places/0"]),
    ],
)  # fmt: skip
async def test_where_nothing_is_there_is_nothing_to_ask_for(
    world: World, security: Caller, places: list[Json], pointers: list[str]
) -> None:
    item = await world.item("draft")
    told = await refusal(security.post("/trail/redactions", asking(item, *places)))
    assert told.told == (409, "conflict")
    assert [fault["pointer"] for fault in told.problem["errors"]] == pointers


@pytest.mark.parametrize(
    "place",
    [
        {"kind": "item_field", "field": "state"},
        {"kind": "child", "table": "survey", "id": str(uuid4()), "field": "kind"},
        {"kind": "child", "table": "measure", "id": str(uuid4()), "field": "status"},
        {"kind": "child", "table": "evidence", "id": str(uuid4()), "field": "file_name"},
        {"kind": "child", "table": "measure", "id": "1", "field": "content"},
        {"kind": "child", "table": "plan_version", "id": str(uuid4()), "field": "content"},
        {"kind": "person", "id": str(uuid4())},
    ],
)
async def test_codes_names_of_files_and_people_are_no_places(world: World, security: Caller, place: Json) -> None:
    item = await world.item("draft")
    told = await refusal(security.post("/trail/redactions", asking(item, place)))
    assert told.told == (422, "validation_failed")


async def test_an_item_nobody_has_cannot_be_redacted(security: Caller) -> None:
    told = await refusal(security.post("/trail/redactions", asking({"id": str(uuid4())})))
    assert (told.told, told.rules) == ((409, "conflict"), ["unknown_reference"])
    for verb in ("approve", "reject"):
        path = f"/trail/redactions/{uuid4()}"
        assert (await security.send("GET", path)).status_code == 404
        assert (await security.send("POST", f"{path}:{verb}")).status_code in {403, 404}


async def test_a_request_is_decided_once_and_at_the_version_that_was_seen(
    world: World, security: Caller, audit: Caller
) -> None:
    item = await world.item("draft")
    made = await security.post("/trail/redactions", asking(item))
    path = f"/trail/redactions/{made['id']}"
    assert (await audit.send("POST", f"{path}:reject", if_match=None)).json()["code"] == "precondition_required"
    assert (await audit.send("POST", f"{path}:reject", if_match='"v7"')).json()["code"] == "version_mismatch"
    rejected = await audit.send("POST", f"{path}:reject", if_match='"v1"')
    assert (rejected.status_code, rejected.json()["status"]) == (200, "rejected")
    for verb in ("approve", "reject"):
        told = await refusal(audit.post(f"{path}:{verb}", None))
        assert told.told == (409, "conflict")
    title = await world.db.fetchval("SELECT title FROM item WHERE id = $1", item["id"])
    assert title == item["title"]
    types = "SELECT type FROM event WHERE subject_id = $1 ORDER BY seq"
    found = [row["type"] for row in await world.db.fetch(types, made["id"])]
    assert found == ["redaction.requested", "redaction.rejected"]


async def test_two_requests_for_the_same_place_remove_it_once(world: World, security: Caller, audit: Caller) -> None:
    item = await world.item("registered")
    first, second = [await security.post("/trail/redactions", asking(item)) for _ in range(2)]
    await audit.post(f"/trail/redactions/{first['id']}:approve", None)
    told = await refusal(audit.post(f"/trail/redactions/{second['id']}:approve", None))
    assert told.told == (409, "conflict")
    assert (await world.events(item)).count("item.redacted") == 1


async def test_an_approval_that_is_sent_again_is_answered_again(world: World, security: Caller, audit: Caller) -> None:
    item = await world.item("registered")
    made = await security.post("/trail/redactions", asking(item))
    key, path = uuid4().hex, f"/trail/redactions/{made['id']}:approve"
    first, again = [await audit.send("POST", path, key=key, if_match='"v1"') for _ in range(2)]
    assert (first.status_code, again.status_code, again.headers["idempotent-replayed"]) == (200, 200, "true")
    assert again.json() == first.json()
    assert again.headers["rectify-receipt"] == first.headers["rectify-receipt"]


async def test_requests_are_listed_page_by_page(world: World, security: Caller, audit: Caller) -> None:
    item = await world.item("draft")
    made = [(await security.post("/trail/redactions", asking(item)))["id"] for _ in range(3)]
    first = await audit.get(f"/trail/redactions?item_id={item['id']}&limit=2&include=total")
    rest = await audit.get(
        f"/trail/redactions?item_id={item['id']}&limit=2&include=total&cursor={first['next_cursor']}"
    )
    assert [one["id"] for one in (*first["items"], *rest["items"])] == made
    assert (first["total"], rest["next_cursor"]) == (3, None)
    assert (await audit.get(f"/trail/redactions?item_id={item['id']}&status=done"))["items"] == []
    answer = await audit.send("GET", f"/trail/redactions/{made[0]}")
    etag = answer.headers["etag"]
    unchanged = await audit.http.get(f"/v1/trail/redactions/{made[0]}", headers={"If-None-Match": etag})
    assert unchanged.status_code == 304


async def test_the_bytes_of_a_file_go_with_the_last_piece_of_evidence_that_shows_them(
    world: World, security: Caller, audit: Caller
) -> None:
    item = await world.item("rectifying")
    head, place = await world.as_("unit_head"), f"/items/{item['id']}/evidence"
    content = words()
    one, two = [
        await head.upload(place, f"佐证{n}.txt", content, target_kind="item", description=words()) for n in (1, 2)
    ]
    folder = Path(world.app.state.settings.var) / "files"
    kept = next(folder.rglob(one["sha256"]))
    await redacted(security, audit, item, {"kind": "file", "evidence_id": one["id"]})
    assert kept.read_bytes() == content.encode()
    shown = await head.get(f"{place}/{one['id']}")
    assert (shown["file_name"], shown["description"], shown["sha256"]) == (PLACEHOLDER, PLACEHOLDER, one["sha256"])
    assert (await head.send("GET", f"{place}/{one['id']}/content")).status_code == 404
    assert (await head.send("GET", f"{place}/{two['id']}/content")).content == content.encode()
    await redacted(security, audit, item, {"kind": "file", "evidence_id": two["id"]})
    assert not kept.exists()
    again = await head.upload(place, "佐证3.txt", content, target_kind="item")
    assert (await head.send("GET", f"{place}/{again['id']}/content")).content == content.encode()


async def test_bytes_a_crash_left_behind_are_removed_by_the_worker(
    world: World, security: Caller, audit: Caller
) -> None:
    item = await world.item("rectifying")
    head, place, content = await world.as_("unit_head"), f"/items/{item['id']}/evidence", words()
    one = await head.upload(place, "佐证.txt", content, target_kind="item")
    kept = next((Path(world.app.state.settings.var) / "files").rglob(one["sha256"]))
    await redacted(security, audit, item, {"kind": "file", "evidence_id": one["id"]})
    kept.write_text(content, encoding="utf-8")
    chores = {chore.name: chore for chore in chores_of(world.app.state.settings, world.db)}
    assert await chores["erase_redacted"].work(world.db) == 1
    assert not kept.exists()
    assert await chores["erase_redacted"].work(world.db) == 0


async def test_a_reply_that_holds_the_words_is_not_kept(world: World, security: Caller, audit: Caller) -> None:
    title = words()
    item = await world.item("draft", case(title=title))
    held = "SELECT count(*) FROM idempotency_record WHERE strpos(body, $1) > 0"
    assert await world.db.fetchval(held, title) > 0
    await redacted(security, audit, item)
    assert await world.db.fetchval(held, title) == 0


async def test_words_of_a_deleted_draft_can_go_too(world: World, security: Caller, audit: Caller) -> None:
    of = case()
    item = await world.item("draft", of)
    assert (await (await world.as_(of.finder)).send("DELETE", f"/items/{item['id']}")).status_code == 204
    title = next(
        row for row in await world.db.fetch("SELECT id, seq FROM event WHERE subject_id = $1 ORDER BY seq", item["id"])
    )
    await redacted(security, audit, item, *TITLE)
    told = "SELECT field FROM event_disclosure WHERE event_id = $1"
    assert "title" not in {row["field"] for row in await world.db.fetch(told, title["id"])}
    assert (await world.events(item))[-2:] == ["item.draft_deleted", "item.redacted"]


async def test_a_restricted_item_tells_what_was_redacted_and_never_the_words(
    world: World, security: Caller, audit: Caller
) -> None:
    item = await world.item("registered", confidentiality="restricted")
    await redacted(security, audit, item)
    last: dict[str, Any] = (await (await world.as_("viewer")).get(f"/items/{item['id']}/events"))["items"][-1]
    assert last["fields"]["redacted"]
    assert last["fields"]["basis"] == "entered_in_error"
