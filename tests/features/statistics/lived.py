"""A database full of pasts, and a naive answer to every figure: Python over whole rows, sentence by sentence."""

from __future__ import annotations

import calendar
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import Any
from uuid import UUID

import asyncpg
import httpx2
from fastapi import FastAPI

from app.core import clock
from app.core.calendar_seed import seed_from_holidays, seed_years
from app.core.clock import BEIJING, beijing_date
from bench.lives import CHILDREN
from bench.seed import World
from tests.features.identify.ledger_book import Book, read_book

Row = dict[str, Any]
OFF = {"merged", "split", "transferred", "voided"}
IN_PROGRESS = {
    "registered", "assigned", "planning", "plan_review", "rectifying", "verifying", "closing", "public_notice",
}  # fmt: skip
OPEN = IN_PROGRESS | {"sustaining"}
DUE_BASE = OPEN | {"closed"}
VERIFIED = {"closing", "public_notice", "closed"}
REPORTED = VERIFIED | {"verifying"}
KINDS = ("institution", "recovered_funds", "saved_funds", "accountability", "appointment", "physical")
NOTICES = set(seed_years(range(2020, 2030)))
SHIFTED = {row.on: row.kind for row in seed_from_holidays(NOTICES)}


def midnight(day: date) -> datetime:
    return datetime.combine(day, time(), BEIJING).astimezone(UTC)


@dataclass
class Item:
    """An item at one moment: `story` are its versions up to then, the last in force; children are those known then."""

    story: list[Row]
    children: dict[str, list[Row]]
    units: set[tuple[UUID, str]]
    at: datetime

    @property
    def row(self) -> Row:
        return self.story[-1]

    def __getattr__(self, name: str) -> Any:
        return self.row[name]

    @property
    def today(self) -> date:
        return beijing_date(self.at)

    @property
    def seq(self) -> int:
        return len(self.story)

    def known(self, table: str) -> list[Row]:
        return [child for child in self.children[table] if child["changed_seq"] <= self.seq]

    def state_at(self, moment: datetime) -> str | None:
        before = [row for row in self.story if row["valid_from"] < moment]
        return before[-1]["state"] if before else None

    @cached_property
    def closings(self) -> list[datetime]:
        return [cycle["closed_at"] for cycle in sorted(self.known("item_cycle"), key=lambda row: row["cycle"])]

    @cached_property
    def reopenings(self) -> list[datetime]:
        pairs = zip(self.story, self.story[1:], strict=False)
        return [after["valid_from"] for before, after in pairs if after["cycle"] > before["cycle"]]

    def verdicts(self, number: int) -> list[Row]:
        return [gate for gate in self.known("gate_result") if gate["submission_no"] == number]

    @cached_property
    def outcomes(self) -> list[str]:
        """What became of each completion report: accepted, returned, withdrawn or pending."""
        told = []
        reports = sorted(self.known("submission"), key=lambda row: row["submission_no"])
        for place, report in enumerate(reports):
            last_of_cycle = place + 1 == len(reports) or reports[place + 1]["cycle"] > report["cycle"]
            current = place + 1 == len(reports) and report["cycle"] == self.cycle
            if not last_of_cycle or (current and self.state not in REPORTED):
                told.append("returned" if self.verdicts(report["submission_no"]) else "withdrawn")
            else:
                told.append("pending" if current and self.state == "verifying" else "accepted")
        return told


Days = tuple[date, date]
Value = Callable[[Item, Days], int]


def inside(moment: datetime | None, days: Days) -> bool:
    return moment is not None and midnight(days[0]) <= moment < midnight(days[1] + timedelta(days=1))


def due(item: Item) -> bool:
    return item.state in DUE_BASE


def done_by(item: Item, day: date | None) -> bool:
    return (
        item.state in VERIFIED
        and day is not None
        and item.completed_at is not None
        and beijing_date(item.completed_at) <= day
    )


def between(day: date | None, days: Days) -> bool:
    return day is not None and days[0] <= day <= days[1]


def is_overdue(item: Item) -> bool:
    return item.state in IN_PROGRESS and item.due_on is not None and item.due_on < item.today


def was_late(item: Item) -> bool:
    return item.state in VERIFIED and item.due_on is not None and not done_by(item, item.due_on)


def reviewed_well(item: Item) -> bool:
    reviews = [review for review in item.known("stage_review") if review["cycle"] == item.cycle]
    last = max(reviews, key=lambda row: row["changed_seq"], default=None)
    return item.state == "sustaining" and last is not None and last["result"] == "on_track"


def carried(item: Item, days: Days) -> bool:
    start, end = midnight(days[0]), midnight(days[1] + timedelta(days=1))
    if not due(item) or item.registered_at >= end:
        return False
    again = any(inside(moment, days) for moment in item.reopenings)
    return item.registered_at >= start or item.state_at(start) in OPEN or again


def stock(item: Item, days: Days) -> bool:
    start, end = midnight(date(days[1].year, 1, 1)), midnight(days[1] + timedelta(days=1))
    return due(item) and item.registered_at < end and (item.registered_at >= start or item.state_at(start) in OPEN)


