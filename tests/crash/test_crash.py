"""Killed at any moment, anywhere, the service has kept every promise it had made, and made none it could not keep.

RECTIFY_TEST_CRASH_CYCLES (3 unless set) and RECTIFY_TEST_SEED size and repeat a run; `make crash` does 25 cycles.
kill -9 spares the page cache, so this proves that processes may die; power loss is left to fsync, which is on here.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.crash.campaign import Campaign, Size
from tests.support.crowd import say
from tests.support.deployment import Deployment

CYCLES = int(os.environ.get("RECTIFY_TEST_CRASH_CYCLES", "3"))
SEED = int(os.environ.get("RECTIFY_TEST_SEED", "20261126"))
SMOKE = ("seal.after_commit", "kill_the_database", "write.after_commit")
"""One death of each: of the sealer between commit and signature, of all of the database, of a service after a commit."""
KEPT = Path(".crash")
DURABILITY = ("fsync", "full_page_writes", "synchronous_commit")

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")


def size() -> Size:
    if len(SMOKE) >= CYCLES:
        return Size(CYCLES, SEED, (0.5, 1.0), 150, SMOKE[:CYCLES])
    return Size(CYCLES, SEED, (2.0, 5.0), 1200)


@pytest.fixture
async def deployment(request: pytest.FixtureRequest) -> AsyncIterator[Deployment]:
    """Its journal and logs stay in `.crash` when the run ends badly."""
    found = await asyncio.to_thread(Deployment.made)
    failed = request.session.testsfailed
    yield found
    if request.session.testsfailed > failed:
        found.keep(KEPT)
    await asyncio.to_thread(found.close)


async def test_nothing_acknowledged_is_lost_and_nothing_happens_twice(deployment: Deployment) -> None:
    assert {await deployment.cluster.ask(f"SHOW {name}") for name in DURABILITY} == {"on"}
    report = await Campaign.on(deployment, size()).run()
    say(str(report))
    assert not report.findings, "\n".join([str(report), *report.findings[:30]])
    assert report.counts["ok"] >= size().share * CYCLES, str(report)
    assert sum(report.blows.values()) == CYCLES
