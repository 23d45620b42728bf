"""Ten minutes on a slow machine too: the harnesses run last, and those not begun when the time is up are skipped and say so.

`make test` sets RECTIFY_TEST_BUDGET, in seconds; without it nothing is ever skipped. What is skipped here runs in full by
a target of its own (`make crash`, `make lin`, …).
"""

import os
import time
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
HARNESSES = tuple(
    str(TESTS / place)
    for place in (
        "journeys/test_real_ledgers.py", "trail/mutants", "trail/test_honest.py", "trail/test_audit.py",
        "matrix/test_writes.py", "platform/test_cli_keys.py", "platform/test_export_command.py",
        "platform/test_audit_command.py", "crash", "model", "lin", "fuzz", "faults", "features/past/test_walk.py",
        "features/history/test_stream.py", "clients", "browser", "bench",
    )
)  # fmt: skip
"""In the order in which they are run: what guards the most comes first."""
STARTED = time.monotonic()
BUDGET = float(os.environ.get("RECTIFY_TEST_BUDGET", "inf"))


def _place(item: pytest.Item) -> int:
    path = str(item.path)
    return next((number for number, place in enumerate(HARNESSES, start=1) if path.startswith(place)), 0)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=_place)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if _place(item) and time.monotonic() - STARTED > BUDGET:
        pytest.skip(f"after {BUDGET:.0f} s on a slow machine the harnesses give way; RECTIFY_TEST_BUDGET=inf runs all")
