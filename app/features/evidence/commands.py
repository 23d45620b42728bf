"""Adding and removing evidence: who may write the target may show something for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from sqlmodel import SQLModel

from app.access.guarding import ItemWriting
from app.core.db import Tx
from app.core.errors import Fault, Problem, Text
from app.core.http import Reply
from app.core.ids import uuid7
from app.features.evidence import queries, schemas
from app.features.evidence.schemas import TargetKind
from app.features.evidence.upload import Uploaded
from app.lifecycle.child_views import child_reply, locked_child, refuse_stub, require_current, target_row
from app.lifecycle.children import Writing, measure_parties, open_item, save_item
from app.lifecycle.childwrites import Child, Operation
from app.lifecycle.parties import Party
from app.tables import closeout, rectify
from app.trail.redactions import HOLD_CONTENT, content_lock

CHILDREN: Final[Mapping[TargetKind, Child]] = {
    TargetKind.ITEM: Child.EVIDENCE_ITEM,
    TargetKind.MEASURE: Child.EVIDENCE_WORK,
    TargetKind.CRITERION: Child.EVIDENCE_WORK,
    TargetKind.PROGRESS: Child.EVIDENCE_WORK,
    TargetKind.OUTCOME: Child.EVIDENCE_WORK,
    TargetKind.GATE: Child.EVIDENCE_GATE,
    TargetKind.SURVEY: Child.EVIDENCE_GATE,
    TargetKind.DECISION: Child.EVIDENCE_DECISION,
    TargetKind.NOTICE: Child.EVIDENCE_NOTICE,
}
_TABLES: Final[Mapping[TargetKind, type[SQLModel]]] = {
    TargetKind.MEASURE: rectify.Measure,
    TargetKind.CRITERION: rectify.Criterion,
    TargetKind.PROGRESS: rectify.ProgressReport,
    TargetKind.OUTCOME: rectify.Outcome,
    TargetKind.GATE: closeout.GateResult,
    TargetKind.SURVEY: closeout.Survey,
    TargetKind.DECISION: closeout.Decision,
}
_TOLD: Final = ("id", "target_kind", "target_id", "file_name", "media_type", "size", "sha256", "description")
_UNKNOWN: Final = Fault(
    "unknown_reference", Text("所佐证的对象不存在", "What it is shown for does not exist"), "/target_id",
    rule="reference.target_unknown",
)  # fmt: skip
_CITED: Final = Text(
    "该材料已被销号申请、核查或决策引用，不能删除", "A submission, gate or decision cites the file; it stays"
)


async def add_evidence(tx: Tx, write: ItemWriting, uploaded: Uploaded) -> Reply:
    """Raises forbidden, child_frozen and guards_unmet (unknown target); the file is kept only if none of them is."""
    form, stored = uploaded.form, uploaded.received.stored
    target = await target_row(tx, _TABLES.get(form.target_kind), write.item_id, form.target_id)
    own = await _own(tx, write, form.target_kind, target)
    opened = await open_item(tx, write.actor, write.item_id, CHILDREN[form.target_kind], Operation.CREATE, own=own)
    refuse_stub(opened)
    if form.target_id is not None and target is None:
        raise Problem("guards_unmet", faults=[_UNKNOWN])
    if target is not None:
        require_current(opened, target)
    await tx.fetchval(HOLD_CONTENT, content_lock(stored.sha256))
    row = {
        "id": uuid7(),
        "cycle": opened.row["cycle"],
        **form.model_dump(),
        "file_name": uploaded.file_name,
        "media_type": stored.media_type,
        "size": stored.size,
        "sha256": stored.sha256,
        "cited": False,
        "author_id": write.actor.person_id,
        "created_at": opened.now,
    }
    writing = Writing(
        "item.evidence_added",
        {"evidence": _told(row)},
        inserts=[(rectify.Evidence, row)],
        attachments=[(stored.sha256, stored.size)],
    )
    await save_item(tx, write.actor, opened, writing)
    reply = await child_reply(
        tx, write.actor, queries.EVIDENCE, schemas.Evidence, opened.id, row["id"], made_at="evidence"
    )
    # Last before the commit: a row must never name a file that is not there, a file without a row harms nobody.
    await uploaded.received.keep()
    return reply


async def delete_evidence(tx: Tx, write: ItemWriting, evidence_id: UUID) -> Reply:
    """The file itself stays, since the history names its digest.

    Raises not_found, forbidden, precondition_required, version_mismatch and child_frozen.
    """
    row = await locked_child(tx, rectify.Evidence, write.item_id, evidence_id)
    kind = TargetKind(row["target_kind"])
    own = await _own(tx, write, kind, await target_row(tx, _TABLES.get(kind), write.item_id, row["target_id"]))
    opened = await open_item(
        tx, write.actor, write.item_id, CHILDREN[kind], Operation.DELETE, if_match=write.call.if_match, own=own
    )
    require_current(opened, row)
    if row["cited"]:
        raise Problem("child_frozen", _CITED, current_state=opened.row["state"])
    writing = Writing(
        "item.evidence_removed",
        {"evidence": _told(row)},
        deletes=[(rectify.Evidence, evidence_id)],
    )
    return Reply(204, None, write.actor.etag(await save_item(tx, write.actor, opened, writing)))


async def _own(tx: Tx, write: ItemWriting, kind: TargetKind, target: Mapping[str, Any] | None) -> frozenset[Party]:
    """Units and persons of a measure show evidence for it, and for what was reported on it."""
    measure = target if kind is TargetKind.MEASURE else None
    if kind is TargetKind.PROGRESS and target is not None:
        measure = await target_row(tx, rectify.Measure, write.item_id, target["measure_id"])
    if measure is None:
        return frozenset()
    return await measure_parties(tx, write.actor, measure["unit_id"], measure["person_id"])


def _told(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in _TOLD}
