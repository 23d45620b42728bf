"""An honest ledger is never called a forged one.

RECTIFY_TEST_HONEST sets how many lives are lived (3 unless set), RECTIFY_TEST_HONEST_SEED which; a failure prints them.
"""

import asyncio
import os
import random

import pytest

from app.trail.proof.findings import Verdict
from tests.make.world import world_of
from tests.support.database import Server, clone
from tests.support.service import Serve
from tests.trail.honest import Walk
from tests.trail.lives import audited

LIVES = int(os.environ.get("RECTIFY_TEST_HONEST", "3"))
SEED = int(os.environ.get("RECTIFY_TEST_HONEST_SEED") or "20261126")
STEPS = 60


@pytest.mark.parametrize("life", range(LIVES))
async def test_an_honest_life_is_without_a_finding(life: int, server: Server, template: str, serve: Serve) -> None:
    told = f"RECTIFY_TEST_HONEST_SEED={SEED} life {life}"
    database = await asyncio.to_thread(clone, server, template)
    try:
        async with serve(database.app_url) as app:
            walk = Walk(await world_of(app), random.Random(f"{SEED}/{life}"))
            await walk.run(STEPS)
            report = await audited(app, *walk.notes)
            await walk.world.made.close()
    finally:
        await asyncio.to_thread(server.execute, f'DROP DATABASE "{database.name}" WITH (FORCE)')
    assert report.findings == [], told
    assert report.verdict is Verdict.VERIFIED, (told, report.reason)
    assert walk.done >= STEPS // 4, told
