from collections.abc import AsyncIterator

import pytest

from tests.fuzz.ground import Ground, ground_on
from tests.fuzz.sizes import REPLAY
from tests.support.database import Clone, Server, clone


@pytest.fixture(scope="session")
def fuzz_database(server: Server, template: str) -> Clone:
    """A database that may be filled with anything."""
    return clone(server, template)


@pytest.fixture(scope="session")
async def ground(fuzz_database: Clone, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ground]:
    async with ground_on(fuzz_database, tmp_path_factory.mktemp("fuzz")) as made:
        yield made


def pytest_report_header() -> str:
    return f"fuzz: {REPLAY}"
