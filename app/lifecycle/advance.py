"""The only place that changes an item: lock, judge by the table, write the row, its children and its history together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy.dialects import postgresql
from sqlmodel import SQLModel

from app.access.actor import Actor
from app.access.scope import items_in_scope
from app.core import clock
from app.core.db import Row, Tx
from app.core.errors import Problem
from app.core.ids import uuid7
from app.core.workdays import Calendar
from app.lifecycle import duplicates, past
from app.lifecycle.create import insert_items
from app.lifecycle.derived import derive
from app.lifecycle.effect import ChildUpdate, Effect, Touch
from app.lifecycle.effects import EFFECTS
from app.lifecycle.effects_closing import plain_value
from app.lifecycle.facts import Facts, Related
from app.lifecycle.gather import gather, lock_items
from app.lifecycle.judge import (
    Step,
    build_facts,
    everything_named,
    may_ask,
    refusal,
    refuse_words,
    right_state,
    unmet,
)
from app.lifecycle.movers import Mover
from app.lifecycle.numbers import number_all
from app.lifecycle.search import write_search
from app.lifecycle.side_tables import sync_movers, sync_persons, sync_units
from app.lifecycle.states import Action, Confidentiality, State
from app.lifecycle.told import told as told_by
from app.lifecycle.transitions import BY_ACTION, RULES
from app.tables.item import Item, ItemOrigin
from app.trail.envelope import Entry, Head
from app.trail.record import record_items
from app.trail.rows import ROWS, nothing, told, told_removed

CITE = """
UPDATE evidence e SET cited = true, changed_seq = n.seq FROM unnest($1::uuid[], $2::uuid[], $3::int[]) AS n(item_id, id, seq)
WHERE e.item_id = n.item_id AND e.id = n.id AND NOT e.cited
"""
RECOUNT = """
SELECT i.id, m.measures_total, m.measures_done, m.progress_percent,
  (SELECT count(*) FROM criterion c WHERE c.item_id = i.id AND c.cycle = i.cycle)::int AS criteria_total
FROM item i, LATERAL (
  SELECT count(*)::int AS measures_total, count(*) FILTER (WHERE status = 'done')::int AS measures_done,
    coalesce(sum(weight * percent) / nullif(sum(weight), 0), 0)::int AS progress_percent
  FROM measure WHERE item_id = i.id AND cycle = i.cycle AND status <> 'adjusted_away') m
WHERE i.id = ANY($1::uuid[])
"""
MOVE_ORIGINS = """
UPDATE item_origin o SET item_id = n.target FROM unnest($1::uuid[], $2::uuid[]) AS n(giver, target) WHERE o.item_id = n.giver
"""
DROP_DRAFT = (
    "DELETE FROM item_mover WHERE item_id = $1",
    "DELETE FROM item_unit WHERE item_id = $1",
    "DELETE FROM item_person WHERE item_id = $1",
    "DELETE FROM item_search WHERE item_id = $1",
    "DELETE FROM evidence WHERE item_id = $1",
    "DELETE FROM item WHERE id = $1 AND state = 'draft'",
)

Rows = Mapping[UUID, Mapping[str, Any]]


@dataclass(slots=True)
class Change:
    """One item's write: the locked row, the columns that change, and the event that says so."""

    row: Mapping[str, Any]
    changes: dict[str, Any]
    event: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    eff: datetime | None = None
    on_behalf: UUID | None = None
    attachments: Sequence[tuple[str, int]] = ()
    inserts: Sequence[tuple[type[SQLModel], Mapping[str, Any]]] = ()
    updates: Sequence[ChildUpdate] = ()
    deletes: Sequence[tuple[type[SQLModel], UUID]] = ()
    cites: Sequence[UUID] = ()
    units_changed: bool = False
    people_changed: bool = False
    recount: bool = False
    event_id: UUID | None = None
    rows: list[list[str | None]] = field(default_factory=list)

    @property
    def seq(self) -> int:
        return int(self.row["version"]) + 1

    @property
    def after(self) -> dict[str, Any]:
        return {**self.row, **self.changes}


