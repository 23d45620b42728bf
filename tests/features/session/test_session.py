"""Signing in, out and on; what the caller's own page says; keys for programs."""

from __future__ import annotations

import time
from datetime import timedelta
from statistics import median
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
from fastapi import FastAPI

from app.access import passwords
from app.core import clock
from app.tables.item import ItemMover
from tests.support.organisation import Organisation, Someone

PASSWORD = "静夜思 床前明月光 2026"


@pytest.fixture
def org(app: FastAPI) -> Organisation:
    return Organisation.of(app)


@pytest.fixture
async def who(org: Organisation) -> Someone:
    return await org.person(("liaison", await org.unit()), password_hash=await passwords.hashed(PASSWORD))


async def sign_in(client: httpx2.AsyncClient, username: str, password: str = PASSWORD, **more: str) -> httpx2.Response:
    return await client.post("/v1/auth/token", data={"username": username, "password": password, **more})


def bearer(answer: httpx2.Response) -> dict[str, str]:
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def keyed(headers: dict[str, str]) -> dict[str, str]:
    return {**headers, "Idempotency-Key": str(uuid4())}


async def test_a_session_begins_with_the_password_and_ends_for_good_when_ended(
    client: httpx2.AsyncClient, who: Someone
) -> None:
    began = await sign_in(client, who.username, grant_type="password")
    assert began.status_code == 200, began.text
    assert (began.json()["token_type"], began.json()["expires_in"]) == ("bearer", 28800)
    assert began.headers["cache-control"] == "no-store"
    other = await sign_in(client, who.username)
    assert (await client.get("/v1/me", headers=bearer(began))).json()["account"]["username"] == who.username
    assert (await client.delete("/v1/auth/token", headers=bearer(began))).status_code == 204
    for session in (began, other):
        assert (await client.get("/v1/me", headers=bearer(session))).status_code == 401
    assert (await sign_in(client, who.username)).status_code == 200


async def test_a_wrong_name_a_wrong_password_and_a_closed_account_look_alike(
    client: httpx2.AsyncClient, org: Organisation, who: Someone
) -> None:
    closed = await org.person(password_hash=await passwords.hashed(PASSWORD))
    await org.db.fetch("UPDATE account SET active = false WHERE id = $1", closed.account_id)
    answers = [
        await sign_in(client, who.username, "不是这个密码啊不是"),
        await sign_in(client, f"nobody-{uuid4()}"),
        await sign_in(client, closed.username),
    ]
    bodies = [{**answer.json(), "request_id": ""} for answer in answers]
    assert [answer.status_code for answer in answers] == [401, 401, 401]
    assert bodies[0]["code"] == "invalid_credentials"
    assert bodies[0] == bodies[1] == bodies[2]


async def test_a_name_nobody_has_takes_as_long_as_a_wrong_password(client: httpx2.AsyncClient, who: Someone) -> None:
    async def seconds(username: str) -> float:
        began = time.perf_counter()
        await sign_in(client, username, "猜一个密码试试看吧")
        return time.perf_counter() - began

    await seconds(f"first-{uuid4()}")
    known = median([await seconds(who.username) for _ in range(5)])
    unknown = median([await seconds(f"nobody-{uuid4()}") for _ in range(5)])
    assert 0.4 < unknown / known < 2.5


async def test_after_five_wrong_passwords_even_the_right_one_has_to_wait(
    client: httpx2.AsyncClient, who: Someone, org: Organisation
) -> None:
    for _ in range(5):
        assert (await sign_in(client, who.username, "猜一个密码试试看吧")).status_code == 401
    locked = await sign_in(client, who.username)
    assert (locked.status_code, locked.json()["code"]) == (429, "too_many_requests")
    assert 0 < int(locked.headers["retry-after"]) <= 900
    other = await org.person(password_hash=await passwords.hashed(PASSWORD))
    assert (await sign_in(client, other.username)).status_code == 200


@pytest.mark.parametrize(
    ("form", "status"),
    [({}, 422), ({"username": "x"}, 422), ({"username": "x", "password": "y", "grant_type": "implicit"}, 422)],
)
async def test_an_unusable_form_is_refused(client: httpx2.AsyncClient, form: dict[str, str], status: int) -> None:
    assert (await client.post("/v1/auth/token", data=form)).status_code == status


async def test_json_is_not_the_form_of_signing_in(client: httpx2.AsyncClient) -> None:
    assert (await client.post("/v1/auth/token", json={"username": "x", "password": "y"})).status_code == 415


@pytest.mark.parametrize(
    ("role", "told"), [("security_admin", 1), ("system_admin", 1), ("audit_admin", 1), ("leader", 0)]
)
async def test_privileged_log_ins_are_events(
    client: httpx2.AsyncClient, org: Organisation, role: str, told: int
) -> None:
    someone = await org.person((role, await org.unit()), password_hash=await passwords.hashed(PASSWORD))
    assert (await sign_in(client, someone.username)).status_code == 200
    sql = "SELECT count(*) FROM event WHERE subject_id = $1 AND type = 'account.logged_in'"
    assert await org.db.fetchval(sql, someone.account_id) == told


async def test_a_new_password_ends_the_old_sessions_and_hands_out_a_new_one(
    client: httpx2.AsyncClient, who: Someone
) -> None:
    old = bearer(await sign_in(client, who.username))
    body = {"current_password": PASSWORD, "new_password": "举头望明月，低头思故乡。"}
    changed = await client.post("/v1/me/password", json=body, headers=keyed(old))
    assert changed.status_code == 200, changed.text
    assert (await client.get("/v1/me", headers=old)).status_code == 401
    assert (await client.get("/v1/me", headers=bearer(changed))).status_code == 200
    assert (await sign_in(client, who.username)).status_code == 401
    assert (await sign_in(client, who.username, body["new_password"])).status_code == 200


