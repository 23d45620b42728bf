"""How far a receiver has got: read before a round of calls, written once after it, and only while the job is still ours."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from app.access.actor import SYSTEM
from app.core import clock
from app.core.db import Database, Row, Tx
from app.core.ids import uuid7
from app.core.outgoing import Answer
from app.features.webhooks.commands import KIND
from app.features.webhooks.lanes import Parcel, Progress
from app.features.webhooks.rules import KEPT, DeliveryOutcome, pause
from app.features.webhooks.schemas import DisabledReason
from app.tables.webhook import WebhookAttempt
from app.trail.envelope import Entry
from app.trail.lease import Lease
from app.trail.record import record
from app.trail.watch import LAST_POSITION

AT_ONCE: Final = 200
"""Endpoints one look begins with."""
DUE: Final = f"""
SELECT e.*, a.epoch, k.digest
FROM webhook_endpoint e LEFT JOIN account a ON a.id = e.owner_account_id LEFT JOIN api_key k ON k.id = e.owner_api_key_id
WHERE e.state = 'active' AND e.due_at <= $1 AND ($2::uuid IS NULL OR e.id = $2) AND e.id <> ALL($4::uuid[])
  AND (e.cursor < ({LAST_POSITION}) OR e.ping_id IS NOT NULL
    OR EXISTS (SELECT FROM webhook_held h WHERE h.endpoint_id = e.id AND h.due_at <= $1))
ORDER BY e.due_at LIMIT $3
"""  # noqa: S608 - a constant
# All that is held of a thing comes along with what is due of it, because it goes in order.
HELD: Final = """
SELECT * FROM webhook_held WHERE endpoint_id = $1 AND subject_id = ANY($2::uuid[] || ARRAY(
  SELECT subject_id FROM webhook_held WHERE endpoint_id = $1 AND due_at <= $3 ORDER BY due_at LIMIT $4)) ORDER BY position
"""
# A change of the endpoint, or a replay, has another version: what was found out before it is worth nothing then.
PROGRESS: Final = """
UPDATE webhook_endpoint SET cursor = $3, ahead = $4, due_at = $5, failures = $6, failing_since = $7, last_error = $8,
  delivered_at = coalesce($9, delivered_at) WHERE id = $1 AND version = $2
