"""The application as it is deployed, without a socket: real lifespan, real database, real login role."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from app.access.throttle import Throttle
from app.settings import Settings
from tests.support.database import Clone
from tests.support.documented import Documented
from tests.support.pooler import service_url

ORIGIN = "http://rectify.test"
_SHARED: list[FastAPI] = []


def settings_for(url: str, var: Path, **changes: Any) -> Settings:
    """Settings of a test service; `changes` are fields of Settings."""
    pooled = service_url(url)
    given = {"database_url": SecretStr(pooled), "prepared": pooled == url, "var": var, **changes}
    return Settings.model_validate(given)


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[FastAPI]:
    """Runs the lifespan in one task of its own, because a fixture is set up and torn down in two."""
    started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    leave = asyncio.Event()

    async def live() -> None:
        try:
            async with app.router.lifespan_context(app):
                started.set_result(None)
                await leave.wait()
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)

    task = asyncio.create_task(live())
    await started
    try:
        yield app
    finally:
        leave.set()
        await task


def client_of(app: FastAPI, **options: Any) -> httpx2.AsyncClient:
    """A client of the application; an unexpected error is the 500 a real client would see, an undocumented answer fails."""
    return httpx2.AsyncClient(transport=Documented(app), base_url=ORIGIN, **options)


@pytest.fixture(scope="session")
async def app(shared_database: Clone, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[FastAPI]:
    """The worker's own service on its shared database."""
    from app.main import create_app

    settings = settings_for(shared_database.app_url, tmp_path_factory.mktemp("var"))
    async with running(create_app(settings)) as live:
        _SHARED.append(live)
        yield live


@pytest.fixture(autouse=True, scope="module")
def _forgiving() -> None:
    """Wrong passwords tried on purpose in one module must not lock out the next: all of them come from one address."""
    for live in _SHARED:
        live.state.throttle = Throttle()


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """An anonymous client of the shared service."""
    async with client_of(app) as http:
        yield http


Serve = Callable[..., AbstractAsyncContextManager[FastAPI]]


@pytest.fixture
def serve(tmp_path: Path) -> Serve:
    """`async with serve(url, field=value) as app`: a service of this test's own, on any database and settings."""
    from app.main import create_app

    def start(url: str, **changes: Any) -> AbstractAsyncContextManager[FastAPI]:
        return running(create_app(settings_for(url, tmp_path / "var", **changes)))

    return start


@pytest.fixture
async def fresh_app(database: Clone, serve: Serve) -> AsyncIterator[FastAPI]:
    """A service on a database of this test's own."""
    async with serve(database.app_url) as live:
        yield live


@pytest.fixture
async def fresh_client(fresh_app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """An anonymous client of `fresh_app`."""
    async with client_of(fresh_app) as http:
        yield http
