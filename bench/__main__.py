"""`python -m bench`: seeds a private database, measures, prints the table of ratios."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from bench import load, replay, sealing, verify
from bench.bulk import filled
from bench.cells import Bench, Options, Row
from bench.database import database
from bench.figures import Figures
from bench.others import compare, table
from bench.sealing import Pace, Sealing

SMOKE_PACE = Pace(rate=100, seconds=4)
SMOKE = Options(items=300, rounds=1, seconds=0.3, assigned=1500, watched=3, searched=3)


def run(options: Options) -> list[Row]:
    """Seeds and measures; every row carries its goal."""
    with database() as (superuser, url), tempfile.TemporaryDirectory(prefix="rectify-bench-var-") as var:
        world = filled(superuser, options.items, options.seed, assigned=options.assigned)
        bench = Bench(options, world, superuser, url, Path(var))
        return bench.rows()


def run_figures(options: Options, kept: Path | None = None) -> list[Row]:
    """Measures figures over items with long lives, seeded now or found in the folder that was kept."""
    with database(kept) as (superuser, url), tempfile.TemporaryDirectory(prefix="rectify-bench-var-") as var:
        world = filled(superuser, options.items, options.seed, lived=True, kept=kept)
        # The keys a service made belong to the database, which knows their fingerprints.
        return Figures(world, url, kept or Path(var), watched=options.watched).rows()


def run_sealing(options: Options, pace: Pace) -> list[Row]:
    """Seeds items that wait to be moved and measures how long their events wait to be sealed."""
    options = replace(options, assigned=pace.items)
    with (
        database(tuning=sealing.TUNING) as (superuser, url),
        tempfile.TemporaryDirectory(prefix="rectify-bench-var-") as var,
    ):
        world = filled(superuser, options.items, options.seed, assigned=options.assigned)
        return Sealing(world, superuser, url, Path(var), pace).rows()


def print_others(options: Options) -> None:
    """Ends with 2 where nothing is installed to compare with."""
    try:
        found = compare.run(options)
    except compare.MissingError as error:
        print(error, file=sys.stderr)
        raise SystemExit(2) from None
    print_header(options)
    print(compare.described())
    table.show(found)


def show(rows: list[Row], options: Options) -> None:
    print_header(options)
    print_table(rows)


def print_header(options: Options) -> None:
    names = (
        ("python", platform.python_version()),
        *((name, version(name)) for name in ("fastapi", "pydantic", "asyncpg")),
    )
    print(
        f"\n{options.items} items, seed {options.seed}, {options.rounds} alternating rounds of {options.seconds} s, "
        f"{load.CONNECTIONS} connections, 1 worker, client {load.tool()}, {os.cpu_count()} cores, "
        + ", ".join(f"{name} {found}" for name, found in names)
    )


def print_table(rows: list[Row]) -> None:
    print("\n| figure | goal | measured | | p99/p50 | CPU µs/request | refused |\n|---|---|---|---|---|---|---|")
    for row in rows:
        met = "" if row.met is None else ("met" if row.met else "MISSED")
        tail = "" if row.tail is None else f"{row.tail:.1f}"
        cpu = "" if row.cpu is None else f"{row.cpu:.0f}"
        print(f"| {row.name} | {row.goal} | {row.measured:.2f} | {met} | {tail} | {cpu} | {row.refused} |")


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--items", type=int, default=10_000, help="size of the ledger")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3, help="length of one cell of one round")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--smoke", action="store_true", help="tiny: proves that everything runs, measures nothing")
    parser.add_argument("--figures", action="store_true", help="the board and statistics, over items with long lives")
    parser.add_argument("--lived", action="store_true", help="seed: items with long lives")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="seed, --figures: a folder to fill once and use again")
    what = "the offline verifier; the sealer under load; Redmine and Request Tracker; or only fill the folder of --keep"
    parser.add_argument("what", nargs="?", choices=["verify", "sealing", "others", "seed"], help=what)
    parser.add_argument("--events", type=int, default=100_000, help="length of the history that is verified")
    return parser


def main() -> None:
    parser = arguments()
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
    if given.what == "others":
        print_others(options)
        return
    if given.what == "seed":
        if given.keep is None:
            parser.error("seed fills the folder named by --keep")
        with database(given.keep) as (superuser, _):
            filled(superuser, options.items, options.seed, lived=given.lived, kept=given.keep)
        return
    if given.figures:
        show(run_figures(options, given.keep), options)
        return
    if replay.program() is None:
        print("no pgbench on this machine: the ratios against it are left out", file=sys.stderr)
    show(run(options), options)


if __name__ == "__main__":
    main()
