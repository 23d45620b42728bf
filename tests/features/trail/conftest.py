from pathlib import Path

import pytest
from fastapi import FastAPI

from app.trail.positions import assign_positions
from app.trail.seal import Sealer
from tests.features.history.world import World, build


class Sealed(World):
    """A world whose log is numbered and sealed when a test says so."""

    async def seal(self) -> int:
        """Everything recorded so far is under a signed checkpoint; gives its size."""
        await assign_positions(self.db)
        sealer = Sealer(self.db, Path(self.app.state.settings.var))
        await sealer.run(at_once=True)
        await sealer.stop()
        size: int = await self.db.fetchval("SELECT max(size) FROM checkpoint")
        return size


@pytest.fixture
async def world(fresh_app: FastAPI) -> Sealed:
    """A database of the test's own: sizes are counted over all of it."""
    return Sealed(**vars(await build(fresh_app)))
