from collections.abc import AsyncIterator

import pytest

from tests.matrix.ground import Ground, build
from tests.support.database import Clone, Server, clone
from tests.support.listening import listening
from tests.support.service import running, settings_for


@pytest.fixture(scope="session")
def matrix_database(server: Server, template: str) -> Clone:
    return clone(server, template)


@pytest.fixture(scope="session")
async def ground(matrix_database: Clone, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Ground]:
    """One target for each column and one caller for each row; its items are closed, so that no test can write to them."""
    from app.main import create_app

    settings = settings_for(matrix_database.app_url, tmp_path_factory.mktemp("matrix"))
    with listening("error"):
        async with running(create_app(settings)) as app:
            yield await build(app)
