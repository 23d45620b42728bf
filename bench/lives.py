"""Invented lives of items: every version from the draft on, with what was reported, judged, closed and reviewed on the way.

For figures of past moments. One event stands for all of a life, so that a log of this size can be made at all: what
reads events is measured elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final
from uuid import UUID

from app.core.clock import beijing_date
from app.core.ids import uuid7
from app.tables.item import FAR
from app.tables.past import ItemVersion

FOREVER: Final = datetime.max.replace(tzinfo=UTC)
"""The driver's word for infinity."""
NARROW: Final = tuple(ItemVersion.__table__.columns.keys())[4:]  # type: ignore[attr-defined]
_GATES: Final = ("problem_solved", "rectification_adequate", "people_satisfied")
_KINDS: Final = ("institution", "recovered_funds", "saved_funds", "accountability", "appointment", "physical")
_ENDS: Final = ("merged", "split", "voided", "transferred")
_HELD: Final = {"closed", "merged", "split", "voided", "transferred", "declined", "draft", "submitted", "registered"}
CHILDREN: Final = ("submission", "gate_result", "survey", "stage_review", "item_cycle", "outcome", "outcome_gone")
Row = dict[str, Any]


class _NowError(Exception):
    """The life has come to the present."""


@dataclass(slots=True)
class Life:
    """`versions` are (from, columns), the last one in force; the others are rows of the tables of these names."""

    versions: list[tuple[datetime, Row]] = field(default_factory=list)
    submission: list[Row] = field(default_factory=list)
    gate_result: list[Row] = field(default_factory=list)
    survey: list[Row] = field(default_factory=list)
    stage_review: list[Row] = field(default_factory=list)
    item_cycle: list[Row] = field(default_factory=list)
    outcome: list[Row] = field(default_factory=list)
    outcome_gone: list[Row] = field(default_factory=list)

    @property
    def last(self) -> Row:
        return self.versions[-1][1]


