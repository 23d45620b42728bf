import asyncio
from collections.abc import AsyncIterator

import pytest

from app.main import create_app
from tests.lin.arena import Prepared
from tests.make.world import World, world_of
from tests.support.database import Clone, Server, clone
from tests.support.quiet import quiet
from tests.support.service import running, settings_for

__all__ = ["quiet"]


@pytest.fixture(scope="module")
async def prepared(server: Server, template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Prepared]:
    found = await Prepared.made(server, template, tmp_path_factory.mktemp("lin"))
    yield found
    await found.drop(Clone(found.name, "", ""))


@pytest.fixture(scope="module")
async def stepped(server: Server, template: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """An organisation in this process, whose requests can be held up between any two statements."""
    database = await asyncio.to_thread(clone, server, template)
    async with running(create_app(settings_for(database.app_url, tmp_path_factory.mktemp("stepped")))) as app:
        world = await world_of(app)
        yield world
        await world.made.close()
