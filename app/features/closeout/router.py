"""The three gates of an item and its readiness for closing, over HTTP."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from app.access.guarding import ItemReading, ItemWriting, item_reading, item_writing
from app.access.permissions import Permission
from app.core.etag import not_modified
from app.core.http import Reply, StrictRoute, respond, unchanged
from app.core.openapi import ETAG, problem_responses
from app.core.paging import cursor_for, page_links
from app.features.closeout import commands, queries, schemas
from app.features.closeout.head import read_head

router = APIRouter(route_class=StrictRoute, prefix="/v1/items/{item_id}")

Reading = Annotated[ItemReading, Depends(item_reading(Permission.ITEM_READ))]
Judging = Annotated[ItemWriting, Depends(item_writing(Permission.GATE_JUDGE))]
ResultId = Annotated[UUID, Path(description="评定 id · the id of the verdict")]
_CLOSEOUT: Final[list[str | Enum]] = ["closeout"]


@router.get(
    "/gates",
    operation_id="listGateResults",
    tags=_CLOSEOUT,
    summary="三道关及其评定记录 · The three gates and their verdicts",
    response_model=schemas.GatePage,
    openapi_extra=ETAG,
)
async def list_gate_results(request: Request, read: Reading, query: Annotated[schemas.GateQuery, Query()]) -> Response:
    """Where each gate stands for the current submission, and every verdict on the submission asked for, oldest first."""
    cursor = cursor_for(read.call, request.app.state.cursor_key)
    async with read.db.snapshot() as reader:
        head, page = await queries.gates(reader, read.actor, read.item_id, query, cursor)
    if not_modified(read.call.if_none_match, head.etag):
        return unchanged(head.etag)
    return respond(Reply(200, page, etag=head.etag, headers=page_links(read.call, page.next_cursor)))


@router.post(
    "/gates",
    operation_id="judgeGate",
    tags=_CLOSEOUT,
    summary="评定一道关 · Record a verdict on a gate",
    status_code=201,
    response_model=schemas.GateResultOut,
    responses=problem_responses("guards_unmet", "separation_of_duties", "child_frozen", "classified_text"),
)
async def judge_gate(write: Judging, body: schemas.GateIn) -> Response:
    """The verdict follows from the findings; an incomplete record is refused with everything that is missing."""
    return await write.run(lambda tx: commands.judge_gate(tx, write, body))


@router.get(
    "/gates/{result_id}",
    operation_id="getGateResult",
    tags=_CLOSEOUT,
    summary="一次评定 · One verdict on a gate",
    response_model=schemas.GateResultOut,
    openapi_extra=ETAG,
)
async def get_gate_result(read: Reading, result_id: ResultId) -> Response:
    """Of any submission; the entity tag is the item's."""
    async with read.db.snapshot() as reader:
        head = await read_head(reader, read.actor, read.item_id)
        found = await queries.gate_result(reader, head, result_id)
    if not_modified(read.call.if_none_match, head.etag):
        return unchanged(head.etag)
    return respond(Reply(200, found, etag=head.etag))


@router.get(
    "/closing-readiness",
    operation_id="getClosingReadiness",
    tags=_CLOSEOUT,
    summary="距销号还缺什么 · What is still missing for closing",
    response_model=schemas.ClosingReadinessOut,
    openapi_extra=ETAG,
)
async def get_closing_readiness(read: Reading) -> Response:
    """Per gate and per condition, with the roles that can supply what is missing; all read at one moment."""
    async with read.db.snapshot(by_key=True) as reader:
        head, found = await queries.closing_readiness(reader, read.actor, read.item_id)
    if not_modified(read.call.if_none_match, head.etag):
        return unchanged(head.etag)
    return respond(Reply(200, found, etag=head.etag))
