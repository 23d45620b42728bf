"""Reading what others wrote: a value has one spelling, and every other one is refused.

Of two spellings with one meaning a signature or a hash covers only one.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode

HASH_BYTES = 32
NUMBER_LIMIT = 2**63 - 1
"""Sizes and positions end where signed 64-bit columns do, here and in the Go implementations."""

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")


class Malformed(ValueError):  # noqa: N818 - it says what is wrong with the text
    """Not what the format prescribes; says nothing of whether a well-formed claim is true."""


def parse_number(text: str) -> int:
    """An integer of 0 and more in ASCII digits without leading zeros."""
    if not _DECIMAL.fullmatch(text) or int(text) > NUMBER_LIMIT:
        raise Malformed("not a number")
    return int(text)


def format_bytes(data: bytes) -> str:
    return b64encode(data).decode()


def parse_bytes(text: str) -> bytes:
    """Standard base64 with padding; bits that no byte uses must be zero."""
    try:
        data = b64decode(text, validate=True)
    except ValueError as error:
        raise Malformed("not base64") from error
    if format_bytes(data) != text:
        raise Malformed("not canonical base64")
    return data


def parse_hash(text: str) -> bytes:
    data = parse_bytes(text)
    if len(data) != HASH_BYTES:
        raise Malformed("not a SHA-256 hash")
    return data
