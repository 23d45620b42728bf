"""Figures that go on from a settled moment count what is counted by whoever begins anew."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any, cast
from uuid import uuid4

from fastapi import FastAPI

from app.core import clock
from app.core.db import Reader
from app.features.statistics.fresh import DEAR_AT_ONCE, MAX_AGE, Fresh
from app.features.statistics.queries import Asked
from app.features.statistics.queries import counting as asked_for
from app.features.statistics.schemas import CountedOver
from app.features.statistics.sums import BASE_LASTS, Base, Count, Part, Sums, base_of, sums_at, sums_then
from app.features.statistics.tiles import counting
from app.features.statistics.viewpoint import SETTLED_LASTS, Viewpoint, moment, remembered
from app.metrics.definitions import METRICS
from app.metrics.grouping import By
from app.metrics.statement import Domain
from tests.features.statistics.test_snapshots import anything
from tests.make.world import World, world_of

STATES = (
    "draft",
    "submitted",
    "registered",
    "planning",
    "rectifying",
    "rectifying",
    "verifying",
    "closing",
    "closed",
    "closed",
)


def _view(*filters: str, **values: Any) -> Viewpoint:
    domain = Domain(filters, whole_tree=True, past=False)
    scope = CountedOver(whole_tree=True, unit_ids=[])
    return Viewpoint(domain, {**values, "roles": [], "units": [], "persons": [], "unsealed": False}, {}, scope, None)


def _told(sums: Sums) -> Mapping[Any, Any]:
    """What is not nothing; a row in which everything was taken away again is as good as none."""
    return {key: row for key, row in sums.rows.items() if any(row.values())}


@dataclass
class Watched:
    """Counts, and takes down what was counted in halves: the first of each base, where others go on from the last."""

    fresh: Fresh
    halves: list[Domain] = field(default_factory=list)

    async def both(self, world: World, view: Viewpoint, domain: Domain, count: Count, key: str) -> tuple[Sums, Sums]:
        async def told(reader: Reader, part: Part) -> Sums:
            self.halves += [part.domain] * part.domain.half
            return await count(reader, part)

        base = await base_of(world.db, self.fresh, view, domain, told, key)
        assert base is not None
        async with world.db.snapshot() as reader:
            now = await moment(reader, None)
            anew = await count(reader, Part(domain, now, clock.beijing_date(now)))
            return await sums_at(reader, base, told, domain, now), anew


async def test_what_was_written_since_changes_figures_as_counting_anew_does(fresh_app: FastAPI) -> None:
    world = await world_of(fresh_app)
    items = [await world.item(state) for state in STATES]
    items += [await world.item(state, confidentiality="restricted") for state in STATES[2::2]]
    scoped = _view(reading=[world.made.units["engineering"]], offices=[], desks=[world.made.units["engineering"]])
    scoped = replace(scoped, domain=replace(scoped.domain, whole_tree=False))
    views = [scoped, _view(), _view("state", f0=["rectifying", "planning", "closed"]), _view("cycle_from", f0=2)]
    elapsed, random = 0.0, Random(11)
    watched = Watched(Fresh(lambda: elapsed))
    asked = Asked(METRICS, (By.UNIT_SUBTREE, By.ACCOUNTABLE_LEADER), None)
    async with world.at(timedelta(days=3)):
        first = [await watched.both(world, view, view.domain, counting(view), "board") for view in views]
        assert _told(first[0][0])
    for number in range(8):
        # Every other time the base is too old and goes on itself, past what was written at least ten seconds before it.
        elapsed += BASE_LASTS * (number % 2)
        async with world.at(timedelta(days=3, seconds=20 * number)):
            secrecy = "restricted" if number % 2 else "internal"
            items.append(await world.item(random.choice(STATES), confidentiality=secrecy))
            await anything(world, items, random, 6)
            for view in views:
                for domain in (view.domain, view.domain.only_masked()):
                    for key, count in ("board", counting(view)), ("statistics", asked_for(view, asked)):
                        found, anew = await watched.both(world, view, domain, count, key)
                        assert _told(found) == _told(anew), (key, domain)
    assert _told(found) != _told(first[-1][0])
    assert len(watched.halves) == 2 * 2 * 2 * len(views), "each base was counted once, in two halves"
    async with world.at(timedelta(days=4)):
        base = await base_of(world.db, watched.fresh, views[1], views[1].domain, counting(views[1]))
        assert base is not None
        assert base.day == clock.today(), "another day has other lights"


async def test_what_a_settled_moment_came_to_is_counted_once_for_a_tree_of_units(fresh_app: FastAPI) -> None:
    world, elapsed, made = await world_of(fresh_app), 0.0, 0

    async def make() -> int:
        nonlocal made
        made += 1
        return made

    then = clock.now() - timedelta(days=1)
    past = replace(_view(), domain=replace(_view().domain, past=True), past=then)
    beside = replace(past, domain=replace(past.domain, filters=("lead_unit_within",)), values={**past.values, "f0": []})
    fresh = Fresh(lambda: elapsed)
    assert [await remembered(world.db, fresh, view, make, "k") for view in (past, beside, _view())] == [1, 2, 3]
    elapsed = MAX_AGE + 1
    assert [await remembered(world.db, fresh, view, make, "k") for view in (past, beside, _view())] == [1, 4, 5]
    async with world.at(timedelta(days=1)):
        await world.db.write(lambda tx: tx.execute("UPDATE unit SET updated_at = now() + interval '1 day'"))
    assert await remembered(world.db, fresh, past, make, "k") == 6
    elapsed += SETTLED_LASTS
    assert await remembered(world.db, fresh, past, make, "k") == 7


async def test_few_moments_of_the_past_are_counted_at_once(fresh_app: FastAPI) -> None:
    view, at_once, most, halves = _view(), 0, 0, set()

    async def count(_: Reader, part: Part) -> Sums:
        nonlocal at_once, most
        halves.add((part.at, part.domain.half, part.half))
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.01)
        at_once -= 1
        return Sums()

    fresh, now, day = Fresh(), clock.now(), clock.today()
    moments = [now - timedelta(days=days) for days in range(1, 7)]
    for paced, held in (False, 2 * DEAR_AT_ONCE), (True, DEAR_AT_ONCE):
        most, halves = 0, set()
        await asyncio.gather(
            *(sums_then(fresh_app.state.db, fresh, count, view.domain, at, day, paced=paced) for at in moments)
        )
        assert most == held
        assert halves == {(at, True, half) for at in moments for half in (0, 1)}


async def test_what_looks_beside_the_versions_is_always_counted_anew(fresh_app: FastAPI) -> None:
    fresh, db = Fresh(), fresh_app.state.db

    async def based(view: Viewpoint, domain: Domain) -> bool:
        return await base_of(db, fresh, view, domain, counting(view)) is not None

    for filters in ("lead_unit_within",), ("person_id",), ("external_ref",), ("q",):
        view = _view(*filters, f0=[])
        assert not await based(view, view.domain)
    view = _view()
    source_office = replace(view, values={**view.values, "roles": ["source_office"], "units": [uuid4()]})
    assert not await based(source_office, source_office.domain.only_masked())
    assert await based(source_office, source_office.domain)


async def test_a_base_seen_from_yesterday_is_not_gone_on_from() -> None:
    """Midnight may pass after it was found: what is overdue among items nobody has written since is another."""
    midnight = datetime(2026, 3, 31, 16, tzinfo=UTC)
    asked: list[datetime | None] = []

    async def count(_: Reader, part: Part) -> Sums:
        asked.append(part.since)
        return Sums()

    domain, before = Domain((), whole_tree=True, past=False), midnight - timedelta(seconds=10)
    base = Base(before, date(2026, 3, 31), Sums())
    for as_of, counted in ((midnight - timedelta(seconds=1), [before, before]), (midnight, [None])):
        asked.clear()
        await sums_at(cast("Reader", None), base, count, domain, as_of)
        assert asked == counted
