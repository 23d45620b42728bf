"""Schemas as other programs need them: one name per class, no noise, and nothing a code generator stumbles over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

Json = dict[str, Any]

_DROPPED: Final = ("HTTPValidationError", "ValidationError")
_STREAMS: Final = ("text/event-stream", "application/jsonl", "application/x-ndjson")
_BOUNDS: Final = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
_INSIDE: Final = ("items", "additionalProperties", "propertyNames")
_LISTS: Final = ("anyOf", "oneOf", "allOf")
_MAPS: Final = ("properties", "patternProperties")


def published(components: Mapping[str, Any]) -> Json:
    """The schemas made from our models; raises ValueError for a class used both ways, and for two of one name."""
    schemas = {name: schema for name, schema in components.get("schemas", {}).items() if name not in _DROPPED}
    split = [name for name in schemas if name.endswith(("-Input", "-Output"))]
    if split:
        raise ValueError(f"one class per direction: {', '.join(split)} are used for input and output")
    doubled = [name for name in schemas if "__" in name]
    if doubled:
        raise ValueError(f"one name per class: {', '.join(doubled)}")
    return schemas


def tidy(document: Json, operations: Iterable[tuple[str, str, Json]]) -> None:
    """Repairs every schema in place."""
    for _, _, operation in operations:
        for parameter in operation["parameters"]:
            if parameter.get("in") in {
                "query",
                "header",
            }:  # which cannot carry null: leaving it out is how nothing is said
                without_null(parameter["schema"])
                _describe(parameter)
        for response in operation["responses"].values():
            _without_item_schema(response)
    for schema in schemas_of(document):
        schema.pop("title", None)
        for bound in _BOUNDS & schema.keys():
            schema[bound] = int(schema[bound]) if float(schema[bound]).is_integer() else schema[bound]
        if "patternProperties" in schema:
            _as_map(schema)
        if schema.get("contentMediaType") == "application/octet-stream":
            schema["format"] = "binary"


def schemas_of(document: Json) -> Iterator[Json]:
    """Every schema of the document, nested ones included."""
    for schema in document["components"]["schemas"].values():
        yield from _nested(schema)
    for entry in (*document["paths"].values(), *document.get("webhooks", {}).values()):
        for operation in entry.values():
            for parameter in operation.get("parameters", ()):
                yield from _nested(parameter.get("schema", {}))
            for holder in (operation.get("requestBody", {}), *operation["responses"].values()):
                for media in holder.get("content", {}).values():
                    yield from _nested(media.get("schema", {}))


def _nested(schema: Json) -> Iterator[Json]:
    yield schema
    inner = [schema[name] for name in _INSIDE if isinstance(schema.get(name), dict)]
    inner += [part for name in _LISTS for part in schema.get(name, ())]
    inner += [part for name in _MAPS for part in schema.get(name, {}).values()]
    for part in inner:
        yield from _nested(part)


def _describe(parameter: Json) -> None:
    told = parameter["schema"].pop("description", None)
    if told is not None:
        parameter["description"] = told


def without_null(schema: Json) -> None:
    """Takes null out of what a value may be; what is left alone stands for itself."""
    kept = [part for part in schema.pop("anyOf", ()) if part.get("type") != "null"]
    if len(kept) == 1:
        schema |= kept[0]
    elif kept:
        schema["anyOf"] = kept


def _as_map(schema: Json) -> None:
    """Generators know a map by `additionalProperties`; the pattern of its keys is as well said by `propertyNames`."""
    ((pattern, values),) = schema.pop("patternProperties").items()
    schema["propertyNames"] = {"pattern": pattern, **schema.get("propertyNames", {})}
    schema["additionalProperties"] = values


def _without_item_schema(response: Json) -> None:
    """OpenAPI 3.1 has no `itemSchema`; a stream is described by the schema of one of its parts."""
    for kind in _STREAMS:
        media = response.get("content", {}).get(kind, {})
        if "itemSchema" in media:
            media["schema"] = media.pop("itemSchema")
