"""Columns that follow from other columns of the same row: light dates, sort keys, movers. Recomputed on every write."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Any
from uuid import UUID

from app.core.workdays import Calendar
from app.lifecycle.light import Clock, LightInput, turn_dates
from app.lifecycle.movers import Mover, movers
from app.lifecycle.states import PHASES, Phase, State
from app.tables.item import FAR

_CLOCKS = {
    State.DRAFT: Clock.NOT_ASSIGNED,
    State.SUBMITTED: Clock.NOT_ASSIGNED,
    State.REGISTERED: Clock.NOT_ASSIGNED,
    State.SUSTAINING: Clock.SUSTAINING,
    State.CLOSED: Clock.CLOSED,
}
UNCLOCKED = frozenset(
    state
    for state in State
    if PHASES[state] is Phase.OFF_LEDGER or _CLOCKS.get(state) in {Clock.NOT_ASSIGNED, Clock.CLOSED}
)
"""States whose items have no running clock, so that their light is grey."""
NO_NUMBER = "~"
"""Sorts after every number, so that drafts come last."""


def number_sort(number: str | None) -> str:
    """Digits padded, so that the ten-thousandth item of a year sorts after the ninth."""
    return NO_NUMBER if number is None else re.sub(r"\d+", lambda digits: digits[0].zfill(8), number)[:96]


def derive(row: Mapping[str, Any], calendar: Calendar) -> tuple[dict[str, Any], list[Mover]]:
    """The derived columns and the movers of a row that is about to be written."""
    found = movers(row)
    turns = turn_dates(_light_input(row, calendar))
    return {
        "due_sort": row["due_on"] or FAR,
        "number_sort": number_sort(row["number"]),
        "blue_from": turns.blue_from,
        "yellow_from": turns.yellow_from,
        "red_from": turns.red_from,
        "light_reasons": turns.reasons_document(),
        "movers": [{"role": role.value, "unit_id": str(unit)} for role, unit in found],
    }, found


def _light_input(row: Mapping[str, Any], calendar: Calendar) -> LightInput:
    state = State(row["state"])
    clock = _CLOCKS.get(state, Clock.OFF_LEDGER if PHASES[state] is Phase.OFF_LEDGER else Clock.RUNNING)
    return LightInput(
        clock=clock,
        calendar=calendar,
        due_on=row["due_on"],
        next_review_on=row["next_review_on"],
        started_on=row["assigned_on"],
        percent=row["progress_percent"],
        open_milestones=_open_milestones(row["deadline"], row["progress_percent"]),
    )


def _open_milestones(deadline: Mapping[str, Any] | None, percent: int) -> tuple[date, ...]:
    """Milestones share the way evenly: the k-th of n counts as reached at k/n of the progress."""
    milestones = (deadline or {}).get("milestones", ())
    return tuple(
        date.fromisoformat(milestone["due_on"])
        for position, milestone in enumerate(milestones, start=1)
        if percent * len(milestones) < 100 * position
    )


def item_units(row: Mapping[str, Any]) -> set[tuple[UUID, str]]:
    """(unit, part) pairs of `item_unit`; the finder's unit stands for a source that names no unit of ours."""
    pairs = {(row["lead_unit_id"], "lead"), (row["responsible_unit_id"], "responsible")}
    pairs |= {(unit, "cooperating") for unit in row["cooperating_unit_ids"]}
    pairs.add((row["source_unit_id"] or row["finder_unit_id"], "source"))
    return {(unit, part) for unit, part in pairs if unit is not None}
