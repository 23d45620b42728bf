"""Pieces several effects share."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from app.lifecycle import deadlines
from app.lifecycle.action_data import DeadlineIn
from app.lifecycle.facts import Facts
from app.lifecycle.states import Confidentiality
from app.tables.item import FAR

BACK_TO_WORK: Mapping[str, Any] = {"completed_at": None, "policy_version": None, "chain": [], "chain_step": 0}
"""What an item loses when its completion report no longer stands: the next one pins policy and chain anew."""


def stamp(value: Any) -> Any:
    """An enum as the code the column holds."""
    return getattr(value, "value", value)


def due_changes(f: Facts, deadline: DeadlineIn | None, start: date) -> dict[str, Any]:
    """The deadline columns; the first due date of the item stays the original one for ever.

    The guards have seen to it that there is a deadline and that its days can be counted.
    """
    if deadline is None:
        raise RuntimeError("an item is assigned with a deadline")
    resolved = deadlines.resolve(deadline, start, f.calendar, f.policy.immediate_days)
    original = f.item["original_due_on"] if f.action != "reopen" else None
    waits = deadlines.starts_at_acknowledgement(deadlines.stored(deadline, resolved, None)) and f.action == "assign"
    due = None if waits else resolved.due_on
    kept = deadlines.stored(deadline, deadlines.Resolved(due, resolved.review_on), original)
    stub = f.item["confidentiality"] == Confidentiality.SECRET_STUB
    return {
        "deadline": deadlines.without_words(kept) if stub else kept,
        "due_on": due,
        "due_sort": due or FAR,
        "original_due_on": original or due,
        "next_review_on": resolved.review_on,
    }
