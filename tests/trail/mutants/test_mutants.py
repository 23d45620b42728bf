"""Every single row changed behind the service's back is found, and where it is.

RECTIFY_TEST_MUTANTS sets how many are tried (500 unless set), RECTIFY_TEST_MUTANTS_SEED which; a failure prints both.
"""

import os
import random

from fastapi import FastAPI

from tests.make.world import World
from tests.support.database import Clone
from tests.trail.lives import lives
from tests.trail.mutants.catalogue import TABLES
from tests.trail.mutants.harness import opened

MUTANTS = int(os.environ.get("RECTIFY_TEST_MUTANTS", "500"))
SEED = int(os.environ.get("RECTIFY_TEST_MUTANTS_SEED") or random.randrange(2**32))
NAMED = 0.99


async def left_open(world: World) -> None:
    """Something waits for its position, and something for its seal."""
    await world.item("registered")


async def test_every_mutant_is_found_where_it_is(fresh_app: FastAPI, database: Clone) -> None:
    world = await lives(fresh_app)
    await left_open(world)
    async with opened(database, SEED) as harness:
        assert {one.code for one in harness.known} <= {"weakened", "unsealed_overdue"}
        tried = await harness.run(MUTANTS)
    told = f"RECTIFY_TEST_MUTANTS={MUTANTS} RECTIFY_TEST_MUTANTS_SEED={SEED}: {tried.total} tried, {tried.alone} alone"
    print(told, dict(tried.tried), dict(tried.refused), sep="\n")  # noqa: T201 - what a replay needs
    assert not tried.undetected, "\n".join([told, *tried.undetected])
    assert tried.total >= MUTANTS
    assert len(tried.unnamed) <= (1 - NAMED) * tried.total, "\n".join([told, *tried.unnamed])
    if 100 * len(TABLES) <= MUTANTS:
        assert tried.tried.keys() == {table.name for table in TABLES if harness.ledger.rows[table.name]}
