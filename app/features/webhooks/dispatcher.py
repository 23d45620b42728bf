"""Sends what is due, endpoint by endpoint: one process at a time, and none of the receivers waits for another.

There is nothing to claim and nothing to mark: an endpoint is due while the log goes on behind its cursor. What is known of
its owner, scope and wishes is read anew for every hundred events, so that whoever lost a right is sent nothing more.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from uuid import UUID

import asyncpg
import structlog

from app.access.actor import Actor
from app.access.authenticate import ACTOR_SQL, Credential, actor_from_row
from app.access.guarding import require
from app.access.permissions import Permission
from app.access.scope import items_in_scope
from app.core import clock
from app.core.db import Database, Row
from app.core.errors import Problem
from app.core.negotiation import DEFAULT_LANGUAGE
from app.core.outgoing import Answer, Line, Outgoing, RefusedError
from app.features.webhooks import messages, signing, standing
from app.features.webhooks.lanes import Parcel, Round
from app.features.webhooks.numbers import numbers_of
from app.features.webhooks.rules import OVERLAP, DeliveryOutcome, outcome, wanted
from app.features.webhooks.standing import Standing
from app.trail import read
from app.trail.keys import SENDING, Keys, hold, key_with
from app.trail.lease import FencedError, Job, Lease
from app.trail.read import FeedRow

LEASE: Final = "webhooks"
BATCH: Final = 100
"""Events read at once."""
LANES: Final = 8
"""Calls under way to one receiver; one that was away is first asked with a single event."""
FRESH_SECONDS: Final = 10.0
"""What was read so long ago is not sent any more but read anew: rights may have changed."""
OWNER_SECONDS: Final = 60.0
"""How often an endpoint is looked at whose owner may see nothing at all."""
REST_SECONDS: Final = 60.0
AT_ONCE: Final = 4
"""Of the connections of this process, so many may be busy with finding out what to send; the others are for requests."""

log = structlog.get_logger(__name__)


@dataclass
class Dispatcher:
    """One process's part in sending; `var` holds the keys that secrets follow from."""

    db: Database
    var: Path
    outgoing: Outgoing
    job: Job = field(init=False)
    keys: Keys | None = None
    tasks: dict[UUID, asyncio.Task[None]] = field(default_factory=dict)
    room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))

    def __post_init__(self) -> None:
        self.job = Job(self.db, LEASE)

    async def run(self) -> int:
        """Begins with every endpoint that is due and not being served yet; gives how many those were."""
        self.tasks = {endpoint: task for endpoint, task in self.tasks.items() if not task.done()}
        due = await standing.due(self.db, self.tasks)
        if not due and not self.tasks:
            return 0
        lease = await self.job.held(clock.now())
        if lease is None:
            return 0
        if self.keys is None:
            self.keys = await hold(self.db, self.var, SENDING)
        for row in due:
            self.tasks[row["id"]] = asyncio.create_task(self._serve(row, lease))
        return len(due)

    async def stop(self) -> None:
        """What was on its way may arrive once more."""
        for task in self.tasks.values():
            task.cancel()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)
        await self.job.leave()

    async def _serve(self, first: Row, lease: Lease) -> None:
        """Round after round while there is something to send and the receiver takes it."""
        row: Row | None = first
        endpoint_id: UUID = first["id"]
        try:
            while row is not None:
                await self._round(row, lease)
                row = await standing.due_one(self.db, endpoint_id)
        except FencedError:
            self.job.lease = None
        except (OSError, asyncpg.InterfaceError, asyncpg.PostgresError) as error:
            log.warning("webhook_round_broken_off", error=type(error).__name__)  # the next look tries again
        except Exception:
            # A fault of ours must not be met again every second.
            log.exception("webhook_round_failed", endpoint=str(endpoint_id))
            await asyncio.sleep(REST_SECONDS)

    async def _round(self, row: Row, lease: Lease) -> None:
        standing_now = Standing(self.db, lease, row)
        try:
            actor = await self._owner(row)
        except Problem:
            await standing_now.put_off("owner_has_no_access", OWNER_SECONDS)
            return
        until = time.monotonic() + FRESH_SECONDS
        async with self.room:
            due = await self._due(row, actor)
        if row["ping_id"] is None and due.idle:
            await standing_now.save(due.progress())
            return
        try:
            async with self.outgoing.line(row["url"]) as line:
                courier = Courier(line, self._secrets(row), standing_now)
                if row["ping_id"] is None or await courier.ping(self._source):
                    await courier.carry(due, until)
        except RefusedError as refused:
            await standing_now.away(Answer(None, refused.reason))

    async def _owner(self, row: Row) -> Actor:
        """The owner as of now; raises Problem where there is no such access any more."""
        credential = Credential(row["owner_account_id"], row["epoch"], row["digest"], clock.today())
        actor = actor_from_row(await self.db.fetchrow(ACTOR_SQL, *credential), DEFAULT_LANGUAGE)
        require(actor, Permission.EVENT_READ)
        require(actor, Permission.WEBHOOK_MANAGE)
        return actor

    async def _due(self, row: Row, actor: Actor) -> Round:
        """What this owner may see of the next positions, and what is held of the same things or due."""
        now = clock.now()
        scope = await read.scope_of(self.db, actor)
        feed = await read.feed(self.db, row["cursor"], BATCH, scope)
        chosen = [event for event in feed.rows if wanted(row["event_types"], event.event.type)]
        numbers = await numbers_of(self.db, chosen)
        fresh = [
            _parcel(event, messages.of_event(event, numbers.get(event.subject_id), self._source))
            for event in chosen
            if event.event.position not in row["ahead"]
        ]
        held = await standing.held(self.db, row["id"], [parcel.subject_id for parcel in fresh], now)
        seen = await items_in_scope(self.db, actor, [one.subject_id for one in held if one.subject_kind == "item"])
        visible = [
            one for one in held if one.subject_id in seen or (one.subject_kind != "item" and scope.configuration)
        ]
        made = Round((row["cursor"], row["ahead"]), feed.next_after, visible, fresh, now)
        made.forget(one.position for one in held if one not in visible)
        return made

    @property
    def _source(self) -> str:
        assert self.keys is not None  # noqa: S101 - run() holds them first
        return self.keys.origin

    def _secrets(self, row: Row) -> list[bytes]:
        """That in force, and for a day the one before it."""
        fingerprints = [row["secret_key"]]
        if row["previous_key"] is not None and row["rotated_at"] + OVERLAP > clock.now():
            fingerprints.append(row["previous_key"])
        return [
            signing.secret_of(key_with(self.var, "webhook", wanted_key), row["id"], row["secret_generation"] - age)
            for age, wanted_key in enumerate(fingerprints)
        ]


