"""Giving and taking powers; each change is one event of its subject, and none of them ever holds a password."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import asyncpg

from app.access import administrators, passwords
from app.access.actor import Actor
from app.access.permissions import Permission
from app.core import clock
from app.core.db import Tx
from app.core.errors import Fault, Problem, Text
from app.core.etag import require_version
from app.core.ids import uuid7
from app.features.authority import queries, schemas
from app.tables.organisation import Account, Delegation, RoleGrant
from app.trail.envelope import Entry
from app.trail.record import record

LOCK_PERSON: Final = "SELECT id, active FROM person WHERE id = $1 FOR UPDATE"
LOCK_ACCOUNT: Final = "SELECT * FROM account WHERE person_id = $1 FOR UPDATE"
RESET_ACCOUNT: Final = """
UPDATE account SET username = $2, password_hash = $3, must_change_password = $4, epoch = epoch + 1, updated_at = $5,
  version = version + 1 WHERE id = $1
"""
SET_ACTIVE: Final = """
UPDATE account SET active = $2, epoch = epoch + 1, updated_at = $3, version = version + 1 WHERE id = $1
"""
SAME_GRANT: Final = """
SELECT count(*) FROM role_grant WHERE person_id = $1 AND role = $2 AND unit_id = $3 AND revoked_at IS NULL
  AND (ends_on IS NULL OR ends_on >= $4::date) AND ($5::date IS NULL OR starts_on <= $5)
"""
UNIT: Final = "SELECT id FROM unit WHERE id = $1 FOR SHARE"
LOCK_GRANT: Final = "SELECT * FROM role_grant WHERE id = $1 AND person_id = $2 FOR UPDATE"
REVOKE_GRANT: Final = "UPDATE role_grant SET revoked_at = $2, updated_at = $2, version = version + 1 WHERE id = $1"
OWN_ROLES: Final = """
SELECT DISTINCT role FROM role_grant WHERE person_id = $1 AND revoked_at IS NULL AND starts_on <= $3::date
  AND (ends_on IS NULL OR ends_on >= $2::date)
"""
ABLE: Final = "SELECT id FROM person WHERE id = $1 AND active FOR SHARE"
LOCK_DELEGATION: Final = "SELECT * FROM delegation WHERE id = $1 FOR UPDATE"
REVOKE_DELEGATION: Final = "UPDATE delegation SET revoked_at = $2, updated_at = $2, version = version + 1 WHERE id = $1"
_SELF: Final = Text("受托人不能是委托人本人", "Nobody stands in for themselves")
_UNKNOWN: Final = Text("引用的记录不存在或已停用", "There is no such record, or it is no longer active")


class NewPassword(NamedTuple):
    """Made before the transaction, because hashing takes longer than everything in it."""

    hash: str
    shown: str | None


async def new_password(data: schemas.AccountIn) -> NewPassword:
    """Raises validation_failed for a password that is too easy."""
    if data.password is None:
        made = passwords.generated()
        return NewPassword(await passwords.hashed(made), made)
    given = data.password.get_secret_value()
    if not passwords.acceptable(given, data.username):
        text = Text("密码过于简单或包含用户名", "The password is too simple or holds the user name")
        raise Problem("validation_failed", faults=[Fault("password_too_weak", text, pointer="/password")])
    return NewPassword(await passwords.hashed(given), None)


async def put_account(
    tx: Tx, actor: Actor, person_id: UUID, if_match: str | None, data: tuple[schemas.AccountIn, NewPassword]
) -> tuple[bool, schemas.AccountWithPassword]:
    """Makes the person's log-in, or resets it and ends its sessions; gives whether it is new."""
    if await tx.fetchrow(LOCK_PERSON, person_id) is None:
        raise Problem("not_found")
    body, password = data
    before = await tx.fetchrow(LOCK_ACCOUNT, person_id)
    try:
        if before is None:
            await _open_account(tx, actor, person_id, data)
        else:
            require_version(if_match, before["version"])
            change = (body.username, password.hash, body.must_change_password, _at(tx))
            await tx.execute(RESET_ACCOUNT, before["id"], *change)
            fields = {"username": body.username, "password_reset": True}
            entry = Entry("account", before["id"], "account.reset", _at(tx), fields, ver=before["version"] + 1)
            await record(tx, actor, [entry])
    except asyncpg.UniqueViolationError:
        taken = Text("该用户名已被使用", "This user name is taken")
        raise Problem("duplicate_value", faults=[Fault("duplicate_value", taken, pointer="/username")]) from None
    shown = await queries.account(tx, person_id)
    return before is None, schemas.AccountWithPassword(**shown.model_dump(), password=password.shown)


async def _open_account(tx: Tx, actor: Actor, person_id: UUID, data: tuple[schemas.AccountIn, NewPassword]) -> None:
    body, password = data
    account_id = uuid7()
    row = {
        "id": account_id,
        "person_id": person_id,
        "username": body.username,
        "password_hash": password.hash,
        "must_change_password": body.must_change_password,
    }
    await tx.insert(Account, [{**row, **_new(tx)}])
    fields = {"person_id": person_id, "username": body.username}
    await record(tx, actor, [Entry("account", account_id, "account.created", _at(tx), fields, ver=1)])


async def change_account(
    tx: Tx, actor: Actor, person_id: UUID, if_match: str | None, data: schemas.AccountPatch
) -> schemas.Account:
    """Closing a log-in ends its sessions; raises last_administrator where nobody else could."""
    closing = data.active is False
    if closing:
        await administrators.lock(tx)
    before = await tx.fetchrow(LOCK_ACCOUNT, person_id)
    if before is None:
        raise Problem("not_found")
    require_version(if_match, before["version"])
    if closing and before["active"]:
        await administrators.keep_one(tx, person_id)
    active = before["active"] if data.active is None else data.active
    await tx.execute(SET_ACTIVE, before["id"], active, _at(tx))
    verb = "account.opened" if active else "account.closed"
    await record(tx, actor, [Entry("account", before["id"], verb, _at(tx), ver=before["version"] + 1)])
    return await queries.account(tx, person_id)


