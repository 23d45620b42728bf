"""pgbouncer in transaction mode, where no session is one's own: in front of one test's database or of the whole run's.

RECTIFY_TEST_PGBOUNCER names the program; otherwise it is looked for. With RECTIFY_TEST_POOLED=1 every service of the run
and every command of the operator's reaches the run's databases through it (`make pooled`); the tests themselves look
straight at PostgreSQL.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit, urlunsplit

from app.core.postgres_host import ServiceUser, free_port

PROGRAM: Final = os.environ.get("RECTIFY_TEST_PGBOUNCER") or shutil.which("pgbouncer")
POOLED: Final = os.environ.get("RECTIFY_TEST_POOLED") == "1"
_BEFORE: dict[str, Pooler] = {}
"""Of the run, by the address it stands before."""
# Databases come and go with the tests: a connection nobody uses is closed soon, or the server runs out of them.
INI: Final = """
[databases]
* = host={host} port={port} user={user} password={password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
auth_type = any
pool_mode = transaction
default_pool_size = 5
server_idle_timeout = 5
unix_socket_dir =
logfile = {folder}/pgbouncer.log
"""


def service_url(url: str) -> str:
    """Where a service finds the database `url` names: there, or behind the pooler of the run."""
    parts = urlsplit(url)
    pooler = _BEFORE.get(urlunsplit(parts._replace(path="")))
    return url if pooler is None else pooler.url(parts.path.removeprefix("/"))


@contextmanager
def before(app_url: str, folder: Path, user: ServiceUser) -> Iterator[None]:
    """A pooler of this process in front of the run's server, if the run is to have one."""
    if not POOLED:
        yield
        return
    here = urlunsplit(urlsplit(app_url)._replace(path=""))
    _BEFORE[here] = Pooler(app_url, folder, user)
    try:
        yield
    finally:
        _BEFORE.pop(here).stop()


class Pooler:
    """A running pgbouncer before the server of `app_url`; it runs as the account that alone may enter the socket's folder."""

    def __init__(self, app_url: str, folder: Path, user: ServiceUser, listen: int = 0) -> None:
        if PROGRAM is None:
            raise RuntimeError("pgbouncer is not installed: apt-get install pgbouncer")
        self.listen = listen or free_port()
        folder.mkdir(mode=0o700)
        user.give(folder)
        url = urlsplit(app_url)
        query = parse_qs(url.query)
        told = {
            "host": query["host"][0] if "host" in query else url.hostname,
            "port": query["port"][0] if "port" in query else url.port,
            "user": url.username,
            "password": unquote(url.password or ""),
        }
        ini = folder / "pgbouncer.ini"
        ini.write_text(INI.format(**told, listen=self.listen, folder=folder), encoding="utf-8")
        user.give(ini)
        self._process = subprocess.Popen([PROGRAM, str(ini)], cwd=folder, stderr=subprocess.DEVNULL, **user.run_as())
        self._await(folder / "pgbouncer.log")

    def url(self, database: str) -> str:
        return f"postgresql://rectify_app@127.0.0.1:{self.listen}/{database}"

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait()

    def _await(self, log: Path) -> None:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.listen)) == 0:
                    return
            try:
                self._process.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
            raise AssertionError(log.read_text(encoding="utf-8"))
        raise AssertionError("the pooler does not listen")
