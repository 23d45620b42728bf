"""Versions from before they kept when work began learn it from the item and from what its events told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import asyncpg
from alembic import command
from sqlalchemy import Connection

from app.core import clock, migrate
from tests.contract.test_schema import on
from tests.journeys.stage import made
from tests.journeys.test_reopening import rebound
from tests.make.world import World, case, world_of
from tests.support.database import Clone
from tests.support.service import Serve

KEPT = "SELECT item_id, version, cycle, acknowledged_at, cycle_started_at FROM item_version ORDER BY item_id, version"


async def _lives(world: World) -> None:
    """Acknowledged twice, in three cycles, and split."""
    of, office = case(), await world.as_("supervision_office")
    item = await world.carrier.to("planning", of)
    item = await office.act(item["id"], "recall", {"reason": "主体有误"})
    item = await world.carrier.to("closed", of, item)
    for hours in (2, 4):
        async with world.at(timedelta(hours=hours)):
            office = await world.as_("supervision_office")
            decided = (clock.now().replace(microsecond=0) - timedelta(hours=1)).isoformat()
            item = await office.act(item["id"], "reopen", rebound(), occurred_at=decided)
            item = await world.carrier.to("closed", of, item)
    await made(world, "split")
    await world.item("submitted")


async def _kept(database: Clone) -> list[tuple[Any, ...]]:
    connection = await asyncpg.connect(database.superuser_url)
    try:
        return [tuple(row) for row in await connection.fetch(KEPT)]
    finally:
        await connection.close()


def moved(move: Any, revision: str) -> Any:
    def work(connection: Connection) -> None:
        config = migrate._config()
        config.attributes["connection"] = connection
        move(config, revision)

    return work


async def test_an_upgrade_fills_in_what_every_write_since_has_kept(database: Clone, serve: Serve) -> None:
    async with serve(database.app_url) as app:
        world = await world_of(app)
        await _lives(world)
        await world.made.close()
    before = await _kept(database)
    acknowledged = {row[3] for row in before if row[3] is not None}
    started = {row[4] for row in before if row[4] is not None}
    assert len(acknowledged) == 2
    assert len(started) >= 4
    await on(database.superuser_url, moved(command.downgrade, "20261126_1440"))
    await on(database.superuser_url, moved(command.upgrade, "head"))
    assert await _kept(database) == before
