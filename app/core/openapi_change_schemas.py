"""Where a schema of a request accepts less than before, and one of an answer promises less."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, Literal

Json = Mapping[str, Any]
Side = Literal["request", "answer"]

_PREFIX: Final = "#/components/schemas/"
_UNIONS: Final = ("oneOf", "anyOf")
_LOWER: Final = ("minLength", "minItems", "minProperties", "minimum", "exclusiveMinimum")
_UPPER: Final = ("maxLength", "maxItems", "maxProperties", "maximum", "exclusiveMaximum")
_UNBOUNDED: Final = float("inf")
_RESTRICTING: Final = ("pattern", "multipleOf", "uniqueItems", "propertyNames")
_ABSENT: Final = object()


class Comparison:
    """Collects ids in `found`; a pair of classes is compared once a side, and named after what it was called before."""

    def __init__(self, old: Json, new: Json) -> None:
        self.found: list[str] = []
        self._old: Json = old.get("components", {}).get("schemas", {})
        self._new: Json = new.get("components", {}).get("schemas", {})
        self._seen: set[tuple[str, str, Side]] = set()

    def request(self, where: str, old: Json, new: Json) -> None:
        self._pair(where, old, new, "request")

    def answer(self, where: str, old: Json, new: Json) -> None:
        self._pair(where, old, new, "answer")

    def _tell(self, rule: str, side: Side, where: str) -> None:
        self.found.append(f"{side}-{rule} {where}")

    def _pair(self, where: str, old: Json, new: Json, side: Side) -> None:
        before, after = _Whole(old, self._old), _Whole(new, self._new)
        given, taken = (before, after) if side == "request" else (after, before)
        if given.nullable and not taken.nullable:
            self._tell("null-changed", side, where)
        if side == "request" and old.get("default", _ABSENT) != new.get("default", _ABSENT):
            self._tell("default-changed", side, where)
        if before.name and after.name:
            if (before.name, after.name, side) in self._seen:
                return
            self._seen.add((before.name, after.name, side))
            if before.name != after.name:
                self._tell("class-renamed", side, f"{before.name} {after.name}")
            where = before.name
        self._types(where, before, after, side)
        if before.union or after.union:
            self._variants(where, before, after, side)
            return
        self._values(where, before, after, side)
        self._members(where, before.schema, after.schema, side)
        if side == "request":
            self._bounds(where, before.schema, after.schema)

    def _types(self, where: str, old: _Whole, new: _Whole, side: Side) -> None:
        given, taken = (old.types, new.types) if side == "request" else (new.types, old.types)
        if "number" in taken:
            taken = taken | {"integer"}
        if taken and not (given and given <= taken):
            self._tell("type-changed", side, where)
        if old.schema.get("format") != new.schema.get("format"):
            self._tell("format-changed", side, where)

    def _values(self, where: str, old: _Whole, new: _Whole, side: Side) -> None:
        """A sender's value must stay known; a reader must not meet one never heard of, unless more were announced."""
        given, known = (old.values, new.values) if side == "request" else (new.values, old.values)
        if known is None or (side == "answer" and old.extensible):
            return
        if given is None:
            self._tell("values-changed", side, where)
            return
        for value in sorted(given - known):
            self._tell("value-removed" if side == "request" else "value-added", side, f"{where} {value}")

    def _variants(self, where: str, old: _Whole, new: _Whole, side: Side) -> None:
        if old.union and new.union and old.tag != new.tag:
            self._tell("discriminator-changed", side, where)
        before, after = old.variants, new.variants
        for name in sorted(before.keys() & after.keys()):
            self._pair(f"{where}|{name}", before[name], after[name], side)
        missing, rule = (before.keys() - after.keys(), "variant-removed")
        if side == "answer":
            missing, rule = after.keys() - before.keys(), "variant-added"
        for name in sorted(missing):
            self._tell(rule, side, f"{where} {name}")

    def _members(self, where: str, old: Json, new: Json, side: Side) -> None:
        before, after = old.get("properties", {}), new.get("properties", {})
        for name in before:
            if name in after:
                self._pair(f"{where}.{name}", before[name], after[name], side)
            else:
                self._tell("property-removed", side, f"{where}.{name}")
        needed_before, needed_now = set(old.get("required", ())), set(new.get("required", ()))
        if side == "request":
            for name in needed_now - needed_before:
                self._tell("property-required", side, f"{where}.{name}")
        else:
            for name in (needed_before - needed_now) & after.keys():
                self._tell("property-optional", side, f"{where}.{name}")
        if "items" in old or "items" in new:
            self._pair(f"{where}[]", old.get("items", {}), new.get("items", {}), side)
        self._further(where, old, new, side)

    def _further(self, where: str, old: Json, new: Json, side: Side) -> None:
        """Properties nobody named: false is none, a schema is some, absent or true is any."""
        before, after = old.get("additionalProperties", True), new.get("additionalProperties", True)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            self._pair(f"{where}{{}}", before, after, side)
        given, taken = (before, after) if side == "request" else (after, before)
        if _openness(given) > _openness(taken):
            self._tell("further-properties-changed", side, where)
        kept = new.get("patternProperties", {})
        for pattern, part in old.get("patternProperties", {}).items():
            if pattern in kept:
                self._pair(f"{where}{{{pattern}}}", part, kept[pattern], side)
            else:
                self._tell("pattern-removed", side, f"{where} {pattern}")

    def _bounds(self, where: str, old: Json, new: Json) -> None:
        narrowed = [name for name in _LOWER if new.get(name, -_UNBOUNDED) > old.get(name, -_UNBOUNDED)]
        narrowed += [name for name in _UPPER if new.get(name, _UNBOUNDED) < old.get(name, _UNBOUNDED)]
        narrowed += [name for name in _RESTRICTING if new.get(name) and new[name] != old.get(name)]
        for name in narrowed:
            self._tell("narrowed", "request", f"{where} {name}")


