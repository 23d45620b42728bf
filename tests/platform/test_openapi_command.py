"""`rectify openapi`: what is written, compared and kept for a release."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli import cli

COMMITTED = Path(__file__).parents[2] / "openapi" / "openapi.json"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for the repository: the command writes below where it is called."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "openapi").mkdir()
    return tmp_path / "openapi"


def rectify(*arguments: str) -> tuple[int, str]:
    ended = CliRunner().invoke(cli, ["openapi", *arguments])
    return ended.exit_code, ended.output


def older(home: Path) -> Path:
    """A description with an operation more than the program has."""
    document: dict[str, Any] = json.loads(COMMITTED.read_text(encoding="utf-8"))
    path = home / "older.json"
    document["paths"]["/gone"] = document["paths"]["/livez"]
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_a_release_keeps_its_description_and_a_check_tells_a_stale_one(home: Path) -> None:
    assert rectify("--release") == (0, "")
    assert (home / "released.json").read_bytes() == (home / "openapi.json").read_bytes() == COMMITTED.read_bytes()
    assert rectify("--check") == (0, "")
    (home / "openapi.json").write_text("{}", encoding="utf-8")
    assert rectify("--check")[0] == 1


def test_a_comparison_names_what_breaks_and_whether_it_is_listed(home: Path) -> None:
    gone = "operation-removed GET /gone"
    assert rectify("--compare", str(older(home))) == (1, f"{gone}\n")
    changes = home / "CHANGES.md"
    changes.write_text(f"## [9.9.9]\n- `{gone}`：不再需要 no longer needed\n## [0.1.0]\n", encoding="utf-8")
    assert rectify("--compare", str(older(home))) == (0, f"（已列出 listed）{gone}\n")
    ended, said = rectify("--compare", str(COMMITTED))
    assert (ended, gone in said) == (1, True)
