"""Alternating rounds of the same tasks, and the table: this product against the better of the others."""

from __future__ import annotations

import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
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
from bench.others.tracker import Tracker

OTHERS: Final = (Redmine, Tracker)
TASKS: Final = (WRITE, READ, LIST, COUNTED_LIST)
EXPECTED: Final = {READ: CHANGES, LIST: PAGE, COUNTED_LIST: PAGE}
P99: Final = 60


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table; p99 in ms, CPU of the servers in ms a task."""

    figure: str
    goal: float | None
    ratio: float
    better: str
    ours: Result
    theirs: Result

    @property
    def met(self) -> str:
        if self.goal is None:
            return ""
        return "met" if self.ratio >= self.goal and self.ours.p99 <= P99 else "MISSED"


FIGURES: Final[Mapping[str, tuple[str, float | None]]] = {
    WRITE: ("change of state with its history", 10),
    READ: (f"item with its history of {CHANGES}", 25),
    LIST: (f"page of {PAGE} by state, in order of due date", 15),
    COUNTED_LIST: ("the same with the total that theirs always count", None),
}


class MissingError(Exception):
    """Neither of the others is installed, or no load generator; says what to install."""


class Comparison:
    """All products at once, of which one is asked at a time."""

    def __init__(self, products: Sequence[Product], served: Mapping[str, Served], options: Options, size: Size) -> None:
        self.products, self.served, self.options, self.size = products, served, options, size
        self.results: dict[tuple[str, str], list[Result]] = defaultdict(list)

    def run(self) -> list[Line]:
        for product in self.products:
            self._check(product)
            self._round(product, 0, keep=False)
        for number in range(self.options.rounds):
            for product in self.products if number % 2 == 0 else reversed(self.products):
                self._round(product, number + 1, keep=True)
        return list(self._lines())

    def _work(self, product: Product, kind: str, number: int) -> Work | None:
        """Each round takes waiting items of its own, and the one that warms up before them as well."""
        share = self.size.waiting // (self.options.rounds + 1)
        first = self.size.items - self.size.waiting + 1 + number * share
        return product.work(kind, self.served[product.name].port, range(first, first + share))

    def _check(self, product: Product) -> None:
        """That a task is the same for all: as many entries of history, as many items on a page."""
        for kind, expected in EXPECTED.items():
            work = self._work(product, kind, 0)
            if work is None:
                continue
            answers = [_ask(work, path) for path in work.paths[:2]]
            found = product.entries(kind, answers)
            if found != expected:
                raise RuntimeError(f"{product.name}: {kind} gives {found} entries instead of {expected}")

    def _round(self, product: Product, number: int, *, keep: bool) -> None:
        process = self.served[product.name].process
        seconds = self.options.seconds if keep else min(self.options.seconds, 2)
        for kind in TASKS:
            work = self._work(product, kind, number)
            if work is None:
                continue
            before = ground.moved(product) if kind == WRITE else 0
            result = load.measure(work, process, seconds)
            ground.settle(lambda: load.cpu(process))
            if kind == WRITE:
                unrecorded = result.requests - result.refused - (ground.moved(product) - before)
                result = replace(result, refused=result.refused + max(unrecorded, 0))
            if keep:
                self.results[product.name, kind].append(_as_task(result, kind, work))
                _tell(f"{product.name}, {kind}: {result.rate:.0f} requests/s, {result.refused} refused")

    def _lines(self) -> Iterator[Line]:
        ours, *others = (product.name for product in self.products)
        for kind in TASKS:
            compared = LIST if kind == COUNTED_LIST else kind
            mine, theirs = self.results[ours, kind], {name: self.results[name, compared] for name in others}
            better = max(theirs, key=lambda name: load.middle(theirs[name]).rate)
            best = [max(round_, key=lambda result: result.rate) for round_ in zip(*theirs.values(), strict=True)]
            ratio = median(one.rate / other.rate for one, other in zip(mine, best, strict=True))
            refused = sum(result.refused for results in theirs.values() for result in results)
            found = replace(load.middle(theirs[better]), refused=refused)
            yield Line(*FIGURES[kind], ratio, better, load.middle(mine), found)


def _as_task(result: Result, kind: str, work: Work) -> Result:
    """An item with its history may take two requests, which count as one; latencies stay those of one request."""
    pair = kind == READ and work.paths[0] in work.paths[1]
    return replace(result, rate=result.rate / 2, cpu=result.cpu * 2) if pair else result


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


def run(options: Options) -> list[Line]:
    """Fills a private server for every product that is here, serves them all, and measures."""
    others = present()
    waiting = int((options.rounds * options.seconds + 2) * MOVES_A_SECOND) + options.rounds
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
        served = {product.name: running.enter_context(product.serving()) for product in made}
        return Comparison(made, served, options, size).run()


def show(lines: Sequence[Line]) -> None:
    print("\n| figure | goal | ours ÷ better of theirs | | p99 ours (ms) | p99 theirs (ms) | CPU ours (ms) | CPU theirs (ms) "
          "| refused |\n|---|---|---|---|---|---|---|---|---|")  # fmt: skip
    for line in lines:
        goal = "" if line.goal is None else f"≥ {line.goal:.0f}, p99 ≤ {P99} ms"
        print(
            f"| {line.figure} | {goal} | {line.ratio:.1f} ({line.better}) | {line.met} | {line.ours.p99:.0f} "
            f"| {line.theirs.p99:.0f} | {line.ours.cpu / 1000:.2f} | {line.theirs.cpu / 1000:.0f} "
            f"| {line.ours.refused + line.theirs.refused} |"
        )
