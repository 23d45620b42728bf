"""JSON read strictly: what two parsers could understand differently, or no database column can hold, is refused."""

from __future__ import annotations

import json
import re
from typing import Any, Final, NoReturn

from app.core.errors import Problem, Text

MAX_DEPTH: Final = 32
_NUL: Final = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")

_ENCODING: Final = Text("正文不是有效的 UTF-8 文字。", "The body is not valid UTF-8 text.")
_SYNTAX: Final = Text("正文不符合 JSON 语法。", "The body does not follow the JSON syntax.")
_NUMBER: Final = Text("正文含有 NaN、无穷大或超出范围的数字。", "Holds NaN, infinity or a number out of range.")
_REPEATED: Final = Text("同一对象中有重复的键。", "An object repeats a key.")
_DEEP: Final = Text(f"嵌套超过 {MAX_DEPTH} 层。", f"Nesting goes beyond {MAX_DEPTH} levels.")
_CHARACTER: Final = Text("正文含有 NUL 字符或孤立代理项。", "The body holds a NUL character or a lone surrogate.")


def parse(body: bytes) -> tuple[Any, bytes]:
    """The value and its canonical bytes (sorted keys, no spaces), which identify a retried request.

    Raises malformed_json (400).
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise _malformed(_ENCODING) from None
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except RecursionError:
        raise _malformed(_DEEP) from None
    except ValueError:
        raise _malformed(_SYNTAX) from None
    if text.count("[") + text.count("{") > MAX_DEPTH and _depth_exceeded(value):
        raise _malformed(_DEEP)
    return value, _canonical(value)


def _canonical(value: Any) -> bytes:
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
    except ValueError:
        raise _malformed(_NUMBER) from None
    if "\\u0000" in text and _NUL.search(text):
        raise _malformed(_CHARACTER)
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError:
        raise _malformed(_CHARACTER) from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _malformed(_REPEATED)
    return members


def _no_constant(_name: str) -> NoReturn:
    raise _malformed(_NUMBER)


def _depth_exceeded(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for node in level
            if isinstance(node, (dict, list))
            for child in (node.values() if isinstance(node, dict) else node)
        ]
        if not level:
            return False
    return any(isinstance(node, (dict, list)) for node in level)


def _malformed(detail: Text) -> Problem:
    return Problem("malformed_json", detail)
