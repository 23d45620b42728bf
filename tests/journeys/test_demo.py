"""The demonstration that `make run` starts with."""

import json
from collections import Counter
from pathlib import Path
from stat import S_IMODE

from fastapi import FastAPI

from app.access.permissions import Role
from app.demo import seed
from app.lifecycle.states import State
from tests.support.service import client_of


async def test_the_demonstration_shows_every_state_and_every_role_and_is_filled_in_once(fresh_app: FastAPI) -> None:
    settings, db = fresh_app.state.settings, fresh_app.state.db
    await seed(fresh_app, settings)
    states = Counter({row["state"]: row["n"] for row in await db.fetch(_STATES)})
    assert set(states) == {state.value for state in State}
    assert states.total() >= 60
    before = described(settings.var / "demo.json")
    accounts = json.loads(before)["accounts"]
    assert {account["role"] for account in accounts} == {role.value for role in Role}
    assert {role.value for role in Role} <= {account["username"] for account in accounts}
    async with client_of(fresh_app) as http:
        for account in accounts:
            form = {"username": account["username"], "password": account["password"]}
            assert (await http.post("/v1/auth/token", data=form)).status_code == 200
    await seed(fresh_app, settings)
    assert await db.fetchval("SELECT count(*) FROM item") == states.total()
    assert described(settings.var / "demo.json") == before


def described(path: Path) -> str:
    """It holds passwords, hence is for its owner alone."""
    assert S_IMODE(path.stat().st_mode) == 0o600
    return path.read_text(encoding="utf-8")


_STATES = "SELECT state, count(*) AS n FROM item GROUP BY state"
