"""The strict HTTP surface every router stands on: one route class, one view of a request, one way to answer.

Order of refusals: 406, 415, 413 and malformed JSON come before the dependencies that answer 401, 404 and 403; the shape
of the content (422) comes after them.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from dataclasses import replace as dataclass_replace
from hashlib import sha256
from typing import Any, Final, Protocol

from fastapi import params
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import BaseModel
from starlette.datastructures import QueryParams
from starlette.requests import ClientDisconnect as ClientGone
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.core import strict_json
from app.core.address import from_address, is_sequence, query_model, query_parameters, takes_only_its_address
from app.core.errors import Fault, Problem
from app.core.messages import fault_problem, parameter_fault
from app.core.models import Api, Out
from app.core.negotiation import Language, accepted

__all__ = [
    "Api",
    "Call",
    "ClientGone",
    "Out",
    "Reply",
    "Request",
    "Response",
    "StrictRoute",
    "call_of",
    "respond",
    "unchanged",
]

BODY_SECONDS: Final = 30
Handler = Callable[[Request], Coroutine[Any, Any, Response]]
_JSON: Final = "application/json"
_PROBLEM: Final = "application/problem+json"
_REFUSED: ContextVar[Problem | None] = ContextVar("refused_parameters", default=None)


class Vouching(Protocol):
    """What gives receipts for recorded events; the history knows how, the routes only pass it on."""

    def header(self, recorded: Sequence[Any], path: str) -> Mapping[str, str]: ...
    def encoded(self, event: Any) -> str: ...


@dataclass(frozen=True, slots=True)
class Call:
    """What a write needs to know of its request, free of the web framework."""

    method: str
    route: str
    path: str
    query_string: str
    if_match: str | None
    if_none_match: str | None
    idempotency_key: str | None
    fingerprint: bytes
    request_id: str
    language: Language
    receipts: Vouching | None = None

    def carrying(self, content_sha256: bytes) -> Call:
        """The same call with an upload's digest in its fingerprint: known only once the stream has been read."""
        return dataclass_replace(self, fingerprint=sha256(self.fingerprint + content_sha256).digest())


@dataclass(frozen=True, slots=True)
class Reply:
    """The outcome of an operation; `secret_fields` of the body are never stored for a replay."""

    status: int
    body: BaseModel | None
    etag: str | None = None
    location: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    secret_fields: frozenset[str] = frozenset()

    def all_headers(self) -> dict[str, str]:
        headers = dict(self.headers)
        if self.etag is not None:
            headers["ETag"] = self.etag
            headers.setdefault("Cache-Control", "private, no-cache")
        if self.location is not None:
            headers["Location"] = self.location
        return headers


def respond(reply: Reply) -> Response:
    """The body is written by pydantic once; FastAPI sends a ready response as it is."""
    headers = reply.all_headers()
    if reply.body is None:
        return Response(status_code=reply.status, headers=headers)
    headers["Content-Type"] = _JSON
    return Response(reply.body.model_dump_json().encode(), reply.status, headers)


def ready(body: bytes, etag: str) -> Response:
    """A body that was written before, for whoever asks for the same."""
    return Response(body, 200, {"ETag": etag, "Cache-Control": "private, no-cache", "Content-Type": _JSON})


def unchanged(etag: str) -> Response:
    """The 304 for a reader who already has this version."""
    return Response(status_code=304, headers={"ETag": etag, "Cache-Control": "private, no-cache"})


class StrictRequest(Request):
    """A request whose body was measured and parsed before anything else looked at it."""

    canonical: bytes = b""
    content: bytes | None = None
    document: Any = None

    async def body(self) -> bytes:
        return self.content if self.content is not None else await super().body()

    async def json(self) -> Any:
        return self.document


