"""The service as an office runs it: processes of `rectify`, a PostgreSQL of their own, and every way to hurt them."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import urlopen

import asyncpg
import psutil

from app.core import embedded_postgres, migrate
from app.core.embedded_postgres import Embedded
from app.core.postgres_host import free_port, programs, service_user

ROOT = Path(__file__).parents[2]
DURABLE = {"max_connections": "120", "autovacuum_naptime": "10min", "max_wal_size": "1GB"}
"""As in production: fsync, full_page_writes and synchronous_commit keep their defaults, which are on."""
READY_SECONDS = 60


class Cluster:
    """A PostgreSQL that may be killed and comes back on the same data under the same address."""

    def __init__(self, folder: Path, tuning: Mapping[str, str] = DURABLE) -> None:
        self.folder = folder
        self.tuning = dict(tuning)
        self.embedded: Embedded
        self.started: list[Embedded] = []

    @property
    def app_url(self) -> str:
        return self.embedded.app_url

    @property
    def superuser_url(self) -> str:
        return self.embedded.migrate_url

    def start(self) -> None:
        self.embedded = embedded_postgres.start(self.folder / "var", tuning=self.tuning)
        self.started.append(self.embedded)

    def processes(self) -> list[psutil.Process]:
        """The postmaster first, then its children; empty where it does not run."""
        try:
            pidfile = (self.folder / "var/pg/data/postmaster.pid").read_text(encoding="utf-8")
            postmaster = psutil.Process(int(pidfile.splitlines()[0]))
            return [postmaster, *postmaster.children(recursive=True)]
        except (FileNotFoundError, psutil.NoSuchProcess):
            return []

    def backends(self) -> list[psutil.Process]:
        """The processes that work for a client of the service."""
        found = []
        for process in self.processes()[1:]:
            with suppress(psutil.NoSuchProcess):
                if any(embedded_postgres.APP in part for part in process.cmdline()):
                    found.append(process)
        return found

    def kill(self) -> None:
        """Everything at once, as when the machine loses its process table."""
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                process.kill()

    def close(self) -> None:
        self.kill()
        while self.processes():
            time.sleep(0.02)
        for embedded in self.started:
            embedded.stop()

    def pg_ctl(self, *command: str) -> None:
        home = self.folder / "var/pg"
        user = service_user(home)
        tools = programs(home / "data", user)
        told = [str(tools.pg_ctl), *command, "-D", str(home / "data"), "-w", "-t", "60"]
        subprocess.run(told, check=True, cwd=home, stdout=subprocess.DEVNULL, **user.run_as())

    def stop_at_once(self) -> None:
        self.pg_ctl("stop", "-m", "immediate")

    async def ask(self, sql: str, *args: object) -> object:
        connection = await asyncpg.connect(self.superuser_url, timeout=10)
        try:
            return await connection.fetchval(sql, *args)
        finally:
            await connection.close()


@dataclass
class Replica:
    """One process of `rectify`, started by the launcher that knows the failpoints; its log is `<name>.log`."""

    name: str
    command: list[str]
    folder: Path
    environment: Mapping[str, str]
    port: int = 0
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with (self.folder / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.launcher", *self.command],
                cwd=ROOT, env={**os.environ, **self.environment}, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            )  # fmt: skip

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def signal(self, number: int) -> None:
        if self.alive and self.process is not None:
            self.process.send_signal(number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()

    def end(self, seconds: float = 30) -> int:
        """SIGTERM; the exit code."""
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        assert self.process is not None
        return self.process.wait(seconds)

    def ready(self) -> bool:
        """Whether it answers that it can serve; a worker serves nobody and only has to run."""
        if not self.port:
            return self.alive
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=3) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    async def until_ready(self, seconds: float = READY_SECONDS) -> float:
        """Gives how long it took; raises when the process is gone or the time is up."""
        started = time.monotonic()
        while not await asyncio.to_thread(self.ready):
            if not self.alive or time.monotonic() - started > seconds:
                log = (self.folder / f"{self.name}.log").read_text(encoding="utf-8", errors="replace")
                raise AssertionError(f"{self.name} is not ready after {seconds} s\n{log[-3000:]}")
            await asyncio.sleep(0.05)
        return time.monotonic() - started


@dataclass
class Deployment:
    """Two services, two workers, one database; `failpoints` is the folder where deaths are ordered."""

    folder: Path
    cluster: Cluster
    services: list[Replica] = field(default_factory=list)
    workers: list[Replica] = field(default_factory=list)

    @staticmethod
    def place() -> Path:
        """Not below pytest's own 0700 folder: as root the server runs under another account."""
        folder = Path(tempfile.mkdtemp(prefix="rectify-crash-"))
        folder.chmod(0o711)
        return folder

    @classmethod
    def made(
        cls, tuning: Mapping[str, str] = DURABLE, *, services: int = 2, workers: int = 2, folder: Path | None = None,
        more: Mapping[str, str] | None = None,
    ) -> Deployment:  # fmt: skip
        """With a migrated database that runs; `more` are environment variables of every process."""
        folder = folder or cls.place()
        found = cls(folder, Cluster(folder, tuning))
        found.failpoints.mkdir()
        found.cluster.start()
        migrate.migrate(found.cluster.superuser_url)
        environment = {**found.environment(), **(more or {})}
        for number in range(services):
            port = free_port()
            command = ["serve", "--port", str(port)]
            found.services.append(Replica(f"serve-{number}", command, folder, environment, port))
        for number in range(workers):
            found.workers.append(Replica(f"worker-{number}", ["worker"], folder, environment))
        return found

    def environment(self) -> dict[str, str]:
        return {
            "DATABASE_URL": self.cluster.app_url,
            "RECTIFY_VAR": str(self.folder / "service"),
            "RECTIFY_WORKER": "off",
            "RECTIFY_PUBLISH_TO": str(self.folder / "notes"),
            "RECTIFY_LOG_LEVEL": "warning",
            "RECTIFY_TEST_FAILPOINTS": str(self.failpoints),
        }

    @property
    def failpoints(self) -> Path:
        return self.folder / "failpoints"

    @property
    def replicas(self) -> list[Replica]:
        return [*self.services, *self.workers]

    async def start(self) -> None:
        """Everything that does not run, and waits until it does; the database first."""
        if not self.cluster.processes():
            await asyncio.to_thread(self.cluster.start)
        for replica in self.replicas:
            if not replica.alive:
                replica.start()
        for replica in self.replicas:
            await replica.until_ready()

    async def rectify(self, *command: str | Path) -> tuple[int, str]:
        """One command of the operator's; its exit code, and what it said."""
        told = [sys.executable, "-m", "tests.support.launcher", *map(str, command)]
        process = await asyncio.create_subprocess_exec(
            *told, cwd=ROOT, env={**os.environ, **self.environment()},
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        said, _ = await process.communicate()
        assert process.returncode is not None
        return process.returncode, said.decode()

    def keep(self, where: Path) -> None:
        """What a failed run is understood from."""
        where.mkdir(exist_ok=True)
        for path in (*self.folder.glob("*.log"), *self.folder.glob("*.jsonl")):
            shutil.copy(path, where)

    def close(self) -> None:
        for replica in self.replicas:
            if replica.process is not None:
                replica.signal(signal.SIGCONT)
                replica.kill()
        self.cluster.close()
        shutil.rmtree(self.folder, ignore_errors=True)