async def save(tx: Tx, actor: Actor, changes: Sequence[Change], calendar: Calendar) -> None:
    """Writes the changes of locked items, each with exactly one event; statements do not grow with the number of items."""
    if tx.at is None:
        raise RuntimeError("items are written only after their rows were locked")
    await _write_children(tx, changes)
    await _recount(tx, [change for change in changes if change.recount])
    found: dict[UUID, list[Mover]] = {}
    for change in changes:
        derived, found[change.row["id"]] = derive(change.after, calendar)
        change.changes |= {name: value for name, value in derived.items() if value != change.row[name]}
    entries = [(_entry(change, tx.at), Head(change.row["version"], change.row["head_hash"])) for change in changes]
    for change, event in zip(changes, await record_items(tx, actor, entries), strict=True):
        change.event_id = event.event_id
        change.changes |= {"version": event.seq, "head_hash": event.hash, "updated_at": tx.at}
    await _update_items(tx, changes)
    await sync_movers(
        tx, {change.row["id"]: found[change.row["id"]] for change in changes if "movers" in change.changes}
    )
    await sync_units(tx, [change.after for change in changes if change.units_changed])
    await sync_persons(tx, [change.row["id"] for change in changes if change.units_changed or change.people_changed])


async def _recount(tx: Tx, changes: Sequence[Change]) -> None:
    """Measures and criteria of the cycle as they now stand; an item's percentage is never typed by hand."""
    if not changes:
        return
    by_id = {change.row["id"]: change for change in changes}
    for row in await tx.fetch(RECOUNT, list(by_id)):
        by_id[row["id"]].changes.update({name: row[name] for name in row.keys() if name != "id"})  # noqa: SIM118 - Record


def _entry(change: Change, at: datetime) -> Entry:
    state = change.changes.get("state", change.row["state"])
    rows = {ROWS: change.rows} if change.rows else {}
    return Entry(
        kind="item",
        subject_id=change.row["id"],
        type=change.event,
        at=at,
        fields={**told_by(change.row, change.changes, change.fields), **rows},
        from_state=change.row["state"],
        to_state=state,
        eff=change.eff,
        ver=change.seq,
        on_behalf=change.on_behalf,
        attachments=change.attachments,
        rules=RULES,
    )


async def _update_items(tx: Tx, changes: Sequence[Change]) -> None:
    """One statement per set of columns; an atomic batch of one action has one such set, give or take a facet."""
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for change in changes:
        names = tuple(sorted(change.changes))
        values = {name: _storable(change.changes[name]) for name in names}
        groups.setdefault(names, []).append({"id": str(change.row["id"]), **values})
    for names, rows in groups.items():
        if await tx.execute(_update_sql(names), rows) != len(rows):
            raise Problem("version_mismatch")


def _storable(value: Any) -> Any:
    return f"\\x{value.hex()}" if isinstance(value, bytes) else plain_value(value)


@cache
def _update_sql(names: tuple[str, ...]) -> str:
    """Writes the row, ends its version and begins the next, without a round trip of their own."""
    columns = Item.__table__.columns  # type: ignore[attr-defined]
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    kinds = ", ".join(f"{name} {columns[name].type.compile(dialect)}" for name in ("id", *names))
    sets = ", ".join(f"{name} = v.{name}" for name in names)
    moved = (
        f"UPDATE item SET {sets} FROM jsonb_to_recordset($1::jsonb) AS v({kinds}) "  # noqa: S608 - names are columns
        "WHERE item.id = v.id AND item.version = v.version - 1 RETURNING item.*"
    )
    return past.onward(moved, retitled="title" in names)


async def _write_children(tx: Tx, changes: Sequence[Change]) -> None:
    groups: dict[tuple[type[SQLModel], tuple[str, ...]], list[dict[str, Any]]] = {}
    for change in changes:
        for table, child_id in change.deletes:
            await tx.execute(_child_sql("DELETE", table.__tablename__, (), ("id",)), change.row["id"], child_id)
            change.rows.append(told_removed(table, str(child_id)))
        for table, row in change.inserts:
            full = {**nothing(table), "item_id": change.row["id"], **row, "changed_seq": change.seq}
            groups.setdefault((table, tuple(full)), []).append(full)
            change.rows.append(told(table, full))
        for update in change.updates:
            await _update_child(tx, change, update)
    for (table, _), rows in groups.items():
        await tx.insert(table, rows)
    cited = [(change.row["id"], evidence, change.seq) for change in changes for evidence in change.cites]
    if cited:
        await tx.execute(CITE, *(list(column) for column in zip(*cited, strict=True)))


