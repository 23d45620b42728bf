"""`/v1/people/{id}/account`, `/v1/people/{id}/roles`, `/v1/delegations`."""

from __future__ import annotations

from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from app.access.actor import Actor
from app.access.guarding import Writing, permit, signed_in, writing
from app.access.permissions import Permission
from app.core.db import Tx
from app.core.http import Reply, StrictRoute, call_of, respond
from app.core.openapi import ETAG, IF_MATCH, IF_MATCH_EXISTING, problem_responses
from app.core.paging import Page, cursor_for, page_links
from app.features.authority import commands, queries, schemas

router = APIRouter(prefix="/v1", route_class=StrictRoute, tags=["organisation"])

Managing = Annotated[Writing, Depends(writing(Permission.ACCESS_MANAGE))]
Delegating = Annotated[Writing, Depends(writing(Permission.DELEGATION_WRITE))]
Looking = Annotated[Actor, Depends(permit(Permission.ACCESS_MANAGE))]
Anyone = Annotated[Actor, Depends(signed_in())]
PersonId = Annotated[UUID, Path(description="人员 id · the id of the person")]
GrantId = Annotated[UUID, Path(description="授权 id · the id of the grant")]
DelegationId = Annotated[UUID, Path(description="委托 id · the id of the delegation")]
_OPENED: Final[dict[int | str, dict[str, Any]]] = {
    201: {"model": schemas.AccountWithPassword, "description": "已开通 · Opened"}
}


@router.get(
    "/people/{person_id}/account", operation_id="getAccount", summary="查看账号 · Read an account",
    response_model=schemas.Account, openapi_extra=ETAG,
)  # fmt: skip
async def get_account(request: Request, actor: Looking, person_id: PersonId) -> Response:
    """Without anything secret."""
    found = await queries.account(request.app.state.db, person_id)
    return respond(Reply(200, found, etag=actor.etag(found.version)))


@router.put(
    "/people/{person_id}/account", operation_id="putAccount", summary="开通账号或重置密码 · Open or reset an account",
    response_model=schemas.AccountWithPassword, responses={**problem_responses("duplicate_value"), **_OPENED},
    openapi_extra=IF_MATCH_EXISTING,
)  # fmt: skip
async def put_account(by: Managing, person_id: PersonId, data: schemas.AccountIn) -> Response:
    """201 when opened, 200 when reset: a reset needs If-Match and ends all sessions of the account."""
    password = await commands.new_password(data)

    async def work(tx: Tx) -> Reply:
        new, account = await commands.put_account(tx, by.actor, person_id, by.call.if_match, (data, password))
        etag = by.actor.etag(account.version)
        status, place = (201, f"/v1/people/{person_id}/account") if new else (200, None)
        return Reply(status, account, etag=etag, location=place, secret_fields=frozenset({"password"}))

    return await by.run(work)


@router.patch(
    "/people/{person_id}/account", operation_id="updateAccount", summary="停用或启用账号 · Close or open an account",
    response_model=schemas.Account, responses=problem_responses("last_administrator"), openapi_extra=IF_MATCH,
)  # fmt: skip
async def update_account(by: Managing, person_id: PersonId, data: schemas.AccountPatch) -> Response:
    """Either way all sessions of the account end."""

    async def work(tx: Tx) -> Reply:
        account = await commands.change_account(tx, by.actor, person_id, by.call.if_match, data)
        return Reply(200, account, etag=by.actor.etag(account.version))

    return await by.run(work)


@router.get("/people/{person_id}/roles", operation_id="listRoles", summary="角色列表 · List a person's roles")
async def list_roles(
    request: Request, _: Looking, person_id: PersonId, query: Page, response: Response
) -> schemas.RoleGrantPage:
    """Past, present and to come; lent roles are under delegations."""
    call = call_of(request)
    page = await queries.grants(request.app.state.db, person_id, query, cursor_for(call, request.app.state.cursor_key))
    response.headers.update(page_links(call, page.next_cursor))
    return page


