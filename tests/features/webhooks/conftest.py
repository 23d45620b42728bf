from collections.abc import AsyncIterator

import pytest

from tests.features.webhooks.pushing import Pushing, build
from tests.support.database import Clone
from tests.support.receiver import receiving
from tests.support.service import Serve


@pytest.fixture
async def pushing(database: Clone, serve: Serve) -> AsyncIterator[Pushing]:
    """A service that may call two receivers, and an owner of endpoints over the whole organisation."""
    async with receiving() as one, receiving() as other:
        hosts = (one.host, other.host, "nowhere.test")
        async with serve(database.app_url, webhook_hosts=hosts) as app:
            made = await build(app, one, other)
            yield made
            await made.dispatcher.stop()
