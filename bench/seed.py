"""Fills a migrated, empty database by COPY with any number of items, complete with everything kept beside them.

Rows are made by the life cycle's own functions, so that derived columns, movers and tokens are what a write would have
stored. Each item has version 1 and hence one event: an imported item has no more; or as many `changes` as are wanted,
each with a version and an event that says something. Positions in the log are given at once.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from operator import itemgetter
from random import Random
from typing import Any, Final
from uuid import UUID

import asyncpg
from sqlalchemy.dialects.postgresql import JSONB

from app.access.actor import SYSTEM
from app.core import clock
from app.core.db import Tx
from app.core.text import fold, search_tokens
from app.core.workdays import Calendar
from app.features.ledgers.seeds import SOURCE_TYPES, seed_dictionaries
from app.lifecycle.create import blank
from app.lifecycle.derived import derive, item_units
from app.lifecycle.policy import POLICY_DEFAULT
from app.lifecycle.states import NUMBERED, State
from app.tables.item import FAR_INSTANT, WRITTEN, Item
from bench import recorded, words
from bench.lives import CHILDREN, FOREVER, NARROW, tell
from bench.organisation import Organisation, Row, build, made_id

CHUNK: Final = 5_000
LEDGERS: Final = 6
MAJOR: Final = 0.05
ENDLESS: Final = 0.15
"""The share of assigned items without a due date."""

BUSIEST: Final = 0.04
"""The share of one section, so that its head has pages to turn at every size."""

YEARS: Final = timedelta(days=2 * 365)
"""Over what time lives have begun."""

_STATES: Final = (
    ("draft", 3), ("submitted", 4), ("registered", 6), ("assigned", 10), ("planning", 8), ("plan_review", 4),
    ("rectifying", 24), ("sustaining", 3), ("verifying", 7), ("closing", 5), ("public_notice", 1), ("closed", 20),
    ("declined", 1), ("merged", 1), ("split", 1), ("transferred", 1), ("voided", 1),
)  # fmt: skip
_BEFORE_ASSIGNMENT: Final = frozenset({"draft", "submitted", "registered", "declined"})
_CHAIN: Final = [step.role.value for step in POLICY_DEFAULT.approval_chain]
_JSON: Final = frozenset(
    column.name
    for column in Item.__table__.columns  # type: ignore[attr-defined]
    if isinstance(column.type, JSONB)
)
_ITEM_ROW: Final = itemgetter(*WRITTEN)
_NARROW: Final = ", ".join(NARROW)
UNCHECKED: Final = "SET session_replication_role = replica; SET synchronous_commit = off"
_MAKE_VERSIONS: Final = "CREATE UNLOGGED TABLE seeded_version (LIKE item_version)"
_PAST: Final = (
    # As writes would have left them: one after another in time, the versions of an item far from each other.
    "INSERT INTO item_version SELECT * FROM seeded_version ORDER BY valid_from",
    "DROP TABLE seeded_version",
    f"""INSERT INTO item_version SELECT id, version, updated_at, 'infinity', {_NARROW} FROM item
    WHERE NOT EXISTS (SELECT FROM item_version v WHERE v.item_id = item.id)""",  # noqa: S608 - column names
    "INSERT INTO item_text SELECT id, 1, title FROM item",
    # A unit leads from the version on that names it, in whatever version that is.
    """INSERT INTO item_unit_span
    SELECT u.unit_id, u.item_id, u.part, CASE WHEN u.part = 'lead' THEN led.since ELSE i.created_at END, 'infinity'
    FROM item_unit u JOIN item i ON i.id = u.item_id
    JOIN (SELECT item_id, min(valid_from) FILTER (WHERE lead_unit_id IS NOT NULL) AS since FROM item_version GROUP BY 1) led
      ON led.item_id = u.item_id""",
    """INSERT INTO item_person_span SELECT p.person_id, p.item_id, i.created_at, 'infinity'
    FROM item_person p JOIN item i ON i.id = p.item_id""",
    # Each into another item: were it the same, PostgreSQL would expect the origins of any item to be all there are.
    """INSERT INTO item_origin (item_id, id, from_item_id, source_type, document, document_no, quote, source_unit_id, created_at)
    SELECT t.id, gen_random_uuid(), i.id, i.source_type, i.source_document, i.source_document_no, i.source_quote,
      i.source_unit_id, i.updated_at
    FROM (SELECT *, row_number() OVER (ORDER BY id) AS place FROM item WHERE state = 'merged') i
    JOIN (SELECT id, row_number() OVER (ORDER BY id) AS place FROM item WHERE state <> 'merged') t USING (place)""",
)
"""What is kept of the past: all of it for items of one version; who was concerned, for those of many."""


@dataclass(frozen=True, slots=True)
class World:
    """What a load generator has to know of the data it asks for."""

    organisation: Organisation
    ledgers: list[UUID]
    count: int
    assigned: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What every process that fills has to know; `first` is the log's position of the first item's event."""

    seed: int
    count: int
    assigned: int
    lived: bool
    day: date
    first: int
    changes: int = 1

    @property
    def chunks(self) -> list[range]:
        every = self.count + self.assigned
        return [range(start + 1, min(start + CHUNK, every) + 1) for start in range(0, every, CHUNK)]

    def world(self) -> World:
        organisation = build(Random(self.seed), datetime.combine(self.day, datetime.min.time(), UTC))
        return World(organisation, _ledger_ids(), self.count, self.assigned)


