"""What the clients are made with, fetched once from the locks beside this file and kept out of the repository."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from fasteners import InterProcessLock

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parent
BUILD: Final = HERE / "build"
DESCRIPTION: Final = ROOT / "openapi" / "openapi.json"
_NODE: Final = (20, 19)
_JDK: Final = 17
_JAVA: Final = Path("/usr/share/java")
_DEBIAN: Final = {
    "jakarta-annotation-api.jar": "libjakarta-annotation-api-java",
    "httpmime.jar": "libhttpmime-java",
    "httpclient.jar": "libhttpclient-java",
    "httpcore.jar": "libhttpcore-java",
}
"""What generated code names besides Jackson: annotations, and the parts of a form."""


class MissingError(Exception):
    """A toolchain this machine does not have; says what would have to be installed."""


class FailedError(Exception):
    """A tool said no; holds what it said."""


def run(*command: str | Path, cwd: Path = ROOT, env: Mapping[str, str] | None = None) -> str:
    """Runs to the end; what was printed, or FailedError with it."""
    telling = {**os.environ, "REDOCLY_TELEMETRY": "off", "PYTHONDONTWRITEBYTECODE": "1", **(env or {})}
    line = [str(part) for part in command]
    done = subprocess.run(line, cwd=cwd, env=telling, stdout=-1, stderr=-2, text=True, check=False, timeout=900)
    if done.returncode:
        raise FailedError(f"{' '.join(line[:4])} … ({done.returncode})\n{done.stdout[-6000:]}")
    return done.stdout


def fresh(folder: Path) -> Path:
    """An empty folder: nothing of an earlier description may stay among what is generated from this one."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def node() -> Path:
    """The folder of the commands installed from package-lock.json."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise MissingError(f"Node.js {_NODE[0]}.{_NODE[1]}+ 与 and npm")
    if _version("node", "--version") < _NODE:
        raise MissingError(f"Node.js {_NODE[0]}.{_NODE[1]}+")
    modules = HERE / "node_modules"
    with InterProcessLock(_locks() / "node.lock"):
        if _outdated(modules / ".up-to-date", HERE / "package-lock.json"):
            run("npm", "ci", "--silent", cwd=HERE)
            _remember(modules / ".up-to-date", HERE / "package-lock.json")
    return modules / ".bin"


def python() -> Path:
    """An interpreter with the generator and what its clients need, and nothing of this project."""
    home, lock = BUILD / "python" / "env", HERE / "python" / "requirements.lock"
    found = home / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    with InterProcessLock(_locks() / "python.lock"):
        if _outdated(home / ".up-to-date", lock):
            venv.create(home, clear=True, with_pip=True)
            run(found, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes", "-r", lock)
            _remember(home / ".up-to-date", lock)
    return found


def java() -> tuple[Path, str]:
    """The generator's jar, and the class path its clients are compiled against."""
    if shutil.which("javac") is None or _version("javac", "-version") < (_JDK,):
        raise MissingError(f"JDK {_JDK}+")
    absent = [package for jar, package in _DEBIAN.items() if not (_JAVA / jar).exists()]
    if absent:
        raise MissingError(f"apt-get install {' '.join(absent)}")
    home, lock = BUILD / "java" / "generator", HERE / "java" / "requirements.lock"
    with InterProcessLock(_locks() / "java.lock"):
        if _outdated(home / ".up-to-date", lock):
            fresh(home)
            pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes")
            run(*pip, "--target", home, "-r", lock)
            _remember(home / ".up-to-date", lock)
    jar = next(home.rglob("openapi-generator*.jar"))
    return jar, os.pathsep.join(str(path) for path in (jar, *(_JAVA / name for name in _DEBIAN)))


def _version(*command: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", run(*command))[:2])


def _locks() -> Path:
    BUILD.mkdir(exist_ok=True)
    return BUILD


def _digest(lock: Path) -> str:
    return hashlib.sha256(lock.read_bytes()).hexdigest()


def _outdated(stamp: Path, lock: Path) -> bool:
    return not stamp.is_file() or stamp.read_text(encoding="utf-8") != _digest(lock)


def _remember(stamp: Path, lock: Path) -> None:
    stamp.write_text(_digest(lock), encoding="utf-8")


def sources(folder: Path) -> Sequence[str]:
    return sorted(str(path) for path in folder.rglob("*.java"))
