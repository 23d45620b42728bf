"""Light, overdue days and phase as SQL over `item AS i`, for filters and counts; tested to equal the pure functions.

$4 is the Beijing day asked for, as in every statement that begins with the caller.
"""

from __future__ import annotations

from typing import Final

from app.lifecycle.states import OPEN, PHASES, Phase

LIGHT_SQL: Final = (
    "(CASE WHEN i.light_reasons->>'grey' IS NOT NULL THEN 'grey' WHEN i.red_from <= $4::date THEN 'red' "
    "WHEN i.yellow_from <= $4::date THEN 'yellow' WHEN i.blue_from <= $4::date THEN 'blue' ELSE 'green' END)"
)
_OPEN = ",".join(f"'{state}'" for state in sorted(OPEN))
OVERDUE_DAYS_SQL: Final = (
    f"(CASE WHEN i.state IN ({_OPEN}) THEN coalesce(greatest($4::date - i.due_on, 0), 0) ELSE 0 END)"
)


def _phase_sql() -> str:
    parts = []
    for phase in Phase:
        states = ",".join(f"'{state}'" for state, of in PHASES.items() if of is phase)
        parts.append(f"WHEN i.state IN ({states}) THEN '{phase.value}'")
    return f"(CASE {' '.join(parts)} END)"


PHASE_SQL: Final = _phase_sql()