@dataclass(slots=True)
class _Batch:
    """Rows of one COPY round, as tuples in the order of their columns."""

    item: list[tuple[Any, ...]] = field(default_factory=list)
    event: list[tuple[Any, ...]] = field(default_factory=list)
    event_disclosure: list[tuple[Any, ...]] = field(default_factory=list)
    log_position: list[tuple[Any, ...]] = field(default_factory=list)
    item_unit: list[tuple[Any, ...]] = field(default_factory=list)
    item_person: list[tuple[Any, ...]] = field(default_factory=list)
    item_mover: list[tuple[Any, ...]] = field(default_factory=list)
    search: list[tuple[UUID, str, str]] = field(default_factory=list)
    past: dict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))


_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "event": ("id", "subject_kind", "subject_id", "seq", "type", "at", "actor_id", "body", "hash"),
    "event_disclosure": ("event_id", "field", "salt", "value"),
    "log_position": ("position", "event_id"),
    "item": WRITTEN,
    "item_unit": ("unit_id", "item_id", "part"),
    "item_person": ("person_id", "item_id"),
    "item_mover": ("item_id", "role", "unit_id"),
}


async def fill(
    connection: asyncpg.Connection[Any],
    count: int,
    *,
    seed: int = 7,
    assigned: int = 0,
    lived: bool = False,
    changes: int = 1,
) -> World:
    """`count` items in all states, then `assigned` more that wait to be acknowledged: the ones transitions are taken on.

    With `lived` the first have a past of many versions instead of one, in states they have come to; with several `changes`
    all have as many versions.
    `connection` is a superuser's: foreign keys are not checked while copying, the smoke test checks them afterwards.
    """
    plan = await begin(connection, count, seed=seed, assigned=assigned, lived=lived, changes=changes)
    await copy_share(connection, plan, plan.chunks)
    await finish(connection, plan)
    await connection.execute("VACUUM ANALYZE")
    return plan.world()


