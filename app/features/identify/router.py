"""Items over HTTP: draft, describe, read, list, and every step of the life cycle."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request, Response

from app.access.guarding import (
    ItemId,
    ItemReading,
    ItemWriting,
    Writing,
    checks_itself,
    item_reading,
    item_writing,
    parsed_id,
    require,
    writing,
)
from app.access.permissions import Permission
from app.access.scope import items_in_scope
from app.core import clock
from app.core.asof import AS_OF, AsOf
from app.core.etag import item_etag, not_modified, past_etag
from app.core.http import Reply, StrictRoute, call_of, respond, unchanged
from app.core.openapi import ETAG, IF_MATCH, problem_responses
from app.core.paging import PageOf, cursor_for, page_links
from app.features.identify import commands, past, queries, schemas
from app.lifecycle.preview import preview
from app.lifecycle.schemas import ItemOut, ItemSummary
from app.lifecycle.transitions import BY_ACTION
from app.lifecycle.view import etag_of

router = APIRouter(route_class=StrictRoute, prefix="/v1")

Drafting = Annotated[Writing, Depends(writing(Permission.ITEM_DRAFT))]
Acting = Annotated[ItemWriting, Depends(item_writing(Permission.ITEM_ACT))]
ActingOnMany = Annotated[Writing, Depends(writing(Permission.ITEM_ACT))]
Describing = Annotated[ItemWriting, Depends(item_writing(Permission.ITEM_DRAFT))]
Reading = Annotated[ItemReading, Depends(item_reading(Permission.ITEM_READ))]
ValidateOnly = Annotated[bool, Query(description="只校验，不写入 · Checks everything, writes nothing")]
_PAST: Final = "private, max-age=300"
"""The past stays, but who may read it does not, nor do words that are redacted: so not for longer than five minutes."""
AsOfQuery = Annotated[AsOf | None, Query(description=AS_OF)]
_ITEMS: Final[list[str | Enum]] = ["items"]


class ItemPage(PageOf[ItemSummary]):
    """A page of items."""


@router.get(
    "/items/{item_id}",
    operation_id="getItem",
    tags=_ITEMS,
    summary="事项 · An item",
    response_model=ItemOut,
    responses=problem_responses("as_of_too_recent", "as_of_not_kept"),
    openapi_extra=ETAG,
)
@checks_itself(Permission.ITEM_READ)
async def get_item(request: Request, item_id: ItemId, as_of: AsOfQuery = None) -> Response:
    """Caller, scope and item in one statement; 304 while neither the item, the day nor the caller's access changed.

    With `as_of` the item as it was at that moment, to a caller of today; nobody moves it there and nothing can be done.
    """
    if as_of is not None:
        return _then(request, await past.one(request, request.app.state.db, parsed_id(item_id), as_of))
    actor, item = await queries.one(request, request.app.state.db, parsed_id(item_id))
    require(actor, Permission.ITEM_READ)
    etag = etag_of(item, actor, clock.today())
    if not_modified(request.headers.get("if-none-match"), etag):
        return unchanged(etag)
    return respond(Reply(200, item, etag=etag))


def _then(request: Request, item: ItemOut) -> Response:
    content = item.model_dump_json().encode()
    headers = {"ETag": past_etag(item.version, content), "Cache-Control": _PAST}
    if not_modified(request.headers.get("if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(content, headers={"Content-Type": "application/json", **headers})


@router.get(
    "/items",
    operation_id="listItems",
    tags=_ITEMS,
    summary="事项列表 · List items",
    response_model=ItemPage,
    responses=problem_responses("as_of_too_recent", "as_of_not_combinable"),
)
@checks_itself(Permission.ITEM_READ)
async def list_items(request: Request, query: Annotated[queries.ItemQuery, Query()]) -> Response:
    """Only what the caller may see; a page costs the same wherever it is. With `as_of` the list of that moment."""
    call = call_of(request)
    cursor = cursor_for(call, request.app.state.cursor_key)
    actor, body, following = await queries.page(request, request.app.state.db, query, cursor)
    require(actor, Permission.ITEM_READ)
    headers = {"Content-Type": "application/json", **page_links(call, following)}
    return Response(body, headers=headers)


@router.post(
    "/items",
    operation_id="createItem",
    tags=_ITEMS,
    summary="起草事项 · Draft an item",
    status_code=201,
    response_model=ItemOut,
    responses=problem_responses("guards_unmet", "classified_text", "conflict", "duplicate_value"),
)
async def create_item(write: Drafting, body: schemas.ItemIn) -> Response:
    """A draft without a number; the number is issued by registration, gapless per ledger and year."""
    return await write.run(lambda tx: commands.draft(tx, write, body))


@router.patch(
    "/items/{item_id}",
    operation_id="updateItem",
    tags=_ITEMS,
    summary="修改描述内容 · Describe an item",
    response_model=ItemOut,
    responses=problem_responses("child_frozen", "guards_unmet", "classified_text"),
    openapi_extra=IF_MATCH,
)
async def update_item(write: Describing, body: schemas.ItemPatch) -> Response:
    """Descriptive fields only; state, deadline, lead unit and criteria have no PATCH."""
    return await write.run(lambda tx: commands.describe(tx, write, body))


@router.delete(
    "/items/{item_id}",
    operation_id="deleteItem",
    tags=_ITEMS,
    summary="删除草稿 · Delete a draft",
    status_code=204,
    response_class=Response,
    responses=problem_responses("child_frozen", "not_deletable"),
    openapi_extra=IF_MATCH,
)
async def delete_item(write: Describing) -> Response:
    """Drafts only, and only before they are first submitted: what others have seen can never be deleted."""
    return await write.run(lambda tx: commands.delete_draft(tx, write))


@router.post(
    "/items/{item_id}/transitions",
    operation_id="transitionItem",
    tags=_ITEMS,
    summary="办理流转 · Move an item through its life cycle",
    status_code=201,
    response_model=schemas.TransitionReply,
    responses={
        200: {"model": schemas.TransitionReply, "description": "validate_only：可以办理 · It could be done"},
        **problem_responses("transition_not_allowed", "guards_unmet", "separation_of_duties", "classified_text"),
    },
    openapi_extra=IF_MATCH,
)
async def transition_item(write: Acting, body: schemas.TransitionIn, validate_only: ValidateOnly = False) -> Response:  # noqa: FBT002 - a query parameter
    """All unmet conditions come back together; `validate_only` judges the same and answers 200 without writing."""
    return await write.run(
        lambda tx: commands.transition(tx, write, body, dry_run=validate_only), idempotent=not validate_only
    )


@router.get(
    "/items/{item_id}/available-transitions",
    operation_id="listAvailableTransitions",
    tags=_ITEMS,
    summary="可办理的操作 · What the caller can do now",
    response_model=schemas.AvailableTransitions,
    openapi_extra=ETAG,
)
async def available_transitions(read: Reading) -> Response:
    """Buttons and forms: state and role decide what is listed, guards what is enabled."""
    language = read.call.language
    async with read.db.snapshot(by_key=True) as reader:
        version = await reader.fetchval("SELECT version FROM item WHERE id = $1", read.item_id)
        found = await preview(reader, read.actor, read.item_id)
    etag = item_etag(version, clock.today(), read.actor.stamp, language)
    if not_modified(read.call.if_none_match, etag):
        return unchanged(etag)
    items = [
        schemas.AvailableTransition(
            action=action,
            label=action.label.of(language),
            enabled=not missing,
            blocked_by=[schemas.BlockedBy(rule=u.rule, detail=u.text.of(language), who=list(u.who)) for u in missing],
            to=list(BY_ACTION[action].to),
            data_schema=BY_ACTION[action].data.model_json_schema(),
        )
        for action, missing in found
    ]
    return respond(
        Reply(200, schemas.AvailableTransitions(item_id=read.item_id, version=version, items=items), etag=etag)
    )


@router.get(
    "/items/{item_id}/duplicates",
    operation_id="listDuplicates",
    tags=_ITEMS,
    summary="疑似重复 · Possible duplicates",
    response_model=schemas.Duplicates,
)
async def list_duplicates(read: Reading) -> Response:
    """The candidates `register` will ask about: same unit or its parent, same document or similar text, three years back."""
    async with read.db.snapshot() as reader:
        found = await queries.look_alikes(reader, read.actor, read.item_id)
    return respond(Reply(200, schemas.Duplicates(items=found)))


@router.post(
    "/items:batchTransition",
    operation_id="batchTransition",
    tags=_ITEMS,
    summary="批量办理 · Move many items",
    response_model=schemas.BatchReply,
    responses={
        207: {"model": schemas.BatchReply, "description": "partial：逐项结果 · one result per item"},
        **problem_responses(
            "not_found",
            "transition_not_allowed",
            "guards_unmet",
            "separation_of_duties",
            "version_mismatch",
            "classified_text",
        ),
    },
)
async def batch_transition(write: ActingOnMany, body: schemas.BatchIn) -> Response:
    """Up to 200 items in one transaction; `atomic` answers 200 or one problem, `partial` 207 with a result per item."""
    visible = await items_in_scope(write.db, write.actor, [item.id for item in body.items])
    return await write.run(lambda tx: commands.batch(tx, write, body, visible))
