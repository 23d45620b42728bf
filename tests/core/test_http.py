import asyncio
import json
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import APIRouter
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.http import StrictRoute
from tests.core.small_service import JSON_LIMIT, UPLOAD_LIMIT, small_service
from tests.support.service import client_of

JSON = {"Content-Type": "application/json"}
FUZZED = small_service(Path(tempfile.mkdtemp()))
AN_ID = "019a8c1e-0b1a-7c3e-9f52-0d5c4a6b7e81"


@pytest.fixture
async def http(tmp_path: Path) -> AsyncIterator[httpx2.AsyncClient]:
    async with client_of(small_service(tmp_path)) as client:
        yield client


def code(answer: httpx2.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    body = answer.json()
    assert body["status"] == answer.status_code
    assert body["type"] == f"/problems/{body['code']}"
    assert body["request_id"] == answer.headers["x-request-id"]
    return answer.status_code, body["code"]


MALFORMED: dict[str, bytes] = {
    "no json": b"title",
    "cut off": b'{"title": "a"',
    "empty spaces": b"   ",
    "not a number": b'{"title": "a", "weight": NaN}',
    "infinity": b'{"title": "a", "weight": -Infinity}',
    "overflowing number": b'{"title": "a", "weight": 1e999}',
    "lone surrogate": b'{"title": "\\ud800"}',
    "lone surrogate in a key": b'{"\\udfff": 1}',
    "NUL": b'{"title": "a\\u0000b"}',
    "NUL after an escaped backslash": b'{"title": "a\\\\\\u0000b"}',
    "NUL in a key": b'{"a\\u0000": 1}',
    "repeated key": b'{"title": "a", "title": "b"}',
    "repeated key inside": b'{"title": "a", "note": {"x": 1, "x": 1}}',
    "33 levels": b"[" * 33 + b"]" * 33,
    "endless nesting": b"[" * 4000,
    "wrong encoding": '{"title": "整改"}'.encode("gb18030"),
    "utf-16": '{"title": "a"}'.encode("utf-16"),
    "picture": b"\x89PNG\r\n\x1a\n\x00\x00",
    "integer of 5,000 digits": b'{"title": "a", "count": ' + b"9" * 5000 + b"}",
}


@pytest.mark.parametrize("body", [pytest.param(body, id=name) for name, body in MALFORMED.items()])
async def test_a_body_two_parsers_could_read_differently_is_refused(http: httpx2.AsyncClient, body: bytes) -> None:
    answer = await http.post("/v1/things", content=body, headers=JSON)
    assert code(answer) == (400, "malformed_json")


async def test_nesting_of_32_levels_and_an_escaped_backslash_before_u0000_are_fine(http: httpx2.AsyncClient) -> None:
    deep = b"[" * 32 + b"]" * 32
    assert code(await http.post("/v1/things", content=deep, headers=JSON)) == (422, "validation_failed")
    answer = await http.post("/v1/things", content=b'{"title": "a\\\\u0000b"}', headers=JSON)
    assert answer.status_code == 201
    assert answer.json()["title"] == "a\\u0000b"


@pytest.mark.parametrize(
    ("body", "place", "fault"),
    [
        ({}, "/title", "missing"),
        ({"title": 1}, "/title", "string_type"),
        ({"title": " "}, "/title", "string_too_short"),
        ({"title": "字" * 201}, "/title", "string_too_long"),
        ({"title": "a\tb"}, "/title", "control_character"),
        ({"title": "机密★10年 方案"}, "/title", "classified_text"),
        ({"title": "a", "count": 2**70}, "/count", "less_than_equal"),
        ({"title": "a", "colour": "blue"}, "/colour", "enum"),
        ({"title": "a", "due_on": "2026-02-30"}, "/due_on", "date_from_datetime_parsing"),
        ({"title": "a", "due_on": "0001-01-01"}, "/due_on", "date_out_of_range"),
        ({"title": "a", "at": "2026-02-03T00:00:00"}, "/at", "timezone_aware"),
        ({"title": "a", "at": "9999-12-31T23:59:59-12:00"}, "/at", "date_out_of_range"),
        ({"title": "a", "tags": ["a", 1]}, "/tags/1", "string_type"),
        ({"title": "a", "unheard/of~": 1}, "/unheard~1of~0", "extra_forbidden"),
        ([], "", "model_attributes_type"),
        (None, "", "model_attributes_type"),
    ],
)
async def test_each_wrong_value_is_named_by_its_pointer(
    http: httpx2.AsyncClient, body: Any, place: str, fault: str
) -> None:
    answer = await http.post("/v1/things", content=json.dumps(body), headers=JSON)
    expected = "classified_text" if fault == "classified_text" else "validation_failed"
    assert code(answer) == (422, expected)
    assert [(e.get("pointer"), e["code"]) for e in answer.json()["errors"]] == [(place, fault)]


async def test_what_was_expected_is_listed_in_the_caller_s_language(http: httpx2.AsyncClient) -> None:
    body = json.dumps({"title": "a", "colour": "blue"})
    details = []
    for language in ("zh-CN", "en"):
        answer = await http.post("/v1/things", content=body, headers=JSON | {"Accept-Language": language})
        details += [fault["detail"] for fault in answer.json()["errors"]]
    assert details == ["应为以下之一：'red'、'green'", "Must be one of: 'red' or 'green'"]


async def test_what_the_caller_sent_is_never_echoed(http: httpx2.AsyncClient) -> None:
    sent = {"title": {"password": "canary-7f3a"}, "colour": "canary-7f3a", "at": "canary-7f3a", "count": "canary-7f3a"}
    answer = await http.post("/v1/things", json=sent)
    assert code(answer) == (422, "validation_failed")
    assert "canary" not in answer.text


async def test_messages_speak_chinese_unless_english_is_asked_for(http: httpx2.AsyncClient) -> None:
    chinese = await http.post("/v1/things", json={})
    english = await http.post("/v1/things", json={}, headers={"Accept-Language": "fr, en-GB;q=0.8, zh;q=0.2"})
    assert (chinese.json()["errors"][0]["detail"], chinese.headers["content-language"]) == ("必填", "zh-CN")
    assert english.json()["errors"][0]["detail"] == "This is required"
    assert english.headers["content-language"] == "en"


@pytest.mark.parametrize(
    ("kind", "encoding"),
    [
        ("text/plain", None),
        ("", None),
        ("application/xml", None),
        ("application/json; charset=gbk", None),
        (JSON["Content-Type"], "gzip"),
    ],
)
async def test_a_body_of_another_type_is_415(http: httpx2.AsyncClient, kind: str, encoding: str | None) -> None:
    headers = {"Content-Type": kind} | ({"Content-Encoding": encoding} if encoding else {})
    assert code(await http.post("/v1/things", content=b"{}", headers=headers)) == (415, "unsupported_media_type")


async def test_merge_patch_and_charset_utf8_are_json(http: httpx2.AsyncClient) -> None:
    for kind in ("application/merge-patch+json", "application/json; charset=UTF-8"):
        answer = await http.patch(f"/v1/things/{AN_ID}", content=b'{"title":"a"}', headers={"Content-Type": kind})
        assert answer.status_code == 200


async def _chunks(size: int) -> AsyncIterator[bytes]:
    for _ in range(0, size, 512):
        yield b" " * 512


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_body_beyond_the_limit_is_413_even_without_a_length(http: httpx2.AsyncClient, chunked: bool) -> None:
    size = JSON_LIMIT + 512
    content = _chunks(size) if chunked else b" " * size
    answer = await http.post("/v1/things", content=content, headers=JSON)
    assert code(answer) == (413, "payload_too_large")
    assert answer.json()["max_bytes"] == JSON_LIMIT


async def test_uploads_have_a_limit_of_their_own(http: httpx2.AsyncClient) -> None:
    small = await http.post("/v1/files", files={"file": ("a.txt", b"a" * JSON_LIMIT)})
    assert small.json()["id"] == str(JSON_LIMIT)
    large = await http.post("/v1/files", files={"file": ("a.txt", b"a" * UPLOAD_LIMIT)})
    assert code(large) == (413, "payload_too_large")
    form = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + b"a" * UPLOAD_LIMIT

    async def piecemeal() -> AsyncIterator[bytes]:
        yield form

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    assert code(await http.post("/v1/files", content=piecemeal(), headers=headers)) == (413, "payload_too_large")
    assert code(await http.post("/v1/files", content=b"--b--", headers={"Content-Type": "multipart/form-data"}))[0] in {
        400,
        422,
    }


async def test_a_streamed_upload_takes_only_the_types_it_declares(http: httpx2.AsyncClient) -> None:
    taken = await http.post("/v1/raw", content=b"12345", headers={"Content-Type": "image/png"})
    assert taken.json()["id"] == "5"
    assert code(await http.post("/v1/raw", content=b"1", headers={"Content-Type": "text/html"}))[0] == 415
    too_much = await http.post("/v1/raw", content=_chunks(UPLOAD_LIMIT + 512), headers={"Content-Type": "image/png"})
    assert code(too_much) == (413, "payload_too_large")


async def test_a_malformed_body_is_refused_before_authentication_and_a_wrong_one_after(
    http: httpx2.AsyncClient,
) -> None:
    for body, expected in ((b"{", 400), (b"{}", 401), (b" " * (JSON_LIMIT + 1), 413)):
        assert (await http.post("/v1/locked", content=body, headers=JSON)).status_code == expected
    assert (await http.post("/v1/locked?typo=1", json={"title": "a"})).status_code == 401
    assert (await http.post("/v1/locked", content=b"{}", headers={"Content-Type": "text/plain"})).status_code == 415
    refused = await http.post("/v1/locked", json={"title": "a"})
    assert code(refused) == (401, "unauthenticated")
    assert refused.headers["www-authenticate"] == "Bearer"


async def test_parameters_nobody_declared_or_given_twice_are_422(http: httpx2.AsyncClient) -> None:
    typo = await http.get("/v1/things", params={"colour": "red", "colur": "red"})
    assert code(typo) == (422, "unknown_parameter")
    assert typo.json()["errors"][0]["parameter"] == "query.colur"
    twice = await http.get("/v1/things?colour=red&colour=green")
    assert code(twice) == (422, "validation_failed")
    assert twice.json()["errors"][0]["code"] == "repeated_parameter"
    assert (await http.get("/v1/things?tag=a&tag=b")).json()["items"][0]["title"] == "a,b"
    assert code(await http.get(f"/v1/things/{AN_ID}?x")) == (422, "unknown_parameter")
    assert code(await http.get("/v1/stream?x=1")) == (422, "unknown_parameter")
    assert (await http.get("/v1/paged?limit=5&q=a")).json() == {"id": "5", "title": "a", "note": None}
    assert (await http.get("/v1/things")).status_code == 200


async def test_a_path_that_cannot_name_anything_is_404(http: httpx2.AsyncClient) -> None:
    for path in ("/v1/things/not-a-uuid", "/v1/none", "/v1/things/", "/v1/things/%00", "/", "/v1/things/%ff%fe"):
        assert code(await http.get(path)) == (404, "not_found"), path


async def test_allow_lists_the_methods_of_all_routes_of_a_path(http: httpx2.AsyncClient) -> None:
    for method, path, expected in (
        ("DELETE", "/v1/things", "GET, HEAD, OPTIONS, POST"),
        ("PUT", f"/v1/things/{AN_ID}", "GET, HEAD, OPTIONS, PATCH"),
        ("HEAD", "/v1/files", "OPTIONS, POST"),
        ("BREW", "/v1/things", "GET, HEAD, OPTIONS, POST"),
    ):
        answer = await http.request(method, path)
        assert answer.status_code == 405
        assert answer.headers["allow"] == expected


async def test_head_is_get_without_a_body(http: httpx2.AsyncClient) -> None:
    got, head = await http.get("/v1/things"), await http.head("/v1/things")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == str(len(got.content))
    missing = await http.head("/v1/none")
    assert (missing.status_code, missing.content) == (404, b"")


@pytest.mark.parametrize("path", [b"/v1/things", b"/v1/stream", b"/v1/none"])
async def test_nothing_of_a_body_goes_out_for_head(path: bytes) -> None:
    sent = await _messages("HEAD", path, b"", [], b"")
    assert sent[1:] == [{"type": "http.response.body", "body": b""}]
    assert len((await _messages("GET", path, b"", [], b""))[1]["body"]) > 10


async def test_options_tells_the_methods_and_404_where_there_are_none(http: httpx2.AsyncClient) -> None:
    answer = await http.options("/v1/things")
    assert (answer.status_code, answer.content, answer.headers["allow"]) == (204, b"", "GET, HEAD, OPTIONS, POST")
    assert code(await http.options("/v1/none")) == (404, "not_found")


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("*/*", 200), ("application/*", 200), ("application/json;q=0.1", 200), ("application/problem+json", 200),
        ("text/html, */*;q=0.1", 200), ("text/html", 406), ("application/xml", 406), ("application/json;q=0", 406),
        ("*/*, application/*;q=0, application/json;q=0", 406), (";;q=,,", 406),
    ],
)  # fmt: skip
async def test_json_is_given_only_to_those_who_accept_it(http: httpx2.AsyncClient, accept: str, status: int) -> None:
    answer = await http.get("/v1/things", headers={"Accept": accept})
    assert answer.status_code == status
    assert status == 200 or code(answer) == (406, "not_acceptable")


