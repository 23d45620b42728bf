"""Figures over HTTP: their definitions, statistics, and the dashboard."""

from __future__ import annotations

from enum import Enum
from hashlib import blake2s
from json import dumps
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel

from app.access.actor import Actor
from app.access.guarding import permit
from app.access.permissions import Permission
from app.core.etag import not_modified
from app.core.http import Reply, StrictRoute, respond, unchanged
from app.core.openapi import problem_responses
from app.features.statistics import queries, schemas
from app.features.statistics.dashboard import dashboard
from app.features.statistics.definitions import metrics_in_force
from app.features.statistics.viewpoint import viewpoint

router = APIRouter(route_class=StrictRoute, prefix="/v1")

Reading = Annotated[Actor, Depends(permit(Permission.ITEM_READ))]
_TAGS: Final[list[str | Enum]] = ["statistics"]
_MOVING: Final = frozenset({"as_of", "generated_at"})


def _answered(request: Request, body: schemas.Envelope) -> Response:
    """The moments it is of are no part of its tag: figures that are the same a moment later have not been modified."""
    told = body.model_dump(mode="json")
    return _tagged(request, body, dumps(_timeless(told), ensure_ascii=False))


def _timeless(told: Any) -> Any:
    if isinstance(told, dict):
        return {name: _timeless(value) for name, value in told.items() if name not in _MOVING}
    return [_timeless(value) for value in told] if isinstance(told, list) else told


def _tagged(request: Request, body: BaseModel, content: str | None = None) -> Response:
    content = body.model_dump_json() if content is None else content
    etag = f'W/"{blake2s(content.encode(), digest_size=12).hexdigest()}"'
    if not_modified(request.headers.get("if-none-match"), etag):
        return unchanged(etag)
    return respond(Reply(200, body, etag=etag))


@router.get(
    "/dashboard",
    operation_id="getDashboard",
    tags=_TAGS,
    summary="看板 · The dashboard",
    response_model=schemas.Dashboard,
    responses=problem_responses("as_of_too_recent", "as_of_not_combinable"),
)
async def get_dashboard(
    request: Request, actor: Reading, query: Annotated[schemas.DashboardQuery, Query()]
) -> Response:
    """All tiles in one answer, of one moment at most 5 seconds ago, over what the caller sees and the filters keep."""
    view = viewpoint(actor, query, query.as_of)
    return _answered(request, await dashboard(request.app.state.db, request.app.state.figures, view, actor.stamp))


@router.get(
    "/metrics",
    operation_id="listMetrics",
    tags=_TAGS,
    summary="指标定义 · Definitions of metrics",
    response_model=schemas.Metrics,
)
async def list_metrics(request: Request, _: Reading) -> Response:
    """What every figure counts and of what; a definition that changes its meaning gets a new version."""
    return _tagged(request, metrics_in_force())


@router.get(
    "/statistics",
    operation_id="getStatistics",
    tags=_TAGS,
    summary="统计 · Statistics",
    response_model=schemas.Statistics,
    responses=problem_responses("as_of_too_recent", "as_of_not_combinable", "too_many_groups"),
)
async def get_statistics(
    request: Request, actor: Reading, query: Annotated[schemas.StatisticsQuery, Query()]
) -> Response:
    """Any metrics over what the caller sees and the filters keep, by up to two keys: two make a cross table."""
    view, ask = viewpoint(actor, query, query.as_of), queries.asked(query)
    state = request.app.state
    return _answered(request, await queries.statistics(state.db, state.figures, view, actor.stamp, ask))


@router.get(
    "/statistics/trend",
    operation_id="getTrend",
    tags=_TAGS,
    summary="趋势 · The course over months",
    response_model=schemas.Trend,
    responses=problem_responses("as_of_too_recent", "as_of_not_combinable"),
)
async def get_trend(request: Request, actor: Reading, query: Annotated[schemas.TrendQuery, Query()]) -> Response:
    """Each month as it was known when it ended; the running month as it is."""
    view = viewpoint(actor, query, query.as_of, over_time=True)
    state = request.app.state
    return _answered(request, await queries.trend(state.db, state.figures, view, actor.stamp, query))
