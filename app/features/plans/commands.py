"""Writing measures and criteria: content while the plan is made, the standing of measures while it is carried out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from app.access.actor import Actor
from app.access.guarding import ItemWriting, require
from app.access.permissions import Permission
from app.core.db import Tx
from app.core.errors import Fault, Problem, Text
from app.core.http import Reply
from app.core.ids import uuid7
from app.features.plans import queries, schemas
from app.lifecycle.child_views import child_reply, locked_child, refuse_stub, require_current
from app.lifecycle.children import OpenItem, Writing, measure_parties, open_item, save_item
from app.lifecycle.childwrites import Child, Operation
from app.lifecycle.effect import ChildUpdate
from app.lifecycle.measure_status import settled
from app.lifecycle.states import MeasureStatus
from app.tables import rectify as tables

_UNIT_UNKNOWN: Final = Fault(
    "unknown_reference", Text("单位不存在或已停用", "The unit is unknown or inactive"), "/unit_id",
    rule="reference.unit_unknown",
)  # fmt: skip
_PERSON_UNKNOWN: Final = Fault(
    "unknown_reference", Text("人员不存在或已停用", "The person is unknown or inactive"), "/person_id",
    rule="reference.person_unknown",
)  # fmt: skip
_ADJUSTED: Final = Text("该措施已调整取消", "The measure was adjusted away")
_MEASURE_TOLD: Final = (
    "id", "content", "kind", "unit_id", "person_id", "due_on", "weight", "status", "percent", "done_on",
)  # fmt: skip
_CRITERION_TOLD: Final = ("id", "content", "is_physical")


async def create_measure(tx: Tx, write: ItemWriting, body: schemas.MeasureIn) -> Reply:
    """Raises forbidden, child_frozen and guards_unmet (unknown unit or person)."""
    opened = await open_item(tx, write.actor, write.item_id, Child.MEASURE, Operation.CREATE)
    refuse_stub(opened)
    await _require_known(tx, opened, body.unit_id, body.person_id)
    row = {
        **_new(opened, write.actor, await tx.fetchval(queries.NEXT_MEASURE, opened.id, opened.row["cycle"])),
        **body.model_dump(),
        "status": MeasureStatus.NOT_STARTED.value, "percent": 0, "done_on": None,
    }  # fmt: skip
    writing = Writing(
        "item.measure_added",
        {"measure": _told(row, _MEASURE_TOLD)},
        inserts=[(tables.Measure, row)],
        recount=True,
        people_changed=body.person_id is not None,
    )
    await save_item(tx, write.actor, opened, writing)
    return await child_reply(
        tx, write.actor, queries.MEASURES, schemas.Measure, opened.id, row["id"], made_at="measures"
    )


async def change_measure(tx: Tx, write: ItemWriting, measure_id: UUID, body: schemas.MeasurePatch) -> Reply:
    """Raises not_found, forbidden, precondition_required, version_mismatch, child_frozen and guards_unmet."""
    if not body.about_status:
        require(write.actor, Permission.PLAN_WRITE)
    row = await locked_child(tx, tables.Measure, write.item_id, measure_id)
    if body.about_status:
        await _report_status(tx, write, row, body)
    else:
        await _change_content(tx, write, row, body)
    return await child_reply(tx, write.actor, queries.MEASURES, schemas.Measure, write.item_id, measure_id)


async def _change_content(tx: Tx, write: ItemWriting, row: Mapping[str, Any], body: schemas.MeasurePatch) -> None:
    opened = await open_item(
        tx, write.actor, write.item_id, Child.MEASURE, Operation.UPDATE, if_match=write.call.if_match
    )
    require_current(opened, row)
    refuse_stub(opened)
    await _require_known(tx, opened, body.unit_id, body.person_id)
    changes = body.changes()
    writing = Writing(
        "item.measure_changed",
        {"measure": {"id": row["id"], **changes}},
        updates=[ChildUpdate(tables.Measure, {"id": row["id"]}, {**changes, "updated_at": opened.now})],
        recount=True,
        people_changed="person_id" in changes,
    )
    await save_item(tx, write.actor, opened, writing)


async def _report_status(tx: Tx, write: ItemWriting, row: Mapping[str, Any], body: schemas.MeasurePatch) -> None:
    own = await measure_parties(tx, write.actor, row["unit_id"], row["person_id"])
    opened = await open_item(
        tx, write.actor, write.item_id, Child.MEASURE_STATUS, Operation.UPDATE, if_match=write.call.if_match, own=own
    )
    require_current(opened, row)
    refuse_stub(opened)
    if row["status"] == MeasureStatus.ADJUSTED_AWAY:
        raise Problem("child_frozen", _ADJUSTED, current_state=opened.row["state"])
    changes = settled(row, body.report, opened.today)
    writing = Writing(
        "item.measure_progressed",
        {"measure": {"id": row["id"], **changes}},
        updates=[ChildUpdate(tables.Measure, {"id": row["id"]}, {**changes, "updated_at": opened.now})],
        recount=True,
    )
    await save_item(tx, write.actor, opened, writing)


async def delete_measure(tx: Tx, write: ItemWriting, measure_id: UUID) -> Reply:
    """Raises not_found, forbidden, precondition_required, version_mismatch and child_frozen."""
    row = await locked_child(tx, tables.Measure, write.item_id, measure_id)
    opened = await open_item(
        tx, write.actor, write.item_id, Child.MEASURE, Operation.DELETE, if_match=write.call.if_match
    )
    require_current(opened, row)
    await _require_unused(tx, opened, "measure", measure_id)
    writing = Writing(
        "item.measure_removed",
        {"measure": _told(row, _MEASURE_TOLD)},
        deletes=[(tables.Measure, measure_id)],
        recount=True,
        people_changed=row["person_id"] is not None,
    )
    return Reply(204, None, write.actor.etag(await save_item(tx, write.actor, opened, writing)))


async def create_criterion(tx: Tx, write: ItemWriting, body: schemas.CriterionIn) -> Reply:
    """Raises forbidden and child_frozen."""
    opened = await open_item(tx, write.actor, write.item_id, Child.CRITERION, Operation.CREATE)
    refuse_stub(opened)
    position = await tx.fetchval(queries.NEXT_CRITERION, opened.id, opened.row["cycle"])
    row = {**_new(opened, write.actor, position), **body.model_dump()}
    writing = Writing(
        "item.criterion_added",
        {"criterion": _told(row, _CRITERION_TOLD)},
        inserts=[(tables.Criterion, row)],
        recount=True,
    )
    await save_item(tx, write.actor, opened, writing)
    return await child_reply(
        tx, write.actor, queries.CRITERIA, schemas.Criterion, opened.id, row["id"], made_at="criteria"
    )


async def change_criterion(tx: Tx, write: ItemWriting, criterion_id: UUID, body: schemas.CriterionPatch) -> Reply:
    """Raises not_found, forbidden, precondition_required, version_mismatch and child_frozen."""
    row = await locked_child(tx, tables.Criterion, write.item_id, criterion_id)
    opened = await open_item(
        tx, write.actor, write.item_id, Child.CRITERION, Operation.UPDATE, if_match=write.call.if_match
    )
    require_current(opened, row)
    refuse_stub(opened)
    changes = body.changes()
    writing = Writing(
        "item.criterion_changed",
        {"criterion": {"id": criterion_id, **changes}},
        updates=[ChildUpdate(tables.Criterion, {"id": criterion_id}, {**changes, "updated_at": opened.now})],
    )
    await save_item(tx, write.actor, opened, writing)
    return await child_reply(tx, write.actor, queries.CRITERIA, schemas.Criterion, write.item_id, criterion_id)


async def delete_criterion(tx: Tx, write: ItemWriting, criterion_id: UUID) -> Reply:
    """Raises not_found, forbidden, precondition_required, version_mismatch and child_frozen."""
    row = await locked_child(tx, tables.Criterion, write.item_id, criterion_id)
    opened = await open_item(
        tx, write.actor, write.item_id, Child.CRITERION, Operation.DELETE, if_match=write.call.if_match
    )
    require_current(opened, row)
    await _require_unused(tx, opened, "criterion", criterion_id)
    writing = Writing(
        "item.criterion_removed",
        {"criterion": _told(row, _CRITERION_TOLD)},
        deletes=[(tables.Criterion, criterion_id)],
        recount=True,
    )
    return Reply(204, None, write.actor.etag(await save_item(tx, write.actor, opened, writing)))


def _new(opened: OpenItem, actor: Actor, position: int) -> dict[str, Any]:
    return {
        "id": uuid7(),
        "cycle": opened.row["cycle"],
        "position": position,
        "author_id": actor.person_id,
        "on_behalf_of": opened.on_behalf,
        "created_at": opened.now,
        "updated_at": opened.now,
    }


def _told(row: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: row[name] for name in names}


async def _require_known(tx: Tx, opened: OpenItem, unit_id: UUID | None, person_id: UUID | None) -> None:
    """Both are looked at, so that one answer tells everything that is wrong."""
    faults = []
    if unit_id is not None and not await tx.fetchval(queries.ACTIVE_UNIT, unit_id, opened.today):
        faults.append(_UNIT_UNKNOWN)
    if person_id is not None and not await tx.fetchval(queries.ACTIVE_PERSON, person_id):
        faults.append(_PERSON_UNKNOWN)
    if faults:
        raise Problem("guards_unmet", faults=faults)


async def _require_unused(tx: Tx, opened: OpenItem, target_kind: str, target_id: UUID) -> None:
    """Evidence never loses what it was shown for."""
    if await tx.fetchval(queries.HAS_EVIDENCE, opened.id, target_kind, target_id):
        raise Problem("not_deletable")
