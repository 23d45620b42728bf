"""What every route declares about its caller; a service with an undeclared route does not start.

Order of refusals: 401, then 404 where the path names an item, then 403.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Final, TypeVar
from uuid import UUID

from fastapi import FastAPI, Path, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.responses import Response

from app.access.actor import Actor
from app.access.authenticate import authenticate
from app.access.memory import CALLER_CTE, OWN, Caller, Memory
from app.access.permissions import Permission
from app.access.scope import JOINED, Shape, predicate
from app.core.db import Database, Tx
from app.core.errors import Problem
from app.core.http import Call, Reply, call_of
from app.core.idempotency import run_write

ItemId = Annotated[str, Path(json_schema_extra={"format": "uuid"}, description="事项 id · the item's id")]
Work = Callable[[Tx], Awaitable[Reply]]
Guard = TypeVar("Guard", bound=Callable[..., Any])

_IN_SCOPE: Final = f"""{CALLER_CTE}
SELECT EXISTS (SELECT FROM item i WHERE i.id = ${OWN}::uuid AND {predicate(Shape.MANY, "i", JOINED)}) FROM actor"""  # noqa: S608 - constants of this package


@dataclass(frozen=True, slots=True)
class Writing:
    """One permitted write: who, on what request, and the one way to run it."""

    db: Database
    call: Call
    actor: Actor

    async def run(self, work: Work, *, idempotent: bool = True) -> Response:
        """Runs `work` in one transaction and answers after its commit; `tx.at` is the database's time, once for all."""
        return await run_write(self.db, self.call, self.actor.principal, work, idempotent=idempotent)


@dataclass(frozen=True, slots=True)
class ItemReading:
    """A permitted read of an item that the caller can see."""

    db: Database
    call: Call
    actor: Actor
    item_id: UUID


@dataclass(frozen=True, slots=True)
class ItemWriting(Writing):
    """A permitted write to an item that the caller can see."""

    item_id: UUID


def require(actor: Actor, permission: Permission | None) -> None:
    """Raises forbidden; a password somebody else chose opens nothing but the change of it."""
    if actor.must_change_password:
        raise Problem("password_change_required")
    if permission is not None and not actor.has(permission):
        raise Problem("forbidden")


def _guard(dependency: Guard, declared: str) -> Guard:
    dependency.guard = declared  # type: ignore[attr-defined]
    return dependency


@cache
def permit(permission: Permission) -> Callable[..., Awaitable[Actor]]:
    """For reading what has no scope of its own."""

    async def permitted(request: Request) -> Actor:
        actor = await authenticate(request.app.state.db, request)
        require(actor, permission)
        return actor

    return _guard(permitted, permission.value)


@cache
def signed_in() -> Callable[..., Awaitable[Actor]]:
    """For what concerns the caller alone."""

    async def known(request: Request) -> Actor:
        actor = await authenticate(request.app.state.db, request)
        require(actor, None)
        return actor

    return _guard(known, "signed_in")


@cache
def any_session() -> Callable[..., Awaitable[Actor]]:
    """As `signed_in`, and open as well to those who still have to choose a password of their own."""

    async def known(request: Request) -> Actor:
        return await authenticate(request.app.state.db, request)

    return _guard(known, "any_session")


@cache
def public() -> Callable[..., Awaitable[None]]:
    """Says that a route is meant to be open to everybody."""

    async def anyone() -> None:
        return None

    return _guard(anyone, "public")


def checks_itself(permission: Permission) -> Callable[[Guard], Guard]:
    """For the hot reads, whose one statement finds caller and item together: says what the endpoint itself requires."""
    return lambda endpoint: _guard(endpoint, permission.value)


@cache
def writing(permission: Permission | None) -> Callable[..., Awaitable[Writing]]:
    """None is for what any signed-in caller may write about themselves."""

    async def permitted(request: Request) -> Writing:
        db: Database = request.app.state.db
        actor = await authenticate(db, request)
        require(actor, permission)
        return Writing(db, call_of(request), actor)

    return _guard(permitted, "signed_in" if permission is None else permission.value)


@cache
def writing_in_any_session() -> Callable[..., Awaitable[Writing]]:
    """As `writing(None)`, and open as well to those who still have to choose a password of their own."""

    async def permitted(request: Request) -> Writing:
        db: Database = request.app.state.db
        return Writing(db, call_of(request), await authenticate(db, request))

    return _guard(permitted, "any_session")


@cache
def item_reading(permission: Permission) -> Callable[..., Awaitable[ItemReading]]:
    """For routes below `/v1/items/{item_id}`; caller, grants and scope are one statement."""

    async def permitted(request: Request, item_id: ItemId) -> ItemReading:
        actor, found = await _item_and_actor(request, item_id, permission)
        return ItemReading(request.app.state.db, call_of(request), actor, found)

    return _guard(permitted, permission.value)


@cache
def item_writing(permission: Permission) -> Callable[..., Awaitable[ItemWriting]]:
    """As `item_reading`, for a write."""

    async def permitted(request: Request, item_id: ItemId) -> ItemWriting:
        actor, found = await _item_and_actor(request, item_id, permission)
        return ItemWriting(request.app.state.db, call_of(request), actor, found)

    return _guard(permitted, permission.value)


def parsed_id(text: str) -> UUID | None:
    """Only the canonical form: what cannot be an id names nothing."""
    try:
        value = UUID(text)
    except ValueError:
        return None
    return value if str(value) == text.lower() else None


async def _item_and_actor(request: Request, text: str, permission: Permission) -> tuple[Actor, UUID]:
    item_id = parsed_id(text)
    db: Database = request.app.state.db
    memory: Memory = request.app.state.memory

    async def ask(caller: Caller) -> bool | None:
        found: bool | None = await db.fetchval(_IN_SCOPE, *caller.args, item_id)
        return found

    caller, in_scope = await memory.told(db, request, ask)
    if item_id is None or not in_scope:
        raise Problem("not_found")
    require(caller.actor, permission)
    return caller.actor, item_id


def _calls(dependant: Dependant) -> Iterator[Any]:
    yield dependant.call
    for inner in dependant.dependencies:
        yield from _calls(inner)


def guard_of(dependant: Dependant) -> str | None:
    """What a route declares: a permission's code, `signed_in`, `any_session` or `public`; None when it declares nothing."""
    return next((call.guard for call in _calls(dependant) if hasattr(call, "guard")), None)


def assert_routes_guarded(app: FastAPI) -> None:
    """Raises RuntimeError naming every route that says nothing about its caller; walks included routers too."""
    seen = 0
    bare: list[str] = []
    for context in iter_route_contexts(app.routes):
        if not isinstance(context.original_route, APIRoute):
            continue
        seen += 1
        if guard_of(context.dependant) is None:
            bare.append(f"{sorted(context.methods or ())} {context.path}")
    if bare or not seen:
        raise RuntimeError("no permission is declared for: " + (", ".join(bare) or "any route; are there none?"))
