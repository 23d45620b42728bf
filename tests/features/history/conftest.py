import pytest
from fastapi import FastAPI

from tests.features.history.world import World, build


@pytest.fixture
async def world(app: FastAPI) -> World:
    return await build(app)
