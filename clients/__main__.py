"""`python -m clients [lint] [typescript] [python] [java]`: lints, generates, compiles, and uses clients; all by default."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from clients.languages import LANGUAGES, Steps, lint
from clients.service import demonstration
from clients.tools import FailedError, MissingError


def carry_out(name: str, steps: Steps, *, show: str = "drive") -> str:
    """`done`, `skipped` or `failed`, with one line for each step; what a client printed is shown."""
    for step, work in steps.items():
        begun = time.perf_counter()
        print(f"{name}: {step} …", end=" ", flush=True)
        try:
            said = work()
        except MissingError as missing:
            print(f"跳过 skipped，缺少 missing: {missing}")
            return "skipped"
        except FailedError as failed:
            print(f"失败 failed\n{failed}")
            return "failed"
        print(f"{time.perf_counter() - begun:.1f} s")
        if step == show:
            print("\n".join(f"    {line}" for line in said.splitlines()))
    return "done"


def asked(words: Sequence[str] | None = None) -> list[str]:
    """The parts named on the command line, or all of them."""
    everything = ["lint", *LANGUAGES]
    parser = argparse.ArgumentParser(prog="python -m clients", description=__doc__)
    # Without `choices`: argparse would look for the empty list among them where nothing is named.
    parser.add_argument("parts", nargs="*", metavar="|".join(everything))
    named: list[str] = parser.parse_args(words).parts
    if unknown := sorted(set(named) - set(everything)):
        parser.error(f"没有 there is no: {' '.join(unknown)}")
    return named or everything


def main() -> int:
    parts = asked()
    ended: dict[str, str] = {}
    if "lint" in parts:
        ended["lint"] = carry_out("lint", lint())
    wanted = [language for language in LANGUAGES if language in parts]
    if wanted:
        print("service: 启动并写入演示数据 starting, with the demonstration …", flush=True)
        with demonstration() as where:
            for language in wanted:
                ended[language] = carry_out(language, LANGUAGES[language](where))
    print("、".join(f"{name} {outcome}" for name, outcome in ended.items()))
    return int("failed" in ended.values())


if __name__ == "__main__":
    sys.exit(main())
