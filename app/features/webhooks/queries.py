"""Reading endpoints and what became of their deliveries."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from app.access.actor import Actor
from app.access.permissions import Role
from app.core.db import Reader, Row
from app.core.errors import Problem
from app.core.keyset import Keyset
from app.core.paging import Cursor, PageQuery
from app.features.webhooks import schemas
from app.trail.watch import LAST_POSITION

_ENDPOINT: Final = f"""e.id, e.owner_account_id, e.owner_api_key_id, coalesce(p.name, k.name) AS owner_name, e.url,
  e.description, e.event_types, e.state, e.state_reason, e.cursor, ({LAST_POSITION}) - e.cursor AS lag,
  (SELECT count(*) FROM webhook_held h WHERE h.endpoint_id = e.id) AS held, e.failing_since, e.last_error,
  CASE WHEN e.state = 'active' AND e.failures > 0 THEN e.due_at END AS next_attempt_at, e.delivered_at,
  e.version, e.created_at, e.updated_at"""  # noqa: S608 - a constant
# An endpoint is its owner's: whoever reaches further must not read where others send, nor turn it elsewhere.
_SEEN: Final = """FROM webhook_endpoint e LEFT JOIN account a ON a.id = e.owner_account_id
  LEFT JOIN api_key k ON k.id = e.owner_api_key_id LEFT JOIN person p ON p.id = coalesce(a.person_id, k.person_id)
  WHERE ($1::bool OR e.owner_account_id = $2::uuid OR e.owner_api_key_id = $3::uuid)"""
ENDPOINT: Final = f"SELECT {_ENDPOINT} {_SEEN} AND e.id = $4"
ENDPOINTS: Final = Keyset(_ENDPOINT, _SEEN, ("e.id",), 3)
DELIVERIES: Final = Keyset(
    "t.id, t.at, t.outcome, t.events, t.first_position, t.last_position, t.event_id, t.attempt, t.http_status, t.error,"
    " t.duration_ms",
    "FROM webhook_attempt t WHERE t.endpoint_id = $1 AND ($2::text IS NULL OR t.outcome = $2)",
    ("t.id",),
    2,
    descending=True,
)


def sees(actor: Actor) -> tuple[bool, UUID | None, UUID | None]:
    """The first arguments of every statement here: system administrators see all, others what is their own."""
    return actor.has_role(Role.SYSTEM_ADMIN), actor.account_id, actor.api_key_id


def owns(actor: Actor, row: Row) -> bool:
    return (row["owner_account_id"], row["owner_api_key_id"]) == (actor.account_id, actor.api_key_id)


async def endpoint(reader: Reader, actor: Actor, endpoint_id: UUID) -> schemas.WebhookEndpoint:
    """Raises not_found, also for those of others."""
    row = await reader.fetchrow(ENDPOINT, *sees(actor), endpoint_id)
    if row is None:
        raise Problem("not_found")
    return schemas.WebhookEndpoint.model_validate(dict(row))


async def endpoints(reader: Reader, actor: Actor, query: PageQuery, cursor: Cursor) -> schemas.WebhookEndpointPage:
    """Raises invalid_cursor."""
    sheet = await ENDPOINTS.read(reader, sees(actor), query, cursor)
    items = [schemas.WebhookEndpoint.model_validate(dict(row)) for row in sheet.rows]
    return schemas.WebhookEndpointPage(items=items, **sheet.envelope())


async def deliveries(
    reader: Reader, actor: Actor, endpoint_id: UUID, query: schemas.DeliveryQuery, cursor: Cursor
) -> schemas.DeliveryPage:
    """Raises not_found and invalid_cursor."""
    await endpoint(reader, actor, endpoint_id)
    outcome = None if query.outcome is None else query.outcome.value
    sheet = await DELIVERIES.read(reader, (endpoint_id, outcome), query, cursor)
    items = [schemas.Delivery.model_validate(dict(row)) for row in sheet.rows]
    return schemas.DeliveryPage(items=items, **sheet.envelope())
