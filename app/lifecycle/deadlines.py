"""From a confirmed deadline to the day it falls due; the wording itself is kept verbatim beside it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from app.core.workdays import Calendar
from app.lifecycle.action_data import DeadlineIn
from app.lifecycle.states import CountFrom, DayType, DeadlineKind


@dataclass(frozen=True, slots=True)
class Resolved:
    """The due day (none for long-term work, or while the count has not begun) and the next review."""

    due_on: date | None
    review_on: date | None


def resolve(deadline: DeadlineIn, start: date, calendar: Calendar, immediate_days: int) -> Resolved:
    """Counts from `start`, which itself is not counted; raises CalendarUncertain for a year without a notice."""
    if deadline.kind is DeadlineKind.DAYS and deadline.days is not None:
        return Resolved(counted(deadline.days, deadline.day_type, start, calendar), deadline.review_on)
    if deadline.kind is DeadlineKind.IMMEDIATE:
        return Resolved(deadline.date or start + timedelta(days=immediate_days), deadline.review_on)
    if deadline.kind is DeadlineKind.PHASED:
        last = max((milestone.due_on for milestone in deadline.milestones), default=None)
        return Resolved(deadline.date or last, deadline.review_on)
    if deadline.kind in {DeadlineKind.LONG_TERM, DeadlineKind.UNSPECIFIED}:
        return Resolved(None, deadline.review_on)
    return Resolved(deadline.date, deadline.review_on)


def counted(days: int, day_type: DayType, start: date, calendar: Calendar) -> date:
    if day_type is DayType.WORKING:
        return calendar.add_workdays(start, days)
    return start + timedelta(days=days)


def starts_at_acknowledgement(stored: dict[str, Any]) -> bool:
    return bool(stored["kind"] == DeadlineKind.DAYS and stored["from"] == CountFrom.ACKNOWLEDGE)


def again(kept: dict[str, Any] | None) -> DeadlineIn | None:
    """What was once said, out of what the item keeps of it."""
    if kept is None:
        return None
    return DeadlineIn.model_validate({name: kept[name] for name in kept.keys() - {"original_date", "extensions"}})


def stored(deadline: DeadlineIn, resolved: Resolved, original: date | None) -> dict[str, Any]:
    """The deadline as the item keeps it; `original_date` is written once and survives every extension."""
    first = original or resolved.due_on
    return {
        "text": deadline.text,
        "kind": deadline.kind.value,
        "date": None if resolved.due_on is None else resolved.due_on.isoformat(),
        "days": deadline.days,
        "from": deadline.count_from.value,
        "day_type": deadline.day_type.value,
        "continuing": deadline.continuing,
        "milestones": [
            {"title": milestone.title, "due_on": milestone.due_on.isoformat()} for milestone in deadline.milestones
        ],
        "review_on": None if resolved.review_on is None else resolved.review_on.isoformat(),
        "original_date": None if first is None else first.isoformat(),
        "extensions": 0,
    }


def without_words(kept: dict[str, Any]) -> dict[str, Any]:
    """For a secret stub, which has no text: the date, or else the kind, takes the place of the wording."""
    milestones = [{**one, "title": one["due_on"]} for one in kept["milestones"]]
    return {**kept, "text": kept["date"] or DeadlineKind(kept["kind"]).zh, "milestones": milestones}