async def test_the_fingerprint_ignores_formatting_and_sees_content_target_and_precondition(
    http: httpx2.AsyncClient,
) -> None:
    async def fingerprint(content: str, **headers: str) -> str:
        answer = await http.post("/v1/things", content=content, headers=JSON | headers)
        return str(answer.json()["id"])

    one = await fingerprint('{"title":"a","count":1}')
    assert one == await fingerprint('{ "count": 1, "title": "\\u0061" }')
    others = {
        await fingerprint('{"title":"b","count":1}'),
        await fingerprint('{"title":"a"}'),
        await fingerprint('{"title":"a","count":1}', **{"If-Match": '"v1"'}),
    }
    assert len(others) == 3
    assert one not in others


def test_a_synchronous_endpoint_is_refused_at_declaration() -> None:
    def slow() -> None: ...

    with pytest.raises(TypeError, match="must be async"):
        APIRouter(route_class=StrictRoute).get("/slow", operation_id="slow")(slow)


_DOCUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["title", "note", "code", "count", "due_on", "at", "tags"]), inner)
    ),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(
    body=st.binary(max_size=200)
    | _DOCUMENTS.map(lambda value: json.dumps(value).encode())
    | _DOCUMENTS.map(lambda value: json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")),
    query=st.binary(max_size=30),
    path=st.binary(max_size=20),
    header=st.binary(max_size=20).map(lambda value: value.translate(None, b"\r\n\0")),
)
async def test_no_input_whatever_makes_a_server_error(body: bytes, query: bytes, path: bytes, header: bytes) -> None:
    names = (b"content-type", b"accept", b"accept-language", b"x-request-id", b"content-length", b"idempotency-key")
    for target in (b"/v1/things", b"/v1/things/" + path):
        for method in ("POST", "GET", "PATCH", "OPTIONS", "HEAD"):
            for name in names:
                headers = [(b"content-type", b"application/json")] if name != b"content-type" else []
                status = await _raw(method, target, query, [*headers, (name, header)], body)
                assert status < 500, (method, target, name)


async def _raw(method: str, path: bytes, query: bytes, headers: list[tuple[bytes, bytes]], body: bytes) -> int:
    return int((await _messages(method, path, query, headers, body))[0]["status"])


async def _messages(
    method: str, path: bytes, query: bytes, headers: list[tuple[bytes, bytes]], body: bytes
) -> list[dict[str, Any]]:
    """Below the client, which would refuse to send most of this."""
    sent: list[Any] = []
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if not waiting:
            await asyncio.sleep(60)  # a client that stays connected and has nothing more to say
        return waiting.pop()

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": path.decode("utf-8", "replace"), "raw_path": path, "root_path": "", "query_string": query,
        "headers": headers, "client": ("127.0.0.1", 1), "server": ("rectify.test", 80), "state": {},
    }  # fmt: skip
    await FUZZED(scope, receive, send)
    return sent
