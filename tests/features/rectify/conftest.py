import pytest
from fastapi import FastAPI

from tests.features.rectify.desk import Desk, desk_of


@pytest.fixture
async def desk(app: FastAPI) -> Desk:
    return await desk_of(app)
