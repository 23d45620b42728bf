"""The value types of every input model: nothing unbounded, nothing a column cannot hold, no secrecy markings."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Annotated, Final

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, WithJsonSchema
from pydantic_core import PydanticKnownError

from app.core import clock
from app.core.errors import Text
from app.core.messages import refusal
from app.core.text import TextRefused, clean, has_secrecy_mark

_REFUSALS: Final = {
    "surrogate": Text("含有无效字符", "Holds an invalid character"),
    "control_character": Text("不得含有控制字符", "Must not hold control characters"),
    "too_short": Text("不得为空", "Must not be empty"),
    "too_long": Text("文字过长", "The text is too long"),
}
SECRECY_MARK: Final = Text(
    "文字带有密级标志，本系统不处理涉密信息", "Carries a secrecy marking; state secrets are refused"
)
_OUT_OF_RANGE: Final = Text("年份应在 1900 年至 2200 年之间", "The year must lie within 1900 and 2200")
_FUTURE: Final = Text("不得晚于今天", "Must not lie in the future")
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_INSTANT: Final = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?([Zz]|[+-]\d{2}:?\d{2})?", re.ASCII)
EARLIEST: Final = date(1900, 1, 1)
LATEST: Final = date(2200, 12, 31)


def prose(max_length: int, *, min_length: int = 1, lines: bool = False) -> Callable[[str], str]:
    """A validator for text people write: cleaned, bounded after cleaning, free of secrecy markings."""

    def check(value: str) -> str:
        try:
            cleaned = clean(value, max_length=max_length, min_length=min_length, lines=lines)
        except TextRefused as refused:
            raise refusal(refused.code, _REFUSALS[refused.code]) from None
        if has_secrecy_mark(cleaned):
            raise refusal("classified_text", SECRECY_MARK)
        return cleaned

    return check


def _written_day(value: object) -> object:
    """Numbers are no dates: pydantic would count seconds from 1970, and a deadline of 0 would be long past."""
    if isinstance(value, date) or (isinstance(value, str) and _DAY.fullmatch(value.strip())):
        return value
    raise PydanticKnownError("date_type" if not isinstance(value, str) else "date_parsing", {"error": ""})


def _written_instant(value: object) -> object:
    """As `_written_day`."""
    if isinstance(value, datetime) or (isinstance(value, str) and _INSTANT.fullmatch(value.strip())):
        return value
    raise PydanticKnownError("datetime_type" if not isinstance(value, str) else "datetime_parsing", {"error": ""})


def _bounded_day(value: date) -> date:
    if not EARLIEST <= value <= LATEST:
        raise refusal("date_out_of_range", _OUT_OF_RANGE)
    return value


def _not_in_the_future(value: date) -> date:
    if value > clock.today():
        raise refusal("date_in_the_future", _FUTURE)
    return value


def _bounded_instant(value: datetime) -> datetime:
    try:
        moment = value.astimezone(UTC)
    except OverflowError:
        moment = None
    if moment is None or not EARLIEST <= moment.date() <= LATEST:
        raise refusal("date_out_of_range", _OUT_OF_RANGE)
    return moment


Line = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(prose(200))]
Title = Annotated[str, Field(min_length=1, max_length=300), AfterValidator(prose(300))]
LongText = Annotated[str, Field(min_length=1, max_length=10_000), AfterValidator(prose(10_000, lines=True))]
Username = Annotated[str, Field(min_length=2, max_length=64, pattern=r"^[a-z0-9][a-z0-9._@-]*$")]
Code = Annotated[str, Field(max_length=64, pattern=r"^[a-z][a-z0-9_]*$")]
Instant = Annotated[
    AwareDatetime,
    BeforeValidator(_written_instant),
    AfterValidator(_bounded_instant),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Day = Annotated[date, BeforeValidator(_written_day), AfterValidator(_bounded_day)]
PastDay = Annotated[Day, AfterValidator(_not_in_the_future)]
SmallInt = Annotated[int, Field(ge=0, le=32_767)]
