"""Every statement of the service runs here, on raw asyncpg; this is the only module that commits.

Tables are declared with SQLModel and built by Alembic. Statements are SQL constants run on the driver itself: measured on
this stack, that saves 97 µs of CPU a statement against Core and a BEGIN/ROLLBACK pair around each read (docs/decisions).
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import asyncpg
from pydantic_core import from_json
from sqlmodel import SQLModel

RETRYABLE = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError)
ATTEMPTS = 4
WAIT_SECONDS = 3
"""For a connection, and for a single read: longer than a busy second, short enough to tell an outage as one."""
STATEMENT_SECONDS = 30
PARAMETERS = 32_767
"""What one statement of the protocol can carry."""
STREAMED = 500
"""Rows fetched at once where a statement gives more of them than memory should hold."""
WRITE_SECONDS = 5
"""The longest a write may run: half of the age a past moment must have before it can be asked for (app/core/asof.py)."""
CROWD = 4
MOMENT = 0.05
"""A read beyond so many connections in use waits up to so many seconds for one of them, although another could be opened:
more backends than cores to run them on only take turns. When none came back, those in use are long, and it gets its own."""
KEPT_PLANS = "set_config('plan_cache_mode', 'force_generic_plan', true)"
"""To select once in a transaction that finds its rows by their keys: one plan then serves all values. PostgreSQL expects
ten keys in any array, thinks a plan for the one key it mostly is cheaper, and would make it anew for every request."""
Row = asyncpg.Record
T = TypeVar("T")


class Reader(Protocol):
    """What a query needs: a database, a snapshot and a transaction all give it."""

    async def fetch(self, sql: str, *args: Any) -> list[Row]: ...
    async def fetchrow(self, sql: str, *args: Any) -> Row | None: ...
    async def fetchval(self, sql: str, *args: Any) -> Any: ...


class Snapshot(Reader, Protocol):
    """One moment of the database; `stream` gives rows of it without holding them all."""

    def stream(self, sql: str, *args: Any) -> AsyncIterator[Row]: ...


if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    _Base = asyncpg.Connection[Row]
    _Pooled = asyncpg.Connection[Row] | PoolConnectionProxy[Row]
else:
    _Base = asyncpg.Connection  # generic in its stubs only


class CommitRefusedError(Exception):
    """Only tripwires are deferred: what the database refuses at the commit is our own fault and never the caller's."""


class _Connection(_Base):
    def get_reset_query(self) -> str:
        """No session state is ever set, so giving a connection back must not cost a round trip."""
        return ""


def _read(text: str) -> Any:
    """In half the time of the library's own, which is left with what may stand in a column and not in a request."""
    try:
        return from_json(text)
    except ValueError:
        return json.loads(text)


async def _prepare(connection: asyncpg.Connection[Row]) -> None:
    for name in ("json", "jsonb"):
        await connection.set_type_codec(
            name, encoder=lambda v: json.dumps(v, ensure_ascii=False), decoder=_read, schema="pg_catalog"
        )


