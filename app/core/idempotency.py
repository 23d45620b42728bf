"""Retries that are safe: the reply of a committed write is stored in its own transaction and given again.

Only what committed is stored. A refusal leaves no record, so the same key may be used again after correcting the cause.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from hashlib import sha256
from typing import Final

from app.core import clock
from app.core.db import KEPT_PLANS, Database, Row, Tx
from app.core.errors import Problem
from app.core.http import Call, Reply, Response, respond

Work = Callable[[Tx], Awaitable[Reply]]

_KEY: Final = re.compile(r"""(?P<quote>"?)(?P<key>[!#-\[\]-~]{1,200})(?P=quote)\Z""")
_LOCK: Final = f"SELECT pg_try_advisory_xact_lock($1) AS free, clock_timestamp() AS now, {KEPT_PLANS}"
_NOW: Final = f"SELECT clock_timestamp(), {KEPT_PLANS}"
_FIND: Final = """
SELECT fingerprint, status, headers, body FROM idempotency_record
 WHERE principal = $1 AND key = $2 AND created_at > now() - interval '24 hours'
"""
# An expired record may still stand where the new one goes; a live one cannot, the lock and the look-up saw to that.
_STORE: Final = """
INSERT INTO idempotency_record (principal, key, fingerprint, status, headers, body) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (principal, key) DO UPDATE
   SET fingerprint = excluded.fingerprint, status = excluded.status, headers = excluded.headers,
       body = excluded.body, created_at = now()
"""
_PURGE: Final = """
DELETE FROM idempotency_record WHERE (principal, key) IN (
  SELECT principal, key FROM idempotency_record
   WHERE created_at <= now() - interval '24 hours' ORDER BY created_at LIMIT 5000 FOR UPDATE SKIP LOCKED)
"""

# Texts as they stand in a reply: whole, between the quotation marks of JSON.
_FORGET: Final = """
DELETE FROM idempotency_record
 WHERE EXISTS (SELECT FROM unnest($1::text[]) AS t(text) WHERE strpos(body, t.text) > 0 OR strpos(headers::text, t.text) > 0)
"""


async def run_write(db: Database, call: Call, principal: str, work: Work, *, idempotent: bool = True) -> Response:
    """Runs `work` in one transaction and answers after its commit, or gives the stored answer again.

    `tx.at` is the database's time, so that all replicas agree; writing an item moves it past the wait for its lock.

    POST needs a key unless `idempotent` is false; other methods honour one when it is sent. Raises
    idempotency_key_required and invalid_idempotency_key (400), in_flight (409), idempotency_key_reused (422).
    """
    key = _key_of(call, idempotent=idempotent)

    async def attempt(tx: Tx) -> Response:
        tx.request_id = call.request_id
        tx.idempotency_key = key
        if key is None:
            tx.at = clock.shifted(await tx.fetchval(_NOW))
            return respond(_vouched(await work(tx), tx, call))
        await _lock(tx, principal, key)
        stored = await tx.fetchrow(_FIND, principal, key)
        if stored is not None:
            return _replay(stored, call)
        reply = _vouched(await work(tx), tx, call)
        await tx.execute(_STORE, principal, key, call.fingerprint, reply.status, reply.all_headers(), _storable(reply))
        return respond(reply)

    return await db.write(attempt)


async def purge(db: Database) -> int:
    """Removes replies older than a day, a bounded number at a time; gives how many."""
    return await db.write(lambda tx: tx.execute(_PURGE))


async def forget(tx: Tx, texts: Iterable[str]) -> int:
    """Removes replies that hold one of the texts, expired ones too; gives how many.

    Such a write is no longer recognised when it is retried: that is the price of not keeping the text.
    """
    return await tx.execute(_FORGET, [json.dumps(text, ensure_ascii=False) for text in texts])


def _vouched(reply: Reply, tx: Tx, call: Call) -> Reply:
    """With the receipt, signed before the commit so that a replay repeats it; nobody sees it unless the commit holds."""
    if call.receipts is None:
        return reply
    return replace(reply, headers={**reply.headers, **call.receipts.header(tx.recorded, call.path)})


def _key_of(call: Call, *, idempotent: bool) -> str | None:
    if not idempotent:
        return None
    if call.idempotency_key is None:
        if call.method == "POST":
            raise Problem("idempotency_key_required")
        return None
    found = _KEY.match(call.idempotency_key.strip())
    if found is None:
        raise Problem("invalid_idempotency_key")
    return found["key"]


async def _lock(tx: Tx, principal: str, key: str) -> None:
    """A lock that ends with the transaction, so that a crashed request never blocks its own retry."""
    number = int.from_bytes(sha256(f"{principal}\n{key}".encode()).digest()[:8], signed=True)
    row = await tx.fetchrow(_LOCK, number)
    if row is None or not row["free"]:
        raise Problem("in_flight", headers={"Retry-After": "1"})
    tx.at = clock.shifted(row["now"])


def _replay(stored: Row, call: Call) -> Response:
    if stored["fingerprint"] != call.fingerprint:
        raise Problem("idempotency_key_reused")
    headers = {**stored["headers"], "Idempotent-Replayed": "true"}
    if stored["body"] is None:
        return Response(status_code=stored["status"], headers=headers)
    return Response(stored["body"].encode(), stored["status"], headers | {"Content-Type": "application/json"})


def _storable(reply: Reply) -> str | None:
    if reply.body is None:
        return None
    if not reply.secret_fields:
        return reply.body.model_dump_json()
    kept = json.loads(reply.body.model_dump_json())
    return json.dumps({name: value for name, value in kept.items() if name not in reply.secret_fields})
