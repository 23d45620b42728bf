"""No route goes out without saying who may use it, and refusals come in their order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

import httpx2
import pytest
from fastapi import APIRouter, Depends, FastAPI, Response

from app.access.guarding import ItemReading, assert_routes_guarded, item_reading, permit, public
from app.access.permissions import Permission
from app.core.http import StrictRoute
from tests.support.organisation import Organisation
from tests.support.service import client_of


def app_with(router: APIRouter) -> FastAPI:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    outer = APIRouter(prefix="/v1")
    outer.include_router(router)
    app.include_router(outer)
    return app


def test_an_undeclared_route_is_named_however_deep_it_is_included() -> None:
    router = APIRouter()

    @router.get("/open", dependencies=[Depends(public())])
    @router.get("/bare")
    async def endpoint() -> None: ...

    with pytest.raises(RuntimeError, match="/v1/bare") as refused:
        assert_routes_guarded(app_with(router))
    assert "/v1/open" not in str(refused.value)


def test_declared_routes_pass() -> None:
    router = APIRouter()

    @router.get("/one", dependencies=[Depends(permit(Permission.ITEM_READ))])
    @router.get("/two", dependencies=[Depends(public())])
    async def endpoint() -> None: ...

    assert_routes_guarded(app_with(router))


def test_an_application_without_routes_is_a_broken_check() -> None:
    with pytest.raises(RuntimeError):
        assert_routes_guarded(FastAPI(openapi_url=None, docs_url=None, redoc_url=None))


@pytest.fixture
async def guarded(app: FastAPI) -> AsyncIterator[httpx2.AsyncClient]:
    """A route that asks for a permission few have, beside the real service and on its database."""
    router = APIRouter(route_class=StrictRoute)

    @router.get("/probe/{item_id}")
    async def probe(of: Annotated[ItemReading, Depends(item_reading(Permission.GATE_JUDGE))]) -> Response:
        return Response(str(of.item_id))

    from app.main import create_app

    probing = create_app(app.state.settings)
    probing.include_router(router)
    probing.state.db = app.state.db
    probing.state.session_key = app.state.session_key
    async with client_of(probing) as client:
        yield client


async def test_refusals_come_as_401_then_404_then_403(guarded: httpx2.AsyncClient, app: FastAPI) -> None:
    org = Organisation.of(app)
    unit, elsewhere = await org.unit(), await org.unit()
    item = await org.item(await org.ledger(unit), unit, (unit,))
    runner = await org.person(("survey_runner", unit))
    viewer = await org.person(("viewer", unit))
    stranger = await org.person(("survey_runner", elsewhere))

    async def status(path: object, headers: dict[str, str] | None = None) -> int:
        return (await guarded.get(f"/probe/{path}", headers=headers)).status_code

    assert await status(item) == 401
    assert await status("nonsense") == 401
    assert await status("nonsense", viewer.headers) == 404
    assert await status(unit, viewer.headers) == 404
    assert await status(item, stranger.headers) == 404
    assert await status(item, viewer.headers) == 403
    assert await status(item, runner.headers) == 200
    assert await status(f"{{{item}}}", runner.headers) == 404
    assert await status(item.hex, runner.headers) == 404


async def test_a_password_somebody_else_chose_opens_nothing_else(client: httpx2.AsyncClient, app: FastAPI) -> None:
    org = Organisation.of(app)
    who = await org.person(("viewer", await org.unit()))
    await org.db.fetch("UPDATE account SET must_change_password = true WHERE id = $1", who.account_id)
    refused = await client.get("/v1/units", headers=who.headers)
    assert (refused.status_code, refused.json()["code"]) == (403, "password_change_required")
    assert (await client.get("/v1/me", headers=who.headers)).status_code == 200
