"""Policies: append-only versions, who may change them, and whom a change touches."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import httpx2
import pytest

from app.lifecycle.policy import POLICY_DEFAULT
from tests.features.ledgers.office import Office, codes, held_back, post
from tests.support.database import Clone

STRICTER: dict[str, Any] = {"people_satisfied": {"threshold": {"num": 90, "den": 100}}, "notice_required": True}


def body(expected_version: int = 1, **rules: Any) -> dict[str, Any]:
    return {"rules": rules or STRICTER, "reason": "年度调整", "expected_version": expected_version}


async def history(client: httpx2.AsyncClient, ledger_id: str) -> list[int]:
    page = (await client.get(f"/v1/ledgers/{ledger_id}/policies")).json()
    return [version["policy_version"] for version in page["items"]]


async def test_a_new_version_is_added_and_the_old_one_stays(office: Office) -> None:
    client = await office.person("supervision_office")
    ledger = await office.ledger(client, rules={"number_prefix": "XC"})
    answer = await post(client, f"/v1/ledgers/{ledger['id']}/policies", body(number_prefix="XC", **STRICTER))
    change = answer.json()
    assert (answer.status_code, change["policy_version"], change["written"]) == (201, 2, True)
    assert change["changed"] == ["people_satisfied", "notice_required"]
    assert answer.headers["Location"] == f"/v1/ledgers/{ledger['id']}/policies/2"
    old, new = [(await client.get(f"/v1/ledgers/{ledger['id']}/policies/{n}")).json() for n in (1, 2)]
    assert old["rules"] == POLICY_DEFAULT.model_copy(update={"number_prefix": "XC"}).model_dump(mode="json")
    assert (new["rules"]["people_satisfied"]["threshold"], new["reason"]) == ({"num": 90, "den": 100}, "年度调整")
    assert await history(client, ledger["id"]) == [2, 1]
    current = (await client.get(f"/v1/ledgers/{ledger['id']}")).json()
    assert (current["policy_version"], current["version"]) == (2, 2)
    assert await office.events(ledger["id"]) == [("ledger.created", 1), ("ledger.policy_changed", 2)]


async def test_a_change_says_whom_it_touches_and_leaves_open_submissions_alone(
    office: Office, shared_database: Clone
) -> None:
    client = await office.person("first_responsible")
    ledger = await office.ledger(await office.person("supervision_office"))
    states = ("draft", "submitted", "registered", "assigned", "rectifying", "sustaining", "verifying", "closing")
    await office.items(shared_database.superuser_url, ledger["id"], *states, "public_notice", "closed", "voided")
    path = f"/v1/ledgers/{ledger['id']}/policies"
    preview = await client.post(path, params={"validate_only": "true"}, json=body())
    assert preview.status_code == 200
    assert preview.json()["open_items_touched"] == 4
    assert preview.json()["open_submissions_kept"] == 3
    assert preview.json()["written"] is False
    assert await history(client, ledger["id"]) == [1]
    written = await post(client, path, body())
    assert written.json() == preview.json() | {"written": True}


@pytest.mark.parametrize(
    ("role", "unit", "status"),
    [
        ("first_responsible", "root", 201),
        ("supervision_office", "bureau", 201),
        ("supervision_office", "other", 403),
        ("first_responsible", "section", 403),
        ("system_admin", "root", 403),
        ("leader", "bureau", 403),
        ("auditor", "root", 403),
    ],
)
async def test_only_those_who_answer_for_the_ledger_change_its_rules(
    office: Office, role: str, unit: str, status: int
) -> None:
    ledger = await office.ledger(await office.person("supervision_office"))
    client = await office.person(role, unit=unit)
    path = f"/v1/ledgers/{ledger['id']}/policies"
    preview = await client.post(path, params={"validate_only": "true"}, json=body())
    assert preview.status_code == (200 if status == 201 else status)
    assert (await post(client, path, body())).status_code == status


async def test_of_two_authors_the_second_has_to_read_the_first(office: Office, shared_database: Clone) -> None:
    client = await office.person("supervision_office")
    ledger = await office.ledger(client)
    path = f"/v1/ledgers/{ledger['id']}/policies"
    lock = "SELECT FROM ledger WHERE id = $1 FOR UPDATE"
    async with held_back(shared_database.superuser_url, lock, UUID(ledger["id"])) as queued:
        authors = [asyncio.create_task(post(client, path, body())) for _ in range(3)]
        await queued(3)
    answers = await asyncio.gather(*authors)
    assert sorted(answer.status_code for answer in answers) == [201, 412, 412]
    late = next(answer for answer in answers if answer.status_code == 412)
    assert (late.json()["code"], late.json()["current_version"]) == ("version_mismatch", 2)
    assert await history(client, ledger["id"]) == [2, 1]


async def test_a_policy_without_one_of_the_gates_is_refused_even_as_a_preview(office: Office) -> None:
    client = await office.person("supervision_office")
    ledger = await office.ledger(client)
    path = f"/v1/ledgers/{ledger['id']}/policies"
    weak = body(gates_required=["problem_solved", "rectification_adequate"])
    for answer in (
        await post(client, path, weak),
        await client.post(path, params={"validate_only": "true"}, json=weak),
    ):
        assert (answer.status_code, codes(answer)) == (422, [("gates_not_optional", "/rules/gates_required")])


async def test_a_long_history_of_versions_is_read_page_by_page(office: Office) -> None:
    client = await office.person("supervision_office")
    ledger = await office.ledger(client)
    for version in range(1, 4):
        assert (await post(client, f"/v1/ledgers/{ledger['id']}/policies", body(version))).status_code == 201
    first = await client.get(f"/v1/ledgers/{ledger['id']}/policies", params={"limit": 3})
    assert [entry["policy_version"] for entry in first.json()["items"]] == [4, 3, 2]
    rest = await client.get(
        f"/v1/ledgers/{ledger['id']}/policies", params={"limit": 3, "cursor": first.json()["next_cursor"]}
    )
    assert [entry["policy_version"] for entry in rest.json()["items"]] == [1]
