"""Brings a database to the schema this build expects; several replicas may start at once, one of them migrates."""

import asyncio
from collections.abc import Callable
from functools import cache
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, pool, text
from sqlalchemy.ext.asyncio import create_async_engine

import app
from app.core.db import Reader

OWNER = "rectify_owner"
# Any number will do as long as every replica uses the same: "rect" in ASCII.
_LOCK = 0x72656374
_CURRENT = "SELECT version_num FROM alembic_version"
_MAY_BE_OWNER = text("SELECT coalesce((SELECT pg_has_role(oid, 'SET') FROM pg_roles WHERE rolname = :owner), false)")
_LET_APP_READ = """
DO $$ BEGIN
  IF to_regclass('alembic_version') IS NOT NULL
     AND EXISTS (SELECT FROM pg_roles WHERE rolname = 'rectify_app') THEN
    GRANT SELECT ON alembic_version TO rectify_app;
  END IF;
END $$
"""


def folder() -> Path:
    """The migrations of an installed wheel, else those of the checkout."""
    package = Path(app.__file__).parent
    installed = package / "_migrations"
    return installed if installed.is_dir() else package.parent / "migrations"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(folder()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


@cache
def head() -> str | None:
    """The revision this build expects; None while there are no migrations."""
    return ScriptDirectory.from_config(_config()).get_current_head()


async def current(reader: Reader) -> str | None:
    """The revision the database is at; None when it was never migrated."""
    try:
        value: str | None = await reader.fetchval(_CURRENT)
    except asyncpg.UndefinedTableError:
        return None
    return value


def migrate(url: str) -> None:
    """Upgrades to `head()` as rectify_owner where that role exists; waits while another process migrates."""
    asyncio.run(_on_connection(url, _upgrade))


def _upgrade(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


async def _on_connection(url: str, work: Callable[[Connection], None]) -> None:
    """The driver is reached with the address as it is, so that there is one spelling of addresses and not two."""

    async def connect(*_: object, **__: object) -> object:
        return await asyncpg.connect(url, timeout=30, server_settings={"application_name": "rectify migrate"})

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect, poolclass=pool.NullPool)
    async with engine.connect() as connection:
        await connection.execute(text(f"SELECT pg_advisory_lock({_LOCK})"))
        # Behind the lock, so that waiting for another replica has no limit while waiting for a busy table has.
        await connection.execute(text("SET lock_timeout = '5s'"))
        if await connection.scalar(_MAY_BE_OWNER, {"owner": OWNER}):
            await connection.execute(text(f"SET ROLE {OWNER}"))
        await connection.commit()
        try:
            await connection.run_sync(work)
        finally:
            # After a failure too: the service must see how far the schema came.
            await connection.rollback()
            await connection.execute(text(_LET_APP_READ))
            await connection.commit()
    await engine.dispose()
