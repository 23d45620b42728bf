"""The generated API description, finished: problems, headers, links and security that FastAPI cannot know.

What an operation needs is read from what it declares. Routers mark the rest with `openapi_extra`: `IF_MATCH` (a write
that needs the version), `ETAG` (a read that gives one), `KEYLESS` (a POST that is not stored for replay).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from app.core.errors import CATALOGUE
from app.core.openapi_parts import HEADERS, PARAMETERS, SCHEMAS, SECURITY, SECURITY_SCHEMES

Json = dict[str, Any]

IF_MATCH: Final[Json] = {"x-if-match": "required"}
ETAG: Final[Json] = {"x-etag": "item"}
KEYLESS: Final[Json] = {"x-idempotency": "exempt"}

_METHODS: Final = ("get", "put", "post", "delete", "patch")
_CAMEL: Final = re.compile(r"[a-z][A-Za-z0-9]*\Z")
_STREAMS: Final = ("text/event-stream", "application/jsonl", "application/x-ndjson")
_PROBLEM_CONTENT: Final[Json] = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_DROPPED: Final = ("HTTPValidationError", "ValidationError")


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


def finish(document: Json, public: frozenset[str]) -> Json:
    """Completes the description in place; `public` holds the ids of operations that need no login.

    Raises ValueError for what must never be published.
    """
    components = document.setdefault("components", {})
    schemas = {name: schema for name, schema in components.get("schemas", {}).items() if name not in _DROPPED}
    _refuse_split_names(schemas)
    components["schemas"] = dict(sorted((schemas | SCHEMAS).items()))
    components["parameters"] = PARAMETERS
    components["headers"] = HEADERS
    components["securitySchemes"] = SECURITY_SCHEMES
    document["security"] = SECURITY
    seen: set[str] = set()
    for path, method, operation in _operations(document):
        name = operation["operationId"]
        if not _CAMEL.match(name) or name in seen:
            raise ValueError(f"{method} {path}: operation_id {name!r} is not camelCase or not unique")
        seen.add(name)
        if name in public:
            operation["security"] = []
        _finish_operation(path, method, operation)
    _repair_schemas(document)
    _link_creations(document)
    return document


def _operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, entry in document.get("paths", {}).items():
        for method in _METHODS:
            if method in entry:
                yield path, method, entry[method]


def _refuse_split_names(schemas: Mapping[str, Any]) -> None:
    split = [name for name in schemas if name.endswith(("-Input", "-Output"))]
    if split:
        raise ValueError(f"one class per direction: {', '.join(split)} are used for input and output")


def _finish_operation(path: str, method: str, operation: Json) -> None:
    keyed = method == "post" and operation.get("x-idempotency") != "exempt"
    versioned = "x-if-match" in operation
    tagged = "x-etag" in operation
    wanted = ["AcceptLanguage", "RequestId"]
    wanted += ["IdempotencyKey"] * keyed + ["IfMatch"] * versioned + ["IfNoneMatch"] * tagged
    parameters = operation.setdefault("parameters", [])
    parameters.extend({"$ref": f"#/components/parameters/{name}"} for name in wanted)
    responses = operation["responses"]
    if _is_generated_422(responses.get("422")):
        del responses["422"]
    if tagged:
        responses["304"] = {"description": "未变化 · Not modified"}
    for status, codes in _class_codes(path, operation, keyed=keyed, versioned=versioned).items():
        _add_problem(responses, status, codes)
    responses.setdefault("default", {"description": "其他问题 · Any other problem", "content": _PROBLEM_CONTENT})
    _add_response_headers(operation, keyed=keyed, tagged=tagged or versioned)
    operation["responses"] = dict(sorted(responses.items()))


def _is_generated_422(response: Json | None) -> bool:
    return response is not None and "HTTPValidationError" in str(response.get("content", {}).get("application/json"))


def _class_codes(path: str, operation: Json, *, keyed: bool, versioned: bool) -> dict[str, list[str]]:
    """The problems every operation of a kind can answer, by status."""
    codes = ["not_acceptable", "unavailable"]
    if operation.get("security") != []:
        codes += ["unauthenticated", "invalid_token", "forbidden"]
    if "{" in path:
        codes.append("not_found")
    if "requestBody" in operation:
        codes += ["payload_too_large", "unsupported_media_type", "validation_failed"]
        codes += ["malformed_json"] * ("application/json" in operation["requestBody"].get("content", {}))
    if any(parameter.get("in") == "query" for parameter in operation["parameters"]):
        codes += ["validation_failed"]
    codes += ["unknown_parameter"]
    if any(parameter.get("name") == "cursor" for parameter in operation["parameters"]):
        codes.append("invalid_cursor")
    if keyed:
        codes += ["idempotency_key_required", "invalid_idempotency_key", "in_flight", "idempotency_key_reused"]
    if versioned:
        codes += ["version_mismatch", "precondition_required"]
    by_status: dict[str, list[str]] = {}
    for code in dict.fromkeys(codes):
        by_status.setdefault(str(CATALOGUE[code].status), []).append(code)
    return by_status


def _add_problem(responses: Json, status: str, codes: list[str]) -> None:
    present = responses.get(status, {})
    named = [*codes, *(code for code in present.get("x-problem-codes", []) if code not in codes)]
    responses[status] = {**present, **_problem(named)}


def _problem(codes: list[str]) -> Json:
    titles = (f"`{code}` {CATALOGUE[code].title.zh} · {CATALOGUE[code].title.en}" for code in codes)
    return {"description": "；".join(titles), "content": _PROBLEM_CONTENT, "x-problem-codes": codes}


def _add_response_headers(operation: Json, *, keyed: bool, tagged: bool) -> None:
    paged = any(parameter.get("name") == "cursor" for parameter in operation["parameters"])
    for status, response in operation["responses"].items():
        names = {"X-Request-ID": "RequestId"}
        if status.startswith("2"):
            names |= {"Location": "Location"} if status in {"201", "202"} else {}
            names |= {"Idempotent-Replayed": "IdempotentReplayed"} if keyed else {}
            names |= {"Link": "Link"} if paged else {}
        if tagged and status[0] in "23":
            names |= {"ETag": "ETag"}
        if status in {"409", "429", "503"}:
            names |= {"Retry-After": "RetryAfter"}
        if status == "401":
            names |= {"WWW-Authenticate": "Challenge"}
        headers = response.setdefault("headers", {})
        for header, component in names.items():
            headers.setdefault(header, {"$ref": f"#/components/headers/{component}"})


def _repair_schemas(document: Json) -> None:
    """OpenAPI 3.1 has no `itemSchema`, and generators know a file only by `format: binary`."""
    for _, _, operation in _operations(document):
        for response in operation["responses"].values():
            for kind in _STREAMS:
                media = response.get("content", {}).get(kind, {})
                if "itemSchema" in media:
                    media["schema"] = media.pop("itemSchema")
    for schema in document["components"]["schemas"].values():
        for member in schema.get("properties", {}).values():
            if member.get("contentMediaType") == "application/octet-stream":
                member["format"] = "binary"


def _link_creations(document: Json) -> None:
    """From a 201 to reading what was created and to moving it on, wherever such an operation exists."""
    paths = document["paths"]
    for path, method, operation in _operations(document):
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
            name = reached["operationId"]
            created.setdefault("links", {})[name[0].upper() + name[1:]] = {
                "operationId": name,
                "parameters": {**outer, found["name"]: "$response.body#/id"},
            }


def _has_id(response: Json, document: Json) -> bool:
    schema = response.get("content", {}).get("application/json", {}).get("schema", {})
    name = schema.get("$ref", "").rpartition("/")[2]
    resolved = document["components"]["schemas"].get(name, schema)
    return "id" in resolved.get("properties", {})
