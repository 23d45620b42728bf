"""A real PostgreSQL for offices without a database administrator, from the binaries of an installed wheel.

The wheel's own start-up code is never used: it opens parent directories and trusts every local user. Here the server
listens on a socket in a 0700 directory, every login needs a password, and only `var/pg` changes its owner.
"""

import asyncio
import os
import re
import secrets
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

import asyncpg
import psutil
import structlog
from fasteners import InterProcessReaderWriterLock

from app.core.postgres_host import (
    EmbeddedError,
    Programs,
    ServiceUser,
    free_port,
    private_directory,
    programs,
    service_user,
    socket_path,
    write_private,
)

log = structlog.get_logger(__name__)

START_LIMIT = 120.0
WATCH_SECONDS = 2.0
OWNER, APP, DATABASE = "rectify_owner", "rectify_app", "rectify"
PORT = 5432

# Modest on purpose: one office on one small machine; a province brings its own server.
_SETTINGS: Mapping[str, str] = {
    "shared_buffers": "96MB",
    "max_connections": "100",
    "io_workers": "1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "on",
    "log_directory": "../log",
    "log_filename": "postgresql-%a.log",
    "log_file_mode": "0600",
    "log_rotation_age": "1d",
    "log_truncate_on_rotation": "on",
    "log_line_prefix": "%m [%p] %u@%d ",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
}


@dataclass(frozen=True, slots=True)
class Embedded:
    """A running server; `stop` ends it when no other process uses it any more, `revive` starts one that was killed."""

    app_url: str = field(repr=False)
    migrate_url: str = field(repr=False)
    stop: Callable[[], None] = field(repr=False)
    revive: Callable[[], bool] = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Cluster:
    """Where one embedded server lives and as whom it runs."""

    home: Path
    user: ServiceUser
    tools: Programs
    tuning: Mapping[str, str]

    @property
    def data(self) -> Path:
        return self.home / "data"

    def lock(self, name: str) -> InterProcessReaderWriterLock:
        return InterProcessReaderWriterLock(self.home / f"{name}.lock")

    def run(self, *command: str | Path, limit: float = START_LIMIT) -> str:
        """Runs one PostgreSQL program as the service user; gives what it wrote, raises when it fails."""
        log = self.home / "last-command.log"
        log.unlink(missing_ok=True)
        # A file, not a pipe: the server inherits it, and a pipe would never reach its end.
        with log.open("x", encoding="utf-8") as output:
            done = subprocess.run(  # noqa: S603 - programs of the installed wheel
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.home,
                env=_environment(),
                check=False,
                timeout=limit + 30,
                **self.user.run_as(),
            )
        said = log.read_text(encoding="utf-8", errors="replace")
        if done.returncode != 0:
            raise EmbeddedError(f"{Path(command[0]).name} failed ({done.returncode}):\n{said}{self._log_tail()}")
        return said

    def _log_tail(self) -> str:
        logs = sorted((self.home / "log").glob("*.log"), key=lambda path: path.stat().st_mtime)
        return "" if not logs else "".join(logs[-1].read_text(errors="replace").splitlines(keepends=True)[-10:])


def start(var: Path, *, tuning: Mapping[str, str] | None = None) -> Embedded:
    """Starts the server under `var/pg`, or joins the one already running there, and makes its roles and database.

    `tuning` overrides server settings (tests switch durability off). Raises EmbeddedError with what to do about it.
    """
    if os.name == "posix":
        # Traversable but not listable: the service user must reach var/pg and nothing else in here.
        private_directory(var, 0o711)
    else:
        var.mkdir(parents=True, exist_ok=True)
    home = var / "pg"
    user = service_user(home)
    private_directory(home, 0o700, user)
    cluster = _Cluster(home, user, programs(home / "data", user), tuning or {})
    users = cluster.lock("users")
    with cluster.lock("start").write_lock():
        users.acquire_read_lock()
        try:
            fresh = _running(cluster) is None
            if fresh:
                _initialise(cluster)
                _launch(cluster)
            superuser, app = _bootstrap(cluster, var, fresh=fresh)
        except BaseException:
            users.release_read_lock()
            raise
    return Embedded(app, superuser, stop=lambda: _leave(cluster, users), revive=lambda: _revive(cluster))


