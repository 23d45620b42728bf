"""Every item behaves as if one thing happened after another, whatever is asked for at once; the checkers can tell.

RECTIFY_TEST_LIN_OPS (1000 unless set) are shared out over two isolation levels, calm and with breaking connections;
`make lin` does 20,000 of each of the four.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from itertools import product

import pytest

from tests.lin.arena import Bout, Prepared, fight, pace
from tests.support.bugs import BUGS, TRIPWIRES, WITHOUT_TRIPWIRES, planted
from tests.support.crowd import say

OPS = int(os.environ.get("RECTIFY_TEST_LIN_OPS", "250"))
SEED = int(os.environ.get("RECTIFY_TEST_SEED", "20261126"))
ISOLATION = "ALTER DATABASE \"{{database}}\" SET default_transaction_isolation = '{}'"
LEVELS = ("read committed", "serializable")
ATTEMPTS = 6
"""Bouts of 120 operations until a mistake must have shown; most show in the first."""


@pytest.mark.parametrize(("level", "faults"), list(product(LEVELS, (False, True))))
async def test_one_order_explains_what_everybody_saw(prepared: Prepared, level: str, faults: bool) -> None:
    started, database = time.monotonic(), await prepared.copy(ISOLATION.format(level))
    result = await fight(prepared, database, Bout(OPS, SEED, faults=faults))
    say(f"{level}, {'faults' if faults else 'calm'}: {pace(result, started)}")
    assert not result.findings, "\n".join(result.findings[:30])
    assert result.journal.counts()["ok"] >= OPS // 3
    await prepared.drop(database)


@pytest.mark.parametrize("bug", BUGS.values(), ids=BUGS.keys())
async def test_the_checkers_find_the_mistake(prepared: Prepared, bug: Callable[..., None]) -> None:
    name, findings = bug.__name__, list[str]()
    for attempt in range(ATTEMPTS):
        database = await prepared.copy(*(TRIPWIRES if name in WITHOUT_TRIPWIRES else ()))
        with planted(bug):
            result = await fight(prepared, database, Bout(120, SEED + attempt))
        findings += result.findings
        await prepared.drop(database)
        if findings:
            break
    say(f"{name}: {len(findings)} findings in {attempt + 1} bouts, first: {next(iter(findings), None)}")
    assert findings
