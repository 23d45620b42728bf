"""The item behind its gates: where they stand, which submission is current, and what this caller may read of verdicts."""

# ruff: noqa: S608 - SQL here is put together from constants; values are always parameters
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from app.access.actor import Actor
from app.access.permissions import Role
from app.access.scope import Sealed, restricted_predicate, restricted_read_sql
from app.core.db import Reader
from app.core.errors import Problem

_KNOWN: Final = Sealed("$2::text[]", "$3::uuid[]", "$4::uuid[]", "$5::bool")
HEAD_SQL: Final = f"""
SELECT i.id, i.version, i.state, i.cycle, i.submission_no, i.gate_problem_solved, i.gate_rectification_adequate,
  i.gate_people_satisfied, lu.ancestors AS ledger_ancestors,
  i.confidentiality <> 'secret_stub' AND {restricted_predicate("i", _KNOWN)} AS unmasked
FROM item i JOIN ledger l ON l.id = i.ledger_id JOIN unit lu ON lu.id = l.unit_id WHERE i.id = $1
"""


@dataclass(frozen=True, slots=True)
class Head:
    """An item as the starting point of reading what belongs to it."""

    row: Mapping[str, Any]
    actor: Actor

    @property
    def id(self) -> UUID:
        return UUID(str(self.row["id"]))

    @property
    def unmasked(self) -> bool:
        """Whether the caller reads what `restricted` withholds; true for every item that is not restricted."""
        return bool(self.row["unmasked"])

    @property
    def etag(self) -> str:
        """Children have the entity tag of their item: whatever is written to them raises its version."""
        return self.actor.etag(self.row["version"])

    def over_ledger(self, *roles: Role) -> bool:
        """Whether the caller holds one of these offices over the item's ledger."""
        return any(self.actor.holds(role, self.row["ledger_ancestors"]) for role in roles)


async def read_head(reader: Reader, actor: Actor, item_id: UUID) -> Head:
    """Raises not_found."""
    _, args = restricted_read_sql(actor)
    row = await reader.fetchrow(HEAD_SQL, item_id, *args)
    if row is None:
        raise Problem("not_found")
    return Head(dict(row), actor)


def withhold(shown: dict[str, Any], names: tuple[str, ...]) -> list[str]:
    """Empties these fields in place; gives the names of those that held something."""
    withheld = [name for name in names if shown.get(name)]
    shown |= dict.fromkeys(withheld)
    return withheld
