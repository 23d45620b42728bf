"""A bulletin that was changed afterwards by whoever holds the database is told from the one that was frozen."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import asyncpg
from fastapi import FastAPI

from app.core.ids import uuid7
from app.trail.export import Export
from tests.make.world import world_of
from tests.support.database import Clone
from tests.trail.lives import audited, frozen, seal

GUIDE = Path(__file__).parents[2] / "docs/guides/auditor.md"
MEANT = "SELECT id FROM snapshot WHERE revision = 2"
CHANGED = "UPDATE snapshot SET {} WHERE id = $1"
FORGERIES = {
    "a figure": CHANGED.format("""content = replace(content, '"numerator":', '"numerator":1')"""),
    "a figure and its hash": """UPDATE snapshot SET content = made.text,
         content_hash = encode(sha256(convert_to(made.text, 'UTF8')), 'hex')
       FROM (SELECT replace(content, '"numerator":', '"numerator":1') AS text FROM snapshot WHERE id = $1) made
       WHERE id = $1""",
    "a definition": CHANGED.format("definitions = '[]'"),
    "when it was made": CHANGED.format("made_at = made_at - interval '1 day'"),
    "who made it": CHANGED.format("made_by = (SELECT id FROM person WHERE id <> made_by LIMIT 1)"),
    "the reason": CHANGED.format("reason = '另一个理由'"),
    "the checkpoint": CHANGED.format("checkpoint_root = repeat('0', 64)"),
    "all of it": "DELETE FROM snapshot WHERE id = $1",
}


async def test_frozen_figures_changed_by_whoever_holds_the_database_are_found_and_named(
    fresh_app: FastAPI, database: Clone
) -> None:
    world = await world_of(fresh_app)
    await world.item("registered")
    await seal(fresh_app)
    await frozen(world)
    await seal(fresh_app)
    assert await world.db.fetchval("SELECT count(*) FROM snapshot WHERE checkpoint_size IS NOT NULL") == 4
    assert (await audited(fresh_app)).findings == []
    forger: asyncpg.Connection[Any] = await asyncpg.connect(database.superuser_url)
    try:
        await forger.execute("ALTER TABLE snapshot DISABLE TRIGGER ALL")
        await forger.execute("CREATE TABLE kept AS TABLE snapshot")
        meant = await forger.fetchval(MEANT)
        for what, sql in FORGERIES.items():
            assert await forger.execute(sql, meant) in {"UPDATE 1", "DELETE 1"}, what
            found = {(one.code, one.subject) for one in (await audited(fresh_app)).findings if one.code != "weakened"}
            assert found == {("frozen_mismatch", str(meant))}, what
            await forger.execute("DELETE FROM snapshot")
            await forger.execute("INSERT INTO snapshot SELECT * FROM kept")
        invented = uuid7()
        await forger.execute("UPDATE kept SET id = $1, revision = 99 WHERE revision = 2", invented)
        await forger.execute("INSERT INTO snapshot SELECT * FROM kept WHERE revision = 99")
        found = {(one.code, one.subject) for one in (await audited(fresh_app)).findings if one.code != "weakened"}
        assert found == {("frozen_mismatch", str(invented))}
    finally:
        await forger.close()


async def test_whoever_holds_a_bulletin_finds_it_in_an_export_as_the_guide_says(fresh_app: FastAPI) -> None:
    world = await world_of(fresh_app)
    await frozen(world)
    await seal(fresh_app)
    shown = await (await world.as_("supervision_office")).get(f"/snapshots/{await world.db.fetchval(MEANT)}")
    (program,) = re.findall(r"python3 -c '(.*?)' < snapshot\.json", GUIDE.read_text(encoding="utf-8"), re.DOTALL)

    def hash_of(bulletin: Any) -> bytes:
        command = [sys.executable, "-c", program]
        done = subprocess.run(command, input=json.dumps(bulletin).encode(), capture_output=True, check=True)
        return done.stdout.strip()

    async with world.db.snapshot() as snapshot:
        lines = [line async for line in Export(snapshot).lines()]
    made = hash_of(shown)
    told = [json.loads(line) for line in lines if made in line]
    assert [(one["row"]["type"], one["row"]["subject"]) for one in told] == [("snapshot.amended", shown["id"])]
    shown["content"]["totals"][0]["numerator"] = 7
    assert hash_of(shown) not in b"".join(lines)
