"""Items whose whole story is written down in a few words, for figures that are worked out by hand.

A step is "2026-01-06 assigned due=2026-02-01": a day (at ten in the morning in China unless a time follows it), what
happened, and with what. Rows go straight into the tables, as they would stand after the steps were taken.
"""

# ruff: noqa: ARG002 - every step is told when it was taken
from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from app.core.clock import BEIJING
from app.core.db import Tx
from app.lifecycle.create import blank
from app.tables.closeout import GateResult, StageReview, Survey
from app.tables.item import FAR, FAR_INSTANT, Item, ItemCycle, ItemUnit
from app.tables.past import ItemUnitSpan, ItemVersion
from app.tables.rectify import Submission
from bench.lives import FOREVER, NARROW
from bench.seed import World, fill

Row = dict[str, Any]
_NUMBERS = count(1)


def instant(day: str, hour: str = "10:00") -> datetime:
    """A time of day in China."""
    return datetime.combine(date.fromisoformat(day), time.fromisoformat(hour), BEIJING).astimezone(UTC)


@dataclass
class Story:
    """What an item has come to so far, and every version on the way."""

    row: Row
    versions: list[tuple[datetime, Row]] = field(default_factory=list)
    children: dict[type, list[Row]] = field(default_factory=dict)

    def child(self, table: type, **columns: Any) -> None:
        row = {"item_id": self.row["id"], "cycle": self.row["cycle"], "changed_seq": len(self.versions), **columns}
        self.children.setdefault(table, []).append(row if table is ItemCycle else {"id": uuid4(), **row})

    def take(self, step: str) -> None:
        day, what, *more = step.split()
        hour = "10:00"
        if ":" in what:
            hour, what, *more = what, *more
        at, told = instant(day, hour), dict(part.split("=") for part in more)
        changes = getattr(self, f"_{what}", lambda **_: {"state": what})(at=at, **told)
        self.row = {**self.row, **changes}
        self.versions.append((at, {name: self.row[name] for name in NARROW}))
        getattr(self, f"_after_{what}", lambda *_: None)(at, told)

    def _registered(self, at: datetime) -> Row:
        return {"state": "registered", "registered_at": at, "registered_sort": at, "cycle_started_at": at}

    def _assigned(self, at: datetime, due: str, mode: str = "time_limited") -> Row:
        day = date.fromisoformat(due)
        first = self.row["original_due_on"] or day
        return {"state": "assigned", "mode": mode, "due_on": day, "due_sort": day, "original_due_on": first}

    def _acknowledged(self, at: datetime) -> Row:
        return {"state": "planning", "acknowledged_at": at}

    def _measures(self, at: datetime, done: str, of: str) -> Row:
        return {"state": "rectifying", "measures_done": int(done), "measures_total": int(of)}

    def _verifying(self, at: datetime) -> Row:
        return {"state": "verifying", "submission_no": self.row["submission_no"] + 1, "completed_at": at}

    def _after_verifying(self, at: datetime, _: Row) -> None:
        self.child(
            Submission, submission_no=self.row["submission_no"], summary="申请销号", policy_version=1,
            declared_true=True, evidence_ids=[], submitted_at=at, occurred_at=at,
        )  # fmt: skip

    def _judged(self, at: datetime, **_: str) -> Row:
        return {}

    def _after_judged(self, at: datetime, told: Row) -> None:
        """`gate=people result=waived`, with `votes=17+1-2` for a survey."""
        gate = {"solved": "problem_solved", "people": "people_satisfied"}[told["gate"]]
        number = self.row["submission_no"]
        self.child(
            GateResult, submission_no=number, gate=gate, part="whole", result=told["result"], detail={},
            occurred_at=at, recorded_at=at,
        )  # fmt: skip
        if "votes" in told:
            satisfied, rest = told["votes"].split("+")
            basically, dissatisfied = rest.split("-")
            votes = {
                "satisfied": int(satisfied),
                "basically_satisfied": int(basically),
                "dissatisfied": int(dissatisfied),
            }
            self.child(
                Survey, submission_no=number, kind="ballot_paper", held_on=at.date(), runner_id=uuid4(), invited=30,
                unknown=0, invalid=0, unanswered_named=0, scan_id=uuid4(), created_at=at, **votes,
            )  # fmt: skip

    def _returned(self, at: datetime) -> Row:
        return {"state": "rectifying", "completed_at": None}

    _withdrawn = _returned

    def _closed(self, at: datetime, paper: str | None = None) -> Row:
        return {"state": "closed", "closed_at": at if paper is None else instant(paper)}

    def _after_closed(self, at: datetime, _: Row) -> None:
        self.child(ItemCycle, closed_at=self.row["closed_at"], completed_at=self.row["completed_at"], snapshot={})

    def _reopened(self, at: datetime, due: str) -> Row:
        day = date.fromisoformat(due)
        return {
            "state": "rectifying", "cycle": self.row["cycle"] + 1, "closed_at": None, "completed_at": None, "due_on": day,
            "due_sort": day, "original_due_on": day, "measures_done": 0, "cycle_started_at": at,
        }  # fmt: skip

    def _reviewed(self, at: datetime, result: str) -> Row:
        return {"state": "sustaining" if result == "on_track" else "rectifying"}

    def _after_reviewed(self, at: datetime, told: Row) -> None:
        self.child(StageReview, reviewed_on=at.date(), result=told["result"], summary="复核", evidence_ids=[])


