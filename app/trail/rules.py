"""The life cycle's own table goes into the history: a verifier learns from the log itself by which rules a step was legal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid5

from app.access.actor import SYSTEM
from app.core import clock
from app.core.db import Database, Tx
from app.trail.envelope import Entry
from app.trail.record import record

NAMESPACE: Final = UUID("01a21790-0000-7000-8000-000000000001")
PUBLISHED: Final = "SELECT EXISTS (SELECT FROM trail_subject WHERE id = $1)"


@dataclass(frozen=True, slots=True)
class Rules:
    """`hash` is the hex SHA-256 of the canonical text of `table`; `events` names the event of each action."""

    hash: str
    table: Sequence[Mapping[str, Any]]
    events: Mapping[str, str]


def subject_of(rules_hash: str) -> UUID:
    """One subject a table, so that it is published once, whoever starts first."""
    return uuid5(NAMESPACE, rules_hash)


async def publish(db: Database, rules: Rules) -> None:
    """Records the table in force unless the log has it already."""
    subject = subject_of(rules.hash)
    if await db.fetchval(PUBLISHED, subject):
        return

    async def work(tx: Tx) -> None:
        # The subject's row is the lock: a second process finds it there and records nothing.
        fields = {"hash": rules.hash, "table": list(rules.table), "events": dict(rules.events)}
        if not await tx.fetchval(PUBLISHED, subject):
            await record(tx, SYSTEM, [Entry("rules", subject, "rules.published", clock.now(), fields)])

    await db.write(work)
