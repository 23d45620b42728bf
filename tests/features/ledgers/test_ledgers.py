"""Ledgers: who may open one, how it is changed, and that everybody finds it."""

from __future__ import annotations

import asyncio
from uuid import UUID, uuid4

import httpx2
import pytest

from tests.features.ledgers.office import Office, codes, held_back, post
from tests.support.database import Clone


async def test_a_supervision_office_opens_a_ledger_with_the_usual_policy(office: Office) -> None:
    client = await office.person("supervision_office")
    ledger = await office.ledger(client, starts_on="2026-03-01", description="省委第三巡察组反馈")
    assert (ledger["status"], ledger["policy_version"], ledger["version"]) == ("open", 1, 1)
    answer = await client.get(f"/v1/ledgers/{ledger['id']}")
    assert answer.json() == ledger
    policy = (await client.get(f"/v1/ledgers/{ledger['id']}/policies/1")).json()
    assert policy["rules"]["number_prefix"] == ledger["code"]
    assert await office.events(ledger["id"]) == [("ledger.created", 1)]


@pytest.mark.parametrize("role", ["system_admin", "supervision_office"])
async def test_those_who_cover_the_unit_from_above_may_open_a_ledger(office: Office, role: str) -> None:
    client = await office.person(role, unit="root")
    assert await office.ledger(client, unit="section")


@pytest.mark.parametrize(
    ("role", "unit"),
    [
        ("supervision_office", "other"),
        ("supervision_office", "section"),
        ("first_responsible", "bureau"),
        ("liaison", "bureau"),
        ("auditor", "root"),
        ("security_admin", "root"),
    ],
)
async def test_nobody_else_may_open_a_ledger(office: Office, role: str, unit: str) -> None:
    client = await office.person(role, unit=unit)
    body = {"code": f"L{uuid4().hex[:12]}", "name": "x", "unit_id": str(office.units["bureau"])}
    answer = await post(client, "/v1/ledgers", body)
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_an_unknown_unit_and_a_code_in_use_are_conflicts_with_their_place(office: Office) -> None:
    client = await office.person("supervision_office")
    ledger = await office.ledger(client)
    body = {"code": ledger["code"], "name": "x", "unit_id": str(uuid4())}
    answer = await post(client, "/v1/ledgers", body)
    assert (answer.status_code, codes(answer)) == (409, [("unknown_reference", "/unit_id")])
    answer = await post(client, "/v1/ledgers", body | {"unit_id": ledger["unit_id"]})
    assert (answer.status_code, codes(answer)) == (409, [("duplicate_value", "/code")])


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"code": "含中文"}, ("string_pattern_mismatch", "/code")),
        ({"name": "机密★10年"}, ("classified_text", "/name")),
        ({"starts_on": "2026-03-02", "ends_on": "2026-03-01"}, ("ends_before_start", "")),
        ({"rules": {"gates_required": ["problem_solved"]}}, ("gates_not_optional", "/rules/gates_required")),
        ({"colour": "red"}, ("extra_forbidden", "/colour")),
    ],
)
async def test_a_ledger_that_makes_no_sense_is_refused_with_its_place(
    office: Office, change: dict[str, object], expected: tuple[str, str]
) -> None:
    client = await office.person("supervision_office")
    body = {"code": "L1", "name": "x", "unit_id": str(office.units["bureau"])}
    answer = await post(client, "/v1/ledgers", body | change)
    assert (answer.status_code, codes(answer)) == (422, [expected])


async def test_the_same_key_opens_one_ledger(office: Office) -> None:
    client = await office.person("supervision_office")
    body = {"code": f"L{uuid4().hex[:12]}", "name": "x", "unit_id": str(office.units["bureau"])}
    key = {"Idempotency-Key": uuid4().hex}
    first = await client.post("/v1/ledgers", json=body, headers=key)
    again = await client.post("/v1/ledgers", json=body, headers=key)
    assert (first.status_code, again.status_code, again.headers["Idempotent-Replayed"]) == (201, 201, "true")
    assert again.json() == first.json()
    assert (await client.post("/v1/ledgers", json=body)).json()["code"] == "idempotency_key_required"


