from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from app.demo.organisation import Organisation
from tests.support.crowd import organisation
from tests.support.deployment import Deployment
from tests.support.quiet import quiet

__all__ = ["quiet"]


@dataclass
class Office:
    """A running deployment and the people who use it."""

    deployment: Deployment
    made: Organisation


@pytest.fixture(scope="module")
async def office() -> AsyncIterator[Office]:
    deployment = await asyncio.to_thread(Deployment.made, workers=1)
    try:
        await deployment.start()
        async with organisation(deployment) as made:
            yield Office(deployment, made)
    finally:
        await asyncio.to_thread(deployment.close)
