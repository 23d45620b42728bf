"""Whether an answer is what the description says of it, to the last field."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import httpx2
from jsonschema import Draft202012Validator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from tests.support.documented import DESCRIPTION, Operation, undocumented

_BASE = "urn:api"


@cache
def _described() -> tuple[dict[str, Any], Registry[Any]]:
    text = DESCRIPTION.read_text(encoding="utf-8").replace('"#/components/', f'"{_BASE}#/components/')
    document = json.loads(text)
    registry: Registry[Any] = Registry().with_resource(_BASE, DRAFT202012.create_resource(document))
    return document, registry.crawl()


@cache
def _validator(operation_id: str, status: str, kind: str) -> Draft202012Validator | None:
    document, registry = _described()
    every = (entry for path in document["paths"].values() for entry in path.values() if isinstance(entry, dict))
    operation = next(entry for entry in every if entry.get("operationId") == operation_id)
    told = operation["responses"].get(status, operation["responses"]["default"])
    schema = told.get("content", {}).get(kind, {}).get("schema")
    return None if schema is None else Draft202012Validator(schema, registry=registry)


def faults(operation: Operation, answer: httpx2.Response) -> list[str]:
    """What is wrong with the answer; empty for one that is as described."""
    kind = answer.headers.get("content-type", "").partition(";")[0]
    found = undocumented(operation, answer)
    if kind in {"application/json", "application/problem+json"} and answer.content and not found:
        validator = _validator(operation["operationId"], str(answer.status_code), kind)
        if validator is not None:
            found += [f"{error.json_path}: {error.message[:200]}" for error in validator.iter_errors(answer.json())]
    return found
