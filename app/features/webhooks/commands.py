"""Making and changing endpoints; each change is one event of its own, and none of them ever holds a secret."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from app.access.actor import Actor
from app.access.guarding import Writing
from app.core import clock
from app.core.db import Row, Tx
from app.core.errors import Fault, Problem, Text
from app.core.etag import require_version
from app.core.ids import uuid7
from app.core.outgoing import Outgoing, Reason, RefusedError
from app.features.webhooks import queries, schemas, signing
from app.features.webhooks.messages import of_event
from app.features.webhooks.numbers import numbers_of
from app.features.webhooks.rules import DeliveryOutcome
from app.tables.webhook import WebhookEndpoint, WebhookHeld
from app.trail import read
from app.trail.envelope import Entry
from app.trail.keys import fingerprint
from app.trail.record import record
from app.trail.watch import LAST_POSITION

KIND: Final = "webhook_endpoint"
LOCK: Final = "SELECT * FROM webhook_endpoint WHERE id = $1 FOR UPDATE"
OWN: Final = "SELECT count(*) FROM webhook_endpoint WHERE owner_account_id = $1 OR owner_api_key_id = $2"
CHANGE: Final = """
UPDATE webhook_endpoint SET url = $2, description = $3, event_types = $4, state = $5::varchar, ping_id = $6, due_at = $7,
  state_reason = CASE WHEN state = $5::varchar THEN state_reason END, updated_at = $7, version = version + 1 WHERE id = $1
"""
ROTATE: Final = """
UPDATE webhook_endpoint SET secret_generation = secret_generation + 1, previous_key = secret_key, secret_key = $2,
  rotated_at = $3, ping_id = $4, due_at = $3, updated_at = $3, version = version + 1 WHERE id = $1
