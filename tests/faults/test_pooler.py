"""Behind pgbouncer in transaction mode with RECTIFY_PREPARED=off, which is needed where it is older than 1.21."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import pytest

from app.core.postgres_host import free_port, service_user
from tests.support.crowd import crowd, organisation, say
from tests.support.deployment import Deployment
from tests.support.history import SEALED
from tests.support.pooler import PROGRAM, Pooler

SEED = int(os.environ.get("RECTIFY_TEST_SEED", "20261126"))
WRITES = 1000 if os.environ.get("RECTIFY_TEST_FAULTS") == "full" else 60

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed: apt-get install pgbouncer")


@pytest.fixture
async def pooled() -> AsyncIterator[Deployment]:
    """Every connection of the service and of its worker goes through the pooler."""
    listen = free_port()
    more = {"DATABASE_URL": f"postgresql://rectify_app@127.0.0.1:{listen}/rectify", "RECTIFY_PREPARED": "off"}
    deployment = await asyncio.to_thread(Deployment.made, workers=1, more=more)
    user = service_user(deployment.folder / "var/pg")
    pooler = await asyncio.to_thread(Pooler, deployment.cluster.app_url, deployment.folder / "pooler", user, listen)
    try:
        await deployment.start()
        yield deployment
    finally:
        pooler.stop()
        await asyncio.to_thread(deployment.close)


async def test_behind_a_pooler_everything_is_as_without(pooled: Deployment) -> None:
    async with organisation(pooled) as made, crowd(pooled, made, SEED, clients=8) as people:
        await people.acknowledged(WRITES)
    say(f"behind pgbouncer: {people.failures} answers of 5xx, {dict(people.journal.counts())}")
    assert people.failures == 0
    assert await people.findings() == []
    async with asyncio.timeout(60):
        while not await pooled.cluster.ask(SEALED):  # noqa: ASYNC110 - another process seals
            await asyncio.sleep(0.2)
