"""What may be said of ledgers and dictionaries without looking anything up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from app.core.errors import Fault, Text
from app.core.fields import SECRECY_MARK
from app.core.form_schema import schema_faults
from app.core.text import has_secrecy_mark
from app.lifecycle.policy import POLICY_DEFAULT, PolicyRules
from app.lifecycle.states import OPEN, State

WITH_OPEN_SUBMISSION: Final = frozenset({State.VERIFYING, State.CLOSING, State.PUBLIC_NOTICE})
"""While an item stands here its submission is being judged, by the policy version it pinned."""

TOUCHED_BY_POLICY: Final = OPEN - WITH_OPEN_SUBMISSION


def first_rules(code: str, given: PolicyRules | None) -> PolicyRules:
    """The policy a ledger starts with: numbers of different ledgers should look different."""
    return POLICY_DEFAULT.model_copy(update={"number_prefix": code}) if given is None else given


def changed_rules(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Names of the rules whose values differ, in the order of the policy."""
    return [name for name, value in after.items() if before.get(name) != value]


def _texts(value: Any) -> Iterator[str]:
    """Every text a form shows: names, titles, hints, choices."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield name
            yield from _texts(inner)
    elif isinstance(value, Sequence):
        for inner in value:
            yield from _texts(inner)


def source_type_faults(json_schema: Mapping[str, Any], sealed: Sequence[str]) -> list[Fault]:
    """Why a source type cannot be used: its schema is no form, or it seals what the form does not have."""
    if any(has_secrecy_mark(text) for text in _texts(json_schema)):
        return [Fault("classified_text", SECRECY_MARK, "/json_schema")]
    faults = schema_faults(json_schema, "/json_schema")
    if faults:
        return faults
    unknown = [index for index, name in enumerate(sealed) if name not in json_schema.get("properties", {})]
    text = Text("加密字段不在补充字段之列", "A sealed field must be one of the extra fields")
    return [Fault("unknown_field", text, f"/sealed/{index}") for index in unknown]
