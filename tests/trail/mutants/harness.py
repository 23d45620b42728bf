"""Many mutants, each in a transaction that is rolled back, each looked for by the product's own audit."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from app.audit.run import Audit
from app.core.db import Tx
from app.trail.proof.findings import Finding
from app.trail.proof.verify import Asked
from tests.support.database import Clone
from tests.trail.mutants.catalogue import BESIDE, EVENTS, LOG, TABLES
from tests.trail.mutants.mutate import Ledger, Mutant

AT_ONCE = {BESIDE: 24, EVENTS: 12, LOG: 5}
SHARE = {BESIDE: 0.62, EVENTS: 0.28, LOG: 0.10}
ALONE = 0.02
"""The share of mutants that are tried once more with no other beside them."""


@dataclass
class Tried:
    """What became of the mutants; a refused one broke a constraint of the database, which is not what is tried here."""

    tried: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    undetected: list[str] = field(default_factory=list)
    unnamed: list[str] = field(default_factory=list)
    alone: int = 0

    @property
    def total(self) -> int:
        return sum(self.tried.values())


@dataclass
class Harness:
    """One connection of a superuser to a ledger whose triggers are off."""

    connection: asyncpg.Connection[Any]
    ledger: Ledger
    rng: random.Random
    known: frozenset[Finding] = frozenset()
    tried: Tried = field(default_factory=Tried)

    async def run(self, total: int) -> Tried:
        for group, share in SHARE.items():
            tables = [table for table in TABLES if table.group == group and self.ledger.rows[table.name]]
            while sum(self.tried.tried[table.name] for table in tables) < total * share:
                await self._batch(self._drawn(tables, AT_ONCE[group]))
        return self.tried

    def _drawn(self, tables: Sequence[Any], count: int) -> list[Mutant]:
        """Mutants on subjects of their own; every table gets its turn, however few rows it has."""
        found: dict[str, Mutant] = {}
        for _ in range(count * 4):
            mutant = self.ledger.draw(self.rng, self.rng.choice(tables))
            taken = set().union(*(one.subjects for one in found.values()))
            if mutant is not None and mutant.owner not in found and not mutant.subjects & taken:
                found[mutant.owner] = mutant
            if len(found) == count:
                break
        return list(found.values())

    async def _batch(self, mutants: Sequence[Mutant]) -> None:
        applied, findings = await self._found(mutants)
        for mutant in applied:
            self.tried.tried[mutant.table] += 1
            seen = findings
            if not mutant.named(findings) or self.rng.random() < ALONE:
                self.tried.alone += 1
                alone, found = await self._found([mutant])
                # A copy may pass only beside another mutant that has moved what it copies out of its way.
                seen = found if alone else findings
            if not mutant.detected(seen):
                self.tried.undetected.append(mutant.said)
            elif not mutant.named(seen):
                self.tried.unnamed.append(f"{mutant.said}: {[tuple(one) for one in seen[:4]]}")

    async def _found(self, mutants: Iterable[Mutant]) -> tuple[list[Mutant], list[Finding]]:
        """Those the database let pass, and what an audit finds that it did not find before."""
        applied = []
        transaction = self.connection.transaction(isolation="repeatable_read")
        await transaction.start()
        try:
            for mutant in mutants:
                try:
                    async with self.connection.transaction():
                        await self.connection.execute(mutant.sql, *mutant.args)
                    applied.append(mutant)
                except (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError) as error:
                    self.tried.refused[f"{mutant.table}: {type(error).__name__}"] += 1
            findings = await audit(self.connection) if applied else []
        finally:
            await transaction.rollback()
        return applied, [one for one in findings if one not in self.known]


async def audit(connection: asyncpg.Connection[Any]) -> list[Finding]:
    return (await Audit(Asked(strict=True)).run(Tx(connection))).findings


@asynccontextmanager
async def opened(database: Clone, seed: str) -> AsyncIterator[Harness]:
    connection: asyncpg.Connection[Any] = await asyncpg.connect(database.superuser_url)
    try:
        for name in ("json", "jsonb"):
            await connection.set_type_codec(
                name, encoder=lambda v: json.dumps(v, ensure_ascii=False), decoder=json.loads, schema="pg_catalog"
            )
        for table in TABLES:
            await connection.execute(f"ALTER TABLE {table.name} DISABLE TRIGGER ALL")
        harness = Harness(connection, await Ledger.read(connection), random.Random(seed))
        async with connection.transaction(isolation="repeatable_read"):
            harness.known = frozenset(await audit(connection))
        yield harness
    finally:
        await connection.close()
