"""Writing ledgers, policies and dictionaries: each change is one event of its subject, in the same transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from app.access.actor import Actor
from app.access.guarding import Writing
from app.access.permissions import Role
from app.core import clock
from app.core.db import Reader, Tx
from app.core.errors import Fault, Problem, Text
from app.core.etag import item_etag, require_version
from app.core.http import Reply
from app.core.ids import uuid7
from app.core.messages import fault_problem
from app.features.ledgers import queries, schemas
from app.features.ledgers.rules import changed_rules, first_rules, source_type_faults
from app.tables import ledger as tables
from app.trail.envelope import Entry
from app.trail.record import record

MANAGERS: Final = (Role.SYSTEM_ADMIN, Role.SUPERVISION_OFFICE)
POLICY_MAKERS: Final = (Role.FIRST_RESPONSIBLE, Role.SUPERVISION_OFFICE)

_UNIT: Final = "SELECT ancestors, active_until FROM unit WHERE id = $1"
_LOCK_LEDGER: Final = """
SELECT l.*, u.ancestors FROM ledger l JOIN unit u ON u.id = l.unit_id WHERE l.id = $1 FOR UPDATE OF l
"""
_LEDGER_CODE: Final = "SELECT EXISTS (SELECT FROM ledger WHERE code = $1)"
_CHANGE_LEDGER: Final = """
UPDATE ledger SET name = $2, description = $3, starts_on = $4, ends_on = $5, status = $6, updated_at = $7,
  version = version + 1 WHERE id = $1
