"""Workbooks as offices keep them, read into rows: merged cells, section lines, two-row headers and all."""

from __future__ import annotations

import calendar
import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

from python_calamine import CalamineWorkbook

from app.core import clock
from app.demo.client import Json

Cell = Any
_FOOT = ("注", "填报人", "填写要求")
_DAY = re.compile(r"(\d{4})[-.年](\d{1,2})[-.月](\d{1,2})")
_MONTH_END = re.compile(r"(\d{4})年(\d{1,2})月底")
_YEAR_END = re.compile(r"(\d{4})年年?底")


@dataclass(frozen=True)
class LedgerRow:
    """One problem of a workbook; texts are verbatim, a blank cell is an empty text."""

    serial: str
    text: str
    unit: str
    helpers: tuple[str, ...] = ()
    deadline: str = ""
    measures: tuple[tuple[str, str], ...] = ()
    source: str = ""
    document_no: str = ""
    goal: str = ""
    found_on: date | None = None
    at_once: bool = False

    @property
    def due_on(self) -> date | None:
        """The day a plain wording names, None for any other."""
        return day_of(self.deadline)


def day_of(text: str) -> date | None:
    if found := _DAY.search(text):
        return date(*(int(part) for part in found.groups()))
    if found := _MONTH_END.search(text):
        year, month = int(found[1]), int(found[2])
        return date(year, month, calendar.monthrange(year, month)[1])
    if found := _YEAR_END.search(text):
        return date(int(found[1]), 12, 31)
    return None


def days_of(text: str) -> list[date]:
    """Every day that a cell with several lines names."""
    return [day for line in text.splitlines() if (day := day_of(line)) is not None]


def words_of(cell: Cell) -> str:
    """The text of a cell; a number without its decimals, a date as a day."""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime):
        return cell.date().isoformat()
    return cell.isoformat() if isinstance(cell, date) else str(cell).strip()


def sheets(path: Path) -> Iterator[tuple[str, list[list[str]]]]:
    book = CalamineWorkbook.from_path(str(path))
    for name in book.sheet_names:
        rows = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
        yield name, [[words_of(cell) for cell in row] for row in rows]


def environment(rows: Sequence[Sequence[str]]) -> list[LedgerRow]:
    """A problem begins where 序号 is a number; the lines below it without one are further measures."""
    found: list[LedgerRow] = []
    for row in rows:
        if row[0].startswith(_FOOT):
            break
        measure = ((row[5], row[6]),) if row[5] else ()
        if row[0].isdigit():
            units = [unit for unit in (row[8], row[9]) if unit]
            found.append(
                LedgerRow(
                    row[0], row[3], units[0] if units else "", tuple(units[1:]), row[7], measure,
                    source=row[1], document_no=row[2], goal=row[4],
                )
            )  # fmt: skip
        elif not row[0] and found and measure:
            found[-1] = replace(found[-1], measures=(*found[-1].measures, *measure))
    return found


def construction(rows: Sequence[Sequence[str]]) -> list[LedgerRow]:
    """The first of the four unit columns that names a unit leads; a date that slipped into one names nobody."""
    found = []
    for row in rows:
        if not row[0].isdigit():
            continue
        units = [unit for unit in dict.fromkeys(row[11:15]) if unit and day_of(unit) is None]
        measure = ((row[9], row[10]),) if row[9] else ()
        found.append(
            LedgerRow(
                row[0], row[6], units[0], tuple(units[1:]), row[10], measure, source=row[2], found_on=day_of(row[1])
            )
        )
    return found


def coal(rows: Sequence[Sequence[str]]) -> list[LedgerRow]:
    return [
        LedgerRow(
            row[0], row[6], row[9], deadline=row[12], measures=((row[11], ""),), source=row[3],
            found_on=day_of(row[1]),
        )
        for row in rows[1:]
    ]  # fmt: skip


def on_the_spot(path: Path) -> list[LedgerRow]:
    """GB18030 as some systems still write it; handled when found, hence without a deadline of its own."""
    rows = list(csv.reader(path.read_text(encoding="gb18030").splitlines()))
    return [
        LedgerRow(
            row[0], row[6], row[9], deadline="立行立改", measures=((row[10], ""),), source=row[3],
            found_on=day_of(row[1]), at_once=True,
        )
        for row in rows[1:]
    ]  # fmt: skip


def line(cell: str) -> str | None:
    """A cell with line breaks as one line; nothing for a blank one."""
    return " ".join(cell.split()) or None


def deadline_of(row: LedgerRow) -> Json:
    """What a person would confirm the wording to mean; without one, the office sets sixty days and says so."""
    text = line(row.deadline)
    if row.due_on is not None:
        return {"text": text, "kind": "date", "date": row.due_on.isoformat(), "continuing": "长期坚持" in row.deadline}
    if text is not None and "立行立改" in text:
        return {"text": text, "kind": "immediate", "continuing": "长期坚持" in text}
    return {
        "text": f"原件未载明，{clock.today().year}年内六十日办结",
        "kind": "days",
        "days": 60,
        "day_type": "calendar",
    }
