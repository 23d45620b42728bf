"""Working days as data: a year counts as known only when its official notice is loaded."""

from datetime import date, datetime

from sqlmodel import SQLModel

from app.tables.base import day_key, instant, integer, integer_key, line, one_of


class CalendarYear(SQLModel, table=True):
    __tablename__ = "calendar_year"
    year: int = integer_key()
    source: str = line(200)
    data_version: int = integer(default=1)
    loaded_at: datetime = instant()


class CalendarDay(SQLModel, table=True):
    """Only the days that differ from the week: holidays on working days, and make-up workdays on weekends."""

    __tablename__ = "calendar_day"
    __table_args__ = (one_of("kind", ("holiday", "workday")),)
    on: date = day_key()
    kind: str = line(16)
    name_zh: str = line(100)
