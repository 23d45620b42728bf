"""The feed as it grows, over one connection that stays open (Server-Sent Events)."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Final

from fastapi import Request
from fastapi.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from app.access.actor import Actor
from app.access.authenticate import authenticate, credential_of
from app.access.guarding import require
from app.access.permissions import Permission
from app.core import problem_json
from app.core.db import Database
from app.core.errors import Problem
from app.core.paging import MAX_LIMIT
from app.features.history import queries, schemas
from app.trail.watch import Watch

MEDIA_TYPE: Final = "text/event-stream"
ASKED_ANEW_SECONDS: Final = 60.0
"""What ends access is an event itself, so the caller is looked at again with every new event; this is for the rest:
the end of a key or of a day."""
DESCRIBED: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "事件流，每条 data 是一个 FeedEvent · The stream; each `data` is one FeedEvent",
        "content": {MEDIA_TYPE: {"schema": {"type": "string"}}},
    }
}
# What a browser waits before it comes back, after the service was restarted for instance.
_BEGIN: Final = b"retry: 2000\n\n"
_ALIVE: Final = b": \n\n"


@dataclass(frozen=True, slots=True)
class Listener:
    """One open connection, and as whom it was opened."""

    request: Request
    watch: Watch
    actor: Actor
    query: schemas.StreamQuery

    @property
    def db(self) -> Database:
        db: Database = self.request.app.state.db
        return db

    async def frames(self, position: int) -> AsyncIterator[bytes]:
        """Everything after `position` that the caller may see at the moment it is sent, until somebody ends it."""
        heartbeat: float = self.request.app.state.settings.stream_heartbeat
        yield _BEGIN
        try:
            while not self.watch.closed:
                if not await self.watch.beyond(position, heartbeat):
                    await self._still_welcome()
                    yield _ALIVE
                    continue
                page = await self._page(await self._still_welcome(), position)
                position = page.next_after
                yield _told(page)
        except Exception as error:  # noqa: BLE001 - the answer has begun: what goes wrong now is told inside it
            problem = problem_json.problem_of(error)
            if problem.status < 500:  # noqa: PLR2004 - the caller's affair
                yield self._refused(problem)
            else:  # the connection just ends: the caller comes back and is told as anybody who calls
                problem_json.log_failure(problem, error)

    async def _still_welcome(self) -> Actor:
        """The caller as of now; one look for all connections of the same credential."""
        credential = credential_of(self.request)
        key = ("caller", credential, int(time.monotonic() / ASKED_ANEW_SECONDS))
        actor = await self.watch.once(key, lambda: authenticate(self.db, self.request))
        require(actor, Permission.EVENT_READ)
        return actor

    async def _page(self, actor: Actor, position: int) -> schemas.Feed:
        wanted = self.query.model_dump(exclude_none=True) | {"after": position, "limit": MAX_LIMIT}
        key = ("page", actor.principal, actor.stamp, repr(wanted))
        return await self.watch.once(
            key, lambda: queries.feed(self.db, actor, schemas.FeedQuery.model_validate(wanted))
        )

    def _refused(self, problem: Problem) -> bytes:
        scope = self.request.scope
        body = problem_json.document(
            problem, language=scope["rectify.language"], request_id=scope["rectify.request_id"]
        )
        return f"event: problem\ndata: {json.dumps(body, ensure_ascii=False)}\n\n".encode()


class Described(Response):
    """What the description says of the answer."""

    media_type = MEDIA_TYPE


class EventStream(StreamingResponse):
    """The answer that stays open; the connection counts as a listener for as long as it does."""

    media_type = MEDIA_TYPE

    def __init__(self, listener: Listener, position: int) -> None:
        # Buffering proxies would hold back each event until the next ones come.
        super().__init__(listener.frames(position), headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self.listener = listener

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self.listener.watch.seat(self.listener.actor.principal):
            await super().__call__(scope, receive, send)


def _told(page: schemas.Feed) -> bytes:
    """An id without data moves a client on past what is not for it, so that it need not be looked through again."""
    told = [f"id: {event.position}\ndata: {event.model_dump_json()}\n\n" for event in page.items]
    if not page.items or page.items[-1].position != page.next_after:
        told.append(f"id: {page.next_after}\n\n")
    return "".join(told).encode()