class _Whole:
    """A schema with its reference followed, `allOf` put together and null taken out of its variants."""

    def __init__(self, schema: Json, known: Json) -> None:
        self.known = known
        self.name, self.schema = _name(schema), self._merged(schema)
        parts = [part for key in _UNIONS for part in self.schema.get(key, ())]
        kept = [part for part in parts if part.get("type") != "null"]
        self.nullable = len(kept) < len(parts) or "null" in _kinds(self.schema)
        if len(kept) == 1:
            own = {key: part for key, part in self.schema.items() if key not in _UNIONS}
            self.name, self.schema = _name(kept[0]), own | self._merged(kept[0])
        self.union = kept if len(kept) > 1 else []
        self.tag = self.schema.get("discriminator", {}).get("propertyName")

    @property
    def types(self) -> set[str]:
        """Empty where anything goes."""
        if not self.union:
            return _kinds(self.schema) - {"null"}
        found = [_Whole(part, self.known).types for part in self.union]
        return set().union(*found) if all(found) else set()

    @property
    def values(self) -> set[str] | None:
        """The listed values, None where none are."""
        listed = [self.schema["const"]] if "const" in self.schema else self.schema.get("enum")
        listed = listed or self.schema.get("x-extensible-enum")
        return None if listed is None else {_told(value) for value in listed}

    @property
    def extensible(self) -> bool:
        return "x-extensible-enum" in self.schema

    @property
    def variants(self) -> dict[str, Json]:
        """What it may be, by what that is recognised by: its class, else its type."""
        if not self.union:
            return {self.name or _shape(self.schema): self.schema}
        return {_name(part) or _shape(part): part for part in self.union}

    def _merged(self, schema: Json) -> dict[str, Any]:
        name = _name(schema)
        if name is not None:
            return self._merged(self.known[name]) | {key: part for key, part in schema.items() if key != "$ref"}
        whole = {key: part for key, part in schema.items() if key != "allOf"}
        for part in schema.get("allOf", ()):
            added = self._merged(part)
            properties = {**whole.get("properties", {}), **added.get("properties", {})}
            required = [*whole.get("required", ()), *added.get("required", ())]
            whole |= added
            whole |= ({"properties": properties} if properties else {}) | ({"required": required} if required else {})
        return whole


def _openness(further: bool | Json) -> int:  # noqa: FBT001 - as JSON Schema has it
    return 1 if isinstance(further, Mapping) else 2 * further


def _kinds(schema: Json) -> set[str]:
    kinds = schema.get("type", ())
    return {kinds} if isinstance(kinds, str) else set(kinds)


def _shape(schema: Json) -> str:
    kind = schema.get("type", "any")
    parts = [kind if isinstance(kind, str) else "+".join(kind), schema.get("format"), schema.get("const")]
    return " ".join(_told(part) for part in parts if part is not None)


def _told(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _name(schema: Json) -> str | None:
    reference: str = schema.get("$ref", "")
    return reference.removeprefix(_PREFIX) if reference.startswith(_PREFIX) else None
