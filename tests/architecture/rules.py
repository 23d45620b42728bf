"""The house rules that import-linter cannot see, each a function from a source file to what is wrong in it."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from sqlmodel import SQLModel

import app.tables

ROOT = Path(__file__).parents[2]
Finding = tuple[int, str]


@dataclass(frozen=True)
class Source:
    """One file, named by its path from the top of the repository."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def lines(self) -> list[str]:
        return self.text.splitlines()


@dataclass(frozen=True)
class Rule:
    """`planted` is a file that breaks the rule: what it is proven able to fail with."""

    name: str
    folders: tuple[str, ...]
    check: Callable[[Source], Iterator[Finding]]
    planted: str
    # Each with its reason beside it.
    except_in: tuple[str, ...] = ()

    def applies(self, path: str) -> bool:
        return path.startswith(self.folders) and not path.startswith(self.except_in)


def sources(*folders: str) -> list[Source]:
    """Our own files: what was fetched or generated is not in the repository."""
    found = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    ours = [path for path in found if not {"build", "node_modules"} & set(path.relative_to(ROOT).parts)]
    return [Source(str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")) for path in ours]


@cache
def ledgered_tables() -> frozenset[str]:
    """The item and every table whose rows say which event changed them last."""
    for module in pkgutil.iter_modules(app.tables.__path__, "app.tables."):
        importlib.import_module(module.name)
    tables = SQLModel.metadata.tables
    return frozenset({"item"} | {name for name, table in tables.items() if "changed_seq" in table.columns})


def texts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every string that is not a docstring; what is put into an f-string reads as {}."""
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = (str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
            yield node.lineno, "".join(parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and not {id(node)} & (prose | inner):
            yield node.lineno, node.value


def called(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every call as it is written, such as `self.pool.acquire`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield node.lineno, ast.unparse(node.func)


_CHANGES = re.compile(r"\b(?:UPDATE|DELETE\s+FROM|MERGE\s+INTO|TRUNCATE)\s+(?:ONLY\s+)?\"?(\w+|\{)")
_UPSERT = re.compile(r"\bINSERT\s+INTO\s+\"?(\w+|\{).*\bDO\s+UPDATE\b", re.DOTALL)


def changes_ledgered_tables(source: Source) -> Iterator[Finding]:
    guarded = ledgered_tables() | {"{"}
    for line, text in texts(source.tree):
        for table in (*_CHANGES.findall(text), *_UPSERT.findall(text)):
            if table in guarded:
                yield line, f"changes {table} past lifecycle/advance.py"
    for line, name in called(source.tree):
        if re.search(r"\b__table__\.(update|delete)$|^(sa|sqlalchemy|sqlmodel)\.(update|delete)$", name):
            yield line, f"{name}() builds a change past lifecycle/advance.py"
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(("sqlalchemy", "sqlmodel")):
            taken = {alias.name for alias in node.names} & {"update", "delete"}
            if taken:
                yield node.lineno, f"imports {', '.join(sorted(taken))}"


def reads_the_clock(source: Source) -> Iterator[Finding]:
    for line, name in called(source.tree):
        if re.search(r"(^|\.)(datetime\.(now|utcnow|today)|date\.today)$", name):
            yield line, f"{name}() instead of core.clock"


def travels(source: Source) -> Iterator[Finding]:
    for line, name in called(source.tree):
        if re.search(r"(^|\.)clock\.travel$|^travel$", name):
            yield line, "moves the clock, which is for tests"


def raises_http(source: Source) -> Iterator[Finding]:
    for node in ast.walk(source.tree):
        if isinstance(node, (ast.Name, ast.Attribute)) and ast.unparse(node).rpartition(".")[2] == "HTTPException":
            yield node.lineno, "HTTPException instead of Problem"


def commits(source: Source) -> Iterator[Finding]:
    for line, name in called(source.tree):
        if re.search(r"\.(commit|transaction|rollback)$|pool\.acquire$|^asyncpg\.(connect|create_pool)$", name):
            yield line, f"{name}() outside core/db.py"
    for line, text in texts(source.tree):
        if re.match(r"\s*(COMMIT|ROLLBACK|START\s+TRANSACTION|SAVEPOINT)\b", text):
            yield line, "transaction control in SQL outside core/db.py"


NOTES = ("todo", "fixme", "xxx", "hack")
"""In small letters, so that this file may name them."""


def leaves_notes(source: Source) -> Iterator[Finding]:
    for number, line in enumerate(source.lines, start=1):
        if re.search(rf"\b({'|'.join(NOTES).upper()})\b", line):
            yield number, "a note instead of the work"


def grows(source: Source) -> Iterator[Finding]:
    limit = 600 if source.path.startswith(("tests/", "bench/")) else 400
    if len(source.lines) > limit:
        yield limit, f"{len(source.lines)} lines, more than {limit}"


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


def runs_long(source: Source) -> Iterator[Finding]:
    for node in functions(source.tree):
        lines = (node.end_lineno or node.lineno) - node.lineno + 1
        if lines > 40:
            yield node.lineno, f"{node.name}() has {lines} lines, more than 40"


def takes_many(source: Source) -> Iterator[Finding]:
    for node in functions(source.tree):
        given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        count = len([argument for argument in given if argument.arg not in {"self", "cls"}])
        # The remark stands where the parameters do, which may be lines below the name.
        head = "\n".join(source.lines[node.lineno - 1 : node.body[0].lineno])
        if count > 6 and not re.search(r"noqa: [\w, ]*PLR0913\b[^\n]* - \S", head):
            yield node.lineno, f"{node.name}() takes {count} parameters, more than 6, and says not why"


def replaces_our_code(source: Source) -> Iterator[Finding]:
    ours: set[str] = set()
    for node in ast.walk(source.tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            names = [alias.name for alias in node.names]
            if "mock" in {part for name in (module, *names) for part in name.split(".")}:
                yield node.lineno, "imports mock"
            if module.split(".")[0] == "app" or any(name.split(".")[0] == "app" for name in names):
                ours |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"monkeypatch.setattr", "monkeypatch.delattr"}:
            target, *rest = node.args
            given = [*([target] if isinstance(target, ast.Constant) else []), *rest]
            named = ".".join(str(part.value) for part in given[:1] if isinstance(part, ast.Constant))
            if not isinstance(target, ast.Constant):
                named = f"{ast.unparse(target)}.{named}"
            first, last = named.split(".", maxsplit=1)[0], named.rpartition(".")[2]
            # A limit or a table is a circumstance; a function or a class in its place is a stand-in.
            if first in {"app"} | ours and not last.isupper():
                yield node.lineno, f"replaces {named}, which is our own"


_CODE = ("app/",)
_ALL = ("app/", "migrations/", "tests/", "bench/", "clients/")
RULES = (
    Rule(
        "only the life cycle and the trail change ledgered tables",
        _CODE,
        changes_ledgered_tables,
        'SQL = "UPDATE item SET title = $1"\nMORE = f"DELETE FROM {table} WHERE id = $1"\n',
        # the one place that changes items, and the one that redacts
        except_in=("app/lifecycle/advance.py", "app/trail/"),
    ),
    Rule(
        "the time comes from core/clock.py",
        _CODE,
        reads_the_clock,
        "from datetime import UTC, datetime\nnow = datetime.now(UTC)\n",
        # It is the place; and the verifier is a program of its own, on somebody else's machine.
        except_in=("app/core/clock.py", "app/trail/proof/command.py"),
    ),
    Rule(
        "time does not travel in the product",
        _CODE,
        travels,
        "from app.core import clock\nwith clock.travel(later):\n    pass\n",
    ),
    Rule(
        "refusals are Problems",
        _CODE,
        raises_http,
        "from fastapi import HTTPException\nraise HTTPException(404)\n",
        # where the framework's own refusals become ours
        except_in=("app/core/problem_json.py", "app/main.py"),
    ),
    Rule(
        "core/db.py alone commits",
        _CODE,
        commits,
        "async def save(db):\n    async with db.pool.acquire() as connection:\n        await connection.commit()\n",
        except_in=(
            "app/core/db.py",  # it is the place
            "app/core/migrate.py",  # migrations run on a connection of the owner
            "app/core/embedded_postgres.py",  # roles and databases are made before there is a pool
        ),
    ),
    Rule("nothing is left for later", _ALL, leaves_notes, f"# {NOTES[0].upper()}: think\n"),
    Rule("files stay readable in one sitting", _ALL, grows, "pass\n" * 601),
    Rule("functions fit a screen", _ALL, runs_long, "def long():\n" + "    pass\n" * 41),
    Rule(
        "more than six parameters need a reason",
        _ALL,
        takes_many,
        "def wide(a, b, c, d, e, f, g):  # noqa: PLR0913\n    pass\n",
    ),
    Rule(
        "tests run our code and not a stand-in",
        ("tests/",),
        replaces_our_code,
        'from unittest import mock\n\ndef test(monkeypatch):\n    monkeypatch.setattr("app.core.clock.now", 1)\n',
        except_in=("tests/core/test_migrate.py",),  # migrations of its own, run by the real machinery
    ),
)
