"""Progress reports, outcomes and completion reports of an item over HTTP."""

from __future__ import annotations

from enum import Enum
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from app.access.guarding import ItemReading, ItemWriting, item_reading, item_writing
from app.access.permissions import Permission
from app.core.http import StrictRoute, respond
from app.core.openapi import ETAG, IF_MATCH, problem_responses
from app.features.progress import commands, queries, schemas
from app.lifecycle.child_views import ChildQuery

router = APIRouter(route_class=StrictRoute, prefix="/v1/items/{item_id}")

Reading = Annotated[ItemReading, Depends(item_reading(Permission.ITEM_READ))]
Working = Annotated[ItemWriting, Depends(item_writing(Permission.PROGRESS_WRITE))]
ReportId = Annotated[UUID, Path(description="进展 id · the id of the report")]
OutcomeId = Annotated[UUID, Path(description="成效 id · the id of the outcome")]
Children = Annotated[ChildQuery, Query()]
SubmissionNo = Annotated[int, Path(ge=1, le=2**31 - 1, description="第几次申请 · which submission")]
_TAGS: Final[list[str | Enum]] = ["rectification"]
_FROZEN: Final = ("child_frozen", "classified_text")


@router.get(
    "/progress", operation_id="listProgress", tags=_TAGS, summary="整改进展 · List progress reports",
    response_model=schemas.ProgressPage,
)  # fmt: skip
async def list_progress(request: Request, read: Reading, query: Children) -> Response:
    """In the order they were entered; those of the current cycle unless one is named."""
    key = request.app.state.cursor_key
    return respond(await queries.REPORTS.page(read, key, query, schemas.ProgressPage))


@router.post(
    "/progress", operation_id="reportProgress", tags=_TAGS, summary="填报整改进展 · Report progress", status_code=201,
    response_model=schemas.ProgressReport, responses=problem_responses(*_FROZEN),
)  # fmt: skip
async def report_progress(write: Working, body: schemas.ProgressIn) -> Response:
    """By the lead unit, or by the unit or person of the measure it names; a program may report, not set a percentage.

    `percent` moves the measure in the same event: 100 completes it.
    """
    return await write.run(lambda tx: commands.report_progress(tx, write, body))


@router.get(
    "/progress/{report_id}", operation_id="getProgressReport", tags=_TAGS, summary="一条整改进展 · A progress report",
    response_model=schemas.ProgressReport, openapi_extra=ETAG,
)  # fmt: skip
async def get_progress_report(read: Reading, report_id: ReportId) -> Response:
    """Of any cycle; the entity tag is the item's."""
    return respond(await queries.REPORTS.single_reply(read, schemas.ProgressReport, report_id))


@router.get(
    "/outcomes", operation_id="listOutcomes", tags=_TAGS, summary="整改成效 · List outcomes",
    response_model=schemas.OutcomePage,
)  # fmt: skip
async def list_outcomes(request: Request, read: Reading, query: Children) -> Response:
    """In the order they were entered; those of the current cycle unless one is named."""
    key = request.app.state.cursor_key
    return respond(await queries.OUTCOMES.page(read, key, query, schemas.OutcomePage))


@router.post(
    "/outcomes", operation_id="createOutcome", tags=_TAGS, summary="登记整改成效 · Record an outcome", status_code=201,
    response_model=schemas.Outcome, responses=problem_responses(*_FROZEN),
)  # fmt: skip
async def create_outcome(write: Working, body: schemas.OutcomeIn) -> Response:
    """By the lead unit, while the rectification goes on."""
    return await write.run(lambda tx: commands.create_outcome(tx, write, body))


@router.get(
    "/outcomes/{outcome_id}", operation_id="getOutcome", tags=_TAGS, summary="一项整改成效 · An outcome",
    response_model=schemas.Outcome, openapi_extra=ETAG,
)  # fmt: skip
async def get_outcome(read: Reading, outcome_id: OutcomeId) -> Response:
    """Of any cycle; the entity tag is the item's."""
    return respond(await queries.OUTCOMES.single_reply(read, schemas.Outcome, outcome_id))


@router.delete(
    "/outcomes/{outcome_id}", operation_id="deleteOutcome", tags=_TAGS, summary="删除整改成效 · Remove an outcome",
    status_code=204, response_class=Response, responses=problem_responses("child_frozen", "not_deletable"),
    openapi_extra=IF_MATCH,
)  # fmt: skip
async def delete_outcome(write: Working, outcome_id: OutcomeId) -> Response:
    """By the lead unit while the rectification goes on, unless evidence hangs on it."""
    return await write.run(lambda tx: commands.delete_outcome(tx, write, outcome_id))


@router.get(
    "/submissions", operation_id="listSubmissions", tags=_TAGS, summary="销号申请 · List completion reports",
    response_model=schemas.SubmissionPage,
)  # fmt: skip
async def list_submissions(request: Request, read: Reading, query: Children) -> Response:
    """The oldest first; made by the action `report_completion`."""
    key = request.app.state.cursor_key
    return respond(await queries.SUBMISSIONS.page(read, key, query, schemas.SubmissionPage))


@router.get(
    "/submissions/{submission_no}", operation_id="getSubmission", tags=_TAGS,
    summary="一次销号申请 · A completion report", response_model=schemas.Submission, openapi_extra=ETAG,
)  # fmt: skip
async def get_submission(read: Reading, submission_no: SubmissionNo) -> Response:
    """By its number within the item; the entity tag is the item's."""
    return respond(await queries.SUBMISSIONS.single_reply(read, schemas.Submission, submission_no))
