import asyncio
import logging
from collections.abc import AsyncIterator, Iterator

import pytest
import structlog

from app.main import create_app
from tests.lin.arena import Prepared
from tests.make.world import World, world_of
from tests.support.database import Clone, Server, clone
from tests.support.service import running, settings_for


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


@pytest.fixture(autouse=True, scope="module")
def _quiet() -> Iterator[None]:
    """Broken connections and planted mistakes are reported thousands of times, which costs more than the requests."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()
