"""Changing units, people and posts; each change is one event of its subject."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
from sqlmodel import SQLModel

from app.access import administrators
from app.access.actor import Actor
from app.core import clock
from app.core.db import Row, Tx
from app.core.errors import Fault, Problem, Text
from app.core.etag import require_version
from app.core.ids import uuid7
from app.features.organisation import queries, schemas
from app.features.organisation.rules import path_below, would_cycle
from app.tables.organisation import Person, Post, Unit
from app.trail.envelope import Entry
from app.trail.record import record

# Whoever changes the shape of the tree queues here: two moves at once could each be right and together make a ring.
LOCK_TREE: Final = "SELECT pg_advisory_xact_lock(hashtextextended('rectify.unit_tree', 0))"
LOCK_UNIT: Final = "SELECT * FROM unit WHERE id = $1 FOR UPDATE"
UPDATE_UNIT: Final = """
UPDATE unit SET parent_id = $2, code = $3, name = $4, short_name = $5, sort_order = $6, active_from = $7,
  active_until = $8, updated_at = $9, version = version + 1 WHERE id = $1
"""
MOVE_SUBTREE: Final = """
UPDATE unit SET ancestors = $2::uuid[] || ancestors[array_position(ancestors, $1):] WHERE ancestors && ARRAY[$1::uuid]
"""
DELETE_UNIT: Final = "DELETE FROM unit WHERE id = $1"
LOCK_PERSON: Final = "SELECT * FROM person WHERE id = $1 FOR UPDATE"
UPDATE_PERSON: Final = """
UPDATE person SET name = $2, staff_no = $3, active = $4, updated_at = $5, version = version + 1 WHERE id = $1
"""
LOCK_POST: Final = "SELECT * FROM post WHERE id = $1 FOR UPDATE"
UPDATE_POST: Final = """
UPDATE post SET title = $2, is_primary = $3, ends_on = $4, updated_at = $5, version = version + 1 WHERE id = $1
"""
_TAKEN: Final = Text("该值已被使用", "This value is already in use")
_RING: Final = Text("单位不能移到自己的下级之下", "A unit cannot move below itself")
_UNKNOWN: Final = Text("引用的记录不存在", "There is no such record")


async def create_unit(tx: Tx, actor: Actor, data: schemas.UnitIn) -> schemas.Unit:
    """Raises conflict for an unknown parent and duplicate_value for a code in use."""
    await tx.execute(LOCK_TREE)
    unit_id = uuid7()
    path = await _parent_path(tx, data.parent_id)
    values = data.model_dump()
    await _insert(tx, Unit, {"id": unit_id, "ancestors": path_below(path, unit_id), **values}, "/code")
    await record(tx, actor, [Entry("unit", unit_id, "unit.created", _at(tx), values, ver=1)])
    return await queries.unit(tx, unit_id)


async def change_unit(
    tx: Tx, actor: Actor, unit_id: UUID, if_match: str | None, data: schemas.UnitPatch
) -> schemas.Unit:
    """A new parent moves the whole subtree; raises conflict where that would close a ring."""
    changes = data.changes()
    if "parent_id" in changes:
        await tx.execute(LOCK_TREE)
    before = await _locked(tx, LOCK_UNIT, unit_id, if_match)
    after = {**before, **changes}
    _require_order(after["active_from"], after["active_until"], "/active_until")
    moved = after["parent_id"] != before["parent_id"]
    path = await _parent_path(tx, after["parent_id"]) if moved else []
    if would_cycle(unit_id, path):
        raise _conflict("unit_cycle", "/parent_id", _RING)
    names = ("parent_id", "code", "name", "short_name", "sort_order", "active_from", "active_until")
    await _update(tx, UPDATE_UNIT, (unit_id, *(after[name] for name in names), _at(tx)), "/code")
    if moved:
        await tx.execute(MOVE_SUBTREE, unit_id, path)
    verb = "unit.moved" if moved else "unit.changed"
    await record(tx, actor, [Entry("unit", unit_id, verb, _at(tx), changes, ver=before["version"] + 1)])
    return await queries.unit(tx, unit_id)


async def delete_unit(tx: Tx, actor: Actor, unit_id: UUID, if_match: str | None) -> None:
    """Only what nothing ever referred to; raises not_deletable otherwise."""
    await tx.execute(LOCK_TREE)
    before = await _locked(tx, LOCK_UNIT, unit_id, if_match)
    try:
        await tx.execute(DELETE_UNIT, unit_id)
    except asyncpg.ForeignKeyViolationError:
        raise Problem("not_deletable") from None
    fields = {"code": before["code"], "name": before["name"]}
    await record(tx, actor, [Entry("unit", unit_id, "unit.deleted", _at(tx), fields, ver=before["version"] + 1)])


async def create_person(tx: Tx, actor: Actor, data: schemas.PersonIn) -> schemas.Person:
    """Raises duplicate_value for a staff number in use."""
    person_id = uuid7()
    values = data.model_dump()
    await _insert(tx, Person, {"id": person_id, "active": True, **values}, "/staff_no")
    await record(tx, actor, [Entry("person", person_id, "person.created", _at(tx), values, ver=1)])
    return await queries.person(tx, actor, person_id)


async def change_person(
    tx: Tx, actor: Actor, person_id: UUID, if_match: str | None, data: schemas.PersonPatch
) -> schemas.Person:
    """Whoever becomes inactive can no longer sign in; raises last_administrator where nobody else could."""
    changes = data.changes()
    if changes.get("active") is False:
        await administrators.lock(tx)
    before = await _locked(tx, LOCK_PERSON, person_id, if_match)
    if changes.get("active") is False and before["active"]:
        await administrators.keep_one(tx, person_id)
    after = {**before, **changes}
    await _update(
        tx, UPDATE_PERSON, (person_id, after["name"], after["staff_no"], after["active"], _at(tx)), "/staff_no"
    )
    entry = Entry("person", person_id, "person.changed", _at(tx), changes, ver=before["version"] + 1)
    await record(tx, actor, [entry])
    return await queries.person(tx, actor, person_id)


async def create_post(tx: Tx, actor: Actor, data: schemas.PostIn) -> schemas.Post:
    """Raises conflict for an unknown person or unit."""
    post_id = uuid7()
    values = data.model_dump()
    try:
        await _insert(tx, Post, {"id": post_id, **values}, "")
    except asyncpg.ForeignKeyViolationError as error:
        pointer = "/unit_id" if "unit" in (error.constraint_name or "") else "/person_id"
        raise _conflict("unknown_reference", pointer, _UNKNOWN) from None
    await record(tx, actor, [Entry("post", post_id, "post.created", _at(tx), values, ver=1)])
    return await queries.post(tx, actor, post_id)


async def change_post(
    tx: Tx, actor: Actor, post_id: UUID, if_match: str | None, data: schemas.PostPatch
) -> schemas.Post:
    """Raises conflict for an end before the start."""
    changes = data.changes()
    before = await _locked(tx, LOCK_POST, post_id, if_match)
    after = {**before, **changes}
    _require_order(after["starts_on"], after["ends_on"], "/ends_on")
    await tx.execute(UPDATE_POST, post_id, after["title"], after["is_primary"], after["ends_on"], _at(tx))
    await record(tx, actor, [Entry("post", post_id, "post.changed", _at(tx), changes, ver=before["version"] + 1)])
    return await queries.post(tx, actor, post_id)


def _at(tx: Tx) -> datetime:
    return tx.at or clock.now()


async def _parent_path(tx: Tx, parent_id: UUID | None) -> list[UUID]:
    if parent_id is None:
        return []
    parent: Row | None = await tx.fetchrow(LOCK_UNIT, parent_id)
    if parent is None:
        raise _conflict("unknown_reference", "/parent_id", _UNKNOWN)
    return list(parent["ancestors"])


async def _locked(tx: Tx, sql: str, subject_id: UUID, if_match: str | None) -> dict[str, Any]:
    row = await tx.fetchrow(sql, subject_id)
    if row is None:
        raise Problem("not_found")
    require_version(if_match, row["version"])
    return dict(row)


async def _insert(tx: Tx, table: type[SQLModel], values: dict[str, Any], pointer: str) -> None:
    try:
        await tx.insert(table, [{**values, "version": 1, "created_at": _at(tx), "updated_at": _at(tx)}])
    except asyncpg.UniqueViolationError:
        raise Problem("duplicate_value", faults=[Fault("duplicate_value", _TAKEN, pointer=pointer)]) from None


async def _update(tx: Tx, sql: str, args: tuple[Any, ...], pointer: str) -> None:
    try:
        await tx.execute(sql, *args)
    except asyncpg.UniqueViolationError:
        raise Problem("duplicate_value", faults=[Fault("duplicate_value", _TAKEN, pointer=pointer)]) from None


def _conflict(code: str, pointer: str, detail: Text) -> Problem:
    return Problem("conflict", detail, faults=[Fault(code, detail, pointer=pointer)])


def _require_order(start: Any, end: Any, pointer: str) -> None:
    if start is not None and end is not None and end < start:
        raise _conflict("ends_before_start", pointer, Text("结束日期早于开始日期", "It ends before it starts"))
