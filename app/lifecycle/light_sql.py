"""Light, overdue days and phase as SQL over `item AS i`, for filters and counts; tested to equal the pure functions."""

from __future__ import annotations

from typing import Final

from app.lifecycle.derived import UNCLOCKED
from app.lifecycle.states import OPEN, PHASES, Phase, State


def _listed(states: frozenset[State]) -> str:
    return ",".join(f"'{state}'" for state in sorted(states))


def light_sql(day: str, grey: str) -> str:
    """The colour on a day, an expression for a date; `grey` tests whether the item has no clock."""
    return (
        f"(CASE WHEN {grey} THEN 'grey' WHEN i.red_from <= {day} THEN 'red' "
        f"WHEN i.yellow_from <= {day} THEN 'yellow' WHEN i.blue_from <= {day} THEN 'blue' ELSE 'green' END)"
    )


def overdue_days_sql(day: str) -> str:
    return f"(CASE WHEN i.state IN ({_listed(OPEN)}) THEN coalesce(greatest({day} - i.due_on, 0), 0) ELSE 0 END)"


GREY: Final = "i.light_reasons->>'grey' IS NOT NULL"
GREY_BY_STATE: Final = f"i.state IN ({_listed(UNCLOCKED)})"
"""For a past version, which keeps the dates of the light and not its reasons: a clock stands still by state alone."""
LIGHT_SQL: Final = light_sql("$4::date", GREY)
OVERDUE_DAYS_SQL: Final = overdue_days_sql("$4::date")
"""$4 is the Beijing day asked for, as in every statement that begins with the caller."""


def _phase_sql() -> str:
    parts = []
    for phase in Phase:
        states = _listed(frozenset(state for state, of in PHASES.items() if of is phase))
        parts.append(f"WHEN i.state IN ({states}) THEN '{phase.value}'")
    return f"(CASE {' '.join(parts)} END)"


PHASE_SQL: Final = _phase_sql()