@pytest.mark.parametrize(
    ("current", "new", "status"),
    [("wrong-wrong-wrong", "举头望明月，低头思故乡。", 409), (PASSWORD, "短", 422), (PASSWORD, PASSWORD, 422)],
)
async def test_a_password_is_changed_only_by_who_knows_it_and_to_a_better_one(
    client: httpx2.AsyncClient, who: Someone, current: str, new: str, status: int
) -> None:
    body = {"current_password": current, "new_password": new}
    assert (await client.post("/v1/me/password", json=body, headers=keyed(who.headers))).status_code == status


async def test_my_page_says_who_i_am_what_i_may_do_and_what_waits(
    client: httpx2.AsyncClient, org: Organisation
) -> None:
    top = await org.unit()
    unit = await org.unit(top)
    me = await org.person(("unit_head", top))
    await org.post(me.id, unit)
    item = await org.item(await org.ledger(top), unit, (unit,))
    await org.db.write(lambda tx: tx.insert(ItemMover, [{"item_id": item, "role": "unit_head", "unit_id": unit}]))
    other = await org.item(await org.ledger(top), unit, (unit,))
    await org.db.write(lambda tx: tx.insert(ItemMover, [{"item_id": other, "role": "leader", "unit_id": unit}]))
    page = (await client.get("/v1/me", headers=me.headers)).json()
    assert page["person"] == {"id": str(me.id), "name": "张三"}
    assert page["posts"][0]["unit_id"] == str(unit)
    assert page["roles"][0]["unit_name"].startswith("单位")
    assert page["scope"] == {"whole_tree": False, "unit_ids": [str(top)]}
    assert "item:act" in page["permissions"]
    assert (page["waiting_by_state"], page["waiting_total"]) == ({"submitted": 1}, 1)
    assert page["trial_mode"] is False


async def make_key(client: httpx2.AsyncClient, by: Someone, unit: UUID, **more: Any) -> httpx2.Response:
    until = (clock.now() + timedelta(days=30)).isoformat()
    body = {"name": "OA 接口", "unit_id": str(unit), "scopes": ["item:read"], "expires_at": until, **more}
    return await client.post("/v1/api-keys", json=body, headers=keyed(by.headers))


async def test_a_key_is_shown_once_and_dies_with_its_revocation(client: httpx2.AsyncClient, org: Organisation) -> None:
    unit = await org.unit()
    security = await org.person(("security_admin", unit))
    headers = keyed(security.headers)
    until = (clock.now() + timedelta(days=30)).isoformat()
    body = {"name": "OA 接口", "unit_id": str(unit), "scopes": ["item:read"], "expires_at": until}
    made = await client.post("/v1/api-keys", json=body, headers=headers)
    assert made.status_code == 201, made.text
    secret, path = made.json()["secret"], made.headers["location"]
    replayed = await client.post("/v1/api-keys", json=body, headers=headers)
    assert replayed.json()["id"] == made.json()["id"]
    listed = await client.get("/v1/api-keys", params={"limit": 200}, headers=security.headers)
    shown = await client.get(path, headers=security.headers)
    for answer in (replayed, listed, shown):
        assert answer.is_success
        assert secret not in answer.text
    stored = await org.db.fetchrow("SELECT k::text AS kept FROM api_key k WHERE id = $1", UUID(made.json()["id"]))
    assert stored is not None
    assert secret not in stored["kept"]
    program = {"Authorization": f"Bearer {secret}"}
    page = (await client.get("/v1/me", headers=program)).json()
    assert (page["kind"], page["person"], page["permissions"]) == ("api_key", None, ["item:read"])
    assert (await client.get("/v1/units", headers=program)).status_code == 403
    gone = await client.delete(path, headers={**security.headers, "If-Match": made.headers["etag"]})
    assert gone.status_code == 204, gone.text
    assert (await client.get("/v1/me", headers=program)).status_code == 401


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"scopes": ["access:manage"]}, 422),
        ({"scopes": []}, 422),
        ({"scopes": ["no:such"]}, 422),
        ({"expires_at": "2199-01-01T00:00:00Z"}, 409),
        ({"expires_at": "2020-01-01T00:00:00Z"}, 409),
        ({"person_id": str(uuid4())}, 403),
    ],
)
async def test_a_key_gets_no_administration_and_no_endless_life(
    client: httpx2.AsyncClient, org: Organisation, more: dict[str, Any], status: int
) -> None:
    unit = await org.unit()
    assert (await make_key(client, await org.person(("security_admin", unit)), unit, **more)).status_code == status


async def test_a_program_has_no_session_and_no_password(client: httpx2.AsyncClient, org: Organisation) -> None:
    unit = await org.unit()
    made = await make_key(client, await org.person(("security_admin", unit)), unit)
    program = {"Authorization": f"Bearer {made.json()['secret']}"}
    assert (await client.delete("/v1/auth/token", headers=program)).status_code == 403
    body = {"current_password": PASSWORD, "new_password": "举头望明月，低头思故乡。"}
    assert (await client.post("/v1/me/password", json=body, headers=keyed(program))).status_code == 403
    assert (await client.get("/v1/delegations", headers=program)).status_code == 403