async def begin(
    connection: asyncpg.Connection[Any], count: int, *, seed: int, assigned: int, lived: bool, changes: int = 1
) -> Plan:
    """Everything but the items, so that any number of processes can go on with these."""
    day = clock.today()
    now = datetime.combine(day, datetime.min.time(), UTC)
    await connection.execute(UNCHECKED)
    await connection.set_type_codec("jsonb", encoder=_json, decoder=json.loads, schema="pg_catalog")
    async with connection.transaction():
        await seed_dictionaries(Tx(connection, "bench", at=now), SYSTEM, now)
    # COPY is binary, which only the driver's own codec speaks.
    await connection.reset_type_codec("jsonb", schema="pg_catalog")
    organisation = build(Random(seed), now)
    async with connection.transaction():
        for table, rows in organisation.rows.items():
            await _copy_rows(connection, table, rows)
        await _ledgers(connection, organisation, now)
    await connection.execute(_MAKE_VERSIONS)
    first = await connection.fetchval("SELECT next FROM log_state")
    return Plan(seed, count, assigned, lived, day, first, changes)


async def copy_share(connection: asyncpg.Connection[Any], plan: Plan, chunks: Iterable[range]) -> None:
    """The items of some chunks; each has its own source of chance, so that it is the same whoever makes it."""
    await connection.execute(UNCHECKED)
    now = datetime.combine(plan.day, datetime.min.time(), UTC)
    organisation, ledgers = build(Random(plan.seed), now), _ledger_ids()
    for numbers in chunks:
        random = Random(f"{plan.seed}/{numbers.start}")
        maker = _Maker(random, organisation, ledgers, plan.day, now, plan)
        batch = maker.batch(numbers)
        async with connection.transaction():
            await _copy(connection, batch)


async def finish(connection: asyncpg.Connection[Any], plan: Plan) -> None:
    """What follows from the items, by statements over all of them."""
    for sql in _PAST:
        await connection.execute(sql)
    events = (plan.count + plan.assigned) * plan.changes
    await connection.execute("UPDATE log_state SET next = $1", plan.first + events)
    await connection.execute("SET session_replication_role = origin")


async def _copy_rows(connection: asyncpg.Connection[Any], table: str, rows: Sequence[Row]) -> None:
    columns = tuple(rows[0])
    await connection.copy_records_to_table(table, records=[tuple(row.values()) for row in rows], columns=columns)


def _ledger_ids() -> list[UUID]:
    return [made_id(6, number + 1) for number in range(LEDGERS)]


async def _ledgers(connection: asyncpg.Connection[Any], organisation: Organisation, now: datetime) -> None:
    """All are run by the root's office; one per campaign."""
    ids = _ledger_ids()
    rows = [
        {"id": key, "code": f"L{number}", "name": f"{2021 + number}年巡察整改台账", "unit_id": organisation.root,
         "status": "open", "created_at": now, "updated_at": now}
        for number, key in enumerate(ids)
    ]  # fmt: skip
    await _copy_rows(connection, "ledger", rows)
    rules = POLICY_DEFAULT.model_dump_json()
    await connection.executemany(
        "INSERT INTO ledger_policy (ledger_id, policy_version, rules, created_at) VALUES ($1, 1, $2::text::jsonb, $3)",
        [(key, rules, now) for key in ids],
    )


