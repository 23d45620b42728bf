"""Ledgers, their policies, categories and source types over HTTP."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from app.access.actor import Actor
from app.access.guarding import Writing, permit, writing
from app.access.permissions import Permission
from app.core.etag import not_modified
from app.core.http import Reply, StrictRoute, call_of, respond
from app.core.models import Out
from app.core.openapi import ETAG, IF_MATCH, IF_MATCH_EXISTING, problem_responses
from app.core.paging import Cursor, Page, PageOf, cursor_for, page_links
from app.features.ledgers import commands, queries, schemas

router = APIRouter(route_class=StrictRoute, prefix="/v1")

Reading = Annotated[Actor, Depends(permit(Permission.LEDGER_READ))]
Managing = Annotated[Writing, Depends(writing(Permission.LEDGER_MANAGE))]
ChangingPolicy = Annotated[Writing, Depends(writing(Permission.POLICY_CHANGE))]
ManagingDictionary = Annotated[Writing, Depends(writing(Permission.DICTIONARY_MANAGE))]
LedgerId = Annotated[UUID, Path(description="台账 id · the id of the ledger")]
CategoryId = Annotated[UUID, Path(description="问题类别 id · the id of the category")]
Version = Annotated[int, Path(ge=1, le=2**31 - 1, description="规则版本 · the version of the policy")]
SourceCode = Annotated[schemas.SourceCode, Path(description="来源代码 · the code of the source type")]
SchemaVersion = Annotated[
    int | None, Query(ge=1, le=2**31 - 1, description="缺省为最新版本 · The newest unless one is named")
]
ValidateOnly = Annotated[bool, Query(description="只校验并计算影响，不写入 · Checks and counts, writes nothing")]
_LEDGERS: Final[list[str | Enum]] = ["ledgers"]
_DICTIONARIES: Final[list[str | Enum]] = ["dictionaries"]


@router.get(
    "/ledgers",
    operation_id="listLedgers",
    tags=_LEDGERS,
    summary="台账列表 · List ledgers",
    response_model=schemas.LedgerPage,
)
async def list_ledgers(request: Request, _: Reading, query: Annotated[schemas.LedgerQuery, Query()]) -> Response:
    """Newest first; every person of the organisation sees every ledger, items have their own scope."""
    async with request.app.state.db.snapshot() as reader:
        return _page(request, await queries.ledgers(reader, query, _cursor(request)))


@router.post(
    "/ledgers",
    operation_id="createLedger",
    tags=_LEDGERS,
    summary="建立台账 · Create a ledger",
    status_code=201,
    response_model=schemas.Ledger,
    responses=problem_responses("conflict", "duplicate_value", "classified_text"),
)
async def create_ledger(write: Managing, body: schemas.LedgerIn) -> Response:
    """By a system administrator or the supervision office covering `unit_id`; policy version 1 comes with it."""
    return await write.run(lambda tx: commands.create_ledger(tx, write, body))


@router.get(
    "/ledgers/{ledger_id}",
    operation_id="getLedger",
    tags=_LEDGERS,
    summary="台账 · A ledger",
    response_model=schemas.Ledger,
    openapi_extra=ETAG,
)
async def get_ledger(request: Request, actor: Reading, ledger_id: LedgerId) -> Response:
    """Read by every person of the organisation."""
    ledger = await queries.ledger(request.app.state.db, ledger_id)
    return _tagged(request, actor, ledger, ledger.version)


@router.patch(
    "/ledgers/{ledger_id}",
    operation_id="changeLedger",
    tags=_LEDGERS,
    summary="修改或归档台账 · Change or archive a ledger",
    response_model=schemas.Ledger,
    responses=problem_responses("conflict", "classified_text"),
    openapi_extra=IF_MATCH,
)
async def change_ledger(write: Managing, ledger_id: LedgerId, body: schemas.LedgerPatch) -> Response:
    """An archived ledger takes no new items; those it has go on."""
    return await write.run(lambda tx: commands.change_ledger(tx, write, ledger_id, body))


@router.get(
    "/ledgers/{ledger_id}/policies",
    operation_id="listPolicies",
    tags=_LEDGERS,
    summary="台账规则的各个版本 · Versions of a ledger's policy",
    response_model=schemas.PolicyPage,
)
async def list_policies(request: Request, _: Reading, ledger_id: LedgerId, page: Page) -> Response:
    """Newest first."""
    async with request.app.state.db.snapshot() as reader:
        return _page(request, await queries.policies(reader, ledger_id, page, _cursor(request)))


@router.post(
    "/ledgers/{ledger_id}/policies",
    operation_id="changePolicy",
    tags=_LEDGERS,
    summary="发布新版规则 · Put a new version of the policy in force",
    status_code=201,
    response_model=schemas.PolicyChange,
    responses={
        200: {"model": schemas.PolicyChange, "description": "只校验 · Only checked"},
        **problem_responses("version_mismatch", "classified_text"),
    },
)
async def change_policy(
    write: ChangingPolicy, ledger_id: LedgerId, body: schemas.PolicyIn, *, validate_only: ValidateOnly = False
) -> Response:
    """By the first responsible person or the supervision office covering the ledger's unit.

    Submissions under way keep the version they pinned; `validate_only` needs no Idempotency-Key and answers 200.
    """
    if validate_only:
        async with write.db.snapshot() as reader:
            return respond(Reply(200, await commands.preview_policy(reader, write.actor, ledger_id, body)))
    return await write.run(lambda tx: commands.change_policy(tx, write, ledger_id, body))


@router.get(
    "/ledgers/{ledger_id}/policies/{policy_version}",
    operation_id="getPolicy",
    tags=_LEDGERS,
    summary="一个版本的规则 · One version of the policy",
    response_model=schemas.Policy,
)
async def get_policy(request: Request, _: Reading, ledger_id: LedgerId, policy_version: Version) -> Response:
    """Versions never change once in force."""
    return respond(Reply(200, await queries.policy(request.app.state.db, ledger_id, policy_version)))


@router.get(
    "/categories",
    operation_id="listCategories",
    tags=_DICTIONARIES,
    summary="问题类别 · List categories",
    response_model=schemas.CategoryPage,
)
async def list_categories(request: Request, _: Reading, query: Annotated[schemas.CategoryQuery, Query()]) -> Response:
    """A flat list in display order; `parent_id` makes it a tree."""
    async with request.app.state.db.snapshot() as reader:
        return _page(request, await queries.categories(reader, query, _cursor(request)))


@router.post(
    "/categories",
    operation_id="createCategory",
    tags=_DICTIONARIES,
    summary="新增问题类别 · Create a category",
    status_code=201,
    response_model=schemas.Category,
    responses=problem_responses("conflict", "duplicate_value", "classified_text"),
)
async def create_category(write: ManagingDictionary, body: schemas.CategoryIn) -> Response:
    """By a system administrator of the whole organisation."""
    return await write.run(lambda tx: commands.create_category(tx, write, body))


@router.get(
    "/categories/{category_id}",
    operation_id="getCategory",
    tags=_DICTIONARIES,
    summary="一个问题类别 · A category",
    response_model=schemas.Category,
    openapi_extra=ETAG,
)
async def get_category(request: Request, actor: Reading, category_id: CategoryId) -> Response:
    """Also one that is no longer in use."""
    category = await queries.category(request.app.state.db, category_id)
    return _tagged(request, actor, category, category.version)


@router.patch(
    "/categories/{category_id}",
    operation_id="changeCategory",
    tags=_DICTIONARIES,
    summary="修改或停用问题类别 · Change or deactivate a category",
    response_model=schemas.Category,
    responses=problem_responses("classified_text"),
    openapi_extra=IF_MATCH,
)
async def change_category(write: ManagingDictionary, category_id: CategoryId, body: schemas.CategoryPatch) -> Response:
    """By a system administrator of the whole organisation; items keep a category that is no longer in use."""
    return await write.run(lambda tx: commands.change_category(tx, write, category_id, body))


@router.get(
    "/source-types",
    operation_id="listSourceTypes",
    tags=_DICTIONARIES,
    summary="问题来源 · List source types",
    response_model=schemas.SourceTypePage,
)
async def list_source_types(
    request: Request, _: Reading, query: Annotated[schemas.SourceTypeQuery, Query()]
) -> Response:
    """The newest version of each."""
    async with request.app.state.db.snapshot() as reader:
        return _page(request, await queries.source_types(reader, query, _cursor(request)))


@router.get(
    "/source-types/{code}",
    operation_id="getSourceType",
    tags=_DICTIONARIES,
    summary="一个问题来源 · A source type",
    response_model=schemas.SourceType,
    openapi_extra=ETAG,
)
async def get_source_type(
    request: Request, actor: Reading, code: SourceCode, schema_version: SchemaVersion = None
) -> Response:
    """The newest version, or the one an item was drafted with."""
    found = await queries.source_type(request.app.state.db, code, schema_version)
    return _tagged(request, actor, found, found.schema_version)


@router.put(
    "/source-types/{code}",
    operation_id="putSourceType",
    tags=_DICTIONARIES,
    summary="新增问题来源或发布其新版本 · Create a source type or its next version",
    response_model=schemas.SourceType,
    responses={
        201: {"model": schemas.SourceType, "description": "已新增 · Created"},
        **problem_responses("conflict", "classified_text"),
    },
    openapi_extra=IF_MATCH_EXISTING,
)
async def put_source_type(write: ManagingDictionary, code: SourceCode, body: schemas.SourceTypeIn) -> Response:
    """By a system administrator of the whole organisation. If-Match is needed for a code that exists already."""
    commands.refuse_unusable(body)
    return await write.run(lambda tx: commands.put_source_type(tx, write, code, body))


def _cursor(request: Request) -> Cursor:
    return cursor_for(call_of(request), request.app.state.cursor_key)


def _page(request: Request, page: PageOf[Any]) -> Response:
    return respond(Reply(200, page, headers=page_links(call_of(request), page.next_cursor)))


def _tagged(request: Request, actor: Actor, body: Out, version: int) -> Response:
    etag = commands.config_etag(actor, version)
    fresh = not_modified(call_of(request).if_none_match, etag)
    return respond(Reply(304, None, etag=etag) if fresh else Reply(200, body, etag=etag))
