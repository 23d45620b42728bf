"""A caller as a service remembers it: what the statements of the hot reads take."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from fastapi import FastAPI

from app.access.authenticate import Credential
from app.access.memory import Caller, Memory
from app.access.reach import reach_of
from app.core import clock


async def caller_of(app: FastAPI, account_id: UUID) -> Caller:
    return await Memory().caller(app.state.db, Credential(account_id, 1, None, clock.today()), "zh-CN")


async def walker(app: FastAPI, account_id: UUID) -> tuple[Any, ...]:
    """The arguments of a page before its own."""
    caller = await caller_of(app, account_id)
    reach = await reach_of(app.state.db, caller)
    assert reach is not None
    return *caller.args, *reach.args
