"""History over HTTP: what happened to one item, and what happened anywhere the caller may look."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any, Final
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Depends, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from app.access.actor import Actor
from app.access.guarding import ItemId, ItemReading, checks_itself, item_reading, permit
from app.access.permissions import Permission
from app.core.http import Call, Reply, StrictRoute, call_of, respond
from app.core.openapi import problem_responses
from app.core.paging import cursor_for, page_links
from app.features.history import bundle, queries, schemas, stream

router = APIRouter(route_class=StrictRoute, prefix="/v1")

ReadingItem = Annotated[ItemReading, Depends(item_reading(Permission.EVENT_READ))]
Reading = Annotated[Actor, Depends(permit(Permission.EVENT_READ))]
LastEventId = Annotated[
    int | None,
    Header(
        alias="Last-Event-ID",
        ge=0,
        le=schemas.LAST_POSITION,
        description="收到的最后一个 id，从其后继续 · The last id received; the stream goes on behind it",
    ),
]
_HISTORY: Final[list[str | Enum]] = ["history"]
_TRAIL: Final[list[str | Enum]] = ["trail"]
NDJSON: Final = "application/x-ndjson"
_BUNDLE: Final[dict[int | str, dict[str, Any]]] = {200: {"content": {NDJSON: {"schema": {"type": "string"}}}}}


@router.get(
    "/items/{item_id}/events",
    operation_id="listItemEvents",
    tags=_HISTORY,
    summary="事项的全部历史 · The history of an item",
    response_model=schemas.EventPage,
    responses=problem_responses("not_found", "invalid_cursor"),
)
@checks_itself(Permission.EVENT_READ)
async def list_item_events(
    request: Request, item_id: ItemId, query: Annotated[schemas.EventQuery, Query()]
) -> Response:
    """Oldest first. For a restricted item, text and names are null for those who may not read it."""
    call = call_of(request)
    page = await queries.item_events(request, item_id, query, cursor_for(call, request.app.state.cursor_key))
    return respond(Reply(200, page, headers=page_links(call, page.next_cursor)))


@router.get(
    "/items/{item_id}/transitions",
    operation_id="listTransitions",
    tags=_HISTORY,
    summary="事项的流转记录 · The transitions of an item",
    response_model=schemas.TransitionPage,
    responses=problem_responses("not_found", "invalid_cursor"),
)
@checks_itself(Permission.EVENT_READ)
async def list_transitions(
    request: Request, item_id: ItemId, query: Annotated[schemas.TransitionQuery, Query()]
) -> Response:
    """The actions taken, oldest first: the same events, without those of measures, evidence and the like."""
    call = call_of(request)
    page = await queries.transitions(request, item_id, query, cursor_for(call, request.app.state.cursor_key))
    return respond(Reply(200, page, headers=page_links(call, page.next_cursor)))


@router.get(
    "/trail/items/{item_id}/bundle",
    operation_id="getItemBundle",
    tags=_TRAIL,
    summary="可离线核对的事项历史 · The history of an item as a file to check offline",
    response_class=StreamingResponse,
    responses={**_BUNDLE, **problem_responses("not_found", "not_sealed_yet")},
)
async def item_bundle(reading: ReadingItem) -> Response:
    """For `rectify verify`: every event with its proof, what it said, and the item as it stands now, in rl-export/1.

    What history tells nobody is left out and named. A restricted item is for those who may read its text: the bodies
    that the proofs are made of name who acted.
    """
    file = await bundle.of(reading)
    name = f'attachment; filename="{reading.item_id}.ndjson"'
    return StreamingResponse(bundle.pieces(file), media_type=NDJSON, headers={"Content-Disposition": name})


@router.get(
    "/events",
    operation_id="listEvents",
    tags=_HISTORY,
    summary="按序号的变更流 · The feed of events by position",
    response_model=schemas.Feed,
)
async def list_events(request: Request, actor: Reading, query: Annotated[schemas.FeedQuery, Query()]) -> Response:
    """In the one order all readers share: whoever keeps `next_after` misses nothing, however late it was committed.

    Items in the caller's scope; changes of organisation, powers and rules for auditors of the whole organisation.
    """
    feed = await queries.feed(request.app.state.db, actor, query)
    return respond(Reply(200, feed, headers=_links(call_of(request), query.after, feed.next_after)))


@router.get(
    "/events/stream",
    operation_id="streamEvents",
    tags=_HISTORY,
    summary="实时变更流（SSE） · The live stream of events",
    response_class=stream.Described,
    responses={**stream.DESCRIBED, **problem_responses("too_many_requests", "unavailable", "in_recovery")},
)
async def stream_events(
    request: Request,
    actor: Reading,
    query: Annotated[schemas.StreamQuery, Query()],
    last_event_id: LastEventId = None,
) -> Response:
    """The feed of `GET /v1/events` as it grows, a second or two behind: `id` is the position, `data` the same event.

    Give back the last id in Last-Event-ID and nothing is missed or repeated; browsers do so by themselves. Comments keep
    quiet connections alive. When access ends, an event named `problem` says why and the stream with it.
    """
    watch = request.app.state.watch
    watch.require_room(actor.principal)
    after = query.after if last_event_id is None else last_event_id
    return stream.EventStream(
        stream.Listener(request, watch, actor, query), await watch.last() if after is None else after
    )


def _links(call: Call, after: int, next_after: int) -> dict[str, str]:
    """A link onward only where the feed moved: at the end of the log the same question is asked again later."""
    if next_after == after:
        return {}
    kept = [pair for pair in parse_qsl(call.query_string) if pair[0] != "after"]
    return {"Link": f'<{call.path}?{urlencode([*kept, ("after", next_after)])}>; rel="next"'}
