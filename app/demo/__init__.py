"""A demonstration: an invented bureau and its items, made through the service's own interface so that history is true."""

from __future__ import annotations

import asyncio
import json
from itertools import count
from typing import Final

import httpx2
import typer
from fastapi import FastAPI

from app.core.db import Database
from app.core.postgres_host import write_private
from app.demo.carry import Carrier
from app.demo.cases import stories
from app.demo.organisation import PEOPLE, UNITS, Organisation, build
from app.demo.story import tell
from app.settings import Settings

_TOLD_EVERY: Final = 20
_AT_ONCE: Final = 4
_ANY_DATA: Final = "SELECT EXISTS (SELECT FROM unit) OR EXISTS (SELECT FROM person) OR EXISTS (SELECT FROM item)"


async def seed(app: FastAPI, settings: Settings) -> None:
    """Fills an empty service and writes `demo.json`; where there is any data already, nothing is touched."""
    db: Database = app.state.db
    if await db.fetchval(_ANY_DATA):
        return

    def connect() -> httpx2.AsyncClient:
        return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://demo")

    typer.echo("正在写入演示数据 filling in an invented organisation …")
    made = await build(db, connect)
    _describe(made, settings)
    told = await _fill(Carrier(made))
    await made.close()
    typer.echo(f"演示数据已就绪 the demonstration is ready: {len(made.people)} 人 people, {told} 个问题 items")


async def _fill(carrier: Carrier) -> int:
    """A few stories at a time, begun in their order: the database works on one while the service works on another."""
    waiting, told = stories(), count(1)

    async def tell_on() -> None:
        for story, case in waiting:
            await tell(carrier, story, case)
            if (done := next(told)) % _TOLD_EVERY == 0:
                typer.echo(f"  {done} 个问题 items")

    async with asyncio.TaskGroup() as group:
        for _ in range(_AT_ONCE):
            group.create_task(tell_on())
    return next(told) - 1


def _describe(made: Organisation, settings: Settings) -> None:
    """Written before the items, so that whoever interrupts the filling can still sign in."""
    names = {unit.key: unit.name for unit in UNITS}
    accounts = [
        {
            "username": plan.username,
            "password": made.passwords[plan.username],
            "role": plan.role.value,
            "unit": names[plan.over],
            "name": plan.name,
        }
        for plan in PEOPLE
    ]
    told = {"base_url": f"http://{settings.host}:{settings.port}", "accounts": accounts}
    settings.var.mkdir(parents=True, exist_ok=True)
    write_private(settings.var / "demo.json", json.dumps(told, ensure_ascii=False, indent=2) + "\n")
