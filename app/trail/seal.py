"""The sealer: puts numbered events under signed checkpoints, in the one process that holds the checkpoint key.

What is committed first and signed afterwards can be signed again after a crash, with the same bytes; what is signed first
might never have been.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

import structlog

from app.access.actor import SYSTEM
from app.core import clock
from app.core.db import Database, Reader, Row, Tx
from app.tables.trail import Checkpoint, LogTile
from app.trail.canonical import leaf_hash
from app.trail.envelope import Entry
from app.trail.keys import SEALING, Keys, hold
from app.trail.lease import FencedError, Job, Lease
from app.trail.proof.checkpoints import format_checkpoint
from app.trail.proof.tiles import Edge
from app.trail.record import record

LEASE: Final = "sealer"
BATCH: Final = 4096
ENOUGH: Final = 256
LONGEST: Final = timedelta(seconds=2)
"""A checkpoint is made when so many events wait, or one has waited so long."""
SILENCE: Final = timedelta(days=1)
"""After so long without an event the log says that it still lives: a day nobody can leave out afterwards."""

STANDING: Final = """
SELECT s.log_id, s.next - 1 AS numbered, c.size AS sealed, clock_timestamp() AS db_now,
  EXISTS (SELECT FROM checkpoint WHERE note IS NULL) AS unsigned,
  least((SELECT min(at) FROM log_pending),
    (SELECT e.at FROM log_position p JOIN event e ON e.id = p.event_id WHERE p.position = c.size + 1)) AS oldest,
  (SELECT e.at FROM log_position p JOIN event e ON e.id = p.event_id WHERE p.position = s.next - 1) AS latest
FROM log_state s, (SELECT coalesce(max(size), 0) AS size FROM checkpoint WHERE note IS NOT NULL) c
"""
# The row of log_state keeps assigner and sealers apart; the edge and the last checkpoint must be of one size.
LOCK: Final = """
SELECT next - 1 AS numbered, (SELECT coalesce(max(size), 0) FROM checkpoint) AS sealed FROM log_state FOR UPDATE
"""
EDGE: Final = "SELECT level, data FROM log_edge ORDER BY level"
LEAVES: Final = """
SELECT p.position, e.body, e.hash FROM log_position p JOIN event e ON e.id = p.event_id
WHERE p.position > $1 AND p.position <= $2 ORDER BY p.position
"""
MOVE_EDGE: Final = """
INSERT INTO log_edge (level, data) SELECT level, data FROM unnest($1::smallint[], $2::bytea[]) AS n(level, data)
ON CONFLICT (level) DO UPDATE SET data = EXCLUDED.data
"""
UNSIGNED: Final = "SELECT size, root FROM checkpoint WHERE note IS NULL ORDER BY size"
SIGN: Final = "UPDATE checkpoint SET note = $2 WHERE size = $1 AND note IS NULL"

log = structlog.get_logger(__name__)


class CorruptLogError(Exception):
    """What is stored does not hash to what was recorded: signing it would make a lie official."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the log is sealed; `lag` is the age of the oldest event that is not under a signed checkpoint yet."""

    log_id: UUID
    numbered: int
    sealed: int
    unsigned: bool
    at: datetime
    lag: timedelta
    silent_for: timedelta

    def due(self, *, at_once: bool) -> bool:
        """Whether there is anything to do: an idle log must not write once a second to find out."""
        waiting = self.numbered - self.sealed
        ripe = at_once or waiting >= ENOUGH or self.lag >= LONGEST
        return self.unsigned or self.silent_for >= SILENCE or (waiting > 0 and ripe)


async def standing(reader: Reader) -> Standing:
    row = await reader.fetchrow(STANDING)
    if row is None:
        raise CorruptLogError("log_state has lost its row")
    now = clock.shifted(row["db_now"])
    lag, silent_for = _age(row["oldest"], now), _age(row["latest"], now)
    return Standing(row["log_id"], row["numbered"], row["sealed"], row["unsigned"], now, lag, silent_for)


def _age(at: datetime | None, now: datetime) -> timedelta:
    return timedelta(0) if at is None else max(now - at, timedelta(0))


