"""Jobs that only one process may do: whoever holds the lease does them, until it has not renewed it in time.

A holder that was stopped and comes back must not finish what another has begun: every job checks its fence in the
transaction it writes in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from app.core import clock
from app.core.db import Database, Tx
from app.core.ids import uuid7

TERM: Final = timedelta(seconds=15)
TAKE: Final = """
INSERT INTO lease AS l (name, owner, until, fence) VALUES ($1, $2, clock_timestamp() + $3, 1)
ON CONFLICT (name) DO UPDATE SET owner = EXCLUDED.owner, until = EXCLUDED.until,
  fence = l.fence + CASE WHEN l.owner = EXCLUDED.owner THEN 0 ELSE 1 END
WHERE l.owner = EXCLUDED.owner OR l.until < clock_timestamp()
RETURNING fence, until
"""
GIVE_BACK: Final = "UPDATE lease SET until = clock_timestamp() WHERE name = $1 AND owner = $2"
STILL_MINE: Final = "SELECT fence FROM lease WHERE name = $1 FOR SHARE"


class FencedError(Exception):
    """Another process has taken the job over; what was being written must not be."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A job that is this process's for now; `fence` tells this holding from every earlier and later one."""

    name: str
    owner: UUID
    fence: int
    until: datetime

    async def check(self, tx: Tx) -> None:
        """Raises FencedError unless this holding is still the latest; nobody can take over before `tx` ends."""
        if await tx.fetchval(STILL_MINE, self.name) != self.fence:
            raise FencedError(self.name)


async def take(db: Database, name: str, owner: UUID, term: timedelta = TERM) -> Lease | None:
    """Takes or renews the job; None while another process has it. `owner` is one process's for its lifetime."""

    async def work(tx: Tx) -> Lease | None:
        row = await tx.fetchrow(TAKE, name, owner, term)
        return None if row is None else Lease(name, owner, row["fence"], row["until"])

    return await db.write(work)


async def give_back(db: Database, name: str, owner: UUID) -> None:
    """So that another process need not wait out the term when this one stops."""
    await db.write(lambda tx: tx.execute(GIVE_BACK, name, owner))


@dataclass
class Job:
    """One process's part in a job of which only one process may do anything at a time."""

    db: Database
    name: str
    owner: UUID = field(default_factory=uuid7)
    lease: Lease | None = None

    async def held(self, now: datetime) -> Lease | None:
        """Renewed when half of its term is over: nobody can take it before, and each renewal is a commit to wait for."""
        if self.lease is None or clock.shifted(self.lease.until) - now < TERM / 2:
            self.lease = await take(self.db, self.name, self.owner)
        return self.lease

    async def leave(self) -> None:
        self.lease = None
        await give_back(self.db, self.name, self.owner)