"""
_RAISE_POLICY: Final = """
UPDATE ledger SET policy_version = $2, updated_at = $3, version = version + 1 WHERE id = $1
"""
_LOCK_CATEGORY: Final = "SELECT * FROM category WHERE id = $1 FOR UPDATE"
_CATEGORY_CODE: Final = "SELECT EXISTS (SELECT FROM category WHERE code = $1)"
_CATEGORY_EXISTS: Final = "SELECT EXISTS (SELECT FROM category WHERE id = $1)"
_CHANGE_CATEGORY: Final = """
UPDATE category SET name_zh = $2, name_en = $3, sort_order = $4, active = $5, updated_at = $6, version = version + 1
WHERE id = $1
"""
# All versions of a source type are one subject of the trail: that of its first version, whose row is also the lock.
_LOCK_SOURCE_TYPE: Final = "SELECT id FROM source_type WHERE code = $1 AND schema_version = 1 FOR UPDATE"
_HOLDS_A_ROOT: Final = "SELECT EXISTS (SELECT FROM unit WHERE id = ANY($1::uuid[]) AND parent_id IS NULL)"


async def create_ledger(tx: Tx, writing: Writing, body: schemas.LedgerIn) -> Reply:
    """Raises forbidden, conflict (unknown or closed unit) and duplicate_value (code)."""
    at = _time(tx)
    unit = await tx.fetchrow(_UNIT, body.unit_id)
    if unit is None or (unit["active_until"] is not None and unit["active_until"] < clock.beijing_date(at)):
        raise _unknown("/unit_id", "reference.unit_unknown", "单位不存在或已停用", "The unit is unknown or inactive")
    _require(writing.actor, MANAGERS, unit["ancestors"])
    if await tx.fetchval(_LEDGER_CODE, body.code):
        raise _taken("/code")
    ledger_id = uuid7()
    rules = first_rules(body.code, body.rules).model_dump(mode="json")
    facts = {
        "code": body.code,
        "name": body.name,
        "description": body.description,
        "unit_id": body.unit_id,
        "status": schemas.LedgerStatus.OPEN.value,
        "starts_on": body.starts_on,
        "ends_on": body.ends_on,
    }
    row = {"id": ledger_id, **facts, "policy_version": 1, "version": 1, "created_at": at, "updated_at": at}
    await tx.insert(tables.Ledger, [row])
    await _insert_policy(tx, writing.actor, ledger_id, 1, rules, None)
    fields = {**facts, "policy_version": 1, "rules": rules}
    await record(tx, writing.actor, [Entry("ledger", ledger_id, "ledger.created", at, fields, ver=1)])
    return await _ledger_reply(tx, writing, ledger_id, 201)


async def change_ledger(tx: Tx, writing: Writing, ledger_id: UUID, body: schemas.LedgerPatch) -> Reply:
    """Raises not_found, forbidden, precondition_required, version_mismatch and conflict (dates out of order)."""
    at = _time(tx)
    row = await _locked_ledger(tx, ledger_id)
    _require(writing.actor, MANAGERS, row["ancestors"])
    require_version(writing.call.if_match, row["version"])
    new = row | body.changes()
    if new["starts_on"] is not None and new["ends_on"] is not None and new["ends_on"] < new["starts_on"]:
        text = Text("结束日期早于开始日期", "It would end before it starts")
        raise Problem("conflict", faults=[Fault("ends_before_start", text, "/ends_on")])
    values = [new[name] for name in ("name", "description", "starts_on", "ends_on", "status")]
    await tx.execute(_CHANGE_LEDGER, ledger_id, *values, at)
    changed = {name: value for name, value in body.changes().items() if row[name] != value}
    kind = "ledger.archived" if changed.get("status") == schemas.LedgerStatus.ARCHIVED else "ledger.changed"
    await record(tx, writing.actor, [Entry("ledger", ledger_id, kind, at, changed, ver=row["version"] + 1)])
    return await _ledger_reply(tx, writing, ledger_id, 200)


async def change_policy(tx: Tx, writing: Writing, ledger_id: UUID, body: schemas.PolicyIn) -> Reply:
    """Adds the next version. Raises not_found, forbidden and version_mismatch (another change came first)."""
    row = await _locked_ledger(tx, ledger_id)
    change = await _examined(tx, writing.actor, row, body)
    at = _time(tx)
    rules = change.rules.model_dump(mode="json")
    await _insert_policy(tx, writing.actor, ledger_id, change.policy_version, rules, body.reason)
    await tx.execute(_RAISE_POLICY, ledger_id, change.policy_version, at)
    fields = {
        "policy_version": change.policy_version,
        "rules": rules,
        "changed": change.changed,
        "reason": body.reason,
        "open_items_touched": change.open_items_touched,
        "open_submissions_kept": change.open_submissions_kept,
    }
    await record(
        tx, writing.actor, [Entry("ledger", ledger_id, "ledger.policy_changed", at, fields, ver=row["version"] + 1)]
    )
    location = f"/v1/ledgers/{ledger_id}/policies/{change.policy_version}"
    return Reply(201, change.model_copy(update={"written": True}), location=location)


async def preview_policy(reader: Reader, actor: Actor, ledger_id: UUID, body: schemas.PolicyIn) -> schemas.PolicyChange:
    """The same checks and figures as the change itself, from one moment, writing nothing."""
    ledger = await queries.ledger(reader, ledger_id)
    unit = await reader.fetchrow(_UNIT, ledger.unit_id)
    assert unit is not None  # noqa: S101 - a foreign key says so
    return await _examined(reader, actor, {**ledger.model_dump(), "ancestors": unit["ancestors"]}, body)


async def create_category(tx: Tx, writing: Writing, body: schemas.CategoryIn) -> Reply:
    """Raises forbidden, conflict (unknown parent) and duplicate_value (code)."""
    at = _time(tx)
    await _require_whole_tree(tx, writing.actor)
    if body.parent_id is not None and not await tx.fetchval(_CATEGORY_EXISTS, body.parent_id):
        raise _unknown("/parent_id", "reference.category_unknown", "上级类别不存在", "The parent category is unknown")
    if await tx.fetchval(_CATEGORY_CODE, body.code):
        raise _taken("/code")
    category_id = uuid7()
    facts = {**body.model_dump(), "active": True}
    await tx.insert(tables.Category, [{"id": category_id, **facts, "version": 1, "created_at": at, "updated_at": at}])
    await record(tx, writing.actor, [Entry("category", category_id, "category.created", at, facts, ver=1)])
    return await _category_reply(tx, writing, category_id, 201)


async def change_category(tx: Tx, writing: Writing, category_id: UUID, body: schemas.CategoryPatch) -> Reply:
    """Raises forbidden, not_found, precondition_required and version_mismatch."""
    at = _time(tx)
    await _require_whole_tree(tx, writing.actor)
    found = await tx.fetchrow(_LOCK_CATEGORY, category_id)
    if found is None:
        raise Problem("not_found")
    row = dict(found)
    require_version(writing.call.if_match, row["version"])
    new = row | body.changes()
    values = [new[name] for name in ("name_zh", "name_en", "sort_order", "active")]
    await tx.execute(_CHANGE_CATEGORY, category_id, *values, at)
    changed = {name: value for name, value in body.changes().items() if row[name] != value}
    entry = Entry("category", category_id, "category.changed", at, changed, ver=row["version"] + 1)
    await record(tx, writing.actor, [entry])
    return await _category_reply(tx, writing, category_id, 200)


async def put_source_type(tx: Tx, writing: Writing, code: str, body: schemas.SourceTypeIn) -> Reply:
    """A new code, or the next version of a known one, which then needs If-Match.

    Raises forbidden, precondition_required, version_mismatch and conflict (two first versions at once).
    """
    at = _time(tx)
    await _require_whole_tree(tx, writing.actor)
    subject: UUID | None = await tx.fetchval(_LOCK_SOURCE_TYPE, code)
    version = 1
    if subject is not None:
        newest = await queries.source_type(tx, code, None)
        require_version(writing.call.if_match, newest.schema_version)
        version = newest.schema_version + 1
    elif writing.call.if_match is not None:
        raise Problem("version_mismatch", current_version=0)
    row_id = uuid7()
    facts = {"code": code, "schema_version": version, **body.model_dump(mode="json")}
    await tx.insert(tables.SourceType, [{"id": row_id, **facts, "created_at": at}])
    kind = "source_type.created" if subject is None else "source_type.changed"
    await record(tx, writing.actor, [Entry("source_type", subject or row_id, kind, at, facts, ver=version)])
    return Reply(
        201 if subject is None else 200,
        await queries.source_type(tx, code, version),
        etag=config_etag(writing.actor, version),
        location=f"/v1/source-types/{code}" if subject is None else None,
    )


def refuse_unusable(body: schemas.SourceTypeIn) -> None:
    """422 for a schema no form can be made of; before the transaction, since nothing of it depends on stored data."""
    if faults := source_type_faults(body.json_schema, body.sealed):
        raise fault_problem(faults)


def config_etag(actor: Actor, version: int) -> str:
    """The entity tag of a ledger or dictionary entry, in the form that every resource has."""
    return item_etag(version, clock.today(), actor.stamp, actor.language)


async def _examined(reader: Reader, actor: Actor, row: dict[str, Any], body: schemas.PolicyIn) -> schemas.PolicyChange:
    _require(actor, POLICY_MAKERS, row["ancestors"])
    current: int = row["policy_version"]
    if body.expected_version != current:
        raise Problem("version_mismatch", current_version=current)
    before = await queries.policy(reader, row["id"], current)
    touched, kept = await queries.open_items(reader, row["id"])
    return schemas.PolicyChange(
        ledger_id=row["id"],
        policy_version=current + 1,
        rules=body.rules,
        changed=changed_rules(before.rules.model_dump(mode="json"), body.rules.model_dump(mode="json")),
        open_items_touched=touched,
        open_submissions_kept=kept,
        written=False,
    )


async def _insert_policy(
    tx: Tx, actor: Actor, ledger_id: UUID, version: int, rules: dict[str, Any], reason: str | None
) -> None:
    row = {
        "ledger_id": ledger_id,
        "policy_version": version,
        "rules": rules,
        "reason": reason,
        "created_by": actor.person_id,
        "created_at": _time(tx),
    }
    await tx.insert(tables.LedgerPolicy, [row])


async def _locked_ledger(tx: Tx, ledger_id: UUID) -> dict[str, Any]:
    row = await tx.fetchrow(_LOCK_LEDGER, ledger_id)
    if row is None:
        raise Problem("not_found")
    return dict(row)


async def _ledger_reply(tx: Tx, writing: Writing, ledger_id: UUID, status: int) -> Reply:
    body = await queries.ledger(tx, ledger_id)
    location = f"/v1/ledgers/{ledger_id}" if status == 201 else None  # noqa: PLR2004 - Created
    return Reply(status, body, etag=config_etag(writing.actor, body.version), location=location)


async def _category_reply(tx: Tx, writing: Writing, category_id: UUID, status: int) -> Reply:
    body = await queries.category(tx, category_id)
    location = f"/v1/categories/{category_id}" if status == 201 else None  # noqa: PLR2004 - Created
    return Reply(status, body, etag=config_etag(writing.actor, body.version), location=location)


def _require(actor: Actor, roles: Sequence[Role], ancestors: Sequence[UUID]) -> None:
    if not any(actor.holds(role, ancestors) for role in roles):
        raise Problem("forbidden")


async def _require_whole_tree(tx: Tx, actor: Actor) -> None:
    """Dictionaries belong to everybody, so an administrator of one branch must not change them."""
    if not await tx.fetchval(_HOLDS_A_ROOT, actor.units_of(frozenset({Role.SYSTEM_ADMIN}))):
        raise Problem("forbidden")


def _time(tx: Tx) -> datetime:
    if tx.at is None:
        raise ValueError("the write path sets the time before any work")
    return tx.at


def _unknown(pointer: str, rule: str, zh: str, en: str) -> Problem:
    return Problem("conflict", faults=[Fault("unknown_reference", Text(zh, en), pointer, rule=rule)])


def _taken(pointer: str) -> Problem:
    text = Text("该编码已被使用", "This code is already in use")
    return Problem("duplicate_value", faults=[Fault("duplicate_value", text, pointer)])
