"""What lets the offline verifier be these modules one after the other in a single file."""

import ast
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import app.trail.proof

PACKAGE = "app.trail.proof"
MODULES = {
    path.stem: ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted(Path(app.trail.proof.__path__[0]).glob("*.py"))
}


def imported(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Every module imported, and under which name what is taken from it is known."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, alias.asname or alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            yield from ((f"{node.module}", alias.asname or alias.name) for alias in node.names)


def made(tree: ast.Module) -> Iterator[str]:
    """Every name a module makes for itself."""
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (ast.unparse(target) for target in targets)


def test_the_modules_are_seen() -> None:
    assert {"strict", "merkle", "tiles", "notes", "checkpoints", "proofs"} <= MODULES.keys()
    assert {"Edge", "TILE_WIDTH", "_place"} <= set(made(MODULES["tiles"]))


def test_the_package_needs_the_standard_library_and_cryptography_only() -> None:
    for name, tree in MODULES.items():
        for module, _ in imported(tree):
            if not module.startswith(f"{PACKAGE}."):
                assert module.split(".")[0] in {*sys.stdlib_module_names, "cryptography"}, (name, module)


def test_no_name_is_made_twice() -> None:
    counted = Counter(name for tree in MODULES.values() for name in made(tree))
    assert [name for name, times in counted.items() if times > 1] == []


def test_a_name_from_outside_means_the_same_in_every_module() -> None:
    outside: dict[str, str] = {}
    for tree in MODULES.values():
        for module, name in imported(tree):
            if not module.startswith(f"{PACKAGE}."):
                assert outside.setdefault(name, module) == module, name
    assert not outside.keys() & {name for tree in MODULES.values() for name in made(tree)}


def test_a_name_from_inside_keeps_its_name() -> None:
    for tree in MODULES.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and f"{node.module}".startswith(PACKAGE):
                assert all(alias.asname is None for alias in node.names)
