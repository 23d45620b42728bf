"""What the fuzzers aim at: an organisation with items in many states, ids that exist, and callers of every kind."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any, Self
from uuid import UUID

from app.access import keyfiles, tokens
from app.core import clock
from app.settings import Settings
from tests.make.world import World, case, world_of
from tests.support.database import Clone
from tests.support.listening import listening
from tests.support.service import running, settings_for

ROLES = ("supervision_office", "unit_head", "first_responsible", "security_admin", "system_admin", "auditor")
CALLERS = ("anonymous", *ROLES, "program")
STATES = ("submitted", "registered", "planning", "rectifying", "verifying", "closing", "closed")
IDS = """
SELECT 'item_id' AS name, id::text AS value, NULL AS item FROM item
UNION ALL SELECT 'measure_id', id::text, item_id::text FROM measure
UNION ALL SELECT 'criterion_id', id::text, item_id::text FROM criterion
UNION ALL SELECT 'report_id', id::text, item_id::text FROM progress_report
UNION ALL SELECT 'evidence_id', id::text, item_id::text FROM evidence
UNION ALL SELECT 'result_id', id::text, item_id::text FROM gate_result
UNION ALL SELECT 'approval_id', id::text, item_id::text FROM approval
UNION ALL SELECT 'unit_id', id::text, NULL FROM unit UNION ALL SELECT 'post_id', id::text, NULL FROM post
UNION ALL SELECT 'person_id', id::text, NULL FROM person UNION ALL SELECT 'ledger_id', id::text, NULL FROM ledger
UNION ALL SELECT 'category_id', id::text, NULL FROM category UNION ALL SELECT 'code', code, NULL FROM source_type
ORDER BY name, value
"""
REVIVE = """
WITH p AS (UPDATE person SET active = true WHERE id = (SELECT person_id FROM account WHERE id = $1) RETURNING id),
g AS (UPDATE role_grant SET revoked_at = NULL, ends_on = NULL FROM p WHERE person_id = p.id)
UPDATE account SET active = true, must_change_password = false WHERE id = $1 RETURNING epoch
"""
SOURCE = {"type": "self_inspection", "quote": "会议纪要所列第三项"}
CANARY = "金丝雀贰叁肆"
"""In every text of the restricted item."""
WITHOUT_THE_CANARY = {"anonymous", "supervision_office", "security_admin", "system_admin", "program"}

SEALED = {
    "confidentiality": "restricted", "title": CANARY, "description": CANARY, "root_cause": CANARY, "goal": CANARY,
    "measures": (CANARY,), "criteria": (CANARY,), "source": {**SOURCE, "quote": CANARY},
}  # fmt: skip


@dataclass
class Caller:
    """Whose credential is in force however often the fuzzer signs the account out."""

    name: str
    key: bytes = b""
    account: UUID | None = None
    secret: str = ""
    epoch: int = 1

    def header(self) -> str | None:
        if self.secret:
            return f"Bearer {self.secret}"
        return (
            None
            if self.account is None
            else f"Bearer {tokens.issue(self.key, tokens.Session(self.account, self.epoch))}"
        )


@dataclass
class Ground:
    settings: Settings
    world: World
    callers: dict[str, Caller]
    complaints: StringIO
    ids: dict[str, list[tuple[str, str | None]]] = field(default_factory=dict)

    @classmethod
    async def of(cls, settings: Settings, world: World, complaints: StringIO) -> Self:
        for state in STATES:
            await world.item(state, case(source=SOURCE))
        await world.item("rectifying", case(**SEALED))
        await world.item("assigned", case(confidentiality="secret_stub"))
        made = cls(settings, world, await _callers(settings, world), complaints)
        for row in await world.db.fetch(IDS):
            made.ids.setdefault(row["name"], []).append((row["value"], row["item"]))
        return made

    async def revive(self, caller: Caller) -> Caller:
        """Undoes whatever an earlier run did to the account: administrators are fuzzed as well."""
        if caller.account is not None:
            caller.epoch = await self.world.db.fetchval(REVIVE, caller.account)
        return caller

    def aim(self, rng: random.Random, parameters: dict[str, Any]) -> dict[str, Any]:
        """Path parameters that name things that exist, children below their own item; unknown names stay as they are."""
        child = next((name for name in parameters if name != "item_id" and self._children(name)), None)
        if child is not None and "item_id" in parameters:
            value, item = rng.choice(self.ids[child])
            return {**parameters, child: value, "item_id": item}
        return {
            name: rng.choice(self.ids[name])[0] if name in self.ids else value for name, value in parameters.items()
        }

    def _children(self, name: str) -> bool:
        return name in self.ids and self.ids[name][0][1] is not None


async def _callers(settings: Settings, world: World) -> dict[str, Caller]:
    key = keyfiles.key(settings.var, "session")
    rows = await world.db.fetch("SELECT username, id, epoch FROM account WHERE username = ANY($1)", list(ROLES))
    found = {row["username"]: Caller(row["username"], key, row["id"], epoch=row["epoch"]) for row in rows}
    made = await (await world.as_("security_admin")).post("/api-keys", {
        "name": "数据接口", "unit_id": world.made.units["bureau"], "person_id": None,
        "scopes": ["item:read", "item:draft", "progress:write", "evidence:write", "event:read", "ledger:read"],
        "expires_at": (clock.now() + timedelta(days=30)).isoformat(),
    })  # fmt: skip
    return {"anonymous": Caller("anonymous"), **found, "program": Caller("program", secret=made["secret"])}


@asynccontextmanager
async def ground_on(database: Clone, var: Path) -> AsyncIterator[Ground]:
    from app.main import create_app

    settings = settings_for(database.app_url, var)
    with listening("error") as complaints:
        async with running(create_app(settings)) as app:
            world = await world_of(app)
            yield await Ground.of(settings, world, complaints)
            await world.made.close()
