from collections.abc import AsyncIterator

import asyncpg
import pytest

from app.core.db import Database
from app.core.ids import uuid7
from tests.support.database import Server
from tests.trail.make import History, create_history


@pytest.fixture(scope="session")
async def history_template(server: Server) -> AsyncIterator[str]:
    name = f"{server.prefix}history_{uuid7().hex[-12:]}"
    admin = await asyncpg.connect(server.superuser("postgres"))
    await admin.execute(f"CREATE DATABASE {name}")
    connection = await asyncpg.connect(server.superuser(name))
    await create_history(connection)
    await connection.close()
    yield name
    await admin.execute(f"DROP DATABASE {name}")
    await admin.close()


@pytest.fixture
async def history_dsn(server: Server, history_template: str) -> AsyncIterator[str]:
    """A database of one test's own, entered as superuser: positions are counted over all of it."""
    name = f"{server.prefix}{uuid7().hex[-12:]}"
    admin = await asyncpg.connect(server.superuser("postgres"))
    await admin.execute(f"CREATE DATABASE {name} TEMPLATE {history_template} STRATEGY file_copy")
    yield server.superuser(name)
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


@pytest.fixture
async def history(history_dsn: str) -> AsyncIterator[History]:
    db = await Database.open(history_dsn, pool_size=8)
    yield History(db)
    await db.close()