async def _update_child(tx: Tx, change: Change, update: ChildUpdate) -> None:
    """Changes child rows of the item and ties them to its event."""
    changes = {**update.changes, **({"changed_seq": change.seq} if update.marks else {})}
    sql = _child_sql("UPDATE", update.table.__tablename__, tuple(changes), tuple(update.where))
    rows = await tx.fetch(sql, *changes.values(), change.row["id"], *update.where.values())
    change.rows += [told(update.table, dict(row)) for row in rows]


@cache
def _child_sql(verb: str, table: str, names: tuple[str, ...], where: tuple[str, ...]) -> str:
    first = len(names) + 1
    match = " AND ".join(f"{name} = ${first + position}" for position, name in enumerate(("item_id", *where)))
    if verb == "DELETE":
        return f"DELETE FROM {table} WHERE {match}"  # noqa: S608 - table and columns come from the code
    sets = ", ".join(f"{name} = ${position}" for position, name in enumerate(names, start=1))
    return f"UPDATE {table} SET {sets} WHERE {match} RETURNING *"  # noqa: S608 - table and columns come from the code


async def drop_draft(tx: Tx, actor: Actor, row: Mapping[str, Any]) -> None:
    """A draft was never numbered, so it may go; its history stays and says that it went."""
    if tx.at is None:
        raise RuntimeError("a draft is dropped only after its row was locked")
    entry = _entry(Change(row, {}, "item.draft_deleted"), tx.at)
    await record_items(tx, actor, [(entry, Head(row["version"], row["head_hash"]))])
    await past.end(tx, row)
    try:
        for sql in DROP_DRAFT:
            await tx.execute(sql, row["id"])
    except asyncpg.ForeignKeyViolationError:
        # It was submitted before, and somebody has put a signed opinion to it.
        raise Problem("not_deletable") from None


@dataclass(frozen=True, slots=True)
class Moved:
    """A transition that happened: its event is its id."""

    step: Step
    event_id: UUID
    seq: int
    from_state: State
    to_state: State
    at: datetime
    occurred_at: datetime
    on_behalf_of: UUID | None


async def advance(tx: Tx, actor: Actor, steps: Sequence[Step], *, dry_run: bool = False) -> list[Moved | Problem]:
    """Takes one action on each item, or says why not; nothing is written for a refused one.

    All rows are locked in the order of their ids, all facts come in one statement, all writes are set-based. With
    `dry_run` everything is judged and nothing written. The caller decides whether one refusal undoes the rest.
    """
    rows = await lock_items(tx, [item_id for step in steps for item_id in (step.item_id, *step.related_ids)])
    now = tx.at or clock.now()
    named = everything_named(actor, rows.values(), steps)
    similar = await duplicates.similar(tx, actor, [rows[s.item_id] for s in steps if _registers(s, rows)], now)
    gathered, calendar = await gather(tx, list(rows), named, clock.beijing_date(now))
    # An item that is itself on the move can take nothing in: two merging into each other would both be gone.
    going = {step.item_id for step in steps}
    seen = await _related(tx, actor, {item_id: row for item_id, row in rows.items() if item_id not in going})
    outcomes = [_judge(actor, step, rows, gathered, calendar, now, seen, similar) for step in steps]
    if dry_run:
        return [outcome if isinstance(outcome, Problem) else _told(outcome, step, None) for outcome, step in
                zip(outcomes, steps, strict=True)]  # fmt: skip
    passed = [(step, facts) for step, facts in zip(steps, outcomes, strict=True) if isinstance(facts, Facts)]
    moved = await _carry_out(tx, actor, passed, rows, calendar)
    return [outcome if isinstance(outcome, Problem) else moved[step.item_id] for step, outcome in
            zip(steps, outcomes, strict=True)]  # fmt: skip


def _registers(step: Step, rows: Rows) -> bool:
    row = rows.get(step.item_id)
    return step.action is Action.REGISTER and row is not None and row["state"] == State.SUBMITTED


async def _related(tx: Tx, actor: Actor, others: Rows) -> dict[UUID, Related]:
    """The items a step may write to beside its own: those the caller sees."""
    seen = await items_in_scope(tx, actor, list(others)) if others else set()
    return {
        item_id: Related(item_id, State(row["state"]), row["ledger_id"], Confidentiality(row["confidentiality"]))
        for item_id, row in others.items()
        if item_id in seen
    }


