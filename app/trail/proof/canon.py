"""JSON as the history writes it: one text for one value, read strictly, so that a second spelling is no second truth."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from app.trail.proof.strict import Malformed


def _no_such_number(text: str) -> NoReturn:
    raise Malformed(f"not a number of this format: {text[:40]}")


_decode = json.JSONDecoder(parse_float=_no_such_number, parse_constant=_no_such_number).decode
_encode = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def parse_json(text: bytes | str) -> Any:
    """The value of a text; raises Malformed for what is no JSON, or has numbers that are not integers."""
    try:
        return _decode(text.decode() if isinstance(text, bytes) else text)
    except Malformed:
        raise
    except (ValueError, RecursionError) as error:
        raise Malformed("not JSON") from error


def canonical_json(value: Any) -> str:
    """The one text of a value: sorted keys, no white space, nothing escaped that need not be."""
    return _encode(value)


def is_canonical(text: bytes | str, value: Any) -> bool:
    """Whether a text is the one spelling of the value it was read as."""
    spelled = text.decode() if isinstance(text, bytes) else text
    return _encode(value) == spelled


def parse_canonical(text: bytes) -> Any:
    """As `parse_json`; raises Malformed for another spelling as well."""
    value = parse_json(text)
    if not is_canonical(text, value):
        raise Malformed("not canonical JSON")
    return value
