"""A board that goes on from a settled moment counts what a board counts that begins anew."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any
from uuid import uuid4

from fastapi import FastAPI

from app.core import clock
from app.features.statistics.fresh import DEAR_AT_ONCE, MAX_AGE, Fresh
from app.features.statistics.schemas import CountedOver
from app.features.statistics.sums import Sums, base_of, sums_now, sums_of
from app.features.statistics.viewpoint import SETTLED_LASTS, Viewpoint, moment, remembered
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


async def _both(world: World, fresh: Fresh, view: Viewpoint, domain: Domain) -> tuple[Sums, Sums]:
    base = await base_of(world.db, fresh, view, domain)
    assert base is not None
    async with world.db.snapshot() as reader:
        now = await moment(reader, None)
        return await sums_now(reader, base, view, domain, now), await sums_of(reader, domain, view, now)


async def test_what_was_written_since_changes_a_board_as_counting_anew_does(fresh_app: FastAPI) -> None:
    world = await world_of(fresh_app)
    items = [await world.item(state) for state in STATES]
    items += [await world.item(state, confidentiality="restricted") for state in STATES[2::2]]
    scoped = _view(reading=[world.made.units["engineering"]], offices=[], desks=[world.made.units["engineering"]])
    scoped = replace(scoped, domain=replace(scoped.domain, whole_tree=False))
    views = [scoped, _view(), _view("state", f0=["rectifying", "planning", "closed"]), _view("cycle_from", f0=2)]
    fresh, random = Fresh(), Random(11)
    async with world.at(timedelta(days=3)):
        first = [await _both(world, fresh, view, view.domain) for view in views]
        assert _told(first[0][0])
        for number in range(8):
            secrecy = "restricted" if number % 2 else "internal"
            items.append(await world.item(random.choice(STATES), confidentiality=secrecy))
            await anything(world, items, random, 6)
            for view in views:
                for domain in (view.domain, view.domain.only_masked()):
                    found, anew = await _both(world, fresh, view, domain)
                    assert _told(found) == _told(anew)
        assert _told(found) != _told(first[-1][0])
    async with world.at(timedelta(days=4)):
        base = await base_of(world.db, fresh, views[1], views[1].domain)
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
    view, at_once, most = _view(), 0, 0

    async def make() -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.01)
        at_once -= 1

    fresh, now = Fresh(), clock.now()
    moments = [replace(view, past=now - timedelta(days=days)) for days in range(1, 7)]
    await asyncio.gather(*(remembered(fresh_app.state.db, fresh, past, make, past.past) for past in moments))
    assert most == DEAR_AT_ONCE


async def test_what_looks_beside_the_versions_is_always_counted_anew(fresh_app: FastAPI) -> None:
    fresh, db = Fresh(), fresh_app.state.db
    for filters in ("lead_unit_within",), ("person_id",), ("external_ref",), ("q",):
        view = _view(*filters, f0=[])
        assert await base_of(db, fresh, view, view.domain) is None
    view = _view()
    source_office = replace(view, values={**view.values, "roles": ["source_office"], "units": [uuid4()]})
    assert await base_of(db, fresh, source_office, view.domain.only_masked()) is None
    assert await base_of(db, fresh, replace(view, past=clock.now()), view.domain) is None
