"""Nothing is changed untold: every operation that writes is called for real and looked for in the history.

The operations come from the API description, so that a new one that nobody calls here fails the test.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from uuid import uuid4

import httpx2
import pytest

from app.core import clock
from app.core.openapi import operations
from app.demo.carry import Carrier
from app.demo.client import Caller, Json
from app.demo.organisation import build
from tests.contract.test_documented_problems import DOCUMENT
from tests.make.world import World, case
from tests.support.database import Clone
from tests.support.documented import operation_of
from tests.support.service import Serve, client_of

UNTOLD = {
    "signIn": "an ordinary sign-in changes nothing but the time of the last one; those of administrators are told",
    "beginSession": "as signIn",
}
TOLD = "SELECT DISTINCT body::json -> 'req' ->> 'id' AS id FROM event"
PASSWORD = "yi-chang-chun-yu-guo-hou-de-chen-guang"


@dataclass
class Witness:
    """Every write that succeeded, by its operation; what was only validated or answered again wrote nothing."""

    seen: dict[str, list[str]] = field(default_factory=dict)

    async def look(self, answer: httpx2.Response) -> None:
        request = answer.request
        operation = operation_of(request.method, request.url.path)
        if request.method == "GET" or not answer.is_success or operation is None:
            return
        if "validate_only" not in request.url.query.decode() and "idempotent-replayed" not in answer.headers:
            self.seen.setdefault(operation["operationId"], []).append(answer.headers["x-request-id"])


@pytest.fixture
async def watched(database: Clone, serve: Serve) -> AsyncIterator[tuple[World, Witness]]:
    witness = Witness()
    hooks = {"response": [witness.look]}
    async with serve(database.app_url, webhook_hosts=("10.20.0.0/16",)) as app:
        made = await build(app.state.db, lambda: client_of(app, event_hooks=hooks))
        yield World(app, made, Carrier(made)), witness
        await made.close()


async def delete(caller: Caller, path: str) -> None:
    answer = await caller.send("DELETE", path)
    assert answer.status_code == 204, answer.text


async def write_a_plan(world: World) -> None:
    of = case()
    item = await world.carrier.to("planning", of)
    head, place = await world.carrier.head(of), f"/items/{item['id']}"
    await head.patch(place, {"goal": "不再发生"})
    measure = await head.post(f"{place}/measures", {"content": "核对"})
    await head.patch(f"{place}/measures/{measure['id']}", {"content": "逐项核对"})
    await delete(head, f"{place}/measures/{measure['id']}")
    criterion = await head.post(f"{place}/criteria", {"content": "改正"})
    await head.patch(f"{place}/criteria/{criterion['id']}", {"content": "全部改正"})
    await delete(head, f"{place}/criteria/{criterion['id']}")
    item = await world.carrier.to("rectifying", of, item)
    outcome = await head.post(f"{place}/outcomes", {"kind": "institution", "name": "办法"})
    await delete(head, f"{place}/outcomes/{outcome['id']}")
    shown = await head.upload(f"{place}/evidence", "佐证.txt", uuid4().hex, target_kind="item")
    await delete(head, f"{place}/evidence/{shown['id']}")
    opinion = {"purpose": "sustain", "opinion": "disagree", "comment": "条件不足"}
    await (await world.as_("first_responsible")).post(f"{place}/approvals", opinion)


async def close_after_an_objection(world: World) -> None:
    item = await world.item("public_notice", case(ledger="public", confidentiality="public", major="major_project"))
    office, other = await world.as_("supervision_office"), await world.as_("supervision_office_2")
    lodged = {"content": "仍有一户停水", "received_on": clock.today().isoformat()}
    objection = await office.post(f"/items/{item['id']}/objections", lodged)
    ruling = {"ruling": "dismissed", "reason": "经查已恢复"}
    await other.patch(f"/items/{item['id']}/objections/{objection['id']}", ruling)


async def draft_and_redact(world: World) -> None:
    of = case()
    gone, kept, other = [await world.item("draft", of) for _ in range(3)]
    finder = await world.as_(of.finder)
    await delete(finder, f"/items/{gone['id']}")
    chosen = {"action": "submit", "mode": "partial", "items": [{"id": kept["id"], "version": 1}]}
    await finder.post("/items:batchTransition", chosen)
    security, audit = await world.as_("security_admin"), await world.as_("audit_admin")
    for item, verb in ((kept, "approve"), (other, "reject")):
        place = {"kind": "item_field", "field": "title"}
        asked = {"item_id": item["id"], "basis": "unlawful", "places": [place]}
        made = await security.post("/trail/redactions", asked)
        await audit.post(f"/trail/redactions/{made['id']}:{verb}", None)


async def organise(world: World) -> None:
    system, root = await world.as_("system_admin"), world.made.units["bureau"]
    unit = await system.post("/units", {"code": "xinshe", "name": "新设科", "parent_id": root})
    await system.patch(f"/units/{unit['id']}", {"name": "新科"})
    person = await system.post("/people", {"name": "新人"})
    await system.patch(f"/people/{person['id']}", {"staff_no": "1001"})
    starts = {"starts_on": clock.today().isoformat()}
    post = await system.post("/posts", {"person_id": person["id"], "unit_id": root, "title": "科员", **starts})
    await system.patch(f"/posts/{post['id']}", {"title": "主任科员"})
    await delete(system, f"/units/{unit['id']}")
    await empower(world, person, root)


async def empower(world: World, person: Json, root: str) -> None:
    security, place = await world.as_("security_admin"), f"/people/{person['id']}"
    log_in = {"username": "xin.ren", "password": PASSWORD, "must_change_password": False}
    await security.put(f"{place}/account", log_in, if_match=None)
    await security.patch(f"{place}/account", {"active": True})
    grant = await security.post(f"{place}/roles", {"role": "viewer", "unit_id": root})
    answer = await security.send("DELETE", f"{place}/roles/{grant['id']}")
    assert answer.status_code == 204
    until = (clock.now() + timedelta(days=30)).isoformat()
    key = {"name": "接口", "unit_id": root, "scopes": ["item:read"], "expires_at": until}
    made = await security.post("/api-keys", key)
    await delete(security, f"/api-keys/{made['id']}")
    leader = await world.as_("leader")
    lent = {"delegate_id": person["id"], "roles": ["leader"], "reason": "出差", "starts_on": clock.today().isoformat(),
            "ends_on": (clock.today() + timedelta(days=3)).isoformat()}  # fmt: skip
    delegation = await leader.post("/delegations", lent)
    await delete(leader, f"/delegations/{delegation['id']}")


async def set_the_rules(world: World) -> None:
    office, system = await world.as_("supervision_office"), await world.as_("system_admin")
    key = await world.ledger()
    ledger = f"/ledgers/{world.made.ledgers[key]}"
    await office.patch(ledger, {"name": "改名台账"})
    await office.post(f"{ledger}/policies", {"rules": {"notice_days": 9}, "reason": "调整", "expected_version": 1})
    names = {"name_zh": "新类", "name_en": "New kind"}
    category = await system.post("/categories", {"code": "new_kind", **names})
    await system.patch(f"/categories/{category['id']}", {"name_en": "Newer kind"})
    form = {"json_schema": {"type": "object", "properties": {}, "additionalProperties": False}, "required": ["title"]}
    await system.put("/source-types/new_source", {**names, **form, "external": False}, if_match=None)


async def freeze_figures(world: World) -> None:
    office, last_month = await world.as_("supervision_office"), clock.today().replace(day=1) - timedelta(days=1)
    period = {"kind": "month", "period_from": last_month.replace(day=1).isoformat()}
    frozen = await office.post("/snapshots", {"unit_id": world.made.units["bureau"], **period})
    await office.post(f"/snapshots/{frozen['id']}/amendments", {"reason": "补录"})


async def push_events(world: World) -> None:
    who = await world.as_("system_admin")
    made = await who.post("/webhook-endpoints", {"url": "http://10.20.0.1/hooks"})
    place = f"/webhook-endpoints/{made['id']}"
    await who.patch(place, {"state": "paused"})
    for verb, body in (("rotateSecret", None), ("replay", {"after": 0})):
        answer = await who.send("POST", f"{place}:{verb}", body)
        assert answer.status_code == 200, answer.text
    await delete(who, place)


async def come_and_go(world: World) -> None:
    caller = await world.as_("viewer")
    changed = {"current_password": world.made.passwords["viewer"], "new_password": PASSWORD}
    answer = await caller.send("POST", "/me/password", changed)
    caller.http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    await delete(caller, "/auth/token")
    person = {"username": "viewer", "password": PASSWORD}
    begun = await caller.send("POST", "/auth/session", person)
    del caller.http.headers["Authorization"]
    caller.http.headers["X-CSRF-Token"] = begun.json()["csrf_token"]
    await delete(caller, "/auth/session")


async def test_every_operation_that_writes_records_an_event(watched: tuple[World, Witness]) -> None:
    world, witness = watched
    for part in (
        write_a_plan,
        close_after_an_objection,
        draft_and_redact,
        organise,
        set_the_rules,
        freeze_figures,
        push_events,
        come_and_go,
    ):
        await part(world)
    writing = {operation["operationId"] for _, method, operation in operations(DOCUMENT) if method != "get"}
    assert set(witness.seen) == writing, writing ^ set(witness.seen)
    told = {row["id"] for row in await world.db.fetch(TOLD)}
    silent = {name for name, requests in witness.seen.items() if not set(requests) <= told}
    assert silent == set(UNTOLD)
    assert UNTOLD.keys() <= writing
    assert len(writing) > 40
