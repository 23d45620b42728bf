"""Lists asked for one at a time: words of two to four characters, and totals. Milliseconds, because that is their goal."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any, Final
from urllib.parse import urlencode

from bench import words

Ask = Callable[[str, str], Any]
"""Given who asks and the path, the answer."""
SEARCH_MS: Final = 50
_BEFORE: Final = 4
"""Times as many words as are timed."""
TOTALS: Final[tuple[dict[str, str], ...]] = ({}, {"state": "rectifying"}, {"q": "台账"})


def p95(ask: Ask, sees: str, questions: Sequence[dict[str, str]]) -> float:
    """Of questions asked in turn, the connection and the first preparation of the statement left out."""
    ask(sees, f"/v1/items?{urlencode(questions[0])}")
    took = []
    for question in questions:
        begun = time.perf_counter()
        ask(sees, f"/v1/items?{urlencode(question)}")
        took.append(1000 * (time.perf_counter() - begun))
    return sorted(took)[int(0.95 * len(took))]


def searches(ask: Ask, callers: Sequence[str], count: int, seed: int) -> Iterator[tuple[str, float, float]]:
    """Name, p95 and goal: every question other words, cut anywhere out of titles and descriptions.

    Many others were asked for before, by everybody: the service has been in use for an hour, not just begun to read its disk.
    """
    random = Random(seed + 1)
    for sees in callers:
        p95(ask, sees, [{"q": _cut(random, random.randrange(2, 5)), "limit": "50"} for _ in range(_BEFORE * count)])
    for characters in (2, 3, 4):
        random = Random(seed)
        asked = [{"q": _cut(random, characters), "limit": "50"} for _ in range(count)]
        for sees in callers:
            yield f"search, {characters} characters, {sees}: p95 (ms)", p95(ask, sees, asked), SEARCH_MS


def totals(ask: Ask, callers: Sequence[str], count: int) -> Iterator[tuple[str, float]]:
    """Name and p95 of a page with its total, which is counted up to 10,000."""
    for filters in TOTALS:
        asked = [{**filters, "limit": "50", "include": "total"}] * count
        by = ", ".join(filters.values()) or "all"
        for sees in callers:
            yield f"total, {by}, {sees}: p95 (ms)", p95(ask, sees, asked)


def _cut(random: Random, characters: int) -> str:
    text = random.choice((words.title, words.description))(random)
    runs = [run for run in re.split(r"\W", text) if len(run) >= characters]
    run = random.choice(runs)
    start = random.randrange(len(run) - characters + 1)
    return run[start : start + characters]