@dataclass
class Sealer:
    """One process's way of sealing; `publish_to` is a folder outside the database that gets a copy of every note."""

    db: Database
    var: Path
    publish_to: Path | None = None
    keys: Keys | None = None
    job: Job = field(init=False)

    def __post_init__(self) -> None:
        self.job = Job(self.db, LEASE)

    async def run(self, *, at_once: bool = False) -> int:
        """Seals what is due and gives how many events that were; does nothing while another process seals.

        Raises CorruptLogError at a body that is not what was hashed, and WrongKeyError where the key is not held here.
        """
        found = await standing(self.db)
        if not found.due(at_once=at_once):
            return 0
        lease = await self.job.held(found.at)
        if lease is None:
            return 0
        # Anew every time: what a key signs after it was retired is nobody's, to whoever verifies it.
        self.keys = await hold(self.db, self.var, SEALING)
        await self._sign()
        if found.silent_for >= SILENCE:
            await self._say_alive(found.log_id)
            return 0
        total = 0
        try:
            while done := await self.db.write(lambda tx: _extend(tx, lease)):
                total += done
                await self._sign()
                if done < BATCH:
                    break  # what has come since is next second's: to look for it would lock the log and write once more
        except FencedError:
            self.job.lease = None
        return total

    async def stop(self) -> None:
        await self.job.leave()

    async def _sign(self) -> None:
        """Signs what was committed and not signed yet, be it by a process that died in between."""
        for row in await self.db.fetch(UNSIGNED):
            await self._sign_one(row)

    async def _sign_one(self, row: Row) -> None:
        assert self.keys is not None  # noqa: S101 - run() holds them first
        signer = self.keys.signer("checkpoint")
        note = signer.sign(format_checkpoint(signer.name, row["size"], row["root"]))
        await self.db.write(lambda tx: tx.execute(SIGN, row["size"], note))
        if self.publish_to is not None:
            _publish(self.publish_to, row["size"], note)

    async def _say_alive(self, log_id: UUID) -> None:
        await self.db.write(lambda tx: record(tx, SYSTEM, [Entry("log", log_id, "log.heartbeat", clock.now())]))


async def _extend(tx: Tx, lease: Lease) -> int:
    """One checkpoint further, or 0 when all is sealed."""
    await lease.check(tx)
    state = await tx.fetchrow(LOCK)
    if state is None:
        raise CorruptLogError("log_state has lost its row")
    edge = Edge([row["data"] for row in await tx.fetch(EDGE)])
    if edge.size != state["sealed"]:
        raise CorruptLogError(f"the edge of the tree is at {edge.size}, the last checkpoint at {state['sealed']}")
    rows = await tx.fetch(LEAVES, edge.size, min(state["numbered"], edge.size + BATCH))
    if not rows:
        return 0
    tiles = edge.extend(_leaves(edge.size, rows))
    await tx.insert(LogTile, [{"level": tile.level, "index": tile.index, "data": tile.data} for tile in tiles])
    await tx.execute(MOVE_EDGE, list(range(len(edge.rows))), edge.rows)
    await tx.insert(Checkpoint, [{"size": edge.size, "root": edge.root}])
    return len(rows)


def _leaves(size: int, rows: Sequence[Row]) -> list[bytes]:
    """The hashes, made anew from the bodies: a body changed before it was sealed is found here at the latest."""
    found = []
    for position, row in enumerate(rows, start=size + 1):
        made = leaf_hash(row["body"])
        if row["position"] != position or made != row["hash"]:
            raise CorruptLogError(f"position {position} is missing or is not what was recorded")
        found.append(made)
    return found


def _publish(folder: Path, size: int, note: str) -> None:
    """A copy where the database's administrator cannot reach; what lies there already is never written over."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"{size:015}.note").open("x", encoding="utf-8", newline="\n") as file:
            file.write(note)
    except FileExistsError:
        pass
    except OSError as error:
        # Evidence somewhere else is worth much, and not as much as going on sealing here.
        log.warning("checkpoint_not_published", size=size, folder=str(folder), error=str(error))
