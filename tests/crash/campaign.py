"""Eight clients, two services, two workers and a database, hurt again and again; then every account is compared."""

from __future__ import annotations

import asyncio
import base64
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from tests.crash.nemesis import Nemesis
from tests.lin.checker import violations
from tests.support.crowd import organisation, say
from tests.support.deployment import Deployment
from tests.support.history import SEALED, History, event_ids, every_fault
from tests.support.journal import Journal, Op
from tests.support.load import Client, Line, Stock
from tests.support.wire import Wire

CLIENTS = 8
SEAL_SECONDS = 60
"""What is promised of every event, and more than a lease takes to run out."""


@dataclass(frozen=True, slots=True)
class Size:
    """Before each blow clients have so many seconds, and more where the machine needs them for `share` acknowledged writes."""

    cycles: int
    seed: int
    load: tuple[float, float]
    share: int
    blows: Sequence[str] = ()


@dataclass
class Report:
    """What a campaign came to."""

    seed: int
    findings: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    blows: Counter[str] = field(default_factory=Counter)
    hits: Counter[str] = field(default_factory=Counter)
    resolved: int = 0
    applied: int = 0
    replayed: int = 0
    recoveries: list[float] = field(default_factory=list)
    events: int = 0
    checkpoints: int = 0

    def __str__(self) -> str:
        slowest = max(self.recoveries, default=0.0)
        return (
            f"seed {self.seed}: {sum(self.blows.values())} blows, {sum(self.hits.values())} failpoints; "
            f"{self.counts['ok']} acknowledged, {self.counts['refused']} refused, {self.counts['unknown']} unknown of which "
            f"{self.applied} happened, {self.resolved} resolved by resending; {self.replayed} repeated; {self.events} events "
            f"under {self.checkpoints} checkpoints; slowest repair {slowest:.1f} s; {len(self.findings)} findings"
        )


@dataclass
class Campaign:
    deployment: Deployment
    size: Size
    journal: Journal
    nemesis: Nemesis
    stopped: bool = False
    clients: list[Client] = field(default_factory=list)

    @classmethod
    def on(cls, deployment: Deployment, size: Size) -> Campaign:
        random = Random(size.seed)
        journal = Journal(deployment.folder / "journal.jsonl")
        return cls(deployment, size, journal, Nemesis(deployment, random))

    async def run(self) -> Report:
        """Everything from the first start to the last comparison."""
        report = Report(self.size.seed)
        await self.deployment.start()
        async with organisation(self.deployment) as made:
            stock = await Stock.laid_in(made)
            before = await event_ids(self.deployment.cluster.superuser_url)
            self.clients = [self._client(number, stock) for number in range(CLIENTS)]
            playing = [asyncio.create_task(client.play(lambda: self.stopped)) for client in self.clients]
            try:
                await self._hurt(report, playing)
            finally:
                self.stopped = True
                await asyncio.gather(*playing)
            await self._settle(report)
        await self._compare(report, before)
        return report

    def _client(self, number: int, stock: Stock) -> Client:
        lines: list[Line] = [Wire(service.port, timeout=3.0) for service in self.deployment.services]
        random = Random(f"{self.size.seed}/{number}")
        return Client(f"c{number}", random, stock, self.journal, lines[:: 1 if number % 2 else -1])

    async def _hurt(self, report: Report, playing: Sequence[asyncio.Task[None]]) -> None:
        blows = self.nemesis.blows()
        for number, name in enumerate(self.size.blows or self.nemesis.deck(self.size.cycles), start=1):
            await asyncio.sleep(self.nemesis.random.uniform(*self.size.load))
            await self._acknowledged(number * self.size.share)
            await blows[name]()
            started = time.monotonic()
            await self.deployment.start()
            await self._served()
            report.recoveries.append(time.monotonic() - started)
            report.blows[name] += 1
            for task in playing:
                if task.done():
                    task.result()
            say(f"  {number:>3} {name:<26} {report.recoveries[-1]:4.1f} s  {dict(self.journal.counts())}")
        await asyncio.sleep(self.size.load[1])

    async def _served(self) -> None:
        """Somebody who was asked after the repair has answered."""
        await self._acknowledged(self.journal.counts()["ok"] + 1)

    async def _acknowledged(self, writes: int) -> None:
        while self.journal.counts()["ok"] < writes:  # noqa: ASYNC110 - eight clients may end it
            await asyncio.sleep(0.05)

    async def _settle(self, report: Report) -> None:
        """Half of what is unknown is asked for once more, and a hundred of what is known."""
        for client in self.clients:
            mine = [op for op in self.journal.writes("unknown") if op.key.startswith(f"{client.name}-")]
            for op in mine[::2]:
                await self._resend(client, op)
                report.resolved += op.outcome == "ok"
        known = list(self.journal.writes("ok"))
        for op in self.nemesis.random.sample(known, min(100, len(known))):
            client = self.clients[int(op.key[1 : op.key.index("-")])]
            while not await client.repeat(op):
                pass
            report.replayed += 1
        for client in self.clients:
            for line in client.lines:
                await line.close()
        self.journal.close()

    @staticmethod
    async def _resend(client: Client, op: Op) -> None:
        while not await client._attempt(op, twin=False):  # noqa: ASYNC110 - another process answers
            await asyncio.sleep(0.05)

    async def _audited(self) -> list[str]:
        """The product's own word on it, held against the first checkpoint and a receipt that somebody kept."""
        notes = self.deployment.folder / "notes"
        kept = [min(notes.iterdir()), self.deployment.folder / "receipt.note"]
        op = next(op for op in self.journal.writes("ok") if op.receipt)
        kept[1].write_bytes(base64.b64decode(op.receipt))
        code, said = await self.deployment.rectify("audit", *(part for note in kept for part in ("--against", note)))
        return [] if code == 0 else [f"rectify audit exits with {code}: {said[-2000:]}"]

    async def _compare(self, report: Report, before: set[str]) -> None:
        url = self.deployment.cluster.superuser_url
        deadline = time.monotonic() + SEAL_SECONDS
        while not await self.deployment.cluster.ask(SEALED):
            if time.monotonic() > deadline:
                report.findings.append(f"not everything is sealed after {SEAL_SECONDS} s")
                break
            await asyncio.sleep(0.2)
        history = await History.read(url, before)
        report.findings += every_fault(history, self.journal, self.deployment.folder / "notes")
        report.findings += violations(history, self.journal)
        report.findings += await self._audited()
        report.counts, report.hits = self.journal.counts(), self.nemesis.hits()
        report.applied = sum(op.key in history.by_key for op in self.journal.writes("unknown"))
        report.events, report.checkpoints = len(history.events), len(history.checkpoints)
        if report.hits != self.nemesis.reached:
            report.findings.append(f"armed and taken {dict(self.nemesis.reached)}, but died {dict(report.hits)}")
