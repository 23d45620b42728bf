"""Somebody with the whole database in their hands, and sometimes the keys, who writes the history anew."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import asyncpg

from app.trail.canonical import canonical, commitment, leaf_hash
from app.trail.keys import Signer
from app.trail.proof.checkpoints import format_checkpoint
from app.trail.proof.tiles import Edge

Json = dict[str, Any]
KEPT = """
SELECT table_name FROM information_schema.tables
WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND table_name <> 'alembic_version'
"""
WRITTEN = """
SELECT string_agg(quote_ident(column_name), ', ') FROM information_schema.columns
WHERE table_schema = 'public' AND table_name = $1 AND is_generated = 'NEVER'
"""
EVENTS = """
SELECT e.id, e.body, p.position FROM event e LEFT JOIN log_position p ON p.event_id = e.id
ORDER BY p.position NULLS LAST, e.at, e.id
"""
TREE = ("log_tile", "log_edge", "log_position")


@dataclass
class Told:
    """One event as it is going to be told."""

    id: UUID
    body: Json


@dataclass
class Forger:
    """Works in the caller's transaction; triggers are off."""

    connection: asyncpg.Connection[Any]

    async def disarm(self) -> None:
        for table in await self.tables():
            await self.connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")

    async def tables(self) -> list[str]:
        return [row["table_name"] for row in await self.connection.fetch(KEPT)]

    async def back_up(self) -> None:
        await self.connection.execute("CREATE SCHEMA IF NOT EXISTS kept")
        for table in await self.tables():
            await self.connection.execute(f"CREATE TABLE kept.{table} AS TABLE public.{table}")

    async def restore(self) -> None:
        for table in await self.tables():
            await self.connection.execute(f"DELETE FROM {table}")
            names = await self.connection.fetchval(WRITTEN, table)
            await self.connection.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM kept.{table}")

    async def history(self) -> list[Told]:
        return [Told(row["id"], json.loads(row["body"])) for row in await self.connection.fetch(EVENTS)]

    async def say(self, one: Told, field: str, value: Any) -> None:
        """Another value for a field, with the commitment that belongs to it."""
        salt = os.urandom(32)
        one.body["pay"][field] = commitment(field, value, salt)
        sql = "UPDATE event_disclosure SET salt = $3, value = $4 WHERE event_id = $1 AND field = $2"
        await self.connection.execute(sql, one.id, field, salt, canonical(value))

    async def rechain(self, history: list[Told]) -> list[bytes]:
        """Links every chain anew and gives the leaves; rows say what the bodies say, heads are moved."""
        heads: dict[str, tuple[int, bytes]] = {}
        leaves, moved = [], []
        # Out of each other's way first: a number is taken by one event at a time.
        await self.connection.execute("UPDATE event SET seq = seq + 1000000")
        for one in history:
            subject = one.body["subject"]["id"]
            seq, before = heads.get(subject, (0, bytes(32)))
            one.body |= {"seq": seq + 1, "prev": before.hex()}
            if one.body["ver"] is not None:
                one.body["ver"] = seq + 1
            body = canonical(one.body)
            leaves.append(leaf_hash(body))
            heads[subject] = (seq + 1, leaves[-1])
            moved.append((one.id, body, leaves[-1], seq + 1))
        await self.connection.executemany("UPDATE event SET body = $2, hash = $3, seq = $4 WHERE id = $1", moved)
        rows = [(UUID(subject), seq, head) for subject, (seq, head) in heads.items()]
        await self.connection.executemany("UPDATE item SET version = $2, head_hash = $3 WHERE id = $1", rows)
        await self.connection.executemany("UPDATE trail_subject SET seq = $2, hash = $3 WHERE id = $1", rows)
        return leaves

    async def retree(self, history: list[Told], leaves: list[bytes], sign: Callable[[], Signer] | None) -> None:
        """Positions, tiles, edge and roots of these leaves; with a signer every checkpoint is signed again."""
        rows = await self.connection.fetch("SELECT size, note FROM checkpoint ORDER BY size")
        sizes = sorted({min(row["size"], len(leaves)) for row in rows})
        notes = {row["size"]: row["note"] for row in rows}
        for table in (*TREE, "checkpoint"):
            await self.connection.execute(f"DELETE FROM {table}")
        places = [(place, one.id) for place, one in enumerate(history, start=1)]
        await self.connection.executemany("INSERT INTO log_position VALUES ($1, $2)", places)
        await self.connection.execute("UPDATE log_state SET next = $1", len(history) + 1)
        edge = Edge()
        for size in sizes:
            tiles = edge.extend(leaves[edge.size : size])
            rows = [(tile.level, tile.index, tile.data) for tile in tiles]
            await self.connection.executemany("INSERT INTO log_tile VALUES ($1, $2, $3)", rows)
            note = notes.get(size)
            if sign is not None:
                signer = sign()
                note = signer.sign(format_checkpoint(signer.name, size, edge.root))
            await self.connection.execute("INSERT INTO checkpoint VALUES ($1, $2, $3)", size, edge.root, note)
        await self.connection.executemany("INSERT INTO log_edge VALUES ($1, $2)", list(enumerate(edge.rows)))

    async def rewrite(self, history: list[Told], sign: Callable[[], Signer] | None) -> None:
        await self.retree(history, await self.rechain(history), sign)

    async def forget(self, item: str) -> list[Told]:
        """Takes an item out of everything; gives the history that is left."""
        left = [one for one in await self.history() if one.body["subject"]["id"] != item]
        gone = "SELECT id FROM event WHERE subject_id = $1"
        await self.connection.execute(f"DELETE FROM event_disclosure WHERE event_id IN ({gone})", item)
        await self.connection.execute("DELETE FROM event WHERE subject_id = $1", item)
        owning = "SELECT table_name FROM information_schema.columns WHERE table_schema = 'public' AND column_name = 'item_id'"
        for row in await self.connection.fetch(owning):
            await self.connection.execute(f"DELETE FROM {row['table_name']} WHERE item_id = $1", item)
        await self.connection.execute("DELETE FROM item WHERE id = $1", item)
        return left
