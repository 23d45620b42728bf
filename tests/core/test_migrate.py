import asyncio
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from app.core import migrate
from app.core.db import Database
from tests.support.database import Clone, execute

STEP = """
from alembic import op
revision = "one"
down_revision = None

def upgrade():
    op.execute("CREATE TABLE made (id int)")
    op.execute("SELECT pg_sleep(0.3)")
    op.execute("GRANT SELECT ON made TO rectify_app")
"""
BROKEN = """
from alembic import op
revision = "two"
down_revision = "one"

def upgrade():
    op.execute("CREATE TABLE half (id int)")
    op.execute("SELECT 1/0")
"""


@pytest.fixture
def versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of migrations like the real one, with the real env.py."""
    real = migrate.folder()
    folder = tmp_path / "migrations"
    (folder / "versions").mkdir(parents=True)
    for name in ("env.py", "script.py.mako"):
        (folder / name).write_text((real / name).read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "versions/20260101_0000_one.py").write_text(STEP, encoding="utf-8")
    monkeypatch.setattr(migrate, "folder", lambda: folder)
    migrate.head.cache_clear()
    yield folder / "versions"
    migrate.head.cache_clear()


async def _current(url: str) -> str | None:
    database = await Database.open(url, pool_size=2)
    try:
        return await migrate.current(database)
    finally:
        await database.close()


@pytest.mark.usefixtures("versions")
async def test_the_service_sees_whether_its_database_is_up_to_date(empty_database: Clone) -> None:
    assert await _current(empty_database.app_url) is None
    await asyncio.to_thread(migrate.migrate, empty_database.superuser_url)
    assert await _current(empty_database.app_url) == migrate.head() == "one"


@pytest.mark.usefixtures("versions")
async def test_everything_made_by_a_migration_belongs_to_the_owner(empty_database: Clone) -> None:
    await asyncio.to_thread(migrate.migrate, empty_database.superuser_url)
    connection = await asyncpg.connect(empty_database.app_url)
    try:
        owners = await connection.fetch("SELECT tableowner FROM pg_tables WHERE schemaname = 'public'")
        assert {row["tableowner"] for row in owners} == {"rectify_owner"}
        assert len(owners) == 2
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute("INSERT INTO alembic_version VALUES ('x')")
    finally:
        await connection.close()


@pytest.mark.usefixtures("versions")
async def test_replicas_that_start_together_migrate_once(empty_database: Clone) -> None:
    await asyncio.gather(*(asyncio.to_thread(migrate.migrate, empty_database.superuser_url) for _ in range(3)))
    assert await _current(empty_database.app_url) == "one"


async def test_a_failing_migration_leaves_what_went_before_and_nothing_of_itself(
    empty_database: Clone, versions: Path
) -> None:
    (versions / "20260102_0000_two.py").write_text(BROKEN, encoding="utf-8")
    with pytest.raises(Exception, match="division by zero"):
        await asyncio.to_thread(migrate.migrate, empty_database.superuser_url)
    assert await _current(empty_database.app_url) == "one"
    with pytest.raises(asyncpg.UndefinedTableError):
        await execute(empty_database.superuser_url, "SELECT * FROM half")


def test_names_of_migrations_tell_their_order() -> None:
    names = [path.name for path in (migrate.folder() / "versions").glob("*.py")]
    assert all(len(name) > 14 and name[:8].isdigit() and name[8] == "_" for name in names), names
