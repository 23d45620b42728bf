"""create_app(): the only wiring of the service."""

from __future__ import annotations

import asyncio
import gc
import math
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any

import asyncpg
import structlog
from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.asyncexitstack import AsyncExitStackMiddleware
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.types import ASGIApp

from app.access.guarding import assert_routes_guarded, guard_of
from app.access.memory import Memory
from app.access.throttle import Throttle
from app.api import ROUTERS, TAGS
from app.core.db import Database
from app.core.errors import Problem
from app.core.http import route_templates
from app.core.middleware import Envelope
from app.core.openapi import finish, require_operation_ids
from app.core.outgoing import Allowed, Outgoing
from app.core.problem_json import answer
from app.core.shortcut import Shortcut
from app.core.telemetry import Telemetry
from app.examples import WORDS
from app.features.statistics.fresh import Fresh
from app.features.webhooks.commands import Service as Webhooks
from app.features.webhooks.described import CALLS
from app.lifecycle.transitions import RULES, TABLE, rules_table
from app.settings import Settings
from app.trail.keys import hold
from app.trail.receipts import Receipts
from app.trail.rules import Rules, publish
from app.trail.watch import Watch
from app.worker import OUTAGE, background, chores_of

NOT_YET = (*OUTAGE, asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError)
"""Reasons to wait: no database, or one that has not been migrated."""

log = structlog.get_logger(__name__)

_DESCRIPTION = """\
问题从查摆、整改到销号的全过程服务：每一步留痕、可核验。

A service that carries problems from discovery through rectification to proven closing.

每个 GET 也接受 HEAD，每个路径都接受 OPTIONS。写入类 POST 带 Idempotency-Key，修改与流转带 If-Match；拒绝一律是
application/problem+json，程序看 code 与 errors[].rule。

Every GET takes HEAD as well, every path takes OPTIONS. A POST that writes carries an Idempotency-Key, a change or a transition
an If-Match; every refusal is application/problem+json, and programs decide by code and errors[].rule.
"""


class Service(FastAPI):
    """FastAPI with the finished API description and the shortest way to a route."""

    def build_middleware_stack(self) -> ASGIApp:
        """Nothing is put around the envelope: it is the last stop for exceptions, and routes measure their own bodies."""
        app: ASGIApp = AsyncExitStackMiddleware(self.router)
        app = ExceptionMiddleware(app, handlers=self.exception_handlers)
        app = Shortcut(self.routes, app)
        for middleware, args, options in reversed(self.user_middleware):
            app = middleware(app, *args, **options)
        return app

    def openapi(self) -> dict[str, Any]:
        if not self.openapi_schema:
            self.openapi_schema = finish(super().openapi(), _guards(self), WORDS)
        return self.openapi_schema


def create_app(settings: Settings, routers: Sequence[APIRouter] = ROUTERS, *, works: bool = False) -> FastAPI:
    """One application; it opens its database when it starts and refuses to be built with an unguarded route.

    `works` lets this process do what nobody asks for as well: number and seal events, finish notices, forget replies.
    """
    telemetry = Telemetry()
    app = Service(
        title="整改台账 · rectification-ledger",
        version=version("rectification-ledger"),
        description=_DESCRIPTION,
        contact={"name": "部署单位的系统管理员 · The system administrator of the deployment"},
        license_info={"name": "随部署约定 · As agreed with the deployment", "identifier": "LicenseRef-as-agreed"},
        servers=[{"url": "/", "description": "本服务 · This service"}],
        openapi_tags=list(TAGS),
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # ours is app/core/telemetry.py
        lifespan=_lifespan,
        webhooks=CALLS,
    )
    app.state.settings = settings
    app.state.works = works
    app.state.telemetry = telemetry
    app.state.seal_lag = math.nan
    _offer_gauges(app)
    app.state.outgoing = Outgoing(Allowed.parse(settings.webhook_hosts))
    _know_nothing(app)
    for kind in (Problem, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, answer)
    # One flat list: the tree FastAPI makes of included routers is walked twice a request (8 µs on the shortest path).
    app.router.routes.extend(route for router in routers for route in router.routes)
    app.add_middleware(Envelope, cors_origins=settings.cors_origins, observe=telemetry.observe)
    app.state.templates = route_templates(app.routes)
    assert_routes_guarded(app)
    require_operation_ids(app.routes)
    return app


def _know_nothing(app: FastAPI) -> None:
    """Until the database has said which keys are in force, nobody can be recognised: see _hold_keys."""
    app.state.throttle, app.state.memory, app.state.figures = Throttle(), Memory(), Fresh()
    app.state.session_key = None
    app.state.cursor_key = b""
    app.state.webhooks = None


def _offer_gauges(app: FastAPI) -> None:
    watch = app.state.telemetry.watch
    watch("seal_lag_seconds", "age of the oldest event without a signed checkpoint", lambda: app.state.seal_lag)
    watch("stream_listeners", "open event streams", lambda: app.state.watch.listeners)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings: Settings = app.state.settings
    app.state.db = await Database.open(settings.app_dsn(), pool_size=settings.pool_size, prepared=settings.prepared)
    app.state.watch = Watch(app.state.db)
    waiting = None
    try:
        await _hold_keys(app)
    except PermissionError:
        raise
    except NOT_YET:
        waiting = asyncio.create_task(_hold_keys_when_ready(app))
    # What start-up made lives as long as the process; scanning it again and again is what slow answers are made of.
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)
    try:
        async with background(app.state.db, chores_of(settings, app.state.db) if app.state.works else ()):
            yield
    finally:
        if waiting is not None:
            waiting.cancel()
        app.state.watch.close()
        await app.state.db.close()


def leave(app: FastAPI) -> None:
    """The server has been told to stop: streams end now, so that those who listen can go on elsewhere."""
    app.state.watch.close()


async def _hold_keys(app: FastAPI) -> None:
    """Raises WrongKeyError: a process that would sign as somebody else must not serve."""
    keys = await hold(app.state.db, app.state.settings.var)
    await publish(app.state.db, Rules(RULES, rules_table(), {row.action.value: row.event for row in TABLE}))
    app.state.receipts = Receipts(keys.origin, keys.signer("receipt"))
    app.state.webhooks = Webhooks(keys.webhook, keys.origin, app.state.outgoing)
    app.state.cursor_key, app.state.session_key = keys.cursor, keys.session


async def _hold_keys_when_ready(app: FastAPI) -> None:
    """The database was away or not migrated when this process started; requests are answered 503 until it is."""
    while app.state.session_key is None:
        await asyncio.sleep(1)
        try:
            await _hold_keys(app)
        except NOT_YET:
            continue
        except Exception:
            log.exception("keys_not_held")


def _guards(app: FastAPI) -> dict[str, str]:
    """What each operation requires of its caller."""
    return {
        str(context.operation_id): str(guard_of(context.dependant))
        for context in iter_route_contexts(app.routes)
        if isinstance(context.original_route, APIRoute)
    }
