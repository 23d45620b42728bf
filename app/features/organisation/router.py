"""`/v1/units`, `/v1/people`, `/v1/posts`."""

from __future__ import annotations

from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from app.access.actor import Actor
from app.access.guarding import Writing, permit, writing
from app.access.permissions import Permission
from app.core.db import Tx
from app.core.etag import not_modified
from app.core.http import Reply, StrictRoute, call_of, respond
from app.core.openapi import ETAG, IF_MATCH, problem_responses
from app.core.paging import cursor_for, page_links
from app.features.organisation import commands, queries, schemas

router = APIRouter(prefix="/v1", route_class=StrictRoute, tags=["organisation"])

Reading = Annotated[Actor, Depends(permit(Permission.ORGANISATION_READ))]
Managing = Annotated[Writing, Depends(writing(Permission.ORGANISATION_MANAGE))]
UnitId = Annotated[UUID, Path(description="单位 id · the id of the unit")]
PersonId = Annotated[UUID, Path(description="人员 id · the id of the person")]
PostId = Annotated[UUID, Path(description="任职 id · the id of the post")]
_TAKEN: Final = problem_responses("duplicate_value", "conflict", "classified_text")


def _shown(request: Request, actor: Actor, body: schemas.Unit | schemas.Person | schemas.Post) -> Response:
    etag = actor.etag(body.version)
    if not_modified(request.headers.get("if-none-match"), etag):
        return respond(Reply(304, None, etag=etag))
    return respond(Reply(200, body, etag=etag))


@router.get("/units", operation_id="listUnits", summary="单位列表 · List units")
async def list_units(
    request: Request, _: Reading, query: Annotated[schemas.UnitQuery, Query()], response: Response
) -> schemas.UnitPage:
    """Every signed-in caller reads the whole tree: people and items have a scope, the shape of it all has none."""
    call = call_of(request)
    page = await queries.units(request.app.state.db, query, cursor_for(call, request.app.state.cursor_key))
    response.headers.update(page_links(call, page.next_cursor))
    return page


@router.post(
    "/units", operation_id="createUnit", summary="新建单位 · Create a unit", status_code=201,
    response_model=schemas.Unit, responses=_TAKEN,
)  # fmt: skip
async def create_unit(by: Managing, data: schemas.UnitIn) -> Response:
    """A unit below `parent_id`, or the root of a tree of its own."""

    async def work(tx: Tx) -> Reply:
        made = await commands.create_unit(tx, by.actor, data)
        return Reply(201, made, etag=by.actor.etag(made.version), location=f"/v1/units/{made.id}")

    return await by.run(work)


@router.get(
    "/units/{unit_id}", operation_id="getUnit", summary="查看单位 · Read a unit",
    response_model=schemas.Unit, openapi_extra=ETAG,
)  # fmt: skip
async def get_unit(request: Request, actor: Reading, unit_id: UnitId) -> Response:
    """With its path from the root."""
    return _shown(request, actor, await queries.unit(request.app.state.db, unit_id))


@router.patch(
    "/units/{unit_id}", operation_id="updateUnit", summary="修改或移动单位 · Change or move a unit",
    response_model=schemas.Unit, responses=_TAKEN, openapi_extra=IF_MATCH,
)  # fmt: skip
async def update_unit(by: Managing, unit_id: UnitId, data: schemas.UnitPatch) -> Response:
    """Another `parent_id` moves everything below along; grants on units above then cover it at once."""

    async def work(tx: Tx) -> Reply:
        changed = await commands.change_unit(tx, by.actor, unit_id, by.call.if_match, data)
        return Reply(200, changed, etag=by.actor.etag(changed.version))

    return await by.run(work)


@router.delete(
    "/units/{unit_id}", operation_id="deleteUnit", summary="删除未使用的单位 · Delete an unused unit", status_code=204,
    response_class=Response, responses=problem_responses("not_deletable"), openapi_extra=IF_MATCH,
)  # fmt: skip
async def delete_unit(by: Managing, unit_id: UnitId) -> Response:
    """Only what nothing refers to; otherwise give it an `active_until`."""

    async def work(tx: Tx) -> Reply:
        await commands.delete_unit(tx, by.actor, unit_id, by.call.if_match)
        return Reply(204, None)

    return await by.run(work)


