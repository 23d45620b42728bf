"""Writes on items: drafting, describing, deleting a draft, moving one or many through the life cycle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import asyncpg
from pydantic import ValidationError

from app.access.actor import Actor
from app.access.guarding import ItemWriting, Writing
from app.core import clock
from app.core.db import Reader, Row, Tx
from app.core.errors import Fault, Problem, Text
from app.core.form_schema import content_faults
from app.core.http import Reply
from app.core.ids import uuid7
from app.core.messages import validation_problem
from app.core.problem_json import document
from app.features.identify import schemas
from app.lifecycle.advance import Moved, advance, drop_draft
from app.lifecycle.calendars import load_calendar
from app.lifecycle.children import OpenItem, open_item, save_item
from app.lifecycle.children import Writing as ChildWriting
from app.lifecycle.childwrites import Child, Operation
from app.lifecycle.create import Draft, insert_items
from app.lifecycle.judge import Step
from app.lifecycle.search import write_search
from app.lifecycle.states import Confidentiality, State
from app.lifecycle.view import etag_of, item_reply, own_items

REFERENCES = """
SELECT (SELECT status FROM ledger WHERE id = $1) AS ledger_status,
  (SELECT json_build_array(schema_version, json_schema) FROM source_type WHERE code = $2 AND active
     AND ($3::int IS NULL OR schema_version = $3) ORDER BY schema_version DESC LIMIT 1) AS source_type,
  $4::text IS NULL OR EXISTS (SELECT FROM category WHERE code = $4 AND active) AS category_known,
  (SELECT coalesce(array_agg(u.id), '{}') FROM unit u WHERE u.id = ANY($5::uuid[])
     AND (u.active_until IS NULL OR u.active_until >= $6)) AS units
"""
REF_TAKEN = Text("该外部编号已有对应事项", "There is an item of this external reference already")
SUBMITTED_ONCE = Text("草稿提交过一次即不能删除", "a draft that was submitted once cannot be deleted")
_OFFICE_FIELDS = frozenset(
    {"title", "description", "source", "category", "severity", "found_on", "responsible_unit_id"}
)


async def draft(tx: Tx, write: Writing, body: schemas.ItemIn) -> Reply:
    """A draft belongs to its author and the author's unit; it has no number yet."""
    actor = write.actor
    unit_id = actor.unit_id or next(iter(actor.finder_units), None) or next(iter(actor.reading_units), None)
    if unit_id is None:
        raise Problem("forbidden", Text("您没有所属单位，不能起草事项", "You belong to no unit and cannot draft items"))
    found = await _references(tx, body.ledger_id, body.source.type, None, body.category,
                              [body.responsible_unit_id, body.source.unit_id])  # fmt: skip
    version, fields_schema = found["source_type"]
    _check_fields(fields_schema, body.source.fields)
    columns = _columns(body) | {
        "source_schema_version": version, "finder_person_id": actor.person_id, "finder_unit_id": unit_id,
    }  # fmt: skip
    made = Draft(uuid7(), columns, "item.drafted", _told(body))
    try:
        await insert_items(tx, actor, [made], await load_calendar(tx))
    except asyncpg.UniqueViolationError as error:
        if error.constraint_name != "uq_item_external_ref":
            raise
        raise Problem("duplicate_value", faults=[Fault("duplicate_value", REF_TAKEN, "/external_ref")]) from None
    return await item_reply(tx, actor, made.id, 201)


def _told(body: schemas.ItemIn) -> dict[str, Any]:
    """What was asked for, without what the event tells of the row's own columns."""
    return body.model_dump(mode="json", exclude_none=True, exclude={"source", "external_ref", "major_matter"})


