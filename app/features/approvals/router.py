"""Approvals, objections, recorded decisions and stage reviews of an item, over HTTP."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from app.access.guarding import ItemReading, ItemWriting, item_reading, item_writing
from app.access.permissions import Permission
from app.core.http import StrictRoute, respond
from app.core.openapi import ETAG, IF_MATCH, problem_responses
from app.features.approvals import commands, schemas
from app.features.approvals.queries import APPROVALS, DECISIONS, OBJECTIONS, STAGE_REVIEWS, seal_contacts
from app.lifecycle.child_views import ChildQuery

router = APIRouter(route_class=StrictRoute, prefix="/v1/items/{item_id}")

Reading = Annotated[ItemReading, Depends(item_reading(Permission.ITEM_READ))]
Signing = Annotated[ItemWriting, Depends(item_writing(Permission.APPROVAL_SIGN))]
Objecting = Annotated[ItemWriting, Depends(item_writing(Permission.OBJECTION_WRITE))]
Recording = Annotated[ItemWriting, Depends(item_writing(Permission.DECISION_RECORD))]
ApprovalId = Annotated[UUID, Path(description="意见 id · the id of the opinion")]
ObjectionId = Annotated[UUID, Path(description="异议 id · the id of the objection")]
DecisionId = Annotated[UUID, Path(description="决策 id · the id of the decision")]
Asked = Annotated[ChildQuery, Query()]
_CLOSEOUT: Final[list[str | Enum]] = ["closeout"]


@router.get(
    "/approvals",
    operation_id="listApprovals",
    tags=_CLOSEOUT,
    summary="审批与会签意见 · Approvals and opinions",
    response_model=schemas.ApprovalPage,
)
async def list_approvals(request: Request, read: Reading, query: Asked) -> Response:
    """Oldest first; steps of the chain of closing are among them."""
    return respond(await APPROVALS.page(read, request.app.state.cursor_key, query, schemas.ApprovalPage))


@router.post(
    "/approvals",
    operation_id="signApproval",
    tags=_CLOSEOUT,
    summary="签署意见 · Sign an opinion",
    status_code=201,
    response_model=schemas.ApprovalOut,
    responses=problem_responses("guards_unmet", "separation_of_duties", "child_frozen", "classified_text"),
)
async def sign_approval(write: Signing, body: schemas.ApprovalIn) -> Response:
    """An opinion that an action asks for, or a countersignature; a step of the chain is the transition approve_closure."""
    return await write.run(lambda tx: commands.sign(tx, write, body))


@router.get(
    "/approvals/{approval_id}",
    operation_id="getApproval",
    tags=_CLOSEOUT,
    summary="一条意见 · One opinion",
    response_model=schemas.ApprovalOut,
    openapi_extra=ETAG,
)
async def get_approval(read: Reading, approval_id: ApprovalId) -> Response:
    """Of any cycle; the entity tag is the item's."""
    return respond(await APPROVALS.single_reply(read, schemas.ApprovalOut, approval_id))


@router.get(
    "/objections",
    operation_id="listObjections",
    tags=_CLOSEOUT,
    summary="公示异议 · Objections during public notice",
    response_model=schemas.ObjectionPage,
)
async def list_objections(request: Request, read: Reading, query: Asked) -> Response:
    """Oldest first."""
    reply = await OBJECTIONS.page(read, request.app.state.cursor_key, query, schemas.ObjectionPage)
    return respond(await seal_contacts(read, reply))


@router.post(
    "/objections",
    operation_id="lodgeObjection",
    tags=_CLOSEOUT,
    summary="登记异议 · Lodge an objection",
    status_code=201,
    response_model=schemas.ObjectionOut,
    responses=problem_responses("guards_unmet", "child_frozen", "classified_text"),
)
async def lodge_objection(write: Objecting, body: schemas.ObjectionIn) -> Response:
    """By the supervision office during public notice; another person rules on it."""
    return await write.run(lambda tx: commands.lodge(tx, write, body))


@router.get(
    "/objections/{objection_id}",
    operation_id="getObjection",
    tags=_CLOSEOUT,
    summary="一条异议 · One objection",
    response_model=schemas.ObjectionOut,
    openapi_extra=ETAG,
)
async def get_objection(read: Reading, objection_id: ObjectionId) -> Response:
    """Of any cycle; the entity tag is the item's."""
    reply = await OBJECTIONS.single_reply(read, schemas.ObjectionOut, objection_id)
    return respond(await seal_contacts(read, reply))


@router.patch(
    "/objections/{objection_id}",
    operation_id="dismissObjection",
    tags=_CLOSEOUT,
    summary="裁定异议不成立 · Dismiss an objection",
    response_model=schemas.ObjectionOut,
    responses=problem_responses("separation_of_duties", "child_frozen", "classified_text"),
    openapi_extra=IF_MATCH,
)
async def dismiss_objection(write: Objecting, objection_id: ObjectionId, body: schemas.ObjectionPatch) -> Response:
    """By somebody who neither lodged it nor judged a gate; upholding one is the transition uphold_objection."""
    return await write.run(lambda tx: commands.dismiss(tx, write, objection_id, body))


@router.get(
    "/decisions",
    operation_id="listDecisions",
    tags=_CLOSEOUT,
    summary="集体决策记录 · Recorded decisions",
    response_model=schemas.DecisionPage,
)
async def list_decisions(request: Request, read: Reading, query: Asked) -> Response:
    """Oldest first, those that were superseded among them."""
    return respond(await DECISIONS.page(read, request.app.state.cursor_key, query, schemas.DecisionPage))


@router.post(
    "/decisions",
    operation_id="recordDecision",
    tags=_CLOSEOUT,
    summary="登记集体决策 · Record a decision taken on paper",
    status_code=201,
    response_model=schemas.DecisionOut,
    responses=problem_responses("guards_unmet", "child_frozen", "classified_text"),
)
async def record_decision(write: Recording, body: schemas.DecisionIn) -> Response:
    """The result is computed from the count by the ledger's decision rule; what it covers is pinned now."""
    return await write.run(lambda tx: commands.record_decision(tx, write, body))


@router.get(
    "/decisions/{decision_id}",
    operation_id="getDecision",
    tags=_CLOSEOUT,
    summary="一项集体决策 · One recorded decision",
    response_model=schemas.DecisionOut,
    openapi_extra=ETAG,
)
async def get_decision(read: Reading, decision_id: DecisionId) -> Response:
    """Of any cycle; the entity tag is the item's."""
    return respond(await DECISIONS.single_reply(read, schemas.DecisionOut, decision_id))


@router.get(
    "/stage-reviews",
    operation_id="listStageReviews",
    tags=_CLOSEOUT,
    summary="阶段评估 · Stage reviews",
    response_model=schemas.StageReviewPage,
)
async def list_stage_reviews(request: Request, read: Reading, query: Asked) -> Response:
    """Oldest first; written by the transition stage_review."""
    return respond(await STAGE_REVIEWS.page(read, request.app.state.cursor_key, query, schemas.StageReviewPage))
