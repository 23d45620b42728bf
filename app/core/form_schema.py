"""Extra fields as a JSON Schema (2020-12) that is also a form: flat, bounded, and without anything a form cannot draw.

Nesting, references and patterns are left out on purpose: no form generator draws the first two, and a pattern can be
written so that checking it takes for ever. Fractions are refused because history holds integers only.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import SchemaError, ValidationError
from pydantic import Field, StrictBool, StrictInt, WithJsonSchema

from app.core.errors import Fault, Text
from app.core.fields import Code, LongText, Title

MAX_FIELDS: Final = 60
MAX_BYTES: Final = 32 * 1024
MAX_TEXT: Final = 10_000
MAX_LIST: Final = 100
_SAFE_INTEGER: Final = 2**53 - 1
_TOP: Final = frozenset({"$schema", "type", "title", "description", "properties", "required", "additionalProperties"})
_COMMON: Final = frozenset({"type", "title", "x-title-en", "description"})
_ALLOWED: Final = {
    "string": _COMMON | {"enum", "x-enum-titles", "minLength", "maxLength", "format"},
    "integer": _COMMON | {"minimum", "maximum"},
    "boolean": _COMMON,
    "array": _COMMON | {"items", "minItems", "maxItems", "uniqueItems"},
}
_FORMATS: Final = FormatChecker(formats=("date",))

FormInteger = Annotated[StrictInt, Field(ge=-_SAFE_INTEGER, le=_SAFE_INTEGER)]
FormValue = StrictBool | FormInteger | LongText | Annotated[list[FormInteger | Title], Field(max_length=MAX_LIST)]
# No generator of clients writes a type for a boolean, an integer, a text or a list; it is told, and checked here.
_TOLD: Final = WithJsonSchema(
    {
        "description": "true/false、整数、文字，或整数与文字的列表 · A boolean, an integer, a text, or a list of the last two"
    }
)
FormContent = Annotated[dict[Code, Annotated[FormValue, _TOLD]], Field(max_length=MAX_FIELDS)]
"""The type of such content in an input model; whether it fits its schema is `content_faults`."""


def schema_faults(schema: Mapping[str, Any], pointer: str) -> list[Fault]:
    """Everything that keeps a schema from being a form; `pointer` is where the schema stands in the request."""
    if len(json.dumps(schema)) > MAX_BYTES:
        return [_fault("schema_too_large", pointer, "结构描述不得超过 32 KB", "The schema may take 32 KB at most")]
    if _holds_fraction(schema):
        return [_fault("fraction", pointer, "结构描述中只能使用整数", "Numbers in the schema must be integers")]
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        where = "".join(f"/{part}" for part in error.absolute_path)
        return [_fault("not_a_schema", pointer + where, "不是合法的 JSON Schema", "This is not valid JSON Schema")]
    return list(_form_faults(schema, pointer))


def content_faults(schema: Mapping[str, Any], content: Mapping[str, Any], pointer: str) -> list[Fault]:
    """Where content does not fit a schema that passed `schema_faults`; the message never repeats the content."""
    validator = Draft202012Validator(schema, format_checker=_FORMATS)
    return [_content_fault(error, pointer) for error in sorted(validator.iter_errors(content), key=_place)]


def _form_faults(schema: Mapping[str, Any], pointer: str) -> Iterator[Fault]:
    for name in sorted(set(schema) - _TOP):
        yield _fault("keyword_not_allowed", f"{pointer}/{name}", "不支持该关键字", "This keyword is not supported")
    properties = schema.get("properties", {})
    if schema.get("type") != "object" or schema.get("additionalProperties") is not False:
        yield _fault(
            "not_a_form",
            pointer,
            "顶层须为 type: object 且 additionalProperties: false",
            "The top must be type: object with additionalProperties: false",
        )
    if len(properties) > MAX_FIELDS:
        zh, en = f"最多 {MAX_FIELDS} 个字段", f"At most {MAX_FIELDS} fields"
        yield _fault("too_many_fields", f"{pointer}/properties", zh, en)
    for name in schema.get("required", ()):
        if name not in properties:
            yield _fault(
                "unknown_field", f"{pointer}/required", "必填项不在字段之列", "A required field is not defined"
            )
    for name, field in properties.items():
        yield from _field_faults(name, field, f"{pointer}/properties/{name}")


def _field_faults(name: str, field: Any, pointer: str) -> Iterator[Fault]:
    allowed = _ALLOWED.get(str(field.get("type"))) if isinstance(field, Mapping) else None
    if allowed is None:
        yield _fault(
            "field_type",
            pointer,
            "字段类型须为 string、integer、boolean 或 array",
            "A field is a string, an integer, a boolean or an array",
        )
        return
    if not (name.isascii() and name.isidentifier() and name == name.lower()):
        yield _fault("field_name", pointer, "字段名须为小写英文、数字和下划线", "Names are lower_snake_case")
    for keyword in sorted(set(field) - allowed):
        yield _fault("keyword_not_allowed", f"{pointer}/{keyword}", "不支持该关键字", "This keyword is not supported")
    if not isinstance(field.get("title"), str):
        yield _fault("title_missing", f"{pointer}/title", "字段须有中文名称", "A field needs a title")
    yield from _bound_faults(field, pointer)


def _bound_faults(field: Mapping[str, Any], pointer: str) -> Iterator[Fault]:
    if field["type"] == "string":
        listed = all(isinstance(value, str) for value in field.get("enum", ()))
        bounded = "enum" in field or field.get("format") == "date" or field.get("maxLength", MAX_TEXT + 1) <= MAX_TEXT
        if not (listed and bounded) or field.get("format", "date") != "date":
            yield _fault(
                "unbounded_text",
                pointer,
                "文本须有 enum、format: date 或不超过 10000 的 maxLength",
                "Text needs enum, format: date, or maxLength up to 10000",
            )
    if field["type"] == "array":
        items = field.get("items")
        single = isinstance(items, Mapping) and items.get("type") in {"string", "integer"}
        simple = isinstance(items, Mapping) and not set(items) - {"type", "enum"}
        if not (single and simple and field.get("maxItems", MAX_LIST + 1) <= MAX_LIST):
            yield _fault(
                "unbounded_list",
                pointer,
                "数组须由 string 或 integer 组成，并有不超过 100 的 maxItems",
                "A list holds strings or integers, with maxItems up to 100",
            )


def _content_fault(error: ValidationError, pointer: str) -> Fault:
    where = "".join(f"/{part}" for part in error.absolute_path)
    rule = f"source_fields.{error.validator}"
    return Fault(
        "field_invalid",
        Text("不符合该来源的字段要求", "Does not fit the fields of this source"),
        pointer + where,
        rule=rule,
    )


def _holds_fraction(value: object) -> bool:
    if isinstance(value, Mapping):
        return any(_holds_fraction(part) for part in value.values())
    if isinstance(value, list):
        return any(_holds_fraction(part) for part in value)
    return isinstance(value, float)


def _place(error: ValidationError) -> str:
    return "/".join(map(str, error.absolute_path))


def _fault(code: str, pointer: str, zh: str, en: str) -> Fault:
    return Fault(code, Text(zh, en), pointer)
