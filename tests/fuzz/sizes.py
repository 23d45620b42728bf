"""How much is fuzzed, and from which seed: RECTIFY_TEST_FUZZ=full and RECTIFY_TEST_SEED=… (see docs/guides/testing.md)."""

import os

SEED = int(os.environ.get("RECTIFY_TEST_SEED", "20261126"))
FULL = os.environ.get("RECTIFY_TEST_FUZZ") == "full"
REPLAY = f"RECTIFY_TEST_SEED={SEED}"


def sized(smoke: int, full: int) -> int:
    return full if FULL else smoke
