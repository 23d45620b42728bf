"""Figures over HTTP: their definitions, statistics, and the dashboard."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from app.access.actor import Actor
from app.access.guarding import Writing, permit, writing
from app.access.permissions import Permission
from app.core.etag import not_modified
from app.core.http import Reply, StrictRoute, call_of, ready, respond, unchanged
from app.core.openapi import ETAG, problem_responses
from app.core.paging import cursor_for, page_links
from app.features.statistics import commands, frozen, queries, schemas
from app.features.statistics import snapshot_schemas as snapshot
from app.features.statistics.dashboard import dashboard
from app.features.statistics.definitions import metrics_in_force
from app.features.statistics.viewpoint import viewpoint
from app.features.statistics.written import Written, written

router = APIRouter(route_class=StrictRoute, prefix="/v1")

Reading = Annotated[Actor, Depends(permit(Permission.ITEM_READ))]
Freezing = Annotated[Writing, Depends(writing(Permission.SNAPSHOT_MAKE))]
SnapshotId = Annotated[UUID, Path(description="固化数据 id · the id of the snapshot")]
_TAGS: Final[list[str | Enum]] = ["statistics"]


def _answered(request: Request, answer: Written) -> Response:
    if not_modified(request.headers.get("if-none-match"), answer.etag):
        return unchanged(answer.etag)
    return ready(answer.body, answer.etag)


@router.get(
    "/dashboard",
    operation_id="getDashboard",
    tags=_TAGS,
    summary="看板 · The dashboard",
    response_model=schemas.Dashboard,
    responses=problem_responses("as_of_too_recent", "as_of_not_combinable"),
    openapi_extra=ETAG,
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
    openapi_extra=ETAG,
)
async def list_metrics(request: Request, _: Reading) -> Response:
    """What every figure counts and of what; a definition that changes its meaning gets a new version."""
    return _answered(request, written(metrics_in_force()))


@router.get(
    "/statistics",
    operation_id="getStatistics",
    tags=_TAGS,
    summary="统计 · Statistics",
    response_model=schemas.Statistics,
    responses=problem_responses("as_of_too_recent", "as_of_not_combinable", "too_many_groups"),
    openapi_extra=ETAG,
)
async def get_statistics(
    request: Request, actor: Reading, query: Annotated[schemas.StatisticsQuery, Query()]
) -> Response:
    """Any metrics over what the caller sees and the filters keep, by up to two keys: two make a cross table."""
    view, ask = viewpoint(actor, query, query.as_of), queries.asked(query)
    state = request.app.state
    return _answered(request, written(await queries.statistics(state.db, state.figures, view, actor.stamp, ask)))


@router.get(
    "/statistics/trend",
    operation_id="getTrend",
    tags=_TAGS,
    summary="趋势 · The course over months",
    response_model=schemas.Trend,
    responses=problem_responses("as_of_too_recent", "as_of_not_combinable"),
    openapi_extra=ETAG,
)
async def get_trend(request: Request, actor: Reading, query: Annotated[schemas.TrendQuery, Query()]) -> Response:
    """Each month as it was known when it ended; the running month as it is."""
    view = viewpoint(actor, query, query.as_of, over_time=True)
    state = request.app.state
    return _answered(request, written(await queries.trend(state.db, state.figures, view, actor.stamp, query)))


@router.get(
    "/snapshots",
    operation_id="listSnapshots",
    tags=_TAGS,
    summary="固化数据列表 · Frozen figures",
    response_model=snapshot.SnapshotPage,
)
async def list_snapshots(
    request: Request, actor: Reading, query: Annotated[snapshot.SnapshotQuery, Query()]
) -> Response:
    """Of the units the caller reads everything of, oldest period first, amendments after what they amend."""
    call = call_of(request)
    cursor = cursor_for(call, request.app.state.cursor_key)
    async with request.app.state.db.snapshot() as reader:
        page = await frozen.snapshots(reader, actor, query, cursor)
    return respond(Reply(200, page, headers=page_links(call, page.next_cursor)))


@router.post(
    "/snapshots",
    operation_id="createSnapshot",
    tags=_TAGS,
    summary="固化一个月或一个季度 · Freeze a month or a quarter",
    status_code=201,
    response_model=snapshot.SnapshotOut,
    responses=problem_responses("not_found", "as_of_too_recent", "too_many_groups", "conflict"),
)
async def create_snapshot(write: Freezing, body: snapshot.SnapshotIn) -> Response:
    """As everything was at 24:00 of the last day in China, whenever this is asked; never changed by what comes later."""
    made = await commands.frozen(write.db, write.actor, body)
    return await write.run(lambda tx: commands.store(tx, write, body, made))


@router.get(
    "/snapshots/{snapshot_id}",
    operation_id="getSnapshot",
    tags=_TAGS,
    summary="固化数据 · Frozen figures of a period",
    response_model=snapshot.SnapshotOut,
    responses=problem_responses("not_found"),
)
async def get_snapshot(request: Request, actor: Reading, snapshot_id: SnapshotId) -> Response:
    """Figures, definitions, hashes, and the checkpoint of the sealed log they were made under."""
    return respond(Reply(200, await frozen.one(request.app.state.db, actor, snapshot_id)))


@router.post(
    "/snapshots/{snapshot_id}/amendments",
    operation_id="amendSnapshot",
    tags=_TAGS,
    summary="修订固化数据 · Amend frozen figures",
    status_code=201,
    response_model=snapshot.SnapshotOut,
    responses=problem_responses("not_found", "too_many_groups", "conflict", "classified_text"),
)
async def amend_snapshot(write: Freezing, snapshot_id: SnapshotId, body: snapshot.AmendmentIn) -> Response:
    """The period's figures once more, by what is known now, as a further revision with its reason; the frozen one stays."""
    of = await frozen.one(write.db, write.actor, snapshot_id)
    made = await commands.amended(write.db, write.actor, of)
    return await write.run(lambda tx: commands.store_amendment(tx, write, of, body, made))
