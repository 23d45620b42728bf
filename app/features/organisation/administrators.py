"""The first administrators, made from a shell: before them nobody could give anybody a log-in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from pydantic import TypeAdapter, ValidationError

from app.access import administrators, passwords
from app.access.actor import SYSTEM
from app.access.permissions import ADMINISTRATORS, Role
from app.core import clock
from app.core.db import Database, Tx
from app.core.errors import Fault, Problem, Text
from app.core.fields import Line, Username
from app.core.ids import uuid7
from app.tables.organisation import Account, Person, RoleGrant, Unit
from app.trail.envelope import Entry
from app.trail.record import record

ROOT_CODE: Final = "root"
_ROOT: Final = "SELECT id FROM unit WHERE parent_id IS NULL ORDER BY created_at, id LIMIT 1"
_TAKEN: Final = "SELECT EXISTS (SELECT FROM account WHERE username = $1)"


async def create_administrator(
    db: Database, *, username: str, name: str, password: str, roles: Sequence[str], trial: bool
) -> UUID:
    """Gives the person's id; without any unit yet the root unit is made as well, to be renamed later.

    Raises validation_failed for a weak password or a role that is no administrator's, duplicate_value for a user name
    in use, administrators_must_differ for more than one of the three roles outside trial mode.
    """
    wanted = sorted({Role(role) for role in roles if role in set(Role)})
    if not wanted or len(wanted) != len(set(roles)) or not set(wanted) <= ADMINISTRATORS:
        raise _invalid("not_an_administrator", "/role", "须为系统、安全或审计管理员", "It is no administrator's role")
    _check(Username, username, "/username")
    _check(Line, name, "/name")
    if not passwords.acceptable(password, username):
        raise _invalid("password_too_weak", "/password", "密码过于简单或包含用户名", "The password is too simple")
    if len(wanted) > 1 and not trial:
        raise Problem("administrators_must_differ")
    hashed = await passwords.hashed(password)

    async def work(tx: Tx) -> UUID:
        tx.at = clock.now()
        await administrators.lock(tx)
        if await tx.fetchval(_TAKEN, username):
            text = Text("该用户名已被使用", "This user name is taken")
            raise Problem("duplicate_value", faults=[Fault("duplicate_value", text, pointer="/username")])
        person_id = await _put(tx, Person, "person.created", {"name": name, "active": True})
        log_in = {"person_id": person_id, "username": username}
        kept = {"password_hash": hashed, "must_change_password": False, "active": True, "epoch": 1}
        await _put(tx, Account, "account.created", log_in, kept)
        unit_id = await tx.fetchval(_ROOT) or await _root(tx)
        for role in wanted:
            granted = {"person_id": person_id, "role": role.value, "unit_id": unit_id, "starts_on": clock.today()}
            await _put(tx, RoleGrant, "role_grant.granted", granted)
        return person_id

    return await db.write(work)


async def _root(tx: Tx) -> UUID:
    unit_id = uuid7()
    told = {"id": unit_id, "code": ROOT_CODE, "name": "本单位", "sort_order": 0}
    return await _put(tx, Unit, "unit.created", told, {"ancestors": [unit_id]})


async def _put(
    tx: Tx, table: type[Any], event: str, told: dict[str, Any], untold: dict[str, Any] | None = None
) -> UUID:
    """One row and the event that says so; what is `untold` stays out of the history."""
    row = {"id": uuid7(), **told, **(untold or {}), "version": 1, "created_at": tx.at, "updated_at": tx.at}
    await tx.insert(table, [row])
    fields = {field: value for field, value in told.items() if field != "id"}
    at = tx.at or clock.now()
    await record(tx, SYSTEM, [Entry(event.partition(".")[0], row["id"], event, at, fields, ver=1)])
    made: UUID = row["id"]
    return made


def _check(kind: Any, value: str, pointer: str) -> None:
    """The same rules as over HTTP: what a shell lets in stays for good."""
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError:
        raise _invalid("invalid", pointer, "不符合要求", "It does not meet the requirements") from None


def _invalid(code: str, pointer: str, zh: str, en: str) -> Problem:
    return Problem("validation_failed", faults=[Fault(code, Text(zh, en), pointer=pointer)])
