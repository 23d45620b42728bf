"""The committed API description is valid, and is what the program serves."""

import json
from pathlib import Path

from fastapi import FastAPI
from openapi_spec_validator import validate

COMMITTED = Path(__file__).parents[2] / "openapi" / "openapi.json"


def test_the_committed_description_is_the_one_generated(app: FastAPI) -> None:
    assert json.loads(COMMITTED.read_text(encoding="utf-8")) == app.openapi(), "run `make openapi`"


def test_the_committed_description_is_valid_openapi() -> None:
    document = json.loads(COMMITTED.read_text(encoding="utf-8"))
    assert document["openapi"].startswith("3.1")
    assert len(document["paths"]) > 50
    validate(document)


def test_every_write_names_what_it_needs() -> None:
    document = json.loads(COMMITTED.read_text(encoding="utf-8"))
    for path, operations in document["paths"].items():
        for method in operations.keys() & {"post", "put", "patch", "delete"}:
            operation = operations[method]
            named = {entry.get("$ref", entry.get("name", "")).rpartition("/")[2] for entry in operation["parameters"]}
            exempt = operation.get("x-idempotency") == "exempt" or path == "/v1/auth/token"
            assert method != "post" or exempt or any("dempotency" in name for name in named), (method, path, named)
            assert operation["responses"].keys() & {"default"}, path
