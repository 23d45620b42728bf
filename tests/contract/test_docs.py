"""Documents say what the code does: generated ones are current, written ones name only what exists."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import AliasChoices
from typer.main import get_command

from app.cli import cli
from app.core.enums import LabelledEnum
from app.features.identify.queries import ItemQuery
from app.lifecycle import states
from app.lifecycle.childwrites import CHILD_TABLE
from app.metrics.grouping import By
from app.settings import Settings
from app.trail.proof import fold, frames
from app.trail.proof.command import options
from app.trail.proof.findings import Verdict
from docs import generate

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text(encoding="utf-8")
GLOSSARY = (DOCS / "glossary.md").read_text(encoding="utf-8")
WRITTEN = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md"), *(ROOT / "openapi").glob("*.md")])
SECTIONS = ["Context", "Decision", "Consequences", "Alternatives considered"]


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def links(path: Path) -> Iterator[str]:
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
        if not re.match(r"[a-z]+:", target):
            yield target


def anchors(path: Path) -> set[str]:
    """As forges make them from headings: lower case, punctuation dropped, spaces to hyphens."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def decisions() -> list[Path]:
    return sorted(DOCS.glob("decisions/[0-9]*.md"))


def variables() -> set[str]:
    """The environment variable of each setting."""
    found = set()
    for name, field in Settings.model_fields.items():
        alias = field.validation_alias
        assert not isinstance(alias, AliasChoices)
        found.add(str(alias) if alias else f"RECTIFY_{name.upper()}")
    return found


def test_generated_documents_say_what_the_code_says() -> None:
    assert generate.stale() == [], "run `make docs`"


def test_a_generated_document_changed_by_hand_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "guides").mkdir()
    for name, text in generate.DOCUMENTS.items():
        (tmp_path / name).write_text(text(), encoding="utf-8")
    assert generate.stale(tmp_path) == []
    with (tmp_path / "lifecycle.md").open("a", encoding="utf-8") as file:
        file.write("手改 changed by hand\n")
    (tmp_path / "problems.md").unlink()
    assert generate.stale(tmp_path) == ["lifecycle.md", "problems.md"]


def test_the_guide_to_clients_shows_the_very_programs_that_are_run() -> None:
    guide = (DOCS / "guides" / "clients.md").read_text(encoding="utf-8")
    for language, path in generate.PROGRAMS.items():
        assert blocks(guide, language) == [(ROOT / "clients" / path).read_text(encoding="utf-8")], "run `make docs`"


def test_every_action_state_and_child_is_in_the_life_cycle_document() -> None:
    text = generate.lifecycle()
    codes = [*states.State, *states.Action, *(rule.child for rule in CHILD_TABLE)]
    assert [code.value for code in codes if f"`{code.value}`" not in text] == []


def test_every_link_between_documents_leads_somewhere() -> None:
    assert WRITTEN
    broken = []
    for path in WRITTEN:
        for target in links(path):
            name, _, anchor = target.partition("#")
            file = path.parent / name if name else path
            if not file.exists() or (anchor and anchor not in anchors(file)):
                broken.append(f"{path.relative_to(ROOT)}: {target}")
    assert broken == []


def test_the_quick_start_is_two_commands_and_make_knows_both() -> None:
    quick = README.split("## 快速开始", 1)[1].split("## ", 1)[0]
    assert blocks(quick, "sh") == ["make run\nmake test\n"]


def test_every_make_target_in_the_documents_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md"):
        text = path.read_text(encoding="utf-8")
        named = set(re.findall(r"`make ([a-z]+)", text)) | set(re.findall(r"^make ([a-z]+)", text, re.MULTILINE))
        assert named
        assert named <= targets, path.name


def test_the_readme_lists_every_command_of_rectify() -> None:
    row = next(line for line in README.splitlines() if line.startswith("| `.venv/bin/rectify`"))
    told = set(re.findall(r"`([a-z-]+)`", row))
    commands = getattr(get_command(cli), "commands", {})
    assert told == set(commands)


