"""Answers "why does it not work here?" before somebody has to read a log."""

import os
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from enum import StrEnum

import asyncpg

from app.core import clock, migrate
from app.core.db import Database
from app.core.outgoing import Allowed, WrongHostError
from app.settings import Settings

OLDEST_SERVER = 160000
RESERVED = 10
"""Connections left to administrators, migrations and backups."""
CLOCK_LIMIT = 2.0


class Verdict(StrEnum):
    """How a check ended; only `fail` makes the command fail."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    verdict: Verdict
    check: str
    detail: str


_SERVER = """
SELECT current_setting('server_version_num')::int AS version,
       current_setting('server_version') AS version_text,
       current_setting('max_connections')::int AS max_connections,
       current_setting('server_encoding') AS encoding,
       clock_timestamp() AS now,
       current_user AS login,
       (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS superuser,
       EXISTS (SELECT FROM pg_roles WHERE rolname = 'rectify_owner') AS owner_exists,
       has_schema_privilege('public', 'CREATE') AS may_create
"""


def check_machine(settings: Settings) -> Iterator[Finding]:
    """Python and the local folders; needs no database."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    yield Finding(Verdict.OK if sys.version_info >= (3, 11) else Verdict.FAIL, "python", f"{version}, 3.11 or newer")
    var = settings.var
    if not var.is_dir():
        yield Finding(Verdict.WARN, "var", f"{var} does not exist yet; the first start creates it")
        return
    writable = os.access(var, os.W_OK | os.X_OK)
    yield Finding(Verdict.OK if writable else Verdict.FAIL, "var", f"{var} {'is' if writable else 'is NOT'} writable")
    keys = var / "keys"
    if os.name == "posix" and keys.is_dir():
        mode = keys.stat().st_mode & 0o777
        private = not mode & 0o077
        advice = "" if private else f": run chmod 700 {keys}"
        yield Finding(Verdict.OK if private else Verdict.FAIL, "keys", f"{keys} has mode {mode:o}{advice}")


def check_outgoing(settings: Settings) -> Finding:
    """Whom this deployment may call; a host that means nothing would stop the service from starting."""
    try:
        known = len(Allowed.parse(settings.webhook_hosts).entries)
    except WrongHostError as error:
        return Finding(Verdict.FAIL, "webhooks", f"RECTIFY_WEBHOOK_HOSTS: {error} is no host name, *.suffix or network")
    told = f"{known} hosts and networks may be called" if known else "nothing is called, RECTIFY_WEBHOOK_HOSTS is empty"
    return Finding(Verdict.OK, "webhooks", told)


async def check_database(settings: Settings) -> AsyncIterator[Finding]:
    """The server, its roles, its schema and its clock."""
    try:
        database = await Database.open(settings.app_dsn(), pool_size=2, prepared=settings.prepared)
        row = await database.fetchrow(_SERVER)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        yield Finding(Verdict.FAIL, "database", f"not reachable: {type(error).__name__}: {error}")
        return
    if row is None:
        raise AssertionError("a SELECT without FROM gives one row")
    yield Finding(Verdict.OK, "database", f"reached as {row['login']}")
    for finding in _check_server(row, settings):
        yield finding
    at, wanted = await migrate.current(database), migrate.head()
    same = at == wanted
    yield Finding(
        Verdict.OK if same else Verdict.FAIL,
        "migrations",
        f"at {at}" if same else f"at {at}, this build needs {wanted}: run `rectify migrate`",
    )
    await database.close()


def _check_server(row: asyncpg.Record, settings: Settings) -> Iterator[Finding]:
    known = row["version"] >= OLDEST_SERVER
    yield Finding(Verdict.OK if known else Verdict.FAIL, "version", f"PostgreSQL {row['version_text']}, 16 or newer")
    utf8 = row["encoding"] == "UTF8"
    yield Finding(Verdict.OK if utf8 else Verdict.FAIL, "encoding", str(row["encoding"]))
    separated = row["owner_exists"] and not row["superuser"] and not row["may_create"]
    yield Finding(
        Verdict.OK if separated else Verdict.WARN,
        "roles",
        "the service cannot change its own schema"
        if separated
        else f"append-only is not separated: {row['login']} may change the schema; see docs/dba.sql",
    )
    room = row["max_connections"] - RESERVED
    yield Finding(
        Verdict.OK if settings.pool_size <= room else Verdict.FAIL,
        "connections",
        f"one process uses up to {settings.pool_size}; the server allows {row['max_connections']}, "
        f"enough for {room // settings.pool_size} processes",
    )
    apart = abs((row["now"] - clock.now()).total_seconds())
    yield Finding(
        Verdict.OK if apart <= CLOCK_LIMIT else Verdict.FAIL, "clock", f"{apart:.1f} s apart from the database's"
    )
