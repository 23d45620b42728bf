"""`/v1/trail/redactions`: asked for by the security administrator, decided by the audit administrator."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Final
from uuid import UUID

import structlog
from fastapi import APIRouter, Depends, Path, Query, Request, Response

from app.access.actor import Actor
from app.access.guarding import Writing, permit, writing
from app.access.permissions import Permission
from app.core.etag import not_modified
from app.core.http import Reply, StrictRoute, call_of, respond, unchanged
from app.core.openapi import ETAG, IF_MATCH, problem_responses
from app.core.paging import cursor_for, page_links
from app.core.storage import LocalStorage
from app.features.redactions import commands, queries, schemas
from app.trail.redactions import erase_files

log = structlog.get_logger(__name__)
router = APIRouter(route_class=StrictRoute, prefix="/v1/trail/redactions")

Reading = Annotated[Actor, Depends(permit(Permission.REDACTION_READ))]
Asking = Annotated[Writing, Depends(writing(Permission.REDACTION_REQUEST))]
Deciding = Annotated[Writing, Depends(writing(Permission.REDACTION_DECIDE))]
RedactionId = Annotated[UUID, Path(description="脱敏申请 id · the id of the request")]
ValidateOnly = Annotated[bool, Query(description="只列出将删去什么，不写入 · Only tells what would go, writes nothing")]
_TRAIL: Final[list[str | Enum]] = ["trail"]


@router.post(
    "",
    operation_id="requestRedaction",
    tags=_TRAIL,
    summary="申请脱敏 · Ask for a redaction",
    status_code=201,
    response_model=schemas.Redaction,
    responses={
        200: {"model": schemas.RedactionPreview, "description": "validate_only：将删去什么 · What would go"},
        **problem_responses("conflict"),
    },
)
async def request_redaction(
    write: Asking, body: schemas.RedactionIn, *, validate_only: ValidateOnly = False
) -> Response:
    """Names places and never the words. Nothing is removed until another person approves.

    Whatever of the same item says the same goes with a named place; `validate_only` lists it and answers 200.
    """
    if validate_only:
        places = [place.model_dump(mode="json") for place in body.places]
        async with write.db.snapshot() as reader:
            return respond(Reply(200, await queries.preview(reader, body.item_id, places)))
    return await write.run(lambda tx: commands.ask(tx, write, body))


@router.get(
    "",
    operation_id="listRedactions",
    tags=_TRAIL,
    summary="脱敏申请列表 · List redactions",
    response_model=schemas.RedactionPage,
)
async def list_redactions(request: Request, _: Reading, query: Annotated[schemas.RedactionQuery, Query()]) -> Response:
    """In the order of asking, whatever became of them."""
    call = call_of(request)
    cursor = cursor_for(call, request.app.state.cursor_key)
    page = await queries.page(request.app.state.db, query, cursor)
    return respond(Reply(200, page, headers=page_links(call, page.next_cursor)))


@router.get(
    "/{redaction_id:uuid}",
    operation_id="getRedaction",
    tags=_TRAIL,
    summary="一件脱敏申请 · One redaction",
    response_model=schemas.Redaction,
    openapi_extra=ETAG,
)
async def get_redaction(request: Request, actor: Reading, redaction_id: RedactionId) -> Response:
    """Which places, asked by whom and why, and what became of it."""
    found = await queries.one(request.app.state.db, redaction_id)
    etag = actor.etag(found.version)
    if not_modified(call_of(request).if_none_match, etag):
        return unchanged(etag)
    return respond(Reply(200, found, etag=etag))


@router.get(
    "/{redaction_id}/preview",
    operation_id="previewRedaction",
    tags=_TRAIL,
    summary="将删去什么 · What a redaction would remove",
    response_model=schemas.RedactionPreview,
    responses=problem_responses("conflict"),
)
async def preview_redaction(request: Request, _: Reading, redaction_id: RedactionId) -> Response:
    """As of now, for whoever is to decide; `conflict` where a place holds nothing any more, as after the redaction."""
    async with request.app.state.db.snapshot() as reader:
        asked = await queries.one(reader, redaction_id)
        places = [place.model_dump(mode="json") for place in asked.places]
        return respond(Reply(200, await queries.preview(reader, asked.item_id, places)))


@router.post(
    "/{redaction_id}:approve",
    operation_id="approveRedaction",
    tags=_TRAIL,
    summary="批准并执行脱敏 · Approve a redaction and carry it out",
    response_model=schemas.Redaction,
    responses=problem_responses("conflict", "separation_of_duties"),
    openapi_extra=IF_MATCH,
)
async def approve_redaction(request: Request, write: Deciding, redaction_id: RedactionId) -> Response:
    """The words go in this transaction, the item records that they went, and every proof stays valid. It cannot be undone."""
    answer = await write.run(lambda tx: commands.approve(tx, write, redaction_id))
    settings = request.app.state.settings
    try:
        await erase_files(write.db, LocalStorage(settings.var / "files", settings.upload_limit))
    except OSError as error:  # it is committed and said; the worker tries again
        log.warning("files_not_erased", error=str(error))
    return answer


@router.post(
    "/{redaction_id}:reject",
    operation_id="rejectRedaction",
    tags=_TRAIL,
    summary="驳回脱敏申请 · Reject a redaction",
    response_model=schemas.Redaction,
    responses=problem_responses("conflict", "separation_of_duties"),
    openapi_extra=IF_MATCH,
)
async def reject_redaction(write: Deciding, redaction_id: RedactionId) -> Response:
    """Nothing is removed; the same may be asked for again."""
    return await write.run(lambda tx: commands.reject(tx, write, redaction_id))
