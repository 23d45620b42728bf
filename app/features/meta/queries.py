"""The parts of the vocabulary that an office keeps in its own database."""

from __future__ import annotations

from typing import Final

from app.core import clock
from app.core.db import Reader
from app.features.meta import schemas

_YEARS_AHEAD: Final = 2
_SOURCE_FORMS: Final = """
SELECT * FROM (
  SELECT DISTINCT ON (code) code, schema_version, name_zh, name_en, external, required, sealed, json_schema, active
  FROM source_type ORDER BY code, schema_version DESC
) newest WHERE active ORDER BY code
"""
_YEARS: Final = "SELECT year, source, data_version, loaded_at FROM calendar_year ORDER BY year"
_DAYS: Final = """
SELECT "on", kind, name_zh FROM calendar_day
WHERE "on" BETWEEN make_date($1, 1, 1) AND make_date($1, 12, 31) ORDER BY "on"
"""


async def source_forms(reader: Reader) -> schemas.SourceForms:
    """Every source type in use, by code."""
    rows = await reader.fetch(_SOURCE_FORMS)
    return schemas.SourceForms(source_types=[schemas.SourceForm.model_validate(dict(row)) for row in rows])


async def calendars(reader: Reader, year: int | None) -> schemas.Calendars:
    """The days of a year (this one unless named), and which near years cannot be counted in."""
    this_year = clock.today().year
    asked = this_year if year is None else year
    loaded = [schemas.CalendarYearOut.model_validate(dict(row)) for row in await reader.fetch(_YEARS)]
    days = [schemas.CalendarDayOut.model_validate(dict(row)) for row in await reader.fetch(_DAYS, asked)]
    near = {asked, *range(this_year, this_year + _YEARS_AHEAD + 1)}
    return schemas.Calendars(
        year=asked,
        days=days,
        years=loaded,
        calendar_uncertain=sorted(near - {entry.year for entry in loaded}),
    )
