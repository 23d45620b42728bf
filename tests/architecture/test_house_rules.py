import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.architecture.rules import ROOT, RULES, Rule, Source, ledgered_tables, sources

EVERYTHING = sources("app", "migrations", "tests", "bench", "clients")


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_code_keeps_the_rule(rule: Rule) -> None:
    broken = [
        f"{source.path}:{line}: {what}"
        for source in EVERYTHING
        if rule.applies(source.path)
        for line, what in rule.check(source)
    ]
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_rule_is_able_to_fail(rule: Rule) -> None:
    path = f"{rule.folders[0]}planted.py"
    assert rule.applies(path)
    assert list(rule.check(Source(path, rule.planted)))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_an_exception_names_a_file_that_exists(rule: Rule) -> None:
    assert [path for path in rule.except_in if not (ROOT / path).exists()] == []


def test_the_rules_look_at_the_whole_product() -> None:
    seen = {source.path for source in EVERYTHING}
    assert {"app/main.py", "app/lifecycle/advance.py", "app/trail/record.py", "tests/conftest.py"} <= seen
    assert {"item", "measure", "gate_result", "evidence"} <= ledgered_tables()


@pytest.mark.parametrize(
    "harmless",
    [
        'SQL = "SELECT 1 FROM item FOR UPDATE OF i"',
        'SQL = "INSERT INTO number_counter VALUES (1) ON CONFLICT (id) DO UPDATE SET last = 2"',
        'found.update(other)\n"""UPDATE item: prose in a docstring."""',
        "from app.core import clock\nnow = clock.now()",
    ],
)
def test_what_is_allowed_is_not_reported(harmless: str) -> None:
    source = Source("app/features/planted.py", harmless)
    assert [what for rule in RULES if rule.applies(source.path) for _, what in rule.check(source)] == []


@pytest.mark.parametrize(
    ("path", "breach"),
    [
        ("app/a.py", 'SQL = "INSERT INTO measure (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET weight = 2"'),
        ("app/a.py", 'SQL = "WITH x AS (SELECT 1) DELETE FROM gate_result"'),
        ("app/a.py", "from sqlmodel import update"),
        ("app/a.py", "sql = Item.__table__.delete()"),
        ("app/a.py", "import datetime\nday = datetime.date.today()"),
        ("app/a.py", "from app.core.clock import travel\ntravel(1)"),
        ("app/a.py", 'SQL = "COMMIT"'),
        ("app/a.py", "async def f(c):\n    async with c.transaction():\n        pass"),
        ("app/a.py", "pass\n" * 401),
        ("tests/a.py", "from unittest.mock import patch"),
        ("tests/a.py", 'def test(monkeypatch):\n    monkeypatch.setattr("app.core.clock.now", None)'),
        ("tests/a.py", 'from app.core import clock\nmonkeypatch.setattr(clock, "now", None)'),
    ],
)
def test_every_way_of_breaking_a_rule_is_seen(path: str, breach: str) -> None:
    source = Source(path, breach)
    assert [what for rule in RULES if rule.applies(path) for _, what in rule.check(source)]


def test_imports_point_downwards_and_features_do_not_know_each_other() -> None:
    linter = Path(sys.executable).parent / "lint-imports"
    run = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert run.returncode == 0, run.stdout[-6000:]
    kept = re.search(r"Contracts: (\d+) kept, 0 broken", run.stdout)
    assert kept is not None
    assert int(kept[1]) >= 5
