"""Every single row changed behind the service's back is found, and where it is.

RECTIFY_TEST_MUTANTS sets how many are tried (500 unless set), RECTIFY_TEST_MUTANTS_SEED which; a failure prints both.
"""

import os

import pytest
from fastapi import FastAPI

from tests.make.world import World
from tests.support.database import Clone
from tests.trail.lives import lives
from tests.trail.mutants.catalogue import TABLES
from tests.trail.mutants.harness import opened

MUTANTS = int(os.environ.get("RECTIFY_TEST_MUTANTS", "500"))
SEED = int(os.environ.get("RECTIFY_TEST_MUTANTS_SEED") or "20261126")
PARTS = max(1, MUTANTS // 2500)
"""Ledgers they are spread over, so that cores can share the work."""
NAMED = 0.99


async def left_open(world: World) -> None:
    """Something waits for its position, and something for its seal."""
    await world.item("registered")


@pytest.mark.parametrize("part", range(PARTS))
async def test_every_mutant_is_found_where_it_is(part: int, fresh_app: FastAPI, database: Clone) -> None:
    await left_open(await lives(fresh_app))
    async with opened(database, f"{SEED}/{part}") as harness:
        assert {one.code for one in harness.known} <= {"weakened", "unsealed_overdue"}
        tried = await harness.run(MUTANTS // PARTS)
    told = f"RECTIFY_TEST_MUTANTS={MUTANTS} RECTIFY_TEST_MUTANTS_SEED={SEED} part {part}: {tried.total} tried"
    print(told, dict(tried.tried), dict(tried.refused), sep="\n")  # noqa: T201 - what a replay needs
    assert not tried.undetected, "\n".join([told, *tried.undetected])
    assert tried.total >= MUTANTS // PARTS
    assert len(tried.unnamed) <= (1 - NAMED) * tried.total, "\n".join([told, *tried.unnamed])
    if 100 * len(TABLES) <= MUTANTS:
        assert tried.tried.keys() == {table.name for table in TABLES if harness.ledger.rows[table.name]}
