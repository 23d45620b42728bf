"""`python -m bench`: seeds a private database, measures, prints the table of ratios."""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import asyncpg

from app.core import embedded_postgres, migrate
from bench import load, replay, sealing, verify
from bench.cells import Bench, Options, Row
from bench.figures import Figures
from bench.sealing import Pace, Sealing
from bench.seed import World, fill

TUNING = {"shared_buffers": "512MB", "max_wal_size": "4GB", "checkpoint_timeout": "15min"}
SMOKE_PACE = Pace(rate=100, seconds=4)
SMOKE = Options(items=300, rounds=1, seconds=0.3, assigned=1500, watched=3, searched=3)


@contextmanager
def database(**more: str) -> Iterator[tuple[str, str]]:
    """A private embedded server with durability on; gives the superuser's address and the service's."""
    folder = Path(tempfile.mkdtemp(prefix="rectify-bench-"))
    folder.chmod(0o711)
    started = embedded_postgres.start(folder / "var", tuning={**TUNING, **more})
    try:
        migrate.migrate(started.migrate_url)
        yield started.migrate_url, started.app_url
    finally:
        started.stop()
        shutil.rmtree(folder, ignore_errors=True)


async def _seed(url: str, options: Options, *, lived: bool = False) -> World:
    connection = await asyncpg.connect(url)
    try:
        if lived:
            return await fill(connection, options.items, seed=options.seed, lived=True)
        return await fill(connection, options.items, seed=options.seed, assigned=options.assigned)
    finally:
        await connection.close()


def run(options: Options) -> list[Row]:
    """Seeds and measures; every row carries its goal."""
    with database() as (superuser, url), tempfile.TemporaryDirectory(prefix="rectify-bench-var-") as var:
        begun = time.perf_counter()
        world = asyncio.run(_seed(superuser, options))
        print(f"seeded {options.items + options.assigned} items in {time.perf_counter() - begun:.0f} s", flush=True)
        bench = Bench(options, world, superuser, url, Path(var))
        return bench.rows()


def run_figures(options: Options) -> list[Row]:
    """Seeds items with long lives and measures figures over them."""
    with database() as (superuser, url), tempfile.TemporaryDirectory(prefix="rectify-bench-var-") as var:
        begun = time.perf_counter()
        world = asyncio.run(_seed(superuser, options, lived=True))
        versions = asyncio.run(_versions(superuser))
        print(f"seeded {options.items} items, {versions} versions in {time.perf_counter() - begun:.0f} s", flush=True)
        return Figures(world, url, Path(var), watched=options.watched).rows()


def run_sealing(options: Options, pace: Pace) -> list[Row]:
    """Seeds items that wait to be moved and measures how long their events wait to be sealed."""
    options = replace(options, assigned=pace.items)
    with (
        database(**sealing.TUNING) as (superuser, url),
        tempfile.TemporaryDirectory(prefix="rectify-bench-var-") as var,
    ):
        world = asyncio.run(_seed(superuser, options))
        return Sealing(world, superuser, url, Path(var), pace).rows()


async def _versions(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        found: int = await connection.fetchval("SELECT count(*) FROM item_version")
        return found
    finally:
        await connection.close()


def show(rows: list[Row], options: Options) -> None:
    names = (
        ("python", platform.python_version()),
        *((name, version(name)) for name in ("fastapi", "pydantic", "asyncpg")),
    )
    print(
        f"\n{options.items} items, seed {options.seed}, {options.rounds} alternating rounds of {options.seconds} s, "
        f"{load.CONNECTIONS} connections, 1 worker, client {load.tool()}, {os.cpu_count()} cores, "
        + ", ".join(f"{name} {found}" for name, found in names)
    )
    print_table(rows)


def print_table(rows: list[Row]) -> None:
    print("\n| figure | goal | measured | | p99/p50 | CPU µs/request | refused |\n|---|---|---|---|---|---|---|")
    for row in rows:
        met = "" if row.met is None else ("met" if row.met else "MISSED")
        tail = "" if row.tail is None else f"{row.tail:.1f}"
        cpu = "" if row.cpu is None else f"{row.cpu:.0f}"
        print(f"| {row.name} | {row.goal} | {row.measured:.2f} | {met} | {tail} | {cpu} | {row.refused} |")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--items", type=int, default=10_000, help="size of the ledger")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3, help="length of one cell of one round")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--smoke", action="store_true", help="tiny: proves that everything runs, measures nothing")
    parser.add_argument("--figures", action="store_true", help="the board and statistics, over items with long lives")
    parser.add_argument(
        "what", nargs="?", choices=["verify", "sealing"], help="the offline verifier, or the sealer under load"
    )
    parser.add_argument("--events", type=int, default=100_000, help="length of the history that is verified")
    given = parser.parse_args()
    options = Options(given.items, given.rounds, given.seconds, given.seed)
    options = SMOKE if given.smoke else options
    if given.what == "verify":
        print_table(verify.rows(2000 if given.smoke else given.events, options.rounds, options.seed))
        return
    if given.what == "sealing":
        pace = SMOKE_PACE if given.smoke else Pace()
        print(f"\n{pace.rate} events a second asked for, {pace.seconds:.0f} s, batches of {sealing.AT_ONCE}, 1 process")
        print_table(run_sealing(options, pace))
        return
    if given.figures:
        show(run_figures(options), options)
        return
    if replay.program() is None:
        print("no pgbench on this machine: the ratios against it are left out", file=sys.stderr)
    show(run(options), options)


if __name__ == "__main__":
    main()
