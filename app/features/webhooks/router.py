"""`/v1/webhook-endpoints`."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from app.access.actor import Actor
from app.access.guarding import Writing, permit, writing
from app.access.permissions import Permission
from app.core.db import Tx
from app.core.errors import Problem
from app.core.etag import not_modified
from app.core.http import Reply, StrictRoute, call_of, respond, unchanged
from app.core.openapi import ETAG, IF_MATCH, problem_responses
from app.core.paging import Page, cursor_for, page_links
from app.features.webhooks import commands, queries, schemas

router = APIRouter(route_class=StrictRoute, prefix="/v1/webhook-endpoints", tags=["webhooks"])

Reading = Annotated[Actor, Depends(permit(Permission.WEBHOOK_MANAGE))]
Managing = Annotated[Writing, Depends(writing(Permission.WEBHOOK_MANAGE))]
EndpointId = Annotated[UUID, Path(description="推送端点 id · the id of the endpoint")]
_REFUSED: Final = ("webhook_url_refused", "classified_text")
_SHOWN_ONCE: Final = schemas.NewWebhookEndpoint.SECRET


def _service(request: Request) -> commands.Service:
    """Raises unavailable until the database has said which key is in force."""
    service: commands.Service | None = request.app.state.webhooks
    if service is None:
        raise Problem("unavailable")
    return service


@router.get(
    "", operation_id="listWebhookEndpoints", summary="推送端点列表 · List webhook endpoints",
    response_model=schemas.WebhookEndpointPage,
)  # fmt: skip
async def list_webhook_endpoints(request: Request, actor: Reading, query: Page) -> Response:
    """The caller's own; all of them for system administrators."""
    call = call_of(request)
    page = await queries.endpoints(request.app.state.db, actor, query, cursor_for(call, request.app.state.cursor_key))
    return respond(Reply(200, page, headers=page_links(call, page.next_cursor)))


@router.post(
    "", operation_id="createWebhookEndpoint", summary="建立推送端点 · Create a webhook endpoint", status_code=201,
    response_model=schemas.NewWebhookEndpoint, responses=problem_responses(*_REFUSED, "conflict"),
)  # fmt: skip
async def create_webhook_endpoint(request: Request, by: Managing, body: schemas.WebhookEndpointIn) -> Response:
    """It sends what the caller may see at the moment of sending, from now on. The secret is shown once.

    A signed `webhook.ping` comes first; events follow once it was taken with a 2xx.
    """
    service = _service(request)
    await commands.require_address(service.outgoing, body.url)

    async def work(tx: Tx) -> Reply:
        made = await commands.create(tx, by, service, body)
        place, etag = f"/v1/webhook-endpoints/{made.id}", by.actor.etag(made.version)
        return Reply(201, made, etag=etag, location=place, secret_fields=_SHOWN_ONCE)

    return await by.run(work)


@router.get(
    "/{endpoint_id:uuid}", operation_id="getWebhookEndpoint", summary="推送端点 · A webhook endpoint",
    response_model=schemas.WebhookEndpoint, openapi_extra=ETAG,
)  # fmt: skip
async def get_webhook_endpoint(request: Request, actor: Reading, endpoint_id: EndpointId) -> Response:
    """How it is set up and how far its receiver has got; the tag changes with the former alone."""
    found = await queries.endpoint(request.app.state.db, actor, endpoint_id)
    etag = actor.etag(found.version)
    if not_modified(call_of(request).if_none_match, etag):
        return unchanged(etag)
    return respond(Reply(200, found, etag=etag))


@router.patch(
    "/{endpoint_id:uuid}", operation_id="changeWebhookEndpoint",
    summary="修改、暂停或恢复推送端点 · Change, pause or resume a webhook endpoint",
    response_model=schemas.WebhookEndpoint, responses=problem_responses(*_REFUSED), openapi_extra=IF_MATCH,
)  # fmt: skip
async def change_webhook_endpoint(
    request: Request, by: Managing, endpoint_id: EndpointId, body: schemas.WebhookEndpointPatch
) -> Response:
    """By its owner; a system administrator may pause and resume it. What happens meanwhile is sent afterwards."""
    if body.url is not None:  # what is not there or not the caller's is told before anything about the address
        await queries.endpoint(by.db, by.actor, endpoint_id)
        await commands.require_address(_service(request).outgoing, body.url)

    async def work(tx: Tx) -> Reply:
        changed = await commands.change(tx, by, endpoint_id, body)
        return Reply(200, changed, etag=by.actor.etag(changed.version))

    return await by.run(work)


@router.delete(
    "/{endpoint_id:uuid}", operation_id="deleteWebhookEndpoint", summary="删除推送端点 · Delete a webhook endpoint",
    status_code=204, response_class=Response, openapi_extra=IF_MATCH,
)  # fmt: skip
async def delete_webhook_endpoint(by: Managing, endpoint_id: EndpointId) -> Response:
    """By its owner or a system administrator. What was not sent stays readable in `GET /v1/events`."""

    async def work(tx: Tx) -> Reply:
        await commands.delete(tx, by, endpoint_id)
        return Reply(204, None)

    return await by.run(work)


@router.post(
    "/{endpoint_id}:rotateSecret", operation_id="rotateWebhookSecret", summary="更换推送密钥 · Rotate the secret",
    response_model=schemas.NewWebhookEndpoint, openapi_extra=IF_MATCH,
)  # fmt: skip
async def rotate_webhook_secret(request: Request, by: Managing, endpoint_id: EndpointId) -> Response:
    """The new one is shown once; for 24 hours each message bears a signature by either. A ping comes first."""
    service = _service(request)

    async def work(tx: Tx) -> Reply:
        made = await commands.rotate(tx, by, service, endpoint_id)
        return Reply(200, made, etag=by.actor.etag(made.version), secret_fields=_SHOWN_ONCE)

    return await by.run(work)


@router.post(
    "/{endpoint_id}:replay", operation_id="replayWebhookEvents", summary="重新推送 · Send again",
    response_model=schemas.WebhookEndpoint, responses=problem_responses("conflict"), openapi_extra=IF_MATCH,
)  # fmt: skip
async def replay_webhook_events(
    request: Request, by: Managing, endpoint_id: EndpointId, body: schemas.ReplayIn
) -> Response:
    """Everything after a position, or one event that was set aside; a position ahead of the cursor skips what is between."""
    service = _service(request)

    async def work(tx: Tx) -> Reply:
        found = await commands.replay(tx, by, service, endpoint_id, body)
        return Reply(200, found, etag=by.actor.etag(found.version))

    return await by.run(work)


@router.get(
    "/{endpoint_id}/deliveries", operation_id="listWebhookDeliveries", summary="推送记录 · What became of deliveries",
    response_model=schemas.DeliveryPage,
)  # fmt: skip
async def list_webhook_deliveries(
    request: Request, actor: Reading, endpoint_id: EndpointId, query: Annotated[schemas.DeliveryQuery, Query()]
) -> Response:
    """Newest first, for 30 days. Events are permanent: what is no longer listed here can still be replayed."""
    call = call_of(request)
    cursor = cursor_for(call, request.app.state.cursor_key)
    page = await queries.deliveries(request.app.state.db, actor, endpoint_id, query, cursor)
    return respond(Reply(200, page, headers=page_links(call, page.next_cursor)))
