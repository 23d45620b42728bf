"""A ledger from before there were receipts, seals and told rows goes on and stays provable.

The dump is of a service that had four migrations; its events tell less than today's, and must verify for ever.
"""

import asyncio
import gzip
from pathlib import Path

import asyncpg

from app.core import migrate
from app.trail.proof.findings import Verdict
from tests.support.database import Clone
from tests.support.service import Serve
from tests.trail.lives import audited, newest, seal

DUMP = Path(__file__).parent / "golden" / "before_sealing.sql.gz"
UNTOLD = """
SELECT count(*) FROM event e WHERE seq = 1 AND subject_kind = 'item'
  AND NOT EXISTS (SELECT FROM event_disclosure WHERE event_id = e.id AND field = 'set')
"""


async def load(url: str) -> None:
    """What psql would do with it, but for its own commands."""
    text = gzip.decompress(DUMP.read_bytes()).decode()
    script = "\n".join(line for line in text.split("\n") if not line.startswith("\\"))
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(script)
    finally:
        await connection.close()


async def test_an_old_ledger_is_migrated_sealed_and_without_a_finding(empty_database: Clone, serve: Serve) -> None:
    await load(empty_database.superuser_url)
    await asyncio.to_thread(migrate.migrate, empty_database.superuser_url)
    async with serve(empty_database.app_url) as app:
        items = await app.state.db.fetchval("SELECT count(*) FROM item")
        untold = await app.state.db.fetchval(UNTOLD)
        await seal(app)
        report = await audited(app, await newest(app), files=False)
    assert items >= 10
    assert untold >= items, "the dump is of before items told their whole row"
    assert report.findings == []
    assert report.verdict is Verdict.VERIFIED, report.reason
    assert report.counts["events"] > 100
