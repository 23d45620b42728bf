"""One text for one value, for ever: the bytes that are hashed are the bytes that are stored.

The alphabet is narrower than JSON: keys are ASCII, numbers are integers below 2^53, text has no lone surrogates.
Inside it the standard library's encoder writes exactly what RFC 8785 prescribes, at a tenth of a full one's cost.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from enum import Enum
from typing import TypeAlias
from uuid import UUID

from pydantic import BaseModel

COMMITMENT_TAG = b"rl/field/v1\x00"
SAFE_INTEGER = 2**53 - 1
SALT_BYTES = 32
Json: TypeAlias = "bool | int | str | list[Json] | dict[str, Json] | None"

_encode = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


class Unrecordable(ValueError):  # noqa: N818 - it says what is wrong with the value
    """The value has no single text; a caller's mistake, since every input is checked at the edge."""


def canonical(value: object) -> str:
    """The RFC 8785 text of a value; raises Unrecordable outside the alphabet."""
    _check(value)
    text = _encode(value)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise Unrecordable("text contains a lone surrogate") from error
    return text


def _check(value: object) -> None:
    if type(value) is str or value is None or type(value) is bool:
        return
    if type(value) is int:
        if not -SAFE_INTEGER <= value <= SAFE_INTEGER:
            raise Unrecordable(f"integer beyond 2^53: {value}")
    elif type(value) is dict:
        for name, member in value.items():
            if type(name) is not str or not name.isascii():
                raise Unrecordable(f"key is not ASCII text: {name!r}")
            _check(member)
    elif type(value) is list:
        for member in value:
            _check(member)
    else:
        raise Unrecordable(f"no canonical form for {type(value).__name__}")


def leaf_hash(body: str) -> bytes:
    """SHA-256 of 0x00 and the body: the link of the subject's chain and the leaf of the Merkle tree at once."""
    return hashlib.sha256(b"\x00" + body.encode()).digest()


def commitment(field: str, value: object, salt: bytes) -> str:
    """Hex SHA-256 binding a field to its value without telling it; 32 random bytes of salt stop guessing."""
    return committed(canonical([field, value]), salt)


def committed(pair: str, salt: bytes) -> str:
    """As `commitment`, of the canonical text of [field, value]."""
    return hashlib.sha256(COMMITMENT_TAG + salt + pair.encode()).hexdigest()


def instant(moment: datetime) -> str:
    """RFC 3339 in UTC with six decimals, always 27 characters; raises Unrecordable for a local time."""
    if moment.tzinfo is None:
        raise Unrecordable("an instant needs its time zone")
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:26] + "Z"


def jsonable(value: object) -> Json:
    """Plain JSON for what commands hold; a set is sorted by its text, a decimal or float is refused."""
    match value:
        case Enum():
            return jsonable(value.value)
        case None | str() | int():
            return value
        case datetime():
            return instant(value)
        case date() | UUID():
            return str(value)
        case _:
            return _collection(value)


def _collection(value: object) -> Json:
    match value:
        case BaseModel():
            return jsonable(value.model_dump())
        case Mapping():
            return {name: jsonable(member) for name, member in value.items()}
        case list() | tuple():
            return [jsonable(member) for member in value]
        case set() | frozenset():
            return sorted((jsonable(member) for member in value), key=canonical)
    raise Unrecordable(f"no JSON form for {type(value).__name__}")
