"""Mass assignment: whatever the service says of a thing and does not take from a caller is refused when it is sent."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from app.core.openapi import operations
from tests.journeys.stage import TRACE
from tests.matrix.ground import Ground
from tests.support.asgi import Ask, documented, json_body, with_length
from tests.support.documented import DESCRIPTION
from tests.support.organisation import Someone

DOCUMENT: dict[str, Any] = json.loads(DESCRIPTION.read_text(encoding="utf-8"))
SCHEMAS: dict[str, dict[str, Any]] = DOCUMENT["components"]["schemas"]
JSON = "application/json"
COLUMNS = {
    "password_hash", "epoch", "digest", "head_hash", "number_sort", "due_sort", "registered_sort", "changed_seq", "chain",
    "chain_step", "entered_seq", "finder_person_id", "finder_unit_id", "author_id", "revoked_at", "granted_by", "is_admin",
    "scope", "permissions",
}  # fmt: skip
"""Columns no answer shows, and names a guesser tries."""
NAMES = {name for schema in SCHEMAS.values() for name in schema.get("properties", {})} | COLUMNS
WRITES = [
    (method.upper(), path, operation["requestBody"]["content"][JSON])
    for path, method, operation in operations(DOCUMENT)
    if JSON in operation.get("requestBody", {}).get("content", {})
]


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    return SCHEMAS[name] if name else schema


def taken(schema: dict[str, Any], body: Any) -> set[str]:
    """The properties an object may have; that of a union is chosen by its discriminator."""
    whole = resolved(schema)
    if "oneOf" in whole and "discriminator" in whole:
        choice = whole["discriminator"]
        return taken({"$ref": choice["mapping"][body[choice["propertyName"]]]}, body)
    for part in whole.get("anyOf", ()):
        if resolved(part).get("type") == "object":
            return taken(part, body)
    return set(whole.get("properties", {})) if whole.get("additionalProperties") is False else NAMES


def objects(schema: dict[str, Any], body: Any, pointer: str = "") -> Iterator[tuple[str, dict[str, Any], set[str]]]:
    """Every object of an example with where it stands and what it may hold."""
    if isinstance(body, dict):
        yield pointer, body, taken(schema, body)
        for name, inner in body.items():
            yield from objects(_of_property(schema, body, name), inner, f"{pointer}/{name}")
    elif isinstance(body, list):
        for place, inner in enumerate(body):
            yield from objects(_branch(schema, "array").get("items", {}), inner, f"{pointer}/{place}")


def _branch(schema: dict[str, Any], kind: str) -> dict[str, Any]:
    whole = resolved(schema)
    found = [resolved(part) for part in (*whole.get("anyOf", ()), whole) if resolved(part).get("type") == kind]
    return found[0] if found else {}


def _of_property(schema: dict[str, Any], body: dict[str, Any], name: str) -> dict[str, Any]:
    whole = resolved(schema)
    if "discriminator" in whole:
        choice = whole["discriminator"]
        whole = resolved({"$ref": choice["mapping"][body[choice["propertyName"]]]})
    else:
        whole = _branch(schema, "object") or whole
    found: dict[str, Any] = whole.get("properties", {}).get(name, {})
    return found


@pytest.fixture(scope="module")
async def everyone(ground: Ground) -> list[Someone]:
    """People over the whole organisation, one of whom may take any write; the routes look no further than that."""
    root = await ground.org.db.fetchval("SELECT id FROM unit WHERE cardinality(ancestors) = 1 ORDER BY id LIMIT 1")
    roles = ("supervision_office", "first_responsible", "leader", "system_admin", "security_admin")
    return [await ground.org.person((role, root)) for role in roles]


async def refused(ground: Ground, people: list[Someone], method: str, path: str, body: Any) -> dict[str, Any]:
    """The answer of whoever is let in."""
    for who in people:
        headers, chunks = json_body(body)
        token = (b"authorization", who.headers["Authorization"].encode())
        more = [token, (b"if-match", b"*"), (b"idempotency-key", uuid4().hex.encode())]
        answer = await documented(ground.app, Ask(method, path, [*headers, *more], b"", chunks))
        if answer.status_code != 403:
            assert answer.status_code == 422, f"{method} {path}: {answer.status_code} {answer.text[:300]}"
            found: dict[str, Any] = answer.json()
            return found
    raise AssertionError(f"nobody may {method} {path}")


@pytest.mark.parametrize(("method", "route", "content"), WRITES, ids=[f"{m} {p}" for m, p, _ in WRITES])
async def test_nothing_but_what_is_described_is_taken(
    ground: Ground, everyone: list[Someone], method: str, route: str, content: dict[str, Any]
) -> None:
    ids = ground.targets["own"].ids
    path = re.sub(r"\{([a-z_]+)\}", lambda name: str(ids[name[1]]), route)
    before = await ground.org.db.fetchval(TRACE, [ids["item_id"]])
    tried = 0
    for example in content["examples"].values():
        for pointer, _, own in objects(content["schema"], example["value"]):
            foreign = sorted(NAMES - own)
            if not foreign:
                continue
            spoilt = json.loads(json.dumps(example["value"]))
            here = spoilt
            for part in pointer.split("/")[1:]:
                here = here[int(part) if isinstance(here, list) else part]
            here.update(dict.fromkeys(foreign, "x"))
            told = await refused(ground, everyone, method, path, spoilt)
            named = {fault["pointer"] for fault in told["errors"] if fault["code"] == "extra_forbidden"}
            assert {place.rpartition("/")[2] for place in named if place.startswith(pointer)} >= set(foreign), pointer
            tried += len(foreign)
    assert tried > 100
    assert await ground.org.db.fetchval(TRACE, [ids["item_id"]]) == before


async def test_an_upload_takes_its_four_fields_and_no_other(ground: Ground, everyone: list[Someone]) -> None:
    fields = sorted(NAMES - {"target_kind", "target_id", "description", "file"})[:200]
    path = f"/v1/items/{ground.targets['own'].item}/evidence"
    for name in fields[::10]:
        part = f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\nx\r\n--x--\r\n'
        headers, chunks = with_length("multipart/form-data; boundary=x", part.encode())
        token = (b"authorization", everyone[0].headers["Authorization"].encode())
        answer = await documented(
            ground.app, Ask("POST", path, [token, *headers, (b"idempotency-key", b"k-1")], b"", chunks)
        )
        assert answer.status_code == 422, (name, answer.text)
