"""How long an event waits for its signed checkpoint while many are written to one `rectify serve`, its sealer inside.

The database itself says when a transaction was committed (track_commit_timestamp), so nothing is asked while the load runs
but the lag the service tells: /metrics once a second, which must be what the times of the commits say it was.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple
from uuid import uuid4

import asyncpg
import httpx2

from bench import load
from bench.cells import Row
from bench.organisation import made_id
from bench.seed import World

TUNING: Final = {"track_commit_timestamp": "on"}
AT_ONCE: Final = 20
"""Items of one batch: one event each."""
LEAST: Final = 200
LATEST: Final = 5.0
OFF: Final = 0.2
"""Seconds by which the lag told may differ: it is asked for and answered while the log goes on."""
PATIENCE: Final = 120
NUMBERED: Final = "SELECT next - 1 FROM log_state"
LEFT: Final = """
SELECT (SELECT count(*) FROM log_pending) + (SELECT next - 1 FROM log_state)
  - (SELECT coalesce(max(size), 0) FROM checkpoint WHERE note IS NOT NULL)
"""
WAITS: Final = """
WITH signed AS (
  SELECT size, extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8 AS at FROM checkpoint WHERE note IS NOT NULL
)
SELECT extract(epoch FROM e.at)::float8 AS at, extract(epoch FROM pg_xact_commit_timestamp(e.xmin))::float8 AS committed,
  (SELECT min(s.at) FROM signed s WHERE s.size >= p.position) AS sealed
FROM log_position p JOIN event e ON e.id = p.event_id WHERE p.position > $1 ORDER BY p.position
"""
SIGNED: Final = "SELECT count(*) FROM checkpoint WHERE size > $1"


@dataclass(frozen=True, slots=True)
class Pace:
    """So many events a second for so many seconds, whatever the answers do."""

    rate: int = 240
    seconds: float = 60

    @property
    def items(self) -> int:
        return int(self.rate * self.seconds)


class Told(NamedTuple):
    """The lag the service told, between these two instants."""

    begun: float
    ended: float
    lag: float


class Event(NamedTuple):
    """Instants as seconds: the one it bears, its commit, and that of the first signed checkpoint over it."""

    at: float
    committed: float
    sealed: float


@dataclass(slots=True)
class Sealing:
    """One service on one seeded database."""

    world: World
    superuser: str
    url: str
    var: Path
    pace: Pace

    def rows(self) -> list[Row]:
        with load.served(self.url, self.var) as (port, server):
            before = asyncio.run(self._all_sealed())
            busy = load.cpu(server)
            refused, told = asyncio.run(self._driven(port))
            busy = load.cpu(server) - busy
            asyncio.run(self._all_sealed())
            events, checkpoints = asyncio.run(self._events(before))
        return _table(events, checkpoints, told, refused, busy)

    async def _all_sealed(self) -> int:
        """Waits until nothing is left to seal; gives how many events have a position then."""
        connection = await asyncpg.connect(self.superuser)
        try:
            for _ in range(PATIENCE):
                if not await connection.fetchval(LEFT):
                    return int(await connection.fetchval(NUMBERED))
                await asyncio.sleep(1)
        finally:
            await connection.close()
        raise TimeoutError(f"something is left to seal after {PATIENCE} s")

    async def _driven(self, port: int) -> tuple[int, list[Told]]:
        caller = self.world.organisation.callers["whole tree"]
        headers = {"Authorization": caller.authorization(self.var)}
        limits = httpx2.Limits(max_connections=load.CONNECTIONS)
        base = f"http://127.0.0.1:{port}"
        async with (
            httpx2.AsyncClient(base_url=base, headers=headers, timeout=60, limits=limits) as writer,
            httpx2.AsyncClient(base_url=base, timeout=60) as watcher,
        ):
            watching = asyncio.create_task(_watch(watcher))
            refused = await self._write(writer)
            watching.cancel()
            told: list[Told] = (await asyncio.gather(watching))[0]
        return refused, told

    async def _write(self, http: httpx2.AsyncClient) -> int:
        """Each batch at its time; gives how many items were not moved."""
        begun, tasks = time.monotonic(), []
        for number in range(self.pace.items // AT_ONCE):
            await asyncio.sleep(max(0.0, begun + number * AT_ONCE / self.pace.rate - time.monotonic()))
            tasks.append(asyncio.create_task(_move(http, self.world.count + 1 + number * AT_ONCE)))
        return sum(await asyncio.gather(*tasks))

    async def _events(self, before: int) -> tuple[list[Event], int]:
        connection = await asyncpg.connect(self.superuser)
        try:
            events = [Event(*row) for row in await connection.fetch(WAITS, before)]
            return events, await connection.fetchval(SIGNED, before)
        finally:
            await connection.close()


async def _move(http: httpx2.AsyncClient, first: int) -> int:
    items = [{"id": str(made_id(7, number)), "version": 1} for number in range(first, first + AT_ONCE)]
    body = {"action": "acknowledge", "mode": "partial", "items": items}
    answer = await http.post("/v1/items:batchTransition", json=body, headers={"Idempotency-Key": uuid4().hex})
    if not answer.is_success:
        return AT_ONCE
    return sum(one["problem"] is not None for one in answer.json()["items"])


async def _watch(http: httpx2.AsyncClient) -> list[Told]:
    """What the service says of itself once a second, until it is told to stop."""
    told = []
    try:
        while True:
            begun = time.time()
            answer = await http.get("/metrics")
            found = re.search(r"^rectify_seal_lag_seconds (\S+)$", answer.text, re.MULTILINE)
            if found is not None:
                told.append(Told(begun, time.time(), float(found[1])))
            await asyncio.sleep(1)
    except asyncio.CancelledError:
        return told


def _table(events: Sequence[Event], checkpoints: int, told: Sequence[Told], refused: int, busy: float) -> list[Row]:
    waits = sorted(one.sealed - one.committed for one in events)
    committed = sorted(one.committed for one in events)
    rate = len(events) / max(committed[-1] - committed[0], 0.001)
    late, off = waits[int(0.99 * len(waits))], max((_off(one, events) for one in told), default=float("nan"))
    cpu = 1e6 * busy / len(events)
    return [
        Row("events written a second", f"≥ {LEAST}", rate, rate >= LEAST, cpu=cpu, refused=refused),
        Row("events under one checkpoint, on average", "", len(events) / checkpoints),
        Row("seal lag from commit to signed checkpoint, p50 (s)", "", waits[len(waits) // 2]),
        Row("seal lag from commit to signed checkpoint, p99 (s)", f"< {LATEST:.0f}", late, late < LATEST),
        Row("seal lag from commit to signed checkpoint, longest (s)", "", waits[-1]),
        Row(f"lag told by /metrics, {len(told)} times, most (s)", "", max((one.lag for one in told), default=0.0)),
        Row("lag told by /metrics, furthest from what it was (s)", f"≤ {OFF}", off, off <= OFF),
    ]


def _off(told: Told, events: Sequence[Event]) -> float:
    """How far a lag that was told lies from all it was between question and answer."""
    near = [one for one in events if one.committed <= told.ended and one.sealed > told.begun]
    changes = {when for one in near for when in (one.committed, one.sealed) if told.begun < when < told.ended}
    moments = [told.begun, *changes, *(when - 1e-6 for when in changes), told.ended]
    lags = [_lag(moment, near) for moment in moments]
    return max(min(lags) - told.lag, told.lag - max(lags), 0.0)


def _lag(moment: float, events: Sequence[Event]) -> float:
    waiting = (one.at for one in events if one.committed <= moment < one.sealed)
    return moment - min(waiting, default=moment)
