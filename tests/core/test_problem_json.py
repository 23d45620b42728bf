import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from app.core.errors import CATALOGUE
from tests.core.small_service import small_service
from tests.support.service import client_of


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    async with client_of(small_service(tmp_path)) as client:
        yield client


@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [
        ("problem", 409, "guards_unmet"),
        ("bug", 500, "internal_error"),
        ("unique", 409, "conflict"),
        ("foreign", 409, "conflict"),
        ("check", 409, "conflict"),
        ("data", 422, "validation_failed"),
        ("range", 422, "validation_failed"),
        ("gone", 503, "unavailable"),
        ("closed", 503, "unavailable"),
        ("dismissed", 503, "unavailable"),
        ("misused", 500, "internal_error"),
        ("refused", 503, "unavailable"),
        ("pool", 503, "unavailable"),
        ("statement", 503, "unavailable"),
        ("readonly", 503, "in_recovery"),
        ("file", 500, "internal_error"),
    ],
)
async def test_every_failure_is_one_problem_document(
    http: httpx2.AsyncClient, failure: str, status: int, code: str
) -> None:
    answer = await http.get(f"/v1/failures/{failure}", headers={"X-Request-ID": "trace.me-12345"})
    body = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, body["status"], body["code"]) == (status, status, code)
    assert body["type"] == f"/problems/{code}"
    assert body["request_id"] == answer.headers["x-request-id"] == "trace.me-12345"
    assert answer.headers["cache-control"] == "no-store"
    assert "secret" not in answer.text
    assert ("retry-after" in answer.headers) == (status == 503)


async def test_a_refusal_lists_its_faults_with_their_rules(http: httpx2.AsyncClient) -> None:
    body = (await http.get("/v1/failures/problem", headers={"Accept-Language": "en"})).json()
    assert body["title"] == "Conditions are not met"
    assert body["current_state"] == "verifying"
    assert body["errors"] == [{"code": "too_few_ballots", "detail": "Too few ballots", "rule": "gate.people_satisfied"}]


async def test_a_database_that_cannot_be_reached_is_503(tmp_path: Path) -> None:
    app = small_service(tmp_path)
    async with app.router.lifespan_context(app), client_of(app) as http:
        answer = await http.get("/v1/server-value")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


def test_every_code_is_explained_in_both_languages() -> None:
    for code, kind in CATALOGUE.items():
        assert re.fullmatch(r"[a-z][a-z_]+", code)
        assert 400 <= kind.status < 600
        for text in (kind.title, kind.help):
            assert re.search(r"[\u4e00-\u9fff]", text.zh), code
            assert text.en.isascii(), code
