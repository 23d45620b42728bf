"""Journeys share one organisation in a database of their own; each brings its own items."""

from collections.abc import AsyncIterator

import pytest

from tests.make.world import World, world_of
from tests.support.database import Clone, Server, clone
from tests.support.service import running, settings_for


@pytest.fixture(scope="session")
def journeys_database(server: Server, template: str) -> Clone:
    return clone(server, template)


@pytest.fixture(scope="session")
async def world(journeys_database: Clone, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    from app.main import create_app

    settings = settings_for(journeys_database.app_url, tmp_path_factory.mktemp("journeys"))
    async with running(create_app(settings)) as app:
        made = await world_of(app)
        yield made
        await made.made.close()
