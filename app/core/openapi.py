"""The generated API description, finished: problems, headers, links and security that FastAPI cannot know.

What an operation needs is read from what it declares. Routers mark the rest with `openapi_extra`: `IF_MATCH` (a write
that needs the version), `IF_MATCH_EXISTING` (one that creates as well), `ETAG` (a read that gives one), `KEYLESS` (a
POST that is not stored for replay).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from app.core import openapi_examples, openapi_schemas, openapi_webhooks
from app.core.errors import CATALOGUE
from app.core.openapi_parts import (
    CALL_PARAMETERS,
    EXAMPLES,
    HEADERS,
    PARAMETERS,
    SCHEMAS,
    SECURITY,
    SECURITY_SCHEMES,
    STATUSES,
)

Json = dict[str, Any]

IF_MATCH: Final[Json] = {"x-if-match": "required"}
IF_MATCH_EXISTING: Final[Json] = {"x-if-match": "existing"}
ETAG: Final[Json] = {"x-etag": "item"}
KEYLESS: Final[Json] = {"x-idempotency": "exempt"}
PUBLIC: Final = "public"
SIGNED_IN: Final = "signed_in"
ANY_SESSION: Final = "any_session"

METHODS: Final = ("get", "put", "post", "delete", "patch")
_CAMEL: Final = re.compile(r"[a-z][A-Za-z0-9]*\Z")
_PROBLEM: Final = "application/problem+json"
_PROBLEM_SCHEMA: Final[Json] = {"$ref": "#/components/schemas/Problem"}
_ANYWHERE: Final = ("bad_request", "method_not_allowed", "internal_error")
"""What the default answer of every operation stands for."""


def require_operation_ids(routes: Sequence[Any]) -> None:
    """Names of operations are the names of client methods, so they are chosen and never derived."""
    for route in routes:
        if getattr(route, "include_in_schema", False) and getattr(route, "operation_id", None) is None:
            raise ValueError(f"{route.path}: give the route an operation_id")


def problem_responses(*codes: str) -> dict[int | str, Json]:
    """`responses=` of a route: the codes only this operation can answer; those of its class are added by `finish`."""
    by_status: dict[int | str, list[str]] = {}
    for code in codes:
        by_status.setdefault(CATALOGUE[code].status, []).append(code)
    return {status: _problem(names) for status, names in sorted(by_status.items(), key=lambda pair: int(pair[0]))}


def finish(document: Json, guards: Mapping[str, str], words: Mapping[str, Any]) -> Json:
    """Completes the description in place; `guards` says by operation id what a caller needs, `words` fill the examples.

    Raises ValueError for what must never be published.
    """
    components = document.setdefault("components", {})
    components["schemas"] = dict(sorted((openapi_schemas.published(components) | SCHEMAS).items()))
    components["parameters"] = PARAMETERS | (CALL_PARAMETERS if document.get("webhooks") else {})
    components["headers"] = HEADERS
    components["securitySchemes"] = SECURITY_SCHEMES
    document["security"] = SECURITY
    seen: set[str] = set()
    for path, method, operation in operations(document):
        name = operation["operationId"]
        if not _CAMEL.match(name) or name in seen:
            raise ValueError(f"{method} {path}: operation_id {name!r} is not camelCase or not unique")
        seen.add(name)
        if guards[name] == PUBLIC:
            operation["security"] = []
        _finish_operation(path, method, operation, guards[name])
    answered = {code for _, _, operation in operations(document) for code in _codes(operation)}
    components["examples"] = {code: example for code, example in EXAMPLES.items() if code in answered}
    for name, operation in openapi_webhooks.calls(document):
        if operation["operationId"] in seen:
            raise ValueError(f"{name}: operation_id {operation['operationId']!r} is not unique")
        seen.add(operation["operationId"])
    openapi_schemas.tidy(document, operations(document))
    openapi_examples.add(document, operations(document), words)
    openapi_webhooks.finish(document, words)
    _link_creations(document)
    return document


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    """Path, method and operation, in the order of the document."""
    for path, entry in document.get("paths", {}).items():
        for method in METHODS:
            if method in entry:
                yield path, method, entry[method]


def _finish_operation(path: str, method: str, operation: Json, guard: str) -> None:
    keyed = method == "post" and operation.get("x-idempotency") != "exempt"
    repeatable = method in {"patch", "put", "delete"}
    versioned = operation.get("x-if-match")
    tagged = "x-etag" in operation
    wanted = ["AcceptLanguage", "RequestId"]
    wanted += ["IdempotencyKey"] * keyed + ["OptionalIdempotencyKey"] * repeatable + ["IfNoneMatch"] * tagged
    wanted += ["IfMatch"] * (versioned == "required") + ["IfMatchExisting"] * (versioned == "existing")
    parameters = operation.setdefault("parameters", [])
    parameters.extend({"$ref": f"#/components/parameters/{name}"} for name in wanted)
    responses = operation["responses"]
    if _is_generated_422(responses.get("422")):
        del responses["422"]
    if tagged:
        responses["304"] = {"description": "未变化 · Not modified"}
    codes = [*_caller_codes(path, method, guard), *_request_codes(operation)]
    codes += ["idempotency_key_required"] * keyed
    codes += ["invalid_idempotency_key", "in_flight", "idempotency_key_reused"] * (keyed or repeatable)
    codes += ["version_mismatch", "precondition_required"] * (versioned is not None)
    for code in dict.fromkeys(codes):
        _add_code(responses, code)
    responses.setdefault("default", {**_problem(list(_ANYWHERE)), "description": "其他问题 · Any other problem"})
    _add_response_headers(operation, keyed=keyed or repeatable, tagged=tagged or versioned is not None)
    if method != "get":
        _add_receipts(responses)
    operation["responses"] = dict(sorted(responses.items()))


def _is_generated_422(response: Json | None) -> bool:
    return response is not None and "HTTPValidationError" in str(response.get("content", {}).get("application/json"))


def _caller_codes(path: str, method: str, guard: str) -> list[str]:
    """Who asks and for what: an open read touches no database, what concerns the caller alone is never forbidden."""
    codes = [] if guard == PUBLIC and method == "get" else ["unavailable", "in_recovery"]
    if guard != PUBLIC:
        codes += ["unauthenticated", "invalid_token"] + ["csrf_refused"] * (method != "get")
    if guard not in {PUBLIC, ANY_SESSION}:
        codes += ["password_change_required"] + ["forbidden"] * (guard != SIGNED_IN)
    return codes + ["not_found"] * ("{" in path)


def _request_codes(operation: Json) -> list[str]:
    """What can be wrong with a request of this shape."""
    codes = ["not_acceptable", "unknown_parameter"]
    content = operation.get("requestBody", {}).get("content", {})
    if content:
        codes += ["payload_too_large", "unsupported_media_type", "validation_failed"]
    if "application/json" in content:
        codes += ["malformed_json", "request_timeout"]
    elif content:
        codes.append("bad_request")
    declared = [parameter for parameter in operation["parameters"] if parameter.get("in") == "query"]
    codes += ["validation_failed"] * bool(declared)
    return codes + ["invalid_cursor"] * any(parameter["name"] == "cursor" for parameter in declared)


def _add_code(responses: Json, code: str) -> None:
    status = str(CATALOGUE[code].status)
    present = responses.get(status, {})
    named = [*present.get("x-problem-codes", []), code]
    responses[status] = {**present, **_problem(sorted(set(named)))}


def _problem(codes: list[str]) -> Json:
    titles = (f"`{code}` {CATALOGUE[code].title.zh} · {CATALOGUE[code].title.en}" for code in codes)
    examples = {code: {"$ref": f"#/components/examples/{code}"} for code in codes}
    return {
        "description": "；".join(titles),
        "content": {_PROBLEM: {"schema": _PROBLEM_SCHEMA, "examples": examples}},
        "x-problem-codes": codes,
    }


def _codes(operation: Json) -> Iterator[str]:
    for response in operation["responses"].values():
        yield from response.get("x-problem-codes", ())


def _add_response_headers(operation: Json, *, keyed: bool, tagged: bool) -> None:
    paged = any(parameter.get("name") in {"cursor", "after"} for parameter in operation["parameters"])
    for status, response in operation["responses"].items():
        names = {"X-Request-ID": "RequestId"}
        if status.startswith("2"):
            names |= {"Location": "Location"} if status in {"201", "202"} else {}
            names |= {"Idempotent-Replayed": "IdempotentReplayed"} if keyed else {}
            names |= {"Link": "Link"} if paged else {}
            if response.get("description") == "Successful Response":
                response["description"] = STATUSES[status]
        if (tagged and status[0] in "23") or status == "201":
            names |= {"ETag": "ETag"}
        if status in {"429", "503"} or "in_flight" in response.get("x-problem-codes", ()):
            names |= {"Retry-After": "RetryAfter"}
        if status == "401":
            names |= {"WWW-Authenticate": "Challenge"}
        headers = response.setdefault("headers", {})
        for header, component in names.items():
            headers.setdefault(header, {"$ref": f"#/components/headers/{component}"})


def _add_receipts(responses: Json) -> None:
    for status, response in responses.items():
        if status.startswith("2"):
            response["headers"]["Rectify-Receipt"] = {"$ref": "#/components/headers/Receipt"}


def _link_creations(document: Json) -> None:
    """From a 201 to reading what was created and to moving it on, wherever such an operation exists."""
    paths = document["paths"]
    for path, method, operation in operations(document):
        created = operation["responses"].get("201")
        if method != "post" or created is None or not _has_id(created, document):
            continue
        child = re.compile(re.escape(path) + r"/\{(?P<name>[a-z_]+)\}(?P<rest>/transitions)?\Z")
        for target, entry in paths.items():
            found = child.match(target)
            reached = entry.get("post" if found and found["rest"] else "get")
            if found is None or reached is None:
                continue
            outer = {name: f"$request.path.{name}" for name in re.findall(r"\{([a-z_]+)\}", path)}
            given = {**outer, found["name"]: "$response.body#/id"}
            if reached.get("x-if-match"):
                given["If-Match"] = "$response.header.ETag"
            name = reached["operationId"]
            created.setdefault("links", {})[name[0].upper() + name[1:]] = {
                "operationId": name,
                "parameters": given,
                "description": reached["summary"],
            }


def _has_id(response: Json, document: Json) -> bool:
    schema = response.get("content", {}).get("application/json", {}).get("schema", {})
    name = schema.get("$ref", "").rpartition("/")[2]
    resolved = document["components"]["schemas"].get(name, schema)
    return "id" in resolved.get("properties", {})