def a_year_after(moment: datetime) -> datetime:
    """The same hour in China twelve months on; the last of February for the 29th."""
    local = moment.astimezone(BEIJING)
    last = calendar.monthrange(local.year + 1, local.month)[1]
    return local.replace(year=local.year + 1, day=min(local.day, last)).astimezone(UTC)


def cohort(item: Item, days: Days, *, first: bool, rebound: bool = False) -> bool:
    for cycle, closed in enumerate(item.closings, start=1):
        back = item.reopenings[cycle - 1] if len(item.reopenings) >= cycle else None
        came = back is not None and back < a_year_after(closed)
        if (cycle == 1) is first and inside(closed, days) and (came or not rebound):
            return due(item)
    return False


def ballots(item: Item, *kinds: str) -> int:
    held = [s for s in item.known("survey") if (s["submission_no"], s["cycle"]) == (item.submission_no, item.cycle)]
    return sum(survey[kind] for survey in held for kind in kinds) if due(item) else 0


def waived(item: Item) -> bool:
    verdicts = [gate for gate in item.verdicts(item.submission_no) if gate["gate"] == "people_satisfied"]
    return item.state == "closed" and bool(max(verdicts, key=lambda row: row["changed_seq"])["result"] == "waived")


def verdict(item: Item) -> str | None:
    """The last word of the people on the item's current report."""
    said = [gate for gate in item.verdicts(item.submission_no) if gate["gate"] == "people_satisfied"]
    said = [gate for gate in said if gate["cycle"] == item.cycle]
    return max(said, key=lambda row: row["changed_seq"])["result"] if said and due(item) else None


def days_taken(item: Item, days: Days) -> list[date] | None:
    """Each day after the one work began on, up to the one it was reported done on; None for what does not count."""
    began = [moment for moment in (item.acknowledged_at, *item.reopenings[-1:]) if moment is not None]
    if item.state not in VERIFIED or not inside(item.completed_at, days) or not began:
        return None
    first, last = beijing_date(max(began)), beijing_date(item.completed_at)
    return [first + timedelta(days=n + 1) for n in range((last - first).days)]


def calendar_days(item: Item, days: Days) -> int | None:
    passed = days_taken(item, days)
    return None if passed is None else len(passed)


def workdays(item: Item, days: Days) -> int | None:
    """By the notices of the years concerned; None where one of them is not there."""
    passed = days_taken(item, days)
    if passed is None or not {day.year for day in passed} <= NOTICES:
        return None
    return sum(SHIFTED.get(day, "workday" if day.weekday() < 5 else "holiday") == "workday" for day in passed)


def yields(kind: str) -> Value:
    def value(item: Item, _: Days) -> int:
        now = [row for row in item.children["outcome"] if row["created_at"] <= item.at]
        gone = [row for row in item.children["outcome_gone"] if row["created_at"] <= item.at < row["gone_at"]]
        return due(item) and any(row["kind"] == kind for row in (*now, *gone))

    return value


def units_at_work(item: Item) -> int:
    return len({unit for unit, part in item.units if part != "source"})


def _first(item: Item) -> str:
    return item.outcomes[0] if item.outcomes and due(item) else "none"


