"""The item's number, the thread through every document about it: one template per ledger."""

import re
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from string import Formatter
from typing import Literal, NamedTuple, cast

from app.core.clock import beijing_date
from app.core.errors import Text

MAX_LENGTH = 64
DEFAULT_TEMPLATE = "{prefix}-{year}-{serial:04}"

_FIELDS = frozenset({"prefix", "source", "year", "serial"})
_LARGEST_SERIAL = 9_999_999
_WIDTH = re.compile(r"(0[1-9])?")
_LITERAL = re.compile(r"[^\W_]|[-_.()〔〕［］（）【】#·]")

Field = Literal["prefix", "source", "year", "serial"]


class TemplateRefused(ValueError):  # noqa: N818 - says what happened to the template
    """A template that could not give every item of the ledger a number of its own."""

    def __init__(self, code: str, text: Text) -> None:
        super().__init__(text.en)
        self.code = code
        self.text = text


class _Part(NamedTuple):
    literal: str
    field: Field | None
    width: str


def year_of(registered_at: datetime) -> int:
    """The year a number belongs to: by Beijing time, so 16:00 UTC on 31 December is already next year."""
    return beijing_date(registered_at).year


def validate_template(template: str, prefix: str, longest_source: str) -> None:
    """Refuses a template before any number is issued from it; raises TemplateRefused.

    The longest source code in use and a seven-digit serial decide whether the result stays within 64 characters.
    """
    parts = tuple(_parts(template))
    fields = [part.field for part in parts if part.field]
    for needed, code, text in (
        ("serial", "numbering.no_serial", Text("编号模板必须含 {serial}", "the template needs {serial}")),
        (
            "year",
            "numbering.no_year",
            Text("流水号按年重计，编号模板必须含 {year}", "serials restart, so {year} is needed"),
        ),
    ):
        if needed not in fields:
            raise TemplateRefused(code, text)
    for before, after in pairwise(parts):
        if not after.literal and {before.field, after.field} == {"serial", "source"}:
            text = Text("{serial} 与 {source} 之间须有分隔", "{serial} and {source} need something between them")
            raise TemplateRefused("numbering.ambiguous", text)
    if not all(map(_LITERAL.fullmatch, prefix + longest_source)):
        raise _bad_character()
    if len(_fill(parts, {"prefix": prefix, "source": longest_source}, 9999, _LARGEST_SERIAL)) > MAX_LENGTH:
        raise TemplateRefused(
            "numbering.too_long",
            Text(f"编号可能超过 {MAX_LENGTH} 个字符", f"numbers may exceed {MAX_LENGTH} characters"),
        )


def render(template: str, prefix: str, source_code: str, year: int, serial: int) -> str:
    """The number itself; serials wider than the template's padding are never cut."""
    if serial < 1:
        raise ValueError("serials start at 1")
    return _fill(_parts(template), {"prefix": prefix, "source": source_code}, year, serial)


def _fill(parts: Iterator[_Part] | tuple[_Part, ...], names: dict[str, str], year: int, serial: int) -> str:
    pieces = []
    for part in parts:
        pieces.append(part.literal)
        if part.field == "serial":
            pieces.append(format(serial, part.width))
        elif part.field == "year":
            pieces.append(f"{year:04}")
        elif part.field:
            pieces.append(names[part.field])
    return "".join(pieces)


def _parts(template: str) -> Iterator[_Part]:
    try:
        parsed = list(Formatter().parse(template))
    except ValueError:
        raise TemplateRefused(
            "numbering.malformed", Text("编号模板的花括号不成对", "the braces of the template do not match")
        ) from None
    for literal, name, spec, conversion in parsed:
        if not all(map(_LITERAL.fullmatch, literal)):
            raise _bad_character()
        if name is None:
            yield _Part(literal, None, "")
            continue
        if name not in _FIELDS or conversion is not None:
            raise TemplateRefused(
                "numbering.unknown_field",
                Text(
                    "编号模板只可用 {prefix} {source} {year} {serial}",
                    "only {prefix} {source} {year} {serial} are known",
                ),
            )
        width = spec or ""
        if _WIDTH.fullmatch(width) is None or (width and name != "serial"):
            raise TemplateRefused(
                "numbering.bad_width", Text("位数写作 {serial:04}，1 至 9 位", "a width is written {serial:04}, 1 to 9")
            )
        yield _Part(literal, cast("Field", name), width)


def _bad_character() -> TemplateRefused:
    # A slash belongs to the cycle shown behind the number; blanks and quotes break links and spreadsheets.
    text = Text("编号只可用文字、数字、连字符、点和括号", "only letters, digits, hyphens, dots and brackets")
    return TemplateRefused("numbering.bad_character", text)
