"""Signing in and out, the own password, and keys for programs."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

import asyncpg

from app.access import passwords, tokens
from app.access.actor import Actor
from app.access.authenticate import ACTOR_SQL, Credential, actor_from_row
from app.access.permissions import ADMINISTRATORS, Permission
from app.access.throttle import Throttle
from app.core import clock
from app.core.db import Database, Tx
from app.core.errors import Fault, Problem, Text
from app.core.etag import require_version
from app.core.http import Call
from app.core.ids import uuid7
from app.features.session import queries, schemas
from app.tables.organisation import ApiKey
from app.trail.envelope import Entry
from app.trail.record import record

LONGEST_KEY: Final = timedelta(days=366)
LOGGED_IN: Final = "UPDATE account SET last_login_at = $2 WHERE id = $1 AND epoch = $3 AND active RETURNING version"
# The version rises with the epoch: an account's next event follows the one recorded here.
END_SESSIONS: Final = """
UPDATE account SET epoch = epoch + 1, updated_at = $2, version = version + 1 WHERE id = $1 RETURNING epoch, version
"""
SET_OWN: Final = """
UPDATE account SET password_hash = $2, must_change_password = false, epoch = epoch + 1, updated_at = $3,
  version = version + 1 WHERE id = $1 RETURNING epoch, version