@router.post(
    "/people/{person_id}/roles", operation_id="grantRole", summary="授予角色 · Grant a role", status_code=201,
    response_model=schemas.RoleGrant,
    responses=problem_responses("administrators_must_differ", "duplicate_value", "conflict"),
)  # fmt: skip
async def grant_role(request: Request, by: Managing, person_id: PersonId, data: schemas.GrantIn) -> Response:
    """Over a unit and all below it, from today unless `starts_on` says otherwise."""
    trial_mode = request.app.state.settings.trial_mode

    async def work(tx: Tx) -> Reply:
        made = await commands.grant_role(tx, by.actor, person_id, data, trial_mode=trial_mode)
        place = f"/v1/people/{person_id}/roles/{made.id}"
        return Reply(201, made, etag=by.actor.etag(made.version), location=place)

    return await by.run(work)


@router.get(
    "/people/{person_id}/roles/{grant_id}", operation_id="getRole", summary="查看角色 · Read a grant",
    response_model=schemas.RoleGrant, openapi_extra=ETAG,
)  # fmt: skip
async def get_role(request: Request, actor: Looking, person_id: PersonId, grant_id: GrantId) -> Response:
    """In force or not."""
    found = await queries.grant(request.app.state.db, person_id, grant_id)
    return respond(Reply(200, found, etag=actor.etag(found.version)))


@router.delete(
    "/people/{person_id}/roles/{grant_id}", operation_id="revokeRole", summary="撤销角色 · Revoke a role",
    status_code=204, response_class=Response, responses=problem_responses("last_administrator"),
    openapi_extra=IF_MATCH,
)  # fmt: skip
async def revoke_role(by: Managing, person_id: PersonId, grant_id: GrantId) -> Response:
    """From the next request of that person on; the grant stays in the history."""

    async def work(tx: Tx) -> Reply:
        await commands.revoke_role(tx, by.actor, person_id, grant_id, by.call.if_match)
        return Reply(204, None)

    return await by.run(work)


@router.get(
    "/delegations", operation_id="listDelegations", summary="委托列表 · List delegations",
    responses=problem_responses("forbidden"),
)  # fmt: skip
async def list_delegations(
    request: Request, actor: Anyone, query: Annotated[schemas.DelegationQuery, Query()], response: Response
) -> schemas.DelegationPage:
    """The caller's own, as principal or delegate; all of them for the security administrator."""
    call = call_of(request)
    cursor = cursor_for(call, request.app.state.cursor_key)
    page = await queries.delegations(request.app.state.db, actor, query, cursor)
    response.headers.update(page_links(call, page.next_cursor))
    return page


@router.post(
    "/delegations", operation_id="createDelegation", summary="委托职责 · Delegate roles", status_code=201,
    response_model=schemas.Delegation,
    responses=problem_responses("administrators_must_differ", "conflict", "classified_text"),
)  # fmt: skip
async def create_delegation(by: Delegating, data: schemas.DelegationIn) -> Response:
    """Whoever stands in acts with the principal's roles, and is excluded wherever the principal would be."""

    async def work(tx: Tx) -> Reply:
        made = await commands.delegate(tx, by.actor, data)
        return Reply(201, made, etag=by.actor.etag(made.version), location=f"/v1/delegations/{made.id}")

    return await by.run(work)


@router.get(
    "/delegations/{delegation_id}", operation_id="getDelegation", summary="查看委托 · Read a delegation",
    response_model=schemas.Delegation, responses=problem_responses("forbidden"), openapi_extra=ETAG,
)  # fmt: skip
async def get_delegation(request: Request, actor: Anyone, delegation_id: DelegationId) -> Response:
    """Parties and the security administrator only."""
    found = await queries.delegation(request.app.state.db, actor, delegation_id)
    return respond(Reply(200, found, etag=actor.etag(found.version)))


@router.delete(
    "/delegations/{delegation_id}", operation_id="revokeDelegation", summary="收回委托 · Revoke a delegation",
    status_code=204, response_class=Response, openapi_extra=IF_MATCH,
)  # fmt: skip
async def revoke_delegation(by: Delegating, delegation_id: DelegationId) -> Response:
    """From the delegate's next request on."""

    async def work(tx: Tx) -> Reply:
        await commands.revoke_delegation(tx, by.actor, delegation_id, by.call.if_match)
        return Reply(204, None)

    return await by.run(work)
