"""Asking for a redaction, and deciding on it: never by one person."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from app.access.actor import Actor
from app.access.guarding import Writing
from app.core import clock, idempotency
from app.core.db import Row, Tx
from app.core.errors import Fault, Problem, Text
from app.core.etag import require_version
from app.core.http import Reply
from app.core.ids import uuid7
from app.features.redactions import queries, schemas
from app.lifecycle.advance import Change, save
from app.lifecycle.calendars import load_calendar
from app.lifecycle.effect import ChildUpdate
from app.lifecycle.gather import lock_items
from app.lifecycle.search import write_search
from app.lifecycle.transitions import RULES
from app.trail import redactions
from app.trail.envelope import Entry
from app.trail.record import record, record_items
from app.trail.redact import TABLES, Material, Plan, digest_of, where

EVENT: Final = "item.redacted"
_ORIGIN: Final = "item_origin"
_DECIDED: Final = Text("该申请已有结论", "The request was decided on")
_OWN: Final = Text("申请人不得审批自己的脱敏申请", "Whoever asked for a redaction does not decide on it")


async def ask(tx: Tx, write: Writing, body: schemas.RedactionIn) -> Reply:
    """Raises conflict for an unknown item and for places where nothing is."""
    asked = [place.model_dump(mode="json") for place in body.places]
    _, found = await queries.planned(tx, body.item_id, asked)
    places = [_with_digest(place, found) for place in asked]
    facts = {"item_id": body.item_id, "basis": body.basis.value, "places": places}
    redaction_id = uuid7()
    state = {"status": "requested", "requested_by": write.actor.person_id, "requested_at": _at(tx), "version": 1}
    await redactions.ask(tx, {"id": redaction_id, **facts, **state})
    await record(tx, write.actor, [Entry("redaction", redaction_id, "redaction.requested", _at(tx), facts, ver=1)])
    return await _reply(tx, write.actor, redaction_id, made_at=f"/v1/trail/redactions/{redaction_id}")


def _with_digest(place: dict[str, Any], found: Material) -> dict[str, Any]:
    """A file's digest beside its id: its record may be gone by the time its bytes are removed."""
    if place["kind"] != "file":
        return place
    return place | {"sha256": digest_of(found, place["evidence_id"])}


async def reject(tx: Tx, write: Writing, redaction_id: UUID) -> Reply:
    """Raises not_found, precondition_required, version_mismatch, conflict (decided already) and separation_of_duties."""
    row = await _open(tx, write, redaction_id)
    await redactions.decide(tx, redaction_id, "rejected", write.actor.person_id)
    entry = Entry("redaction", redaction_id, "redaction.rejected", _at(tx), ver=row["version"] + 1)
    await record(tx, write.actor, [entry])
    return await _reply(tx, write.actor, redaction_id)


async def approve(tx: Tx, write: Writing, redaction_id: UUID) -> Reply:
    """As `reject`; and conflict where a place holds nothing any more. The item tells it with an event of its own."""
    row = await _open(tx, write, redaction_id)
    item = (await lock_items(tx, [row["item_id"]])).get(row["item_id"])
    plan, found = await queries.planned(tx, row["item_id"], row["places"])
    await redactions.decide(tx, redaction_id, "done", write.actor.person_id)
    if item is None:
        await _redact_deleted(tx, write.actor, row, plan)
    else:
        await _redact(tx, write.actor, row, item, plan, found)
    await idempotency.forget(tx, plan.texts)
    entry = Entry("redaction", redaction_id, "redaction.approved", _at(tx), ver=row["version"] + 1)
    await record(tx, write.actor, [entry])
    return await _reply(tx, write.actor, redaction_id)


async def _open(tx: Tx, write: Writing, redaction_id: UUID) -> Row:
    row = await tx.fetchrow(redactions.LOCK, redaction_id)
    if row is None:
        raise Problem("not_found")
    require_version(write.call.if_match, row["version"])
    if row["status"] != "requested":
        raise Problem("conflict", _DECIDED)
    if row["requested_by"] == write.actor.person_id:
        rule = "separation.redaction_requester"
        raise Problem("separation_of_duties", faults=[Fault("separation_of_duties", _OWN, rule=rule)])
    return row


async def _redact(tx: Tx, actor: Actor, asked: Row, item: Mapping[str, Any], plan: Plan, found: Material) -> None:
    change = Change(
        row=item,
        changes=dict(plan.item),
        event=EVENT,
        fields=_facts(asked, plan),
        updates=[
            ChildUpdate(TABLES[table], where(table, key), changes, marks=False)
            for (table, key), changes in sorted(plan.children.items())
            if table != _ORIGIN
        ],
    )
    await redactions.allow(tx, plan, item["id"], change.seq, asked["id"])
    await redactions.erase(tx, plan, item["id"], _origins(plan, found))
    await save(tx, actor, [change], await load_calendar(tx))
    await write_search(tx, [change.after])


async def _redact_deleted(tx: Tx, actor: Actor, asked: Row, plan: Plan) -> None:
    """Of a deleted draft there is nothing left but what its history told."""
    last = await redactions.head_of_deleted(tx, asked["item_id"])
    if last is None:
        raise Problem("not_found")
    head, state = last
    await redactions.allow(tx, plan, asked["item_id"], head.seq + 1, asked["id"])
    await redactions.erase(tx, plan, asked["item_id"], ())
    entry = Entry(
        "item", asked["item_id"], EVENT, _at(tx), _facts(asked, plan), state, state, ver=head.seq + 1, rules=RULES
    )
    await record_items(tx, actor, [(entry, head)])


def _facts(asked: Row, plan: Plan) -> dict[str, Any]:
    gone = [{"event": event_id, "field": name} for _, event_id, name in sorted(plan.disclosures)]
    return {"redacted": gone, "basis": asked["basis"], "redaction_id": asked["id"]}


def _origins(plan: Plan, found: Material) -> list[dict[str, Any]]:
    """Origins whole, as they stand afterwards: no event is tied to their rows, so they are written by themselves."""
    return [
        {**kept.row, **plan.children[kept.table, kept.key]}
        for kept in found.children
        if kept.table == _ORIGIN and (kept.table, kept.key) in plan.children
    ]


async def _reply(tx: Tx, actor: Actor, redaction_id: UUID, *, made_at: str | None = None) -> Reply:
    made = await queries.one(tx, redaction_id)
    return Reply(201 if made_at else 200, made, etag=actor.etag(made.version), location=made_at)


def _at(tx: Tx) -> datetime:
    return tx.at or clock.now()
