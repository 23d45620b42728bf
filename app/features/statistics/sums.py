"""Figures as sums: of two halves of what there is, and of what a moment came to with what was written since."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import chain
from typing import Any, Final

from app.access.permissions import Role
from app.core import clock
from app.core.asof import AGE
from app.core.db import Database, Reader
from app.features.statistics.figures import NOTHING, Row
from app.features.statistics.fresh import Fresh
from app.features.statistics.viewpoint import BESIDES, NOW, Viewpoint, moment
from app.metrics.drill import Period
from app.metrics.statement import Domain, bind

HALVES: Final = (0, 1)
ALONE: Final = (
    """SELECT set_config('max_parallel_workers_per_gather', '0', true), set_config('work_mem', '64MB', true)"""
)
"""For the rest of the transaction, which then takes one core: more than one is for the caller to divide. What is joined
of a million items stays in memory."""
BASE_LASTS: Final = 60.0
"""Seconds after which figures of now go on from a later moment, so that what was written since stays little."""


class Sums:
    """Everything counted over one domain, in rows that can be added up."""

    def __init__(self) -> None:
        self.rows: dict[tuple[Any, ...], dict[str, int]] = {}

    @property
    def numbers(self) -> int:
        """How much of a memory it takes."""
        return sum(map(len, self.rows.values()))

    def add(self, row: Mapping[str, int], *key: Any, sign: int = 1) -> None:
        kept = self.rows.setdefault(key, {})
        for name, value in row.items():
            kept[name] = kept.get(name, 0) + sign * value

    def take(self, other: Sums, sign: int) -> None:
        """Adds what another domain came to, or takes it away."""
        for key, row in other.rows.items():
            self.add(row, *key, sign=sign)

    def drop_empty(self) -> None:
        """Rows of which everything was taken away again."""
        self.rows = {key: row for key, row in self.rows.items() if any(row.values())}

    def row(self, *key: Any) -> Row:
        return self.rows.get(key, NOTHING)


@dataclass(frozen=True, slots=True)
class Part:
    """What is counted at once: the items of a domain, known `at` a moment and seen from a `day`.

    `since` and `half` are what the domain's flags of these names take.
    """

    domain: Domain
    at: datetime
    day: date
    since: datetime | None = None
    half: int = 0

    async def rows(self, reader: Reader, view: Viewpoint, text: str, period: Period) -> list[dict[str, Any]]:
        more = {"day": self.day, "at": self.at, "since": self.since, "half": self.half, "period": list(period)}
        sql, args = bind(text, {**view.values, **more})
        return [dict(row) for row in await reader.fetch(sql, *args)]


Count = Callable[[Reader, Part], Awaitable[Sums]]
"""Counts a part; what it gives of parts that have no item in common adds up."""


@dataclass(frozen=True, slots=True)
class Base:
    """What a settled moment came to, seen from a day."""

    at: datetime
    day: date
    sums: Sums

    @property
    def numbers(self) -> int:
        return self.sums.numbers


async def sums_then(  # noqa: PLR0913 - what is counted, and how
    db: Database, fresh: Fresh, count: Count, domain: Domain, at: datetime, day: date, *, paced: bool = False
) -> Sums:
    """What a settled moment came to: the same on two connections, so that half of the items are counted on each.

    At once, because PostgreSQL looks one item after another up in one process; `paced` counts one half after the other, on one
    connection, and leaves the other core to others.
    """
    domain = replace(domain, past=True, half=True)

    async def counted(*halves: int) -> list[Sums]:
        async with db.snapshot() as reader:
            await reader.fetchval(ALONE)
            return [await count(reader, Part(domain, at, day, half=half)) for half in halves]

    turns = [counted(*HALVES)] if paced else map(counted, HALVES)
    sums = Sums()
    async with fresh.dear:
        for found in chain.from_iterable(await asyncio.gather(*turns)):
            sums.take(found, 1)
    return sums


async def base_of(
    db: Database, fresh: Fresh, view: Viewpoint, domain: Domain, count: Count, *key: Hashable, paced: bool = False
) -> Base | None:
    """The figures of a settled moment: the one asked for, or one that those of now can go on from, if there can be such.

    `key` decides them besides. Raises as_of_too_recent.
    """
    if view.past is not None:
        at, day = await moment(db, view.past), clock.beijing_date(view.past)
        return Base(at, day, await sums_then(db, fresh, count, domain, at, day, paced=paced))
    # The unit an item was found by is no part of its versions, and decides what is masked for offices of sources alone.
    by_source = domain.masked and Role.SOURCE_OFFICE.value in view.values["roles"]
    if by_source or not domain.settled:
        return None
    day, besides = clock.today(), await db.fetchval(BESIDES)
    kept_under = view.key("base", domain.masked, day, besides, *key)

    async def make() -> Base:
        return await _base(db, fresh, replace(domain, past=True, masked_then=True), count, day, fresh.kept(kept_under))

    found: Base = await fresh.get(kept_under, make, BASE_LASTS)
    return found


async def _base(db: Database, fresh: Fresh, domain: Domain, count: Count, day: date, last: Base | None) -> Base:
    """The first is counted, every other goes on from the one before."""
    async with db.snapshot() as reader:
        at = clock.shifted(await reader.fetchval(NOW)) - AGE
        if last is not None and last.at <= at:
            return Base(at, day, await _moved_on(reader, last, count, Part(domain, at, day)))
    return Base(at, day, await sums_then(db, fresh, count, domain, at, day))


async def _moved_on(reader: Reader, base: Base, count: Count, to: Part) -> Sums:
    """What was counted of the items written since the base goes and what they are `to` comes: the same, exactly."""
    after = replace(to, domain=replace(to.domain, since=True, masked_then=True), since=base.at)
    before = replace(after, domain=replace(after.domain, past=True), at=base.at)
    sums = Sums()
    sums.take(base.sums, 1)
    sums.take(await count(reader, before), -1)
    sums.take(await count(reader, after), 1)
    sums.drop_empty()
    return sums


async def sums_at(reader: Reader, base: Base | None, count: Count, domain: Domain, as_of: datetime) -> Sums:
    """Of the moment of the base, or of now: going on from the base where there is one for that day."""
    now = Part(domain, as_of, clock.beijing_date(as_of))
    if base is None or base.day != now.day:
        return await count(reader, now)
    return base.sums if domain.past else await _moved_on(reader, base, count, now)
