"""Reporting what was done, and what it yielded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from app.access.guarding import ItemWriting
from app.core.db import Tx
from app.core.errors import Problem, Text
from app.core.http import Reply
from app.core.ids import uuid7
from app.features.progress import queries, schemas
from app.lifecycle.child_views import child_reply, locked_child, refuse_stub, require_current
from app.lifecycle.children import OpenItem, Writing, measure_parties, open_item, save_item
from app.lifecycle.childwrites import Child, Operation, allowed
from app.lifecycle.effect import ChildUpdate
from app.lifecycle.judge import NOT_YOURS
from app.lifecycle.measure_status import Report, settled
from app.lifecycle.parties import Party
from app.lifecycle.states import MeasureStatus, State
from app.tables import rectify as tables
from app.tables.past import OutcomeGone

_ADJUSTED: Final = Text("该措施已调整取消", "The measure was adjusted away")
_OUTCOME_TOLD: Final = (
    "id", "kind", "name", "document_no", "achieved_on", "amount_fen", "quantity", "quantity_unit", "detail",
)  # fmt: skip


async def report_progress(tx: Tx, write: ItemWriting, body: schemas.ProgressIn) -> Reply:
    """Cooperating units and assignees report on their own measure only.

    Raises not_found (measure), forbidden and child_frozen.
    """
    measure, own = await _measure(tx, write, body.measure_id)
    opened = await open_item(tx, write.actor, write.item_id, Child.PROGRESS, Operation.CREATE, own=own)
    refuse_stub(opened)
    if measure is not None:
        require_current(opened, measure)
    row = {
        "id": uuid7(),
        "cycle": opened.row["cycle"],
        **body.model_dump(exclude={"percent"}),
        "author_id": write.actor.person_id,
        "created_at": opened.now,
    }
    told: dict[str, Any] = {"progress": {"id": row["id"], **body.model_dump(exclude={"percent"})}}
    moved = _moved(opened, measure, body.percent)
    if moved:
        told["measure"] = {"id": body.measure_id, **moved}
    writing = Writing(
        "item.progress_reported",
        told,
        changes=_latest(opened, body),
        inserts=[(tables.ProgressReport, row)],
        updates=[ChildUpdate(tables.Measure, {"id": body.measure_id}, {**moved, "updated_at": opened.now})]
        if moved
        else (),
        recount=bool(moved),
    )
    await save_item(tx, write.actor, opened, writing)
    return await child_reply(
        tx, write.actor, queries.REPORTS, schemas.ProgressReport, opened.id, row["id"], made_at="progress"
    )


async def _measure(
    tx: Tx, write: ItemWriting, measure_id: UUID | None
) -> tuple[Mapping[str, Any] | None, frozenset[Party]]:
    if measure_id is None:
        return None, frozenset()
    measure = await locked_child(tx, tables.Measure, write.item_id, measure_id)
    return measure, await measure_parties(tx, write.actor, measure["unit_id"], measure["person_id"])


def _moved(opened: OpenItem, measure: Mapping[str, Any] | None, percent: int | None) -> dict[str, Any]:
    """The standing of a measure is its own right: who may report is not always who may set it."""
    if measure is None or percent is None:
        return {}
    if not allowed(Child.MEASURE_STATUS, Operation.UPDATE, State(opened.row["state"]), opened.played):
        raise Problem("forbidden", NOT_YOURS)
    if measure["status"] == MeasureStatus.ADJUSTED_AWAY:
        raise Problem("child_frozen", _ADJUSTED, current_state=opened.row["state"])
    return settled(measure, Report(percent=percent), opened.today)


def _latest(opened: OpenItem, body: schemas.ProgressIn) -> dict[str, Any]:
    """A report entered late does not displace what is known of a later day."""
    known = opened.row["progress_latest"]
    reported = body.reported_on.isoformat()
    if known is not None and known["reported_on"] > reported:
        return {}
    return {
        "progress_latest": {
            "reported_on": reported,
            "assessment": body.assessment.value,
            "content": body.content,
        }
    }


async def create_outcome(tx: Tx, write: ItemWriting, body: schemas.OutcomeIn) -> Reply:
    """Raises forbidden and child_frozen."""
    opened = await open_item(tx, write.actor, write.item_id, Child.OUTCOME, Operation.CREATE)
    refuse_stub(opened)
    row = {
        "id": uuid7(),
        "cycle": opened.row["cycle"],
        **body.model_dump(),
        "author_id": write.actor.person_id,
        "created_at": opened.now,
    }
    writing = Writing("item.outcome_added", {"outcome": _told(row)}, inserts=[(tables.Outcome, row)])
    await save_item(tx, write.actor, opened, writing)
    return await child_reply(
        tx, write.actor, queries.OUTCOMES, schemas.Outcome, opened.id, row["id"], made_at="outcomes"
    )


async def delete_outcome(tx: Tx, write: ItemWriting, outcome_id: UUID) -> Reply:
    """Raises not_found, forbidden, precondition_required, version_mismatch, child_frozen and not_deletable."""
    row = await locked_child(tx, tables.Outcome, write.item_id, outcome_id)
    opened = await open_item(
        tx, write.actor, write.item_id, Child.OUTCOME, Operation.DELETE, if_match=write.call.if_match
    )
    require_current(opened, row)
    if await tx.fetchval(queries.HAS_EVIDENCE, opened.id, outcome_id):
        raise Problem("not_deletable")
    kept = {name: row[name] for name in ("item_id", "id", "kind", "amount_fen", "quantity", "created_at")}
    await tx.insert(OutcomeGone, [kept | {"gone_at": opened.now}])
    writing = Writing("item.outcome_removed", {"outcome": _told(row)}, deletes=[(tables.Outcome, outcome_id)])
    return Reply(204, None, write.actor.etag(await save_item(tx, write.actor, opened, writing)))


def _told(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in _OUTCOME_TOLD}
