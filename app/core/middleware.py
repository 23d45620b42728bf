"""The one envelope around every request: id and language, HEAD, OPTIONS, CORS, headers, and the last exception handler.

Pure ASGI and outermost, so that even an answer of the framework's own error handling leaves through it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from structlog.contextvars import bind_contextvars

from app.core.errors import Problem
from app.core.http import ClientGone, allowed_methods, template_of
from app.core.ids import request_id
from app.core.logs import logger
from app.core.negotiation import DEFAULT_LANGUAGE, language_of
from app.core.problem_json import log_failure, problem_of, render

Scope = dict[str, Any]
Message = dict[str, Any]
RawHeaders = list[tuple[bytes, bytes]]
Observe = Callable[[str, str | None, int, float], None]

_LOG: Final = logger(__name__)
_READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
"""What changes nothing leaves no line: reads are counted, and are most of all requests."""
EXPOSED: Final = "ETag, Link, Location, X-Request-ID, Idempotent-Replayed, Retry-After, Rectify-Receipt"
_ALLOWED_HEADERS: Final = (
    "Authorization, Content-Type, Accept, Accept-Language, Idempotency-Key, If-Match, If-None-Match, "
    "Last-Event-ID, X-Request-ID"
)
_ALWAYS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"vary", b"Authorization, Cookie, Accept-Language"),
)
_CACHE: Final = (b"cache-control", b"no-store")
_POLICY: Final = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")


@dataclass(slots=True)
class _Exchange:
    """One request on its way; `status` stays 0 until an answer has begun."""

    scope: Scope
    forward: Callable[[Message], Any]
    bodiless: bool
    extra: RawHeaders
    language: str
    status: int = 0
    started: float = field(default_factory=time.perf_counter)

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = self._headers(message.get("headers", ()))
            await self.forward(message)
            if self.bodiless:  # ended at once: a stream without end would otherwise keep HEAD waiting
                await self.forward({"type": "http.response.body", "body": b""})
        elif not self.bodiless:
            await self.forward(message)

    def _headers(self, given: Any) -> RawHeaders:
        headers: RawHeaders = [*given, *_ALWAYS, *self.extra]
        names = {name for name, _ in headers}
        if b"cache-control" not in names:
            headers.append(_CACHE)
        if b"content-security-policy" not in names:
            headers.append(_POLICY)
        if b"content-language" not in names:
            headers.append((b"content-language", self.language.encode()))
        return headers


def unreadable() -> bytes:
    """The whole answer to bytes that are no request, which no application ever sees: the problem all others would get."""
    chosen = request_id(None)
    body, headers = render(Problem("bad_request"), language=DEFAULT_LANGUAGE, request_id=chosen)
    told = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    more = [(b"content-length", b"%d" % len(body)), (b"connection", b"close"), (b"x-request-id", chosen.encode())]
    lines = (b"%s: %s\r\n" % line for line in [*told, *_ALWAYS, _CACHE, _POLICY, *more])
    return b"HTTP/1.1 400 Bad Request\r\n" + b"".join(lines) + b"\r\n" + body


class Envelope:
    """Deals with everything that is the same for all paths; `observe` gets method, template, status and seconds."""

    def __init__(self, app: Any, *, cors_origins: tuple[str, ...], observe: Observe) -> None:
        self.app = app
        self.origins = {origin.encode("latin-1") for origin in cors_origins}
        self.observe = observe

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        exchange = self._open(scope, send)
        method = scope["method"]
        if method == "HEAD":  # a copy: the server reads its own to know that no body will follow
            scope = exchange.scope = {**scope, "method": "GET"}
        try:
            if method == "OPTIONS":
                await self._options(exchange)
            else:
                await self.app(scope, receive, exchange.send)
        except ClientGone:
            return
        except Exception as exc:  # noqa: BLE001 - the last stop: a caller never sees a bare 500
            await self._fail(exchange, exc)
        finally:
            seconds, route = time.perf_counter() - exchange.started, template_of(scope) or None
            self.observe(method, route, exchange.status, seconds)
            if method not in _READS:
                _LOG.info(
                    "request.done", method=method, route=route, status=exchange.status, ms=round(seconds * 1000, 1)
                )

    def _open(self, scope: Scope, send: Any) -> _Exchange:
        offered = language = origin = None
        for name, value in scope["headers"]:
            if name == b"x-request-id":
                offered = value.decode("latin-1")
            elif name == b"accept-language":
                language = value.decode("latin-1")
            elif name == b"origin":
                origin = value
        scope["rectify.request_id"] = chosen = request_id(offered)
        scope["rectify.language"] = spoken = language_of(language) if language else DEFAULT_LANGUAGE
        bind_contextvars(request_id=chosen)
        extra: RawHeaders = [(b"x-request-id", chosen.encode())]
        if self.origins:
            extra.extend(self._cors(origin))
        return _Exchange(scope, send, scope["method"] == "HEAD", extra, spoken)

    def _cors(self, origin: bytes | None) -> RawHeaders:
        if origin not in self.origins or origin is None:
            return [(b"vary", b"Origin")]
        return [
            (b"vary", b"Origin"),
            (b"access-control-allow-origin", origin),
            (b"access-control-expose-headers", EXPOSED.encode()),
        ]

    async def _options(self, exchange: _Exchange) -> None:
        """Answered here for every path, so that preflights need no route and never reach a handler."""
        allowed = ", ".join(allowed_methods(exchange.scope["app"].routes, exchange.scope["path"]))
        if not allowed:
            await self._refuse(exchange, Problem("not_found"))
            return
        headers = {"Allow": allowed}
        if any(name == b"access-control-allow-origin" for name, _ in exchange.extra):
            headers["Access-Control-Allow-Methods"] = allowed
            headers["Access-Control-Allow-Headers"] = _ALLOWED_HEADERS
            headers["Access-Control-Max-Age"] = "600"
        await self._reply(exchange, 204, headers, b"")

    async def _fail(self, exchange: _Exchange, exc: Exception) -> None:
        problem = problem_of(exc)
        if problem.status >= 500:  # noqa: PLR2004 - our fault, not the caller's
            log_failure(problem, exc)
        if exchange.status:
            raise exc  # the answer has begun: only breaking the connection tells the caller that it is incomplete
        await self._refuse(exchange, problem)

    async def _refuse(self, exchange: _Exchange, problem: Problem) -> None:
        body, headers = render(problem, language=exchange.language, request_id=exchange.scope["rectify.request_id"])
        await self._reply(exchange, problem.status, headers, body)

    async def _reply(self, exchange: _Exchange, status: int, headers: Mapping[str, str], body: bytes) -> None:
        raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        if body:
            raw.append((b"content-length", str(len(body)).encode()))
        await exchange.send({"type": "http.response.start", "status": status, "headers": raw})
        await exchange.send({"type": "http.response.body", "body": body})
