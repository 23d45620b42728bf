"""Thirty secrets, each where one is likely to be sent by right or by mistake: none comes up in a log or in an answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

import asyncpg
import pytest
from fastapi import FastAPI

from app.core import logs
from tests.support.asgi import Ask, RawHeaders, json_body, send, with_length
from tests.support.listening import listening
from tests.support.organisation import Organisation

Made = tuple[RawHeaders, list[bytes]]
CANARY = "Hunter2"


@dataclass(frozen=True)
class Plant:
    """Where the secret goes: the whole request, given the secret and an honest credential."""

    make: Callable[[str, RawHeaders], Ask]


def header(name: bytes, value: str = "{}", method: str = "GET", path: str = "/v1/items") -> Plant:
    def make(secret: str, signed: RawHeaders) -> Ask:
        kept = [] if name == b"authorization" else signed
        return Ask(method, path, [*kept, (name, value.format(secret).encode())])

    return Plant(make)


def query(name: str, path: str = "/v1/items", method: str = "GET") -> Plant:
    return Plant(lambda secret, signed: Ask(method, path, signed, urlencode({name: secret}).encode()))


def posted(path: str, field: str, method: str = "POST", **others: str) -> Plant:
    def make(secret: str, signed: RawHeaders) -> Ask:
        headers, chunks = json_body({field: secret, **others})
        return Ask(method, path, [*signed, *headers, (b"idempotency-key", b"k-1"), (b"if-match", b"*")], b"", chunks)

    return Plant(make)


def form(**fields: str) -> Plant:
    def make(secret: str, _: RawHeaders) -> Ask:
        filled = {name: value.format(secret) for name, value in fields.items()}
        headers, chunks = with_length("application/x-www-form-urlencoded", urlencode(filled).encode())
        return Ask("POST", "/v1/auth/token", headers, b"", chunks)

    return Plant(make)


def raw(kind: str, content: str, path: str = "/v1/items") -> Plant:
    def make(secret: str, signed: RawHeaders) -> Ask:
        headers, chunks = with_length(kind, content.format(secret).encode())
        return Ask("POST", path, [*signed, *headers, (b"idempotency-key", b"k-1")], b"", chunks)

    return Plant(make)


AN_ID = "019a8c1e-0b1a-7c3e-9f52-0d5c4a6b7e81"
FILE = '--x\r\nContent-Disposition: form-data; name="file"; filename="{}"\r\n\r\n{}\r\n--x--\r\n'
PLANTS: dict[str, Plant] = {
    "password": form(username="nobody", password="{}"),
    "password as user name": form(username="{}", password="x"),
    "password in an unknown field": form(username="nobody", password="x", passwd="{}"),
    "client secret": form(username="nobody", password="x", client_secret="{}"),
    "bearer token": header(b"authorization", "Bearer {}"),
    "basic credentials": header(b"authorization", "Basic {}"),
    "api key": header(b"authorization", "Bearer rlk_{}"),
    "unknown scheme": header(b"authorization", "Digest {}"),
    "cookie": header(b"cookie", "session={}"),
    "proxy credentials": header(b"proxy-authorization", "Basic {}"),
    "own header": header(b"x-api-key"),
    "request id": header(b"x-request-id", "{} not a request id"),
    "idempotency key": header(b"idempotency-key", method="DELETE", path=f"/v1/units/{AN_ID}"),
    "entity tag": header(b"if-match", method="DELETE", path=f"/v1/units/{AN_ID}"),
    "user agent": header(b"user-agent"),
    "referrer": header(b"referer", "https://oa.example/?token={}"),
    "language": header(b"accept-language"),
    "accepted kind": header(b"accept", "application/{}"),
    "token in the query": query("token"),
    "key in a known parameter": query("cursor"),
    "search": query("q"),
    "query of a route that is not there": query("access_token", "/v1/nowhere"),
    "path": Plant(lambda secret, signed: Ask("GET", f"/v1/people/{secret}", signed)),
    "path of nothing": Plant(lambda secret, signed: Ask("GET", f"/reset/{secret}", signed)),
    "problem code": Plant(lambda secret, signed: Ask("GET", f"/problems/{secret}", signed)),
    "new password": posted("/v1/me/password", "new_password", current_password="x"),
    "old password": posted("/v1/me/password", "current_password", new_password="x"),
    "account password": posted(f"/v1/people/{AN_ID}/account", "password", method="PUT", username="somebody"),
    "unknown field": posted("/v1/items", "secret"),
    "known field": posted("/v1/items", "external_ref"),
    "broken json": raw("application/json", '{{"password": "{}", '),
    "body of another kind": raw("text/plain", "{}"),
    "file name": raw("multipart/form-data; boundary=x", FILE.replace("{}", "{0}"), f"/v1/items/{AN_ID}/evidence"),
}


@pytest.fixture(scope="module")
async def signed(app: FastAPI) -> RawHeaders:
    org = Organisation.of(app)
    root = await org.unit()
    who = await org.person(("security_admin", root), ("supervision_office", root), ("system_admin", root))
    return [(b"authorization", who.headers["Authorization"].encode())]


@pytest.mark.parametrize("where", PLANTS)
async def test_a_planted_secret_is_neither_logged_nor_given_back(app: FastAPI, signed: RawHeaders, where: str) -> None:
    with listening("debug") as written:
        answer = await send(app, PLANTS[where].make(f"{CANARY}-{len(where)}", signed))
        logs.logger("test").info("the log is being read")
    lines = [json.loads(line) for line in written.getvalue().splitlines()]
    assert lines[-1]["event"] == "the log is being read"
    assert CANARY not in written.getvalue()
    assert CANARY not in answer.text
    # a list that was given says where its first page is, in the words it was asked for
    assert CANARY not in str(answer.headers.items()) or (where == "search" and answer.status_code == 200)
    assert answer.status_code < 500


async def test_a_token_given_out_is_not_logged(app: FastAPI) -> None:
    from app.access.passwords import hashed

    org = Organisation.of(app)
    password = f"{CANARY}-correct-horse-battery"
    who = await org.person(("security_admin", await org.unit()), password_hash=await hashed(password))
    filled = urlencode({"username": who.username, "password": password}).encode()
    headers, chunks = with_length("application/x-www-form-urlencoded", filled)
    with listening("debug") as written:
        answer = await send(app, Ask("POST", "/v1/auth/token", headers, b"", chunks))
    assert answer.status_code == 200
    assert written.getvalue()
    for secret in (answer.json()["access_token"], password, who.headers["Authorization"]):
        assert secret not in written.getvalue()


async def test_a_failure_of_the_database_does_not_log_the_row(app: FastAPI, signed: RawHeaders) -> None:
    class Leaking:
        def __getattr__(self, name: str) -> None:
            error = asyncpg.PostgresError("could not write")
            raise RuntimeError(
                f"could not write\nDETAIL:  Failing row contains ({CANARY}).\npostgresql://u:{CANARY}@db/x"
            ) from error

    sound = app.state.db
    app.state.db = Leaking()
    try:
        with listening("debug") as written:
            answer = await send(app, Ask("GET", "/v1/me", signed))
    finally:
        app.state.db = sound
    assert answer.status_code == 500
    assert "RuntimeError" in written.getvalue()
    assert CANARY not in written.getvalue()
    assert CANARY not in answer.text


def test_there_are_thirty_of_them() -> None:
    assert len(PLANTS) >= 30
