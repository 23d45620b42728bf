"""From the rounds of all products to the table: this product against the better of the others, task by task."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from bench import load
from bench.load import Result
from bench.others.ground import CHANGES, COUNTED_LIST, LIST, PAGE, READ, WRITE

P99: Final = 60
FIGURES: Final[Mapping[str, tuple[str, float | None]]] = {
    WRITE: ("change of state with its history", 3),
    READ: (f"item with its history of {CHANGES}", 13),
    LIST: (f"page of {PAGE} by state, by due date", 15),
    COUNTED_LIST: ("the same with the total, which theirs always count", None),
}
Rounds = Mapping[str, Sequence[Result]]
"""The results of each task, one a round."""


@dataclass(frozen=True, slots=True)
class Line:
    """One task; `ratios` are how many times as many of them ours does as each other product, medians over the rounds."""

    figure: str
    goal: float | None
    ours: Result
    theirs: Mapping[str, Result]
    ratios: Mapping[str, float]

    @property
    def ratio(self) -> float:
        """Against the better of the others."""
        return min(self.ratios.values())

    @property
    def met(self) -> str:
        if self.goal is None:
            return ""
        return "met" if self.ratio >= self.goal and self.ours.p99 <= P99 else "MISSED"

    @property
    def refused(self) -> int:
        return self.ours.refused + sum(result.refused for result in self.theirs.values())


def lines(ours: Rounds, theirs: Mapping[str, Rounds]) -> Iterator[Line]:
    for task, (figure, goal) in FIGURES.items():
        same = LIST if task == COUNTED_LIST else task
        ratios = {
            name: median(
                mine.rate / max(other.rate, 0.01) for mine, other in zip(ours[task], rounds[same], strict=True)
            )
            for name, rounds in theirs.items()
        }
        found = {name: load.middle(rounds[same]) for name, rounds in theirs.items()}
        yield Line(figure, goal, load.middle(ours[task]), found, ratios)


def show(found: Sequence[Line]) -> None:
    others = list(found[0].theirs)
    heads = ["figure", "goal", "ours ÷ better of theirs", "", *(f"÷ {name}" for name in others)]
    heads += [f"{what}, {name}" for what in ("p99 ms", "CPU ms") for name in ("ours", *others)]
    print(f"\n| {' | '.join(heads)} | refused |\n|{'---|' * (len(heads) + 1)}")
    for line in found:
        goal = "" if line.goal is None else f"≥ {line.goal:.0f}, p99 ≤ {P99} ms"
        all_of_them = (line.ours, *line.theirs.values())
        cells = [line.figure, goal, f"{line.ratio:.1f}", line.met, *(f"{ratio:.1f}" for ratio in line.ratios.values())]
        cells += [f"{result.p99:.0f}" for result in all_of_them]
        cells += [f"{result.cpu / 1000:.1f}" for result in all_of_them]
        print(f"| {' | '.join(cells)} | {line.refused} |")
