import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PIN = re.compile(
    r"^(?P<name>[A-Za-z0-9._-]+)(\[[^\]]*\])?==(?P<version>[^ ;\\]+)(?P<rest>[^\n]*\n(?:[ \t]+[^\n]*\n)*)", re.MULTILINE
)


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(lock: str) -> dict[str, tuple[str, int]]:
    """Name of each locked package with its version and the number of its hashes."""
    found = PIN.finditer((ROOT / lock).read_text(encoding="utf-8"))
    return {normal(pin["name"]): (pin["version"], pin["rest"].count("--hash=sha256:")) for pin in found}


def required(requirements: list[str]) -> set[str]:
    return {normal(re.split(r"[\[<>=!~; ]", requirement, maxsplit=1)[0]) for requirement in requirements}


@pytest.mark.parametrize(
    ("lock", "least"),
    [
        ("requirements.lock", 31),
        ("requirements-dev.lock", 31),
        ("clients/python/requirements.lock", 20),
        ("clients/java/requirements.lock", 1),
    ],
)
def test_a_lock_names_versions_and_hashes_and_no_host(lock: str, least: int) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert not re.search(r"://|index-url|find-links|trusted-host|@ *git", text)
    locked = pins(lock)
    assert len(locked) >= least
    assert [name for name, (_, hashes) in locked.items() if hashes == 0] == []
    assert len(locked) == len(re.findall(r"^[A-Za-z0-9]", text, re.MULTILINE))


def test_the_lock_of_the_client_tools_names_exact_versions_and_hashes_and_no_host() -> None:
    wanted = json.loads((ROOT / "clients" / "package.json").read_text(encoding="utf-8"))["devDependencies"]
    locked = json.loads((ROOT / "clients" / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    assert {name: locked[f"node_modules/{name}"]["version"] for name in wanted} == wanted
    fetched = [package for path, package in locked.items() if path and not package.get("inBundle")]
    assert len(fetched) > 100
    assert all(package["integrity"] and "resolved" not in package for package in fetched)


def test_every_dependency_is_locked_and_both_locks_agree() -> None:
    run, develop = pins("requirements.lock"), pins("requirements-dev.lock")
    assert required(project()["project"]["dependencies"]) <= run.keys()
    assert required(project()["dependency-groups"]["dev"]) <= develop.keys()
    assert {name: pin for name, pin in develop.items() if name in run} == run


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built wheel, unpacked as an installer would."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_the_wheel_carries_every_migration_and_every_module(unpacked: Path) -> None:
    def names(folder: Path, pattern: str) -> set[str]:
        return {path.relative_to(folder).as_posix() for path in folder.rglob(pattern) if path.is_file()}

    assert names(ROOT / "migrations", "*.py") == names(unpacked / "app/_migrations", "*.py")
    modules = names(unpacked / "app", "*.py")
    assert names(ROOT / "app", "*.py") == {name for name in modules if not name.startswith("_migrations/")}
    assert names(ROOT / "app/features/board/web", "*") == names(unpacked / "app/features/board/web", "*")
    assert (unpacked / "app/py.typed").is_file()
    assert (unpacked / "app/_migrations/script.py.mako").is_file()
    assert not (unpacked / "tests").exists()


def test_the_installed_package_finds_its_own_migrations(unpacked: Path, tmp_path: Path) -> None:
    script = "from app.core import migrate; print(migrate.folder()); print(migrate.head())"
    environment = {**os.environ, "PYTHONPATH": str(unpacked)}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    from app.core import migrate

    assert done.stdout.splitlines() == [str(unpacked / "app/_migrations"), str(migrate.head())]


def test_the_command_of_the_package_is_installed() -> None:
    assert project()["project"]["scripts"] == {"rectify": "app.cli:main"}
    command = Path(sys.executable).with_name("rectify")
    done = subprocess.run([str(command), "--help"], capture_output=True, text=True, check=True)
    for name in ("serve", "migrate", "demo", "create-admin", "openapi", "routes", "doctor"):
        assert re.search(rf"\b{name}\b", done.stdout), name
