"""What every operation of a kind is said to refuse, it refuses: asked of each, from the description itself."""

import json
import re
from typing import Any

import httpx2
import pytest

from app.core.openapi import operations
from tests.support.documented import DESCRIPTION, undocumented

DOCUMENT: dict[str, Any] = json.loads(DESCRIPTION.read_text(encoding="utf-8"))
AN_ID = "019a8c1e-0b1a-7c3e-9f52-0d5c4a6b7e81"
OPERATIONS = [
    (method.upper(), re.sub(r"\{[^}]+\}", AN_ID, path), operation) for path, method, operation in operations(DOCUMENT)
]
JSON = [entry for entry in OPERATIONS if "application/json" in entry[2].get("requestBody", {}).get("content", {})]
BODIES = [entry for entry in OPERATIONS if "requestBody" in entry[2]]
GUARDED = [entry for entry in OPERATIONS if entry[2].get("security") != []]


def told(operation: dict[str, Any]) -> set[str]:
    return {code for answer in operation["responses"].values() for code in answer.get("x-problem-codes", ())}


async def refusals(http: httpx2.AsyncClient, entries: list[Any], code: str, **request: Any) -> list[str]:
    """The operations that are said to refuse with this code and do not; each must be one that says so."""
    assert len(entries) > 20
    assert all(code in told(operation) for _, _, operation in entries)
    other = []
    for method, path, operation in entries:
        answer = await http.request(method, path, **request)
        if answer.status_code < 400 or answer.json()["code"] != code:
            other.append(f"{operation['operationId']}: {answer.status_code}")
    return other


async def test_a_format_nobody_offers_is_406_everywhere(client: httpx2.AsyncClient) -> None:
    assert await refusals(client, OPERATIONS, "not_acceptable", headers={"Accept": "video/ogg"}) == []


async def test_without_a_credential_it_is_401_wherever_one_is_needed(client: httpx2.AsyncClient) -> None:
    assert await refusals(client, GUARDED, "unauthenticated") == []
    spoilt = {"Authorization": "Bearer rlk_no_such_key"}
    assert await refusals(client, GUARDED, "invalid_token", headers=spoilt) == []


async def test_a_body_of_the_wrong_kind_is_415_and_one_too_large_is_413(client: httpx2.AsyncClient) -> None:
    wrong = {"Content-Type": "application/x-nobody-knows"}
    assert await refusals(client, BODIES, "unsupported_media_type", content=b"x", headers=wrong) == []
    large = {"Content-Type": "application/json", "Content-Length": str(10**12)}
    assert await refusals(client, JSON, "payload_too_large", content=b"{}", headers=large) == []


async def test_a_body_that_is_no_json_is_400(client: httpx2.AsyncClient) -> None:
    assert (
        await refusals(client, JSON, "malformed_json", content=b"{", headers={"Content-Type": "application/json"}) == []
    )


async def test_an_open_operation_refuses_parameters_it_does_not_know(client: httpx2.AsyncClient) -> None:
    for method, path, operation in OPERATIONS:
        if operation.get("security") == [] and method == "GET":
            answer = await client.request(method, path, params={"no_such_parameter": 1})
            assert answer.json()["code"] == "unknown_parameter", operation["operationId"]


@pytest.mark.parametrize(
    ("status", "headers", "content", "found"),
    [
        (200, {"ETag": '"v1"', "Content-Type": "application/json"}, b"{}", []),
        (200, {"Location": "/x", "Content-Type": "application/json"}, b"{}", ["header Location"]),
        (200, {"Content-Type": "text/html"}, b"", ["200 text/html"]),
        (202, {"Content-Type": "application/json"}, b"{}", ["202 application/json"]),
        (404, {"Content-Type": "application/problem+json"}, b'{"code": "not_found"}', []),
        (409, {"Content-Type": "application/problem+json"}, b'{"code": "conflict"}', ["409 conflict"]),
        (404, {"Content-Type": "application/problem+json"}, b'{"code": "conflict"}', ["404 conflict"]),
        (500, {"Content-Type": "application/problem+json"}, b'{"code": "internal_error"}', []),
    ],
)
def test_an_answer_the_description_does_not_announce_is_noticed(
    status: int, headers: dict[str, str], content: bytes, found: list[str]
) -> None:
    operation = DOCUMENT["paths"]["/v1/items/{item_id}"]["get"]
    assert undocumented(operation, httpx2.Response(status, headers=headers, content=content)) == found
