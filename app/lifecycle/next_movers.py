"""Who moves an item next: the roles are the item's, the people behind a role over a unit are the same for all its items."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from pydantic_core import to_json

from app.access.memory import CALLER_CTE, OWN, Caller
from app.core.db import Database
from app.lifecycle.movers_sql import held
from app.lifecycle.schemas import NextMover

_FIND: Final = f"""{CALLER_CTE}
SELECT coalesce((SELECT json_agg(json_build_array(m.role, m.unit_id, {held("$4::date")}))
  FROM (SELECT k.role, k.unit_id, (SELECT u.ancestors FROM unit u WHERE u.id = k.unit_id) AS ancestors
    FROM unnest(${OWN}::text[], ${OWN + 1}::uuid[]) AS k(role, unit_id) OFFSET 0) m), '[]') AS found
FROM actor
"""  # noqa: S608 - constants of this program
_MOST: Final = 20_000
"""Combinations of roles and units remembered, each with up to twenty people for each of its roles."""


class Movers(dict[str, tuple[list[NextMover], bytes]]):
    """What the key of an item (`movers_sql.MOVER_KEY`) stands for, as values and as JSON."""


async def movers_of(db: Database, caller: Caller, keys: Iterable[str]) -> Movers | None:
    """Remembered with the caller's mark; None if that has changed. All that is not known yet is one statement."""
    known: Movers = caller.kept.setdefault(Movers, Movers())
    if len(known) > _MOST:
        known = caller.kept[Movers] = Movers()  # not emptied: others are still waiting for what they lack of it
    missing = {key for key in keys if key not in known}
    if not missing:
        return known
    wanted = {part for key in missing for part in key.split(",") if part}
    pairs = [part.split(" ") for part in sorted(wanted)]
    row = await db.fetchrow(_FIND, *caller.args, [role for role, _ in pairs], [unit for _, unit in pairs])
    if row is None:
        return None
    people = {f"{role} {unit}": ids for role, unit, ids in row["found"]}
    for key in missing:
        roles = [_one(part, people[part]) for part in key.split(",") if part]
        known[key] = (roles, to_json(roles))
    return known


def _one(part: str, ids: list[str]) -> NextMover:
    role, unit = part.split(" ")
    return NextMover.model_validate({"role": role, "unit_id": unit, "person_ids": ids})
