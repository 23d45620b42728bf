"""Dates and instants are written out; what pydantic would guess from a number is refused."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from app.core.fields import Day, Instant

DAY: TypeAdapter[date] = TypeAdapter(Day)
INSTANT: TypeAdapter[datetime] = TypeAdapter(Instant)


NO_DAYS = (0, 0.0, True, 86400, "0", "1700000000", "20260301", "２０２６-03-01", "2026-03-01T00:00:00Z", "")


@pytest.mark.parametrize("value", NO_DAYS)
def test_a_number_is_no_day(value: Any) -> None:
    with pytest.raises(ValidationError) as refused:
        DAY.validate_python(value)
    assert refused.value.errors()[0]["type"] in {"date_type", "date_parsing"}


@pytest.mark.parametrize("value", [0, 1.7e9, True, "1700000000", "2026-03-01", "2026-03-01T08:00:00 Z", ""])
def test_a_number_is_no_instant(value: Any) -> None:
    with pytest.raises(ValidationError) as refused:
        INSTANT.validate_python(value)
    assert refused.value.errors()[0]["type"] in {"datetime_type", "datetime_parsing"}


def test_what_is_written_out_is_read() -> None:
    assert DAY.validate_python("2026-03-01") == DAY.validate_python(date(2026, 3, 1)) == date(2026, 3, 1)
    for text in ("2026-03-01T00:00:00Z", "2026-03-01T08:00:00+08:00", "2026-03-01 08:00:00.000+0800"):
        assert INSTANT.validate_python(text) == datetime(2026, 3, 1, tzinfo=UTC)
