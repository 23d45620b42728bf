"""Whatever the description allows and much that it forbids: no failure of ours, no answer it does not describe."""

from __future__ import annotations

import asyncio
import json
import random

import pytest
import uvicorn
from schemathesis.config import SchemathesisConfig

from app.core.openapi import operations
from app.core.serving import Protocol, address, bind
from tests.fuzz.ground import CALLERS, Ground
from tests.fuzz.sizes import FULL, REPLAY, SEED, sized
from tests.fuzz.spotted import Tally, attack, configured, hooked, in_process, over_a_socket
from tests.support.documented import DESCRIPTION

ENDLESS = "streamEvents"
"""Its answer has no end for a client that reads answers whole; tests/features/history/test_stream.py listens to it."""
NAMES = sorted(
    operation["operationId"]
    for _, _, operation in operations(json.loads(DESCRIPTION.read_text(encoding="utf-8")))
    if operation["operationId"] != ENDLESS
)
SMOKE_CALLERS = ("anonymous", "supervision_office")
LIVE_CALLERS = ("anonymous", "supervision_office", "unit_head")


def plan(caller: str, count: int) -> SchemathesisConfig:
    """All operations in a full run; in a smoke run a few, others with another seed."""
    few = random.Random(f"{SEED} {caller}").sample(NAMES, count)
    return configured(SEED, sized(2, 20), [ENDLESS, *([] if FULL else [name for name in NAMES if name not in few])])


def judge(tally: Tally, ground: Ground, least: int) -> None:
    print(f"\n{REPLAY}: {tally.requests} requests, {dict(tally.phases)}, {dict(sorted(tally.statuses.items()))}")  # noqa: T201 - the figures of a run
    assert not tally.wrong, f"{REPLAY}\n" + "\n".join(sorted(set(tally.wrong)))
    assert not [status for status in tally.statuses if status.startswith("5") or status == "none"]
    assert ground.complaints.getvalue() == ""
    assert tally.requests >= least


@pytest.mark.parametrize("name", CALLERS if FULL else SMOKE_CALLERS)
async def test_schemathesis_in_process(ground: Ground, name: str) -> None:
    from app.main import create_app

    caller = await ground.revive(ground.callers[name])

    made = create_app(ground.settings)
    made.openapi()  # made once and kept: the loader gives up after ten seconds, which a busy machine may need for it
    schema = await asyncio.to_thread(in_process, made, plan(name, 9))
    tally = await asyncio.to_thread(attack, hooked(schema, ground, caller, random.Random(SEED)))
    judge(tally, ground, sized(300, 10_000))
    if caller.account is not None:
        assert tally.statuses["401"] < tally.requests / 4, "the caller lost the session"
        assert tally.statuses["200"] + tally.statuses["201"] > tally.requests / 100


@pytest.mark.parametrize("name", LIVE_CALLERS if FULL else ("unit_head",))
async def test_schemathesis_against_a_live_server(ground: Ground, name: str) -> None:
    caller = await ground.revive(ground.callers[name])
    listening = bind("127.0.0.1", 0)
    listening.listen()
    server = uvicorn.Server(uvicorn.Config(ground.world.app, http=Protocol, lifespan="off", log_config=None))
    running = asyncio.create_task(server.serve([listening]))

    try:
        schema = await asyncio.to_thread(over_a_socket, address(listening), plan(f"live {name}", 4))
        tally = await asyncio.to_thread(attack, hooked(schema, ground, caller, random.Random(SEED)))
    finally:
        server.should_exit = True
        await running
    judge(tally, ground, sized(100, 10_000))
    if caller.account is not None:
        assert tally.statuses["401"] < tally.requests / 4, "the caller lost the session"
