"""Envelope v1: the keys of an event's body and what each says.

Bodies are evidence, so v1 never changes; another envelope would be a v2 beside it.

Always present:
  v        1
  id       of the event, UUIDv7
  subject  {kind, id}; kind is `item` or the name of a configuration object (`ledger`, `role_grant`, `api_key` …)
  seq      1, 2, 3 … within the subject
  prev     hex leaf hash of the subject's event seq - 1; 64 zeros when seq is 1
  type     what happened, past tense, `kind.verb`
  at       the server's time, RFC 3339 UTC with six decimals
  actor    {id, unit, post, kind, auth}; id is the account's or the API key's; id, unit, post are null if there is none
  req      {id}: all events of one request share it
  from, to the state before and after; null unless the event concerns a state (from is null for the first)
  ver      the version of the object after the event; null for a subject without versions
  rules    hex SHA-256 of the transition table in force; 64 zeros for every subject that is not an item
  pay      {field: commitment}; {} when nothing was said
  att      [{sha256, size}] in the order given; [] when nothing was attached
Absent unless there is something to say, never null:
  eff              the claimed business time, kept apart from `at` so that back-dating shows
  actor.on_behalf  the person the actor stood in for
  req.idem         the idempotency key the caller sent
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from app.access.actor import Actor
from app.tables.trail import BODY_LIMIT
from app.trail.canonical import Unrecordable, canonical, instant, leaf_hash

VERSION = 1
ITEM = "item"
NO_HASH = bytes(32)
NO_RULES = "0" * 64
ATTACHMENT_LIMIT = 100


@dataclass(frozen=True, slots=True)
class Entry:
    """What a command asks to be recorded; `fields` is disclosed beside the event, the rest is in its body."""

    kind: str
    subject_id: UUID
    type: str
    at: datetime
    fields: Mapping[str, Any] = field(default_factory=dict)
    from_state: str | None = None
    to_state: str | None = None
    eff: datetime | None = None
    ver: int | None = None
    on_behalf: UUID | None = None
    attachments: Sequence[tuple[str, int]] = ()
    rules: str | None = None


class Head(NamedTuple):
    """A subject's newest event: its seq and leaf hash; `Head(0, NO_HASH)` before the first."""

    seq: int
    hash: bytes


START = Head(0, NO_HASH)


class Origin(NamedTuple):
    """Who writes within which request: the same for every event of one call."""

    actor: Actor
    request_id: str
    idempotency_key: str | None

    @property
    def actor_id(self) -> UUID | None:
        """None for the system itself."""
        return self.actor.account_id or self.actor.api_key_id


class Sealed(NamedTuple):
    """A body and the hash it is known by from then on."""

    body: str
    hash: bytes


def envelope(entry: Entry, head: Head, origin: Origin, event_id: UUID, pay: Mapping[str, str]) -> Sealed:
    """Body and leaf hash of the event that follows `head`; raises Unrecordable where a rule above is broken."""
    if (entry.kind == ITEM) != (entry.rules is not None):
        raise Unrecordable(f"{entry.type}: items, and items only, name the transition table in force")
    if len(entry.attachments) > ATTACHMENT_LIMIT:
        raise Unrecordable(f"{entry.type}: more than {ATTACHMENT_LIMIT} attachments")
    content = {
        "v": VERSION,
        "id": str(event_id),
        "subject": {"kind": entry.kind, "id": str(entry.subject_id)},
        "seq": head.seq + 1,
        "prev": head.hash.hex(),
        "type": entry.type,
        "at": instant(entry.at),
        "actor": _actor(origin, entry.on_behalf),
        "req": _request(origin),
        "from": entry.from_state,
        "to": entry.to_state,
        "ver": entry.ver,
        "rules": entry.rules or NO_RULES,
        "pay": pay,
        "att": [{"sha256": digest, "size": size} for digest, size in entry.attachments],
    }
    if entry.eff is not None:
        content["eff"] = instant(entry.eff)
    body = canonical(content)
    if len(body.encode()) > BODY_LIMIT:
        raise Unrecordable(f"{entry.type}: body larger than {BODY_LIMIT} bytes")
    return Sealed(body, leaf_hash(body))


def _actor(origin: Origin, on_behalf: UUID | None) -> dict[str, str | None]:
    actor = origin.actor
    told = {
        "id": _text(origin.actor_id),
        "unit": _text(actor.unit_id),
        "post": _text(actor.post_id),
        "kind": str(actor.kind),
        "auth": str(actor.auth),
    }
    if on_behalf is not None:
        told["on_behalf"] = str(on_behalf)
    return told


def _request(origin: Origin) -> dict[str, str]:
    if origin.idempotency_key is None:
        return {"id": origin.request_id}
    return {"id": origin.request_id, "idem": origin.idempotency_key}


def _text(identifier: UUID | None) -> str | None:
    return None if identifier is None else str(identifier)