def _parcel(row: FeedRow, body: bytes) -> Parcel:
    position = row.event.position
    assert position is not None  # noqa: S101 - the feed tells what has been numbered
    return Parcel(position, row.event.id, row.subject_kind, row.subject_id, body)


@dataclass(slots=True)
class Courier:
    """One round of calls to one receiver, and what is remembered of it in the end."""

    line: Line
    secrets: list[bytes]
    standing: Standing

    async def ping(self, source: str) -> bool:
        """Whether the receiver took it; until it does, nothing else is sent, and nothing it refuses is set aside."""
        row = self.standing.row
        body = messages.ping(row, source)
        began = time.monotonic()
        answer = await self._send(row["ping_id"], body)
        took = time.monotonic() - began
        if outcome(answer) is DeliveryOutcome.DELIVERED:
            await self.standing.pinged(took)
            return True
        if outcome(answer) is DeliveryOutcome.GONE:
            await self.standing.gone(took)
        else:
            await self.standing.away(answer, took)
        return False

    async def carry(self, due: Round, until: float) -> None:
        """Sends what can be sent at once, and what follows it, until all is answered, the receiver is away or time is up."""
        lanes = 1 if self.standing.failures else LANES
        calls: set[asyncio.Task[tuple[Parcel, Answer, float]]] = set()
        try:
            while True:
                while len(calls) < lanes and time.monotonic() < until:
                    parcel = due.take()
                    if parcel is None:
                        break
                    calls.add(asyncio.create_task(self._call(parcel)))
                if not calls:
                    break
                done, calls = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
                for call in done:
                    parcel, answer, took = call.result()
                    self.standing.note(parcel, due.answered(parcel, outcome(answer)), answer, took)
        finally:
            for call in calls:
                call.cancel()
        await self.standing.save(due.progress())

    async def _call(self, parcel: Parcel) -> tuple[Parcel, Answer, float]:
        began = time.monotonic()
        answer = await self._send(parcel.event_id, parcel.body)
        return parcel, answer, time.monotonic() - began

    async def _send(self, message_id: UUID, body: bytes) -> Answer:
        signed = signing.headers(self.secrets, str(message_id), clock.now(), body)
        return await self.line.post(
            body, {**signed, "Content-Type": messages.CONTENT_TYPE, "User-Agent": "rectification-ledger"}
        )
