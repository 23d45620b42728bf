"""Bodies are taken at their word: a number is a number, yes is true, and nothing else is."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pkgutil import walk_packages
from typing import Annotated, Any

import pytest
from pydantic import Field, ValidationError

import app
from app.core.models import Api


class Inner(Api):
    count: Annotated[int, Field(ge=0)] | None = None
    fields: dict[str, int | bool | str] = {}
    flags: list[bool] = []


class Outer(Api):
    inner: Inner
    default: bool = False


@pytest.mark.parametrize(
    "given",
    [
        {"inner": {"count": 5}},
        {"inner": {"fields": {"a": 1, "b": "5", "c": True}}},
        {"inner": {"flags": [True, False]}, "default": True},
    ],
)
def test_what_is_said_is_kept(given: dict[str, Any]) -> None:
    assert Outer.model_validate(given).model_dump(exclude_unset=True) == given


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"inner": {"count": "5"}}, ("inner", "count")),
        ({"inner": {"count": True}}, ("inner", "count")),
        ({"inner": {"count": 5.0}}, ("inner", "count")),
        ({"inner": {"flags": [1]}}, ("inner", "flags", 0)),
        ({"inner": {"flags": ["true"]}}, ("inner", "flags", 0)),
        ({"inner": {}, "default": "no"}, ("default",)),
    ],
)
def test_what_only_resembles_it_is_refused(given: dict[str, Any], where: tuple[str | int, ...]) -> None:
    with pytest.raises(ValidationError) as refused:
        Outer.model_validate(given)
    assert [error["loc"] for error in refused.value.errors()] == [where]


def models(of: type[Api] = Api) -> Iterator[type[Api]]:
    for model in of.__subclasses__():
        yield model
        yield from models(model)


def loose(schema: Any) -> Iterator[str]:
    """The kinds of number and truth value within a core schema that take what resembles them."""
    if isinstance(schema, dict):
        if "JsonValue" in schema.get("ref", ""):
            return  # chosen by the kind of value that is there, so that nothing is made of it
        if schema.get("type") in ("int", "bool") and not schema.get("strict"):
            yield schema["type"]
        schema = [part for key, part in schema.items() if key not in {"metadata", "serialization"}]
    if isinstance(schema, list | tuple):
        for part in schema:
            yield from loose(part)


def test_no_input_of_the_product_is_loose() -> None:
    for module in walk_packages(app.__path__, "app."):
        if not module.name.endswith("__main__"):
            import_module(module.name)
    found = {model.__name__: list(loose(model.__pydantic_core_schema__)) for model in models()}
    assert len(found) > 60
    assert {name: kinds for name, kinds in found.items() if kinds} == {}