def test_every_path_of_the_layout_exists() -> None:
    layout = blocks(README.split("## 目录", 1)[1], "")[0]
    named = re.findall(r"(?:^|\s)((?:app|migrations|docs|tests|bench|openapi)/[\w./]*)", layout)
    assert len(named) > 10
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_readme_explains_every_setting_and_no_other() -> None:
    table = README.split("## 配置", 1)[1].split("\n## ", 1)[0]
    told = re.findall(r"^\| `([A-Z_]+)` \|", table, re.MULTILINE)
    assert sorted(told) == sorted(variables())


def test_the_readme_gives_the_defaults_that_hold() -> None:
    for name, field in Settings.model_fields.items():
        variable = str(field.validation_alias or f"RECTIFY_{name.upper()}")
        default = field.default
        if isinstance(default, bool):
            shown = str(default).lower()
        elif default in (None, ()):
            continue
        else:
            shown = str(default)
        assert f"| `{variable}` | `{shown}` |" in README


def test_every_term_of_the_life_cycle_is_in_the_glossary() -> None:
    kinds = [
        kind
        for kind in vars(states).values()
        if isinstance(kind, type) and issubclass(kind, LabelledEnum) and kind.__module__ == states.__name__
    ]
    assert len(kinds) > 10
    rows = [f"| {one.zh} | {one.en} | `{one.value}` | `{kind.__name__}` |" for kind in kinds for one in kind]
    assert [row for row in rows if row not in GLOSSARY] == []


def test_decisions_are_numbered_without_gaps_and_have_every_section() -> None:
    found = decisions()
    assert [int(path.name[:4]) for path in found] == list(range(1, len(found) + 1))
    index = (DOCS / "decisions" / "README.md").read_text(encoding="utf-8")
    for path in found:
        text = path.read_text(encoding="utf-8")
        assert text.startswith(f"# {path.name[:4]} "), path.name
        assert "\nStatus: Accepted\n" in text, path.name
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == SECTIONS, path.name
        assert f"]({path.name})" in index, path.name


@pytest.mark.parametrize(
    "path", ["README.md", "docs/guides/history.md", "docs/guides/operations.md", "docs/guides/auditor.md"]
)
def test_shell_examples_are_valid_shell(path: str) -> None:
    examples = blocks((ROOT / path).read_text(encoding="utf-8"), "sh")
    assert examples
    for example in examples:
        checked = subprocess.run(["/bin/sh", "-n"], input=example, text=True, capture_output=True, check=False)
        assert checked.stderr == ""


@pytest.mark.parametrize("guide", ["history.md", "trail-format.md"])
def test_the_worked_examples_of_the_formats_are_right(tmp_path: Path, guide: str) -> None:
    example = tmp_path / "example.py"
    text = (DOCS / "guides" / guide).read_text(encoding="utf-8")
    example.write_text(blocks(text, "python")[0], encoding="utf-8")
    subprocess.run([sys.executable, str(example)], check=True)


def test_the_guide_to_the_verifier_names_its_options_verdicts_and_nothing_else() -> None:
    guide = (DOCS / "guides" / "auditor.md").read_text(encoding="utf-8")
    known = {option for action in options("verify")._actions for option in action.option_strings} | {"--script"}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", guide)) <= known
    assert [verdict.name for verdict in Verdict if f"| {verdict.value} | {verdict.name} |" not in guide] == []


def test_the_guide_to_the_formats_names_every_kind_of_line_and_every_column_of_words() -> None:
    guide = (DOCS / "guides" / "trail-format.md").read_text(encoding="utf-8")
    assert [kind for kind in frames.MEMBERS if f"| `{kind}` |" not in guide] == []
    assert [name for name in fold.TOLD_WORDS if f"`{name}`" not in guide] == []


def test_the_guides_name_every_filter_of_the_list_and_every_key_of_figures() -> None:
    calling, figures = ((DOCS / "guides" / f"{name}.md").read_text(encoding="utf-8") for name in ("api", "statistics"))
    named = set(re.findall(r"[a-z_]+", " ".join(re.findall(r"`([^`]+)`", calling))))
    assert set(ItemQuery.model_fields) - named == set()
    assert [by.value for by in By if f"`{by.value}`" not in figures] == []
