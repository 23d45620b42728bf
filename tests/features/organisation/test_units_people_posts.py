"""The system administrator keeps the organisation; everybody else reads their part of it."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from fastapi import FastAPI

from tests.support.organisation import Organisation, Someone


@pytest.fixture
def org(app: FastAPI) -> Organisation:
    return Organisation.of(app)


@pytest.fixture
async def admin(org: Organisation) -> Someone:
    return await org.person(("system_admin", await org.unit()))


def keyed(who: Someone, **more: str) -> dict[str, str]:
    return {**who.headers, "Idempotency-Key": str(uuid4()), **more}


async def make(client: httpx2.AsyncClient, who: Someone, path: str, **body: Any) -> httpx2.Response:
    return await client.post(path, json=body, headers=keyed(who))


def code() -> str:
    return f"u-{uuid4().hex[:12]}"


async def test_a_number_in_quotation_marks_is_no_number(client: httpx2.AsyncClient, admin: Someone) -> None:
    refused = await make(client, admin, "/v1/units", code=code(), name="学校", sort_order="5")
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/sort_order")


async def test_a_unit_is_made_read_changed_and_deleted(client: httpx2.AsyncClient, admin: Someone) -> None:
    root = await make(client, admin, "/v1/units", code=code(), name="学校")
    assert root.status_code == 201, root.text
    below = await make(client, admin, "/v1/units", code=code(), name="后勤处", parent_id=root.json()["id"])
    unit = below.json()
    assert below.headers["location"] == f"/v1/units/{unit['id']}"
    assert unit["ancestors"] == [root.json()["id"], unit["id"]]
    path = f"/v1/units/{unit['id']}"
    read = await client.get(path, headers=admin.headers)
    assert read.json() == unit
    cached = await client.get(path, headers={**admin.headers, "If-None-Match": read.headers["etag"]})
    assert cached.status_code == 304
    changed = await client.patch(
        path, json={"name": "后勤保障处"}, headers={**admin.headers, "If-Match": read.headers["etag"]}
    )
    assert (changed.json()["name"], changed.json()["version"]) == ("后勤保障处", 2)
    stale = await client.delete(path, headers={**admin.headers, "If-Match": '"v1"'})
    assert (stale.status_code, stale.json()["current_version"]) == (412, 2)
    assert (await client.delete(path, headers=admin.headers)).status_code == 428
    gone = await client.delete(path, headers={**admin.headers, "If-Match": '"v2"'})
    assert gone.status_code == 204, gone.text
    assert (await client.get(path, headers=admin.headers)).status_code == 404


async def test_every_change_is_one_event(client: httpx2.AsyncClient, admin: Someone, org: Organisation) -> None:
    made = (await make(client, admin, "/v1/units", code=code(), name="审计处")).json()
    path, tag = f"/v1/units/{made['id']}", {**admin.headers, "If-Match": "*"}
    await client.patch(path, json={"name": "审计部"}, headers=tag)
    await client.delete(path, headers=tag)
    rows = await org.db.fetch("SELECT type, seq FROM event WHERE subject_id = $1 ORDER BY seq", UUID(made["id"]))
    assert [tuple(row) for row in rows] == [("unit.created", 1), ("unit.changed", 2), ("unit.deleted", 3)]


async def test_moving_a_unit_takes_everything_below_along(
    client: httpx2.AsyncClient, admin: Someone, org: Organisation
) -> None:
    old, new = await org.unit(), await org.unit()
    moved = await org.unit(old)
    child = await org.unit(moved)
    grandchild = await org.unit(child)
    reader = await org.person(("viewer", new))
    somebody = await org.person()
    await org.post(somebody.id, grandchild)
    seen = f"/v1/people/{somebody.id}"
    assert (await client.get(seen, headers=reader.headers)).status_code == 404
    answer = await client.patch(
        f"/v1/units/{moved}", json={"parent_id": str(new)}, headers={**admin.headers, "If-Match": '"v1"'}
    )
    assert answer.status_code == 200, answer.text
    paths = await org.db.fetch("SELECT id, ancestors FROM unit WHERE $1 = ANY(ancestors) ORDER BY id", moved)
    assert {row["id"]: row["ancestors"] for row in paths} == {
        moved: [new, moved],
        child: [new, moved, child],
        grandchild: [new, moved, child, grandchild],
    }
    assert (await client.get(seen, headers=reader.headers)).status_code == 200
    as_root = await client.patch(
        f"/v1/units/{child}", json={"parent_id": None}, headers={**admin.headers, "If-Match": '"v1"'}
    )
    assert as_root.json()["ancestors"] == [str(child)]
    assert await org.db.fetchval("SELECT ancestors FROM unit WHERE id = $1", grandchild) == [child, grandchild]


async def test_a_unit_cannot_come_below_itself(client: httpx2.AsyncClient, admin: Someone, org: Organisation) -> None:
    top = await org.unit()
    child = await org.unit(top)
    for target in (top, child):
        answer = await client.patch(
            f"/v1/units/{top}", json={"parent_id": str(target)}, headers={**admin.headers, "If-Match": "*"}
        )
        assert answer.status_code == 409
        assert answer.json()["errors"][0]["code"] == "unit_cycle"


async def test_two_moves_at_once_never_close_a_ring(
    client: httpx2.AsyncClient, admin: Someone, org: Organisation
) -> None:
    for _ in range(5):
        one, two = await org.unit(), await org.unit()
        answers = await asyncio.gather(
            *(
                client.patch(f"/v1/units/{a}", json={"parent_id": str(b)}, headers={**admin.headers, "If-Match": "*"})
                for a, b in ((one, two), (two, one))
            )
        )
        assert sorted(answer.status_code for answer in answers) == [200, 409]


async def test_a_unit_in_use_stays(client: httpx2.AsyncClient, admin: Someone, org: Organisation) -> None:
    unit = await org.unit()
    await org.post(admin.id, unit)
    answer = await client.delete(f"/v1/units/{unit}", headers={**admin.headers, "If-Match": "*"})
    assert (answer.status_code, answer.json()["code"]) == (409, "not_deletable")


async def test_a_code_is_used_once(client: httpx2.AsyncClient, admin: Someone) -> None:
    same = code()
    assert (await make(client, admin, "/v1/units", code=same, name="甲")).status_code == 201
    again = await make(client, admin, "/v1/units", code=same, name="乙")
    assert (again.status_code, again.json()["code"]) == (409, "duplicate_value")
    assert again.json()["errors"][0]["pointer"] == "/code"


@pytest.mark.parametrize(
    "body",
    [
        {"name": "无编号"},
        {"code": "有汉字", "name": "甲"},
        {"code": "ok", "name": ""},
        {"code": "ok", "name": "甲", "colour": "red"},
        {"code": "ok", "name": "甲", "active_from": "2026-02-01", "active_until": "2026-01-01"},
        {"code": "ok", "name": "机密★10年"},
        {"code": "ok", "name": "甲", "sort_order": 10**9},
    ],
)
async def test_an_unusable_unit_is_refused(client: httpx2.AsyncClient, admin: Someone, body: dict[str, Any]) -> None:
    assert (await make(client, admin, "/v1/units", **body)).status_code == 422


async def test_null_does_not_empty_what_must_be_there(
    client: httpx2.AsyncClient, admin: Someone, org: Organisation
) -> None:
    headers = {**admin.headers, "If-Match": "*"}
    answer = await client.patch(f"/v1/units/{await org.unit()}", json={"name": None}, headers=headers)
    assert answer.status_code == 422


async def test_units_are_listed_page_by_page_and_found_by_name_parent_and_subtree(
    client: httpx2.AsyncClient, admin: Someone, org: Organisation
) -> None:
    top = await org.unit()
    children = {str(await org.unit(top)) for _ in range(5)}
    deep = str(await org.unit(UUID(min(children))))
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        query: dict[str, str | int] = {
            "parent_id": str(top),
            "limit": 2,
            "include": "total",
            **({"cursor": cursor} if cursor else {}),
        }
        page = (await client.get("/v1/units", params=query, headers=admin.headers)).json()
        assert (page["total"], page["total_relation"]) == (5, "eq")
        found += [unit["id"] for unit in page["items"]]
        cursor = page["next_cursor"]
    assert len(found) == 5
    assert set(found) == children
    within = await client.get("/v1/units", params={"within": str(top)}, headers=admin.headers)
    assert {unit["id"] for unit in within.json()["items"]} == children | {str(top), deep}
    by_code = await client.get("/v1/units", params={"q": UUID(deep).hex[-12:]}, headers=admin.headers)
    assert [unit["id"] for unit in by_code.json()["items"]] == [deep]
    assert (await client.get("/v1/units", params={"q": "%"}, headers=admin.headers)).json()["items"] == []


async def test_everybody_signed_in_reads_units_and_only_the_system_administrator_writes_them(
    client: httpx2.AsyncClient, org: Organisation
) -> None:
    unit = await org.unit()
    assert (await client.get(f"/v1/units/{unit}")).status_code == 401
    for role in ("viewer", "first_responsible", "security_admin", "audit_admin", "auditor"):
        who = await org.person((role, unit))
        assert (await client.get(f"/v1/units/{unit}", headers=who.headers)).status_code == 200
        assert (await make(client, who, "/v1/units", code=code(), name="甲")).status_code == 403
        assert (await make(client, who, "/v1/people", name="李四")).status_code == 403
        assert (await make(client, who, "/v1/posts", colour="red")).status_code == 403


async def test_people_are_seen_by_their_colleagues_and_by_readers_above(
    client: httpx2.AsyncClient, org: Organisation, admin: Someone
) -> None:
    top = await org.unit()
    unit, other = await org.unit(top), await org.unit(top)
    who, colleague, neighbour = [await org.person() for _ in range(3)]
    for person, place in ((who, unit), (colleague, unit), (neighbour, other)):
        await org.post(person.id, place)
    above = await org.person(("viewer", top))
    security = await org.person(("security_admin", other))
    path = f"/v1/people/{who.id}"
    for reader, status in ((who, 200), (colleague, 200), (above, 200), (admin, 200), (security, 200), (neighbour, 404)):
        assert (await client.get(path, headers=reader.headers)).status_code == status
    listed = await client.get("/v1/people", params={"unit_id": str(unit)}, headers=above.headers)
    assert {person["id"] for person in listed.json()["items"]} == {str(who.id), str(colleague.id)}
    query = {"unit_id": str(top), "unit_subtree": "true"}
    listed = await client.get("/v1/people", params=query, headers=above.headers)
    assert len(listed.json()["items"]) == 3
    assert listed.json()["items"][0]["posts"][0]["title"] == "科员"
    posts = await client.get("/v1/posts", params={"unit_id": str(unit)}, headers=neighbour.headers)
    assert posts.json()["items"] == []


async def test_a_person_is_made_changed_and_given_a_post_that_ends(
    client: httpx2.AsyncClient, admin: Someone, org: Organisation
) -> None:
    number = uuid4().hex[:12]
    made = (await make(client, admin, "/v1/people", name="王五", staff_no=number)).json()
    assert (await make(client, admin, "/v1/people", name="赵六", staff_no=number)).json()["code"] == "duplicate_value"
    body = {"person_id": made["id"], "unit_id": str(await org.unit()), "title": "处长", "starts_on": "2026-01-01"}
    post = await make(client, admin, "/v1/posts", **body)
    assert (post.status_code, post.json()["person_name"]) == (201, "王五")
    path, tag = f"/v1/posts/{post.json()['id']}", {**admin.headers, "If-Match": post.headers["etag"]}
    assert (await client.patch(path, json={"ends_on": "2025-12-31"}, headers=tag)).status_code == 409
    assert (await client.patch(path, json={"starts_on": "2025-01-01"}, headers=tag)).status_code == 422
    ended = await client.patch(path, json={"ends_on": "2026-03-31"}, headers=tag)
    assert (ended.json()["ends_on"], ended.json()["version"]) == ("2026-03-31", 2)
    unknown = await make(client, admin, "/v1/posts", **{**body, "unit_id": str(uuid4())})
    assert (unknown.status_code, unknown.json()["errors"][0]["pointer"]) == (409, "/unit_id")


async def test_who_leaves_can_no_longer_use_a_running_session(
    client: httpx2.AsyncClient, admin: Someone, org: Organisation
) -> None:
    who = await org.person()
    assert (await client.get("/v1/me", headers=who.headers)).status_code == 200
    left = await client.patch(
        f"/v1/people/{who.id}", json={"active": False}, headers={**admin.headers, "If-Match": '"v1"'}
    )
    assert left.status_code == 200, left.text
    assert (await client.get("/v1/me", headers=who.headers)).status_code == 401


async def test_a_retried_creation_makes_one_unit(client: httpx2.AsyncClient, admin: Someone, org: Organisation) -> None:
    headers, body = keyed(admin), {"code": code(), "name": "团委"}
    first = await client.post("/v1/units", json=body, headers=headers)
    again = await client.post("/v1/units", json=body, headers=headers)
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == first.json()
    assert await org.db.fetchval("SELECT count(*) FROM unit WHERE code = $1", body["code"]) == 1
