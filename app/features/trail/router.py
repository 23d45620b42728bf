"""`/v1/trail`: the sealed log. The paths under `checkpoint` and `tile/` are those of C2SP tlog-tiles."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import PlainTextResponse, Response

from app.access.actor import Actor
from app.access.guarding import permit
from app.access.permissions import Permission
from app.core.http import Reply, StrictRoute, call_of, respond
from app.core.openapi import problem_responses
from app.core.paging import Page, cursor_for, page_links
from app.features.trail import queries, schemas

router = APIRouter(route_class=StrictRoute, prefix="/v1/trail")

Reading = Annotated[Actor, Depends(permit(Permission.EVENT_READ))]
Watching = Annotated[Actor, Depends(permit(Permission.TRAIL_READ))]
Index = Annotated[
    int,
    Path(
        ge=0, le=schemas.LONGEST_LOG, description="叶序号，即 position 减 1 · the leaf's index: its position less one"
    ),
]
_TRAIL: Final[list[str | Enum]] = ["trail"]
_FOR_GOOD: Final = {"Cache-Control": "private, max-age=31536000, immutable"}
_TEXT: Final[dict[int | str, dict[str, Any]]] = {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}}
_BYTES: Final[dict[int | str, dict[str, Any]]] = {
    200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
}


@router.get(
    "/checkpoints",
    operation_id="listCheckpoints",
    tags=_TRAIL,
    summary="签名检查点 · Signed checkpoints",
    response_model=schemas.CheckpointPage,
)
async def list_checkpoints(request: Request, _: Reading, query: Page) -> Response:
    """Newest first. Keep one somewhere else: everything before it can then never be changed unnoticed."""
    call = call_of(request)
    page = await queries.checkpoints(request.app.state.db, query, cursor_for(call, request.app.state.cursor_key))
    return respond(Reply(200, page, headers=page_links(call, page.next_cursor)))


@router.get(
    "/checkpoints/latest",
    operation_id="getLatestCheckpoint",
    tags=_TRAIL,
    summary="最新检查点 · The newest checkpoint",
    response_model=schemas.Checkpoint,
    responses=problem_responses("not_found"),
)
async def latest_checkpoint(request: Request, _: Reading) -> Response:
    """What was recorded more than a minute ago is under it, or somebody has to explain why not."""
    return respond(Reply(200, await queries.latest(request.app.state.db)))


@router.get(
    "/checkpoint",
    operation_id="getCheckpointNote",
    tags=_TRAIL,
    summary="最新检查点原文 · The newest checkpoint as text",
    response_class=PlainTextResponse,
    responses={**_TEXT, **problem_responses("not_found")},
)
async def checkpoint_note(request: Request, _: Reading) -> Response:
    """The signed note itself, where C2SP tlog-tiles clients look for it."""
    return PlainTextResponse((await queries.latest(request.app.state.db)).note)


@router.get(
    "/entries/{index}/proof",
    operation_id="getEntryProof",
    tags=_TRAIL,
    summary="事件的存在证明 · The proof that an event is in the log",
    response_model=schemas.EntryProof,
    responses=problem_responses("not_found"),
)
async def entry_proof(request: Request, actor: Reading, index: Index) -> Response:
    """For events of items the caller sees, and for every event to those who watch the whole trail."""
    return respond(Reply(200, await queries.proof(request.app.state.db, actor, index)))


@router.get(
    "/consistency",
    operation_id="getConsistency",
    tags=_TRAIL,
    summary="前后一致的证明 · The proof that nothing before was changed",
    response_model=schemas.Consistency,
    responses=problem_responses("not_found"),
)
async def consistency(request: Request, _: Reading, query: Annotated[schemas.ConsistencyQuery, Query()]) -> Response:
    """Between any two sizes, such as those of a checkpoint kept earlier and of the newest one."""
    return respond(Reply(200, await queries.consistency(request.app.state.db, query)))


@router.get(
    "/keys", operation_id="listTrailKeys", tags=_TRAIL, summary="签名密钥 · Signing keys", response_model=schemas.Keys
)
async def list_keys(request: Request, _: Reading) -> Response:
    """Public parts only. A doubter takes them from somebody else, at another time, and compares."""
    return respond(Reply(200, await queries.all_keys(request.app.state.db)))


# Its path holds slashes, which no generated client can write: for the clients of that format alone.
@router.get("/tile/{path:path}", include_in_schema=False, response_class=Response, responses=_BYTES)
async def tile(request: Request, actor: Watching, path: str) -> Response:
    """`{level}/{index}` and `entries/{index}` as in C2SP tlog-tiles, `.p/{width}` for what is not full yet."""
    data = await queries.tile(request.app.state.db, actor, f"tile/{path}")
    return Response(data, headers={"Content-Type": "application/octet-stream", **_FOR_GOOD})
