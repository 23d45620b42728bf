"""What a generated front end needs to draw itself: codes with their labels, the life cycle, forms, calendars."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import Field

from app.core.enums import LabelledEnum
from app.core.fields import Instant
from app.core.models import Out
from app.lifecycle.states import Phase, State


class Over(LabelledEnum):
    """Over which unit of an item a role is held."""

    LEDGER_UNIT = "ledger_unit", "台账所属单位", "The unit of the ledger"
    LEAD_UNIT = "lead_unit", "牵头单位", "The lead unit"
    FINDER_UNIT = "finder_unit", "提出单位", "The unit that found it"


class DayKind(LabelledEnum):
    """How a day differs from the ordinary week."""

    HOLIDAY = "holiday", "放假", "A holiday"
    WORKDAY = "workday", "上班", "A working day"


class EnumValue(Out):
    """One code; the last three are null unless the code is a state of an item."""

    value: str
    zh: str
    en: str
    order: int
    phase: Phase | None = None
    open: bool | None = None
    terminal: bool | None = None


class Enumeration(Out):
    """All codes of one kind, in the order to show them."""

    name: str
    values: list[EnumValue]


class Enumerations(Out):
    """Every enumeration of the API, by name."""

    enums: list[Enumeration]


class MoverOut(Out):
    """Who moves next: a role, held over which of the item's units."""

    role: str
    zh: str
    en: str
    over: Over


class StateOut(Out):
    """A state; `next_movers` is who acts when nothing is disputed and nothing has been judged yet."""

    state: State
    zh: str
    en: str
    phase: Phase
    open: bool
    terminal: bool
    next_movers: list[MoverOut]


class Named(Out):
    """A code with its labels."""

    code: str
    zh: str
    en: str


class ActionOut(Out):
    """One row of the life cycle; `data_schema` is the JSON Schema of the action's `data`."""

    action: str
    zh: str
    en: str
    sources: list[State]
    targets: list[State]
    by: list[Named]
    guards: list[Named]
    data_schema: dict[str, Any]


class ChildWriteOut(Out):
    """What may be written beside an item, in which states and by whom; the rows of one child add up."""

    child: str
    zh: str
    en: str
    operations: list[Named]
    states: list[State]
    by: list[Named]


class Lifecycle(Out):
    """The whole table; `rules` is the SHA-256 that every event of an item carries."""

    rules: str
    states: list[StateOut]
    actions: list[ActionOut]
    child_writes: list[ChildWriteOut]


class SourceForm(Out):
    """A source type in use: its extra fields as a JSON Schema, and what an item must say before it is submitted."""

    code: str
    schema_version: int
    name_zh: str
    name_en: str
    external: bool
    required: list[str]
    sealed: list[str]
    json_schema: dict[str, Any]


class SourceForms(Out):
    """Every source type in use, newest versions."""

    source_types: list[SourceForm]


class CalendarYearOut(Out):
    """A year whose official notice is loaded."""

    year: int
    source: str
    data_version: int
    loaded_at: Instant


class CalendarDayOut(Out):
    """A day that differs from the ordinary week."""

    on: date
    kind: DayKind
    name_zh: str


class Calendars(Out):
    """The loaded years, the days of one of them, and near years in which working days cannot be counted yet."""

    year: int
    days: list[CalendarDayOut]
    years: list[CalendarYearOut]
    calendar_uncertain: Annotated[list[int], Field(description="尚未载入的年份 · Years not loaded yet")]
