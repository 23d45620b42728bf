"""What the products that are compared have in common: a database each on one server, a process each, and the same tasks."""

from __future__ import annotations

import asyncio
import secrets
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple, Protocol
from urllib.parse import parse_qs, urlsplit, urlunsplit

import asyncpg
import psutil

from bench import load, words
from bench.load import Work

WRITE, READ, LIST, COUNTED_LIST = "write", "read", "list", "counted list"
CHANGES: Final = 6
"""Entries in the history of every item."""
PAGE: Final = 50
TURN: Final = 200
"""Items whose history is read in turn."""
PATIENCE: Final = 120
_SETTLED: Final = 0.02


@dataclass(frozen=True, slots=True)
class Size:
    """How much each product holds; the last `waiting` items wait for the change of state that is measured."""

    items: int
    waiting: int

    def read(self, seed: int) -> list[int]:
        """Numbers of items read in turn, anywhere among those that do not wait."""
        others = self.items - self.waiting
        return Random(seed).sample(range(1, others + 1), min(TURN, others))


class Address(NamedTuple):
    """A database and its owner on the private server."""

    directory: str
    port: str
    name: str
    password: str

    def url(self) -> str:
        return f"postgresql://{self.name}:{self.password}@/{self.name}?host={self.directory}&port={self.port}"


class Served(NamedTuple):
    port: int
    process: psutil.Process


class Product(Protocol):
    """One of those compared; `moved` counts what its history says of the writes that are measured."""

    name: str
    moved: str
    pairs: bool
    """Whether an item and its history are two requests, which count as one."""
    url: str

    def prepare(self) -> None:
        """Everything before the first request: schema, accounts, rows."""

    def serving(self) -> Any:
        """A context in which it is `Served`."""

    def work(self, kind: str, port: int, share: range) -> Work | None:
        """The requests of a task; writes take the waiting items of that share. None for a task it does not have."""

    def entries(self, kind: str, answers: Sequence[Any]) -> int:
        """How many entries of history, or items of a page, these answers hold."""


async def make_database(superuser: str, name: str) -> Address:
    """An empty database that a role of the same name owns."""
    password = secrets.token_hex(16)
    connection = await asyncpg.connect(superuser)
    try:
        await connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD '{password}'")
        await connection.execute(f"CREATE DATABASE {name} OWNER {name}")
    finally:
        await connection.close()
    asked = parse_qs(urlsplit(superuser).query)
    return Address(asked["host"][0], asked["port"][0], name, password)


async def insert(url: str, size: Size, script: str, **more: str) -> None:
    """Runs statements that find in settings how much to make, and texts like ours."""
    told = {"items": str(size.items), "waiting": str(size.waiting), "changes": str(CHANGES), **words.samples(), **more}
    connection = await asyncpg.connect(url)
    try:
        for name, value in told.items():
            await connection.execute("SELECT set_config($1, $2, false)", f"bench.{name}", value)
        await connection.execute("SET synchronous_commit = off; SET maintenance_work_mem = '256MB'")
        await connection.execute(script)
    finally:
        await connection.close()


async def vacuum(superuser: str, name: str) -> None:
    """As autovacuum would have left it by and by; catalogues belong to the superuser."""
    parts = urlsplit(superuser)
    connection = await asyncpg.connect(urlunsplit(parts._replace(path=f"/{name}")))
    try:
        await connection.execute("VACUUM (ANALYZE)")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


async def count(url: str, statement: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval(statement))
    finally:
        await connection.close()


def packaged(package: str) -> str:
    """The version that is installed."""
    command = ["dpkg-query", "-W", "-f", "${Version}", package]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def moved(product: Product) -> int:
    """How many of the measured writes its history holds by now."""
    return asyncio.run(count(product.url, product.moved))


def done(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
    """Runs a program of theirs to its end; raises with what it said when it fails."""
    result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}:\n{result.stdout[-2000:]}{result.stderr[-2000:]}")


@contextmanager
def running(command: Sequence[str], port: int, folder: Path, environment: Mapping[str, str]) -> Iterator[Served]:
    """A server of theirs for as long as the block runs; what it says goes to a file in its folder."""
    with (folder / "server.log").open("w", encoding="utf-8") as log:
        # A session of its own: who interrupts the measurement means that, and each server is then ended in its way.
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        _wait(process, port, folder / "server.log")
        yield Served(port, psutil.Process(process.pid))
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    for _ in range(PATIENCE * 5):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        if process.poll() is not None:
            break
        time.sleep(0.2)
    raise RuntimeError(f"no answer on port {port}:\n{log.read_text(encoding='utf-8', errors='replace')[-3000:]}")


def settle(server: psutil.Process) -> None:
    """Until it has finished what a client that left had asked for, so that this does not weigh on the next round."""
    for _ in range(PATIENCE):
        before = load.cpu(server)
        time.sleep(0.25)
        if load.cpu(server) - before < _SETTLED:
            return


def postmaster(url: str) -> psutil.Process:
    """The server all databases are on; with those it started it is all of PostgreSQL."""

    async def found() -> psutil.Process:
        connection = await asyncpg.connect(url)
        try:
            return psutil.Process(psutil.Process(connection.get_server_pid()).ppid())
        finally:
            await connection.close()

    return asyncio.run(found())
