"""`rectify keys` as an operator uses it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from app.core.db import Database
from app.trail.keys import hold
from tests.platform.test_cli import rectify
from tests.support.database import Clone

TYPES = "SELECT type FROM event WHERE subject_kind = 'key' ORDER BY at, id"


@pytest.fixture
def var(tmp_path: Path) -> Path:
    return tmp_path / "var"


async def held(database: Clone, var: Path, name: str) -> bytes:
    """The secret in force; raises where it is not held here."""
    db = await Database.open(database.app_url, pool_size=1)
    try:
        return (await hold(db, var, [name])).secrets[name]  # type: ignore[list-item]
    finally:
        await db.close()


@pytest.mark.parametrize("name", ["session", "cursor", "receipt", "checkpoint", "webhook"])
def test_a_rotation_puts_a_new_key_in_force_and_says_what_to_restart(database: Clone, var: Path, name: str) -> None:
    before = asyncio.run(held(database, var, name))
    done = rectify(var, "keys", "rotate", name, DATABASE_URL=database.app_url)
    assert done.returncode == 0, done.stderr
    assert asyncio.run(held(database, var, name)) not in {before, None}
    fingerprint = done.stdout.split()[1]
    assert len(fingerprint) == 64
    assert ("restart" in done.stdout) == (name != "checkpoint")
    told = rectify(var, "keys", "list", DATABASE_URL=database.app_url)
    assert told.returncode == 0, told.stderr
    lines = [line for line in told.stdout.splitlines() if line.startswith(name)]
    assert ["retired" in line for line in lines] == [True, False]
    assert fingerprint in lines[1]
    signs = name in {"receipt", "checkpoint"}
    assert (done.stdout.splitlines()[1] in told.stdout) == signs
    assert not any(secret.hex() in done.stdout + told.stdout for secret in (before,))


def test_a_name_nobody_knows_and_a_key_that_is_not_here_are_refused(database: Clone, var: Path) -> None:
    done = rectify(var, "keys", "rotate", "master", DATABASE_URL=database.app_url)
    assert done.returncode == 2
    asyncio.run(held(database, var, "receipt"))
    elsewhere = var.with_name("elsewhere")
    done = rectify(elsewhere, "keys", "rotate", "receipt", DATABASE_URL=database.app_url)
    assert (done.returncode, done.stdout) == (1, "")
    assert "not replaced" in done.stderr
    assert "Traceback" not in done.stderr
