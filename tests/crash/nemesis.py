"""What can happen to a running service; each method of `Nemesis` is one way, and leaves the repair to the caller."""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random

import asyncpg
import psutil

from tests.support.deployment import Deployment, Replica
from tests.support.launcher import FAILPOINTS, HITS

PATIENCE = 40.0
"""Seconds until an armed failpoint must have been reached: a sealer that died holds its lease for fifteen."""
LEASE_OVER = 17.0
TERMINATE = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'rectify_app'"
Blow = Callable[[], Awaitable[None]]


@dataclass
class Nemesis:
    """All its choices come from `random`."""

    deployment: Deployment
    random: Random
    reached: Counter[str] = field(default_factory=Counter)

    def blows(self) -> dict[str, Blow]:
        """Every way by name; the failpoints among them."""
        found: dict[str, Blow] = {name: self._arming(name) for name in FAILPOINTS}
        for blow in (
            self.kill_a_service, self.kill_all_services, self.kill_a_worker, self.kill_the_database, self.kill_a_backend,
            self.stop_the_database, self.terminate_backends, self.freeze_a_service, self.freeze_the_first_worker,
            self.freeze_the_second_worker, self.kill_everything,
        ):  # fmt: skip
            found[blow.__name__] = blow
        return found

    def deck(self, cycles: int) -> list[str]:
        """Each way as often as any other, in an order of chance."""
        cards: list[str] = []
        while len(cards) < cycles:
            names = list(self.blows())
            self.random.shuffle(names)
            cards += names
        return cards[:cycles]

    def _arming(self, name: str) -> Blow:
        async def arm() -> None:
            order = self.deployment.failpoints / name
            order.touch()
            deadline = time.monotonic() + PATIENCE
            while order.exists():
                if time.monotonic() > deadline:
                    order.unlink(missing_ok=True)
                    raise AssertionError(f"nobody passed {name} in {PATIENCE} s")
                await asyncio.sleep(0.01)
            while all(replica.alive for replica in self.deployment.replicas):  # noqa: ASYNC110 - another process dies
                await asyncio.sleep(0.01)
            self.reached[name] += 1

        return arm

    def hits(self) -> Counter[str]:
        """Who really died where, told by the dying."""
        with suppress(FileNotFoundError):
            return Counter((self.deployment.failpoints / HITS).read_text(encoding="utf-8").split())
        return Counter()

    async def kill_a_service(self) -> None:
        self.random.choice(self.deployment.services).kill()

    async def kill_all_services(self) -> None:
        for service in self.deployment.services:
            service.kill()

    async def kill_a_worker(self) -> None:
        self.random.choice(self.deployment.workers).kill()

    async def kill_the_database(self) -> None:
        self.deployment.cluster.kill()
        await self._until_gone()

    async def kill_a_backend(self) -> None:
        """The postmaster then ends all others and starts anew, as after a crash."""
        if backends := self.deployment.cluster.backends():
            with suppress(psutil.NoSuchProcess):
                self.random.choice(backends).kill()

    async def stop_the_database(self) -> None:
        await asyncio.to_thread(self.deployment.cluster.stop_at_once)

    async def terminate_backends(self) -> None:
        with suppress(asyncpg.PostgresError, OSError):
            await self.deployment.cluster.ask(TERMINATE)

    async def freeze_a_service(self) -> None:
        """Longer than its callers wait: they ask somebody else, and then it wakes up."""
        await self._freeze(self.random.choice(self.deployment.services), 4.0)

    async def freeze_the_first_worker(self) -> None:
        await self._freeze(self.deployment.workers[0], LEASE_OVER)

    async def freeze_the_second_worker(self) -> None:
        await self._freeze(self.deployment.workers[1], LEASE_OVER)

    async def kill_everything(self) -> None:
        for replica in self.deployment.replicas:
            replica.signal(signal.SIGKILL)
        await self.kill_the_database()
        for replica in self.deployment.replicas:
            replica.kill()

    async def _freeze(self, replica: Replica, seconds: float) -> None:
        replica.signal(signal.SIGSTOP)
        await asyncio.sleep(seconds)
        replica.signal(signal.SIGCONT)

    async def _until_gone(self) -> None:
        while self.deployment.cluster.processes():  # noqa: ASYNC110 - other processes die
            await asyncio.sleep(0.02)