def _let_go(waiter: asyncio.Future[_Pooled | None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def _lost(connection: _Pooled) -> bool:
    """The pool takes back what the server ended, and then what it had lent refuses even to be asked."""
    try:
        return connection.is_closed()
    except asyncpg.InterfaceError:
        return True


@dataclass(slots=True)
class Tx:
    """One write transaction; everything done through it commits together or not at all.

    `recorded` is what the history has taken down of it so far, in the order of writing.
    """

    connection: _Pooled
    request_id: str = ""
    idempotency_key: str | None = None
    at: datetime | None = None
    recorded: list[Any] = field(default_factory=list)

    async def fetch(self, sql: str, *args: Any) -> list[Row]:
        return await self.connection.fetch(sql, *args)

    async def fetchrow(self, sql: str, *args: Any) -> Row | None:
        return await self.connection.fetchrow(sql, *args)

    async def fetchval(self, sql: str, *args: Any) -> Any:
        return await self.connection.fetchval(sql, *args)

    async def stream(self, sql: str, *args: Any) -> AsyncIterator[Row]:
        """Row by row, through a cursor on the server's side."""
        async for row in self.connection.cursor(sql, *args, prefetch=STREAMED):
            yield row

    async def execute(self, sql: str, *args: Any) -> int:
        """Runs one statement and gives the number of rows it touched."""
        tag = await self.connection.execute(sql, *args)
        last = tag.rsplit(" ", 1)[-1]
        return int(last) if last.isdigit() else 0

    async def insert(self, table: type[SQLModel], rows: Sequence[Mapping[str, Any]]) -> None:
        """As few statements as the protocol allows; every row carries the same keys, column names of the table."""
        if not rows:
            return
        names = tuple(rows[0])
        most = PARAMETERS // len(names)
        for start in range(0, len(rows), most):
            part = rows[start : start + most]
            sql = _insert_sql(table, names, len(part))
            await self.connection.execute(sql, *(row[name] for row in part for name in names))


@cache
def _insert_sql(table: type[SQLModel], names: tuple[str, ...], count: int) -> str:
    columns = table.__table__.columns  # type: ignore[attr-defined]
    unknown = [name for name in names if name not in columns]
    if unknown:
        raise KeyError(f"{table.__name__} has no column {unknown}")
    width = len(names)
    values = ",".join(
        "(" + ",".join(f"${row * width + column + 1}" for column in range(width)) + ")" for row in range(count)
    )
    quoted = ",".join(f'"{name}"' for name in names)
    return f"INSERT INTO {table.__table__.name} ({quoted}) VALUES {values}"  # type: ignore[attr-defined]  # noqa: S608 - names are checked against the table


class Database:
    """A bounded pool of connections; reads autocommit, writes go through `write`.

    Connections rest in `_idle` between statements, or go straight to whoever has waited longest: the pool's own hand-back
    starts a task each time, which costs more than the statement. The pool still bounds, opens and repairs them, and gets
    back whatever did not end cleanly. `_taken` counts those it has given, at rest or in use.
    """

    def __init__(self, pool: asyncpg.Pool[Row]) -> None:
        self.pool = pool
        self._idle: list[_Pooled] = []
        self._taken = 0
        self._waiters: deque[asyncio.Future[_Pooled | None]] = deque()
        self._closing = False

    @classmethod
    async def open(
        cls, dsn: str, *, pool_size: int = 10, prepared: bool = True, limit: float | None = STATEMENT_SECONDS
    ) -> Database:
        """`prepared=False` is for poolers in transaction mode that do not know prepared statements.

        `limit` is how long a statement may take; None for commands that go through the whole ledger while somebody waits.
        """
        pool = await asyncpg.create_pool(
            dsn,
            min_size=0,
            max_size=pool_size,
            connection_class=_Connection,
            init=_prepare,
            timeout=WAIT_SECONDS,
            command_timeout=limit,
            statement_cache_size=512 if prepared else 0,
            max_inactive_connection_lifetime=300,
            server_settings={"application_name": "rectify"} | ({"jit": "off"} if prepared else {}),
        )
        return cls(pool)

    async def close(self) -> None:
        """Waits for what is under way; a connection in use then goes back to the pool instead of to rest."""
        self._closing = True
        while self._idle:
            await self._give_back(self._idle.pop())
        await self.pool.close()

    async def _take(self) -> _Pooled:
        while self._idle:
            connection = self._idle.pop()
            if not _lost(connection):
                return connection
            await self._give_back(connection)
        async with asyncio.timeout(WAIT_SECONDS):
            while self._taken >= self.pool.get_max_size():
                given = await self._wait()
                if given is not None:
                    return given
            self._taken += 1
            try:
                return await self.pool.acquire()
            except BaseException:
                self._one_less()
                raise

    async def _take_in_turn(self) -> _Pooled:
        """As `_take`, for a statement that will not keep it long."""
        if self._taken - len(self._idle) >= CROWD:
            given = await self._wait(MOMENT)
            if given is not None:
                return given
        return await self._take()

    async def _wait(self, moment: float | None = None) -> _Pooled | None:
        """A connection somebody has done with, or None when the pool can open another or the `moment` is over."""
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[_Pooled | None] = loop.create_future()
        self._waiters.append(waiter)
        timer = None if moment is None else loop.call_later(moment, _let_go, waiter)
        try:
            return await waiter
        except asyncio.CancelledError:
            if not waiter.cancelled():  # given in the very moment of giving up: the next in line must not wait in vain
                self._pass_on(waiter.result())
            raise
        finally:
            if timer is not None:
                timer.cancel()

    def _pass_on(self, connection: _Pooled | None) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        if connection is not None:
            self._idle.append(connection)

    def _one_less(self) -> None:
        self._taken -= 1
        self._pass_on(None)

    async def _rest(self, connection: _Pooled) -> None:
        """After a clean end."""
        if self._closing or _lost(connection):
            await self._give_back(connection)
        else:
            self._pass_on(connection)

    async def _give_back(self, connection: _Pooled) -> None:
        try:
            await self.pool.release(connection)  # type: ignore[arg-type]  # what the pool gave is what it takes
        finally:
            self._one_less()

    async def fetch(self, sql: str, *args: Any) -> list[Row]:
        rows: list[Row] = await self._brief("fetch", sql, args)
        return rows

    async def fetchrow(self, sql: str, *args: Any) -> Row | None:
        row: Row | None = await self._brief("fetchrow", sql, args)
        return row

    async def fetchval(self, sql: str, *args: Any) -> Any:
        return await self._brief("fetchval", sql, args)

    async def _brief(self, method: str, sql: str, args: tuple[Any, ...]) -> Any:
        """As with `_lent`, whose context manager costs a hot read as much as decoding its row."""
        connection = await self._take_in_turn()
        try:
            found = await getattr(connection, method)(sql, *args, timeout=WAIT_SECONDS)
        except BaseException:
            await self._give_back(connection)
            raise
        await self._rest(connection)
        return found

    @asynccontextmanager
    async def _lent(self) -> AsyncIterator[_Pooled]:
        connection = await self._take()
        try:
            yield connection
        except BaseException:
            await self._give_back(connection)
            raise
        await self._rest(connection)

    @asynccontextmanager
    async def snapshot(self, *, by_key: bool = False) -> AsyncIterator[Snapshot]:
        """Several statements that see one moment: for answers that need more than one read; `by_key` as KEPT_PLANS says."""
        async with (
            self._lent() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            if by_key:
                await connection.execute(f"SELECT {KEPT_PLANS}")
            yield Tx(connection)

    async def write(self, work: Callable[[Tx], Awaitable[T]]) -> T:
        """Runs `work` and commits before returning; a serialization failure or deadlock reruns the whole of it."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await self._attempt(work)
            except RETRYABLE:
                if attempt == ATTEMPTS:
                    raise
                await asyncio.sleep(random.uniform(0.005, 0.02) * attempt)  # noqa: S311 - spreads retries, no secret
        raise AssertionError("unreachable")

    async def _attempt(self, work: Callable[[Tx], Awaitable[T]]) -> T:
        worked = False
        try:
            async with self._lent() as connection, connection.transaction():
                async with asyncio.timeout(WRITE_SECONDS):
                    result = await work(Tx(connection))
                worked = True
        except asyncpg.IntegrityConstraintViolationError as error:
            if worked:
                raise CommitRefusedError("a deferred constraint refused the commit") from error
            raise
        return result
