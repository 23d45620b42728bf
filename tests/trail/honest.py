"""Honest lives of a ledger, drawn by chance: whatever the service accepts, in whatever order."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from app.core import clock
from app.demo.carry import STEPS, Case
from app.demo.client import Json, RefusedError
from app.trail.keys import hold, rotate
from app.trail.receipts import Receipts
from tests.make.world import World, case
from tests.trail.lives import newest, seal

FIELDS = ("title", "description", "remarks", "goal", "root_cause")
ENDED = {"declined", "merged", "split", "transferred", "voided"}
PART = {"title": "其一", "description": "拆分出的问题"}


@dataclass
class Walk:
    """`notes` are what an outsider kept on the way: checkpoints and receipts."""

    world: World
    rng: random.Random
    items: list[tuple[Case, Json]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    done: int = 0

    async def run(self, steps: int) -> None:
        moves: list[tuple[int, Callable[[], Awaitable[object]]]] = [
            (3, self.draft), (14, self.onward), (3, self.work), (2, self.describe), (1, self.redact), (2, self.end),
            (1, self.reopen), (1, self.delete), (1, self.rotate), (2, self.seal), (2, self.opine),
        ]  # fmt: skip
        weights = [weight for weight, _ in moves]
        for _ in range(steps):
            move = self.rng.choices(moves, weights)[0][1]
            try:
                await move()
                self.done += 1
            except RefusedError:
                continue  # a refusal changes nothing, and the audit will say if it did
        await self.seal()

    async def draft(self) -> None:
        of = case(mode=self.rng.choice(("time_limited", "immediate")), more={"remarks": "备忘"})
        self.items.append((of, await self.world.carrier.draft(of)))

    async def drawn(self) -> tuple[Case, Json]:
        if not self.items:
            await self.draft()
        of, item = self.rng.choice(self.items)
        return of, await self.world.read(item, of.finder)

    async def onward(self) -> None:
        of, item = await self.drawn()
        if item["state"] in STEPS:
            await STEPS[item["state"]](self.world.carrier, of, item)

    async def work(self) -> None:
        of, item = await self.drawn()
        head, place = await self.world.carrier.head(of), f"/items/{item['id']}"
        whose = {"person_id": self.world.made.people[self.rng.choice(("assignee", "liaison"))]}
        made = await head.post(f"{place}/measures", {"content": f"措施{self.done}", **whose})
        if self.rng.random() < 0.5:
            await head.patch(f"{place}/measures/{made['id']}", {"person_id": self.world.made.people["unit_head"]})
        if self.rng.random() < 0.5:
            await head.send("DELETE", f"{place}/measures/{made['id']}", None)
        await head.upload(f"{place}/evidence", "照片.txt", f"佐证{self.done}", target_kind="item")

    async def describe(self) -> None:
        of, item = await self.drawn()
        finder = await self.world.as_(of.finder)
        await finder.patch(f"/items/{item['id']}", {self.rng.choice(("title", "description")): f"改写{self.done}"})

    async def opine(self) -> None:
        _, item = await self.drawn()
        office = await self.world.as_("supervision_office")
        await office.post(f"/items/{item['id']}/approvals", {"purpose": "transfer", "opinion": "agree"})

    async def redact(self) -> None:
        _, item = await self.drawn()
        security, audit = await self.world.as_("security_admin"), await self.world.as_("audit_admin")
        places = [{"kind": "item_field", "field": self.rng.choice(FIELDS)}]
        asked = {"item_id": item["id"], "basis": "court_order", "places": places}
        made = await security.post("/trail/redactions", asked)
        verdict = self.rng.choice(("approve", "approve", "reject"))
        await audit.post(f"/trail/redactions/{made['id']}:{verdict}", None)

    async def end(self) -> None:
        _, item = await self.drawn()
        _, target = await self.drawn()
        office, first = await self.world.as_("supervision_office"), await self.world.as_("first_responsible")
        match self.rng.randrange(4):
            case 0:
                await office.act(item["id"], "merge", {"target_id": target["id"], "reason": "同一事实"})
            case 1:
                await office.act(item["id"], "split", {"reason": "两件事", "children": [PART, PART]})
            case 2:
                void = {"reason_code": "entered_in_error", "reason": "误登记"}
                await first.act(item["id"], "void", void, document={"name": "会议纪要"})
            case _:
                await office.act(item["id"], "decline", {"reason_code": "out_of_remit", "reason": "不属受理范围"})

    async def reopen(self) -> None:
        _, item = await self.drawn()
        on = (clock.today() + timedelta(days=30)).isoformat()
        again = {
            "reason_code": "rebound",
            "evidence": "再次发现",
            "deadline": {"text": "限期", "kind": "date", "date": on},
        }
        await (await self.world.as_("supervision_office")).act(item["id"], "reopen", again)

    async def delete(self) -> None:
        of = case()
        gone = await self.world.carrier.draft(of)
        await (await self.world.as_(of.finder)).send("DELETE", f"/items/{gone['id']}", None)

    async def rotate(self) -> None:
        """A key is replaced and the process that holds it begins anew."""
        name = self.rng.choice(("checkpoint", "receipt"))
        state = self.world.app.state
        await rotate(self.world.db, Path(state.settings.var), "checkpoint" if name == "checkpoint" else "receipt")
        keys = await hold(self.world.db, state.settings.var)
        state.receipts = Receipts(keys.origin, keys.signer("receipt"))

    async def seal(self) -> None:
        """Somebody keeps the checkpoint, and the receipt of a write."""
        body = {
            "ledger_id": self.world.made.ledgers["general"],
            "title": "留回执",
            "source": {"type": "self_inspection"},
        }
        answer = await (await self.world.as_("supervision_office")).send("POST", "/items", body)
        if answer.is_success:
            self.notes.append(answer.headers["rectify-receipt"])
        await seal(self.world.app)
        self.notes.append(await newest(self.world.app))
