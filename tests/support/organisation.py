"""Units, people and items made quickly for tests about who may see and do what."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from fastapi import FastAPI

from app.access import keyfiles, tokens
from app.access.actor import SYSTEM
from app.core.db import Database, Tx
from app.core.ids import uuid7
from app.lifecycle.side_tables import sync_persons
from app.tables.item import FAR, Item, ItemUnit
from app.tables.ledger import Ledger
from app.tables.organisation import Account, Delegation, Person, Post, RoleGrant, Unit
from app.trail.envelope import START, Entry
from app.trail.record import record_items

LONG_AGO = date(2020, 1, 1)
THEN = datetime(2020, 1, 1, tzinfo=UTC)
STAMPS = {"version": 1, "created_at": THEN, "updated_at": THEN}


@dataclass(frozen=True, slots=True)
class Someone:
    """A person with an account, and the headers of a session that just began."""

    id: UUID
    account_id: UUID
    username: str
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class Organisation:
    db: Database
    var: Path

    @classmethod
    def of(cls, app: FastAPI) -> Organisation:
        return cls(app.state.db, app.state.settings.var)

    async def put(self, table: Any, **values: Any) -> UUID:
        row = {"id": uuid7(), **values}
        await self.db.write(lambda tx: tx.insert(table, [row]))
        made: UUID = row["id"]
        return made

    async def unit(self, parent: UUID | None = None) -> UUID:
        unit_id = uuid7()
        above = await self.db.fetchval("SELECT ancestors FROM unit WHERE id = $1", parent) or []
        code = unit_id.hex[-12:]
        values = {"code": code, "name": f"单位{code}", "parent_id": parent, "ancestors": [*above, unit_id]}
        return await self.put(Unit, id=unit_id, **values, **STAMPS)

    async def person(self, *roles: tuple[str, UUID], password_hash: str | None = None) -> Someone:
        person_id = await self.put(Person, name="张三", **STAMPS)
        username = f"user-{person_id.hex[-12:]}"
        account_id = await self.put(
            Account, person_id=person_id, username=username, password_hash=password_hash or "-", **STAMPS
        )
        for role, unit_id in roles:
            await self.grant(person_id, role, unit_id)
        return Someone(person_id, account_id, username, self.session(account_id))

    def session(self, account_id: UUID, epoch: int = 1) -> dict[str, str]:
        token = tokens.issue(keyfiles.key(self.var, "session"), tokens.Session(account_id, epoch))
        return {"Authorization": f"Bearer {token}"}

    async def grant(self, person_id: UUID, role: str, unit_id: UUID, **period: Any) -> UUID:
        values = {"person_id": person_id, "role": role, "unit_id": unit_id, "starts_on": LONG_AGO, **period}
        return await self.put(RoleGrant, **values, **STAMPS)

    async def post(self, person_id: UUID, unit_id: UUID, **period: Any) -> UUID:
        values = {"person_id": person_id, "unit_id": unit_id, "title": "科员", "starts_on": LONG_AGO, **period}
        return await self.put(Post, **values, **STAMPS)

    async def delegation(self, principal: UUID, delegate: UUID, *roles: str, **period: Any) -> UUID:
        values = {"principal_id": principal, "delegate_id": delegate, "roles": list(roles), "reason": "出差"}
        return await self.put(Delegation, **values, **{"starts_on": LONG_AGO, **period}, **STAMPS)

    async def ledger(self, unit_id: UUID) -> UUID:
        code = uuid7().hex[-12:]
        return await self.put(Ledger, code=code, name=code, unit_id=unit_id, status="open", **STAMPS)

    async def item(self, ledger_id: UUID, finder_unit: UUID, units: tuple[UUID, ...] = (), **values: Any) -> UUID:
        """In state `submitted` unless `values` say otherwise, with `units` as those that help with it."""
        item_id = uuid7()

        async def work(tx: Tx) -> UUID:
            tx.at = THEN
            entry = Entry("item", item_id, "item.drafted", THEN, rules="0" * 64)
            [made] = await record_items(tx, SYSTEM, [(entry, START)])
            row = {**_ITEM, "id": item_id, "ledger_id": ledger_id, "finder_unit_id": finder_unit, **values}
            own = {"number_sort": item_id.hex, "head_hash": made.hash, "cooperating_unit_ids": list(units)}
            await tx.insert(Item, [{**row, **own}])
            await tx.insert(ItemUnit, [{"unit_id": unit, "item_id": item_id, "part": "cooperating"} for unit in units])
            await sync_persons(tx, [item_id])
            return item_id

        return await self.db.write(work)


_ITEM: dict[str, Any] = {
    "state": "submitted",
    "title": "食堂台账缺失",
    "source_type": "inspection",
    "source_schema_version": 1,
    "source_path": [],
    "source_fields": {},
    "confidentiality": "internal",
    "registered_sort": datetime(9999, 1, 1, tzinfo=UTC),
    "due_sort": FAR,
    "light_reasons": {},
    "gate_problem_solved": "pending",
    "gate_rectification_adequate": "pending",
    "gate_people_satisfied": "pending",
    "supervision_level": "normal",
    "movers": [],
    **STAMPS,
}