class _Teller:
    def __init__(self, random: Random, item: Mapping[str, Any], people: list[UUID], now: datetime) -> None:
        self.random = random
        self.now = now
        self.id: UUID = item["id"]
        self.people = people
        self.at: datetime = item["created_at"]
        self.lead: UUID = item["responsible_unit_id"]
        self.leaders: list[UUID] = item["accountable_leader_ids"]
        self.row: Row = {name: item[name] for name in NARROW} | {
            "state": "draft", "cycle": 1, "lead_unit_id": None, "accountable_leader_ids": [], "mode": None,
            "due_on": None, "due_sort": FAR, "original_due_on": None, "registered_at": None, "completed_at": None,
            "closed_at": None, "acknowledged_at": None, "cycle_started_at": None, "measures_total": 0, "measures_done": 0,
            "submission_no": 0, "progress_percent": 0,
        }  # fmt: skip
        self.severity = item["severity"] or "general"
        self.row["severity"] = None
        self.life = Life()

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def step(self, days: float = 20, **changes: Any) -> None:
        """Some time passes, `days` twice over in the mean; raises when the present is reached."""
        self.at += timedelta(
            seconds=self.random.randrange(3600, int(days * 4 * 86400)), microseconds=self.random.randrange(10**6)
        )
        if self.at > self.now - timedelta(minutes=1):
            raise _NowError
        self.write(**changes)

    def write(self, **changes: Any) -> None:
        self.row = {**self.row, **changes}
        due = None if self.row["state"] in _HELD else self.row["due_on"]
        for name, days in (("blue_from", -13), ("yellow_from", -2), ("red_from", 1)):
            self.row[name] = None if due is None else due + timedelta(days=days)
        self.life.versions.append((self.at, self.row))

    @property
    def seq(self) -> int:
        return len(self.life.versions)

    def child(self, **columns: Any) -> Row:
        """A row recorded with the version just written."""
        return {"item_id": self.id, "id": uuid7(), "cycle": self.row["cycle"], "changed_seq": self.seq, **columns}

    def tell(self) -> Life:
        self.write()
        try:
            self.identify()
            while True:
                self.rectify()
                self.close_out()
        except _NowError:
            return self.life
        except StopIteration:
            return self.life

    def identify(self) -> None:
        self.step(2, state="submitted")
        if self.chance(0.04):
            self.step(5, state="declined")
            raise StopIteration
        self.step(5, state="registered", severity=self.severity)
        self.row["registered_at"] = self.row["cycle_started_at"] = self.at
        self.perhaps_end(0.04)
        self.assign()
        if self.chance(0.08):
            self.step(3, state="registered")
            self.assign()
        self.plan()

    def perhaps_end(self, share: float) -> None:
        if self.chance(share):
            self.step(10, state=self.random.choice(_ENDS))
            raise StopIteration

    def due(self) -> Row:
        due = None if self.chance(0.1) else beijing_date(self.at) + timedelta(days=self.random.randrange(5, 150))
        return {"due_on": due, "due_sort": due or FAR, "original_due_on": self.row["original_due_on"] or due}

    def assign(self) -> None:
        mode = self.random.choice(("immediate", "time_limited", "time_limited", "phased", "sustained"))
        self.at += timedelta(hours=1)
        moved = {"lead_unit_id": self.lead, "accountable_leader_ids": self.leaders, "mode": mode}
        self.step(3, state="assigned", **moved, **self.due())

    def plan(self) -> None:
        self.step(3, state="planning")
        self.row["acknowledged_at"] = self.at
        self.perhaps_end(0.02)
        self.step(
            9, state="plan_review" if self.chance(0.2) else "rectifying", measures_total=self.random.randrange(1, 3)
        )

    def rectify(self) -> None:
        if self.row["state"] != "rectifying":
            self.step(5, state="rectifying")
        if self.chance(0.08):
            self.sustain()
        while self.row["measures_done"] < self.row["measures_total"]:
            done = self.row["measures_done"] + 1
            self.step(12, measures_done=done, progress_percent=100 * done // self.row["measures_total"])
            if self.chance(0.2):
                self.yield_something()

    def yield_something(self) -> None:
        """Sometimes recorded by mistake, and taken back."""
        kind = self.random.choice(_KINDS)
        counted: Row = {"kind": kind, "amount_fen": None, "quantity": None}
        counted["amount_fen" if kind.endswith("funds") else "quantity"] = self.random.randrange(1, 1000)
        row = self.child(**counted, name="整改成果", created_at=self.at)
        if not self.chance(0.2):
            self.life.outcome.append(row)
            return
        self.step(2)
        gone = {name: row[name] for name in ("item_id", "id", "created_at", *counted)}
        self.life.outcome_gone.append({**gone, "gone_at": self.at})

    def sustain(self) -> None:
        self.step(10, state="sustaining")
        while self.chance(0.6):
            good = self.chance(0.7)
            self.step(60, state="sustaining" if good else "rectifying")
            reviewed: dict[str, Any] = {"reviewed_on": beijing_date(self.at), "result": "on_track" if good else "needs_work",
                        "summary": "按期复核", "evidence_ids": []}  # fmt: skip
            self.life.stage_review.append(self.child(**reviewed))
            if not good:
                return

    def close_out(self) -> None:
        """Until the item is closed and reopened; a life that stays closed ends there."""
        while True:
            number = self.row["submission_no"] + 1
            self.step(6, state="verifying", submission_no=number)
            self.row["completed_at"] = self.at
            report = {"submission_no": number, "summary": "申请销号", "policy_version": 1, "declared_true": True,
                      "evidence_ids": [], "submitted_at": self.at, "occurred_at": self.at}  # fmt: skip
            self.life.submission.append(self.child(**report))
            if self.chance(0.06):
                self.step(3, state="rectifying", completed_at=None)
                continue
            passed = self.judge(number)
            if passed and self.chance(0.6):
                self.step(3, state="closing")
                passed = not self.chance(0.06)
            if passed:
                break
            self.step(5, state="rectifying", completed_at=None)
        self.close()
        if not self.chance(0.2):
            raise StopIteration
        self.reopen()

    def judge(self, number: int) -> bool:
        passed, one_by_one = True, self.chance(0.2)
        for place, gate in enumerate(_GATES):
            if place == 0 or one_by_one:
                self.step(4)
            failed = self.chance(0.04)
            waived = gate == "people_satisfied" and not failed and self.chance(0.2)
            result = "failed" if failed else "waived" if waived else "passed"
            passed = passed and not failed
            self.life.gate_result.append(
                self.child(submission_no=number, gate=gate, part="whole", result=result, detail="{}",
                           occurred_at=self.at, recorded_at=self.at)
            )  # fmt: skip
            if gate == "people_satisfied" and not waived:
                self.survey(number)
        return passed

    def survey(self, number: int) -> None:
        votes = {"satisfied": self.random.randrange(10, 20), "basically_satisfied": self.random.randrange(4),
                 "dissatisfied": self.random.randrange(4)}  # fmt: skip
        self.life.survey.append(
            self.child(submission_no=number, kind="ballot_paper", held_on=beijing_date(self.at), runner_id=self.people[0],
                       invited=30, unknown=0, invalid=1, unanswered_named=0, scan_id=uuid7(), created_at=self.at, **votes)
        )  # fmt: skip

    def close(self) -> None:
        """Sometimes on paper, some days before it is recorded."""
        self.step(6, state="closed")
        paper = self.at - timedelta(days=self.random.randrange(1, 6)) if self.chance(0.15) else self.at
        closed = max(paper, self.row["completed_at"])
        self.row["closed_at"] = closed
        frozen = self.child(closed_at=closed, completed_at=self.row["completed_at"], snapshot="{}")
        del frozen["id"]
        self.life.item_cycle.append(frozen)

    def reopen(self) -> None:
        changes = {"cycle": self.row["cycle"] + 1, "closed_at": None, "completed_at": None, "measures_done": 0,
                   "progress_percent": 0, "original_due_on": None}  # fmt: skip
        self.row = {**self.row, "original_due_on": None}
        self.step(60, state="planning", **changes)
        self.row.update(self.due(), cycle_started_at=self.at)
        self.step(5, state="rectifying", measures_total=self.random.randrange(1, 3))


def tell(random: Random, item: Mapping[str, Any], people: list[UUID], now: datetime) -> Life:
    """The life of an item up to now, from the columns it is born with."""
    return _Teller(random, item, people, now).tell()
