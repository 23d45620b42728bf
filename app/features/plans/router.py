"""Measures, criteria and plan versions of an item over HTTP."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from app.access.guarding import ItemReading, ItemWriting, item_reading, item_writing
from app.access.permissions import Permission
from app.core.http import StrictRoute, respond
from app.core.openapi import ETAG, IF_MATCH, problem_responses
from app.features.plans import commands, queries, schemas
from app.lifecycle.child_views import ChildQuery

router = APIRouter(route_class=StrictRoute, prefix="/v1/items/{item_id}")

Reading = Annotated[ItemReading, Depends(item_reading(Permission.ITEM_READ))]
Planning = Annotated[ItemWriting, Depends(item_writing(Permission.PLAN_WRITE))]
Working = Annotated[ItemWriting, Depends(item_writing(Permission.PROGRESS_WRITE))]
MeasureId = Annotated[UUID, Path(description="措施 id · the id of the measure")]
CriterionId = Annotated[UUID, Path(description="完成标准 id · the id of the criterion")]
Children = Annotated[ChildQuery, Query()]
PlanVersion = Annotated[int, Path(ge=1, le=2**31 - 1, description="方案版本 · the version of the plan")]
_TAGS: Final[list[str | Enum]] = ["rectification"]
_FROZEN: Final = ("child_frozen", "classified_text")


@router.get(
    "/measures", operation_id="listMeasures", tags=_TAGS, summary="整改措施 · List measures",
    response_model=schemas.MeasurePage,
)  # fmt: skip
async def list_measures(request: Request, read: Reading, query: Children) -> Response:
    """In the order they were written; those of the current cycle unless one is named."""
    key = request.app.state.cursor_key
    return respond(await queries.MEASURES.page(read, key, query, schemas.MeasurePage))


@router.post(
    "/measures", operation_id="createMeasure", tags=_TAGS, summary="新增整改措施 · Add a measure", status_code=201,
    response_model=schemas.Measure, responses=problem_responses(*_FROZEN, "guards_unmet"),
)  # fmt: skip
async def create_measure(write: Planning, body: schemas.MeasureIn) -> Response:
    """By the lead unit, while the plan is made."""
    return await write.run(lambda tx: commands.create_measure(tx, write, body))


@router.get(
    "/measures/{measure_id}", operation_id="getMeasure", tags=_TAGS, summary="一条整改措施 · A measure",
    response_model=schemas.Measure, openapi_extra=ETAG,
)  # fmt: skip
async def get_measure(read: Reading, measure_id: MeasureId) -> Response:
    """Of any cycle; the entity tag is the item's."""
    return respond(await queries.MEASURES.single_reply(read, schemas.Measure, measure_id))


@router.patch(
    "/measures/{measure_id}", operation_id="updateMeasure", tags=_TAGS,
    summary="修改措施内容，或更新措施进度 · Change the content of a measure, or report its status",
    response_model=schemas.Measure, responses=problem_responses(*_FROZEN, "guards_unmet"), openapi_extra=IF_MATCH,
)  # fmt: skip
async def update_measure(write: Working, measure_id: MeasureId, body: schemas.MeasurePatch) -> Response:
    """Content by the lead unit while the plan is made (needs `plan:write` as well); status while it is carried out.

    The status may also be reported by the unit or the person of the measure. 100 % means done, and done means 100 %.
    """
    return await write.run(lambda tx: commands.change_measure(tx, write, measure_id, body))


@router.delete(
    "/measures/{measure_id}", operation_id="deleteMeasure", tags=_TAGS, summary="删除整改措施 · Remove a measure",
    status_code=204, response_class=Response, responses=problem_responses("child_frozen", "not_deletable"),
    openapi_extra=IF_MATCH,
)  # fmt: skip
async def delete_measure(write: Planning, measure_id: MeasureId) -> Response:
    """By the lead unit while the plan is made, unless evidence hangs on it."""
    return await write.run(lambda tx: commands.delete_measure(tx, write, measure_id))


@router.get(
    "/criteria", operation_id="listCriteria", tags=_TAGS, summary="完成标准 · List criteria",
    response_model=schemas.CriterionPage,
)  # fmt: skip
async def list_criteria(request: Request, read: Reading, query: Children) -> Response:
    """In the order they were written; those of the current cycle unless one is named."""
    key = request.app.state.cursor_key
    return respond(await queries.CRITERIA.page(read, key, query, schemas.CriterionPage))


@router.post(
    "/criteria", operation_id="createCriterion", tags=_TAGS, summary="新增完成标准 · Add a criterion", status_code=201,
    response_model=schemas.Criterion, responses=problem_responses(*_FROZEN),
)  # fmt: skip
async def create_criterion(write: Planning, body: schemas.CriterionIn) -> Response:
    """By the lead unit, while the plan is made."""
    return await write.run(lambda tx: commands.create_criterion(tx, write, body))


@router.get(
    "/criteria/{criterion_id}", operation_id="getCriterion", tags=_TAGS, summary="一条完成标准 · A criterion",
    response_model=schemas.Criterion, openapi_extra=ETAG,
)  # fmt: skip
async def get_criterion(read: Reading, criterion_id: CriterionId) -> Response:
    """Of any cycle; the entity tag is the item's."""
    return respond(await queries.CRITERIA.single_reply(read, schemas.Criterion, criterion_id))


@router.patch(
    "/criteria/{criterion_id}", operation_id="updateCriterion", tags=_TAGS,
    summary="修改完成标准 · Change a criterion", response_model=schemas.Criterion,
    responses=problem_responses(*_FROZEN), openapi_extra=IF_MATCH,
)  # fmt: skip
async def update_criterion(write: Planning, criterion_id: CriterionId, body: schemas.CriterionPatch) -> Response:
    """By the lead unit, while the plan is made."""
    return await write.run(lambda tx: commands.change_criterion(tx, write, criterion_id, body))


@router.delete(
    "/criteria/{criterion_id}", operation_id="deleteCriterion", tags=_TAGS, summary="删除完成标准 · Remove a criterion",
    status_code=204, response_class=Response, responses=problem_responses("child_frozen", "not_deletable"),
    openapi_extra=IF_MATCH,
)  # fmt: skip
async def delete_criterion(write: Planning, criterion_id: CriterionId) -> Response:
    """By the lead unit while the plan is made, unless evidence hangs on it."""
    return await write.run(lambda tx: commands.delete_criterion(tx, write, criterion_id))


@router.get(
    "/plans", operation_id="listPlans", tags=_TAGS, summary="整改方案的各个版本 · Versions of the plan",
    response_model=schemas.PlanPage,
)  # fmt: skip
async def list_plans(request: Request, read: Reading, query: Children) -> Response:
    """Every version that was submitted in the cycle, the oldest first."""
    key = request.app.state.cursor_key
    return respond(await queries.PLANS.page(read, key, query, schemas.PlanPage))


@router.get(
    "/plans/{plan_version}", operation_id="getPlan", tags=_TAGS, summary="一个版本的整改方案 · One version of the plan",
    response_model=schemas.Plan, openapi_extra=ETAG,
)  # fmt: skip
async def get_plan(read: Reading, plan_version: PlanVersion) -> Response:
    """Its content is what was submitted, whatever the measures have become since."""
    return respond(await queries.PLANS.single_reply(read, schemas.Plan, plan_version))
