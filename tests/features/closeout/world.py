"""Items on their way to being closed, the people who judge them, and calls as each of these."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx2
from fastapi import FastAPI

from app.core import clock
from app.core.ids import uuid7
from app.tables.ledger import Category, SourceType
from tests.support.organisation import STAMPS, THEN, Organisation, Someone
from tests.support.service import client_of

Json = dict[str, Any]
ROOT_ROLES = (
    "supervision_office", "verifier", "survey_runner", "discipline_office", "first_responsible", "leader", "auditor",
    "viewer",
)  # fmt: skip
PDF = b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer\n<< /Root 1 0 R >>\n%%EOF\n"
YES = {"answer": "yes"}
CHECKLIST = dict.fromkeys(
    ("measures_done", "root_cause_removed", "same_kind_looked_for", "institutional_outcome", "accountability"), YES
)


@dataclass
class World:
    """A ledger at the root, a bureau that rectifies, and one person for each role."""

    app: FastAPI
    http: httpx2.AsyncClient
    org: Organisation
    root: UUID = field(default_factory=uuid7)
    bureau: UUID = field(default_factory=uuid7)
    code: str = ""
    ledger_id: str = ""
    people: dict[str, Someone] = field(default_factory=dict)

    async def build(self, **rules: Any) -> World:
        self.root = await self.org.unit()
        self.bureau = await self.org.unit(self.root)
        for role in ROOT_ROLES:
            self.people[role] = await self.org.person((role, self.root))
        self.people["unit_head"] = await self.org.person(("unit_head", self.bureau))
        self.people["liaison"] = await self.org.person(("liaison", self.bureau))
        for role in ("unit_head", "liaison"):
            await self.org.post(self.people[role].id, self.bureau)
        self.people["clerk"] = await self.org.person(("supervision_office", self.root))
        self.code = f"code_{uuid4().hex[:12]}"
        names = {"name_zh": "内部审计", "name_en": "Internal audit"}
        form = {"json_schema": {"type": "object"}, "required": [], "sealed": [], "external": False}
        await self.org.put(SourceType, code=self.code, schema_version=1, **names, **form, created_at=THEN)
        await self.org.put(Category, code=self.code, **names, **STAMPS)
        body = {"code": f"L{uuid4().hex[:12]}", "name": "巡察整改", "unit_id": str(self.root), "rules": rules}
        self.ledger_id = (await self.ok("supervision_office", "/v1/ledgers", body))["id"]
        return self

    def who(self, name: str | Someone) -> Someone:
        return self.people[name] if isinstance(name, str) else name

    async def get(self, name: str | Someone, path: str, **headers: str) -> httpx2.Response:
        return await self.http.get(path, headers={**self.who(name).headers, **headers})

    async def read(self, name: str | Someone, path: str) -> Json:
        answer = await self.get(name, path)
        assert answer.status_code == 200, answer.text
        found: Json = answer.json()
        return found

    async def post(self, name: str | Someone, path: str, body: Json, **headers: str) -> httpx2.Response:
        given = {**self.who(name).headers, "Idempotency-Key": uuid4().hex, **headers}
        return await self.http.post(path, json=body, headers=given)

    async def ok(self, name: str | Someone, path: str, body: Json, **headers: str) -> Json:
        answer = await self.post(name, path, body, **headers)
        assert answer.status_code == 201, answer.text
        found: Json = answer.json()
        return found

    async def act(
        self, name: str | Someone, item: Item, action: str, data: Json | None = None, **more: Any
    ) -> httpx2.Response:
        body = {"action": action, **({} if data is None else {"data": data}), **more}
        return await self.post(name, f"{item.path}/transitions", body, **{"If-Match": "*"})

    async def done(self, name: str | Someone, item: Item, action: str, data: Json | None = None, **more: Any) -> None:
        answer = await self.act(name, item, action, data, **more)
        assert answer.status_code == 201, answer.text

    async def evidence(self, name: str | Someone, item: Item, kind: str, target: str | None = None) -> str:
        data = {"target_kind": kind, **({} if target is None else {"target_id": target})}
        headers = {**self.who(name).headers, "Idempotency-Key": uuid4().hex}
        files = {"file": (f"{uuid4().hex}.pdf", PDF, "application/pdf")}
        answer = await self.http.post(f"{item.path}/evidence", data=data, files=files, headers=headers)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])


@dataclass
class Item:
    """What a test needs to remember of an item."""

    id: str
    criteria: list[str] = field(default_factory=list)
    proofs: list[str] = field(default_factory=list)

    @property
    def path(self) -> str:
        return f"/v1/items/{self.id}"

    def solved(self, **more: Any) -> Json:
        """A verifier's finding that every criterion is met."""
        criteria = [
            {"criterion_id": criterion, "met": True, "evidence_ids": [proof]}
            for criterion, proof in zip(self.criteria, self.proofs, strict=True)
        ]
        return {"gate": "problem_solved", "verification": "desk", "criteria": criteria, **more}