def _columns(body: schemas.ItemIn) -> dict[str, Any]:
    source, major, external = body.source, body.major_matter, body.external_ref
    return {
        "ledger_id": body.ledger_id, "title": body.title or "", "description": body.description,
        "source_type": source.type, "source_unit_id": source.unit_id, "source_document": source.document,
        "source_document_no": source.document_no, "source_quote": source.quote, "source_path": list(source.path),
        "source_fields": dict(source.fields), "category": body.category,
        "severity": None if body.severity is None else body.severity.value,
        "confidentiality": body.confidentiality.value, "major_kind": None if major is None else major.kind.value,
        "major_basis": None if major is None else major.basis, "found_on": body.found_on,
        "responsible_unit_id": body.responsible_unit_id, "remarks": body.remarks,
        "external_system": None if external is None else external.system,
        "external_id": None if external is None else external.id,
    }  # fmt: skip


UNKNOWN = {
    "ledger_unknown": ("/ledger_id", Text("台账不存在", "the ledger does not exist")),
    "ledger_archived": ("/ledger_id", Text("台账已归档", "the ledger is archived")),
    "source_type_unknown": ("/source/type", Text("问题来源类型不存在", "unknown source type")),
    "category_unknown": ("/category", Text("问题类别不存在", "unknown category")),
    "unit_unknown": ("/responsible_unit_id", Text("单位不存在或已停用", "unknown unit")),
}


async def _references(
    reader: Reader,
    ledger_id: UUID,
    source_type: str,
    version: int | None,
    category: str | None,
    units: Sequence[UUID | None],
) -> Row:
    """What the draft points at; whatever does not exist is named, all of it at once."""
    wanted = [unit for unit in units if unit is not None]
    row = await reader.fetchrow(REFERENCES, ledger_id, source_type, version, category, wanted, clock.today())
    if row is None:
        raise Problem("not_found")
    wrong = {
        "ledger_unknown": row["ledger_status"] is None,
        "ledger_archived": row["ledger_status"] == "archived",
        "source_type_unknown": row["source_type"] is None,
        "category_unknown": not row["category_known"],
        "unit_unknown": not set(wanted) <= set(row["units"]),
    }
    found = [(code, *UNKNOWN[code]) for code, is_wrong in wrong.items() if is_wrong]
    if found:
        faults = [Fault(code, text, pointer=where, rule=f"reference.{code}") for code, where, text in found]
        raise Problem("guards_unmet", faults=faults)
    return row


def _check_fields(json_schema: Mapping[str, Any], fields: Mapping[str, Any]) -> None:
    """The extra fields against the source type's schema; messages name the place, never the value."""
    faults = content_faults(json_schema, fields, "/source/fields")
    if faults:
        raise Problem("guards_unmet", faults=faults)


async def describe(tx: Tx, write: ItemWriting, body: schemas.ItemPatch) -> Reply:
    """Each group of fields has its own season; a patch that touches several must be in season for all of them."""
    named = body.model_fields_set
    groups = [
        child
        for child, fields in (
            (Child.DESCRIPTION, _OFFICE_FIELDS), (Child.ANALYSIS, {"goal", "root_cause"}), (Child.REMARKS, {"remarks"}),
        )
        if named & fields
    ]  # fmt: skip
    opened: OpenItem | None = None
    for child in groups:
        opened = await open_item(tx, write.actor, write.item_id, child, Operation.UPDATE, if_match=write.call.if_match)
    if opened is None:
        raise Problem("not_found")
    changes = await _patched(tx, opened.row, body)
    told = body.model_dump(mode="json", exclude_unset=True, exclude={"source"})
    units = {"responsible_unit_id", "source_unit_id"} & changes.keys()
    await save_item(tx, write.actor, opened, ChildWriting("item.described", told, changes, units_changed=bool(units)))
    if {"title", "description"} & changes.keys():
        await write_search(tx, [{**opened.row, **changes}])
    return await item_reply(tx, write.actor, write.item_id)