def call_of(request: Request) -> Call:
    """Reads what `StrictRoute` prepared; the canonical body makes a retry recognisable however it was formatted."""
    scope = request.scope
    headers = request.headers
    route = template_of(scope)
    if_match = headers.get("if-match")
    canonical = request.canonical if isinstance(request, StrictRequest) else b""
    parts = (request.method, route, scope["path"], if_match or "")
    digest = sha256("\n".join(parts).encode("utf-8", "surrogateescape") + b"\n" + canonical).digest()
    return Call(
        method=request.method,
        route=route,
        path=scope["path"],
        query_string=scope["query_string"].decode("latin-1"),
        if_match=if_match,
        if_none_match=headers.get("if-none-match"),
        idempotency_key=headers.get("idempotency-key"),
        fingerprint=digest,
        request_id=scope["rectify.request_id"],
        language=scope["rectify.language"],
        receipts=getattr(request.app.state, "receipts", None),
    )


def template_of(scope: Mapping[str, Any]) -> str:
    """The path template of the matched route, prefixes included: the only safe label for metrics and cursors."""
    endpoint = scope.get("endpoint")
    if endpoint is None:
        return ""
    templates: dict[Any, str] = scope["app"].state.templates
    return templates.get(endpoint, "")


def route_templates(routes: list[BaseRoute]) -> dict[Any, str]:
    """Endpoint to template, over included routers too; an empty walk would silently unlabel everything."""
    templates = {context.endpoint: context.path_format or "" for context in iter_route_contexts(routes)}
    assert templates, "no route found: has the routing tree changed its shape?"  # noqa: S101 - must not start
    return templates


def allowed_methods(routes: list[BaseRoute], path: str) -> tuple[str, ...]:
    """Every method of every route whose pattern matches the path, with the HEAD and OPTIONS we answer ourselves."""
    methods: set[str] = set()
    for context in iter_route_contexts(routes):
        pattern = getattr(context, "path_regex", None)
        if pattern is not None and pattern.match(path):
            methods |= context.methods or set()
    if not methods:
        return ()
    return tuple(sorted(methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())))