RETURNING secret_generation
"""
REWIND: Final = """
UPDATE webhook_endpoint SET cursor = $2, ahead = '{}', due_at = $3, updated_at = $3, version = version + 1
WHERE id = $1
"""
READ_AGAIN: Final = "DELETE FROM webhook_held WHERE endpoint_id = $1 AND position > $2"
TOUCH: Final = "UPDATE webhook_endpoint SET due_at = $2, updated_at = $2, version = version + 1 WHERE id = $1"
SET_ASIDE: Final = f"""
SELECT first_position FROM webhook_attempt WHERE endpoint_id = $1 AND event_id = $2 AND outcome = '{DeliveryOutcome.SET_ASIDE}'
ORDER BY id DESC LIMIT 1
"""  # noqa: S608 - a constant
STILL_HELD: Final = "SELECT EXISTS (SELECT FROM webhook_held WHERE endpoint_id = $1 AND position = $2)"
FORGET_HELD: Final = "DELETE FROM webhook_held WHERE endpoint_id = $1"
FORGET_ATTEMPTS: Final = "DELETE FROM webhook_attempt WHERE endpoint_id = $1"
FORGET: Final = "DELETE FROM webhook_endpoint WHERE id = $1"

MOST_OF_ONE: Final = 50
"""Endpoints of one owner: each is sent everything anew."""
_TOO_MANY: Final = Text("推送端点过多，请先删除不用的", "Too many endpoints; delete those no longer used")
_REASONS: Final[dict[Reason, Text]] = {
    "calls_not_configured": Text(
        "本部署不允许推送：请系统管理员设置 RECTIFY_WEBHOOK_HOSTS，例如 oa.example.gov.cn 或 10.20.0.0/16:8443",
        "This deployment sends nothing out: have its administrator set RECTIFY_WEBHOOK_HOSTS, "
        "to oa.example.gov.cn or 10.20.0.0/16:8443 for instance",
    ),
    "url_malformed": Text(
        "地址须为 http 或 https，写法规范，不带账号、片段和编码主机名；中文域名写作 xn--",
        "A plain http or https address without user, fragment or encoded host; other scripts are written xn--",
    ),
    "host_not_allowed": Text(
        "该主机或端口未被允许：请系统管理员将其加入 RECTIFY_WEBHOOK_HOSTS",
        "This host or port is not allowed: have the administrator add it to RECTIFY_WEBHOOK_HOSTS",
    ),
    "host_unresolvable": Text("该主机名无法解析", "This host name cannot be resolved"),
    "address_forbidden": Text(
        "该主机指向本机、链路本地或其他不得调用的地址",
        "This host is this machine, on its link, or at another address that is never called",
    ),
}
_NOT_SET_ASIDE: Final = Text("该事件未被搁置，或已不可见", "That event was not set aside, or can no longer be seen")
_BEYOND: Final = Text("日志尚未到达该序号", "The log does not reach that position yet")


@dataclass(frozen=True, slots=True)
class Service:
    """What this deployment signs with and where it may call; `source` is the name of its log."""

    key: bytes
    source: str
    outgoing: Outgoing

    @property
    def fingerprint(self) -> str:
        return fingerprint("webhook", self.key)


async def require_address(outgoing: Outgoing, url: str) -> None:
    """Raises webhook_url_refused; asked before the transaction, because a name may have to be looked up."""
    try:
        await outgoing.locate(url)
    except RefusedError as refused:
        fault = Fault(refused.reason, _REASONS[refused.reason], pointer="/url")
        raise Problem("webhook_url_refused", fault.detail, faults=[fault]) from None


async def create(
    tx: Tx, write: Writing, service: Service, body: schemas.WebhookEndpointIn
) -> schemas.NewWebhookEndpoint:
    """The secret is in the answer and nowhere else; raises conflict for an owner who has very many already."""
    if await tx.fetchval(OWN, write.actor.account_id, write.actor.api_key_id) >= MOST_OF_ONE:
        raise _conflict("too_many_endpoints", "", _TOO_MANY)
    endpoint_id, at = uuid7(), _at(tx)
    told = {
        "owner_account_id": write.actor.account_id,
        "owner_api_key_id": write.actor.api_key_id,
        "url": body.url,
        "description": body.description,
        "event_types": body.event_types,
    }
    row = {
        "id": endpoint_id,
        **told,
        "state": schemas.EndpointState.ACTIVE.value,
        "secret_generation": 1,
        "secret_key": service.fingerprint,
        "version": 1,
        "created_at": at,
        "updated_at": at,
        "ping_id": uuid7(),
        "cursor": await tx.fetchval(LAST_POSITION),
        "due_at": at,
    }
    await tx.insert(WebhookEndpoint, [row])
    await record(tx, write.actor, [Entry(KIND, endpoint_id, "webhook_endpoint.created", at, told, ver=1)])
    return await _with_secret(tx, write.actor, service, endpoint_id, 1)


async def change(
    tx: Tx, write: Writing, endpoint_id: UUID, body: schemas.WebhookEndpointPatch
) -> schemas.WebhookEndpoint:
    """An administrator may stop and resume what others own. Another address is greeted with a ping first."""
    changes = body.changes()
    before = await _locked(tx, write, endpoint_id, owner=bool(changes.keys() - {"state"}))
    after = {**before, **changes}
    ping_id = uuid7() if after["url"] != before["url"] else before["ping_id"]
    values = (after["url"], after["description"], after["event_types"], str(after["state"]), ping_id, _at(tx))
    await tx.execute(CHANGE, endpoint_id, *values)
    await _record(tx, write.actor, before, "webhook_endpoint.changed", changes)
    return await queries.endpoint(tx, write.actor, endpoint_id)


async def rotate(tx: Tx, write: Writing, service: Service, endpoint_id: UUID) -> schemas.NewWebhookEndpoint:
    """Both secrets sign for a day, so that receivers can change over without losing anything."""
    before = await _locked(tx, write, endpoint_id, owner=True)
    generation = await tx.fetchval(ROTATE, endpoint_id, service.fingerprint, _at(tx), uuid7())
    await _record(tx, write.actor, before, "webhook_endpoint.secret_rotated", {"generation": generation})
    return await _with_secret(tx, write.actor, service, endpoint_id, generation)


async def replay(
    tx: Tx, write: Writing, service: Service, endpoint_id: UUID, body: schemas.ReplayIn
) -> schemas.WebhookEndpoint:
    """Raises conflict for a position not reached yet and an event that was not set aside."""
    before = await _locked(tx, write, endpoint_id, owner=True)
    if body.after is not None:
        if body.after > await tx.fetchval(LAST_POSITION):
            raise _conflict("position_not_reached", "/after", _BEYOND)
        await tx.execute(REWIND, endpoint_id, body.after, _at(tx))
        await tx.execute(READ_AGAIN, endpoint_id, body.after)
    elif body.event_id is not None:
        await _take_up(tx, write.actor, service, endpoint_id, body.event_id)
        await tx.execute(TOUCH, endpoint_id, _at(tx))
    await _record(tx, write.actor, before, "webhook_endpoint.replayed", body.model_dump(exclude_none=True))
    return await queries.endpoint(tx, write.actor, endpoint_id)


async def _take_up(tx: Tx, actor: Actor, service: Service, endpoint_id: UUID, event_id: UUID) -> None:
    """Holds the event again, to be sent at once; behind the cursor there is no other way to it."""
    position = await tx.fetchval(SET_ASIDE, endpoint_id, event_id)
    if position is None or await tx.fetchval(STILL_HELD, endpoint_id, position):
        raise _conflict("not_set_aside", "/event_id", _NOT_SET_ASIDE)
    found = await read.feed(tx, position - 1, 1, await read.scope_of(tx, actor))
    if not found.rows or found.rows[0].event.id != event_id:
        raise _conflict("not_set_aside", "/event_id", _NOT_SET_ASIDE)
    row = found.rows[0]
    numbers = await numbers_of(tx, found.rows)
    held = {
        "endpoint_id": endpoint_id,
        "position": position,
        "event_id": event_id,
        "subject_kind": row.subject_kind,
        "subject_id": row.subject_id,
        "body": of_event(row, numbers.get(row.subject_id), service.source).decode(),
        "attempts": 0,
        "due_at": _at(tx),
    }
    await tx.insert(WebhookHeld, [held])


async def delete(tx: Tx, write: Writing, endpoint_id: UUID) -> None:
    """With the log of its deliveries; that it was there stays in the history."""
    before = await _locked(tx, write, endpoint_id, owner=False)
    for statement in (FORGET_HELD, FORGET_ATTEMPTS, FORGET):
        await tx.execute(statement, endpoint_id)
    await _record(tx, write.actor, before, "webhook_endpoint.deleted", {})


async def _locked(tx: Tx, write: Writing, endpoint_id: UUID, *, owner: bool) -> Row:
    """Raises not_found, forbidden where only the `owner` may, precondition_required and version_mismatch."""
    row = await tx.fetchrow(LOCK, endpoint_id)
    everyones, *_ = queries.sees(write.actor)
    if row is None or not (everyones or queries.owns(write.actor, row)):
        raise Problem("not_found")
    if owner and not queries.owns(write.actor, row):
        raise Problem("forbidden")
    require_version(write.call.if_match, row["version"])
    return row


async def _record(tx: Tx, actor: Actor, before: Row, event: str, fields: dict[str, Any]) -> None:
    entry = Entry(KIND, before["id"], event, _at(tx), fields, ver=before["version"] + 1)
    await record(tx, actor, [entry])


async def _with_secret(
    tx: Tx, actor: Actor, service: Service, endpoint_id: UUID, generation: int
) -> schemas.NewWebhookEndpoint:
    found = await queries.endpoint(tx, actor, endpoint_id)
    secret = signing.shown(signing.secret_of(service.key, endpoint_id, generation))
    return schemas.NewWebhookEndpoint(**found.model_dump(), secret=secret)


def _conflict(code: str, pointer: str, detail: Text) -> Problem:
    return Problem("conflict", detail, faults=[Fault(code, detail, pointer=pointer)])


def _at(tx: Tx) -> datetime:
    return tx.at or clock.now()
