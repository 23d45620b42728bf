"""Numbers events in one order that every reader shares, after they are committed.

A number taken inside a writing transaction becomes visible before or after its neighbours', and whoever reads "all
after 7" misses a late 6 for ever. Here only what is visible gets a number, and numbers become visible in order.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from app.core.db import Database, Row, Tx

BATCH = 4096

ANY_PENDING = "SELECT EXISTS (SELECT FROM log_pending)"
LOCK_STATE = "SELECT next FROM log_state FOR UPDATE"
# `after` is the event before this one in its subject, where that one waits for a position too.
PENDING = """
SELECT p.at, e.id, q.event_id AS after
FROM (SELECT at, event_id FROM log_pending ORDER BY at, event_id LIMIT $1) AS p
JOIN event AS e ON e.id = p.event_id
LEFT JOIN event AS before ON before.subject_id = e.subject_id AND before.seq = e.seq - 1
LEFT JOIN log_pending AS q ON q.at = before.at AND q.event_id = before.id
ORDER BY p.at, p.event_id
"""
ASSIGN = """
WITH placed AS (
  INSERT INTO log_position (position, event_id)
  SELECT $1::bigint + n - 1, event_id FROM unnest($2::uuid[]) WITH ORDINALITY AS u(event_id, n)
), done AS (
  DELETE FROM log_pending AS p USING unnest($3::timestamptz[], $2::uuid[]) AS u(at, event_id)
  WHERE p.at = u.at AND p.event_id = u.event_id
)
UPDATE log_state SET next = $1 + cardinality($2::uuid[])
"""


async def assign_positions(db: Database, limit: int = BATCH) -> int:
    """Gives positions to at most `limit` visible events and says to how many; safe to run anywhere at any time."""
    # A look without a lock first: an idle log must not write once a second.
    if not await db.fetchval(ANY_PENDING):
        return 0

    async def work(tx: Tx) -> int:
        return await _assign(tx, limit)

    return await db.write(work)


async def _assign(tx: Tx, limit: int) -> int:
    start = await tx.fetchval(LOCK_STATE)
    # Only a statement begun after the lock is held sees what the assigner before this one did.
    pending = await tx.fetch(PENDING, limit)
    order = in_order(pending)
    while not order and len(pending) == limit:
        limit *= 2
        pending = await tx.fetch(PENDING, limit)
        order = in_order(pending)
    if order:
        ats = {row["id"]: row["at"] for row in pending}
        await tx.execute(ASSIGN, start, order, [ats[event] for event in order])
    return len(order)


def in_order(pending: Iterable[Row]) -> list[UUID]:
    """By time and id, but never an event before the one it follows; one whose predecessor is not here waits."""
    order: list[UUID] = []
    placed: set[UUID | None] = {None}
    waiting: dict[UUID, UUID] = {}
    for row in pending:
        event: UUID | None = row["id"]
        if row["after"] not in placed:
            waiting[row["after"]] = row["id"]
            continue
        while event is not None:
            order.append(event)
            placed.add(event)
            event = waiting.pop(event, None)
    return order
