"""The examples of the API description are accepted by the schemas beside them and by the service's own models."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute, iter_route_contexts
from jsonschema import Draft202012Validator, FormatChecker
from pydantic import TypeAdapter, ValidationError
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from app.api import ROUTERS
from app.core.messages import validation_problem
from app.core.openapi import operations
from app.core.openapi_examples import FALLBACK, Maker
from app.core.paging import PageOf
from app.features.evidence.schemas import EvidenceIn
from app.lifecycle.states import Action

COMMITTED = Path(__file__).parents[2] / "openapi" / "openapi.json"
DOCUMENT: dict[str, Any] = json.loads(COMMITTED.read_text(encoding="utf-8"))

ROUTES = {
    str(context.operation_id): context.original_route
    for router in ROUTERS
    for context in iter_route_contexts(router.routes)
    if isinstance(context.original_route, APIRoute)
}


def absolute(part: Any) -> Any:
    """References as seen from outside of the document."""
    return json.loads(json.dumps(part).replace('"#/components/', '"urn:api#/components/'))


REGISTRY = Registry().with_resource("urn:api", DRAFT202012.create_resource(absolute(DOCUMENT))).crawl()


def faults(schema: dict[str, Any], value: Any) -> list[str]:
    """Resolves references within the document; formats count."""
    validator = Draft202012Validator(absolute(schema), registry=REGISTRY, format_checker=FormatChecker())
    return [error.message for error in validator.iter_errors(value)]


def sent() -> Iterator[tuple[str, dict[str, Any], str, Any]]:
    """Operation, schema, name and value of every example of a request body."""
    for _, _, operation in operations(DOCUMENT):
        for media in operation.get("requestBody", {}).get("content", {}).values():
            for name, example in media["examples"].items():
                yield operation["operationId"], media["schema"], name, example["value"]


SENT = list(sent())


def model_of(operation_id: str) -> TypeAdapter[Any]:
    """What the service itself checks the body of an operation with."""
    field = ROUTES[operation_id].body_field
    assert field is not None
    taken: Any = field.field_info.annotation
    return TypeAdapter(taken)


def marked(value: Any) -> Iterator[Any]:
    """The example over and over, each time with a secrecy marking in another of its texts."""
    if isinstance(value, str):
        yield "机密★5年"
    elif isinstance(value, list):
        yield from ([*value[:n], other, *value[n + 1 :]] for n, part in enumerate(value) for other in marked(part))
    elif isinstance(value, dict):
        yield from ({**value, key: other} for key, part in value.items() for other in marked(part))


def refuses_markings(operation_id: str, value: Any) -> bool:
    model = model_of(operation_id)
    for body in marked(value):
        try:
            model.validate_json(json.dumps(body))
        except ValidationError as error:
            if any(fault.code == "classified_text" for fault in validation_problem(error.errors(), body).faults):
                return True
    return False


@pytest.mark.parametrize(("operation_id", "schema", "name", "value"), SENT, ids=[f"{s[0]}-{s[2]}" for s in SENT])
def test_a_request_example_is_what_the_service_takes(
    operation_id: str, schema: dict[str, Any], name: str, value: Any
) -> None:
    assert faults(schema, value) == [], name
    if operation_id == "addEvidence":
        EvidenceIn.model_validate({field: told for field, told in value.items() if field != "file"})
        return
    model_of(operation_id).validate_json(json.dumps(value))


def test_an_operation_says_that_it_refuses_secrecy_markings_exactly_where_it_takes_text() -> None:
    told = {
        operation["operationId"]
        for _, _, operation in operations(DOCUMENT)
        if "classified_text" in operation["responses"].get("422", {}).get("x-problem-codes", ())
    }
    asked = [(found[0], found[3]) for found in SENT if found[0] != "addEvidence"]
    refusing = {operation_id for operation_id, value in asked if refuses_markings(operation_id, value)}
    assert len(refusing) > 20
    assert refusing | {"addEvidence"} == told


def test_every_body_that_is_sent_has_an_example_and_every_action_its_own() -> None:
    taking = {operation["operationId"] for _, _, operation in operations(DOCUMENT) if "requestBody" in operation}
    assert len(taking) > 30
    assert {found[0] for found in SENT} == taking
    assert {found[2] for found in SENT if found[0] == "transitionItem"} == {action.value for action in Action}


def test_everything_that_is_answered_has_an_example_that_fits() -> None:
    seen = 0
    for _, _, operation in operations(DOCUMENT):
        for status, response in operation["responses"].items():
            media = response.get("content", {}).get("application/json")
            if status.startswith("2") and media is not None:
                name = media["schema"]["$ref"].rpartition("/")[2]
                (value,) = DOCUMENT["components"]["schemas"][name]["examples"]
                assert faults(media["schema"], value) == [], name
                seen += 1
    assert seen > 80


def test_the_examples_of_single_fields_and_of_parameters_fit() -> None:
    seen = 0
    for name, schema in DOCUMENT["components"]["schemas"].items():
        for field, part in schema.get("properties", {}).items():
            for value in part.get("examples", ()):
                assert faults(part, value) == [], (name, field)
                seen += 1
    for _, _, operation in operations(DOCUMENT):
        for parameter in operation["parameters"]:
            if "example" in parameter:
                assert faults(parameter["schema"], parameter["example"]) == [], (operation["operationId"], parameter)
                seen += 1
    for parameter in DOCUMENT["components"]["parameters"].values():
        assert faults(parameter["schema"], parameter["example"]) == []
    assert seen > 60


def test_every_problem_has_an_example_that_fits() -> None:
    examples = DOCUMENT["components"]["examples"]
    assert len(examples) > 30
    for code, example in examples.items():
        assert example["value"]["code"] == code
        assert faults({"$ref": "#/components/schemas/Problem"}, example["value"]) == []


def test_words_were_chosen_for_every_text() -> None:
    assert FALLBACK not in COMMITTED.read_text(encoding="utf-8")


def test_an_example_that_does_not_fit_would_be_noticed() -> None:
    assert faults({"$ref": "#/components/schemas/ItemIn"}, {"ledger_id": "no uuid", "source": {"type": "audit"}})
    assert faults({"$ref": "#/components/schemas/ItemIn"}, {"source": {"type": "audit"}})


def test_values_are_made_from_words_where_these_fit_and_from_the_schema_elsewhere() -> None:
    schemas = {
        "Part": {"type": "object", "required": ["name"], "properties": {
            "name": {"type": "string"}, "size": {"type": "integer", "minimum": 3},
            "gone": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        }},
        "Colour": {"type": "string", "enum": ["red", "green"]},
    }  # fmt: skip
    made = Maker(schemas, {"name": "泵站", "gone": None, "size": "not a number", "colour": "green"})
    assert made.of_class("Part") == {"name": "泵站", "size": 3}
    assert made.value({"type": "array", "items": {"$ref": "#/components/schemas/Part"}}, "parts") == [
        made.of_class("Part")
    ]
    assert made.value({"$ref": "#/components/schemas/Colour"}, "colour") == "green"
    assert made.value({"$ref": "#/components/schemas/Colour"}, "paint") == "red"
    assert made.value({"type": "string"}, "unheard_of") == FALLBACK
    assert made.value({"type": "string", "format": "uuid"}, "part_id") == made.value(
        {"type": "string", "format": "uuid"}, "part_ids"
    )
    whole = Maker(schemas, {"Part": {"name": "whole"}, "Owner.part": {"name": "of its owner"}})
    assert whole.value({"$ref": "#/components/schemas/Part"}, "part") == {"name": "whole"}
    assert whole.value({"$ref": "#/components/schemas/Part"}, "part", "Owner") == {"name": "of its owner"}


def test_a_page_shows_what_is_on_it() -> None:
    pages = [
        name
        for name, schema in DOCUMENT["components"]["schemas"].items()
        if "next_cursor" in schema.get("properties", {})
    ]
    assert len(pages) > 20
    for name in pages:
        (example,) = DOCUMENT["components"]["schemas"][name]["examples"]
        assert len(example["items"]) == 1
        assert set(PageOf.model_fields) <= example.keys()
