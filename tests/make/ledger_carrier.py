"""Carries a whole ledger from its rows to closed, as one office with many units would: batches, and writes in between."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeVar
from uuid import uuid4

from app.demo.client import Caller, Json, RefusedError
from tests.make.ledger_rows import LedgerRow, days_of, deadline_of, line
from tests.make.world import World

T = TypeVar("T")
AT_ONCE = 4
REGISTERED_TOGETHER = 35
HEAD = "unit_head_service"
UNNAMED = "（原件未载明单位）"
IMPORTED, ADDED = "from_ledger", "added_in_planning"


@dataclass
class LedgerCarrier:
    """The rows of one ledger and the items made of them, in the same order."""

    world: World
    rows: list[LedgerRow]
    ledger: str = ""
    source: str = field(default_factory=lambda: f"l_{uuid4().hex[:24]}")
    units: dict[str, str] = field(default_factory=dict)
    items: list[Json] = field(default_factory=list)
    planned: dict[str, list[str]] = field(default_factory=dict)
    criterion: dict[str, str] = field(default_factory=dict)

    async def prepare(self) -> None:
        """A ledger, and a unit for every wording, all below the one whose head acts for them here."""
        self.ledger = await self.world.ledger()
        system = await self.world.as_("system_admin")
        form = {"type": "object", "additionalProperties": False, "properties": {}}
        body = {"name_zh": "台账导入", "name_en": "Imported ledger", "json_schema": form}
        required = ["title", "description", "responsible_unit_id"]
        await system.put(f"/source-types/{self.source}", {**body, "required": required}, if_match=None)
        top = {"code": uuid4().hex, "name": "本台账各责任单位", "parent_id": self.world.made.units["service"]}
        parent = (await system.post("/units", top))["id"]
        wanted = dict.fromkeys(unit or UNNAMED for row in self.rows for unit in (row.unit, *row.helpers))
        for name in wanted:
            unit = {"code": uuid4().hex, "name": name, "parent_id": parent}
            self.units[name] = (await system.post("/units", unit))["id"]

    async def each(self, work: Callable[[LedgerRow, Json], Awaitable[Any]]) -> None:
        """The same for every row, a few at a time."""
        waiting = iter(list(zip(self.rows, self.items, strict=True)))

        async def work_on() -> None:
            for row, item in waiting:
                await work(row, item)

        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(work_on())

    async def batch(
        self, username: str, action: str, data: Callable[[LedgerRow], Json] = lambda _: {}, state: str | None = None
    ) -> None:
        """One action on all items in that state (or on all), all or nothing."""
        caller = await self.world.as_(username)
        pairs = [pair for pair in zip(self.rows, self.items, strict=True) if state in {None, pair[1]["state"]}]
        await self._move(caller, action, [(item, data(row)) for row, item in pairs])

    async def _move(self, caller: Caller, action: str, wanted: Sequence[tuple[Json, Json]]) -> None:
        for some in parts(wanted, 200):
            told = [{"id": item["id"], "version": item["version"], "data": data} for item, data in some]
            body = {"action": action, "mode": "atomic", "items": told}
            results = (await caller.post("/items:batchTransition", body))["items"]
            for (item, _), result in zip(some, results, strict=True):
                item.update(version=result["version"], state=result["state"], number=result["number"])

    async def reread(self) -> None:
        """What the list shows: versions, for the next batch, and the days things fall due."""
        auditor = await self.world.as_("auditor")
        place = f"/items?ledger_id={self.world.made.ledgers[self.ledger]}&sort=number&limit=200"
        shown = {item["id"]: item for item in (await auditor.get(place))["items"]}
        for item in self.items:
            item.update(shown[item["id"]])

    async def read_whole(self) -> None:
        auditor = await self.world.as_("auditor")

        async def read(_: LedgerRow, item: Json) -> None:
            item.update(await auditor.get(f"/items/{item['id']}"))

        await self.each(read)

    # --- the path -----------------------------------------------------------------------------------------------

    async def register(self) -> None:
        office = await self.world.as_("supervision_office")
        for row in self.rows:
            self.items.append(await office.post("/items", self._draft(row)))
        await self.batch("supervision_office", "submit")
        for some in parts(self.items, REGISTERED_TOGETHER):
            answers: list[tuple[Json, Json]] = []
            for item in some:
                found = (await office.get(f"/items/{item['id']}/duplicates"))["items"]
                verdicts = [{"item_id": one["item_id"], "verdict": "different"} for one in found]
                answers.append((item, {"category": "safety_hazard", "severity": "general", "duplicates": verdicts}))
            try:
                await self._move(office, "register", answers)
            except RefusedError as refused:
                # Rows of one ledger may look like each other: what is registered together is asked about together.
                for fault in refused.problem["errors"]:
                    _, data = answers[int(fault["pointer"].rpartition("/")[2])]
                    data["duplicates"].append({"item_id": fault["item_id"], "verdict": "different"})
                await self._move(office, "register", answers)

    def _draft(self, row: LedgerRow) -> Json:
        source: Json = {"type": self.source, "document": line(row.source), "document_no": line(row.document_no)}
        return {
            "ledger_id": self.world.made.ledgers[self.ledger],
            "title": str(line(row.text))[:60],
            "description": row.text,
            "source": {**source, "path": [row.serial]},
            "found_on": row.found_on and row.found_on.isoformat(),
            "responsible_unit_id": self.units[row.unit or UNNAMED],
            "external_ref": {"system": self.ledger, "id": row.serial},
        }

    def assignment(self, row: LedgerRow) -> Json:
        return {
            "lead_unit_id": self.units[row.unit or UNNAMED],
            "cooperating_unit_ids": [self.units[unit] for unit in row.helpers],
            "accountable_leader_ids": [self.world.made.people["leader"]],
            "mode": "immediate" if row.at_once else "time_limited",
            "deadline": deadline_of(row),
        }

    async def plan(self) -> None:
        """The measures of the ledger, in its words; where it has none the lead unit writes one, as its plan needs it."""
        head = await self.world.as_(HEAD)
        person = self.world.made.people[HEAD]

        async def write(row: LedgerRow, item: Json) -> None:
            place = f"/items/{item['id']}"
            planned = [(text, node, IMPORTED) for text, node in row.measures] or [("按要求完成整改", "", ADDED)]
            for text, node, kind in planned:
                due = max(days_of(node), default=None) or date.fromisoformat(item["due_on"])
                body = {"content": text, "kind": kind, "due_on": due.isoformat(), "person_id": person}
                made = await head.post(f"{place}/measures", {**body, "unit_id": item["lead_unit_id"]})
                self.planned.setdefault(place, []).append(f"/measures/{made['id']}")
            made = await head.post(f"{place}/criteria", {"content": row.goal or "问题已消除，复查合格"})
            self.criterion[place] = made["id"]

        await self.each(write)

    async def carry(self) -> None:
        """From rows to closed; the caller then looks at what became of them."""
        await self.prepare()
        await self.register()
        await self.batch("supervision_office", "assign", self.assignment)
        await self.reread()
        await self.plan()
        await self.reread()
        await self.batch(HEAD, "acknowledge")
        await self.batch(HEAD, "submit_plan", lambda _: {"root_cause": "日常管理和检查不到位"}, state="planning")
        await self.batch("leader", "approve_plan", state="plan_review")
        head, carrier = await self.world.as_(HEAD), self.world.carrier

        async def work(_: LedgerRow, item: Json) -> None:
            place = f"/items/{item['id']}"
            for measure in self.planned[place]:
                await head.patch(f"{place}{measure}", {"status": "done"})
            target = {"target_kind": "criterion", "target_id": self.criterion[place]}
            await head.upload(f"{place}/evidence", "复查.txt", f"复查合格 {place}", **target)

        await self.each(work)
        await self.reread()
        done: Mapping[str, Any] = {"summary": "已整改", "declared_true": True}
        await self.batch(HEAD, "report_completion", lambda _: dict(done))
        await self.each(lambda _, item: carrier.judge(item))
        await self.reread()
        await self.batch("supervision_office", "pass_verification")
        for signer in ("leader", "discipline_office", "first_responsible"):
            await self.batch(signer, "approve_closure")
        await self.read_whole()


def parts(whole: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(whole), size):
        yield whole[start : start + size]
