"""Alternating rounds of the same tasks, and the table: this product against the better of the others."""

from __future__ import annotations

import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final

import httpx2

from bench import load
from bench.cells import MOVES_A_SECOND, Options
from bench.database import database
from bench.load import Result, Work
from bench.others import ground
from bench.others.ground import CHANGES, COUNTED_LIST, LIST, PAGE, READ, WRITE, Product, Served, Size
from bench.others.ours import Ours
from bench.others.redmine import Redmine
from bench.others.table import Line, lines
from bench.others.tracker import Tracker

OTHERS: Final = (Redmine, Tracker)
TASKS: Final = (WRITE, READ, LIST, COUNTED_LIST)
WARM: Final = 2
"""Seconds of the round before the first."""
EXPECTED: Final = {READ: CHANGES, LIST: PAGE, COUNTED_LIST: PAGE}


class MissingError(Exception):
    """Neither of the others is installed, or no load generator; says what to install."""


class Comparison:
    """All products at once, of which one is asked at a time."""

    def __init__(self, served: Sequence[tuple[Product, Served]], options: Options, size: Size) -> None:
        self.served, self.options, self.size = served, options, size
        self.postgres = ground.postmaster(served[0][0].url)
        self.results: dict[str, dict[str, list[Result]]] = defaultdict(lambda: defaultdict(list))

    def run(self) -> list[Line]:
        for product, served in self.served:
            self._check(product, served)
            self._round(product, served, 0)
        self.results.clear()  # those only warmed up
        for number in range(1, self.options.rounds + 1):
            for product, served in self.served if number % 2 else reversed(self.served):
                self._round(product, served, number)
        ours, *others = (product.name for product, _ in self.served)
        return list(lines(self.results[ours], {name: self.results[name] for name in others}))

    def _work(self, product: Product, served: Served, task: str, number: int) -> Work | None:
        """Each round takes waiting items of its own, and the one that warms up before them as well."""
        share = self.size.waiting // (self.options.rounds + 1)
        first = self.size.items - self.size.waiting + 1 + number * share
        return product.work(task, served.port, range(first, first + share))

    def _check(self, product: Product, served: Served) -> None:
        """That a task is the same for all: as many entries of history, as many items on a page."""
        for task, expected in EXPECTED.items():
            work = self._work(product, served, task, 0)
            if work is None:
                continue
            found = product.entries(task, [_ask(work, path) for path in work.paths[:2]])
            if found != expected:
                raise RuntimeError(f"{product.name}: {task} gives {found} entries instead of {expected}")

    def _round(self, product: Product, served: Served, number: int) -> None:
        for task in TASKS:
            work = self._work(product, served, task, number)
            if work is None:
                continue
            seconds = self.options.seconds if number else min(WARM, self.options.seconds)
            first = ground.moved(product) if task == WRITE else None
            result = self._measured(served, work, seconds)
            if first is not None:
                result = _proven(result, ground.moved(product) - first)
            if task == READ and product.pairs:
                result = replace(result, rate=result.rate / 2, cpu=2 * result.cpu)
            self.results[product.name][task].append(result)
            _tell(
                f"{product.name}, {task}: {result.rate:.1f} a second, p99 {result.p99:.0f} ms, {result.refused} refused"
            )

    def _measured(self, served: Served, work: Work, seconds: float) -> Result:
        """CPU is the product's and PostgreSQL's: the others leave more of the work to it, or less."""
        before = load.cpu(self.postgres)
        result = load.measure(work, served.process, seconds)
        spent = 1e6 * (load.cpu(self.postgres) - before) / max(result.requests, 1)
        ground.settle(served.process)
        return replace(result, cpu=result.cpu + spent)


def _proven(result: Result, recorded: int) -> Result:
    """An answered write that history does not hold counts as refused: Redmine answers 204 to those it ignores."""
    return replace(result, refused=result.refused + max(result.requests - result.refused - recorded, 0))


def _ask(work: Work, path: str) -> object:
    answer = httpx2.get(f"http://127.0.0.1:{work.port}{path}", headers=work.sent, timeout=load.PATIENCE)
    answer.raise_for_status()
    return answer.json()


def _tell(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)


def present() -> list[type[Redmine | Tracker]]:
    """The others that are installed; says what is absent, and raises MissingError where nothing can be compared."""
    found = [other for other in OTHERS if other.missing() is None]
    absent = " ".join(packages for other in OTHERS if (packages := other.missing()))
    if not load.uses_wrk():
        absent = f"wrk {absent}"
    if absent:
        command = f"DEBIAN_FRONTEND=noninteractive apt-get install --no-install-recommends dbconfig-no-thanks {absent}"
        told = f"缺少软件包，安装 Packages are missing; to install them: {command}"
        if not (found and load.uses_wrk()):
            raise MissingError(told)
        print(told, file=sys.stderr)
    return found


def described() -> str:
    """What ours was compared with."""
    return "; ".join(f"{other.name} {ground.packaged(other.package)} on {other.server}" for other in present())


def run(options: Options) -> list[Line]:
    """Fills a private server for every product that is here, serves them all, and measures."""
    others = present()
    waiting = int((options.rounds + 1) * max(options.seconds, 1) * MOVES_A_SECOND)
    size = Size(options.items + waiting, waiting)
    with (
        database() as (superuser, url),
        tempfile.TemporaryDirectory(prefix="rectify-bench-others-") as place,
        ExitStack() as running,
    ):
        folder = Path(place)
        made: list[Product] = [Ours(superuser, url, folder, size, options.seed)]
        made += [other(superuser, folder, size, options.seed) for other in others]
        for product in made:
            begun = time.perf_counter()
            product.prepare()
            _tell(f"{product.name}: {size.items} items in {time.perf_counter() - begun:.0f} s")
        served = [(product, running.enter_context(product.serving())) for product in made]
        return Comparison(served, options, size).run()