@dataclass
class Plot:
    """Writes items into a database of the test's own; `world` is the organisation there."""

    connection: asyncpg.Connection[Any]
    world: World

    @property
    def units(self) -> list[UUID]:
        return self.world.organisation.sections

    async def item(self, *steps: str, lead: int = 0, helping: int | None = None, **columns: Any) -> UUID:
        """`lead` and `helping` count the organisation's sections."""
        number = next(_NUMBERS)
        born = instant(steps[0].split()[0]) - timedelta(days=1)
        base = blank(born) | {
            "id": uuid4(), "ledger_id": self.world.ledgers[0], "title": f"问题{number}", "number_sort": f"{number:08d}",
            "source_type": "self_inspection", "source_schema_version": 1, "finder_unit_id": self.units[lead],
            "category": "formalism", "severity": "general", "confidentiality": "internal",
            "responsible_unit_id": self.units[lead], "lead_unit_id": self.units[lead], "head_hash": b"\0" * 32,
            "light_reasons": {}, "movers": [],
            "cooperating_unit_ids": [] if helping is None else [self.units[helping]], **columns,
        }  # fmt: skip
        story = Story(base)
        for step in steps:
            story.take(step)
        await self._write(story, number, [] if helping is None else [(self.units[helping], "cooperating")])
        found: UUID = base["id"]
        return found

    async def _write(self, story: Story, number: int, helping: list[tuple[UUID, str]]) -> None:
        tx, row = Tx(self.connection), story.row
        registered = row["registered_at"]
        last = {
            "version": len(story.versions), "updated_at": story.versions[-1][0],
            "registered_sort": registered or FAR_INSTANT, "number": f"P-{number}" if registered else None,
            "due_sort": row["due_on"] or FAR,
        }  # fmt: skip
        await tx.insert(Item, [row | last])
        ends = [at for at, _ in story.versions[1:]] + [FOREVER]
        versions = [
            {"item_id": row["id"], "version": place, "valid_from": at, "valid_to": end, **columns}
            for place, ((at, columns), end) in enumerate(zip(story.versions, ends, strict=True), start=1)
        ]
        await tx.insert(ItemVersion, versions)
        born = story.versions[0][0]
        parts = [(row["lead_unit_id"], "lead"), (row["responsible_unit_id"], "responsible"), *helping]
        units = [{"unit_id": unit, "item_id": row["id"], "part": part} for unit, part in parts if unit]
        await tx.insert(ItemUnit, units)
        await tx.insert(ItemUnitSpan, [{**unit, "valid_from": born, "valid_to": FOREVER} for unit in units])
        for table, rows in story.children.items():
            await tx.insert(table, rows)


async def plot_on(superuser_url: str) -> Plot:
    """On an empty database; foreign keys and triggers that would ask for events are off on this connection."""
    connection = await asyncpg.connect(superuser_url)
    world = await fill(connection, 0)
    await connection.execute("SET session_replication_role = replica")
    for name in ("json", "jsonb"):
        await connection.set_type_codec(name, encoder=json.dumps, decoder=json.loads, schema="pg_catalog")
    return Plot(connection, world)
