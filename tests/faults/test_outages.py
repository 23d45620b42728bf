"""Outages end by themselves: what cannot be answered is told in time, and nothing has to be started again.

With RECTIFY_TEST_FAULTS=full (`make faults`) the database is away for a minute and there are a thousand sockets;
otherwise everything is small. The times are promises of the service; the slack is for the machine of the test.
"""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass, field

import pytest

from tests.faults.conftest import Office
from tests.support.crowd import crowd, say
from tests.support.wire import Answer, LostError, RefusedError, Wire

FULL = os.environ.get("RECTIFY_TEST_FAULTS") == "full"
SEED = int(os.environ.get("RECTIFY_TEST_SEED", "20261126"))
AWAY = 60.0 if FULL else 4.0
SOCKETS = 1000 if FULL else 200
RESTARTS = 20
TOLD_SECONDS, ANSWER_SECONDS, RECOVERY_SECONDS = 3.0, 3.2, 5.0
SLACK = 1.5

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")


@dataclass
class Watch:
    """Asks one service the same thing again and again, and notes how long each answer took."""

    wire: Wire
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    seen: list[tuple[float, float, int]] = field(default_factory=list)

    async def ask(self) -> Answer | None:
        started = time.monotonic()
        try:
            answer = await self.wire.send("GET", self.path, self.headers)
        except (LostError, RefusedError):
            self.seen.append((started, time.monotonic() - started, 0))
            return None
        self.seen.append((started, time.monotonic() - started, answer.status))
        return answer

    async def watch(self) -> None:
        while True:
            await self.ask()
            await asyncio.sleep(0.05)

    def first(self, status: int, after: float) -> float:
        """Seconds from `after` until an answer of this status had come."""
        return next(
            start + took - after for start, took, found in self.seen if found == status and start + took > after
        )


async def test_a_database_that_is_away_is_told_of_and_forgotten_when_it_is_back(office: Office) -> None:
    deployment = office.deployment
    pids = [replica.process and replica.process.pid for replica in deployment.replicas]
    async with crowd(deployment, office.made, SEED) as people:
        item = people.stock.loose[0].id
        readiness = Watch(Wire(deployment.services[0].port), "/readyz")
        known = {"Authorization": people.stock.headers["liaison"]}
        reading = Watch(Wire(deployment.services[0].port), f"/v1/items/{item}", known)
        watching = [asyncio.create_task(one.watch()) for one in (readiness, reading)]
        await people.acknowledged(30)
        gone = time.monotonic()
        await asyncio.to_thread(deployment.cluster.stop_at_once)
        await asyncio.sleep(AWAY)
        await asyncio.to_thread(deployment.cluster.start)
        back = time.monotonic()
        await people.acknowledged(30)
        served = time.monotonic() - back
        await asyncio.sleep(0.5)
        for task, one in zip(watching, (readiness, reading), strict=True):
            task.cancel()
            await one.wire.close()
    told, longest = readiness.first(503, gone), max(took for _, took, _ in readiness.seen + reading.seen)
    recovered = max(readiness.first(200, back), reading.first(200, back))
    say(f"away {AWAY:.0f} s: told after {told:.1f} s, longest answer {longest:.1f} s, back after {recovered:.1f} s, "
        f"thirty writes after {served:.1f} s, {dict(people.journal.counts())}")  # fmt: skip
    assert told <= TOLD_SECONDS + SLACK
    assert longest <= ANSWER_SECONDS + SLACK
    assert recovered <= RECOVERY_SECONDS + SLACK
    assert {status for _, _, status in readiness.seen + reading.seen} <= {200, 503}
    assert [replica.process and replica.process.pid for replica in deployment.replicas] == pids
    assert await people.findings() == []


async def test_a_database_restarted_in_the_middle_of_requests_loses_nothing(office: Office) -> None:
    async with crowd(office.deployment, office.made, SEED + 1) as people:
        for _ in range(RESTARTS if FULL else 2):
            await people.acknowledged(20)
            await asyncio.to_thread(office.deployment.cluster.pg_ctl, "restart", "-m", "fast")
        await people.acknowledged(20)
    say(f"restarted under load: {dict(people.journal.counts())}")
    assert await people.findings() == []


async def test_idle_and_slow_sockets_keep_nobody_from_being_served(office: Office) -> None:
    port = office.deployment.services[0].port
    healthy = Watch(
        Wire(port), "/v1/units", {"Authorization": (await office.made.as_("viewer")).http.headers["Authorization"]}
    )
    for _ in range(100):
        await healthy.ask()
    usual = percentile(healthy, 0.99)
    opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(SOCKETS)]
    head = b"POST /v1/items HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n"
    halves = (head, head + b"Content-Type: application/json\r\n\r\n{")
    for number, (_, writer) in enumerate(opened[:100]):
        writer.write(halves[number % 2])
    healthy.seen.clear()
    for _ in range(100):
        await healthy.ask()
    say(f"{SOCKETS} sockets: p99 {1000 * percentile(healthy, 0.99):.0f} ms, {1000 * usual:.0f} ms without")
    assert {status for _, _, status in healthy.seen} == {200}
    assert percentile(healthy, 0.99) < max(2 * usual, 0.25)
    if FULL:
        bodies = [reader for number, (reader, _) in enumerate(opened[:100]) if number % 2]
        async with asyncio.timeout(45):
            assert {(await reader.readline())[9:12] for reader in bodies} == {b"408"}
    for _, writer in opened:
        writer.close()
    await asyncio.gather(*(writer.wait_closed() for _, writer in opened), return_exceptions=True)
    await healthy.wire.close()
    assert await asyncio.to_thread(office.deployment.services[0].ready)


def percentile(watch: Watch, share: float) -> float:
    took = sorted(taken for _, taken, _ in watch.seen)
    return took[int(len(took) * share) - 1]


@pytest.mark.skipif(not FULL, reason="twenty restarts take a minute: make faults")
async def test_rolling_restarts_are_noticed_by_nobody(office: Office) -> None:
    async with crowd(office.deployment, office.made, SEED + 2) as people:
        for number in range(RESTARTS):
            service = office.deployment.services[number % 2]
            assert await asyncio.to_thread(service.end) == 0
            service.start()
            await service.until_ready()
            await people.acknowledged(10)
    attempts = max(op.attempts for op in people.journal.ops if op.outcome in {"ok", "refused"})
    told = f"{people.failures} answers of 5xx, at most {attempts} attempts, {dict(people.journal.counts())}"
    say(f"{RESTARTS} rolling restarts: {told}")
    assert people.failures == 0
    assert await people.findings() == []
