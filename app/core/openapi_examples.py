"""Examples made from the schemas themselves, so that they cannot say less or other than these do.

Which text stands in which field comes from the caller: `words` maps a field (`title`), a field of one class
(`ItemOut.title`) or a whole class (`ItemOut`) to its value. What no word is given for is an id, a date or the least
value allowed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any, Final

Json = dict[str, Any]

FALLBACK: Final = "示例 example"
"""Stands for a text nobody has chosen words for."""

_PREFIX: Final = "#/components/schemas/"
_FORMATS: Final = {"date": "2026-03-31", "date-time": "2026-03-31T02:30:00Z", "binary": "（文件内容 the file）"}
_SUFFIXES: Final = ("_ids", "_id", "_by")


def add(document: Json, operations: Iterable[tuple[str, str, Json]], words: Mapping[str, Any]) -> None:
    """Gives every body that is sent its examples, every class that is answered its own, every id in a path a value."""
    maker = Maker(document["components"]["schemas"], words)
    for _, _, operation in operations:
        for parameter in operation["parameters"]:
            if parameter.get("in") == "path":
                parameter["example"] = maker.value(parameter["schema"], parameter["name"])
        for media in operation.get("requestBody", {}).get("content", {}).values():
            media["examples"] = maker.bodies(media.get("schema", {}), operation.get("summary", ""))
        for status, response in operation["responses"].items():
            if status.startswith("2"):
                _answer(response.get("content", {}).get("application/json"), maker)


def _answer(media: Json | None, maker: Maker) -> None:
    name = _name(media["schema"]) if media else None
    if name is not None:
        maker.schemas[name].setdefault("examples", [maker.of_class(name)])


def identifier(kind: str) -> str:
    """The same for the same kind of thing wherever it is named, so that examples fit together."""
    digits = sha256(kind.encode()).hexdigest()
    return f"019a8c1e-{digits[:4]}-7{digits[4:7]}-8{digits[7:10]}-{digits[10:22]}"


class Maker:
    """Makes values that fit the schemas of one document."""

    def __init__(self, schemas: Json, words: Mapping[str, Any]) -> None:
        self.schemas = schemas
        self.words = words

    def bodies(self, schema: Json, summary: str) -> Json:
        """One example a kind of body, named after the kind."""
        tag = schema.get("discriminator", {}).get("propertyName")
        found = {}
        for part in schema.get("oneOf", [schema]):
            value = self.value(part, "")
            if tag is None:
                found["example"] = {"summary": summary, "value": value}
            else:
                found[value[tag]] = {"summary": self.schemas[_name(part) or ""]["description"], "value": value}
        return found

    def of_class(self, name: str) -> Any:
        if name in self.words:
            return self.words[name]
        return self.value(self.schemas[name], "", name)

    def value(self, schema: Json, field: str, owner: str = "") -> Any:
        """The value of a field of a class; both are empty at the top."""
        name = _name(schema)
        if f"{owner}.{field}" in self.words:
            return self.words[f"{owner}.{field}"]
        if name is not None and (name in self.words or "properties" in self.schemas[name]):
            return self.of_class(name)
        resolved = self.schemas[name] if name is not None else schema
        for part in (*resolved.get("oneOf", ()), *resolved.get("anyOf", ())):
            if part.get("type") != "null":
                return self.value(part, field, owner)
        word = self.words.get(field)
        if word is not None and _fits(word, resolved):
            return word
        return self._made(resolved, field, owner)

    def _made(self, schema: Json, field: str, owner: str) -> Any:
        if "const" in schema:
            return schema["const"]
        if listed := [*schema.get("enum", ()), *schema.get("examples", ())]:
            return listed[0]
        if schema.get("type") == "object":
            return self._object(schema, owner)
        if schema.get("type") == "array":
            return [self.value(schema.get("items", {}), field, owner)]
        return _scalar(schema, _thing(field, owner))

    def _object(self, schema: Json, owner: str) -> Json:
        """Every field; one that may stay away and is said to be null is left out."""
        required = schema.get("required", ())
        made: Json = {}
        for name, part in schema.get("properties", {}).items():
            key = f"{owner}.{name}"
            empty = self.words.get(key, ...) is None or (key not in self.words and self.words.get(name, ...) is None)
            if empty and _nullable(part):
                made |= {name: None} if name in required else {}
            else:
                made[name] = self.value(part, name, owner)
        return made


def _scalar(schema: Json, thing: str) -> Any:
    if schema.get("type") == "integer":
        return schema.get("default") or schema.get("minimum", 1)
    if schema.get("type") == "boolean":
        return schema.get("default", False)
    if schema.get("format") == "uuid":
        return identifier(thing)
    return _FORMATS.get(schema.get("format", ""), FALLBACK)


def _name(schema: Json) -> str | None:
    reference: str = schema.get("$ref", "")
    return reference.removeprefix(_PREFIX) if reference else None


def _nullable(schema: Json) -> bool:
    return any(part.get("type") == "null" for part in schema.get("anyOf", ()))


def _thing(field: str, owner: str) -> str:
    """`measure_id` and the id of a `MeasureOut` are one thing."""
    if field in {"id", "ids"}:
        return owner.removesuffix("Out").lower()
    for suffix in _SUFFIXES:
        field = field.removesuffix(suffix)
    return field


def _fits(word: Any, schema: Json) -> bool:
    """One word may name fields of several types; it is used where it fits."""
    kind = schema.get("type")
    if "const" in schema:
        return bool(word == schema["const"])
    if "enum" in schema:
        return word in schema["enum"]
    kinds = {"string": str, "integer": int, "boolean": bool, "array": list, "object": dict}
    return kind in kinds and type(word) is kinds[kind]
