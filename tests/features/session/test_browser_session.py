"""Signing in with a browser: the cookie, and why no other site can write with it."""

from __future__ import annotations

from uuid import uuid4

import httpx2
import pytest
from fastapi import FastAPI

from app.access import passwords, tokens
from tests.support.organisation import Organisation, Someone
from tests.support.service import client_of

PASSWORD = "静夜思 床前明月光 2026"
SECURE_ORIGIN = "https://rectify.test"


@pytest.fixture
def org(app: FastAPI) -> Organisation:
    return Organisation.of(app)


@pytest.fixture
async def who(org: Organisation) -> Someone:
    return await org.person(("liaison", await org.unit()), password_hash=await passwords.hashed(PASSWORD))


async def begin(client: httpx2.AsyncClient, username: str, **headers: str) -> httpx2.Response:
    return await client.post("/v1/auth/session", json={"username": username, "password": PASSWORD}, headers=headers)


async def key_made(client: httpx2.AsyncClient, **headers: str | bytes) -> httpx2.Response:
    """A write of one's own that is refused for its content where nothing else stands against it."""
    raw = [(name.encode(), value if isinstance(value, bytes) else value.encode()) for name, value in headers.items()]
    return await client.post("/v1/api-keys", json={}, headers=[(b"Idempotency-Key", uuid4().hex.encode()), *raw])


async def test_the_cookie_is_out_of_reach_of_scripts_and_of_other_sites(
    client: httpx2.AsyncClient, who: Someone
) -> None:
    began = await begin(client, who.username)
    assert began.status_code == 200, began.text
    name, _, rest = began.headers["set-cookie"].partition("=")
    assert name == "rectify_session"
    attributes = {part.strip() for part in rest.split(";")[1:]}
    assert attributes == {"Path=/", "Max-Age=28800", "HttpOnly", "SameSite=Strict"}
    assert rest.split(";")[0] not in began.text
    assert (await client.get("/v1/me")).json()["account"]["username"] == who.username


async def test_over_https_the_cookie_is_bound_to_the_host_and_one_of_plain_http_counts_for_nothing(
    app: FastAPI, who: Someone
) -> None:
    async with client_of(app) as plain:
        token = (await begin(plain, who.username)).cookies["rectify_session"]
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url=SECURE_ORIGIN) as client:
        assert (await client.get("/v1/me", headers={"Cookie": f"rectify_session={token}"})).status_code == 401
        began = await begin(client, who.username)
        assert began.headers["set-cookie"].startswith("__Host-rectify_session=")
        assert began.headers["set-cookie"].endswith("; Secure")
        assert (await client.get("/v1/me")).status_code == 200


async def test_a_write_needs_the_word_of_its_own_session(
    client: httpx2.AsyncClient, app: FastAPI, who: Someone, org: Organisation
) -> None:
    word = (await begin(client, who.username)).json()["csrf_token"]
    other = await org.person(password_hash=await passwords.hashed(PASSWORD))
    async with client_of(app) as elsewhere:
        foreign = (await begin(elsewhere, other.username)).json()["csrf_token"]
    assert (await key_made(client)).json()["code"] == "csrf_refused"
    for given in ("", foreign, word[:-1], "字".encode()):
        refused = await key_made(client, **{"X-CSRF-Token": given})
        assert (refused.status_code, refused.json()["code"]) == (403, "csrf_refused"), given
    assert (await key_made(client, **{"X-CSRF-Token": word})).status_code == 422


@pytest.mark.parametrize(
    ("site", "status"), [("cross-site", 403), ("same-site", 403), ("same-origin", 422), ("none", 422)]
)
async def test_a_write_that_another_sites_page_started_is_refused_even_with_the_word(
    client: httpx2.AsyncClient, who: Someone, site: str, status: int
) -> None:
    word = (await begin(client, who.username)).json()["csrf_token"]
    answer = await key_made(client, **{"X-CSRF-Token": word, "Sec-Fetch-Site": site})
    assert answer.status_code == status


async def test_another_site_cannot_sign_a_visitor_in(client: httpx2.AsyncClient, who: Someone) -> None:
    refused = await begin(client, who.username, **{"Sec-Fetch-Site": "cross-site"})
    assert (refused.status_code, refused.json()["code"]) == (403, "csrf_refused")
    assert "set-cookie" not in refused.headers
    form = await client.post("/v1/auth/session", data={"username": who.username, "password": PASSWORD})
    assert form.status_code == 415


async def test_a_page_loaded_anew_gets_the_same_word_and_a_program_none(
    client: httpx2.AsyncClient, who: Someone
) -> None:
    word = (await begin(client, who.username)).json()["csrf_token"]
    again = await client.get("/v1/auth/session")
    assert again.json() == {"csrf_token": word, "must_change_password": False}
    program = await client.get("/v1/auth/session", headers=who.headers)
    assert (program.status_code, program.json()["code"]) == (401, "unauthenticated")


async def test_signing_out_ends_the_session_on_the_server_too(client: httpx2.AsyncClient, who: Someone) -> None:
    began = await begin(client, who.username)
    copied = began.cookies["rectify_session"]
    assert (await client.delete("/v1/auth/session")).status_code == 403
    ended = await client.delete("/v1/auth/session", headers={"X-CSRF-Token": began.json()["csrf_token"]})
    assert ended.status_code == 204
    assert ended.headers["set-cookie"].startswith("rectify_session=; Path=/; Max-Age=0")
    again = await client.get("/v1/me", headers={"Cookie": f"rectify_session={copied}"})
    assert (again.status_code, again.json()["code"]) == (401, "invalid_token")


async def test_what_is_no_session_of_ours_opens_nothing(client: httpx2.AsyncClient, app: FastAPI, who: Someone) -> None:
    good = tokens.issue(app.state.session_key, tokens.Session(who.account_id, 1))
    for cookie in (
        f"rectify_session={good}; rectify_session={good}",
        "rectify_session=",
        "other=1",
        "rectify_session=x",
    ):
        assert (await client.get("/v1/me", headers={"Cookie": cookie})).status_code == 401, cookie
    assert (await client.get("/v1/me", headers={"Cookie": f"theme=dark; rectify_session={good}"})).status_code == 200


async def test_a_bearer_token_goes_before_the_cookie_and_needs_no_word(
    client: httpx2.AsyncClient, who: Someone, org: Organisation
) -> None:
    await begin(client, who.username)
    other = await org.person()
    assert (await client.get("/v1/me", headers=other.headers)).json()["account"]["username"] == other.username
    assert (await key_made(client, **other.headers)).status_code == 422


async def test_a_password_chosen_by_somebody_else_is_told_at_once(
    client: httpx2.AsyncClient, org: Organisation, who: Someone
) -> None:
    await org.db.fetch("UPDATE account SET must_change_password = true WHERE id = $1", who.account_id)
    assert (await begin(client, who.username)).json()["must_change_password"] is True
    assert (await client.get("/v1/auth/session")).json()["must_change_password"] is True


async def test_guessing_is_slowed_down_as_for_tokens(client: httpx2.AsyncClient, who: Someone) -> None:
    for _ in range(5):
        wrong = await client.post("/v1/auth/session", json={"username": who.username, "password": "猜一个密码试试"})
        assert (wrong.status_code, wrong.json()["code"]) == (401, "invalid_credentials")
    assert (await begin(client, who.username)).status_code == 429
