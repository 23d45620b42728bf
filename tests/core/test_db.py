"""How long a statement may take, which differs between a service and a command that goes through everything."""

import pytest

from app.core.db import Database
from tests.support.database import Clone

SLOW = "SELECT 1 FROM pg_sleep(0.5)"


async def test_a_statement_ends_at_its_limit_and_without_one_is_waited_for(database: Clone) -> None:
    hasty, patient = [await Database.open(database.app_url, pool_size=1, limit=limit) for limit in (0.1, None)]
    try:
        async with hasty.snapshot() as snapshot:
            with pytest.raises(TimeoutError):
                await snapshot.fetchval(SLOW)
        async with patient.snapshot() as snapshot:
            assert await snapshot.fetchval(SLOW) == 1
    finally:
        await hasty.close()
        await patient.close()