async def _copy(connection: asyncpg.Connection[Any], batch: _Batch) -> None:
    for table, columns in _COLUMNS.items():
        await connection.copy_records_to_table(table, records=getattr(batch, table), columns=columns)
    for table, rows in batch.past.items():
        if rows:
            await _copy_rows(connection, table, rows)
    ids, tokens, folded = zip(*batch.search, strict=True)
    await connection.execute(
        "INSERT INTO item_search (item_id, tokens, folded) SELECT id, array_to_tsvector(string_to_array(tokens, ' ')), f"
        " FROM unnest($1::uuid[], $2::text[], $3::text[]) AS n(id, tokens, f)",
        ids, tokens, folded,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Maker:
    random: Random
    organisation: Organisation
    ledgers: list[UUID]
    today: date
    now: datetime
    plan: Plan
    calendar: Calendar = field(default_factory=lambda: Calendar.of(()))
    units: list[UUID] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "units", self.organisation.units[1:])

    def batch(self, numbers: range) -> _Batch:
        batch = _Batch()
        for number in numbers:
            self._add(batch, number)
        return batch

    def _add(self, batch: _Batch, number: int) -> None:
        row = blank(self.now) | self._columns(number)
        if self.plan.lived and number <= self.plan.count:
            row |= self._lived(row, number, batch)
        derived, movers = derive(row | {"ledger_unit_id": self.organisation.root}, self.calendar)
        # A life has simpler turns of its own, which its last version must share with the item.
        row |= {name: value for name, value in derived.items() if row["version"] == 1 or not name.endswith("_from")}
        self._record(row, number, batch)
        batch.item.append(_ITEM_ROW(row | {name: _json(row[name]) for name in _JSON if row[name] is not None}))
        batch.item_unit += [(unit, row["id"], part) for unit, part in item_units(row)]
        named = {row["finder_person_id"], row["responsible_person_id"], *row["accountable_leader_ids"]} - {None}
        batch.item_person += [(person, row["id"]) for person in named]
        batch.item_mover += [(row["id"], role.value, unit) for role, unit in dict.fromkeys(movers)]
        texts = [_searched(text) for text in (row["number"], row["title"], row["description"]) if text]
        tokens = sorted({token for found, _ in texts for token in found})
        batch.search.append((row["id"], " ".join(tokens), " ".join(folded for _, folded in texts)))

    def _record(self, row: Row, number: int, batch: _Batch) -> None:
        """The item's events, and with several of them as many versions, which differ in nothing else."""
        changes = self.plan.changes
        if changes > 1:
            row |= {"version": changes, "created_at": row["updated_at"] - recorded.APART * (changes - 1)}
        for place, event in enumerate(recorded.events(self.random, row, changes)):
            position = self.plan.first + (number - 1) * changes + place
            batch.event.append(event.row)
            batch.event_disclosure += event.disclosures
            batch.log_position.append((position, event.row[0]))
            row["head_hash"] = event.hash
            if changes > 1:
                at, last = row["created_at"] + recorded.APART * place, place == changes - 1
                key = {"item_id": row["id"], "version": place + 1, "valid_from": at,
                       "valid_to": FOREVER if last else at + recorded.APART}  # fmt: skip
                batch.past["seeded_version"].append(key | {name: row[name] for name in NARROW})

    def _lived(self, row: Row, number: int, batch: _Batch) -> Row:
        """What the item has come to; its versions and what happened on the way go into the batch."""
        bureau = self.random.choice(self.organisation.bureaus)
        # Midnight UTC of a Beijing day may lie ahead, and lives only come up to the present.
        present = self.now - timedelta(days=1)
        # Ids are given in the order of births, as those of real items are.
        born = present - timedelta(days=1) - YEARS * (1 - (number - self.random.random()) / self.plan.count)
        start = row | {"created_at": born, "accountable_leader_ids": [self.organisation.people[bureau][2]]}
        life = tell(self.random, start, self.organisation.people[bureau], present)
        ends = [at for at, _ in life.versions[1:]] + [FOREVER]
        for version, ((at, columns), end) in enumerate(zip(life.versions, ends, strict=True), start=1):
            key = {"item_id": row["id"], "version": version, "valid_from": at, "valid_to": end}
            batch.past["seeded_version"].append({**key, **columns})
        for table in CHILDREN:
            batch.past[table] += getattr(life, table)
        last = life.last
        registered = last["registered_at"]
        return last | {
            "version": len(life.versions), "created_at": born, "updated_at": life.versions[-1][0],
            "registered_sort": registered or FAR_INSTANT, "assigned_on": None,
            "number": f"ZG-{registered.year}-{number:07d}" if registered else None,
            "deadline": _deadline(last["due_on"]) if last["lead_unit_id"] else None,
            "chain": _CHAIN if last["state"] in {"verifying", "closing", "closed"} else [],
        }  # fmt: skip

    def _columns(self, number: int) -> dict[str, Any]:
        random = self.random
        state = random.choices(*zip(*_STATES, strict=True))[0] if number <= self.plan.count else "assigned"
        busy = random.random() < BUSIEST
        unit = self.organisation.sections[0] if busy else random.choice(self.units)
        finder = random.choice(self.organisation.bureaus)
        changed = self.now - timedelta(minutes=random.randrange(3 * 365 * 1440), microseconds=random.randrange(10**6))
        confidentiality = random.choices(("public", "internal", "restricted"), (20, 72, 8))[0]
        major = random.random() < MAJOR
        columns: dict[str, Any] = {
            "id": made_id(7, number), "ledger_id": random.choice(self.ledgers), "state": state,
            "number": f"ZG-{changed.year}-{number:07d}" if State(state) in NUMBERED else None,
            "title": words.title(random), "description": words.description(random),
            "source_type": random.choice(tuple(SOURCE_TYPES)), "source_schema_version": 1,
            "source_document": "关于巡察情况的反馈意见", "source_document_no": f"巡〔{changed.year}〕{number % 97}号",
            "finder_person_id": random.choice(self.organisation.people[finder]), "finder_unit_id": finder,
            "category": random.choice(("finance_assets", "formalism", "safety_hazard", "service_quality")),
            "severity": random.choices((None, "general", "major", "grave"), (5, 70, 20, 5))[0],
            "confidentiality": confidentiality, "found_on": changed.date() - timedelta(days=20),
            "responsible_unit_id": unit, "created_at": changed, "updated_at": changed,
            "major_kind": "large_fund" if major else None, "major_basis": "大额度资金运作管理办法" if major else None,
            "registered_at": changed if State(state) in NUMBERED else None,
            "registered_sort": changed if State(state) in NUMBERED else FAR_INSTANT,
            "cycle_started_at": changed,
        }  # fmt: skip
        return columns if state in _BEFORE_ASSIGNMENT else columns | self._assigned(state, unit, changed)

    def _assigned(self, state: str, unit: UUID, changed: datetime) -> dict[str, Any]:
        random = self.random
        bureau = random.choice(self.organisation.bureaus)
        due = None if random.random() < ENDLESS else self.today + timedelta(days=random.randrange(-200, 200))
        closing = state in {"verifying", "closing", "public_notice", "closed"}
        return {
            "lead_unit_id": unit, "mode": random.choice(("immediate", "time_limited", "phased", "sustained")),
            "cooperating_unit_ids": random.sample(self.units, random.randrange(3)), "due_on": due,
            "accountable_leader_ids": [self.organisation.people[bureau][2]],
            "responsible_person_id": random.choice(self.organisation.people[unit]),
            "assigned_at": changed, "assigned_on": changed.date(), "policy_version": 1 if closing else None,
            "deadline": _deadline(due), "goal": words.goal(random), "measures_total": 4, "measures_done": random.randrange(5),
            "criteria_total": 2, "progress_percent": 100 if closing else random.randrange(100),
            "submission_no": 1 if closing else 0, "chain": _CHAIN if closing else [],
            "completed_at": changed if closing else None, "closed_at": changed if state == "closed" else None,
        }  # fmt: skip


@lru_cache(maxsize=10_000)
def _searched(text: str) -> tuple[list[str], str]:
    """A blank separates tokens as well as texts, so those of a whole are those of its parts; few texts are many items'."""
    return search_tokens(text), fold(text)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _deadline(due: date | None) -> dict[str, Any]:
    text = None if due is None else due.isoformat()
    return {
        "text": "长期坚持" if due is None else f"{due.month}月{due.day}日前完成", "kind": "long_term" if due is None else "date",
        "date": text, "days": None, "from": "notice", "day_type": "working", "continuing": False, "milestones": [],
        "review_on": None, "original_date": text, "extensions": 0,
    }  # fmt: skip
