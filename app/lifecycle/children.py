"""How a feature writes a child of an item: open the item under its lock, then save everything with one event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlmodel import SQLModel

from app.access.actor import Actor
from app.access.permissions import Role
from app.core import clock
from app.core.db import Tx
from app.core.errors import Problem, Text
from app.core.etag import require_version
from app.lifecycle.advance import Change, save
from app.lifecycle.calendars import load_calendar
from app.lifecycle.childwrites import Child, Operation, allowed, writers
from app.lifecycle.effect import ChildUpdate
from app.lifecycle.gather import lock_items
from app.lifecycle.judge import NOT_YOURS
from app.lifecycle.parties import Party, parties
from app.lifecycle.states import State

_UNIT = "SELECT ancestors FROM unit WHERE id = $1"


@dataclass(frozen=True, slots=True)
class OpenItem:
    """A locked item that this actor may write this child of; `now` is the moment of the write."""

    row: Mapping[str, Any]
    played: frozenset[Party]
    now: datetime

    @property
    def id(self) -> UUID:
        return UUID(str(self.row["id"]))

    @property
    def today(self) -> date:
        return clock.beijing_date(self.now)


@dataclass(frozen=True, slots=True)
class Writing:
    """What is written: rows of children, columns of the item, and the event that says so."""

    event: str
    fields: Mapping[str, Any]
    changes: Mapping[str, Any] = field(default_factory=dict)
    inserts: Sequence[tuple[type[SQLModel], Mapping[str, Any]]] = ()
    updates: Sequence[ChildUpdate] = ()
    deletes: Sequence[tuple[type[SQLModel], UUID]] = ()
    attachments: Sequence[tuple[str, int]] = ()
    cites: Sequence[UUID] = ()
    eff: datetime | None = None
    on_behalf: UUID | None = None
    recount: bool = False
    people_changed: bool = False
    units_changed: bool = False


async def open_item(  # noqa: PLR0913 - the coordinates of one permission check
    tx: Tx,
    actor: Actor,
    item_id: UUID,
    child: Child,
    operation: Operation,
    *,
    if_match: str | None = "*",
    own: frozenset[Party] = frozenset(),
) -> OpenItem:
    """Locks the item; 403 for a role that never writes this, 428/412 for the version, 409 child_frozen out of season.

    `if_match` is passed on for PATCH and DELETE; appending POSTs need none. `own` adds the parties one plays for the
    target row alone: the unit or the person of a measure.
    """
    row = (await lock_items(tx, [item_id])).get(item_id)
    if row is None or tx.at is None:
        raise Problem("not_found")
    played = parties(actor, row) | own
    if not played & writers(child, operation):
        raise Problem("forbidden", NOT_YOURS)
    require_version(if_match, row["version"])
    state = State(row["state"])
    if not allowed(child, operation, state, played):
        detail = Text(
            f"“{state.zh}”状态下不能{operation.zh}{child.zh}",
            f"{child.en}: {operation.value} is not possible in {state.value}",
        )
        raise Problem("child_frozen", detail, current_state=state.value)
    return OpenItem(row, played, tx.at)


async def save_item(tx: Tx, actor: Actor, opened: OpenItem, writing: Writing) -> int:
    """Writes it all with one event and gives the item's new version."""
    change = Change(
        row=opened.row,
        changes=dict(writing.changes),
        event=writing.event,
        fields=writing.fields,
        eff=writing.eff,
        on_behalf=writing.on_behalf,
        attachments=writing.attachments,
        inserts=writing.inserts,
        updates=writing.updates,
        deletes=writing.deletes,
        cites=writing.cites,
        units_changed=writing.units_changed,
        people_changed=writing.people_changed,
        recount=writing.recount,
    )
    await save(tx, actor, [change], await load_calendar(tx))
    return change.seq


async def measure_parties(tx: Tx, actor: Actor, unit_id: UUID | None, person_id: UUID | None) -> frozenset[Party]:
    """What one is to a measure: its person, or a head or liaison of its unit."""
    found = set()
    if person_id is not None and person_id in actor.persons():
        found.add(Party.ASSIGNEE)
    ancestors = None if unit_id is None else await tx.fetchval(_UNIT, unit_id)
    if ancestors and (actor.holds(Role.UNIT_HEAD, ancestors) or actor.holds(Role.LIAISON, ancestors)):
        found.add(Party.COOPERATOR)
    return frozenset(found)