async def grant_role(
    tx: Tx, actor: Actor, person_id: UUID, data: schemas.GrantIn, *, trial_mode: bool
) -> schemas.RoleGrant:
    """Raises administrators_must_differ, duplicate_value for the same grant in force, conflict for an unknown unit."""
    await administrators.lock(tx)
    if await tx.fetchrow(LOCK_PERSON, person_id) is None:
        raise Problem("not_found")
    if await tx.fetchval(UNIT, data.unit_id) is None:
        raise _conflict("unknown_reference", "/unit_id", _UNKNOWN)
    if not trial_mode:
        await administrators.keep_apart(tx, person_id, data.role)
    starts_on = data.starts_on or clock.beijing_date(_at(tx))
    if data.ends_on is not None and data.ends_on < starts_on:
        raise _conflict("ends_before_start", "/ends_on", Text("结束日期早于开始日期", "It ends before it starts"))
    if await tx.fetchval(SAME_GRANT, person_id, data.role, data.unit_id, starts_on, data.ends_on):
        same = Text("该人员在该单位已有同一角色", "This person already has this role over this unit")
        raise Problem("duplicate_value", faults=[Fault("duplicate_value", same, pointer="/role")])
    values = {
        "person_id": person_id,
        "role": data.role.value,
        "unit_id": data.unit_id,
        "starts_on": starts_on,
        "ends_on": data.ends_on,
    }
    grant_id = uuid7()
    await tx.insert(RoleGrant, [{"id": grant_id, **values, **_new(tx)}])
    await record(tx, actor, [Entry("role_grant", grant_id, "role_grant.granted", _at(tx), values, ver=1)])
    return await queries.grant(tx, person_id, grant_id)


async def revoke_role(tx: Tx, actor: Actor, person_id: UUID, grant_id: UUID, if_match: str | None) -> None:
    """Works from the next request of that person on; raises last_administrator where nobody else could."""
    await administrators.lock(tx)
    before = await tx.fetchrow(LOCK_GRANT, grant_id, person_id)
    if before is None or before["revoked_at"] is not None:
        raise Problem("not_found")
    require_version(if_match, before["version"])
    filled = await administrators.in_office(tx, before["role"])
    await tx.execute(REVOKE_GRANT, grant_id, _at(tx))
    if filled and not await administrators.in_office(tx, before["role"]):
        raise Problem("last_administrator")
    entry = Entry("role_grant", grant_id, "role_grant.revoked", _at(tx), ver=before["version"] + 1)
    await record(tx, actor, [entry])


async def delegate(tx: Tx, actor: Actor, data: schemas.DelegationIn) -> schemas.Delegation:
    """Only roles of the principal's own can be lent, so nothing lent is lent on; from today on, never backwards."""
    principal = data.principal_id or actor.person_id
    if principal is None or (principal != actor.person_id and not actor.has(Permission.ACCESS_MANAGE)):
        raise Problem("forbidden")
    if principal == data.delegate_id:
        raise _conflict("same_person", "/delegate_id", _SELF)
    if data.starts_on < clock.beijing_date(_at(tx)):
        raise _conflict("in_the_past", "/starts_on", Text("委托不得倒签", "A delegation cannot be back-dated"))
    for pointer, person_id in (("/principal_id", principal), ("/delegate_id", data.delegate_id)):
        if await tx.fetchval(ABLE, person_id) is None:
            raise _conflict("unknown_reference", pointer, _UNKNOWN)
    await administrators.keep_out(tx, data.delegate_id)
    held = {row["role"] for row in await tx.fetch(OWN_ROLES, principal, data.starts_on, data.ends_on)}
    missing = [place for place, role in enumerate(data.roles) if role.value not in held]
    if missing:
        text = Text("委托人本人没有该角色，不能委托", "The principal does not hold this role")
        faults = [Fault("role_not_held", text, pointer=f"/roles/{place}") for place in missing]
        raise Problem("conflict", text, faults=faults)
    values = {
        **data.model_dump(exclude={"roles", "principal_id"}),
        "principal_id": principal,
        "roles": [role.value for role in data.roles],
    }
    delegation_id = uuid7()
    await tx.insert(Delegation, [{"id": delegation_id, **values, **_new(tx)}])
    await record(tx, actor, [Entry("delegation", delegation_id, "delegation.granted", _at(tx), values, ver=1)])
    return await queries.delegation(tx, actor, delegation_id)


async def revoke_delegation(tx: Tx, actor: Actor, delegation_id: UUID, if_match: str | None) -> None:
    """By the principal or the security administrator; the delegate can give it back as well."""
    await queries.delegation(tx, actor, delegation_id)
    before = await tx.fetchrow(LOCK_DELEGATION, delegation_id)
    if before is None or before["revoked_at"] is not None:
        raise Problem("not_found")
    require_version(if_match, before["version"])
    await tx.execute(REVOKE_DELEGATION, delegation_id, _at(tx))
    entry = Entry("delegation", delegation_id, "delegation.revoked", _at(tx), ver=before["version"] + 1)
    await record(tx, actor, [entry])


def _at(tx: Tx) -> datetime:
    return tx.at or clock.now()


def _new(tx: Tx) -> dict[str, Any]:
    return {"version": 1, "created_at": _at(tx), "updated_at": _at(tx)}


def _conflict(code: str, pointer: str, detail: Text) -> Problem:
    return Problem("conflict", detail, faults=[Fault(code, detail, pointer=pointer)])
