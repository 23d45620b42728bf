"""The offline verifier as one file: the modules of `app.trail.proof`, one after the other, without what joins them.

Whoever doubts the service should not have to install it: the file needs Python and `cryptography`, and can be read from
top to bottom.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Final

from app.trail import proof

PACKAGE: Final = "app.trail.proof"
HEAD: Final = '''#!/usr/bin/env python3
"""rectification-ledger 整改台账：离线核对程序 the offline verifier of exported histories (rl-export/1).

python verifier.py FILE [--policy FILE] [--against NOTE]... [--strict]
Python 3.11 or newer and `cryptography`; no network, no database, nothing of the service.
"""

from __future__ import annotations

'''
TAIL: Final = """

if __name__ == "__main__":
    raise SystemExit(main())
"""


def script() -> str:
    """The text of the file."""
    sources = {path.stem: path.read_text(encoding="utf-8") for path in sorted(Path(proof.__path__[0]).glob("*.py"))}
    outside: set[str] = set()
    parts = []
    for name in _order(sources):
        tree = ast.parse(sources[name])
        lines = sources[name].splitlines()
        removed: set[int] = set()
        for node in tree.body:
            if _is_docstring(node, tree) or isinstance(node, (ast.Import, ast.ImportFrom)):
                removed |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
            if isinstance(node, (ast.Import, ast.ImportFrom)) and not _joins(node):
                outside.add(ast.unparse(node))
        kept = "\n".join(line for number, line in enumerate(lines, start=1) if number not in removed).strip("\n")
        parts.append(f"# --- {name}: {_first_line(tree)}\n\n\n{kept}\n")
    return HEAD + "\n".join(sorted(outside)) + "\n\n\n" + "\n\n".join(parts) + TAIL


def _order(sources: dict[str, str]) -> list[str]:
    """Each module after those it takes from."""
    needs = {name: _needed(ast.parse(text)) for name, text in sources.items() if name != "__init__"}
    order: list[str] = []
    while len(order) < len(needs):
        order += sorted(name for name in needs if name not in order and needs[name] <= set(order))
    return order


def _needed(tree: ast.Module) -> set[str]:
    return {
        f"{node.module}".removeprefix(f"{PACKAGE}.")
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and f"{node.module}".startswith(f"{PACKAGE}.")
    }


def _joins(node: ast.Import | ast.ImportFrom) -> bool:
    """Whether an import is of the package itself, or stands at the head of the file already."""
    module = f"{node.module}" if isinstance(node, ast.ImportFrom) else ""
    return module == "__future__" or module.startswith(PACKAGE)


def _is_docstring(node: ast.stmt, tree: ast.Module) -> bool:
    return node is tree.body[0] and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _first_line(tree: ast.Module) -> str:
    return (ast.get_docstring(tree) or "").splitlines()[0]