async def test_a_change_needs_the_version_and_raises_it(office: Office) -> None:
    client = await office.person("supervision_office")
    ledger = await office.ledger(client)
    path = f"/v1/ledgers/{ledger['id']}"
    assert (await client.patch(path, json={"name": "改名"})).status_code == 428
    changed = await client.patch(path, json={"name": "改名"}, headers={"If-Match": '"v1"'})
    assert (changed.status_code, changed.json()["name"], changed.json()["version"]) == (200, "改名", 2)
    stale = await client.patch(path, json={"name": "再改"}, headers={"If-Match": '"v1"'})
    assert (stale.status_code, stale.json()["current_version"]) == (412, 2)
    archived = await client.patch(path, json={"status": "archived"}, headers={"If-Match": changed.headers["ETag"]})
    assert archived.json()["status"] == "archived"
    assert await office.events(ledger["id"]) == [
        ("ledger.created", 1),
        ("ledger.changed", 2),
        ("ledger.archived", 3),
    ]


async def test_a_change_empties_only_what_may_be_empty(office: Office) -> None:
    client = await office.person("supervision_office")
    ledger = await office.ledger(client, description="说明", starts_on="2026-03-01")
    path, match = f"/v1/ledgers/{ledger['id']}", {"If-Match": '"v1"'}
    assert (await client.patch(path, json={"name": None}, headers=match)).status_code == 422
    answer = await client.patch(path, json={"ends_on": "2026-02-01"}, headers=match)
    assert (answer.status_code, codes(answer)) == (409, [("ends_before_start", "/ends_on")])
    emptied = await client.patch(path, json={"description": None}, headers=match)
    assert (emptied.json()["description"], emptied.json()["starts_on"]) == (None, "2026-03-01")


async def test_a_neighbour_reads_a_ledger_and_cannot_change_it(office: Office) -> None:
    ledger = await office.ledger(await office.person("supervision_office"))
    neighbour = await office.person("supervision_office", unit="other")
    path = f"/v1/ledgers/{ledger['id']}"
    assert (await neighbour.get(path)).status_code == 200
    assert (await neighbour.patch(path, json={"name": "x"}, headers={"If-Match": '"v1"'})).status_code == 403


async def test_an_unknown_ledger_is_not_found_and_a_stranger_is_unauthenticated(
    office: Office, client: httpx2.AsyncClient
) -> None:
    reader = await office.person("viewer")
    for path in (uuid4(), "not-an-id", f"{uuid4()}/policies", f"{uuid4()}/policies/1", f"{uuid4()}/policies/{2**40}"):
        assert (await reader.get(f"/v1/ledgers/{path}")).status_code == 404, path
        assert (await client.get(f"/v1/ledgers/{path}")).status_code == 401, path


async def test_a_ledger_unchanged_is_answered_304(office: Office) -> None:
    client = await office.person("supervision_office")
    ledger = await office.ledger(client)
    first = await client.get(f"/v1/ledgers/{ledger['id']}")
    again = await client.get(f"/v1/ledgers/{ledger['id']}", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_the_list_is_read_page_by_page_newest_first_and_filtered(office: Office) -> None:
    client = await office.person("supervision_office")
    made = [await office.ledger(client, name=f"第{number}批 100%") for number in range(5)]
    await office.ledger(await office.person("supervision_office", unit="root"), unit="other")
    mine = {"unit_id": str(office.units["bureau"])}
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await client.get("/v1/ledgers", params={**mine, "limit": 2, "include": "total", **cursor})).json()
        assert (page["total"], page["total_relation"]) == (5, "eq")
        seen += [ledger["id"] for ledger in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == [ledger["id"] for ledger in reversed(made)]
    found = await client.get("/v1/ledgers", params={**mine, "q": "3批 100%"})
    assert [ledger["id"] for ledger in found.json()["items"]] == [made[3]["id"]]
    assert (await client.get("/v1/ledgers", params={**mine, "q": "批_1"})).json()["items"] == []
    assert (await client.get("/v1/ledgers", params={**mine, "status": "archived"})).json()["items"] == []


async def test_of_changes_that_arrive_together_one_wins(office: Office, shared_database: Clone) -> None:
    client = await office.person("supervision_office")
    ledger = await office.ledger(client)
    path, match = f"/v1/ledgers/{ledger['id']}", {"If-Match": '"v1"'}
    lock = "SELECT FROM ledger WHERE id = $1 FOR UPDATE"
    async with held_back(shared_database.superuser_url, lock, UUID(ledger["id"])) as queued:
        changes = [asyncio.create_task(client.patch(path, json={"name": f"第{n}"}, headers=match)) for n in range(3)]
        await queued(3)
    answers = await asyncio.gather(*changes)
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412]
    assert len(await office.events(ledger["id"])) == 2
