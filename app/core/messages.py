"""What is wrong with a value, in both languages, by pydantic's error type.

Only bounds written in our own models (`min_length`, `ge`, …) appear in a message; nothing the caller sent ever does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from app.core.errors import Fault, Problem, Text

_INVALID: Final = Text("内容不符合要求", "The value is not valid")

_MESSAGES: Final[Mapping[str, Text]] = {
    "missing": Text("必填", "This is required"),
    "extra_forbidden": Text("未定义的字段", "This field is not defined"),
    "string_type": Text("应为字符串", "Must be a string"),
    "string_too_short": Text("至少 {min_length} 个字符", "Must have at least {min_length} characters"),
    "string_too_long": Text("最多 {max_length} 个字符", "Must have at most {max_length} characters"),
    "string_pattern_mismatch": Text("格式不符合要求", "The format is not valid"),
    "string_unicode": Text("应为有效的 Unicode 文字", "Must be valid Unicode text"),
    "too_short": Text("至少 {min_length} 项", "Must have at least {min_length} entries"),
    "too_long": Text("最多 {max_length} 项", "Must have at most {max_length} entries"),
    "int_type": Text("应为整数", "Must be an integer"),
    "int_parsing": Text("应为整数", "Must be an integer"),
    "int_parsing_size": Text("整数超出范围", "The integer is out of range"),
    "int_from_float": Text("应为整数", "Must be an integer"),
    "float_type": Text("应为数字", "Must be a number"),
    "float_parsing": Text("应为数字", "Must be a number"),
    "decimal_type": Text("应为数字", "Must be a number"),
    "decimal_parsing": Text("应为数字", "Must be a number"),
    "decimal_max_digits": Text("数字位数过多", "The number has too many digits"),
    "decimal_max_places": Text("小数位数过多", "The number has too many decimal places"),
    "finite_number": Text("应为有限的数字", "Must be a finite number"),
    "greater_than": Text("应大于 {gt}", "Must be greater than {gt}"),
    "greater_than_equal": Text("应不小于 {ge}", "Must be at least {ge}"),
    "less_than": Text("应小于 {lt}", "Must be less than {lt}"),
    "less_than_equal": Text("应不大于 {le}", "Must be at most {le}"),
    "multiple_of": Text("应为 {multiple_of} 的倍数", "Must be a multiple of {multiple_of}"),
    "bool_type": Text("应为 true 或 false", "Must be true or false"),
    "bool_parsing": Text("应为 true 或 false", "Must be true or false"),
    "enum": Text("应为以下之一：{expected}", "Must be one of: {expected}"),
    "literal_error": Text("应为以下之一：{expected}", "Must be one of: {expected}"),
    "uuid_type": Text("应为 UUID", "Must be a UUID"),
    "uuid_parsing": Text("应为 UUID", "Must be a UUID"),
    "date_type": Text("应为日期，如 2026-03-31", "Must be a date such as 2026-03-31"),
    "date_parsing": Text("应为日期，如 2026-03-31", "Must be a date such as 2026-03-31"),
    "date_from_datetime_parsing": Text("应为日期，如 2026-03-31", "Must be a date such as 2026-03-31"),
    "date_from_datetime_inexact": Text("应为日期，不带时间", "Must be a date without a time"),
    "datetime_type": Text("应为带时区的时刻", "Must be an instant with a time zone"),
    "datetime_parsing": Text("应为带时区的时刻", "Must be an instant with a time zone"),
    "datetime_from_date_parsing": Text("应为带时区的时刻", "Must be an instant with a time zone"),
    "timezone_aware": Text("应写明时区", "The time zone is missing"),
    "list_type": Text("应为数组", "Must be an array"),
    "tuple_type": Text("应为数组", "Must be an array"),
    "set_type": Text("应为数组", "Must be an array"),
    "frozen_set_type": Text("应为数组", "Must be an array"),
    "dict_type": Text("应为对象", "Must be an object"),
    "mapping_type": Text("应为对象", "Must be an object"),
    "model_type": Text("应为对象", "Must be an object"),
    "model_attributes_type": Text("应为对象", "Must be an object"),
    "none_required": Text("应为 null", "Must be null"),
    "url_parsing": Text("应为网址", "Must be a URL"),
    "url_scheme": Text("网址协议不受支持", "The URL scheme is not supported"),
    "url_too_long": Text("网址过长", "The URL is too long"),
    "union_tag_invalid": Text("类别标识应为以下之一：{expected_tags}", "The tag must be one of: {expected_tags}"),
    "union_tag_not_found": Text("缺少类别标识", "The tag that says which kind this is is missing"),
    "unknown_parameter": Text("未定义的查询参数", "This query parameter is not defined"),
    "repeated_parameter": Text("该参数只能出现一次", "This parameter may appear only once"),
}  # fmt: skip

_BOUNDS: Final = frozenset(
    {"min_length", "max_length", "gt", "ge", "lt", "le", "multiple_of", "expected", "expected_tags"}
)
_PARAMETER_PLACES: Final = frozenset({"query", "header", "cookie", "path"})


def refusal(code: str, detail: Text) -> ValueError:
    """For validators: the error they raise so that its code and both wordings reach the caller."""
    return ValueError(Fault(code, detail))


def parameter_fault(code: str, name: str) -> Fault:
    """A fault of one query parameter; its name is the caller's and is made printable."""
    return Fault(code, _MESSAGES[code], parameter=f"query.{_printable(name)}")