"""
PINGED: Final = """
UPDATE webhook_endpoint SET ping_id = NULL, failures = 0, failing_since = NULL, last_error = NULL, delivered_at = $3
WHERE id = $1 AND version = $2
"""
DISABLE: Final = """
UPDATE webhook_endpoint SET state = 'disabled', state_reason = $2, updated_at = $3, version = version + 1
WHERE id = $1 AND version = $4
"""
KEEP: Final = """
INSERT INTO webhook_held (endpoint_id, position, event_id, subject_kind, subject_id, body, attempts, due_at)
SELECT $1, * FROM unnest($2::bigint[], $3::uuid[], $4::text[], $5::uuid[], $6::text[], $7::int[], $8::timestamptz[])
ON CONFLICT (endpoint_id, position) DO UPDATE SET attempts = excluded.attempts, due_at = excluded.due_at
"""
DROP: Final = "DELETE FROM webhook_held WHERE endpoint_id = $1 AND position = ANY($2::bigint[])"
FORGET: Final = """
DELETE FROM webhook_attempt WHERE id IN (SELECT id FROM webhook_attempt WHERE at < $1 ORDER BY at LIMIT 5000)
"""


async def due(db: Database, serving: Iterable[UUID]) -> list[Row]:
    """Active endpoints whose time has come and for which there is anything, with what their owners are known by.

    Without those that are being served: a crowd of receivers that hang must not stand before the others.
    """
    return await db.fetch(DUE, clock.now(), None, AT_ONCE, list(serving))


async def due_one(db: Database, endpoint_id: UUID) -> Row | None:
    """As `due`, of one endpoint."""
    return await db.fetchrow(DUE, clock.now(), endpoint_id, 1, [])


async def held(db: Database, endpoint_id: UUID, subject_ids: Sequence[UUID], now: datetime) -> list[Parcel]:
    """Everything held of these things, and of those of which something is due; in order."""
    rows = await db.fetch(HELD, endpoint_id, list(subject_ids), now, AT_ONCE)
    return [
        Parcel(
            position=row["position"],
            event_id=row["event_id"],
            subject_kind=row["subject_kind"],
            subject_id=row["subject_id"],
            body=row["body"].encode(),
            attempts=row["attempts"],
            due_at=row["due_at"],
            held=True,
        )
        for row in rows
    ]


async def forget(db: Database) -> int:
    """Removes what was told of deliveries long ago; gives how much that was."""
    total = 0
    while done := await db.write(lambda tx: tx.execute(FORGET, clock.now() - KEPT)):
        total += done
    return total


@dataclass(slots=True)
class Noted:
    """What a round came to: all that was taken as one, and every call that was not."""

    delivered: list[Parcel] = field(default_factory=list)
    others: list[tuple[DeliveryOutcome, Parcel, Answer, float]] = field(default_factory=list)

    def first(self, outcome: DeliveryOutcome) -> Answer | None:
        return next((answer for found, _, answer, _ in self.others if found is outcome), None)


@dataclass(slots=True)
class Standing:
    """One endpoint as it was read, and the one way to write down how it went on."""

    db: Database
    lease: Lease
    row: Row
    noted: Noted = field(default_factory=Noted)
    took: float = 0.0
    failures: int = field(init=False)
    failing_since: datetime | None = field(init=False)
    last_error: str | None = field(init=False)

    def __post_init__(self) -> None:
        self.failures, self.failing_since = self.row["failures"], self.row["failing_since"]
        self.last_error = self.row["last_error"]

    def note(self, parcel: Parcel, outcome: DeliveryOutcome, answer: Answer, took: float) -> None:
        """`took` is in seconds."""
        if outcome is DeliveryOutcome.DELIVERED:
            self.noted.delivered.append(parcel)
            self.took = max(self.took, took)
        else:
            self.noted.others.append((outcome, parcel, answer, took))

    async def put_off(self, error: str, seconds: float) -> None:
        """Nothing was tried."""
        now = clock.now()
        values = self._values(now + timedelta(seconds=seconds), self.failures, self.failing_since, error)
        await self._write(lambda tx: self._progress(tx, self.row["cursor"], self.row["ahead"], values))

    async def away(self, answer: Answer, took: float = 0.0) -> None:
        """Nothing could be sent at all: the address is not to be called, or the ping was not taken."""
        values = self._failed(answer)
        attempt = self._attempt(DeliveryOutcome.AWAY, answer, took, event_id=self.row["ping_id"])

        async def work(tx: Tx) -> None:
            if await self._progress(tx, self.row["cursor"], self.row["ahead"], values):
                await tx.insert(WebhookAttempt, [attempt])

        await self._write(work)

    async def pinged(self, took: float) -> None:
        """The receiver is there; events may follow."""
        attempt = self._attempt(DeliveryOutcome.DELIVERED, Answer(None), took, event_id=self.row["ping_id"])

        async def work(tx: Tx) -> None:
            if await tx.execute(PINGED, self.row["id"], self.row["version"], clock.now()):
                await tx.insert(WebhookAttempt, [attempt])

        await self._write(work)
        self.failures, self.failing_since, self.last_error = 0, None, None

    async def gone(self, took: float) -> None:
        """The ping was answered 410."""
        attempt = self._attempt(DeliveryOutcome.GONE, Answer(410), took, event_id=self.row["ping_id"])

        async def work(tx: Tx) -> None:
            await tx.insert(WebhookAttempt, [attempt])
            await self._disable(tx)

        await self._write(work)

    async def save(self, progress: Progress) -> None:
        """Cursor, what is held and what is told of the round, all at once."""
        away, gone = self.noted.first(DeliveryOutcome.AWAY), self.noted.first(DeliveryOutcome.GONE)
        values = self._went_on() if away is None else self._failed(away)

        async def work(tx: Tx) -> None:
            if not await self._progress(tx, progress.cursor, progress.ahead, values):
                return
            await tx.execute(DROP, self.row["id"], progress.drop)
            await tx.execute(KEEP, self.row["id"], *_columns(progress.keep))
            await tx.insert(WebhookAttempt, self._attempts())
            if gone is not None:
                await self._disable(tx)

        await self._write(work)

    async def _write(self, work: Any) -> None:
        """Raises FencedError where another process does the job by now."""

        async def fenced(tx: Tx) -> None:
            tx.request_id = str(uuid7())
            await self.lease.check(tx)
            await work(tx)

        await self.db.write(fenced)

    async def _progress(self, tx: Tx, cursor: int, ahead: list[int], values: tuple[Any, ...]) -> int:
        return await tx.execute(PROGRESS, self.row["id"], self.row["version"], cursor, ahead, *values)

    async def _disable(self, tx: Tx) -> None:
        reason, at = DisabledReason.GONE.value, clock.now()
        if not await tx.execute(DISABLE, self.row["id"], reason, at, self.row["version"]):
            return
        entry = Entry(
            KIND, self.row["id"], "webhook_endpoint.disabled", at, {"reason": reason}, ver=self.row["version"] + 1
        )
        await record(tx, SYSTEM, [entry])

    def _values(
        self, due_at: datetime, failures: int, failing_since: datetime | None, error: str | None
    ) -> tuple[Any, ...]:
        delivered_at = clock.now() if self.noted.delivered else None
        return due_at, failures, failing_since, error, delivered_at

    def _failed(self, answer: Answer) -> tuple[Any, ...]:
        now, failures = clock.now(), self.failures + 1
        wait = timedelta(seconds=pause(failures, answer.retry_after, random.random()))  # noqa: S311 - spreads retries
        return self._values(now + wait, failures, self.failing_since or now, _code(answer))

    def _went_on(self) -> tuple[Any, ...]:
        """Whoever answers is there, whatever the answer; where nothing was asked, nothing is known anew."""
        if not self.noted.delivered and not self.noted.others:
            return self._values(clock.now(), self.failures, self.failing_since, self.last_error)
        refused = self.noted.first(DeliveryOutcome.SET_ASIDE) or self.noted.first(DeliveryOutcome.REFUSED)
        return self._values(clock.now(), 0, None, None if refused is None else _code(refused))

    def _attempts(self) -> list[dict[str, Any]]:
        """One row for all that was taken and one for an absence, however many calls noticed it."""
        rows = []
        if taken := [parcel.position for parcel in self.noted.delivered]:
            row = self._attempt(DeliveryOutcome.DELIVERED, Answer(None), self.took)
            rows.append(row | {"events": len(taken), "first_position": min(taken), "last_position": max(taken)})
        absent = [one for one in self.noted.others if one[0] is DeliveryOutcome.AWAY]
        for outcome, parcel, answer, took in [*absent[:1], *(one for one in self.noted.others if one not in absent)]:
            row = self._attempt(outcome, answer, took, event_id=parcel.event_id)
            place = {"first_position": parcel.position, "last_position": parcel.position}
            tried = {} if outcome is DeliveryOutcome.AWAY else {"attempt": parcel.attempts + 1}
            rows.append(row | place | tried)
        return rows

    def _attempt(
        self, outcome: DeliveryOutcome, answer: Answer, took: float, *, event_id: UUID | None = None
    ) -> dict[str, Any]:
        return {
            "id": uuid7(),
            "endpoint_id": self.row["id"],
            "at": clock.now(),
            "outcome": outcome.value,
            "events": 1,
            "first_position": None,
            "last_position": None,
            "event_id": event_id,
            "attempt": self.failures + 1,
            "http_status": answer.status,
            "error": None if outcome is DeliveryOutcome.DELIVERED else _code(answer),
            "duration_ms": round(took * 1000),
        }


def _code(answer: Answer) -> str:
    return answer.error or f"http_{answer.status}"


def _columns(kept: list[Parcel]) -> tuple[list[Any], ...]:
    return (
        [one.position for one in kept],
        [one.event_id for one in kept],
        [one.subject_kind for one in kept],
        [one.subject_id for one in kept],
        [one.body.decode() for one in kept],
        [one.attempts for one in kept],
        [one.due_at for one in kept],
    )