_GOOD, _VALID = ("satisfied", "basically_satisfied"), ("satisfied", "basically_satisfied", "dissatisfied")
ORACLE: dict[str, tuple[Value, Value | None]] = {
    "due_base": (lambda i, _: due(i), None),
    "on_ledger": (lambda i, _: i.state in OPEN, None),
    "in_progress": (lambda i, _: i.state in IN_PROGRESS, None),
    "sustaining": (lambda i, _: i.state == "sustaining", None),
    "closed": (lambda i, _: i.state == "closed", None),
    "off_ledger": (lambda i, _: i.state in OFF, None),
    "closure_rate": (lambda i, _: i.state == "closed", lambda i, _: due(i)),
    "closure_rate_shared": (
        lambda i, _: units_at_work(i) if i.state == "closed" else 0, lambda i, _: units_at_work(i) if due(i) else 0
    ),
    "rectified_rate_reported": (lambda i, _: i.state in REPORTED, lambda i, _: due(i)),
    "rectified_rate_verified": (lambda i, _: i.state in VERIFIED, lambda i, _: due(i)),
    "rectified_incl_sustained": (lambda i, _: i.state in VERIFIED or reviewed_well(i), lambda i, _: due(i)),
    "overdue_rate": (lambda i, _: is_overdue(i), lambda i, _: i.state in IN_PROGRESS),
    "overdue_open": (lambda i, _: is_overdue(i), None),
    "overdue_total": (lambda i, _: (is_overdue(i) and i.state not in VERIFIED) or was_late(i), lambda i, _: due(i)),
    "immediate_rate": (
        lambda i, _: i.mode == "immediate" and i.state in VERIFIED, lambda i, _: i.mode == "immediate" and due(i)
    ),
    "measure_progress": (
        lambda i, _: i.measures_done if due(i) else 0, lambda i, _: i.measures_total if due(i) else 0
    ),
    "first_pass_rate": (lambda i, _: _first(i) == "accepted", lambda i, _: _first(i) in {"accepted", "returned"}),
    "return_rate": (
        lambda i, _: i.outcomes.count("returned") if due(i) else 0, lambda i, _: i.submission_no if due(i) else 0
    ),
    "satisfaction_rate": (lambda i, _: ballots(i, *_GOOD), lambda i, _: ballots(i, *_VALID)),
    "gate_waiver_rate": (lambda i, _: waived(i), lambda i, _: i.state == "closed"),
    "registered_within": (lambda i, d: inside(i.registered_at, d), None),
    "closed_within": (lambda i, d: due(i) and any(inside(closing, d) for closing in i.closings), None),
    "reopened_within": (lambda i, d: due(i) and any(inside(moment, d) for moment in i.reopenings), None),
    "due_within": (lambda i, d: i.state in IN_PROGRESS and between(i.due_on, d), None),
    "closure_rate_period": (
        lambda i, d: carried(i, d) and any(inside(closing, d) for closing in i.closings), carried
    ),
    "closure_rate_year": (lambda i, d: sum(inside(c, d) for c in i.closings) if due(i) else 0, stock),
    "on_time_rate_orig": (
        lambda i, d: due(i) and between(i.original_due_on, d) and done_by(i, i.original_due_on),
        lambda i, d: due(i) and between(i.original_due_on, d),
    ),
    "on_time_rate_cur": (
        lambda i, d: due(i) and between(i.due_on, d) and done_by(i, i.due_on),
        lambda i, d: due(i) and between(i.due_on, d),
    ),
    "rebound_rate": (
        lambda i, d: cohort(i, d, first=True, rebound=True), lambda i, d: cohort(i, d, first=True)
    ),
    "rebound_rate_again": (
        lambda i, d: cohort(i, d, first=False, rebound=True), lambda i, d: cohort(i, d, first=False)
    ),
    "satisfaction_pass_rate": (lambda i, _: verdict(i) == "passed", lambda i, _: verdict(i) in {"passed", "failed"}),
    "avg_days": (lambda i, d: calendar_days(i, d) or 0, lambda i, d: calendar_days(i, d) is not None),
    "avg_workdays": (lambda i, d: workdays(i, d) or 0, lambda i, d: workdays(i, d) is not None),
    **{f"outcome_{kind}": (yields(kind), None) for kind in KINDS},
}  # fmt: skip
"""How much an item counts in the numerator and in the denominator of each metric."""
RANKS: dict[str, tuple[int, Callable[[Item, Days], int | None]]] = {
    "p50_days": (50, calendar_days), "p90_days": (90, calendar_days),
    "p50_workdays": (50, workdays), "p90_workdays": (90, workdays),
}  # fmt: skip
"""Per cent of the items that do not exceed the figure, and the value of each; None for what is not counted."""


@dataclass
class Lived:
    """`stories` are all versions by item, `children` the rows beside them by table and item."""

    app: FastAPI
    book: Book
    stories: dict[UUID, list[Row]]
    children: dict[UUID, dict[str, list[Row]]]
    units: dict[UUID, set[tuple[UUID, str]]]

    def _repr_pretty_(self, printer: Any, _: bool) -> None:
        """For reports of counterexamples: all of it would be sixteen megabytes."""
        printer.text(f"{len(self.stories)} lives")

    def client(self, caller: str) -> httpx2.AsyncClient:
        return self.book.client(caller)

    def items(self, caller: str, at: datetime) -> list[Item]:
        """Everything registered by then that the caller sees today, as it was."""
        found = []
        for row in self.book.rows:
            story = [version for version in self.stories[row["id"]] if version["valid_from"] <= at]
            if not story or story[-1]["registered_at"] is None or not self.book.sees(caller, row):
                continue
            found.append(Item(story, self.children[row["id"]], self.units[row["id"]], at))
        return found


async def read_lived(app: FastAPI, world: World, superuser_url: str) -> Lived:
    book = await read_book(app, world, superuser_url)
    ids = [row["id"] for row in book.rows]
    stories: dict[UUID, list[Row]] = {key: [] for key in ids}
    children: dict[UUID, dict[str, list[Row]]] = {key: {table: [] for table in CHILDREN} for key in ids}
    units: dict[UUID, set[tuple[UUID, str]]] = {key: set() for key in ids}
    connection = await asyncpg.connect(superuser_url)
    try:
        for row in await connection.fetch("SELECT * FROM item_version ORDER BY item_id, version"):
            stories[row["item_id"]].append(dict(row))
        for table in CHILDREN:
            for row in await connection.fetch(f"SELECT * FROM {table}"):
                children[row["item_id"]][table].append(dict(row))
        for row in await connection.fetch("SELECT * FROM item_unit"):
            units[row["item_id"]].add((row["unit_id"], row["part"]))
    finally:
        await connection.close()
    return Lived(app, book, stories, children, units)


def settled_now() -> datetime:
    return clock.now() - timedelta(seconds=30)
