"""The commands that give the history away and hold the ledger against it."""

import asyncio
import json
from hashlib import sha256
from pathlib import Path

import asyncpg

from tests.platform.test_cli import rectify, serving
from tests.support.database import Clone


def test_an_export_is_written_whole_and_told_in_the_history(tmp_path: Path, database: Clone) -> None:
    var, out = tmp_path / "var", tmp_path / "ledger.ndjson"
    with serving(var, DATABASE_URL=database.app_url):
        pass
    made = rectify(var, "export", str(out), DATABASE_URL=database.app_url)
    assert made.returncode == 0, made.stderr
    assert made.stdout == ""
    *lines, end = out.read_bytes().splitlines(keepends=True)
    told = json.loads(end)
    assert told["sha256"] == sha256(b"".join(lines)).hexdigest()
    assert told["sha256"] in made.stderr
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["ledger.ndjson"]

    async def recorded() -> str:
        connection = await asyncpg.connect(database.superuser_url)
        try:
            sql = """SELECT d.value FROM event e JOIN event_disclosure d ON d.event_id = e.id
                     WHERE e.type = 'export.made' AND e.subject_kind = 'export' AND d.field = 'sha256'"""
            return str(await connection.fetchval(sql))
        finally:
            await connection.close()

    assert json.loads(asyncio.run(recorded())) == told["sha256"]
    again = rectify(var, "export", DATABASE_URL=database.app_url)
    before, after = (json.loads(text)["events"] for text in (end, again.stdout.splitlines()[-1]))
    assert after == before + 1, "the event of the first export is in the second"


def test_an_export_that_cannot_be_written_leaves_nothing(tmp_path: Path, database: Clone) -> None:
    out = tmp_path / "missing" / "ledger.ndjson"
    made = rectify(tmp_path / "var", "export", str(out), DATABASE_URL=database.app_url)
    assert made.returncode == 1
    assert "missing" in made.stderr
    assert "Traceback" not in made.stderr
