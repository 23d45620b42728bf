"""A service with a few routes of its own, so that the conventions are tested apart from any feature."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import asyncpg
from fastapi import APIRouter, Depends, FastAPI, File, Query, Request, UploadFile
from pydantic import Field, SecretStr
from starlette.responses import Response

from app.access.guarding import public
from app.core import logs
from app.core.enums import LabelledEnum
from app.core.errors import Fault, Problem, Text
from app.core.fields import Code, Day, Instant, Line, LongText, SmallInt
from app.core.http import Api, Out, Reply, StrictRoute, call_of, respond
from app.core.openapi import ETAG, IF_MATCH, KEYLESS, problem_responses
from app.core.paging import Page, PageOf, PageQuery
from app.main import create_app
from app.settings import Settings

JSON_LIMIT = 8192
UPLOAD_LIMIT = 16384
router = APIRouter(route_class=StrictRoute, tags=["things"], dependencies=[Depends(public())])


class Colour(LabelledEnum):
    RED = "red", "红", "Red"
    GREEN = "green", "绿", "Green"


class ThingIn(Api):
    title: Line
    note: LongText | None = None
    code: Code = "some_code"
    colour: Colour = Colour.RED
    count: SmallInt = 0
    due_on: Day | None = None
    at: Instant | None = None
    tags: Annotated[tuple[Line, ...], Field(max_length=3)] = ()
    weight: float = 0


class ThingOut(Out):
    id: str
    title: str
    note: str | None = None


class ThingPage(PageOf[ThingOut]):
    pass


class ThingFilter(PageQuery):
    colour: Colour | None = None
    tag: Annotated[tuple[str, ...], Field(max_length=3)] = ()


async def nobody() -> None:
    raise Problem("unauthenticated")


@router.post("/v1/things", operation_id="createThing", status_code=201, response_model=ThingOut)
async def create_thing(body: ThingIn, request: Request) -> Response:
    call = call_of(request)
    out = ThingOut(id=call.fingerprint.hex(), title=body.title, note=body.note)
    return respond(Reply(201, out, etag='"v1"', location="/v1/things/1"))


@router.get("/v1/things", operation_id="listThings")
async def list_things(query: Annotated[ThingFilter, Query()]) -> ThingPage:
    return ThingPage(items=[ThingOut(id=str(query.limit), title=",".join(query.tag))])


@router.get("/v1/paged", operation_id="listPaged")
async def list_paged(page: Page, q: str | None = None) -> ThingOut:
    return ThingOut(id=str(page.limit), title=q or "")


@router.get("/v1/things/{thing_id}", operation_id="getThing", openapi_extra=ETAG)
async def get_thing(thing_id: UUID) -> ThingOut:
    return ThingOut(id=str(thing_id), title="事项")


@router.patch(
    "/v1/things/{thing_id}",
    operation_id="editThing",
    openapi_extra=IF_MATCH,
    responses=problem_responses("child_frozen", "duplicate_value"),
)
async def edit_thing(thing_id: UUID, body: ThingIn) -> ThingOut:
    return ThingOut(id=str(thing_id), title=body.title)


@router.post("/v1/things/{thing_id}/transitions", operation_id="moveThing", status_code=201, openapi_extra=IF_MATCH)
async def move_thing(thing_id: UUID, body: ThingIn) -> ThingOut:
    return ThingOut(id=str(thing_id), title=body.title)


@router.post("/v1/locked", operation_id="createLocked", dependencies=[Depends(nobody)], openapi_extra=KEYLESS)
async def create_locked(body: ThingIn, flag: bool = False) -> ThingOut:
    raise AssertionError((body, flag))


@router.post("/v1/files", operation_id="uploadFile")
async def upload_file(file: Annotated[UploadFile, File()]) -> ThingOut:
    return ThingOut(id=str(len(await file.read())), title=file.filename or "")


@router.post(
    "/v1/raw",
    operation_id="uploadRaw",
    openapi_extra={"requestBody": {"content": {"image/*": {}, "application/pdf": {}}}},
)
async def upload_raw(request: Request) -> ThingOut:
    return ThingOut(id=str(sum([len(chunk) async for chunk in request.stream()])), title="")


@router.get("/v1/stream", operation_id="streamThings")
async def stream_things() -> AsyncIterator[ThingOut]:
    yield ThingOut(id="1", title="")


FAILURES: dict[str, Exception] = {
    "problem": Problem(
        "guards_unmet",
        faults=[Fault("too_few_ballots", Text("票数不足", "Too few ballots"), rule="gate.people_satisfied")],
        current_state="verifying",
    ),
    "bug": RuntimeError("a secret value in the message"),
    "unique": asyncpg.UniqueViolationError("duplicate key value violates unique constraint"),
    "foreign": asyncpg.ForeignKeyViolationError("violates foreign key constraint"),
    "check": asyncpg.CheckViolationError("violates check constraint"),
    "data": asyncpg.DataError("invalid byte sequence"),
    "range": asyncpg.NumericValueOutOfRangeError("value out of range"),
    "gone": asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
    "closed": asyncpg.InterfaceError("connection is closed"),
    "dismissed": asyncpg.InternalClientError("cannot switch to state 15; another operation (2) is in progress"),
    "misused": asyncpg.InterfaceError("the server expects 1 argument for this query, 2 were passed"),
    "refused": ConnectionRefusedError(111, "Connect call failed"),
    "pool": TimeoutError(),
    "statement": asyncpg.QueryCanceledError("canceling statement due to statement timeout"),
    "readonly": asyncpg.ReadOnlySQLTransactionError("cannot execute INSERT in a read-only transaction"),
    "file": FileNotFoundError(2, "No such file", "/srv/secret"),
}


@router.get("/v1/failures/{name}", operation_id="fail")
async def fail(name: str) -> ThingOut:
    raise FAILURES[name]


@router.get("/v1/server-value", operation_id="serverValue")
async def server_value(request: Request) -> ThingOut:
    """Sends what asyncpg itself cannot encode."""
    await request.app.state.db.fetchval("SELECT $1::int", 2**80)
    raise AssertionError


def small_service(var: Path, **changes: Any) -> FastAPI:
    logs.configure("error")
    settings = Settings.model_validate(
        {
            "database_url": SecretStr("postgresql://nobody@127.0.0.1:1/none"),
            "var": var,
            "json_limit": JSON_LIMIT,
            "upload_limit": UPLOAD_LIMIT,
            **changes,
        }
    )
    return create_app(settings, (router,))
