from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from app.main import create_app
from bench.seed import fill
from tests.features.statistics.asking import Asking
from tests.features.statistics.lived import Lived, read_lived
from tests.make.plot import plot_on
from tests.support.database import Clone, Server, clone
from tests.support.service import Serve, running, settings_for


@pytest.fixture(scope="session")
def lived_database(server: Server, template: str) -> Clone:
    return clone(server, template)


@pytest.fixture(scope="session")
async def lived(lived_database: Clone, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Lived]:
    """Four hundred items with a past of two years, in a database of their own; nothing here changes them."""
    connection = await asyncpg.connect(lived_database.superuser_url)
    world = await fill(connection, 400, seed=12, lived=True)
    await connection.close()
    var: Path = tmp_path_factory.mktemp("lived")
    async with running(create_app(settings_for(lived_database.app_url, var))) as app:
        yield await read_lived(app, world, lived_database.superuser_url)


@pytest.fixture
async def told(database: Clone, serve: Serve) -> AsyncIterator[Asking]:
    """`await told(metric, as_of)` over the items whose stories the test has told."""
    plot = await plot_on(database.superuser_url)
    async with serve(database.app_url) as app:
        yield Asking(app, plot)
    await plot.connection.close()