class StrictRoute(APIRoute):
    """The route class of every router."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, _refusable(endpoint), **options)
        if self.direct:
            self.app = _direct_app(self.get_route_handler())
        declared = query_parameters(self.dependant)
        self.query_names = frozenset(declared)
        self.repeatable = frozenset(name for name, annotation in declared.items() if is_sequence(annotation))
        self.streams = inspect.isasyncgenfunction(endpoint)
        self.takes = self._accepted_content()
        self.gives = self._offered_content()

    @property
    def direct(self) -> bool:
        """Whether requests pass FastAPI by, whose search for arguments costs a hot read more than its statement."""
        return self.body_field is None and takes_only_its_address(self._asked)

    @property
    def _asked(self) -> Dependant:
        """What is left to find: a query model is read by `_refusable`, as FastAPI would take it apart field by field."""
        read_elsewhere = query_model(self.endpoint) is not None
        return dataclass_replace(self.dependant, query_params=[]) if read_elsewhere else self.dependant

    def _accepted_content(self) -> tuple[str, ...]:
        if self.body_field is None:
            declared = (self.openapi_extra or {}).get("requestBody", {}).get("content", {})
            return tuple(declared)
        if isinstance(self.body_field.field_info, params.File):
            return ("multipart/form-data",)
        if isinstance(self.body_field.field_info, params.Form):
            return ("application/x-www-form-urlencoded", "multipart/form-data")
        return (_JSON,)

    def _offered_content(self) -> tuple[str, ...]:
        declared = [
            kind
            for status, described in self.responses.items()
            if str(status).startswith("2")
            for kind in described.get("content", {})
        ]
        own = getattr(self.response_class, "media_type", None) if inspect.isclass(self.response_class) else None
        return tuple(dict.fromkeys([*declared, own or _JSON, _PROBLEM]))

    def _plain_handler(self) -> Handler:
        """FastAPI's handler, or our own where it has nothing to find."""
        if self.direct:
            return _direct_handler(self.endpoint, self._asked)
        described, self.dependant = self.dependant, self._asked
        try:
            return super().get_route_handler()
        finally:
            self.dependant = described

    def get_route_handler(self) -> Handler:
        handler = self._plain_handler()

        async def strict(request: Request) -> Response:
            accept = request.headers.get("accept")
            if accept is not None and accept != "*/*" and accepted(accept, self.gives) is None:
                raise Problem("not_acceptable")
            if self.takes:
                request = await self._read(request)
            if not request.scope["query_string"]:
                return await handler(request)
            refused = self._refused_parameters(request.query_params)
            if refused is None:
                return await handler(request)
            if self.streams:
                raise refused
            token = _REFUSED.set(refused)
            try:
                return await handler(request)
            finally:
                _REFUSED.reset(token)

        return strict

    def _refused_parameters(self, given: QueryParams) -> Problem | None:
        names = [name for name, _ in given.multi_items()]
        faults: list[Fault] = []
        for name in dict.fromkeys(names):
            if name not in self.query_names:
                faults.append(parameter_fault("unknown_parameter", name))
            elif names.count(name) > 1 and name not in self.repeatable:
                faults.append(parameter_fault("repeated_parameter", name))
        return fault_problem(faults) if faults else None

    async def _read(self, request: Request) -> Request:
        """Measures every body; a JSON body is read and parsed here, so that its errors precede authentication."""
        settings = request.app.state.settings
        is_json = self.takes == (_JSON,)
        uploads = self.body_field is None or isinstance(self.body_field.field_info, params.File)
        limit: int = settings.upload_limit if uploads else settings.json_limit
        headers = request.headers
        declared = headers.get("content-length", "")
        if declared.isascii() and declared.isdigit() and int(declared) > limit:
            raise Problem("payload_too_large", max_bytes=limit)
        if declared != "0" and (declared or "transfer-encoding" in headers):
            self._check_content_type(headers.get("content-type"), headers.get("content-encoding", "identity"))
        strict = StrictRequest(request.scope, _measured(request.receive, limit))
        if is_json:
            strict.content = await _whole_body(strict)
            if strict.content:
                self._check_content_type(headers.get("content-type"), headers.get("content-encoding", "identity"))
                strict.document, strict.canonical = strict_json.parse(strict.content)
        return strict

    def _check_content_type(self, given: str | None, encoding: str) -> None:
        kind, *parameters = (part.strip().lower() for part in (given or "").split(";"))
        if kind.startswith("application/") and kind.endswith("+json"):
            kind = _JSON
        charset = next((p.partition("=")[2].strip('"') for p in parameters if p.startswith("charset=")), "utf-8")
        family = kind.partition("/")[0]
        known = kind in self.takes or f"{family}/*" in self.takes or "*/*" in self.takes
        if not known or encoding.lower() != "identity" or (kind == _JSON and charset not in {"utf-8", "utf8"}):
            raise Problem("unsupported_media_type", headers={"Accept": ", ".join(self.takes)})


def _direct_handler(endpoint: Callable[..., Any], dependant: Dependant) -> Handler:
    async def read(request: Request) -> Response:
        response: Response = await endpoint(request=request, **from_address(dependant, request))
        return response

    return read


def _direct_app(handler: Handler) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        response = await handler(Request(scope, receive, send))
        await response(scope, receive, send)

    return app


def _refusable(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    """Lets unknown parameters be refused where shape errors belong: after the dependencies, before the endpoint."""
    if inspect.isasyncgenfunction(endpoint):
        return endpoint
    if not inspect.iscoroutinefunction(endpoint):
        raise TypeError(f"{endpoint.__qualname__} must be async: a synchronous endpoint costs a thread a request")

    asked = query_model(endpoint)

    @functools.wraps(endpoint)
    async def run(**values: Any) -> Any:
        refused = _REFUSED.get()
        if refused is not None:
            raise refused
        if asked is not None:
            values[asked.name] = asked.read(values["request"].query_params)
        return await endpoint(**values)

    return run


def _measured(receive: Receive, limit: int) -> Receive:
    """Counts what arrives, because a chunked body declares no length."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            raise Problem("payload_too_large", max_bytes=limit)
        return message

    return counted


async def _whole_body(request: Request) -> bytes:
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return b"".join([chunk async for chunk in request.stream()])
    except TimeoutError:
        raise Problem("request_timeout", headers={"Connection": "close"}) from None