def adequate(**answers: Any) -> Json:
    return {"gate": "rectification_adequate", "checklist": {**CHECKLIST, **answers}}


def survey(scan_id: str, satisfied: int, basically: int, dissatisfied: int, **more: Any) -> Json:
    counts = {
        "invited": satisfied + basically + dissatisfied, "satisfied": satisfied, "basically_satisfied": basically,
        "dissatisfied": dissatisfied, "unknown": 0, "invalid": 0, "unanswered_named": 0,
    }  # fmt: skip
    held = {"held_on": clock.today().isoformat(), "scan_id": scan_id}
    return {"gate": "people_satisfied", "survey": {**counts, **held, **more}}


def just_now() -> str:
    return clock.now().isoformat()


def soon() -> str:
    """A day within the half year that may pass between two reviews."""
    return (clock.today() + timedelta(days=90)).isoformat()


def rules_of(answer: httpx2.Response) -> list[str]:
    return [entry["rule"] for entry in answer.json()["errors"]]


async def assigned(world: World, **draft: Any) -> Item:
    """Drafted, registered and assigned to the bureau; its title must not look like another one's."""
    words = "".join(chr(0x4E00 + byte * 16) for byte in uuid4().bytes[:10])
    body = {
        "ledger_id": world.ledger_id, "title": words, "source": {"type": world.code}, "category": world.code,
        "severity": "general", "responsible_unit_id": str(world.bureau), **draft,
    }  # fmt: skip
    item = Item((await world.ok("liaison", "/v1/items", body))["id"])
    await world.done("liaison", item, "submit")
    await world.done("supervision_office", item, "register")
    day = clock.today().replace(year=clock.today().year + 1).isoformat()
    assignment = {
        "lead_unit_id": str(world.bureau),
        "accountable_leader_ids": [str((await world.org.person()).id)],
        "mode": "time_limited",
        "deadline": {"text": "一年内完成", "kind": "date", "date": day},
    }
    await world.done("supervision_office", item, "assign", assignment)
    return item


async def in_review(world: World, **draft: Any) -> Item:
    """With a plan of one measure and two criteria before the leader."""
    item = await assigned(world, **draft)
    await world.done("liaison", item, "acknowledge")
    measure = {
        "content": "补齐台账", "unit_id": str(world.bureau), "person_id": str(world.people["liaison"].id),
        "due_on": clock.today().isoformat(),
    }  # fmt: skip
    await world.ok("liaison", f"{item.path}/measures", measure)
    for content in ("台账齐全", "账实相符"):
        item.criteria.append((await world.ok("liaison", f"{item.path}/criteria", {"content": content}))["id"])
    await world.done("liaison", item, "submit_plan", {"root_cause": "无人负责"})
    return item


async def rectifying(world: World, **draft: Any) -> Item:
    item = await in_review(world, **draft)
    await world.done("leader", item, "approve_plan")
    return item


async def worked_off(world: World, item: Item) -> Item:
    """Every measure done and every criterion shown."""
    for measure in (await world.read("liaison", f"{item.path}/measures"))["items"]:
        headers = {**world.people["liaison"].headers, "If-Match": "*"}
        body = {"status": "done", "percent": 100, "done_on": clock.today().isoformat()}
        answer = await world.http.patch(f"{item.path}/measures/{measure['id']}", json=body, headers=headers)
        assert answer.status_code == 200, answer.text
    item.proofs = [await world.evidence("liaison", item, "criterion", criterion) for criterion in item.criteria]
    return item


async def reported(world: World, item: Item) -> Item:
    await world.done("unit_head", item, "report_completion", {"summary": "已全部整改", "declared_true": True})
    return item


async def verifying(world: World, **draft: Any) -> Item:
    return await reported(world, await worked_off(world, await rectifying(world, **draft)))


async def judged(world: World, item: Item) -> Item:
    """All three gates passed."""
    await world.ok("verifier", f"{item.path}/gates", item.solved())
    await world.ok("supervision_office", f"{item.path}/gates", adequate())
    scan = await world.evidence("survey_runner", item, "survey")
    await world.ok("survey_runner", f"{item.path}/gates", survey(scan, 17, 0, 3))
    return item


async def closing(world: World, **draft: Any) -> Item:
    item = await judged(world, await verifying(world, **draft))
    await world.done("supervision_office", item, "pass_verification")
    return item


async def build(app: FastAPI, **rules: Any) -> World:
    return await World(app, client_of(app), Organisation.of(app)).build(**rules)
