import pytest
from fastapi import FastAPI

from tests.features.ledgers.office import Office


@pytest.fixture
async def office(app: FastAPI) -> Office:
    return await Office(app).build()
