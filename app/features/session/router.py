"""`/v1/auth/token`, `/v1/auth/session`, `/v1/me`, `/v1/api-keys`."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Path, Request, Response

from app.access import cookies, tokens
from app.access.actor import Actor
from app.access.authenticate import session_key
from app.access.guarding import Writing, any_session, public, signed_in, writing, writing_in_any_session
from app.core.db import Tx
from app.core.errors import Problem
from app.core.http import Reply, StrictRoute, call_of, respond
from app.core.openapi import ETAG, IF_MATCH, KEYLESS, problem_responses
from app.core.paging import Page, cursor_for, page_links
from app.features.session import commands, queries, schemas

router = APIRouter(prefix="/v1", route_class=StrictRoute, tags=["session"])

Anyone = Annotated[Actor, Depends(signed_in())]
AnySession = Annotated[Actor, Depends(any_session())]
Own = Annotated[Writing, Depends(writing(None))]
OwnInAnySession = Annotated[Writing, Depends(writing_in_any_session())]
KeyId = Annotated[UUID, Path(description="密钥 id · the id of the key")]


def _token(request: Request, session: tokens.Session) -> schemas.Token:
    token = tokens.issue(session_key(request), session)
    return schemas.Token(access_token=token, expires_in=int(tokens.LIFETIME.total_seconds()))


async def _begin(request: Request, given: schemas.Credentials, response: Response) -> commands.Begun:
    address = request.client.host if request.client else ""
    call = call_of(request)
    begun = await commands.sign_in(request.app.state.db, call, given, request.app.state.throttle, address)
    if call.receipts is not None:
        response.headers.update(call.receipts.header(begun.recorded, call.path))
    return begun


@router.post(
    "/auth/token", operation_id="signIn", summary="登录 · Sign in", dependencies=[Depends(public())],
    responses=problem_responses("invalid_credentials", "too_many_requests"), openapi_extra=KEYLESS,
)  # fmt: skip
async def sign_in(request: Request, form: Annotated[schemas.TokenForm, Form()], response: Response) -> schemas.Token:
    """A session of eight hours. After five wrong passwords in a quarter of an hour even the right one has to wait."""
    begun = await _begin(request, form, response)
    return _token(request, begun.session)


@router.delete(
    "/auth/token", operation_id="signOut", summary="退出全部会话 · End all sessions", status_code=204,
    response_class=Response, responses=problem_responses("forbidden"),
)  # fmt: skip
async def sign_out(by: OwnInAnySession) -> Response:
    """Every session of this account ends, wherever it was opened."""

    async def work(tx: Tx) -> Reply:
        await commands.sign_out(tx, by.actor)
        return Reply(204, None)

    return await by.run(work)


@router.post(
    "/auth/session", operation_id="beginSession", summary="浏览器登录 · Sign in with a browser",
    dependencies=[Depends(public())], openapi_extra=KEYLESS,
    responses=problem_responses("invalid_credentials", "too_many_requests", "csrf_refused"),
)  # fmt: skip
async def begin_session(request: Request, given: schemas.Credentials, response: Response) -> schemas.BrowserSession:
    """A session of eight hours in a cookie that no script can read; limits as for signing in with a token."""
    cookies.require_own_page(request)
    begun = await _begin(request, given, response)
    key = session_key(request)
    token = tokens.issue(key, begun.session)
    response.headers["Set-Cookie"] = cookies.begin(request, token)
    return schemas.BrowserSession(
        csrf_token=cookies.csrf_token(key, token), must_change_password=begun.must_change_password
    )


@router.get("/auth/session", operation_id="getSession", summary="浏览器会话 · The browser's session")
async def get_session(request: Request, actor: AnySession) -> schemas.BrowserSession:
    """For a page that was loaded anew; 401 for programs, which have no cookie and need no such word."""
    token = cookies.token_of(request)
    if token is None or "authorization" in request.headers:
        raise Problem("unauthenticated")
    word = cookies.csrf_token(session_key(request), token)
    return schemas.BrowserSession(csrf_token=word, must_change_password=actor.must_change_password)


@router.delete(
    "/auth/session", operation_id="endSession", summary="浏览器退出 · Sign out with a browser", status_code=204,
    response_class=Response, responses=problem_responses("forbidden"),
)  # fmt: skip
async def end_session(request: Request, by: OwnInAnySession) -> Response:
    """As everywhere, all sessions of the account end: a cookie that was copied is worth nothing from then on."""

    async def work(tx: Tx) -> Reply:
        await commands.sign_out(tx, by.actor)
        return Reply(204, None, headers={"Set-Cookie": cookies.end(request)})

    return await by.run(work)


@router.get("/me", operation_id="getMe", summary="我的身份、权限和待办 · Who I am, what I may do, what waits for me")
async def get_me(request: Request, actor: AnySession) -> schemas.Me:
    """Roles as they are in force at this moment, lent ones included."""
    trial_mode = request.app.state.settings.trial_mode
    return await queries.me(request.app.state.db, actor, trial_mode=trial_mode)


@router.post(
    "/me/password", operation_id="changePassword", summary="修改密码 · Change the password",
    response_model=schemas.Token, responses=problem_responses("forbidden", "conflict", "too_many_requests"),
)  # fmt: skip
async def change_password(request: Request, by: OwnInAnySession, data: schemas.PasswordChange) -> Response:
    """All sessions end; the answer holds the one to go on with."""
    password_hash = await commands.check_password(by.db, by.actor, data, request.app.state.throttle)

    async def work(tx: Tx) -> Reply:
        session = await commands.change_password(tx, by.actor, password_hash)
        return Reply(200, _token(request, session), secret_fields=frozenset({"access_token"}))

    return await by.run(work)


@router.get("/api-keys", operation_id="listApiKeys", summary="密钥列表 · List API keys")
async def list_api_keys(request: Request, actor: Anyone, query: Page, response: Response) -> schemas.ApiKeyPage:
    """One's own, or all for whoever manages access; without their secrets, which nobody has but their holders."""
    call = call_of(request)
    cursor = cursor_for(call, request.app.state.cursor_key)
    page = await queries.api_keys(request.app.state.db, actor, query, cursor)
    response.headers.update(page_links(call, page.next_cursor))
    return page


