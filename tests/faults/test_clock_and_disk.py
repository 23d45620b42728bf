"""Clocks that jump and disks that are full: the history stays in order, and what was acknowledged stays."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

from app.core import clock
from tests.journeys.stage import made
from tests.make.world import World, world_of
from tests.support.crowd import Crowd, crowd, organisation, say
from tests.support.database import Clone
from tests.support.deployment import Deployment
from tests.support.history import History, dense, folds, past_is_whole
from tests.support.service import Serve

FULL = os.environ.get("RECTIFY_TEST_FAULTS") == "full"
SEED = int(os.environ.get("RECTIFY_TEST_SEED", "20261126"))
JUMPS = (
    timedelta(0),
    timedelta(hours=3),
    timedelta(minutes=-5),
    timedelta(hours=-3),
    timedelta(days=2),
    timedelta(minutes=1),
)
DISK = "240m"
SMALL = {"max_wal_size": "64MB", "min_wal_size": "32MB", "max_connections": "60", "autovacuum_naptime": "10min"}


@pytest.fixture
async def world(database: Clone, serve: Serve) -> AsyncIterator[World]:
    async with serve(database.app_url) as app:
        found = await world_of(app)
        yield found
        await found.made.close()


async def test_a_clock_that_jumps_to_and_fro_puts_no_step_before_the_one_it_follows(
    world: World, database: Clone
) -> None:
    item = await made(world, "rectifying")
    report = {"content": "进展", "reported_on": str(clock.today() - timedelta(days=3)), "assessment": "in_progress"}
    for jump in JUMPS:
        async with world.at(jump):
            await (await world.as_("unit_head")).post(f"/items/{item['id']}/progress", report)
            item = await (await world.as_("supervision_office")).patch(f"/items/{item['id']}", {"remarks": f"{jump}"})
    history = await History.read(database.superuser_url)
    assert [*dense(history), *folds(history), *past_is_whole(history)] == []
    times = [event.said["at"] for event in history.by_subject[item["id"]]]
    assert times == sorted(set(times))
    assert len(times) == item["version"]


@pytest.fixture
async def cramped() -> AsyncIterator[Deployment]:
    """A deployment whose database lives on a small disk of its own."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    folder = Deployment.place()
    (folder / "var").mkdir(mode=0o711)
    if not await asyncio.to_thread(mount, folder / "var"):
        shutil.rmtree(folder)
        pytest.skip("no small disk can be mounted here")
    deployment = await asyncio.to_thread(Deployment.made, SMALL, services=1, workers=0, folder=folder)
    try:
        await deployment.start()
        yield deployment
    finally:
        await asyncio.to_thread(deployment.close)
        await asyncio.to_thread(unmount, folder / "var")
        shutil.rmtree(folder, ignore_errors=True)


def mount(place: Path) -> bool:
    program = shutil.which("mount")
    if program is None:
        return False
    told = [program, "-t", "tmpfs", "-o", f"size={DISK},mode=0711", "tmpfs", str(place)]
    return subprocess.run(told, check=False, capture_output=True).returncode == 0


def unmount(place: Path) -> None:
    program = shutil.which("umount")
    assert program is not None
    subprocess.run([program, str(place)], check=True)


@pytest.mark.skipif(not FULL, reason="a small disk of its own takes half a minute: make faults")
async def test_a_full_disk_refuses_writes_and_loses_none(cramped: Deployment) -> None:
    ballast = cramped.folder / "var" / "ballast"
    async with organisation(cramped) as made_, crowd(cramped, made_, SEED) as people:
        await people.acknowledged(50)
        fill(ballast)
        failed = await until_failing(people)
        readable = await reads(cramped)
        ballast.unlink()
        if not cramped.cluster.processes():  # nothing could be written any more, not even the log: it stopped itself
            await asyncio.to_thread(cramped.cluster.start)
        await people.acknowledged(50)
    say(
        f"disk full: {failed} answers of 5xx, reads {'went on' if readable else 'stopped too'}, {dict(people.journal.counts())}"
    )
    assert failed
    assert await people.findings() == []


def fill(path: Path) -> None:
    with suppress(OSError), path.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(64 * 1024))


async def until_failing(people: Crowd) -> int:
    """Until somebody was told that the service cannot write; how often."""
    async with asyncio.timeout(60):
        while not people.failures:  # noqa: ASYNC110 - any of the clients may be told
            await asyncio.sleep(0.1)
    await asyncio.sleep(3)
    return people.failures


async def reads(deployment: Deployment) -> bool:
    with suppress(OSError, asyncpg.PostgresError):
        return await deployment.cluster.ask("SELECT count(*) FROM item") is not None
    return False
