"""The security administrator gives and takes powers; everything taken is gone with the next request."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from fastapi import FastAPI

from app.core import clock
from tests.support.organisation import Organisation, Someone
from tests.support.service import Serve, client_of


@pytest.fixture
def org(app: FastAPI) -> Organisation:
    return Organisation.of(app)


@pytest.fixture
async def security(org: Organisation) -> Someone:
    return await org.person(("security_admin", await org.unit()))


def keyed(who: Someone) -> dict[str, str]:
    return {**who.headers, "Idempotency-Key": str(uuid4())}


def tagged(who: Someone, tag: str = "*") -> dict[str, str]:
    return {**who.headers, "If-Match": tag}


async def grant(client: httpx2.AsyncClient, by: Someone, to: UUID, role: str, unit: UUID, **more: Any) -> Any:
    body = {"role": role, "unit_id": str(unit), **more}
    return await client.post(f"/v1/people/{to}/roles", json=body, headers=keyed(by))


async def test_a_role_works_from_its_grant_to_its_revocation(
    client: httpx2.AsyncClient, org: Organisation, security: Someone
) -> None:
    unit, who = await org.unit(), await org.person()
    made = await grant(client, security, who.id, "liaison", unit)
    assert made.status_code == 201, made.text
    roles = (await client.get("/v1/me", headers=who.headers)).json()["roles"]
    assert [(role["role"], role["unit_id"]) for role in roles] == [("liaison", str(unit))]
    again = await grant(client, security, who.id, "liaison", unit)
    assert (again.status_code, again.json()["code"]) == (409, "duplicate_value")
    path = f"/v1/people/{who.id}/roles/{made.json()['id']}"
    assert (await client.get(path, headers=security.headers)).json() == made.json()
    assert (
        await client.get(made.headers["location"].replace(str(who.id), str(uuid4())), headers=security.headers)
    ).is_error
    assert (await client.delete(path, headers=security.headers)).status_code == 428
    assert (await client.delete(path, headers=tagged(security, '"v7"'))).status_code == 412
    assert (await client.delete(path, headers=tagged(security, made.headers["etag"]))).status_code == 204
    assert (await client.get("/v1/me", headers=who.headers)).json()["roles"] == []
    listed = await client.get(f"/v1/people/{who.id}/roles", headers=security.headers)
    assert [role["revoked_at"] is None for role in listed.json()["items"]] == [False]
    assert (await client.delete(path, headers=tagged(security))).status_code == 404


async def test_only_the_security_administrator_gives_powers(client: httpx2.AsyncClient, org: Organisation) -> None:
    unit, who = await org.unit(), await org.person()
    for role in ("system_admin", "audit_admin", "first_responsible", "auditor"):
        other = await org.person((role, unit))
        assert (await grant(client, other, who.id, "viewer", unit)).status_code == 403
        assert (await client.get(f"/v1/people/{who.id}/roles", headers=other.headers)).status_code == 403
        assert (await client.get(f"/v1/people/{who.id}/account", headers=other.headers)).status_code == 403
        assert (await client.get("/v1/api-keys", headers=other.headers)).json()["items"] == []


async def test_three_administrators_are_three_persons(
    client: httpx2.AsyncClient, org: Organisation, security: Someone
) -> None:
    unit, who = await org.unit(), await org.person()
    later = str(clock.today() + timedelta(30))
    assert (await grant(client, security, who.id, "system_admin", unit, starts_on=later)).status_code == 201
    for role in ("security_admin", "audit_admin", "viewer", "supervision_office"):
        refused = await grant(client, security, who.id, role, unit)
        assert (refused.status_code, refused.json()["code"]) == (409, "administrators_must_differ")
    clerk = await org.person(("viewer", unit))
    refused = await grant(client, security, clerk.id, "system_admin", unit)
    assert (refused.status_code, refused.json()["code"]) == (409, "administrators_must_differ")


async def test_in_trial_mode_one_person_may_be_all_three(serve: Serve, database_url: str) -> None:
    async with serve(database_url, trial_mode=True) as app, client_of(app) as client:
        org = Organisation.of(app)
        unit = await org.unit()
        who = await org.person(("security_admin", unit))
        assert (await grant(client, who, who.id, "system_admin", unit)).status_code == 201
        assert (await grant(client, who, who.id, "audit_admin", unit)).status_code == 201
        assert (await client.get("/v1/me", headers=who.headers)).json()["trial_mode"] is True


async def test_the_last_administrator_stays(fresh_app: FastAPI, fresh_client: httpx2.AsyncClient) -> None:
    org, client = Organisation.of(fresh_app), fresh_client
    unit = await org.unit()
    security = await org.person()
    held = await org.grant(security.id, "security_admin", unit)
    system = await org.person(("system_admin", unit))
    role = f"/v1/people/{security.id}/roles/{held}"
    attempts = [
        client.delete(role, headers=tagged(security)),
        client.patch(f"/v1/people/{security.id}/account", json={"active": False}, headers=tagged(security)),
        client.patch(f"/v1/people/{security.id}", json={"active": False}, headers=tagged(system)),
        client.patch(f"/v1/people/{system.id}", json={"active": False}, headers=tagged(system)),
    ]
    for attempt in attempts:
        refused = await attempt
        assert (refused.status_code, refused.json()["code"]) == (409, "last_administrator")
    closed = await org.person()
    await org.db.fetch("UPDATE account SET active = false WHERE id = $1", closed.account_id)
    await org.grant(closed.id, "security_admin", unit)
    assert (await client.delete(role, headers=tagged(security))).status_code == 409
    assert (await grant(client, security, (await org.person()).id, "security_admin", unit)).status_code == 201
    assert (await client.delete(role, headers=tagged(security))).status_code == 204


async def test_an_account_is_opened_with_a_password_shown_once_and_reset(
    client: httpx2.AsyncClient, org: Organisation, security: Someone
) -> None:
    system = await org.person(("system_admin", await org.unit()))
    made = await client.post("/v1/people", json={"name": "新人"}, headers=keyed(system))
    path, name = f"/v1/people/{made.json()['id']}/account", f"new-{uuid4().hex[:8]}"
    assert (await client.get(path, headers=security.headers)).status_code == 404
    opened = await client.put(path, json={"username": name}, headers=keyed(security))
    assert opened.status_code == 201, opened.text
    password = opened.json()["password"]
    assert "password" not in (await client.get(path, headers=security.headers)).json()
    kept = await org.db.fetch("SELECT body FROM idempotency_record WHERE body LIKE $1", f"%{name}%")
    assert kept
    assert all(password not in row["body"] for row in kept)
    said = await org.db.fetch("SELECT value FROM event_disclosure WHERE value LIKE $1", f"%{password}%")
    assert said == []
    form = {"username": name, "password": password}
    session = (await client.post("/v1/auth/token", data=form)).json()["access_token"]
    bearer = {"Authorization": f"Bearer {session}"}
    assert (await client.get("/v1/units", headers=bearer)).json()["code"] == "password_change_required"
    assert (await client.put(path, json={"username": name}, headers=security.headers)).status_code == 428
    own = {"username": name, "password": "一个足够长的新密码2026", "must_change_password": False}
    reset = await client.put(path, json=own, headers=tagged(security, opened.headers["etag"]))
    assert (reset.status_code, reset.json()["password"]) == (200, None)
    assert (await client.get("/v1/me", headers=bearer)).status_code == 401
    again = await client.post("/v1/auth/token", data={"username": name, "password": own["password"]})
    assert again.status_code == 200


@pytest.mark.parametrize("password", ["tooshort", "aaaaaaaaaaaaaaaa", "has-the-name-inside-12345"])
async def test_a_weak_password_is_refused(
    client: httpx2.AsyncClient, org: Organisation, security: Someone, password: str
) -> None:
    body = {"username": "the-name", "password": password}
    answer = await client.put(f"/v1/people/{(await org.person()).id}/account", json=body, headers=tagged(security))
    assert answer.status_code == 422
    assert password not in answer.text


async def test_a_closed_account_ends_at_once_and_can_be_opened_again(
    client: httpx2.AsyncClient, org: Organisation, security: Someone
) -> None:
    who = await org.person()
    path = f"/v1/people/{who.id}/account"
    assert (await client.patch(path, json={"active": False}, headers=tagged(security, '"v1"'))).status_code == 200
    assert (await client.get("/v1/me", headers=who.headers)).status_code == 401
    assert (await client.patch(path, json={"active": True}, headers=tagged(security, '"v2"'))).status_code == 200
    assert (await client.get("/v1/me", headers=who.headers)).status_code == 401


def lending(to: Someone, *roles: str, **more: Any) -> dict[str, Any]:
    today = clock.today()
    days = {"starts_on": str(today), "ends_on": str(today + timedelta(7))}
    return {"delegate_id": str(to.id), "roles": list(roles), "reason": "出差一周", **days, **more}


async def test_a_leader_lends_a_role_and_takes_it_back(client: httpx2.AsyncClient, org: Organisation) -> None:
    unit, stand_in = await org.unit(), await org.person()
    head = await org.person(("unit_head", unit))
    made = await client.post("/v1/delegations", json=lending(stand_in, "unit_head"), headers=keyed(head))
    assert made.status_code == 201, made.text
    me = (await client.get("/v1/me", headers=stand_in.headers)).json()
    assert [(role["role"], role["principal_id"]) for role in me["roles"]] == [("unit_head", str(head.id))]
    assert me["delegations"][0]["id"] == made.json()["id"]
    path = f"/v1/delegations/{made.json()['id']}"
    assert (await client.get(path, headers=stand_in.headers)).status_code == 200
    outsider = await org.person()
    assert (await client.get(path, headers=outsider.headers)).status_code == 404
    assert (await client.delete(path, headers=tagged(outsider))).status_code == 404
    assert (await client.delete(path, headers=tagged(head, made.headers["etag"]))).status_code == 204
    assert (await client.get("/v1/me", headers=stand_in.headers)).json()["roles"] == []


async def test_nobody_lends_what_is_not_their_own(
    client: httpx2.AsyncClient, org: Organisation, security: Someone
) -> None:
    unit = await org.unit()
    head, second, third = await org.person(("unit_head", unit)), await org.person(), await org.person()
    await org.delegation(head.id, second.id, "unit_head")
    yesterday = str(clock.today() - timedelta(1))

    async def attempt(by: Someone, body: dict[str, Any]) -> tuple[int, str]:
        answer = await client.post("/v1/delegations", json=body, headers=keyed(by))
        return answer.status_code, (answer.json().get("errors") or [{}])[0].get("code", "")

    assert await attempt(second, lending(third, "unit_head")) == (409, "role_not_held")
    assert await attempt(head, lending(third, "leader")) == (409, "role_not_held")
    assert await attempt(head, lending(head, "unit_head")) == (409, "same_person")
    assert await attempt(head, lending(third, "unit_head", starts_on=yesterday)) == (409, "in_the_past")
    assert await attempt(security, lending(third, "security_admin")) == (422, "role_not_lendable")
    assert (await attempt(head, lending(third, "unit_head", ends_on="2199-01-01")))[0] == 422
    assert (await attempt(third, lending(second, "unit_head", principal_id=str(head.id))))[0] == 403
    assert (await attempt(security, lending(third, "unit_head", principal_id=str(head.id))))[0] == 201
