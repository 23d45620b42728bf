"""One target for each column of the matrix and one caller for each of its rows, made directly in the database."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from fastapi import FastAPI

from app.access import keyfiles, tokens
from app.access.actor import SYSTEM
from app.core import clock
from app.core.ids import uuid7
from app.features.ledgers.seeds import seed_dictionaries
from app.lifecycle.policy import POLICY_DEFAULT
from app.tables.ledger import Ledger, LedgerPolicy
from app.tables.organisation import ApiKey
from app.tables.snapshot import Snapshot
from app.tables.trail import Redaction
from app.tables.webhook import WebhookEndpoint
from app.trail.positions import assign_positions
from app.trail.seal import Sealer
from tests.matrix.items import Row, put_children, put_item
from tests.matrix.oracle import CREDENTIALS, HOLDERS, KINDS, MINE, RELATIONS, Who
from tests.support.organisation import STAMPS, THEN, Organisation, Someone

ROLES = (
    "first_responsible", "leader", "unit_head", "liaison", "assignee", "supervision_office", "verifier", "survey_runner",
    "discipline_office", "source_office", "petition_office", "viewer", "auditor", "system_admin", "security_admin",
    "audit_admin", "integration",
)  # fmt: skip
SCOPES = frozenset({"item:read", "ledger:read"})
SPECIAL = (
    Who("nobody"), Who("program", person=False), Who("scoped", "supervision_office", scopes=SCOPES),
    Who("newcomer", "supervision_office", foreign_password=True),
)  # fmt: skip
CALLERS = (*(Who(role, role) for role in ROLES), *SPECIAL)
EVERYTHING = sorted({*HOLDERS, "item:read", "event:read", "organisation:read", "ledger:read", "plan:write",
                     "progress:write", "evidence:write"} - {"access:manage", "organisation:manage"})  # fmt: skip
RAW = list[tuple[bytes, bytes]]


@dataclass
class Target:
    """What the path parameters of an operation stand for in one column."""

    number: int
    unit: UUID
    ids: dict[str, Any]

    @property
    def item(self) -> UUID:
        found: UUID = self.ids["item_id"]
        return found


@dataclass
class Caller:
    who: Who
    valid: RAW
    expired: RAW
    revoked: RAW
    mine: dict[str, Any] = field(default_factory=dict)

    def headers(self, column: str) -> RAW:
        if column in CREDENTIALS:
            return {"none": [], "expired": self.expired, "revoked": self.revoked}[column]
        return self.valid


@dataclass
class Ground:
    app: FastAPI
    org: Organisation
    targets: dict[str, Target]
    callers: list[Caller]

    def caller(self, who: Who) -> Caller:
        return next(caller for caller in self.callers if caller.who == who)

    def ids(self, caller: Caller, column: str) -> Mapping[str, Any]:
        if column == MINE:
            return {**self.targets["own"].ids, **caller.mine}
        return self.targets["own" if column in CREDENTIALS else column].ids


def bearer(secret: str) -> RAW:
    return [(b"authorization", f"Bearer {secret}".encode())]


async def build(app: FastAPI) -> Ground:
    org = Organisation.of(app)
    await org.db.write(lambda tx: seed_dictionaries(tx, SYSTEM, clock.now()))
    units = await _units(org)
    targets: dict[str, Target] = {}
    for number, column in enumerate((*RELATIONS, *KINDS), start=1):
        unit = units["own" if column in KINDS else column]
        ledger = await _ledger(org, units["root"] if column == "above" else unit)
        targets[column] = await _target(org, number, column, (unit, ledger))
    desk = await org.unit(units["root"])
    callers = [await _caller(org, who, units["own"], desk) for who in CALLERS]
    await _seal(app, org, targets)
    return Ground(app, org, targets, callers)


async def _units(org: Organisation) -> dict[str, UUID]:
    root = await org.unit()
    parent, other = await org.unit(root), await org.unit(root)
    own, sibling = await org.unit(parent), await org.unit(parent)
    return {
        "root": root,
        "parent": parent,
        "other": other,
        "own": own,
        "sibling": sibling,
        "child": await org.unit(own),
    }


async def _ledger(org: Organisation, unit: UUID) -> UUID:
    code = uuid7().hex[-12:]
    ledger = await org.put(Ledger, code=code, name=code, unit_id=unit, status="open", **STAMPS)
    rules = POLICY_DEFAULT.model_dump(mode="json")
    policy = {"ledger_id": ledger, "policy_version": 1, "rules": rules, "created_at": THEN}
    await org.db.write(lambda tx: tx.insert(LedgerPolicy, [policy]))
    return ledger


async def _target(org: Organisation, number: int, column: str, place: tuple[UUID, UUID]) -> Target:
    unit, ledger = place
    known = await _bystander(org, unit)
    known |= {"ledger_id": ledger, "policy_version": 1, "unit_id": unit, "code": "inspection", "name": "start.js"}
    known["file"] = "main.js"
    known |= {"plan_version": 1, "submission_no": 1, "path": "0/000.p/1", "index": 0}
    known["category_id"] = await org.db.fetchval("SELECT id FROM category ORDER BY code LIMIT 1")
    confidentiality = {"restricted": "restricted", "stub": "secret_stub"}.get(column, "internal")
    known["item_id"] = await put_item(org, number, confidentiality, place)
    known["snapshot_id"] = await _frozen(org, unit, f"20{10 + number}")
    known["redaction_id"] = await _asked_to_redact(org, known["item_id"])
    known |= await put_children(org, number, known["item_id"])
    return Target(number, unit, known)


async def _frozen(org: Organisation, unit: UUID, year: str) -> UUID:
    first, last = date(int(year), 1, 1), date(int(year), 1, 31)
    period = {"from": first.isoformat(), "to": last.isoformat()}
    content = {
        "format": 1, "unit": {"id": str(unit), "name": {"zh": "单位", "en": "Unit"}}, "kind": "month", "period": period,
        "as_of": THEN.isoformat(), "totals": [], "by_unit": [], "by_source": [], "by_category": [],
    }  # fmt: skip
    return await org.put(
        Snapshot, unit_id=unit, kind="month", period_from=first, period_to=last, revision=1, as_of=THEN, known_at=THEN,
        content=json.dumps(content), content_hash="0" * 64, definitions="[]", definitions_hash="0" * 64, made_at=THEN,
    )  # fmt: skip


async def _asked_to_redact(org: Organisation, item: UUID) -> UUID:
    asked = {"status": "requested", "basis": "court_order", "places": [{"kind": "item_field", "field": "title"}]}
    return await org.put(
        Redaction, item_id=item, requested_by=(await org.person()).id, requested_at=THEN, version=1, **asked
    )


async def _bystander(org: Organisation, unit: UUID) -> Row:
    """Somebody of that unit with everything a person can have, and somebody to stand in for."""
    one, other = await org.person(), await org.person()
    return {
        "person_id": one.id,
        "post_id": await org.post(one.id, unit),
        "grant_id": await org.grant(one.id, "viewer", unit),
        "delegation_id": await org.delegation(other.id, one.id),
        "key_id": await _key(org, unit, one.id),
        "endpoint_id": await _endpoint(org, owner_account_id=one.account_id),
    }


async def _endpoint(org: Organisation, **owner: UUID) -> UUID:
    """Paused, so that nothing is ever sent."""
    return await org.put(
        WebhookEndpoint, url="https://oa.example.gov.cn/", state="paused", secret_generation=1, secret_key="0" * 64, cursor=0,
        due_at=THEN, **owner, **STAMPS,
    )  # fmt: skip


async def _key(
    org: Organisation, unit: UUID, person: UUID | None, secret: tokens.NewKey | None = None, **more: Any
) -> UUID:
    made = secret or tokens.new_api_key()
    values = {"name": "数据接口", "hint": made.hint, "digest": made.digest, "person_id": person, "unit_id": unit}
    usual = {"scopes": ["item:read"], "expires_at": clock.now() + timedelta(days=30)}
    return await org.put(ApiKey, **values, **(usual | more), **STAMPS)


async def _caller(org: Organisation, who: Who, unit: UUID, desk: UUID) -> Caller:
    """Whoever it is has been signed out once, so that there is a token of before."""
    if who.name == "program":
        return await _with_keys(org, who, unit, None, EVERYTHING)
    one = await org.person(*([(who.role, unit)] if who.role else []))
    other = await org.person()
    mine = {
        "person_id": one.id,
        "post_id": await org.post(one.id, desk),
        "delegation_id": await org.delegation(other.id, one.id),
        "key_id": await _key(org, unit, one.id),
        "endpoint_id": await _endpoint(org, owner_account_id=one.account_id),
        "grant_id": await org.grant(one.id, "viewer", desk, ends_on=date(2020, 2, 1)),
    }
    if who.scopes is not None:
        made = await _with_keys(org, who, unit, one, sorted(who.scopes))
        return Caller(who, made.valid, made.expired, made.revoked, mine)
    await org.db.fetch("UPDATE account SET epoch = 2, must_change_password = $2 WHERE id = $1", one.account_id,
                       who.foreign_password)  # fmt: skip
    key = keyfiles.key(org.var, "session")
    with clock.travel(timedelta(hours=-9)):
        old = tokens.issue(key, tokens.Session(one.account_id, 2))
    now, before = (tokens.issue(key, tokens.Session(one.account_id, epoch)) for epoch in (2, 1))
    return Caller(who, bearer(now), bearer(old), bearer(before), mine)


async def _with_keys(org: Organisation, who: Who, unit: UUID, person: Someone | None, scopes: list[str]) -> Caller:
    valid, expired, revoked = (tokens.new_api_key() for _ in range(3))
    owner = None if person is None else person.id
    own = await _key(org, unit, owner, valid, scopes=scopes)
    await _key(org, unit, owner, expired, scopes=scopes, expires_at=clock.now() - timedelta(seconds=1))
    await _key(org, unit, owner, revoked, scopes=scopes, revoked_at=datetime.now(UTC))
    mine = {"key_id": own, "endpoint_id": await _endpoint(org, owner_api_key_id=own)}
    return Caller(who, bearer(valid.secret), bearer(expired.secret), bearer(revoked.secret), mine)


async def _seal(app: FastAPI, org: Organisation, targets: dict[str, Target]) -> None:
    await assign_positions(org.db)
    sealer = Sealer(org.db, app.state.settings.var)
    await sealer.run(at_once=True)
    await sealer.stop()
    rows = await org.db.fetch(
        "SELECT subject_id, min(p.position) AS position FROM event e JOIN log_position p ON p.event_id = e.id"
        " WHERE subject_id = ANY($1) GROUP BY subject_id", [target.item for target in targets.values()],
    )  # fmt: skip
    places = {row["subject_id"]: row["position"] - 1 for row in rows}
    for target in targets.values():
        target.ids["index"] = places[target.item]