@contextmanager
def watched(server: Embedded) -> Iterator[None]:
    """Starts the server again should it die while the block runs: in an office nobody else would."""
    left = threading.Event()

    def watch() -> None:
        while not left.wait(WATCH_SECONDS):
            try:
                if server.revive():
                    log.warning("embedded_postgres_revived")
            except (EmbeddedError, OSError, subprocess.TimeoutExpired):
                log.exception("embedded_postgres_down")

    thread = threading.Thread(target=watch, name="postgres-watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        left.set()
        thread.join()


def _revive(cluster: _Cluster) -> bool:
    """Whether it had to be started; the addresses stay the same, and so do the roles. Of several users one does it."""
    if _running(cluster) is not None:
        return False
    with cluster.lock("start").write_lock():
        if _running(cluster) is not None:
            return False
        _launch(cluster)
        return True


def _leave(cluster: _Cluster, users: InterProcessReaderWriterLock) -> None:
    with cluster.lock("start").write_lock():
        users.release_read_lock()
        last = cluster.lock("users")
        if not last.acquire_write_lock(blocking=False):
            last.lockfile.close()
            return
        try:
            if _running(cluster) is not None:
                cluster.run(cluster.tools.pg_ctl, "stop", "-D", cluster.data, "-m", "fast", "-w", "-t", "60")
            with suppress(OSError):
                socket_path(cluster.home).rmdir()
        finally:
            last.release_write_lock()


def _running(cluster: _Cluster) -> int | None:
    """The postmaster's process id; a pid file left by a crash, or naming a stranger, counts as not running."""
    pidfile = cluster.data / "postmaster.pid"
    try:
        pid = int(pidfile.read_text(encoding="utf-8").splitlines()[0])
        process = psutil.Process(pid)
        if process.status() != psutil.STATUS_ZOMBIE and _is_postmaster(process, cluster.data):
            return pid
    except (FileNotFoundError, ValueError, IndexError, psutil.NoSuchProcess):
        return None
    # The number belongs to somebody else now, which would keep the server from starting for ever.
    pidfile.unlink(missing_ok=True)
    return None


def _is_postmaster(process: psutil.Process, data: Path) -> bool:
    """In doubt yes: a second server on the same data is worse than an error message."""
    if not process.name().startswith("postgres"):
        return False
    with suppress(psutil.AccessDenied, ValueError, OSError):
        command = process.cmdline()
        return Path(command[command.index("-D") + 1]).samefile(data)
    return True


def _initialise(cluster: _Cluster) -> None:
    if (cluster.data / "PG_VERSION").exists():
        return
    passwords = cluster.home / "superuser.password"
    if not passwords.exists():
        write_private(passwords, secrets.token_hex(24), cluster.user)
    half = cluster.home / "data.new"
    if half.exists():
        shutil.rmtree(half)
    cluster.run(
        cluster.tools.initdb,
        *("-D", half, "-U", "postgres", "--auth=scram-sha-256", f"--pwfile={passwords}"),
        *("--locale-provider=builtin", "--locale=C.UTF-8", "--encoding=UTF8", "--data-checksums"),
    )
    with (half / "postgresql.conf").open("a", encoding="utf-8") as conf:
        conf.write("\ninclude 'rectify.conf'\n")
    # Only a complete cluster gets the final name, so that an interrupted first start simply begins again.
    half.rename(cluster.data)


def _launch(cluster: _Cluster) -> None:
    """pg_ctl waits for readiness; a killed server's children may hold its memory for seconds, hence the retries."""
    listening = _listening(cluster)
    settings = {**_SETTINGS, **cluster.tuning, **listening}
    lines = "".join(f"{name} = '{value.replace(chr(39), chr(39) * 2)}'\n" for name, value in settings.items())
    write_private(cluster.data / "rectify.conf", lines, cluster.user)
    deadline = time.monotonic() + START_LIMIT
    while True:
        limit = max(1, int(deadline - time.monotonic()))
        try:
            log = cluster.home / "start.log"
            cluster.run(
                *(cluster.tools.pg_ctl, "start", "-D", cluster.data, "-l", log, "-w", "-t", str(limit)), limit=limit
            )
        except EmbeddedError as error:
            if time.monotonic() + 1 > deadline or not re.search(r"lock file|shared memory|in use", _start_log(cluster)):
                raise EmbeddedError(f"{error}{_start_log(cluster)}") from error
            time.sleep(1)
        else:
            return


def _start_log(cluster: _Cluster) -> str:
    with suppress(FileNotFoundError):
        return "".join((cluster.home / "start.log").read_text(errors="replace").splitlines(keepends=True)[-10:])
    return ""


def _listening(cluster: _Cluster) -> dict[str, str]:
    if os.name != "posix":
        return {"listen_addresses": "127.0.0.1", "port": str(free_port())}
    directory = socket_path(cluster.home)
    private_directory(directory, 0o700, cluster.user)
    directory.chmod(0o700)
    # Nothing runs here (the start lock is ours), so what lies here was left by a crash.
    for left in directory.glob(".s.PGSQL.*"):
        left.unlink(missing_ok=True)
    return {"listen_addresses": "", "unix_socket_directories": str(directory)}


def _address(cluster: _Cluster, role: str, password: str, database: str = DATABASE) -> str:
    lines = (cluster.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    port, directory = lines[3].strip(), lines[4].strip()
    login = f"postgresql://{role}:{quote(password, safe='')}@"
    if directory:
        return f"{login}/{database}?host={quote(directory, safe='/')}&port={port}"
    return f"{login}127.0.0.1:{port}/{database}"


def _bootstrap(cluster: _Cluster, var: Path, *, fresh: bool) -> tuple[str, str]:
    """Roles and database as docs/dba.sql makes them on a server of one's own; returns the two addresses."""
    root_password = (cluster.home / "superuser.password").read_text(encoding="utf-8").strip()
    keys = var / "keys"
    private_directory(keys, 0o700)
    kept = keys / "postgres-app.password"
    if not kept.exists():
        write_private(kept, secrets.token_hex(24))
        fresh = True
    password = kept.read_text(encoding="utf-8").strip()
    if fresh:
        maintenance = _address(cluster, "postgres", root_password, "postgres")
        # A thread of its own, because the caller may already be inside an event loop.
        with ThreadPoolExecutor(1) as pool:
            pool.submit(lambda: asyncio.run(ensure_roles(maintenance, password))).result()
    return _address(cluster, "postgres", root_password), _address(cluster, APP, password)


async def ensure_roles(url: str, app_password: str) -> None:
    """The roles and the database on the server at `url` (a superuser's address); harmless when they exist."""
    connection = await asyncpg.connect(url, timeout=30)
    try:
        roles = {row["rolname"] for row in await connection.fetch("SELECT rolname FROM pg_roles")}
        if OWNER not in roles:
            await connection.execute(f"CREATE ROLE {OWNER} NOLOGIN")
        if APP not in roles:
            await connection.execute(f"CREATE ROLE {APP} LOGIN")
        # token_hex: no quoting needed, and a utility statement takes no parameters
        await connection.execute(f"ALTER ROLE {APP} PASSWORD '{app_password}'")
        if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", DATABASE):
            await connection.execute(f"CREATE DATABASE {DATABASE} OWNER {OWNER}")
            await connection.execute(f"REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC")
            await connection.execute(f"GRANT CONNECT ON DATABASE {DATABASE} TO {APP}")
    finally:
        await connection.close()


def _environment() -> dict[str, str]:
    """PG* variables of the person who starts us must not steer our own server."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return kept | ({"LC_ALL": "C"} if sys.platform != "win32" else {})
