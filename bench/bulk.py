"""The rows of `seed.fill` at sizes where minutes count: a process a core makes them, and indexes are made afterwards."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from datetime import date
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import asyncpg

from bench import seed
from bench.seed import Plan, World

NOTE: Final = "filled.json"
"""What a kept folder was filled with; written last, so that a folder without it is not used."""
_FAST: Final = "SET maintenance_work_mem = '512MB'; SET work_mem = '512MB'; SET synchronous_commit = off"
_INDEXES: Final = """
SELECT i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid) AS made
FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace
WHERE n.nspname = 'public' AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)
"""


def filled(
    url: str, count: int, chance: int, *, assigned: int = 0, lived: bool = False, kept: Path | None = None
) -> World:
    """Fills a migrated, empty database; one in a `kept` folder only if it was not filled before, and with the same."""
    note = None if kept is None else kept / NOTE
    if note is not None and note.exists():
        plan = _read(note)
        if (plan.count, plan.seed, plan.assigned, plan.lived) != (count, chance, assigned, lived):
            raise SystemExit(f"{kept} holds something else: {note.read_text(encoding='utf-8')}")
        return plan.world()
    begun = time.perf_counter()
    plan = asyncio.run(fill(url, count, chance, assigned=assigned, lived=lived))
    _tell(f"seeded {count + assigned} items in {time.perf_counter() - begun:.0f} s")
    if note is not None:
        note.write_text(json.dumps(asdict(plan) | {"day": plan.day.isoformat()}), encoding="utf-8")
    return plan.world()


def _read(note: Path) -> Plan:
    told = json.loads(note.read_text(encoding="utf-8"))
    return Plan(**told | {"day": date.fromisoformat(told["day"])})


async def fill(url: str, count: int, chance: int, *, assigned: int, lived: bool, changes: int = 1) -> Plan:
    """The rows, then indexes, and all of it left as autovacuum would have."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(_FAST)
        plan = await seed.begin(connection, count, seed=chance, assigned=assigned, lived=lived, changes=changes)
        indexes = await connection.fetch(_INDEXES)
        for index in indexes:
            await connection.execute(f"DROP INDEX {index['name']}")
        await asyncio.to_thread(_copy, url, plan)
        _tell("rows are there")
        await seed.finish(connection, plan)
        _tell("the past is there")
        for index in indexes:
            await connection.execute(index["made"])
        _tell("indexes are there")
        await connection.execute("VACUUM (ANALYZE, PARALLEL 2)")
        await connection.execute("CHECKPOINT")
        return plan
    finally:
        await connection.close()


def _tell(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", flush=True)


def _copy(url: str, plan: Plan) -> None:
    processes = min(os.cpu_count() or 1, len(plan.chunks)) or 1
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for done in [pool.submit(_share, url, plan, place, processes) for place in range(processes)]:
            done.result()


def _share(url: str, plan: Plan, place: int, of: int) -> None:
    gc.disable()  # nothing made here is circular, and all of it is gone with its chunk
    asyncio.run(_copied(url, plan, plan.chunks[place::of]))


async def _copied(url: str, plan: Plan, chunks: list[range]) -> None:
    connection: asyncpg.Connection[Any] = await asyncpg.connect(url)
    try:
        await seed.copy_share(connection, plan, chunks)
    finally:
        await connection.close()
