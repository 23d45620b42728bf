from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI

from tests.make.world import World, world_of


@pytest.fixture
async def world(fresh_app: FastAPI) -> AsyncIterator[World]:
    """A database of the test's own: lists are compared whole."""
    made = await world_of(fresh_app)
    yield made
    await made.made.close()