"""
LOCK_KEY: Final = "SELECT * FROM api_key WHERE id = $1 FOR UPDATE"
REVOKE_KEY: Final = "UPDATE api_key SET revoked_at = $2, updated_at = $2, version = version + 1 WHERE id = $1"


class Begun(NamedTuple):
    """A session just begun, and what its beginning left in the history."""

    session: tokens.Session
    recorded: list[Any]
    must_change_password: bool


async def sign_in(db: Database, call: Call, given: schemas.Credentials, throttle: Throttle, address: str) -> Begun:
    """The session, and what was recorded of its beginning: privileged people leave a trace by signing in alone.

    Raises invalid_credentials alike for a wrong name, password or closed account; too_many_requests after five.
    """
    with throttle.attempt(given.username, address):
        row = await queries.login(db, given.username)
        known = None if row is None else row["password_hash"]
        right = await passwords.matches(known, given.password.get_secret_value())
        if row is None or not right or not row["active"]:
            raise Problem("invalid_credentials")
    session = tokens.Session(row["id"], row["epoch"])

    async def work(tx: Tx) -> Begun:
        tx.request_id = call.request_id
        now = clock.now()
        version = await tx.fetchval(LOGGED_IN, session.account_id, now, session.epoch)
        if version is None:
            raise Problem("invalid_credentials")
        credential = Credential(session.account_id, session.epoch, None, clock.today())
        actor = actor_from_row(await tx.fetchrow(ACTOR_SQL, *credential), call.language)
        if actor.has_role(*ADMINISTRATORS):
            await record(tx, actor, [Entry("account", session.account_id, "account.logged_in", now, ver=version)])
        return Begun(session, tx.recorded, actor.must_change_password)

    return await db.write(work)


async def sign_out(tx: Tx, actor: Actor) -> None:
    """Ends every session of the account, wherever it was opened."""
    account_id = _account_of(actor)
    row = await tx.fetchrow(END_SESSIONS, account_id, _at(tx))
    version = row["version"] if row is not None else None
    await record(tx, actor, [Entry("account", account_id, "account.sessions_ended", _at(tx), ver=version)])


async def check_password(db: Database, actor: Actor, data: schemas.PasswordChange, throttle: Throttle) -> str:
    """The hash of the new password; raises conflict for a wrong old one, validation_failed for a weak new one."""
    row = await db.fetchrow(queries.OWN_LOGIN, _account_of(actor))
    username = "" if row is None else row["username"]
    stored = None if row is None else row["password_hash"]
    with throttle.attempt(username, "own"):
        if not await passwords.matches(stored, data.current_password.get_secret_value()):
            text = Text("当前密码不正确", "The current password is wrong")
            raise Problem("conflict", text, faults=[Fault("wrong_password", text, pointer="/current_password")])
    new = data.new_password.get_secret_value()
    if not passwords.acceptable(new, username) or new == data.current_password.get_secret_value():
        text = Text("新密码过于简单、包含用户名或与原密码相同", "The new password is too simple, or not new")
        raise Problem("validation_failed", faults=[Fault("password_too_weak", text, pointer="/new_password")])
    return await passwords.hashed(new)


async def change_password(tx: Tx, actor: Actor, password_hash: str) -> tokens.Session:
    """Ends all other sessions; gives the one to go on with."""
    account_id = _account_of(actor)
    row = await tx.fetchrow(SET_OWN, account_id, password_hash, _at(tx))
    if row is None:
        raise Problem("invalid_token")
    await record(tx, actor, [Entry("account", account_id, "account.password_changed", _at(tx), ver=row["version"])])
    return tokens.Session(account_id, row["epoch"])


_NOT_HELD: Final = Text("密钥的权限不得超过本人", "A key cannot do what its person may not")
_OWN_ONLY: Final = Text(
    "与人员绑定的密钥只能由本人签发", "A key that acts as a person is made by that person and nobody else"
)


def may_create_key(actor: Actor, data: schemas.ApiKeyIn) -> None:
    """A key acts as the person who made it, or as a unit's program if the security administrator made it.

    Raises forbidden, and conflict for more than the person may do: whoever manages access must not be able to act in
    somebody else's name.
    """
    if actor.kind != "person":
        raise Problem("forbidden")
    if data.person_id is None:
        if not actor.has(Permission.ACCESS_MANAGE):
            raise Problem("forbidden")
        return
    if data.person_id != actor.person_id:
        raise Problem("forbidden", _OWN_ONLY)
    beyond = [place for place, scope in enumerate(data.scopes) if not actor.has(scope)]
    if beyond:
        faults = [Fault("scope_not_held", _NOT_HELD, pointer=f"/scopes/{place}") for place in beyond]
        raise Problem("conflict", _NOT_HELD, faults=faults)


async def create_key(tx: Tx, actor: Actor, data: schemas.ApiKeyIn) -> schemas.NewApiKey:
    """The secret is in the answer and nowhere else; raises conflict for an unknown unit or a bad expiry."""
    if not _at(tx) < data.expires_at <= _at(tx) + LONGEST_KEY:
        text = Text("有效期须在一年以内且晚于当前时间", "The key must expire within a year, and not before now")
        raise Problem("conflict", text, faults=[Fault("expiry_out_of_range", text, pointer="/expires_at")])
    key_id, made = uuid7(), tokens.new_api_key()
    shown = {
        "name": data.name,
        "hint": made.hint,
        "unit_id": data.unit_id,
        "person_id": data.person_id,
        "scopes": sorted(scope.value for scope in data.scopes),
        "expires_at": data.expires_at,
    }
    kept = {"digest": made.digest, "created_by": actor.person_id, "version": 1}
    try:
        await tx.insert(ApiKey, [{"id": key_id, **shown, **kept, "created_at": _at(tx), "updated_at": _at(tx)}])
    except asyncpg.ForeignKeyViolationError:
        text = Text("引用的记录不存在", "There is no such record")
        raise Problem("conflict", text, faults=[Fault("unknown_reference", text, pointer="/unit_id")]) from None
    await record(tx, actor, [Entry("api_key", key_id, "api_key.created", _at(tx), shown, ver=1)])
    return schemas.NewApiKey(**(await queries.api_key(tx, actor, key_id)).model_dump(), secret=made.secret)


async def revoke_key(tx: Tx, actor: Actor, key_id: UUID, if_match: str | None) -> None:
    """The key's next request is refused."""
    before = await tx.fetchrow(LOCK_KEY, key_id)
    if before is None or before["revoked_at"] is not None or not queries.may_see_key(actor, before["person_id"]):
        raise Problem("not_found")
    require_version(if_match, before["version"])
    await tx.execute(REVOKE_KEY, key_id, _at(tx))
    await record(tx, actor, [Entry("api_key", key_id, "api_key.revoked", _at(tx), ver=before["version"] + 1)])


def _account_of(actor: Actor) -> UUID:
    if actor.account_id is None:
        raise Problem("forbidden")
    return actor.account_id


def _at(tx: Tx) -> datetime:
    return tx.at or clock.now()
