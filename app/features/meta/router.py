"""What front ends are generated from: enumerations, the life cycle, forms and calendars."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from app.access.guarding import permit, signed_in
from app.access.permissions import Permission
from app.core.etag import not_modified
from app.core.http import Reply, StrictRoute, call_of, respond
from app.core.models import Out
from app.core.openapi import ETAG
from app.features.meta import queries, rules, schemas

router = APIRouter(route_class=StrictRoute, prefix="/v1/meta", tags=["meta"])
_SIGNED_IN = [Depends(signed_in())]
_LEDGER_READER = [Depends(permit(Permission.LEDGER_READ))]
Year = Annotated[int | None, Query(ge=1900, le=2200, description="缺省为今年 · This year unless one is named")]


@router.get(
    "/enums",
    operation_id="listEnums",
    summary="全部枚举及其中英文名称 · Every enumeration with its labels",
    response_model=schemas.Enumerations,
    dependencies=_SIGNED_IN,
    openapi_extra=ETAG,
)
async def list_enums(request: Request) -> Response:
    """In the order to show them; states say whether they are open or terminal."""
    return _tagged(request, rules.enumerations())


@router.get(
    "/lifecycle",
    operation_id="getLifecycle",
    summary="生命周期全表 · The whole life cycle",
    response_model=schemas.Lifecycle,
    dependencies=_SIGNED_IN,
    openapi_extra=ETAG,
)
async def get_lifecycle(request: Request) -> Response:
    """The very table the service enforces: states, actions, parties, conditions and the data of each action."""
    return _tagged(request, rules.lifecycle())


@router.get(
    "/source-types",
    operation_id="listSourceForms",
    summary="各问题来源的表单 · Forms of the source types in use",
    response_model=schemas.SourceForms,
    dependencies=_LEDGER_READER,
    openapi_extra=ETAG,
)
async def list_source_forms(request: Request) -> Response:
    """All of them at once, for drawing forms; /v1/source-types has their history."""
    return _tagged(request, await queries.source_forms(request.app.state.db))


@router.get(
    "/calendars",
    operation_id="getCalendars",
    summary="工作日历 · Calendars of working days",
    response_model=schemas.Calendars,
    dependencies=_LEDGER_READER,
    openapi_extra=ETAG,
)
async def get_calendars(request: Request, year: Year = None) -> Response:
    """Years without a loaded notice are named, because working days cannot be counted in them."""
    async with request.app.state.db.snapshot() as reader:
        return _tagged(request, await queries.calendars(reader, year))


def _tagged(request: Request, body: Out) -> Response:
    etag = rules.fingerprint(body)
    fresh = not_modified(call_of(request).if_none_match, etag)
    return respond(Reply(304, None, etag=etag) if fresh else Reply(200, body, etag=etag))
