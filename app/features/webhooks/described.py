"""The calls this service makes, for the API description: one for each type of event, all of the same shape."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Body

from app.core.errors import Text
from app.features.webhooks.messages import MEDIA_TYPE, WebhookMessage
from app.features.webhooks.rules import PING
from app.lifecycle.event_types import EVENT_TYPES

_PING: Final = Text("推送端点：问候", "Greeting of an endpoint")


async def _told(_: Annotated[WebhookMessage, Body(media_type=MEDIA_TYPE)]) -> None:
    """Signed by Standard Webhooks 1.0: HMAC-SHA256 of `id.timestamp.body`. Answer 2xx once it is safely stored.

    It may come more than once, the events of one item always in their order.
    """


def _operation_id(event_type: str) -> str:
    return "on" + "".join(word.capitalize() for word in event_type.replace(".", "_").split("_"))


def _calls() -> APIRouter:
    router = APIRouter()
    for event_type, name in {PING: _PING, **EVENT_TYPES}.items():
        router.add_api_route(
            event_type,
            _told,
            methods=["POST"],
            operation_id=_operation_id(event_type),
            tags=["webhooks"],
            summary=f"{name.zh} · {name.en}",
        )
    return router


CALLS: Final = _calls()
