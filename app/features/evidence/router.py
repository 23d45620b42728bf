"""Evidence of an item over HTTP: uploads are read as a stream, downloads are sent as one."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace
from enum import Enum
from typing import Annotated, Any, Final
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from starlette.responses import StreamingResponse

from app.access.guarding import ItemReading, ItemWriting, item_reading, item_writing
from app.access.permissions import Permission
from app.core.etag import not_modified
from app.core.file_types import ALLOWED
from app.core.http import StrictRoute, respond, unchanged
from app.core.openapi import ETAG, IF_MATCH, problem_responses
from app.core.storage import LocalStorage, Storage
from app.features.evidence import commands, queries, schemas
from app.features.evidence.upload import receive

router = APIRouter(route_class=StrictRoute, prefix="/v1/items/{item_id}/evidence")

Reading = Annotated[ItemReading, Depends(item_reading(Permission.ITEM_READ))]
Writing = Annotated[ItemWriting, Depends(item_writing(Permission.EVIDENCE_WRITE))]
EvidenceId = Annotated[UUID, Path(description="佐证材料 id · the id of the piece of evidence")]
_TAGS: Final[list[str | Enum]] = ["evidence"]
_BINARY: Final = {"schema": {"type": "string", "format": "binary"}}
# Generated clients read the first kind they know; bytes are right for all of them, text would not be.
_FILES: Final[dict[str, Any]] = dict.fromkeys(
    ["application/octet-stream", *sorted({t.media_type for t in ALLOWED.values()})], _BINARY
)
_UPLOAD: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["target_kind", "file"],
                    "additionalProperties": False,
                    "properties": {
                        "target_kind": {"$ref": "#/components/schemas/TargetKind"},
                        "target_id": {"type": "string", "format": "uuid"},
                        "description": {"type": "string", "minLength": 1, "maxLength": 300},
                        "file": {"type": "string", "format": "binary"},
                    },
                }
            }
        },
    }
}


@router.get(
    "", operation_id="listEvidence", tags=_TAGS, summary="佐证材料 · List evidence",
    response_model=schemas.EvidencePage,
)  # fmt: skip
async def list_evidence(request: Request, read: Reading, query: Annotated[schemas.EvidenceQuery, Query()]) -> Response:
    """In the order it was added; that of the current cycle unless one is named."""
    conditions = (query.target_kind, query.target_id)
    key = request.app.state.cursor_key
    return respond(await queries.EVIDENCE.page(read, key, query, schemas.EvidencePage, conditions))


@router.post(
    "", operation_id="addEvidence", tags=_TAGS, summary="上传佐证材料 · Add evidence", status_code=201,
    response_model=schemas.Evidence, openapi_extra=_UPLOAD,
    responses=problem_responses(
        "bad_request", "request_timeout", "too_many_requests",
        "child_frozen", "guards_unmet", "unsupported_file_type", "classified_text"
    ),
)  # fmt: skip
async def add_evidence(request: Request, write: Writing) -> Response:
    """By who may write the target; the content must be what the name says. The digest goes into the history.

    `target_id` is required for a measure, criterion, progress report or outcome, and must be left out for the item and
    the notice.
    """
    request.app.state.throttle.upload(write.actor.principal)
    given = request.headers.get("content-type", "")
    async with receive(request.stream(), given, _store(request)) as uploaded:
        carrying = replace(write, call=write.call.carrying(uploaded.digest))
        return await carrying.run(lambda tx: commands.add_evidence(tx, carrying, uploaded))


@router.get(
    "/{evidence_id}", operation_id="getEvidence", tags=_TAGS, summary="一件佐证材料 · One piece of evidence",
    response_model=schemas.Evidence, openapi_extra=ETAG,
)  # fmt: skip
async def get_evidence(read: Reading, evidence_id: EvidenceId) -> Response:
    """What is known of the file; the entity tag is the item's."""
    return respond(await queries.EVIDENCE.single_reply(read, schemas.Evidence, evidence_id))


@router.get(
    "/{evidence_id}/content", operation_id="downloadEvidence", tags=_TAGS,
    summary="下载佐证材料 · Download a piece of evidence", response_class=Response,
    responses={200: {"description": "文件内容 · The file", "content": _FILES}}, openapi_extra=ETAG,
)  # fmt: skip
async def download_evidence(request: Request, read: Reading, evidence_id: EvidenceId) -> Response:
    """The bytes as they were uploaded; the entity tag is their SHA-256. 404 for those who may not read it."""
    found = await queries.readable_file(read, evidence_id)
    etag = f'"{found.sha256}"'
    if not_modified(read.call.if_none_match, etag):
        return unchanged(etag)
    content = await _store(request).open(str(found.sha256))
    return StreamingResponse(content, headers=_file_headers(found, etag))


@router.delete(
    "/{evidence_id}", operation_id="deleteEvidence", tags=_TAGS, summary="删除佐证材料 · Remove a piece of evidence",
    status_code=204, response_class=Response, responses=problem_responses("child_frozen"), openapi_extra=IF_MATCH,
)  # fmt: skip
async def delete_evidence(write: Writing, evidence_id: EvidenceId) -> Response:
    """By who may write the target, as long as nothing cites it; the history keeps its digest."""
    return await write.run(lambda tx: commands.delete_evidence(tx, write, evidence_id))


def _store(request: Request) -> Storage:
    settings = request.app.state.settings
    return LocalStorage(settings.var / "files", settings.upload_limit)


def _file_headers(evidence: schemas.Evidence, etag: str) -> dict[str, str]:
    """Always as an attachment: nothing that was uploaded is ever shown as a page of this service."""
    return {
        "Content-Type": evidence.media_type,
        "Content-Length": str(evidence.size),
        "Content-Disposition": content_disposition(str(evidence.file_name)),
        "ETag": etag,
        "Repr-Digest": f"sha-256=:{b64encode(bytes.fromhex(str(evidence.sha256))).decode()}:",
        "Cache-Control": "private, no-cache",
    }


def content_disposition(file_name: str) -> str:
    """RFC 6266: an ASCII stand-in for old readers, and the name itself by RFC 8187."""
    plain = "".join(letter if letter.isascii() and letter.isprintable() else "_" for letter in file_name)
    plain = plain.replace("\\", "_").replace('"', "_").replace("%", "_")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(file_name, safe='!#$&+-.^_`|~')}"
