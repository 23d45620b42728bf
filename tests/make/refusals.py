"""Asking for what should be refused."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import pytest

from app.demo.client import RefusedError


async def refusal(asked: Awaitable[Any]) -> RefusedError:
    """What the service said to something it must not do."""
    with pytest.raises(RefusedError) as caught:
        await asked
    return caught.value
