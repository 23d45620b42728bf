"""A moment of the past that can be asked for: far enough back that no write can still be on its way to it."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from pydantic import BeforeValidator

from app.core import clock
from app.core.db import WRITE_SECONDS
from app.core.errors import Problem, Text
from app.core.fields import Instant
from app.core.messages import refusal

AGE: Final = timedelta(seconds=2 * WRITE_SECONDS)
_RFC_3339: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII | re.IGNORECASE)
_FORMAT: Final = Text(
    "应为带时区偏移的 RFC 3339 时间；网址中的 + 写作 %2B",
    "Must be an RFC 3339 instant with its offset; a + in an address is written %2B",
)


def _rfc_3339(value: Any) -> Any:
    """A number would be read as seconds, and a + that was not escaped arrives as a space."""
    if isinstance(value, str) and _RFC_3339.fullmatch(value) is None:
        raise refusal("instant_invalid", _FORMAT)
    return value


AsOf = Annotated[Instant, BeforeValidator(_rfc_3339)]
AS_OF: Final = "截至时点：按当时的情形答复，至少在 10 秒以前 · As it was at this instant, at least 10 seconds back"


def require_settled(as_of: datetime, db_now: datetime) -> None:
    """Raises as_of_too_recent; the database's clock decides, because it is the one that dates every write."""
    if as_of > clock.shifted(db_now) - AGE:
        raise Problem("as_of_too_recent")
