"""How a client of each language is made, checked, and used against a running service."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from clients import tools
from clients.tools import BUILD, DESCRIPTION, HERE, run

Steps = Mapping[str, Callable[[], str]]
Where = Mapping[str, str]
"""RECTIFY_URL, RECTIFY_USERNAME and RECTIFY_PASSWORD: what the example programs read."""


def lint() -> Steps:
    """Both linters, each with the committed rules; a warning fails as an error does."""
    rules = HERE.parent / "openapi"
    return {
        "install": lambda: str(tools.node()),
        "spectral": lambda: run(
            tools.node() / "spectral",
            "lint",
            "--ruleset",
            rules / "spectral.yaml",
            "--fail-severity",
            "warn",
            DESCRIPTION,
        ),
        "redocly": lambda: run(tools.node() / "redocly", "lint", "--config", rules / "redocly.yaml", DESCRIPTION),
    }


def typescript(where: Where, *, whole: bool = True) -> Steps:
    """openapi-typescript writes the types, openapi-fetch is the client, tsc is strict.

    Declarations are compiled against one another only when the `whole` is asked for: it takes tsc twice as long.
    """
    some: tuple[str, ...] = () if whole else ("--skipLibCheck",)
    home, made = HERE / "typescript", BUILD / "typescript"

    def generate() -> str:
        command = tools.node() / "openapi-typescript"
        return run(command, DESCRIPTION, "--default-non-nullable", "false", "-o", tools.fresh(made) / "schema.d.ts")

    return {
        "install": lambda: str(tools.node()),
        "generate": generate,
        "compile": lambda: run(tools.node() / "tsc", "--project", home, *some),
        "drive": lambda: run("node", made / "out" / "example.js", env=where),
    }


def python(where: Where, *, whole: bool = True) -> Steps:
    """openapi-python-client writes a package; mypy --strict reads the `whole` of it."""
    home, made = HERE / "python", BUILD / "python" / "generated"
    package, example = made / "rectification_ledger_client", home / "example.py"

    def generate() -> str:
        generator = (tools.python(), "-m", "openapi_python_client", "generate", "--meta", "none", "--fail-on-warning")
        tools.fresh(made)
        return run(*generator, "--config", home / "generator.yaml", "--path", DESCRIPTION, "--output-path", package)

    steps: dict[str, Callable[[], str]] = {"install": lambda: str(tools.python()), "generate": generate}
    if whole:
        check = ("-m", "mypy", "--strict", "--config-file", home / "mypy.ini")
        steps["mypy"] = lambda: run(tools.python(), *check, package, example, env={"MYPYPATH": str(made)})
    steps["drive"] = lambda: run(tools.python(), example, env={**where, "PYTHONPATH": str(made)})
    return steps


def java(where: Where) -> Steps:
    """openapi-generator writes a client on java.net.http; javac compiles all of it."""
    home, made = HERE / "java", BUILD / "java"

    def generate() -> str:
        jar, _ = tools.java()
        out = tools.fresh(made / "generated")
        return run("java", "-jar", jar, "generate", "-i", DESCRIPTION, "-c", home / "generator.yaml", "-o", out)

    def compile_() -> str:
        _, path = tools.java()
        listed = made / "sources.txt"
        listed.write_text("\n".join([*tools.sources(made / "generated" / "src" / "main"), str(home / "Example.java")]))
        out = tools.fresh(made / "out")
        return run("javac", "-encoding", "UTF-8", "-nowarn", "-classpath", path, "-d", out, f"@{listed}")

    def drive() -> str:
        _, path = tools.java()
        return run("java", "-Dstdout.encoding=UTF-8", "-classpath", f"{path}:{made / 'out'}", "Example", env=where)

    return {"install": lambda: str(tools.java()), "generate": generate, "compile": compile_, "drive": drive}


LANGUAGES: Final[Mapping[str, Callable[[Where], Steps]]] = {
    "typescript": typescript,
    "python": python,
    "java": java,
}
