"""What is sent: CloudEvents 1.0, thin. Ids, codes and a number; whoever may read the words asks for them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import Field

from app.core.db import Row
from app.core.fields import Instant
from app.core.models import Out
from app.features.webhooks.rules import PING
from app.trail.read import FeedRow

MEDIA_TYPE: Final = "application/cloudevents+json"
CONTENT_TYPE: Final = f"{MEDIA_TYPE}; charset=utf-8"


class WebhookData(Out):
    """What happened to which thing; `version` is that of the thing after it, `position` the place in the one log."""

    subject_kind: str
    subject_id: UUID
    number: Annotated[str | None, Field(description="事项编号；草稿与其他对象为 null · An item's number; else null")]
    version: int | None
    from_state: str | None
    to_state: str | None
    position: Annotated[int, Field(description="日志序号，见 GET /v1/events · The position in the feed")]


class WebhookMessage(Out):
    """A CloudEvents 1.0 event; `id` equals the header webhook-id and stays the same however often it is sent."""

    specversion: Literal["1.0"]
    id: UUID
    source: Annotated[str, Field(description="本服务的日志名称 · The log of this service")]
    type: str
    subject: str
    time: Instant
    datacontenttype: Literal["application/json"]
    data: WebhookData


def of_event(row: FeedRow, number: str | None, source: str) -> bytes:
    """The bytes that are signed and sent; they are kept as they are for every further attempt."""
    event = row.event
    data = {
        "subject_kind": row.subject_kind,
        "subject_id": str(row.subject_id),
        "number": number,
        "version": event.ver,
        "from_state": event.from_state,
        "to_state": event.to_state,
        "position": event.position,
    }
    return _written(source, event.id, event.type, event.at, data)


def ping(endpoint: Row, source: str) -> bytes:
    """The same in every attempt: of the change that made it due."""
    data = {
        "subject_kind": "webhook_endpoint",
        "subject_id": str(endpoint["id"]),
        "number": None,
        "version": endpoint["version"],
        "from_state": None,
        "to_state": None,
        "position": endpoint["cursor"],
    }
    return _written(source, endpoint["ping_id"], PING, endpoint["updated_at"], data)


def _written(source: str, message_id: UUID, event_type: str, at: datetime, data: Mapping[str, object]) -> bytes:
    message = {
        "specversion": "1.0",
        "id": str(message_id),
        "source": source,
        "type": event_type,
        "subject": data["subject_id"],
        "time": at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "datacontenttype": "application/json",
        "data": data,
    }
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()
