"""A small organisation with one ledger, the people an item passes through, and calls as each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import httpx2
from fastapi import FastAPI

from app.access.actor import SYSTEM
from app.core.db import Database, Tx
from app.lifecycle.advance import Change, save
from app.lifecycle.calendars import load_calendar
from app.lifecycle.gather import lock_items
from app.tables.ledger import Category, SourceType
from tests.support.organisation import STAMPS, THEN, Organisation, Someone
from tests.support.service import client_of

Json = dict[str, Any]


@dataclass
class World:
    app: FastAPI
    http: httpx2.AsyncClient
    org: Organisation
    root: UUID
    bureau: UUID
    source_type: str
    category: str
    office: Someone
    liaison: Someone
    head: Someone
    leader: Someone
    viewer: Someone
    ledger_id: str = ""

    @property
    def db(self) -> Database:
        return self.org.db

    async def get(self, who: Someone | None, path: str, **query: Any) -> httpx2.Response:
        return await self.http.get(path, params=query, headers=who.headers if who else {})

    async def ok(self, who: Someone, path: str, **query: Any) -> Json:
        answer = await self.get(who, path, **query)
        assert answer.status_code == 200, answer.text
        told: Json = answer.json()
        return told

    async def post(self, who: Someone, path: str, body: Json, **headers: str) -> Json:
        given = {**who.headers, "Idempotency-Key": uuid4().hex, **headers}
        answer = await self.http.post(path, json=body, headers=given)
        assert answer.status_code in {200, 201}, answer.text
        told: Json = answer.json()
        return told

    async def draft(self, **more: Any) -> str:
        """A problem nobody else has: its title must not look like another one's."""
        words = "".join(chr(0x4E00 + byte * 16) for byte in uuid4().bytes[:10])
        body: Json = {
            "ledger_id": self.ledger_id,
            "title": words,
            "source": {"type": self.source_type},
            "severity": "general",
            "responsible_unit_id": str(self.bureau),
        } | more
        made = await self.post(self.liaison, "/v1/items", body)
        return str(made["id"])

    async def act(self, who: Someone, item_id: str, action: str, data: Json | None = None, **more: Any) -> Json:
        body = {"action": action, **({} if data is None else {"data": data}), **more}
        return await self.post(who, f"/v1/items/{item_id}/transitions", body, **{"If-Match": "*"})

    async def acknowledged(self, **draft: Any) -> str:
        """Drafted, submitted, registered, assigned and acknowledged: five events."""
        item_id = await self.draft(**draft)
        await self.act(self.liaison, item_id, "submit")
        await self.act(self.office, item_id, "register", {"category": self.category, "severity": "general"})
        deadline = {"text": "2027年6月底前完成", "kind": "date", "date": "2027-06-30"}
        assignment = {
            "lead_unit_id": str(self.bureau),
            "accountable_leader_ids": [str(self.leader.id)],
            "mode": "time_limited",
            "deadline": deadline,
        }
        await self.act(self.office, item_id, "assign", assignment, comment="请抓紧办理")
        await self.act(self.liaison, item_id, "acknowledge")
        return item_id

    async def record(self, item_id: str, event: str, fields: Json, **changes: Any) -> None:
        """An event of the item through the one place that writes items, whatever the life cycle would say."""

        async def work(tx: Tx) -> None:
            row = (await lock_items(tx, [UUID(item_id)]))[UUID(item_id)]
            await save(tx, SYSTEM, [Change(row, dict(changes), event, fields)], await load_calendar(tx))

        await self.db.write(work)


async def build(app: FastAPI) -> World:
    org = Organisation.of(app)
    root = await org.unit()
    bureau = await org.unit(root)
    liaison = await org.person(("liaison", bureau))
    await org.post(liaison.id, bureau)
    code = f"code_{uuid4().hex[:12]}"
    named = {"name_zh": "内部审计", "name_en": "Internal audit"}
    form = {"json_schema": {"type": "object"}, "required": [], "sealed": [], "external": False}
    await org.put(SourceType, code=code, schema_version=1, **named, **form, created_at=THEN)
    await org.put(Category, code=code, **named, **STAMPS)
    world = World(
        app,
        client_of(app),
        org,
        root,
        bureau,
        source_type=code,
        category=code,
        office=await org.person(("supervision_office", root)),
        liaison=liaison,
        head=await org.person(("unit_head", bureau)),
        leader=await org.person(("leader", root)),
        viewer=await org.person(("viewer", root)),
    )
    made = await world.post(
        world.office, "/v1/ledgers", {"code": f"L{uuid4().hex[:12]}", "name": "巡察整改", "unit_id": str(root)}
    )
    world.ledger_id = made["id"]
    return world