@router.get("/people", operation_id="listPeople", summary="人员列表 · List people")
async def list_people(
    request: Request, actor: Reading, query: Annotated[schemas.PersonQuery, Query()], response: Response
) -> schemas.PersonPage:
    """Colleagues, and people with a post in a unit the caller has a role over."""
    call = call_of(request)
    page = await queries.people(request.app.state.db, actor, query, cursor_for(call, request.app.state.cursor_key))
    response.headers.update(page_links(call, page.next_cursor))
    return page


@router.post(
    "/people", operation_id="createPerson", summary="新建人员 · Create a person", status_code=201,
    response_model=schemas.Person, responses=problem_responses("duplicate_value", "classified_text"),
)  # fmt: skip
async def create_person(by: Managing, data: schemas.PersonIn) -> Response:
    """Somebody who can then be given posts, and by the security administrator an account and roles."""

    async def work(tx: Tx) -> Reply:
        made = await commands.create_person(tx, by.actor, data)
        return Reply(201, made, etag=by.actor.etag(made.version), location=f"/v1/people/{made.id}")

    return await by.run(work)


@router.get(
    "/people/{person_id}", operation_id="getPerson", summary="查看人员 · Read a person",
    response_model=schemas.Person, openapi_extra=ETAG,
)  # fmt: skip
async def get_person(request: Request, actor: Reading, person_id: PersonId) -> Response:
    """With the posts held today."""
    return _shown(request, actor, await queries.person(request.app.state.db, actor, person_id))


@router.patch(
    "/people/{person_id}", operation_id="updatePerson", summary="修改人员 · Change a person",
    response_model=schemas.Person, responses=problem_responses("duplicate_value", "last_administrator", "classified_text"),
    openapi_extra=IF_MATCH,
)  # fmt: skip
async def update_person(by: Managing, person_id: PersonId, data: schemas.PersonPatch) -> Response:
    """Who leaves becomes inactive: sessions, roles and delegations stop working at once, history stays."""

    async def work(tx: Tx) -> Reply:
        changed = await commands.change_person(tx, by.actor, person_id, by.call.if_match, data)
        return Reply(200, changed, etag=by.actor.etag(changed.version))

    return await by.run(work)


@router.get("/posts", operation_id="listPosts", summary="任职列表 · List posts")
async def list_posts(
    request: Request, actor: Reading, query: Annotated[schemas.PostQuery, Query()], response: Response
) -> schemas.PostPage:
    """Posts past, present and to come, of people the caller may read."""
    call = call_of(request)
    page = await queries.posts(request.app.state.db, actor, query, cursor_for(call, request.app.state.cursor_key))
    response.headers.update(page_links(call, page.next_cursor))
    return page


@router.post(
    "/posts", operation_id="createPost", summary="登记任职 · Create a post", status_code=201,
    response_model=schemas.Post, responses=problem_responses("conflict", "classified_text"),
)  # fmt: skip
async def create_post(by: Managing, data: schemas.PostIn) -> Response:
    """Membership of a unit from a day on; it brings no powers, and counts when independence is judged."""

    async def work(tx: Tx) -> Reply:
        made = await commands.create_post(tx, by.actor, data)
        return Reply(201, made, etag=by.actor.etag(made.version), location=f"/v1/posts/{made.id}")

    return await by.run(work)


@router.get(
    "/posts/{post_id}", operation_id="getPost", summary="查看任职 · Read a post",
    response_model=schemas.Post, openapi_extra=ETAG,
)  # fmt: skip
async def get_post(request: Request, actor: Reading, post_id: PostId) -> Response:
    """With the names of person and unit."""
    return _shown(request, actor, await queries.post(request.app.state.db, actor, post_id))


@router.patch(
    "/posts/{post_id}", operation_id="updatePost", summary="结束或更正任职 · End or correct a post",
    response_model=schemas.Post, responses=problem_responses("conflict", "classified_text"), openapi_extra=IF_MATCH,
)  # fmt: skip
async def update_post(by: Managing, post_id: PostId, data: schemas.PostPatch) -> Response:
    """`ends_on` is the last day; person, unit and first day stay, or conflicts of interest could be edited away."""

    async def work(tx: Tx) -> Reply:
        changed = await commands.change_post(tx, by.actor, post_id, by.call.if_match, data)
        return Reply(200, changed, etag=by.actor.etag(changed.version))

    return await by.run(work)
