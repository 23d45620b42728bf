import asyncio
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import asyncpg
import psutil
import pytest

from app.core import embedded_postgres
from app.core.embedded_postgres import Embedded
from app.core.postgres_host import EmbeddedError, ServiceUser, require_reachable

AS_ROOT = os.name == "posix" and os.geteuid() == 0
TUNING = {"fsync": "off"}


@pytest.fixture
def var() -> Iterator[Path]:
    # Not pytest's own folder: it is 0700, and as root the server runs under another account.
    with tempfile.TemporaryDirectory(prefix="rectify-pg-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder) / "var"


def start(var: Path) -> Embedded:
    return embedded_postgres.start(var, tuning=TUNING)


def ask(url: str, sql: str) -> object:
    async def go() -> object:
        connection = await asyncpg.connect(url, timeout=10)
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()

    return asyncio.run(go())


def answered(url: str, sql: str) -> object:
    """Once it answers again; whatever comes in between counts as not yet, for half a minute."""
    for _ in range(150):
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            return ask(url, sql)
        time.sleep(0.2)
    return ask(url, sql)


def postmaster(var: Path) -> psutil.Process:
    return psutil.Process(int((var / "pg/data/postmaster.pid").read_text(encoding="utf-8").splitlines()[0]))


def in_another_process(var: Path, then: str) -> subprocess.Popen[str]:
    script = (
        "import sys; from pathlib import Path; from app.core import embedded_postgres as e\n"
        f"server = e.start(Path({str(var)!r}), tuning={TUNING!r}); print(server.app_url, flush=True)\n{then}"
    )
    return subprocess.Popen(
        [sys.executable, "-c", script], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path.cwd()
    )


def test_the_second_start_finds_the_data_of_the_first(var: Path) -> None:
    first = start(var)
    ask(first.migrate_url, "CREATE TABLE kept AS SELECT 1 AS one")
    first.stop()
    assert not (var / "pg/data/postmaster.pid").exists()
    second = start(var)
    try:
        assert second.app_url == first.app_url
        assert ask(second.migrate_url, "SELECT one FROM kept") == 1
    finally:
        second.stop()


def test_the_service_logs_in_as_a_role_that_owns_nothing(var: Path) -> None:
    server = start(var)
    try:
        assert ask(server.app_url, "SELECT current_user || '@' || current_database()") == "rectify_app@rectify"
        owner = "SELECT rolname FROM pg_database d JOIN pg_roles r ON r.oid = datdba WHERE datname = 'rectify'"
        assert ask(server.app_url, owner) == "rectify_owner"
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            ask(server.app_url, "CREATE TABLE mine (id int)")
        assert ask(server.migrate_url, "SELECT rolcanlogin FROM pg_roles WHERE rolname = 'rectify_owner'") is False
        assert ask(server.app_url, "SHOW data_checksums") == "on"
        assert ask(server.app_url, "SHOW listen_addresses") == ""
        with pytest.raises(asyncpg.InvalidPasswordError):
            ask(server.app_url.replace("rectify_app:", "rectify_app:x"), "SELECT 1")
    finally:
        server.stop()


@pytest.mark.skipif(os.name != "posix", reason="modes are a POSIX matter")
def test_nobody_else_on_the_machine_can_read_the_data_or_reach_the_socket(var: Path) -> None:
    server = start(var)
    try:
        for path in (var / "pg", var / "pg/data", var / "pg/socket", var / "keys"):
            assert path.stat().st_mode & 0o777 == 0o700, path
        for path in (var / "pg/superuser.password", var / "keys/postgres-app.password"):
            assert path.stat().st_mode & 0o777 == 0o600, path
        if AS_ROOT:
            assert (var / "pg").stat().st_uid != 0
            assert var.stat().st_uid == (var / "keys").stat().st_uid == 0
            assert postmaster(var).uids().effective == (var / "pg").stat().st_uid
    finally:
        server.stop()


def test_two_processes_starting_at_once_share_one_server_until_the_last_leaves(var: Path) -> None:
    both = [in_another_process(var, "sys.stdin.readline(); server.stop()") for _ in range(2)]
    urls = {process.stdout.readline() for process in both if process.stdout}
    assert len(urls) == 1
    address = urls.pop().strip()
    running = postmaster(var).pid
    both[0].communicate("\n", timeout=60)
    assert ask(address, "SELECT 1") == 1
    assert postmaster(var).pid == running
    both[1].communicate("\n", timeout=60)
    assert [process.returncode for process in both] == [0, 0]
    assert not (var / "pg/data/postmaster.pid").exists()


def test_a_server_left_behind_by_a_killed_process_is_used_again(var: Path) -> None:
    process = in_another_process(var, "sys.stdin.readline()")
    assert process.stdout is not None
    process.stdout.readline()
    running = postmaster(var).pid
    process.kill()
    process.communicate()
    server = start(var)
    try:
        assert postmaster(var).pid == running
    finally:
        server.stop()


def test_a_killed_server_starts_again_with_everything_committed(var: Path) -> None:
    first = start(var)
    ask(first.migrate_url, "CREATE TABLE kept AS SELECT 1 AS one")
    postmaster(var).send_signal(signal.SIGKILL)
    time.sleep(0.2)
    second = start(var)
    try:
        assert ask(second.migrate_url, "SELECT one FROM kept") == 1
    finally:
        second.stop()
        first.stop()


def test_a_watched_server_that_is_killed_comes_back_by_itself_at_the_same_address(var: Path) -> None:
    server = start(var)
    ask(server.migrate_url, "CREATE TABLE kept AS SELECT 1 AS one")
    with embedded_postgres.watched(server):
        killed = postmaster(var)
        killed.send_signal(signal.SIGKILL)
        assert answered(server.migrate_url, "SELECT one FROM kept") == 1
        assert postmaster(var).pid != killed.pid
    server.stop()
    assert not (var / "pg/data/postmaster.pid").exists()


def test_what_several_processes_watch_comes_back_once_and_stops_with_the_last(var: Path) -> None:
    server = start(var)
    other = in_another_process(var, "with e.watched(server): sys.stdin.readline()\nserver.stop()")
    assert other.stdout is not None
    other.stdout.readline()
    with embedded_postgres.watched(server):
        postmaster(var).send_signal(signal.SIGKILL)
        assert answered(server.migrate_url, "SELECT 1") == 1
        back = postmaster(var).pid
        time.sleep(2 * embedded_postgres.WATCH_SECONDS)
        assert postmaster(var).pid == back
    server.stop()
    assert postmaster(var).pid == back
    other.communicate("\n")
    assert other.returncode == 0
    assert not (var / "pg/data/postmaster.pid").exists()


def test_a_pid_file_that_names_somebody_else_does_not_keep_the_server_down(var: Path) -> None:
    start(var).stop()
    pidfile = var / "pg/data/postmaster.pid"
    pidfile.write_text(f"{os.getpid()}\n{var / 'pg/data'}\n1\n5432\n{var / 'pg/socket'}\n\n0 0\nready\n")
    pidfile.chmod(0o644)
    server = start(var)
    try:
        assert ask(server.app_url, "SELECT 1") == 1
    finally:
        server.stop()


def test_an_interrupted_first_start_begins_again(var: Path) -> None:
    start(var).stop()
    (var / "pg/data").rename(var / "pg/data.new")
    (var / "pg/data.new/PG_VERSION").unlink()
    server = start(var)
    try:
        assert ask(server.app_url, "SELECT 1") == 1
    finally:
        server.stop()


def test_a_path_too_long_for_a_socket_gets_a_short_private_one(var: Path) -> None:
    deep = var / ("整改台账" * 8) / ("y" * 60)
    deep.mkdir(parents=True)
    server = start(deep)
    try:
        assert ask(server.app_url, "SELECT 1") == 1
        place = Path(str(ask(server.migrate_url, "SHOW unix_socket_directories")))
        assert place.parent == Path(tempfile.gettempdir())
        assert place.stat().st_mode & 0o777 == 0o700
    finally:
        server.stop()
    assert not place.exists()


@pytest.mark.skipif(not AS_ROOT, reason="only root changes account")
def test_the_directory_that_shuts_the_service_account_out_is_named(var: Path) -> None:
    var.mkdir()
    closed = var / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(EmbeddedError, match=rf"may not enter {closed}\."):
        start(closed / "deeper" / "var")
    assert closed.stat().st_mode & 0o777 == 0o700
    require_reachable(var, ServiceUser(65534, 65534, switch=True))


@pytest.mark.skipif(not AS_ROOT, reason="needs an account to switch to")
def test_an_ordinary_user_starts_it_without_any_account_of_its_own(var: Path) -> None:
    var.mkdir()
    os.chown(var, 65534, 65534)
    script = (
        # imported first, because the interpreter itself may live where only root can read
        "import os, asyncio; from pathlib import Path; from app.core import embedded_postgres as e\n"
        "import subprocess, encodings.idna, stringprep, ssl; os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        f"server = e.start(Path({str(var)!r})); server.stop(); print('served')"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=Path.cwd())
    assert done.stdout == "served\n", done.stderr
    assert (var / "pg").stat().st_uid == 65534