async def _patched(tx: Tx, row: Mapping[str, Any], body: schemas.ItemPatch) -> dict[str, Any]:
    if row["confidentiality"] == Confidentiality.SECRET_STUB and (
        body.model_fields_set & {"title", "description", "source", "goal", "root_cause", "remarks"}
    ):
        raise Problem("child_frozen", Text("涉密占位事项不得填写文字", "a secret stub carries no text"))
    given = body.model_dump(exclude_unset=True, exclude={"source"})
    changes: dict[str, Any] = {name: getattr(value, "value", value) for name, value in given.items()}
    if body.source is not None:
        for name, value in body.source.model_dump(exclude_unset=True).items():
            empty: Any = {"path": [], "fields": {}}.get(name)
            changes[f"source_{name}"] = empty if value is None else value
    _keep_required(row, changes)
    found = await _references(tx, row["ledger_id"], row["source_type"], row["source_schema_version"],
                              changes.get("category"),
                              [changes.get("responsible_unit_id"), changes.get("source_unit_id")])  # fmt: skip
    if "source_fields" in changes:
        _check_fields(found["source_type"][1], changes["source_fields"])
    return changes


REQUIRED = {
    "title": Text("标题", "title"), "category": Text("问题类别", "category"), "severity": Text("问题等级", "severity"),
    "responsible_unit_id": Text("责任单位", "responsible_unit_id"), "found_on": Text("发现日期", "found_on"),
    "description": Text("问题描述", "description"), "source_quote": Text("来源原文", "source.quote"),
    "source_document": Text("来源文件", "source.document"), "source_document_no": Text("来源文号", "source.document_no"),
}  # fmt: skip


def _keep_required(row: Mapping[str, Any], changes: Mapping[str, Any]) -> None:
    """What a step has asked for and got is corrected, never taken away again: only a draft can still be emptied."""
    if row["state"] == State.DRAFT:
        return
    emptied = [name for name in REQUIRED if name in changes and changes[name] in (None, "") and row[name]]
    if emptied:
        faults = [
            Fault(
                "required", Text(f"{REQUIRED[name].zh}可以更正，不能清空", f"{REQUIRED[name].en} may be corrected, not emptied"),
                rule=f"describe.required.{name}",
            )
            for name in emptied
        ]  # fmt: skip
        raise Problem("guards_unmet", faults=faults)


async def delete_draft(tx: Tx, write: ItemWriting) -> Reply:
    """Only what its finder alone has ever seen; anything submitted once stays for good."""
    opened = await open_item(
        tx, write.actor, write.item_id, Child.DRAFT, Operation.DELETE, if_match=write.call.if_match
    )
    if opened.row["entered_seq"] > 1:
        raise Problem("not_deletable", SUBMITTED_ONCE)
    await drop_draft(tx, write.actor, opened.row)
    return Reply(204, None)


def step_of(item_id: UUID, body: Any, if_match: str | None) -> Step:
    return Step(
        item_id, body.action, body.data, if_match, body.comment, body.occurred_at, body.on_behalf_of, body.document
    )


async def transition(tx: Tx, write: ItemWriting, body: Any, *, dry_run: bool = False) -> Reply:
    """One action on one item; the reply shows the transition and the item as its caller now sees it."""
    actor = write.actor
    step = step_of(write.item_id, body, write.call.if_match)
    outcome = (await advance(tx, actor, [step], dry_run=dry_run))[0]
    if isinstance(outcome, Problem):
        raise outcome
    item = (await own_items(tx, actor, [write.item_id]))[write.item_id]
    reply = schemas.TransitionReply(transition=_done(outcome, actor), item=item)
    if dry_run:
        return Reply(200, reply, etag=etag_of(item, actor, clock.today()))
    return Reply(
        201, reply, etag=etag_of(item, actor, clock.today()), location=f"/v1/items/{write.item_id}/transitions"
    )


def _done(moved: Moved, actor: Actor) -> schemas.TransitionDone:
    return schemas.TransitionDone(
        id=moved.event_id,
        item_id=moved.step.item_id,
        seq=moved.seq,
        action=moved.step.action,
        from_state=moved.from_state,
        to_state=moved.to_state,
        occurred_at=moved.occurred_at,
        recorded_at=moved.at,
        actor=schemas.Actor(person_id=actor.person_id, unit_id=actor.unit_id, on_behalf_of=moved.on_behalf_of),
    )


