"""Figures over HTTP: their definitions, statistics, and the dashboard."""

from __future__ import annotations

from enum import Enum
from hashlib import blake2s
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request, Response

from app.access.actor import Actor
from app.access.guarding import permit
from app.access.permissions import Permission
from app.core.etag import not_modified
from app.core.http import Reply, StrictRoute, respond, unchanged
from app.core.openapi import problem_responses
from app.features.statistics import schemas
from app.features.statistics.dashboard import dashboard
from app.features.statistics.viewpoint import viewpoint

router = APIRouter(route_class=StrictRoute, prefix="/v1")

Reading = Annotated[Actor, Depends(permit(Permission.ITEM_READ))]
_TAGS: Final[list[str | Enum]] = ["statistics"]
_MOVING: Final = {"as_of", "generated_at"}


def _answered(request: Request, body: schemas.Envelope) -> Response:
    """Weakly tagged by what it says: figures that are the same a moment later have not been modified."""
    content = body.model_dump_json(exclude=_MOVING)
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