def _judge(  # noqa: PLR0913, PLR0917 - what one judgement needs, gathered once for all
    actor: Actor, step: Step, rows: Rows, gathered: Mapping[UUID, Row], calendar: Calendar, now: datetime,
    others: Mapping[UUID, Related], similar: duplicates.Found,
) -> Problem | Facts:  # fmt: skip
    row = rows.get(step.item_id)
    if row is None:
        return Problem("not_found")
    try:
        played = may_ask(actor, step, row)
        transition = right_state(step, row)
        refuse_words(step, row)
    except Problem as problem:
        return problem
    related = {item_id: others[item_id] for item_id in step.related_ids if item_id in others}
    alike = similar.get(step.item_id, ())
    facts = build_facts(step, actor, played, row, gathered[step.item_id], calendar, now, related, alike)
    return refusal(unmet(transition, facts)) or facts


async def _carry_out(
    tx: Tx, actor: Actor, passed: Sequence[tuple[Step, Facts]], rows: Rows, calendar: Calendar
) -> dict[UUID, Moved]:
    """Effects first, numbers next, then one write of everything; touched items are written after their givers."""
    if not passed:
        return {}
    effects = [EFFECTS[step.action](facts) for step, facts in passed]
    drafts = await number_all(tx, passed, effects)
    if drafts:
        await insert_items(tx, actor, drafts, calendar)
    changes = [_change(step, facts, effect) for (step, facts), effect in zip(passed, effects, strict=True)]
    await save(tx, actor, changes, calendar)
    await _hand_origins(tx, actor, effects, rows, calendar)
    renamed = [change.after for change, effect in zip(changes, effects, strict=True) if effect.text_changed]
    if renamed:
        await write_search(tx, renamed)
    return {
        step.item_id: _told(facts, step, change.event_id) for (step, facts), change in zip(passed, changes, strict=True)
    }


def _change(step: Step, facts: Facts, effect: Effect) -> Change:
    told = {
        name: value for name, value in (("comment", step.comment), ("document", step.document)) if value is not None
    }
    target = BY_ACTION[step.action].target(facts)
    changes = {**effect.changes, "state": target.value, "effective_at": facts.occurred_at}
    if target is not facts.state:
        changes["entered_seq"] = facts.item["version"] + 1
    return Change(
        row=facts.item,
        changes=changes,
        event=BY_ACTION[step.action].event,
        fields={**effect.fields, **told},
        eff=step.occurred_at,
        on_behalf=facts.on_behalf_of,
        inserts=effect.inserts,
        updates=effect.updates,
        cites=effect.cites,
        units_changed=effect.units_changed,
        people_changed=effect.people_changed,
    )


def _told(facts: Facts, step: Step, event_id: UUID | None) -> Moved:
    target = BY_ACTION[step.action].target(facts)
    seq = int(facts.item["version"]) + 1
    moved_at = (facts.now, facts.occurred_at)
    return Moved(step, event_id or step.item_id, seq, facts.state, target, *moved_at, facts.on_behalf_of)


async def _hand_origins(tx: Tx, actor: Actor, effects: Sequence[Effect], rows: Rows, calendar: Calendar) -> None:
    """Origins move to their new item, which records once from whom it received any, however many givers there are."""
    received: dict[UUID, list[Touch]] = {}
    for effect in effects:
        for touch in effect.touches:
            received.setdefault(touch.item_id, []).append(touch)
    if not received:
        return
    targets = await lock_items(tx, received)
    touches = [touch for each in received.values() for touch in each]
    changes = [
        Change(targets[item_id], {}, "item.origins_received", _givers(each)) for item_id, each in received.items()
    ]
    await save(tx, actor, changes, calendar)
    await tx.execute(MOVE_ORIGINS, [touch.giver["id"] for touch in touches], [touch.item_id for touch in touches])
    own = [touch for touch in touches if touch.own_source_too]
    await tx.insert(ItemOrigin, [_origin(rows[touch.giver["id"]], touch.item_id, tx.at) for touch in own])


def _givers(touches: Sequence[Touch]) -> dict[str, Any]:
    return {
        "from_item_ids": [touch.giver["id"] for touch in touches],
        "from_numbers": [touch.giver["number"] for touch in touches],
    }


def _origin(giver: Mapping[str, Any], target_id: UUID, at: datetime | None) -> dict[str, Any]:
    return {
        "id": uuid7(), "item_id": target_id, "from_item_id": giver["id"], "source_type": giver["source_type"],
        "document": giver["source_document"], "document_no": giver["source_document_no"], "quote": giver["source_quote"],
        "source_unit_id": giver["source_unit_id"], "created_at": at,
    }  # fmt: skip
