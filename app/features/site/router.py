"""What the service says about itself: health, metrics, its API description and the meaning of each problem."""

from __future__ import annotations

import asyncio
import json
import math
import pathlib
from functools import lru_cache
from typing import Annotated, Any, Final

import asyncpg
import fastapi_offline
from fastapi import APIRouter, Depends, Header, Path, Request
from fastapi.responses import FileResponse, HTMLResponse, Response

from app.access.guarding import public
from app.core.db import Database
from app.core.errors import CATALOGUE, Problem
from app.core.http import StrictRoute
from app.core.migrate import current, head
from app.core.negotiation import accepted
from app.core.openapi import problem_responses
from app.features.site import pages
from app.features.site.schemas import Alive, AppendOnly, Explanation, Ready, ReadyChecks, Seal, Wording
from app.trail.ddl import drift, separated
from app.trail.receipts import MMD
from app.trail.seal import standing

PROBE_SECONDS: Final = 1.0
_ASSETS: Final = pathlib.Path(fastapi_offline.__file__).parent / "static"
_ASSET_TYPES: Final = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "redoc.standalone.js": "text/javascript",
    "favicon.png": "image/png",
}

Code = Annotated[str, Path(description="错误代码 · the code of the problem")]
router = APIRouter(route_class=StrictRoute, tags=["operations"], dependencies=[Depends(public())])


@router.get("/livez", operation_id="livez", summary="进程存活 · The process is alive")
async def livez() -> Alive:
    """Never touches the database: restarting the service does not repair one."""
    return Alive(status="ok")


@router.get(
    "/readyz",
    operation_id="readyz",
    summary="可以接受请求 · Ready to take requests",
    responses=problem_responses("unavailable", "migrations_pending"),
)
async def readyz(request: Request) -> Ready:
    """503 until the database answers and stands at the revision of this build."""
    state = request.app.state
    probe: asyncio.Task[tuple[str | None, ReadyChecks]] | None = getattr(state, "probe", None)
    if probe is None or probe.done():
        probe = state.probe = asyncio.create_task(_probe(state.db))
    # A hanging probe is left to itself, since cancelling it would wait for the same database; the next call joins it.
    done, _ = await asyncio.wait({probe}, timeout=PROBE_SECONDS)
    if not done or probe.exception() is not None:
        raise Problem("unavailable", headers={"Retry-After": "2"})
    revision, checks = probe.result()
    if revision != head() or checks is None:
        raise Problem("migrations_pending", headers={"Retry-After": "5"})
    if state.session_key is None:
        raise Problem("unavailable", headers={"Retry-After": "2"})
    return Ready(status="ok", checks=checks)


async def _probe(db: Database) -> tuple[str | None, ReadyChecks | None]:
    revision = await current(db)
    if revision != head():
        return revision, None
    lag = int((await standing(db)).lag.total_seconds())
    return revision, ReadyChecks(
        database="ok",
        migrations="ok",
        append_only=await _append_only(db),
        seal=Seal.LAGGING if lag > MMD else Seal.OK,
        seal_lag_seconds=lag,
    )


async def _append_only(db: Database) -> AppendOnly:
    if await drift(db):
        return AppendOnly.DRIFT
    return AppendOnly.OK if await separated(db) else AppendOnly.NOT_SEPARATED


@router.get(
    "/metrics",
    operation_id="metrics",
    summary="运行指标 · Metrics in the Prometheus text format",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(request: Request) -> Response:
    """Labels are route templates and never paths, so nothing about a person or an item appears."""
    request.app.state.seal_lag = await _seal_lag(request.app.state.db)
    body, media_type = request.app.state.telemetry.render()
    return Response(body, headers={"Content-Type": media_type})


async def _seal_lag(db: Database) -> float:
    """Seconds; not a number while nobody can say, so that an outage does not read as a log without lag."""
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            return (await standing(db)).lag.total_seconds()
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return math.nan


@router.get(
    "/problems/{code}",
    operation_id="explainProblem",
    summary="错误说明 · What a problem code means",
    responses={200: {"content": {"text/html": {"schema": {"type": "string"}}}}, **problem_responses("not_found")},
    response_model=Explanation,
)
async def explain_problem(code: Code, accept: Annotated[str, Header(include_in_schema=False)] = "*/*") -> Any:
    """The `type` of every problem document leads here."""
    kind = CATALOGUE.get(code)
    if kind is None:
        raise Problem("not_found")
    if accepted(accept, ("application/json", "text/html")) == "text/html":
        return HTMLResponse(pages.problem_page(code, kind), headers={"Content-Security-Policy": pages.POLICY})
    return Explanation(
        code=code,
        type=f"/problems/{code}",
        status=kind.status,
        title=Wording(zh=kind.title.zh, en=kind.title.en),
        help=Wording(zh=kind.help.zh, en=kind.help.en),
    )


@router.get("/openapi.json", include_in_schema=False)
async def openapi_json(request: Request) -> Response:
    """The description never changes while the process runs: it is made once, in a thread, since that takes seconds."""
    return Response(await asyncio.to_thread(_description, request.app), media_type="application/json")


@lru_cache(maxsize=8)
def _description(app: Any) -> bytes:
    return json.dumps(app.openapi(), ensure_ascii=False).encode()


@router.get("/docs", include_in_schema=False, response_class=HTMLResponse)
async def swagger() -> HTMLResponse:
    """Served from the installed package: a closed network has no CDN."""
    return HTMLResponse(pages.SWAGGER, headers={"Content-Security-Policy": pages.POLICY})


@router.get("/redoc", include_in_schema=False, response_class=HTMLResponse)
async def redoc() -> HTMLResponse:
    """The same description, laid out for reading."""
    return HTMLResponse(pages.REDOC, headers={"Content-Security-Policy": pages.POLICY})


@router.get("/docs/assets/{name}", include_in_schema=False, response_class=FileResponse)
async def asset(name: str) -> Response:
    """Only the names listed here exist; a path from outside never reaches the file system."""
    cached = {"Cache-Control": "public, max-age=86400"}
    if name == "start.js":
        return Response(pages.START, media_type="text/javascript", headers=cached)
    kind = _ASSET_TYPES.get(name)
    if kind is None:
        raise Problem("not_found")
    return FileResponse(_ASSETS / name, media_type=kind, headers=cached)
