"""The headers of every answer of every route, refusals and failures included, are exactly these."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from app.core.errors import Problem
from app.core.openapi import operations
from tests.support.asgi import Ask, documented, send
from tests.support.documented import DESCRIPTION
from tests.support.organisation import Organisation

AN_ID = "019a8c1e-0b1a-7c3e-9f52-0d5c4a6b7e81"
ROUTES = [
    (method.upper(), re.sub(r"\{[^}]+\}", AN_ID, path), operation)
    for path, method, operation in operations(json.loads(DESCRIPTION.read_text(encoding="utf-8")))
]
ALWAYS = {
    "cache-control": "no-store",
    "content-language": "zh-CN",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "content-type": "application/problem+json",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "vary": "Authorization, Cookie, Accept-Language",
    "x-content-type-options": "nosniff",
}
VARYING = {"x-request-id", "content-length"}
"""Their values differ from answer to answer."""
MORE = {
    401: {"www-authenticate"}, 405: {"allow"}, 415: {"accept"}, 429: {"retry-after"}, 503: {"retry-after"},
}  # fmt: skip
"""What a status must say beside, and no other may."""
Headers = list[tuple[bytes, bytes]]


@pytest.fixture(scope="module")
async def nobody(app: FastAPI) -> Headers:
    """Signed in, without any role."""
    who = await Organisation.of(app).person()
    return [(b"authorization", who.headers["Authorization"].encode())]


def held(answer: httpx2.Response) -> list[str]:
    """What differs from the snapshot."""
    given = dict(answer.headers)
    expected = set(ALWAYS) | VARYING | MORE.get(answer.status_code, set())
    found = [f"{name}: {given.get(name)}" for name, value in ALWAYS.items() if given.get(name) != value]
    return found + sorted(set(given) ^ expected)


async def check(app: FastAPI, ask: Ask, status: int | None = None) -> None:
    answer = await documented(app, ask)
    assert answer.status_code >= 400, (ask.method, ask.path)
    assert status in {None, answer.status_code}, (ask.method, ask.path, answer.status_code)
    assert held(answer) == [], (ask.method, ask.path, answer.status_code)


@pytest.mark.parametrize(("method", "path", "operation"), ROUTES, ids=[route[2]["operationId"] for route in ROUTES])
async def test_every_refusal_of_a_route(
    app: FastAPI, nobody: Headers, method: str, path: str, operation: dict[str, Any]
) -> None:
    closed = operation.get("security") != []
    await check(app, Ask(method, path, [(b"accept", b"video/ogg")]), 406)
    await check(app, Ask("TRACE", path), 405)
    if closed:
        await check(app, Ask(method, path), 401)
        await check(app, Ask(method, path, [(b"authorization", b"Bearer x")]), 401)
    await check(app, Ask(method, path, nobody, b"no_such_parameter=1"))
    if "requestBody" in operation:
        await check(
            app, Ask(method, path, [*nobody, (b"content-type", b"a/b"), (b"content-length", b"1")], b"", [b"x"]), 415
        )
        await check(app, Ask(method, path, [*nobody, (b"content-length", b"9" * 12)]), 413)


async def test_an_answer_adds_to_them_and_takes_nothing_away(app: FastAPI, nobody: Headers) -> None:
    for method, path, operation in ROUTES:
        if method == "GET" and "{" not in path and AN_ID not in path:
            query = b"first=1&second=1" if path.endswith("consistency") else b""
            answer = await documented(app, Ask(method, path, nobody, query))
            kept = {name for name in ALWAYS if name not in {"content-type", "cache-control", "content-security-policy"}}
            assert {name: answer.headers.get(name) for name in kept} == {name: ALWAYS[name] for name in kept}, path
            assert "frame-ancestors 'none'" in answer.headers["content-security-policy"], operation["operationId"]
            assert answer.headers["cache-control"], path
            assert not {"server", "x-powered-by", "set-cookie"} & set(answer.headers), path


async def test_a_failure_of_ours_has_them_too_and_tells_nothing(app: FastAPI, nobody: Headers) -> None:
    class Broken:
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError("secret detail of the inside")

    class Away:
        async def fetchrow(self, *_: Any) -> Any:
            raise Problem("unavailable")

    sound = app.state.db
    for broken, status in ((Broken(), 500), (Away(), 503)):
        app.state.db = broken
        try:
            answer = await send(app, Ask("GET", "/v1/me", nobody))
        finally:
            app.state.db = sound
        assert answer.status_code == status
        assert held(answer) == []
        assert "secret detail" not in answer.text
        assert "Traceback" not in answer.text