@router.post(
    "/api-keys", operation_id="createApiKey", summary="签发密钥 · Create an API key", status_code=201,
    response_model=schemas.NewApiKey, responses=problem_responses("forbidden", "conflict", "classified_text"),
)  # fmt: skip
async def create_api_key(by: Own, data: schemas.ApiKeyIn) -> Response:
    """For oneself, or for a unit's program by who manages access. The secret is shown once, and never in a retry."""
    commands.may_create_key(by.actor, data)

    async def work(tx: Tx) -> Reply:
        made = await commands.create_key(tx, by.actor, data)
        etag, place = by.actor.etag(made.version), f"/v1/api-keys/{made.id}"
        return Reply(201, made, etag=etag, location=place, secret_fields=schemas.NewApiKey.SECRET)

    return await by.run(work)


@router.get(
    "/api-keys/{key_id}", operation_id="getApiKey", summary="查看密钥 · Read an API key",
    response_model=schemas.ApiKey, openapi_extra=ETAG,
)  # fmt: skip
async def get_api_key(request: Request, actor: Anyone, key_id: KeyId) -> Response:
    """What it may do and until when."""
    found = await queries.api_key(request.app.state.db, actor, key_id)
    return respond(Reply(200, found, etag=actor.etag(found.version)))


@router.delete(
    "/api-keys/{key_id}", operation_id="revokeApiKey", summary="吊销密钥 · Revoke an API key", status_code=204,
    response_class=Response, openapi_extra=IF_MATCH,
)  # fmt: skip
async def revoke_api_key(by: Own, key_id: KeyId) -> Response:
    """From its next request on."""

    async def work(tx: Tx) -> Reply:
        await commands.revoke_key(tx, by.actor, key_id, by.call.if_match)
        return Reply(204, None)

    return await by.run(work)
