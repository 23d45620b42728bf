"""What would break a client: the incompatible differences between two descriptions of the API.

Every difference has an id that stays the same however often it is looked for, so that a deliberate one can be listed in
`openapi/CHANGES.md`. Differences inside a class are told once, under its name, whatever operations use it. A request
may not ask for more than before, an answer may not hold less or other than before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from app.core.openapi_change_schemas import Comparison

Json = Mapping[str, Any]

_METHODS: Final = ("get", "put", "post", "delete", "patch", "head", "options", "trace")
_LISTED: Final = re.compile(r"^- `([a-z-]+ [^`]+)`", re.MULTILINE)
_HEADING: Final = re.compile(r"^## \[?([^\]\s]+)", re.MULTILINE)


class Verdict(NamedTuple):
    """What of the differences nobody listed, and what is listed and is no difference."""

    unlisted: tuple[str, ...]
    stale: tuple[str, ...]


def incompatible(old: Json, new: Json) -> list[str]:
    """The ids of everything a client of `old` may stumble over in `new`, sorted."""
    return sorted(set(_Documents(old, new).differences()))


def listed(text: str, released: str) -> frozenset[str]:
    """The ids named under the headings above that of the released version; what precedes them all explains the file."""
    headings = [(found[1], found.start()) for found in _HEADING.finditer(text)]
    begin = min((start for _, start in headings), default=len(text))
    end = next((start for version, start in headings if version == released), len(text))
    return frozenset(_LISTED.findall(text[begin:end]))


def judge(old: Json, new: Json, changes: str) -> Verdict:
    """Compares, and holds the outcome against the list of changes since `old` was released."""
    found = set(incompatible(old, new))
    named = listed(changes, str(old["info"]["version"]))
    return Verdict(tuple(sorted(found - named)), tuple(sorted(named - found)))


class _Documents:
    def __init__(self, old: Json, new: Json) -> None:
        self.old = old
        self.new = new
        self.schemas = Comparison(old, new)

    def differences(self) -> Iterator[str]:
        kept = {server["url"] for server in self.new.get("servers", ())}
        yield from (f"server-removed {s['url']}" for s in self.old.get("servers", ()) if s["url"] not in kept)
        for path, entry in self.old.get("paths", {}).items():
            for method in _METHODS:
                if method in entry:
                    place = f"{method.upper()} {path}"
                    after = self.new.get("paths", {}).get(path, {}).get(method)
                    if after is None:
                        yield f"operation-removed {place}"
                    else:
                        yield from self._operation(place, entry[method], after)
        for name, entry in self.old.get("webhooks", {}).items():
            after = self.new.get("webhooks", {}).get(name)
            if after is None:
                yield f"webhook-removed {name}"
            else:
                yield from self._call(f"WEBHOOK {name}", entry["post"], after["post"])
        yield from self.schemas.found

    def _call(self, place: str, old: Json, new: Json) -> Iterator[str]:
        """What we send is to its receiver what an answer is to a client: it may not hold less or other than before."""
        kept = self._declared(self.new, new)
        yield from (f"header-removed {place} {name}" for name in self._declared(self.old, old) if name not in kept)
        for kind, media in old["requestBody"]["content"].items():
            after = new["requestBody"]["content"].get(kind)
            if after is None:
                yield f"media-type-removed {place} {kind}"
            else:
                self.schemas.answer(place, media["schema"], after["schema"])

    def _operation(self, place: str, old: Json, new: Json) -> Iterator[str]:
        if old.get("operationId") != new.get("operationId"):
            yield f"operation-id-changed {place}"
        yield from self._security(place, old, new)
        yield from self._parameters(place, old, new)
        yield from self._body(place, old.get("requestBody"), new.get("requestBody"))
        for status, answer in old.get("responses", {}).items():
            after = new.get("responses", {}).get(status)
            if after is not None:
                yield from self._answer(f"{place} {status}", self._at(self.old, answer), self._at(self.new, after))
            elif status[0] in "23":
                yield f"status-removed {place} {status}"

    def _security(self, place: str, old: Json, new: Json) -> Iterator[str]:
        """Whatever let a client in before must do so again: one way of the new ones may ask for no more."""
        before = [self._way(self.old, way) for way in old.get("security", self.old.get("security", [])) or [{}]]
        after = [self._way(self.new, way) for way in new.get("security", self.new.get("security", [])) or [{}]]
        if not all(any(way <= known for way in after) for known in before):
            yield f"security-tightened {place}"

    @staticmethod
    def _way(document: Json, way: Json) -> set[str]:
        """The schemes of one alternative with their kind and scopes; a scheme is what it does and not its name."""
        schemes = document.get("components", {}).get("securitySchemes", {})
        shown = ("type", "scheme", "in", "name")
        kinds = {name: " ".join(str(schemes.get(name, {}).get(part)) for part in shown) for name in way}
        return {kinds[name] for name in way} | {f"{kinds[name]} {scope}" for name in way for scope in way[name]}

    def _parameters(self, place: str, old: Json, new: Json) -> Iterator[str]:
        before, after = self._declared(self.old, old), self._declared(self.new, new)
        for name, parameter in after.items():
            if name not in before and parameter.get("required"):
                yield f"parameter-required {place} {name}"
        for name, parameter in before.items():
            where = f"{place} {name}"
            now = after.get(name)
            if now is None:
                yield f"parameter-removed {where}"
                continue
            if now.get("required") and not parameter.get("required"):
                yield f"parameter-required {where}"
            if any(parameter.get(how) != now.get(how) for how in ("style", "explode")):
                yield f"parameter-style-changed {where}"
            self.schemas.request(where, parameter.get("schema", {}), now.get("schema", {}))

    def _declared(self, document: Json, operation: Json) -> dict[str, Json]:
        found = (self._at(document, parameter) for parameter in operation.get("parameters", ()))
        return {f"{parameter['in']}.{parameter['name']}": parameter for parameter in found}

    def _body(self, place: str, old: Json | None, new: Json | None) -> Iterator[str]:
        required = bool(new and new.get("required"))
        if old is None:
            yield from [f"body-required {place}"] * required
            return
        if new is None:
            yield f"body-removed {place}"
            return
        if required and not old.get("required"):
            yield f"body-required {place}"
        for kind, media in old.get("content", {}).items():
            after = new.get("content", {}).get(kind)
            if after is None:
                yield f"media-type-removed {place} {kind}"
            else:
                self.schemas.request(f"{place} body", media.get("schema", {}), after.get("schema", {}))

    def _answer(self, where: str, old: Json, new: Json) -> Iterator[str]:
        for name in old.get("headers", {}):
            if name not in new.get("headers", {}):
                yield f"header-removed {where} {name}"
        for kind, media in old.get("content", {}).items():
            after = new.get("content", {}).get(kind)
            if after is None:
                yield f"media-type-removed {where} {kind}"
            else:
                self.schemas.answer(where, media.get("schema", {}), after.get("schema", {}))

    @staticmethod
    def _at(document: Json, part: Json) -> Json:
        """What a reference to a component stands for."""
        if "$ref" not in part:
            return part
        kind, name = part["$ref"].split("/")[-2:]
        found: Json = document["components"][kind][name]
        return found
