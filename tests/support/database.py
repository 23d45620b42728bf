"""One PostgreSQL for the whole run, one migrated template, and clones of it; everything commits for real.

RECTIFY_TEST_DATABASE_URL names a throw-away server to use instead of the embedded one (its login must be a superuser,
and the password of its role rectify_app is set anew).
"""

import asyncio
import os
import secrets
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from fasteners import InterProcessLock

from app.core import embedded_postgres, migrate
from app.core.postgres_host import service_user
from app.settings import normalise_url
from tests.support.pooler import before

# A run that loses power is run again: durability costs most of the time here and proves nothing.
TUNING = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_connections": "200",
    "autovacuum_naptime": "10min",
    "max_wal_size": "2GB",
}
RUN = "rectify_test_run"


@dataclass(frozen=True, slots=True)
class Server:
    """Where the run keeps its databases; `superuser` may do everything, `app` is what the service logs in with."""

    folder: Path
    superuser_url: str = field(repr=False)
    app_url: str = field(repr=False)
    prefix: str

    def superuser(self, database: str) -> str:
        return _on(self.superuser_url, database)

    def app(self, database: str) -> str:
        return _on(self.app_url, database)

    def execute(self, sql: str) -> None:
        asyncio.run(execute(self.superuser("postgres"), sql))


@dataclass(frozen=True, slots=True)
class Clone:
    """One database of the run."""

    name: str
    app_url: str = field(repr=False)
    superuser_url: str = field(repr=False)


def _on(url: str, database: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=f"/{database}"))


async def execute(url: str, sql: str) -> None:
    connection = await asyncpg.connect(url, timeout=30)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()


def pytest_configure(config: pytest.Config) -> None:
    """The process that starts the run names its folder; xdist workers inherit the name."""
    if not hasattr(config, "workerinput"):
        # Not below pytest's own 0700 folder: as root the server runs under another account.
        folder = Path(tempfile.mkdtemp(prefix="rectify-test-"))
        folder.chmod(0o711)
        os.environ[RUN] = str(folder)


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput") and RUN in os.environ:
        folder = Path(os.environ.pop(RUN))
        external = folder / "external"
        if external.exists():
            asyncio.run(_drop_all(external.read_text(encoding="utf-8")))
        shutil.rmtree(folder, ignore_errors=True)


async def _drop_all(told: str) -> None:
    url, prefix = told.splitlines()
    connection = await asyncpg.connect(_on(url, "postgres"), timeout=30)
    try:
        for row in await connection.fetch("SELECT datname FROM pg_database WHERE starts_with(datname, $1)", prefix):
            await connection.execute(f'ALTER DATABASE "{row["datname"]}" IS_TEMPLATE false')
            await connection.execute(f'DROP DATABASE "{row["datname"]}" WITH (FORCE)')
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    folder = Path(os.environ[RUN])
    given = os.environ.get("RECTIFY_TEST_DATABASE_URL")
    prefix = f"rt_{folder.name.rsplit('-', 1)[-1].lower()}_"
    if given:
        yield _external(folder, normalise_url(given), prefix)
        return
    embedded = embedded_postgres.start(folder / "var", tuning=TUNING)
    try:
        with before(embedded.app_url, folder / f"pooler-{os.getpid()}", service_user(folder / "var/pg")):
            yield Server(folder, embedded.migrate_url, embedded.app_url, prefix)
    finally:
        embedded.stop()


def _external(folder: Path, url: str, prefix: str) -> Server:
    with InterProcessLock(folder / "external.lock"):
        kept = folder / "app.password"
        if not kept.exists():
            password = secrets.token_hex(16)
            asyncio.run(embedded_postgres.ensure_roles(_on(url, "postgres"), password))
            kept.write_text(password, encoding="utf-8")
            (folder / "external").write_text(f"{url}\n{prefix}", encoding="utf-8")
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    login = parts._replace(netloc=f"{embedded_postgres.APP}:{kept.read_text(encoding='utf-8')}@{place}")
    return Server(folder, url, urlunsplit(login), prefix)


@pytest.fixture(scope="session")
def template(server: Server) -> str:
    """The migrated database every other one is copied from; nobody may connect to it, or copying would fail."""
    name = f"{server.prefix}template"
    with InterProcessLock(server.folder / "template.lock"):
        done = server.folder / "template.done"
        if not done.exists():
            server.execute(f'CREATE DATABASE "{name}" OWNER {embedded_postgres.OWNER}')
            migrate.migrate(server.superuser(name))
            server.execute(f'ALTER DATABASE "{name}" IS_TEMPLATE true ALLOW_CONNECTIONS false')
            done.touch()
    return name


def clone(server: Server, template: str) -> Clone:
    name = f"{server.prefix}{uuid.uuid4().hex[:12]}"
    server.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy OWNER {embedded_postgres.OWNER}')
    return Clone(name, server.app(name), server.superuser(name))


@pytest.fixture(scope="session")
def shared_database(server: Server, template: str) -> Clone:
    """The worker's own copy, for tests that bring their own unit tree and ledger and count nothing globally."""
    return clone(server, template)


@pytest.fixture
def database(server: Server, template: str) -> Iterator[Clone]:
    """A copy for this test alone: for what counts globally, races, breaks things or looks at the whole history."""
    own = clone(server, template)
    yield own
    server.execute(f'DROP DATABASE IF EXISTS "{own.name}" WITH (FORCE)')


@pytest.fixture
def database_url(database: Clone) -> str:
    """The address of `database` as rectify_app."""
    return database.app_url


@pytest.fixture
def empty_database(server: Server) -> Iterator[Clone]:
    """A database without a schema, for tests of migrating."""
    name = f"{server.prefix}{uuid.uuid4().hex[:12]}"
    server.execute(f'CREATE DATABASE "{name}" OWNER {embedded_postgres.OWNER}')
    yield Clone(name, server.app(name), server.superuser(name))
    server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