async def batch(tx: Tx, write: Writing, body: schemas.BatchIn, visible: set[UUID]) -> Reply:
    """One action on many items in one transaction; `partial` keeps what passed, `atomic` keeps all or nothing."""
    prepared: list[Step | Problem] = [_prepare(body, item, visible) for item in body.items]
    steps = [step for step in prepared if isinstance(step, Step)]
    if body.mode is schemas.BatchMode.ATOMIC:
        _raise_first(body, prepared)
    moved = dict(zip((step.item_id for step in steps), await advance(tx, write.actor, steps), strict=True))
    outcomes = [one if isinstance(one, Problem) else moved[one.item_id] for one in prepared]
    if body.mode is schemas.BatchMode.ATOMIC:
        _raise_first(body, outcomes)
    states = await tx.fetch(
        "SELECT id, number, version FROM item WHERE id = ANY($1::uuid[])", [s.item_id for s in steps]
    )
    known = {row["id"]: row for row in states}
    receipts = _receipts(tx, write)
    results = [
        _result(write, item, outcome, known.get(item.id), receipts)
        for item, outcome in zip(body.items, outcomes, strict=True)
    ]
    failed = sum(result.problem is not None for result in results)
    summary = schemas.BatchSummary(total=len(results), succeeded=len(results) - failed, failed=failed)
    return Reply(
        200 if body.mode is schemas.BatchMode.ATOMIC else 207, schemas.BatchReply(items=results, summary=summary)
    )


def _prepare(body: schemas.BatchIn, item: schemas.BatchItem, visible: set[UUID]) -> Step | Problem:
    if item.id not in visible:
        return Problem("not_found")
    model = schemas.ACTION_MODELS[body.action]
    try:
        parsed = model.model_validate(
            {
                "action": body.action,
                "comment": item.comment,
                "occurred_at": item.occurred_at,
                "document": item.document,
                "data": item.data,
            }
        )
    except ValidationError as error:
        sent = {"action": body.action, "data": item.data}
        return validation_problem([{**found, "loc": ("body", *found["loc"])} for found in error.errors()], sent)
    return step_of(item.id, parsed, f'"v{item.version}"')


def _raise_first(body: schemas.BatchIn, outcomes: Sequence[object]) -> None:
    """The first refusal decides the status; each item's faults are named by its place in the request."""
    refused = [(place, outcome) for place, outcome in enumerate(outcomes) if isinstance(outcome, Problem)]
    if not refused:
        return
    first = refused[0][1]
    faults = []
    for place, problem in refused:
        text = problem.detail or problem.kind.title
        own = problem.faults or (Fault(problem.code, text),)
        faults += [Fault(f.code, f.detail, pointer=f"/items/{place}", rule=f.rule, members=f.members) for f in own]
    raise Problem(first.code, faults=faults, failed=len(refused), total=len(body.items), **first.members)


def _receipts(tx: Tx, write: Writing) -> dict[UUID, str]:
    """By event: each item of a batch has a receipt of its own, since one header cannot vouch for two hundred."""
    vouch = write.call.receipts
    return {} if vouch is None else {event.event_id: vouch.encoded(event) for event in tx.recorded}


def _result(
    write: Writing, item: schemas.BatchItem, outcome: Moved | Problem, row: Row | None, receipts: Mapping[UUID, str]
) -> schemas.BatchResult:
    if isinstance(outcome, Problem):
        told = document(outcome, language=write.call.language, request_id=write.call.request_id)
        return schemas.BatchResult(
            client_ref=item.client_ref, id=item.id, status=outcome.status, version=None, number=None, state=None,
            transition_id=None, receipt=None, problem=told,
        )  # fmt: skip
    return schemas.BatchResult(
        client_ref=item.client_ref, id=item.id, status=201, version=outcome.seq,
        number=None if row is None else row["number"], state=State(outcome.to_state), transition_id=outcome.event_id,
        receipt=receipts.get(outcome.event_id), problem=None,
    )  # fmt: skip