def fault_problem(faults: Sequence[Fault]) -> Problem:
    """The 422 whose code is that of its faults when they agree on one the catalogue explains."""
    codes = {fault.code for fault in faults}
    only = codes.pop() if len(codes) == 1 else ""
    return Problem(only if only in {"unknown_parameter", "classified_text"} else "validation_failed", faults=faults)


def validation_problem(errors: Sequence[Mapping[str, Any]], body: object = None) -> Problem:
    """The 422 for pydantic's findings; an unparsable path parameter names nothing that exists, hence 404.

    `body` is what was sent: pydantic puts the tag of a union into the place of an error, and no pointer may name that.
    """
    if any(error["loc"][:1] == ("path",) for error in errors):
        return Problem("not_found")
    return fault_problem([_fault(error, body) for error in errors])


def _without_tags(parts: Sequence[Any], body: object, error_type: str) -> list[Any]:
    """The places that exist in the body; a last one may be what is missing, any other that is absent is a tag."""
    found: list[Any] = []
    here = body
    for position, part in enumerate(parts):
        last = position == len(parts) - 1
        inside = isinstance(here, Mapping) and part in here
        if isinstance(here, Mapping) and not inside and not (last and error_type == "missing"):
            continue
        found.append(part)
        here = here[part] if isinstance(here, Mapping) and inside else _element(here, part)
    return found


def _element(here: object, part: object) -> object:
    return here[part] if isinstance(here, list) and isinstance(part, int) and part < len(here) else None


def _fault(error: Mapping[str, Any], body: object) -> Fault:
    place, *rest = error["loc"] or ("body",)
    code, detail = _code_and_detail(error)
    if place in _PARAMETER_PLACES:
        name = ".".join(str(part) for part in rest[:1])
        if place == "query" and code == "extra_forbidden":
            code, detail = "unknown_parameter", _MESSAGES["unknown_parameter"]
        return Fault(code, detail, parameter=f"{place}.{_printable(name)}")
    pointer = "".join(f"/{_escaped(part)}" for part in _without_tags(rest, body, str(error["type"])))
    return Fault(code, detail, pointer=pointer)


def _code_and_detail(error: Mapping[str, Any]) -> tuple[str, Text]:
    raised = (error.get("ctx") or {}).get("error")
    if isinstance(raised, ValueError) and raised.args and isinstance(raised.args[0], Fault):
        return raised.args[0].code, raised.args[0].detail
    template = _MESSAGES.get(error["type"], _INVALID)
    bounds = {name: value for name, value in (error.get("ctx") or {}).items() if name in _BOUNDS}
    try:
        detail = Text(template.zh.format_map(_chinese(bounds)), template.en.format_map(bounds))
    except KeyError:
        detail = _INVALID
    return str(error["type"]), detail


def _chinese(bounds: Mapping[str, Any]) -> dict[str, Any]:
    """Pydantic lists what it expects in English words."""
    return {
        name: value.replace(", ", "、").replace(" or ", "、") if isinstance(value, str) else value
        for name, value in bounds.items()
    }


def _escaped(part: object) -> str:
    """A reference token of RFC 6901."""
    return _printable(str(part)).replace("~", "~0").replace("/", "~1")


def _printable(name: str) -> str:
    """Names the caller made up may hold anything; only a short, encodable form goes back."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in name[:100])
