"""Other values a column might as well hold: what a forger would write, never what the database would refuse."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from app.core.ids import uuid7

FAR = 9999


def another(rng: random.Random, value: Any, others: Sequence[Any], *, nullable: bool) -> Any:
    """A plausible value that is not `value`; `others` are those of the same column in other rows."""
    if nullable and value is not None and rng.random() < 0.15:
        return None
    different = [one for one in others if one is not None and one != value]
    if different and (value is None or rng.random() < 0.5):
        return rng.choice(different)
    return value if value is None else altered(rng, value)


def altered(rng: random.Random, value: Any) -> Any:
    """A value a little off."""
    match value:
        case bool():
            return not value
        case int():
            return value + rng.choice((-1, 1, 7))
        case bytes():
            return _flipped(rng, value)
        case date():  # an instant too
            step = timedelta(days=rng.choice((-1, 1, 30)))
            return value if value.year in {1, FAR} else value + (step / 86_400 if isinstance(value, datetime) else step)
        case UUID():
            return uuid7()
    return _CHANGED[type(value)](rng, value)


def _flipped(rng: random.Random, value: bytes) -> bytes:
    if not value:
        return bytes(32)
    at = rng.randrange(len(value))
    return value[:at] + bytes([value[at] ^ 1 << rng.randrange(8)]) + value[at + 1 :]


def _edited(rng: random.Random, value: str) -> str:
    """One character another one, of its own kind, so that what was a digit, a letter or a word stays one."""
    if not value:
        return "一"
    at = rng.randrange(len(value))
    kinds = ("0123456789", "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "整改落实核查问题")
    kind = next((kind for kind in kinds if value[at] in kind), kinds[3])
    return value[:at] + rng.choice([one for one in kind if one != value[at]]) + value[at + 1 :]


def _listed(rng: random.Random, value: list[Any]) -> list[Any]:
    if not value:
        return value
    at = rng.randrange(len(value))
    return rng.choice((value[:at] + value[at + 1 :], [*value[:at], altered(rng, value[at]), *value[at + 1 :]]))


def _member(rng: random.Random, value: dict[str, Any]) -> dict[str, Any]:
    if not value:
        return value
    name = rng.choice(sorted(value))
    without = {key: member for key, member in value.items() if key != name}
    if value[name] is None or rng.random() < 0.3:
        return without
    return {**value, name: altered(rng, value[name])}


_CHANGED: dict[type, Callable[[random.Random, Any], Any]] = {
    str: _edited,
    list: _listed,
    dict: _member,
    type(None): lambda *_: 1,
}


def retold(rng: random.Random, text: str) -> str:
    """Canonical JSON of another value, for columns that hold such a text."""
    value = json.loads(text)
    made = _listed(rng, value) if isinstance(value, list) else value if value is None else altered(rng, value)
    return json.dumps(made, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
