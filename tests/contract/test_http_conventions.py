"""What holds for every path of the service, taken from its own description."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI

from app.core.errors import CATALOGUE
from tests.support.database import Clone
from tests.support.service import Serve, client_of

AN_ID = "019a8c1e-0b1a-7c3e-9f52-0d5c4a6b7e81"
SECURITY = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
}


def concrete(template: str) -> str:
    return re.sub(r"\{[^}]+\}", AN_ID, template)


def operations(app: FastAPI) -> list[tuple[str, set[str]]]:
    paths = app.openapi()["paths"]
    assert paths
    return [(concrete(path), {method.upper() for method in entry}) for path, entry in paths.items()]


async def test_every_answer_carries_the_security_headers(app: FastAPI, client: httpx2.AsyncClient) -> None:
    for path, methods in [*operations(app), ("/nowhere", {"GET"}), ("/docs", {"GET"})]:
        for method in {*methods, "OPTIONS", "TRACE"}:
            answer = await client.request(method, path)
            headers = answer.headers
            assert SECURITY.items() <= dict(headers).items(), (method, path)
            assert "default-src 'none'" in headers["content-security-policy"]
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
            assert headers["cache-control"]
            assert headers["content-language"] == "zh-CN"
            assert {"Authorization", "Accept-Language"} <= set(headers["vary"].replace(" ", "").split(","))
            assert "server" not in headers


async def test_every_path_names_exactly_its_methods(app: FastAPI, client: httpx2.AsyncClient) -> None:
    for path, methods in operations(app):
        expected = ", ".join(sorted(methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())))
        refused = await client.request("TRACE", path)
        assert (refused.status_code, refused.json()["code"]) == (405, "method_not_allowed")
        told = await client.options(path)
        assert (refused.headers["allow"], told.headers["allow"], told.status_code) == (expected, expected, 204), path


async def test_head_answers_like_get_without_a_body(app: FastAPI, client: httpx2.AsyncClient) -> None:
    for path, methods in operations(app):
        if "GET" in methods:
            got, head = await client.get(path), await client.head(path)
            assert (head.status_code, head.content) == (got.status_code, b""), path
            assert head.headers["content-type"] == got.headers["content-type"]


async def test_nobody_may_add_a_parameter_and_every_refusal_is_a_problem(
    app: FastAPI, client: httpx2.AsyncClient
) -> None:
    for path, methods in operations(app):
        for method in methods:
            answer = await client.request(method, f"{path}?no_such_parameter=1")
            assert 400 <= answer.status_code < 500, (method, path, answer.text)
            assert answer.headers["content-type"] == "application/problem+json"
            body: dict[str, Any] = answer.json()
            assert body["status"] == answer.status_code == CATALOGUE[body["code"]].status
            assert body["request_id"] == answer.headers["x-request-id"]


async def test_a_malformed_body_is_never_a_server_error(app: FastAPI, client: httpx2.AsyncClient) -> None:
    for path, methods in operations(app):
        for method in methods & {"POST", "PUT", "PATCH"}:
            for body in (b"{", b'{"a":NaN}', b'"\\ud800"', b"\x89PNG\x00", b"[" * 5000, b'{"a":1,"a":2}'):
                answer = await client.request(method, path, content=body, headers={"Content-Type": "application/json"})
                assert answer.status_code in {400, 401, 404, 415, 422}, (method, path, body[:20])


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("oa-2026.03_31", True), ("a" * 64, True), ("a" * 65, False), ("short", False), ("with space 1", False),
        ("<script>1", False), ("12345678\u00e9", False),
    ],
)  # fmt: skip
async def test_a_request_id_is_kept_when_it_is_harmless(client: httpx2.AsyncClient, sent: str, kept: bool) -> None:
    answer = await client.get("/livez", headers={b"X-Request-ID": sent.encode("latin-1")})
    given = answer.headers["x-request-id"]
    assert (given == sent) == kept
    assert re.fullmatch(r"[A-Za-z0-9._-]{8,64}", given)


async def test_the_service_is_ready_on_a_migrated_database(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/livez")).json() == {"status": "ok"}
    answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    assert answer.json()["checks"]["migrations"] == "ok"


async def test_a_database_that_is_not_migrated_is_told(empty_database: Clone, serve: Serve) -> None:
    async with serve(empty_database.app_url) as app, client_of(app) as http:
        answer = await http.get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "migrations_pending")
    assert answer.headers["retry-after"]


@pytest.fixture
async def hanging_database() -> AsyncIterator[str]:
    """Takes connections and never says a word, like a stopped server."""

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    listening = await asyncio.start_server(swallow, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    yield f"postgresql://rectify_app:x@127.0.0.1:{port}/rectify?sslmode=disable"
    listening.close()


@pytest.mark.parametrize("hangs", [True, False])
async def test_without_a_database_the_service_lives_and_says_quickly_that_it_is_not_ready(
    hanging_database: str, serve: Serve, hangs: bool
) -> None:
    url = hanging_database if hangs else "postgresql://rectify_app:x@127.0.0.1:1/rectify"
    async with serve(url) as app, client_of(app) as http:
        for _ in range(2):
            started = time.perf_counter()
            answer = await http.get("/readyz")
            assert time.perf_counter() - started < 3
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert (await http.get("/livez")).status_code == 200
        await asyncio.sleep(3.2 if hangs else 0)


async def test_the_documentation_needs_no_other_host(client: httpx2.AsyncClient) -> None:
    for page in ("/docs", "/redoc"):
        answer = await client.get(page)
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert "http://" not in answer.text
        assert "https://" not in answer.text
        assert "<script>" not in answer.text
        assert "script-src 'self';" in answer.headers["content-security-policy"]
        for address in re.findall(r'(?:src|href)="([^"]+)"', answer.text):
            asset = await client.get(f"/{address}")
            assert asset.status_code == 200
            assert len(asset.content) > 100
    assert (await client.get("/docs/assets/../../../etc/passwd")).status_code == 404
    assert (await client.get("/docs/assets/%2e%2e%2fcore.py")).status_code == 404


async def test_the_description_is_served_as_generated(app: FastAPI, client: httpx2.AsyncClient) -> None:
    assert (await client.get("/openapi.json")).json() == app.openapi()


async def test_every_problem_is_explained_to_people_and_programs(client: httpx2.AsyncClient) -> None:
    for code, kind in CATALOGUE.items():
        explained = (await client.get(f"/problems/{code}")).json()
        assert explained["status"] == kind.status
        assert explained["title"] == {"zh": kind.title.zh, "en": kind.title.en}
    page = await client.get("/problems/not_found", headers={"Accept": "text/html,*/*;q=0.8"})
    assert page.headers["content-type"].startswith("text/html")
    assert CATALOGUE["not_found"].help.zh in page.text
    assert (await client.get("/problems/no_such_code")).status_code == 404


async def test_metrics_name_templates_and_no_paths(client: httpx2.AsyncClient) -> None:
    await client.get("/problems/not_found")
    await client.get("/canary-path-7f3a")
    text = (await client.get("/metrics")).text
    assert 'route="/problems/{code}"' in text
    assert "canary" not in text


async def test_only_configured_origins_may_read_answers(database_url: str, serve: Serve) -> None:
    origin = "https://oa.example.cn"
    async with serve(database_url, cors_origins=(origin,)) as app, client_of(app) as http:
        allowed = await http.get("/livez", headers={"Origin": origin})
        other = await http.get("/livez", headers={"Origin": "https://evil.example"})
        asked = {"Origin": origin, "Access-Control-Request-Method": "GET"}
        preflight = await http.options("/livez", headers=asked)
        failed = await http.get("/nowhere", headers={"Origin": origin})
    assert allowed.headers["access-control-allow-origin"] == origin
    assert {"ETag", "Link", "Location", "X-Request-ID", "Idempotent-Replayed", "Retry-After", "Rectify-Receipt"} == set(
        allowed.headers["access-control-expose-headers"].split(", ")
    )
    assert "Origin" in allowed.headers["vary"]
    assert "access-control-allow-origin" not in other.headers
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-methods"] == "GET, HEAD, OPTIONS"
    assert "Idempotency-Key" in preflight.headers["access-control-allow-headers"]
    assert failed.headers["access-control-allow-origin"] == origin


async def test_no_origin_is_allowed_by_default(client: httpx2.AsyncClient) -> None:
    answer = await client.get("/livez", headers={"Origin": "https://oa.example.cn"})
    assert "access-control-allow-origin" not in answer.headers
