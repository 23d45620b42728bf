"""Mistakes that are put into a running copy of the product, to see the checkers find them. Nothing here is ever shipped.

Some could not happen as long as the database's own tripwires stand; `TRIPWIRES` says how those are taken away first.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

TRIPWIRES = (
    "DROP TRIGGER item_version_step ON item",
    "ALTER TABLE event DROP CONSTRAINT uq_event_subject_id_seq CASCADE",
    "ALTER TABLE item_version DROP CONSTRAINT pk_item_version CASCADE",
    "ALTER TABLE item_version DISABLE TRIGGER item_version_no_change",
)


@dataclass
class Patches:
    """What was replaced, to be put back."""

    undo: list[Callable[[], None]] = field(default_factory=list)

    def put(self, where: Any, name: str, value: Any) -> None:
        before = getattr(where, name)
        self.undo.append(lambda: setattr(where, name, before))
        setattr(where, name, value)


def no_lock(patches: Patches) -> None:
    """The row is read without its lock, and written without looking whether it is still the one that was read."""
    from app.lifecycle import advance, gather

    patches.put(gather, "LOCK", gather.LOCK.replace("FOR UPDATE OF i", ""))
    update = advance._update_sql

    def unchecked(names: tuple[str, ...]) -> str:
        return update(names).replace("AND item.version = v.version - 1", "")

    patches.put(advance, "_update_sql", unchecked)


def ignored_version(patches: Patches) -> None:
    """If-Match is read and forgotten."""
    from app.lifecycle import children, judge

    for module in (children, judge):
        patches.put(module, "require_version", lambda *_: None)


def reply_kept_late(patches: Patches) -> None:
    """The reply is stored after the commit, in a transaction of its own."""
    from app.core import idempotency
    from app.core.http import Call, Reply, respond

    def late(_: Any) -> Any:
        async def run(db: Any, call: Call, principal: str, work: Any, *, idempotent: bool = True) -> Any:
            key = idempotency._key_of(call, idempotent=idempotent)
            stored = key and await db.fetchrow(idempotency._FIND, principal, key)
            if stored:
                return idempotency._replay(stored, call)

            async def attempt(tx: Any) -> Reply:
                tx.request_id, tx.idempotency_key = call.request_id, key
                tx.at = await tx.fetchval(idempotency._NOW)
                return idempotency._vouched(await work(tx), tx, call)

            reply = await db.write(attempt)
            if key:
                await asyncio.sleep(0.01)
                told = (reply.status, reply.all_headers(), idempotency._storable(reply))
                await db.write(lambda tx: tx.execute(idempotency._STORE, principal, key, call.fingerprint, *told))
            return respond(reply)

        return run

    _around_writes(patches, late)


def retried_without_key(patches: Patches) -> None:
    """A commit whose answer seems lost is tried again, as if it were another request."""

    def again(run_write: Any) -> Any:
        async def run(db: Any, call: Any, principal: str, work: Any, *, idempotent: bool = True) -> Any:
            response = await run_write(db, call, principal, work, idempotent=idempotent)
            if random.random() < 0.2:
                try:
                    await run_write(db, replace(call, idempotency_key=None), principal, work, idempotent=False)
                except Exception:  # noqa: BLE001 - whatever the second attempt runs into, the first was answered
                    return response
            return response

        return run

    _around_writes(patches, again)


def _around_writes(patches: Patches, wrap: Callable[[Any], Any]) -> None:
    from app.access import guarding
    from app.core import idempotency

    wrapped = wrap(idempotency.run_write)
    for module in (guarding, idempotency):
        patches.put(module, "run_write", wrapped)


def answered_before_commit(patches: Patches) -> None:
    """The answer leaves first, and the commit follows a moment later."""
    from app.core.db import Database, Tx

    pending: set[asyncio.Task[None]] = set()

    async def write(self: Any, work: Any) -> Any:
        connection = await self._take()
        transaction = connection.transaction()
        await transaction.start()
        try:
            result = await work(Tx(connection))
        except BaseException:
            await transaction.rollback()
            await self._rest(connection)
            raise

        async def finish() -> None:
            await asyncio.sleep(0.15)
            await transaction.commit()
            await self._rest(connection)

        task = asyncio.create_task(finish())
        pending.add(task)
        task.add_done_callback(pending.discard)
        return result

    patches.put(Database, "write", write)


def version_stands_still(patches: Patches) -> None:
    """A remark is recorded, and the item keeps its version."""
    from app.lifecycle import advance

    update = advance._update_items

    async def updated(tx: Any, changes: Any) -> None:
        await update(tx, changes)
        described = [change.row["id"] for change in changes if change.event == "item.described"]
        if described:
            await tx.execute("UPDATE item SET version = version - 1 WHERE id = ANY($1)", described)

    patches.put(advance, "_update_items", updated)


def stale_reads(patches: Patches) -> None:
    """Reads come from a copy that is up to two seconds old."""
    from app.core.db import Database

    kept: dict[Any, tuple[float, Any]] = {}

    def remembered(read: Any) -> Any:
        async def asked(self: Any, sql: str, *args: Any) -> Any:
            key = (read.__name__, sql, repr(args))
            if key not in kept or time.monotonic() - kept[key][0] > 2:
                kept[key] = (time.monotonic(), await read(self, sql, *args))
            return kept[key][1]

        return asked

    for name in ("fetchrow", "fetchval", "fetch"):
        patches.put(Database, name, remembered(getattr(Database, name)))


def torn_batch(patches: Patches) -> None:
    """A batch that says all or none is committed in two halves."""
    from app.lifecycle import advance

    save = advance.save

    async def halves(tx: Any, actor: Any, changes: Any, calendar: Any) -> None:
        half = len(changes) // 2
        if half:
            await save(tx, actor, changes[:half], calendar)
            await tx.connection.execute("COMMIT")
            await asyncio.sleep(0.1)
            await tx.connection.execute("BEGIN")
        await save(tx, actor, changes[half:], calendar)

    patches.put(advance, "save", halves)


def facts_before_the_lock(patches: Patches) -> None:
    """What a guard judges of criteria is gathered before the row is locked: whatever changes while waiting is missed."""
    from app.lifecycle import advance
    from app.lifecycle.gather import Named, gather, lock_items

    early: dict[UUID, Any] = {}

    async def locked(tx: Any, ids: Any) -> Any:
        wanted = list(set(ids))
        early.update((await gather(tx, wanted, Named(), tx.at.date()))[0])
        return await lock_items(tx, wanted)

    async def gathered(*args: Any) -> Any:
        rows, calendar = await gather(*args)
        return {key: {**row, "criteria": early[key]["criteria"]} for key, row in rows.items()}, calendar

    patches.put(advance, "lock_items", locked)
    patches.put(advance, "gather", gathered)


def duties_mixed(patches: Patches) -> None:
    """Nobody is kept from judging, signing or approving what they had a part in."""
    from app.access import separation

    patches.put(separation, "_unmet", lambda *_: [])


BUGS: dict[str, Callable[[Patches], None]] = {
    bug.__name__: bug
    for bug in (
        no_lock, ignored_version, reply_kept_late, retried_without_key, answered_before_commit, version_stands_still,
        stale_reads, torn_batch,
    )
}  # fmt: skip
"""What a history of many clients must give away."""
WITHOUT_TRIPWIRES = frozenset({"no_lock", "version_stands_still", "torn_batch"})


@contextmanager
def planted(bug: Callable[[Patches], None]) -> Iterator[None]:
    """The bug is in this process for as long as the block runs."""
    patches = Patches()
    try:
        bug(patches)
        yield
    finally:
        for undo in reversed(patches.undo):
            undo()


def plant(name: str) -> None:
    """For good: for a process that exists for nothing else."""
    BUGS[name](Patches())
