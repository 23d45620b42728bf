"""The verifier as one file, run where nothing of the service is; and `rectify verify`, which is the same program."""

from __future__ import annotations

import ast
import gzip
import json
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import cli
from app.trail.proof.command import main
from app.trail.verifier_script import script
from tests.trail.proof.history_maker import Maker, ordinary, reread, written

NEEDED = ("cryptography", "_cffi_backend", "cffi", "typing_extensions")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("script") / "verifier.py"
    outcome = CliRunner().invoke(cli, ["verify", "--script", str(path)])
    assert outcome.exit_code == 0, outcome.output
    return path


@pytest.fixture(scope="module")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `cryptography` and what it needs, and nothing else that is installed here."""
    folder = tmp_path_factory.mktemp("libraries")
    for name in NEEDED:
        spec = find_spec(name)
        if spec is not None and spec.origin is not None:
            origin = Path(spec.origin)
            (folder / origin.name if spec.submodule_search_locations is None else folder / name).symlink_to(
                origin if spec.submodule_search_locations is None else origin.parent
            )
    return folder


@pytest.fixture
def files(tmp_path: Path) -> Path:
    made = ordinary()
    (tmp_path / "honest.ndjson").write_bytes(b"".join(made.export()))
    (tmp_path / "honest.ndjson.gz").write_bytes(gzip.compress(b"".join(made.export())))
    (tmp_path / "note.txt").write_text(str(made.checkpoints[1]["note"]), encoding="utf-8")
    (tmp_path / "receipt.txt").write_text(made.receipt(made.events[-2]), encoding="utf-8")
    vkeys = [line["vkey"] for line in made.key_lines if line["vkey"]]
    (tmp_path / "policy.json").write_text(json.dumps({"origin": made.origin, "vkeys": vkeys}), encoding="utf-8")
    documents = reread(made.export())
    next(one for one in documents if one["t"] == "item")["row"]["state"] = "closed"
    (tmp_path / "changed.ndjson").write_bytes(b"".join(written(documents)))
    (tmp_path / "half.ndjson").write_bytes(b"".join(made.export()[:-1]))
    return tmp_path


CASES = [
    (["honest.ndjson", "--against", "note.txt", "--against", "receipt.txt", "--policy", "policy.json", "--strict"], 0),
    (["honest.ndjson.gz", "--against", "note.txt"], 0),
    (["changed.ndjson", "--against", "note.txt"], 1),
    (["half.ndjson"], 2),
    (["nowhere.ndjson"], 2),
    (["honest.ndjson", "--policy", "note.txt"], 2),
    (["honest.ndjson"], 3),
    (["honest.ndjson", "--against", "note.txt", "--max-age", "1d"], 4),
]


@pytest.mark.parametrize(("arguments", "code"), CASES)
def test_the_file_runs_alone_and_says_what_it_found_by_its_exit_code(
    program: Path, libraries: Path, files: Path, arguments: list[str], code: int
) -> None:
    """Isolated and without this installation's packages: only the standard library and the folder of libraries."""
    run = f"import runpy, sys; sys.path.append({str(libraries)!r}); sys.argv = {[str(program), *arguments]!r}; "
    command = [sys.executable, "-I", "-S", "-c", f"{run}runpy.run_path(sys.argv[0], run_name='__main__')"]
    done = subprocess.run(command, cwd=files, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (code, ""), done.stdout
    name = {0: "VERIFIED", 1: "TAMPERED", 2: "MALFORMED", 3: "SELF_CONSISTENT_ONLY", 4: "STALE"}[code]
    assert done.stdout.startswith(f"{name}: ")


@pytest.mark.parametrize(("arguments", "code"), CASES)
def test_rectify_verify_says_the_same(
    files: Path, arguments: list[str], code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(files)
    assert CliRunner().invoke(cli, ["verify", *arguments]).exit_code == code


def test_a_finding_names_the_place_in_words_and_as_json(
    files: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(files)
    assert main(["changed.ndjson", "--strict", "--sample-seed", "1"]) == 1
    words = capsys.readouterr().out
    assert "[fold_mismatch] 事项与其历史不符 the item is not the sum of its events: 对象 subject " in words
    assert "应为 expected state = " in words
    assert main(["changed.ndjson", "--strict", "--sample-seed", "1", "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert (report["verdict"], report["exit_code"], report["found"]) == ("TAMPERED", 1, {"fold_mismatch": 1})
    assert {"code", "subject", "seq", "position", "expected", "actual"} == report["findings"][0].keys()
    assert report["sample_seed"] == 1


def test_items_can_be_asked_for_and_a_seed_is_drawn_and_told(
    files: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(files)
    item = next(iter(ordinary().items))
    assert main(["honest.ndjson", "--items", str(item).upper(), "--json"]) == 3
    first = json.loads(capsys.readouterr().out)
    main(["honest.ndjson", "--json"])
    second = json.loads(capsys.readouterr().out)
    assert first["counts"]["subjects_in_full"] > second["counts"]["subjects_in_full"] - 2
    assert first["sample_seed"] != second["sample_seed"]


def test_a_file_may_come_through_a_pipe(files: Path) -> None:
    command = [shutil.which("rectify", path=str(Path(sys.executable).parent)) or "rectify", "verify", "-"]
    with (files / "honest.ndjson").open("rb") as file:
        done = subprocess.run(command, stdin=file, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3, done.stderr


def test_the_file_holds_every_module_once_and_nothing_of_the_package() -> None:
    tree = ast.parse(script())
    made = [node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    assert len(made) == len(set(made))
    assert {"verify", "main", "Edge", "parse_vkey", "Folded"} <= set(made)
    modules = {node.module for node in tree.body if isinstance(node, ast.ImportFrom)}
    assert not [module for module in modules if module and module.startswith("app")]
    assert script() == script()


def test_attachments_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = Maker()
    item = made.draft()
    made.change(item, "item.evidence_added", {}, attachments=[("ab" * 32, 4)])
    made.seal()
    path = tmp_path / "export.ndjson"
    path.write_bytes(b"".join(made.export()))
    assert main([str(path), "--strict"]) == 3
    assert main([str(path), "--strict", "--attachments", str(tmp_path)]) == 1
    assert "attachment_missing" in capsys.readouterr().out
