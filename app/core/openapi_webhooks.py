"""The calls the service makes, as the description tells them to whoever takes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from app.core.openapi_examples import Maker

Json = dict[str, Any]

_ANSWERS: Final[Json] = {
    "2XX": {"description": "已收下，不再发送 · Taken, and not sent again"},
    "410": {"description": "不再接收：端点随即停用 · No more of this: the endpoint is disabled"},
    "4XX": {
        "description": (
            "拒收此事件：重试数次后搁置；408、425、429 视为暂不可达"
            " · This event is refused: tried a few times, then set aside; 408, 425 and 429 mean later"
        )
    },
    "default": {"description": "暂不可达：稍后重发，不会丢失 · Away: sent again later, nothing is lost"},
}
_HEADERS: Final = tuple(
    {"$ref": f"#/components/parameters/{name}"} for name in ("WebhookId", "WebhookTimestamp", "WebhookSignature")
)


def calls(document: Mapping[str, Any]) -> Iterator[tuple[str, Json]]:
    """The name and the operation of each call, in the order of the document."""
    for name, entry in document.get("webhooks", {}).items():
        yield name, entry["post"]


def finish(document: Json, words: Mapping[str, Any]) -> None:
    """What a receiver answers, which headers it gets, and one message as it would look."""
    maker = Maker(document["components"]["schemas"], words)
    for name, operation in calls(document):
        # It is ours to prove who calls, by the signature and by nothing that stands in `security`.
        operation |= {"parameters": list(_HEADERS), "responses": dict(_ANSWERS), "security": []}
        for media in operation["requestBody"]["content"].values():
            message = maker.value(media["schema"], "") | {"type": name}
            media["examples"] = {"example": {"summary": operation["summary"], "value": message}}
