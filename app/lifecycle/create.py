"""New items: complete rows with their first event, whether drafted by hand or split off another item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from app.access.actor import Actor
from app.core.db import Tx
from app.core.workdays import Calendar
from app.lifecycle import past
from app.lifecycle.derived import derive
from app.lifecycle.search import write_search
from app.lifecycle.side_tables import sync_movers, sync_persons, sync_units
from app.lifecycle.states import Gate, GateStatus, State, SupervisionLevel
from app.lifecycle.told import told
from app.lifecycle.transitions import RULES
from app.tables.item import FAR, FAR_INSTANT, WRITTEN, Item
from app.trail.envelope import START, Entry
from app.trail.record import record_items

_LEDGER_UNITS = "SELECT id, unit_id FROM ledger WHERE id = ANY($1::uuid[])"


@dataclass(frozen=True, slots=True)
class Draft:
    """The columns a new item starts with; everything else has its default here."""

    id: UUID
    columns: Mapping[str, Any]
    event: str
    fields: Mapping[str, Any]
    on_behalf: UUID | None = None


def blank(now: datetime) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(WRITTEN)
    row |= {
        "version": 1, "entered_seq": 1, "cycle": 1, "state": State.DRAFT.value, "registered_sort": FAR_INSTANT, "due_sort": FAR,
        "source_path": [], "source_fields": {}, "cooperating_unit_ids": [], "accountable_leader_ids": [],
        "former_holder_ids": [],
        "measures_total": 0, "measures_done": 0, "criteria_total": 0, "progress_percent": 0, "plan_version": 0,
        "submission_no": 0, "chain": [], "chain_step": 0, "closing_round": 0, "decline_count": 0,
        "supervision_level": SupervisionLevel.NORMAL.value, "closed_offline": False, "created_at": now, "updated_at": now,
    }  # fmt: skip
    return row | {f"gate_{gate}": GateStatus.PENDING.value for gate in Gate}


async def insert_items(tx: Tx, actor: Actor, drafts: Sequence[Draft], calendar: Calendar) -> list[dict[str, Any]]:
    """Inserts the items with one event each; `tx.at` is their time. Gives the rows as stored."""
    if tx.at is None:
        raise RuntimeError("the time of a write comes from its transaction")
    ledgers = await tx.fetch(_LEDGER_UNITS, list({draft.columns["ledger_id"] for draft in drafts}))
    unit_of = {row["id"]: row["unit_id"] for row in ledgers}
    rows = []
    for draft in drafts:
        row = blank(tx.at) | dict(draft.columns) | {"id": draft.id}
        derived, _ = derive(row | {"ledger_unit_id": unit_of[row["ledger_id"]]}, calendar)
        rows.append(row | derived)
    first = blank(tx.at)
    entries = [
        Entry("item", draft.id, draft.event, tx.at, told(first, row, draft.fields), None, row["state"], ver=1,
              on_behalf=draft.on_behalf, rules=RULES)
        for draft, row in zip(drafts, rows, strict=True)
    ]  # fmt: skip
    recorded = await record_items(tx, actor, [(entry, START) for entry in entries])
    for row, event in zip(rows, recorded, strict=True):
        row["head_hash"] = event.hash
    await tx.insert(Item, rows)
    await past.begin(tx, [row["id"] for row in rows])
    found = {row["id"]: derive(row | {"ledger_unit_id": unit_of[row["ledger_id"]]}, calendar)[1] for row in rows}
    await sync_movers(tx, found)
    await sync_units(tx, rows)
    await sync_persons(tx, [row["id"] for row in rows])
    await write_search(tx, rows)
    return rows
