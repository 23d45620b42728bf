"""A service on a socket with an invented organisation and a few drafts, for programs that are no part of this process."""

import asyncio
import socket
from collections.abc import AsyncIterator
from itertools import islice

import httpx2
import pytest
import uvicorn
from fastapi import FastAPI

from app.core.serving import Protocol
from app.demo.carry import Carrier
from app.demo.cases import stories
from app.demo.organisation import build
from clients.service import USERNAME

DRAFTS = 7


@pytest.fixture
async def where(fresh_app: FastAPI) -> AsyncIterator[dict[str, str]]:
    """What the example programs read from their environment."""
    transport = httpx2.ASGITransport(app=fresh_app)
    made = await build(fresh_app.state.db, lambda: httpx2.AsyncClient(transport=transport, base_url="http://made"))
    carrier = Carrier(made)
    own = (case for _, case in stories() if case.finder == USERNAME)
    for case in islice(own, DRAFTS):
        await carrier.draft(case)
    await made.close()
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(fresh_app, http=Protocol, ws="none", lifespan="off", log_config=None))
    running = asyncio.create_task(server.serve([listening]))
    yield {
        "RECTIFY_URL": f"http://127.0.0.1:{listening.getsockname()[1]}",
        "RECTIFY_USERNAME": USERNAME,
        "RECTIFY_PASSWORD": made.passwords[USERNAME],
    }
    server.should_exit = True
    await running
