"""Pieces several effects share."""

from __future__ import annotations

from datetime import date
from typing import Any

from app.core.workdays import CalendarUncertain
from app.lifecycle import deadlines
from app.lifecycle.action_data import DeadlineIn
from app.lifecycle.facts import Facts
from app.tables.item import FAR


def stamp(value: Any) -> Any:
    """An enum as the code the column holds."""
    return getattr(value, "value", value)


def due_changes(f: Facts, deadline: DeadlineIn, start: date) -> dict[str, Any]:
    """The deadline columns; the first due date of the item stays the original one for ever."""
    try:
        resolved = deadlines.resolve(deadline, start, f.calendar, f.policy.immediate_days)
    except CalendarUncertain:
        resolved = deadlines.Resolved(None, deadline.review_on)
    original = f.item["original_due_on"] if f.action != "reopen" else None
    waits = deadlines.starts_at_acknowledgement(deadlines.stored(deadline, resolved, None)) and f.action == "assign"
    due = None if waits else resolved.due_on
    kept = deadlines.stored(deadline, deadlines.Resolved(due, resolved.review_on), original)
    return {
        "deadline": kept,
        "due_on": due,
        "due_sort": due or FAR,
        "original_due_on": original or due,
        "next_review_on": resolved.review_on,
    }
