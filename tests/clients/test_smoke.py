"""The API description passes both linters; clients generated from it compile and do a piece of work on a live service.

`make clients` does the same with Java, with every type checked, on the whole demonstration.
"""

import asyncio
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from clients import tools
from clients.__main__ import asked
from clients.languages import LANGUAGES, Steps, lint, python, typescript
from clients.tools import ROOT, FailedError, MissingError

from .conftest import DRAFTS

STATIONS = ["登录", "事项", "提交", "版本过时", "条件不满足", "立账", "可以销号"]


async def carried_out(steps: Steps) -> Mapping[str, str]:
    """What each step printed; a toolchain that is not there, or cannot be fetched, skips the test and says so."""
    said = {}
    for name, work in steps.items():
        try:
            said[name] = await asyncio.to_thread(work)
        except MissingError as missing:
            pytest.skip(f"缺少 missing: {missing}")
        except FailedError as failed:
            if name == "install" and "CI" not in os.environ:
                pytest.skip(f"无法安装 cannot be installed: {failed}")
            raise
    return said


def test_all_parts_are_carried_out_unless_some_are_named() -> None:
    assert asked([]) == ["lint", *LANGUAGES]
    assert asked(["java", "lint"]) == ["java", "lint"]
    with pytest.raises(SystemExit):
        asked(["cobol"])


def assert_did_the_work(said: str) -> None:
    lines = [line for line in said.splitlines() if not line.startswith(" ")]
    assert [line.split(" ")[0] for line in lines] == STATIONS
    assert lines[1].endswith(f" {DRAFTS}"), "the cursor was followed to the end"
    assert "412 version_mismatch current_version 2" in lines[3]
    assert re.search(r"409 guards_unmet .*register\.severity_missing", lines[4])
    assert re.search(r"[A-Z]{2}-\d{4}-\d{4} registered", lines[5])
    assert said.count("gate.") == 3


async def test_the_linters_find_nothing_in_the_api_description() -> None:
    said = await carried_out(lint())
    assert "No results" in said["spectral"]
    assert "Your API description is valid" in said["redocly"]


async def test_the_linters_would_find_something(tmp_path: Path) -> None:
    await carried_out({"install": lambda: str(tools.node())})
    broken = tmp_path / "openapi.json"
    nameless = {"/a": {"get": {"responses": {"200": {"description": "answered"}}}}}
    broken.write_text(json.dumps({"openapi": "3.1.0", "info": {"title": "a", "version": "1"}, "paths": nameless}))
    rules = ROOT / "openapi"
    for command in (
        ("spectral", "lint", "--ruleset", rules / "spectral.yaml", "--fail-severity", "warn", broken),
        ("redocly", "lint", "--config", rules / "redocly.yaml", broken),
    ):
        with pytest.raises(FailedError, match="operation"):
            await asyncio.to_thread(tools.run, tools.node() / command[0], *command[1:])


async def test_a_typescript_client_compiles_and_does_a_piece_of_work(where: dict[str, str]) -> None:
    said = await carried_out(typescript(where, whole=False))
    assert_did_the_work(said["drive"])


async def test_a_python_client_does_a_piece_of_work(where: dict[str, str]) -> None:
    said = await carried_out(python(where, whole=False))
    assert_did_the_work(said["drive"])
