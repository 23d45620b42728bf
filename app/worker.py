"""What the service does without being asked: number, seal and push events, end public notices, forget old replies.

Each chore is safe in any number of replicas at once: what one of them works on is locked, and the others pass by.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import asyncpg
import structlog

from app.access.actor import SYSTEM
from app.core import clock, idempotency
from app.core.db import Database, Tx
from app.core.errors import Problem
from app.core.ids import uuid7
from app.core.outgoing import Allowed, Outgoing
from app.core.storage import LocalStorage
from app.features.webhooks.dispatcher import Dispatcher
from app.features.webhooks.standing import forget as forget_attempts
from app.lifecycle.action_data import NoData
from app.lifecycle.advance import advance
from app.lifecycle.judge import Step
from app.lifecycle.states import Action
from app.settings import Settings
from app.trail import positions, redactions
from app.trail.seal import Sealer

BATCH: Final = 200
BACKOFF_LIMIT_SECONDS: Final = 60.0
GRACE_SECONDS: Final = 5.0
"""How long a pass under way may take to commit when the process stops."""

OUTAGE: Final = (OSError, asyncpg.InterfaceError, asyncpg.PostgresConnectionError, asyncpg.OperatorInterventionError)
NOTICES_OVER: Final = """
SELECT id FROM item WHERE state = 'public_notice' AND notice_ends_on < $1 AND id > $2 ORDER BY id LIMIT $3
"""
# An item that somebody writes at this moment, be it another replica, is left for the next minute.
FREE: Final = """
SELECT id FROM item WHERE id = ANY($1::uuid[]) AND state = 'public_notice' ORDER BY id FOR UPDATE SKIP LOCKED
"""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Chore:
    """One thing done again and again; `work` does all there is and gives how much that was."""

    name: str
    every_seconds: float
    work: Callable[[Database], Awaitable[int]]
    stop: Callable[[], Awaitable[None]] | None = None


async def number_events(db: Database) -> int:
    """Gives every visible event its position."""
    total = 0
    while done := await positions.assign_positions(db):
        total += done
        if done < positions.BATCH:
            break
    return total


async def forget_replies(db: Database) -> int:
    """Removes idempotent replies that may no longer be given again."""
    total = 0
    while done := await idempotency.purge(db):
        total += done
    return total


async def finish_notices(db: Database) -> int:
    """Closes every item whose public notice ended before today in China, unless something stands against it.

    What stands against it, such as an open objection, is asked again in the next round.
    """
    finished, last = 0, UUID(int=0)
    while due := await db.fetch(NOTICES_OVER, clock.today(), last, BATCH):
        ids = [row["id"] for row in due]
        finished += await _finish_all(db, ids)
        last = ids[-1]
    return finished


async def _finish_all(db: Database, ids: Sequence[UUID]) -> int:
    """One item that cannot be judged at all must not keep the others open, so then each is tried alone."""

    async def work(tx: Tx) -> int:
        return await _finish(tx, ids)

    try:
        return await db.write(work)
    except OUTAGE:
        raise
    except Exception:
        if len(ids) > 1:
            return sum([await _finish_all(db, [item_id]) for item_id in ids])
        log.exception("notice_not_finished", item_id=str(ids[0]))
        return 0


async def _finish(tx: Tx, ids: Sequence[UUID]) -> int:
    tx.request_id = str(uuid7())
    free = [row["id"] for row in await tx.fetch(FREE, ids)]
    if not free:
        return 0
    outcomes = await advance(tx, SYSTEM, [Step(item_id, Action.FINISH_NOTICE, NoData(), "*") for item_id in free])
    return sum(not isinstance(outcome, Problem) for outcome in outcomes)


CHORES: Final = (
    Chore("number_events", 1.0, number_events),
    Chore("finish_notices", 60.0, finish_notices),
    Chore("forget_replies", 600.0, forget_replies),
)


def chores_of(settings: Settings, db: Database) -> tuple[Chore, ...]:
    """All chores of a deployment; sealing needs a key and sweeping a folder, which are where its files are."""
    storage = LocalStorage(settings.var / "files", settings.upload_limit)
    sealer = Sealer(db, settings.var, settings.publish_to)
    dispatcher = Dispatcher(db, settings.var, Outgoing(Allowed.parse(settings.webhook_hosts)))

    async def sweep_uploads(_: Database) -> int:
        return await storage.sweep()

    async def erase_redacted(database: Database) -> int:
        return await redactions.erase_files(database, storage)

    async def push(_: Database) -> int:
        return await dispatcher.run()

    async def seal(database: Database) -> int:
        # What is sealed next must not have to wait for the other chore's turn first.
        await number_events(database)
        return await sealer.run()

    return (
        *CHORES,
        Chore("seal", 1.0, seal, sealer.stop),
        *((Chore("webhooks", 1.0, push, dispatcher.stop),) if settings.webhook_hosts else ()),
        Chore("forget_attempts", 600.0, forget_attempts),
        Chore("erase_redacted", 600.0, erase_redacted),
        Chore("sweep_uploads", 86_400.0, sweep_uploads),
    )


async def repeat(db: Database, chore: Chore, stop: asyncio.Event) -> None:
    """Does a chore until `stop` is set; whatever fails is logged and tried again, ever more slowly."""
    pause = chore.every_seconds
    while not stop.is_set():
        try:
            await chore.work(db)
            pause = chore.every_seconds
        except Exception:
            pause = max(chore.every_seconds, min(pause * 2, BACKOFF_LIMIT_SECONDS))
            log.exception("chore_failed", chore=chore.name, retry_in_seconds=pause)
        try:
            await asyncio.wait_for(stop.wait(), pause)
        except TimeoutError:
            continue


@asynccontextmanager
async def background(db: Database, chores: Sequence[Chore] = CHORES) -> AsyncIterator[None]:
    """The chores run beside the block; at its end a pass under way is let finish, then everything is gone."""
    stop = asyncio.Event()
    tasks = [asyncio.create_task(repeat(db, chore, stop), name=chore.name) for chore in chores]
    try:
        yield
    finally:
        stop.set()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=GRACE_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for chore in chores:
            if chore.stop is not None:
                with suppress(*OUTAGE):
                    await chore.stop()
