"""A bureau that rectifies, another unit that helps it, an office that watches, and items in any state of their lives."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2
from fastapi import FastAPI

from app.access.actor import SYSTEM
from app.core import clock
from app.core.db import Tx
from app.core.ids import uuid7
from app.lifecycle.advance import Change, save
from app.lifecycle.calendars import load_calendar
from app.lifecycle.create import Draft, insert_items
from app.lifecycle.gather import lock_items
from app.tables.rectify import Evidence, PlanVersion, Submission
from tests.features.ledgers.office import Office
from tests.support.service import client_of

NUMBERLESS = {"draft", "submitted", "declined"}


@dataclass
class Desk:
    """Clients of the people concerned; `lead` leads every item, `helper` heads the unit beside it."""

    app: FastAPI
    office: Office
    lead: httpx2.AsyncClient
    helper: httpx2.AsyncClient
    watcher: httpx2.AsyncClient
    verifier: httpx2.AsyncClient
    ledger_id: UUID

    async def item(self, state: str = "planning", **columns: Any) -> str:
        """An item as the life cycle stores it, with its first event."""
        units = self.office.units
        row = {
            "ledger_id": self.ledger_id, "title": "合同台账不全", "source_type": "audit", "source_schema_version": 1,
            "finder_unit_id": units["root"], "confidentiality": "internal", "state": state,
            "number": None if state in NUMBERLESS else uuid4().hex[:12], "lead_unit_id": units["bureau"],
            "responsible_unit_id": units["bureau"], "cooperating_unit_ids": [units["other"]], "mode": "time_limited",
            "due_on": date(2030, 6, 30), "assigned_on": date(2026, 1, 5), "chain": ["leader"],
        } | columns  # fmt: skip
        item_id = uuid7()

        async def work(tx: Tx) -> None:
            tx.at = clock.now()
            draft = Draft(item_id, row, "item.drafted", {})
            await insert_items(tx, SYSTEM, [draft], await load_calendar(tx))

        await self.office.db.write(work)
        return str(item_id)

    async def change(self, item_id: str, **more: Any) -> None:
        """Moves an item on as the life cycle does, whatever the way there; `inserts` are rows of children."""
        inserts = more.pop("inserts", ())
        cites, updates = more.pop("cites", ()), more.pop("updates", ())

        async def work(tx: Tx) -> None:
            row = (await lock_items(tx, [UUID(item_id)]))[UUID(item_id)]
            change = Change(row, dict(more), "item.moved", inserts=inserts, cites=cites, updates=updates)
            await save(tx, SYSTEM, [change], await load_calendar(tx))

        await self.office.db.write(work)

    async def plan(self, item_id: str, content: dict[str, Any]) -> None:
        row = {
            "plan_version": 1, "cycle": 1, "status": "returned", "content": content, "author_ids": [],
            "submitted_at": clock.now(), "decision_note": "措施不具体",
        }  # fmt: skip
        await self.change(item_id, inserts=[(PlanVersion, row)], plan_version=1)

    async def submission(self, item_id: str) -> None:
        row = {
            "id": uuid7(), "submission_no": 1, "cycle": 1, "summary": "全部措施已经落实", "policy_version": 1,
            "declared_true": True, "evidence_ids": [], "submitted_at": clock.now(), "occurred_at": clock.now(),
        }  # fmt: skip
        await self.change(item_id, inserts=[(Submission, row)], submission_no=1)

    async def program(self, *scopes: str) -> httpx2.AsyncClient:
        """A client with an API key of the lead unit that stands for no person."""
        admin = await self.office.person("security_admin", unit="root")
        body = {
            "name": "业务系统接口", "unit_id": str(self.office.units["bureau"]), "scopes": scopes,
            "expires_at": (clock.now() + timedelta(days=30)).isoformat(),
        }  # fmt: skip
        answer = await admin.post("/v1/api-keys", json=body, headers=key())
        assert answer.status_code == 201, answer.text
        return client_of(self.app, headers={"Authorization": f"Bearer {answer.json()['secret']}"})

    async def version(self, item_id: str) -> int:
        found: int = await self.office.db.fetchval("SELECT version FROM item WHERE id = $1", UUID(item_id))
        return found

    async def events(self, item_id: str) -> list[str]:
        return [kind for kind, _ in await self.office.events(item_id)][1:]

    async def disclosed(self, item_id: str) -> dict[str, Any]:
        """What the newest event of the item says."""
        rows = await self.office.db.fetch(
            "SELECT d.field, d.value FROM event_disclosure d JOIN event e ON e.id = d.event_id"
            " WHERE e.subject_id = $1 AND e.seq = (SELECT max(seq) FROM event WHERE subject_id = $1)",
            UUID(item_id),
        )
        return {row["field"]: row["value"] for row in rows}

    async def person_of(self, client: httpx2.AsyncClient) -> str:
        found: str = (await client.get("/v1/me")).json()["person"]["id"]
        return found

    async def cite(self, item_id: str, evidence_id: str) -> None:
        await self.change(item_id, cites=[UUID(evidence_id)])

    async def evidence_rows(self, item_id: str) -> int:
        found: int = await self.office.db.fetchval(
            f"SELECT count(*) FROM {Evidence.__tablename__} WHERE item_id = $1", UUID(item_id)
        )
        return found


async def desk_of(app: FastAPI) -> Desk:
    office = await Office(app).build()
    watcher = await office.person("supervision_office", unit="root")
    ledger = await office.ledger(watcher, unit="root")
    return Desk(
        app,
        office,
        lead=await office.person("unit_head", unit="bureau"),
        helper=await office.person("unit_head", unit="other"),
        watcher=watcher,
        verifier=await office.person("verifier", unit="root"),
        ledger_id=UUID(ledger["id"]),
    )


def key() -> dict[str, str]:
    return {"Idempotency-Key": uuid4().hex}


async def post(client: httpx2.AsyncClient, path: str, body: Any, **headers: str) -> httpx2.Response:
    return await client.post(f"/v1/items/{path}", json=body, headers={**key(), **headers})


async def made(client: httpx2.AsyncClient, path: str, body: Any) -> dict[str, Any]:
    answer = await post(client, path, body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def patch(client: httpx2.AsyncClient, path: str, body: Any, if_match: str | None = "*") -> httpx2.Response:
    headers = {} if if_match is None else {"If-Match": if_match}
    return await client.patch(f"/v1/items/{path}", json=body, headers=headers)


async def delete(client: httpx2.AsyncClient, path: str, if_match: str | None = "*") -> httpx2.Response:
    return await client.delete(f"/v1/items/{path}", headers={} if if_match is None else {"If-Match": if_match})


def refused(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["code"]


def rules(answer: httpx2.Response) -> list[str]:
    return [entry.get("rule") or entry["code"] for entry in answer.json()["errors"]]
