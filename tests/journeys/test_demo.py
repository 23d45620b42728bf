"""The demonstration that `make run` starts with."""

import json
from collections import Counter
from pathlib import Path
from stat import S_IMODE

from fastapi import FastAPI

from app.access.permissions import Role
from app.demo import seed
from app.demo.client import Caller, sign_in
from app.lifecycle.states import OPEN, State
from tests.support.service import client_of


async def test_the_demonstration_shows_every_state_and_every_role_and_is_filled_in_once(fresh_app: FastAPI) -> None:
    settings, db = fresh_app.state.settings, fresh_app.state.db
    await seed(fresh_app, settings)
    states = Counter({row["state"]: row["n"] for row in await db.fetch(_STATES)})
    assert set(states) == {state.value for state in State}
    assert states.total() >= 60
    assert await db.fetchval("SELECT count(DISTINCT kind) FROM outcome") >= 3, "the board has outcomes to show"
    before = described(settings.var / "demo.json")
    accounts = json.loads(before)["accounts"]
    assert {account["role"] for account in accounts} == {role.value for role in Role}
    assert {role.value for role in Role} <= {account["username"] for account in accounts}
    able = set()
    for account in accounts:
        async with client_of(fresh_app) as http:
            able |= await movable(await sign_in(http, account["username"], account["password"]))
    still_open = await db.fetch("SELECT id::text FROM item WHERE state = ANY($1)", sorted(OPEN | {State.SUBMITTED}))
    assert able >= {row["id"] for row in still_open}, "everything open waits for somebody who can move it"
    await seed(fresh_app, settings)
    assert await db.fetchval("SELECT count(*) FROM item") == states.total()
    assert described(settings.var / "demo.json") == before


async def movable(caller: Caller) -> set[str]:
    """What waits for the caller and can be acted on by the caller; a survey runner judges a gate and moves nothing."""
    waiting = (await caller.get("/items?waiting_for=me&limit=200"))["items"]
    items = [await caller.get(f"/items/{item['id']}") for item in waiting]
    return {item["id"] for item in items if item["allowed_actions"]}


def described(path: Path) -> str:
    """It holds passwords, hence is for its owner alone."""
    assert S_IMODE(path.stat().st_mode) == 0o600
    return path.read_text(encoding="utf-8")


_STATES = "SELECT state, count(*) AS n FROM item GROUP BY state"
