import json
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, Depends
from openapi_spec_validator import validate
from pydantic import ConfigDict

from app.access.guarding import public
from app.core.http import Api, StrictRoute
from app.main import create_app
from tests.core.small_service import small_service
from tests.support.service import settings_for


@pytest.fixture
def document(tmp_path: Path) -> dict[str, Any]:
    return small_service(tmp_path).openapi()


def operation(document: dict[str, Any], name: str) -> dict[str, Any]:
    found = [
        method for entry in document["paths"].values() for method in entry.values() if method["operationId"] == name
    ]
    assert len(found) == 1
    return dict(found[0])


def parameters(document: dict[str, Any], name: str) -> set[str]:
    return {
        entry["$ref"].rpartition("/")[2] if "$ref" in entry else entry["name"]
        for entry in operation(document, name)["parameters"]
    }


def test_the_description_is_valid_and_the_same_each_time(document: dict[str, Any], tmp_path: Path) -> None:
    validate(document)
    assert document["openapi"].startswith("3.1")
    assert json.dumps(document) == json.dumps(small_service(tmp_path).openapi())


def test_headers_are_declared_where_they_are_needed(document: dict[str, Any]) -> None:
    assert {"IdempotencyKey", "AcceptLanguage", "RequestId"} <= parameters(document, "createThing")
    assert "IdempotencyKey" not in parameters(document, "createLocked") | parameters(document, "editThing")
    assert "OptionalIdempotencyKey" in parameters(document, "editThing")
    assert "IfMatch" in parameters(document, "editThing") & parameters(document, "moveThing")
    assert "IfNoneMatch" in parameters(document, "getThing")
    assert "304" in operation(document, "getThing")["responses"]
    created = operation(document, "createThing")["responses"]["201"]["headers"]
    assert {"Location", "Idempotent-Replayed", "X-Request-ID"} <= created.keys()
    assert "ETag" in operation(document, "editThing")["responses"]["200"]["headers"]
    assert "Link" in operation(document, "listThings")["responses"]["200"]["headers"]


def test_every_operation_documents_its_problems(document: dict[str, Any]) -> None:
    edit = operation(document, "editThing")["responses"]
    assert edit["409"]["x-problem-codes"] == ["child_frozen", "duplicate_value", "in_flight"]
    assert {"400", "404", "406", "409", "412", "413", "415", "422", "428", "503", "default"} <= edit.keys()
    for entry in document["paths"].values():
        for method in entry.values():
            for status, response in method["responses"].items():
                if status[0] in "45d":
                    assert list(response["content"]) == ["application/problem+json"]
    assert not {"HTTPValidationError", "ValidationError"} & document["components"]["schemas"].keys()


def test_open_operations_need_no_login_and_the_rest_do(document: dict[str, Any]) -> None:
    assert document["security"] == [{"bearer": []}, {"apiKey": []}, {"browserSession": []}]
    assert operation(document, "createThing")["security"] == []


def test_creating_leads_to_reading_and_moving_on(document: dict[str, Any]) -> None:
    links = operation(document, "createThing")["responses"]["201"]["links"]
    assert {name: link["operationId"] for name, link in links.items()} == {
        "GetThing": "getThing",
        "MoveThing": "moveThing",
    }
    assert links["GetThing"]["parameters"] == {"thing_id": "$response.body#/id"}


def test_enums_carry_their_labels_and_pages_their_names(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    assert schemas["Colour"]["x-enum-varnames"] == ["RED", "GREEN"]
    assert "红" in schemas["Colour"]["x-enum-descriptions"][0]
    assert set(schemas["ThingOut"]["required"]) == {"id", "title", "note"}
    assert "ThingPage" in schemas
    assert "itemSchema" not in json.dumps(document)


def test_a_route_without_an_operation_id_is_refused(tmp_path: Path) -> None:
    bare = APIRouter(route_class=StrictRoute, dependencies=[Depends(public())])

    @bare.get("/v1/bare")
    async def nameless() -> None: ...

    with pytest.raises(ValueError, match="operation_id"):
        create_app(settings_for("postgresql://x@127.0.0.1:1/x", tmp_path), (bare,))


def test_one_model_for_both_directions_is_refused(tmp_path: Path) -> None:
    class Shared(Api):
        note: str = ""

    both = APIRouter(route_class=StrictRoute, dependencies=[Depends(public())])

    @both.post("/v1/both", operation_id="both")
    async def echo(body: Shared) -> Shared:
        return body

    app = create_app(settings_for("postgresql://x@127.0.0.1:1/x", tmp_path), (both,))
    app.openapi()

    class Split(Shared):
        model_config = ConfigDict(json_schema_serialization_defaults_required=True)

    @both.post("/v1/split", operation_id="split")
    async def split(body: Split) -> Split:
        return body

    with pytest.raises(ValueError, match="one class per direction"):
        create_app(settings_for("postgresql://x@127.0.0.1:1/x", tmp_path), (both,)).openapi()
