"""What this process remembers of its callers, for as long as the database says that nothing of it has changed.

`access_mark` holds one mark, another after every commit that changed who may do what: accounts, keys, people, posts, grants,
delegations, the tree of units, the units of ledgers. A statement that begins with CALLER_CTE is given what was found under a
mark, and has no row when the mark of its own moment is another. So a revocation holds from the next request on, in every
process, and a hot read does not find its caller anew.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Final, TypeVar
from uuid import UUID

from app.access import tokens
from app.access.actor import Actor
from app.access.authenticate import ACTOR_CTE, Credential, actor_from_row, credential_of, invalid_token
from app.access.cookies import Asking
from app.core.db import Database
from app.core.errors import Problem
from app.core.negotiation import DEFAULT_LANGUAGE, Language

T = TypeVar("T")

CALLER_CTE: Final = """
WITH actor AS MATERIALIZED (
  SELECT $2::uuid AS person_id, $3::bool AS unsealed, $5::bool AS whole_tree, $6::text[] AS roles, $7::uuid[] AS units,
    $8::uuid[] AS reading, $9::uuid[] AS offices, $10::uuid[] AS desks, $11::uuid[] AS persons
  FROM access_mark WHERE mark = $1::uuid AND $4::date IS NOT NULL
)
"""
"""One row while the mark is still that of the arguments (`Caller.args`), else none; $4 is today in China.

The columns are those of ACTOR_CTE that conditions are built on; as a CTE they tell the planner nothing of their values,
so that one plan serves all callers. A statement continues behind it, with its own parameters from `OWN` on.
"""
OWN: Final = 12
_FIND: Final = f"{ACTOR_CTE} SELECT actor.*, (SELECT mark FROM access_mark) AS mark FROM actor"  # noqa: S608 - a constant
_CALLERS = 10_000
"""Remembered at once; a caller takes a few kilobytes."""
_TRIES: Final = 5
"""Changes of access that may follow so closely on each other before a read is told to come back later."""


@dataclass(frozen=True, slots=True)
class Caller:
    """An actor, the mark under which it was found, and what CALLER_CTE takes; `kept` is of this mark and day as well."""

    actor: Actor
    expires_at: datetime | None
    mark: UUID
    args: tuple[Any, ...]
    credential: Credential
    kept: dict[Any, Any]

    def require_in_time(self) -> None:
        """Raises invalid_token for a key past its hour: time passes without a mark."""
        if self.expires_at is not None and tokens.expired(self.expires_at):
            raise invalid_token()


@dataclass(slots=True)
class Memory:
    """Of one mark and one day at a time; `kept` is for whatever else rests on nothing but these."""

    mark: UUID | None = None
    day: date | None = None
    callers: dict[tuple[Credential, Language], Caller] = field(default_factory=dict)
    kept: dict[Any, Any] = field(default_factory=dict)

    async def told(
        self,
        db: Database,
        request: Asking,
        ask: Callable[[Caller], Awaitable[T | None]],
    ) -> tuple[Caller, T]:
        """The caller and what `ask` gives; None says that the mark is another, and then it is asked anew.

        Raises unauthenticated and invalid_token.
        """
        credential, language = credential_of(request), request.scope["rectify.language"]
        for _ in range(_TRIES):
            caller = await self.caller(db, credential, language)
            caller.require_in_time()
            found = await ask(caller)
            if found is not None:
                return caller, found
            self.forget(caller.mark)
        raise Problem("unavailable")

    def forget(self, mark: UUID) -> None:
        """What was found under this mark; a later one may have been learnt in the meantime."""
        if self.mark == mark:
            self._begin(None, None)

    def _begin(self, mark: UUID | None, day: date | None) -> None:
        # New dictionaries, because those who are still asking hold the old ones.
        self.mark, self.day, self.callers, self.kept = mark, day, {}, {}

    async def caller(self, db: Database, credential: Credential, language: Language) -> Caller:
        """As last found, or found now; the mark may be another by now."""
        known = self.callers.get((credential, language))
        if known is not None:
            return known
        row = await db.fetchrow(_FIND, *credential)
        actor = actor_from_row(row, DEFAULT_LANGUAGE)
        assert row is not None  # noqa: S101 - actor_from_row has raised
        if (self.mark, self.day) != (row["mark"], credential.today) or len(self.callers) >= _CALLERS:
            self._begin(row["mark"], credential.today)  # what is kept of callers goes with them
        args = (row["mark"], *_told(actor, credential.today))
        caller = Caller(replace(actor, language=language), row["expires_at"], row["mark"], args, credential, self.kept)
        self.callers[credential, language] = caller
        return caller


def _told(actor: Actor, today: date) -> tuple[Any, ...]:
    return (
        actor.person_id,
        actor.unsealed,
        today,
        actor.whole_tree,
        [grant.role.value for grant in actor.grants],
        [grant.unit_id for grant in actor.grants],
        actor.reading_units,
        actor.office_units,
        actor.finder_units,
        sorted(actor.persons()),
    )
