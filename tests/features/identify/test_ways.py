"""However a page comes to its rows, they are those of a naive list: random organisations, callers, filters and orders."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import product
from random import Random
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI

from app.access.actor import SYSTEM, Actor
from app.access.authenticate import ACTOR_CTE, Credential, authenticate
from app.access.permissions import Role
from app.access.reach import WALKER, may_pass, reach_of
from app.access.scope import Shape
from app.core import clock
from app.core.db import Tx
from app.core.ids import uuid7
from app.core.text import fold
from app.core.workdays import Calendar
from app.features.identify.listing import BESIDE, GATHERED, Query, Way, arguments, borders, first_sql, page_sql
from app.lifecycle.create import Draft, insert_items
from app.lifecycle.derived import item_units
from app.lifecycle.filter_query import ItemFilters, chosen
from app.lifecycle.side_tables import sync_persons
from app.lifecycle.states import NUMBERED, State
from app.tables.item import FAR_INSTANT
from app.tables.rectify import Measure
from tests.features.identify.ledger_book import Book, ids
from tests.support.caller import caller_of, walker
from tests.support.organisation import THEN, Organisation, Someone
from tests.support.service import client_of

TREE_ROLES = [role.value for role in Role if role not in {Role.SYSTEM_ADMIN, Role.SECURITY_ADMIN, Role.INTEGRATION}]
WORDS = ("合同", "台账", "泵站", "印章登记", "供应商", "记录 不全")
SORTS = [f"{sign}{name}" for name in ("due_on", "updated_at", "registered_at", "number") for sign in ("", "-")]
ITEMS, QUESTIONS = 160, 90


@dataclass
class Ground:
    """A tree of units, people with any roles over it, and items that concern any of both."""

    app: FastAPI
    random: Random
    above: dict[UUID, list[UUID]]
    people: list[Someone]
    ledgers: dict[UUID, UUID]
    rows: list[dict[str, Any]]

    async def actor(self, who: Someone) -> Actor:
        scope = {"app": self.app, "rectify.language": "zh-CN"}
        headers = {name.lower(): value for name, value in who.headers.items()}
        return await authenticate(self.app.state.db, SimpleNamespace(headers=headers, scope=scope))

    async def sees_by(self, who: Someone, shape: Shape) -> None:
        """What the service remembers of how far the caller sees: how much it is, is counted once in a while."""
        credential = Credential(who.account_id, 1, None, clock.today())
        caller = await self.app.state.memory.caller(self.app.state.db, credential, "zh-CN")
        reach = await reach_of(self.app.state.db, caller)
        assert reach is not None
        caller.kept[credential] = replace(reach, shape=shape)

    def sees(self, actor: Actor, row: dict[str, Any]) -> bool:
        """The sentences of the permission model, row by row."""
        own = (
            row["finder_person_id"] in actor.persons() - actor.principal_ids
            or row["finder_unit_id"] in actor.finder_units
        )
        if own or row["state"] == "draft" or actor.whole_tree:
            return own or row["state"] != "draft"
        reads = any(set(self.above[unit]) & set(actor.reading_units) for unit, _ in item_units(row))
        runs = bool(set(self.above[self.ledgers[row["ledger_id"]]]) & set(actor.office_units))
        return reads or runs or bool(row["persons"] & actor.persons())

    def expected(self, actor: Actor, asked: dict[str, str]) -> list[str]:
        name, descending = asked["sort"].removeprefix("-"), asked["sort"].startswith("-")
        column = "number_sort" if name == "number" else name
        found = [row for row in self.rows if self.sees(actor, row) and self.kept(row, asked)]
        having = [row for row in found if row[column] not in {None, "~"}]
        without = [row for row in found if row[column] in {None, "~"}]
        having.sort(key=lambda row: (row[column], row["id"]), reverse=descending)
        without.sort(key=lambda row: row["id"], reverse=descending)
        return [str(row["id"]) for row in having + without]

    @staticmethod
    def kept(row: dict[str, Any], asked: dict[str, str]) -> bool:
        text = fold(" ".join(filter(None, (row["number"], row["title"]))))
        return (
            ("state" not in asked or row["state"] in asked["state"].split(","))
            and ("severity" not in asked or row["severity"] == asked["severity"])
            and ("ledger_id" not in asked or str(row["ledger_id"]) == asked["ledger_id"])
            and ("person_id" not in asked or UUID(asked["person_id"]) in row["persons"])
            and ("lead_unit_id" not in asked or str(row["lead_unit_id"]) == asked["lead_unit_id"])
            and ("unit_id" not in asked or UUID(asked["unit_id"]) in {unit for unit, _ in item_units(row)})
            and ("number" not in asked or row["number"] in asked["number"].split(","))
            and (
                "external_ref" not in asked or f"{row['external_system']}:{row['external_id']}" == asked["external_ref"]
            )
            and ("q" not in asked or fold(asked["q"]) in text)
        )

    def question(self) -> dict[str, str]:
        random = self.random
        asked = {"sort": random.choice(SORTS)}
        if random.random() < 0.6:
            # One of them twice, because a state named twice must not be listed twice.
            asked["state"] = ",".join(random.choices([state.value for state in State], k=random.randrange(1, 7)))
        if random.random() < 0.3:
            asked["q"] = random.choice(WORDS)
        if random.random() < 0.2:
            asked["severity"] = random.choice(("general", "major"))
        if random.random() < 0.2:
            asked["ledger_id"] = str(random.choice(list(self.ledgers)))
        narrow = random.choice(["", "", "person_id", "lead_unit_id", "unit_id", "number", "external_ref"])
        row = random.choice([row for row in self.rows if row["number"] and row["lead_unit_id"] and row["liaison_id"]])
        values = {
            "person_id": row["liaison_id"], "lead_unit_id": row["lead_unit_id"], "unit_id": row["lead_unit_id"],
            "number": f"{row['number']},{self.rows[0]['number']}",
            "external_ref": f"{row['external_system']}:{row['external_id']}",
        }  # fmt: skip
        return asked | ({narrow: str(values[narrow])} if narrow else {})


async def plant(app: FastAPI, seed: int) -> Ground:
    random, org = Random(seed), Organisation.of(app)
    units: list[UUID] = []
    for number in range(24):
        # Every other ground has a second root, which nobody then reads together with the first by one grant.
        root = number == 0 or (number == 1 and seed % 2)
        units.append(await org.unit(None if root else random.choice(units)))
    above = {row["id"]: row["ancestors"] for row in await org.db.fetch("SELECT id, ancestors FROM unit")}
    people = [
        await org.person(*{(random.choice(TREE_ROLES), random.choice(units)) for _ in range(random.randrange(4))})
        for _ in range(10)
    ]
    people.append(await org.person(("viewer", units[0])))
    for _ in range(4):
        principal, delegate = random.sample(people, 2)
        await org.delegation(principal.id, delegate.id, "unit_head", "leader", "liaison")
    ledgers = {await org.ledger(unit): unit for unit in random.sample(units, 3)}
    rows = await org.db.write(lambda tx: items(tx, random, units, people, list(ledgers)))
    return Ground(app, random, above, people, ledgers, rows)


async def items(
    tx: Tx, random: Random, units: list[UUID], people: list[Someone], ledgers: list[UUID]
) -> list[dict[str, Any]]:
    tx.at = THEN
    drafts = [
        Draft(uuid7(), columns(random, units, people, ledgers, number), "item.imported", {}) for number in range(ITEMS)
    ]
    rows = await insert_items(tx, SYSTEM, drafts, Calendar.of(()))
    measures = [
        {"item_id": row["id"], "id": uuid7(), "cycle": random.choice((1, 2)), "position": 1, "content": "补齐", "weight": 1,
         "status": "not_started", "percent": 0, "person_id": random.choice(people).id, "changed_seq": 1,
         "created_at": THEN, "updated_at": THEN}
        for row in random.sample(rows, ITEMS // 4)
    ]  # fmt: skip
    await tx.insert(Measure, measures)
    await sync_persons(tx, [row["id"] for row in rows])
    named = {row["id"]: {row["finder_person_id"], row["responsible_person_id"], row["liaison_id"]} for row in rows}
    for measure in measures:
        if measure["cycle"] == 1:
            named[measure["item_id"]].add(measure["person_id"])
    return [row | {"persons": named[row["id"]] | set(row["accountable_leader_ids"])} for row in rows]


def columns(
    random: Random, units: list[UUID], people: list[Someone], ledgers: list[UUID], number: int
) -> dict[str, Any]:
    state = random.choice(list(State)).value
    numbered = State(state) in NUMBERED
    person = [None, *(one.id for one in people)]
    # Few different days and instants, so that many rows share their place in the order.
    moment = THEN + timedelta(days=random.randrange(5))
    registered = moment if numbered and random.random() < 0.9 else None
    return {
        "ledger_id": random.choice(ledgers), "state": state, "number": f"ZG-2026-{number:04d}" if numbered else None,
        "title": f"{random.choice(WORDS)}{random.choice(WORDS)}问题", "source_type": "audit", "source_schema_version": 1,
        "finder_unit_id": random.choice(units), "finder_person_id": random.choice(person), "confidentiality": "internal",
        "lead_unit_id": random.choice([None, *units]), "responsible_unit_id": random.choice([None, *units]),
        "source_unit_id": random.choice([None, None, *units]), "cooperating_unit_ids": random.sample(units, random.randrange(3)),
        "responsible_person_id": random.choice(person), "liaison_id": random.choice([None, None, *person]),
        "accountable_leader_ids": [one.id for one in random.sample(people, random.randrange(2))],
        "severity": random.choice(("general", "major")), "registered_at": registered,
        "external_system": random.choice(("oa", "oa:x")), "external_id": f"x:{number}",
        "registered_sort": registered or FAR_INSTANT, "updated_at": moment,
        "due_on": random.choice([None, *(date(2026, 5, day) for day in range(1, 6))]), "chain": ["leader"],
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
async def test_every_way_to_a_list_gives_the_items_of_a_naive_list_in_its_order(fresh_app: FastAPI, seed: int) -> None:
    ground = await plant(fresh_app, seed)
    listed = 0
    for _ in range(QUESTIONS):
        who, asked, limit = ground.random.choice(ground.people), ground.question(), ground.random.choice((3, 7, 50))
        actor = await ground.actor(who)
        expected = ground.expected(actor, asked)
        listed += len(expected)
        for shape in (Shape.WHOLE,) if actor.whole_tree else (Shape.FEW, Shape.WALK):
            await ground.sees_by(who, shape)
            async with client_of(ground.app, headers=who.headers) as client:
                assert await ids(client, limit, **asked) == expected, (seed, shape, asked, limit)
                answer = await client.get("/v1/items", params={**asked, "limit": 1, "include": "total"})
                assert answer.json()["total"] == len(expected), (seed, shape, asked)
    assert listed > QUESTIONS


@pytest.mark.parametrize("seed", range(2))
async def test_words_asked_first_and_words_tested_on_the_way_find_the_same_items(fresh_app: FastAPI, seed: int) -> None:
    ground = await plant(fresh_app, seed)
    for _ in range(QUESTIONS // 2):
        who = ground.random.choice(ground.people)
        asked = ground.question() | {
            "q": ground.random.choice(WORDS),
            "sort": ground.random.choice(SORTS).removeprefix("-"),
        }
        actor = await ground.actor(who)
        named = chosen(ItemFilters.model_validate({name: value for name, value in asked.items() if name != "sort"}))
        filters, values = zip(*named, strict=True)
        wanted = Query(filters, values, asked["sort"], descending=False, limit=ITEMS, after=None, total=True)
        shapes = (Shape.WHOLE,) if actor.whole_tree else (Shape.FEW, Shape.WALK)
        for shape, first in product(shapes, ("", "q", BESIDE) if actor.whole_tree else ("", "q", BESIDE, GATHERED)):
            sql = page_sql(wanted.way(shape, first), wanted.filters, wanted.sort, "asc", total=True)
            row = await fresh_app.state.db.fetchrow(
                sql, *await walker(fresh_app, who.account_id), *arguments(wanted, ITEMS)
            )
            found = [item["id"] for item in json.loads(row["body"])]
            assert found == ground.expected(actor, asked), (seed, shape, first, asked)
            assert row["total"] == len(found)


async def test_how_often_words_are_said_is_judged_by_texts_and_not_by_finding_them_all(book: Book) -> None:
    everywhere, somewhere, nowhere = "%", "%泵站%", "%没有人说%"
    sql = first_sql(("q",))
    known = await caller_of(book.app, book.caller("whole tree").account_id)
    seldom, often = borders(1)
    for words, up_to, first in (
        (everywhere, (seldom, often), ""), (somewhere, (seldom, often), BESIDE), (nowhere, (seldom, often), "q"),
        (somewhere, (20.0, 20.0), "q"), (somewhere, (0.0, 0.0), ""), (nowhere, (0.0, 0.0), "q"),
    ):  # fmt: skip
        assert await book.app.state.db.fetchval(sql, *known.args, words, *up_to) == first, (words, up_to)
    found = await book.app.state.db.fetchval(f"EXPLAIN (FORMAT JSON) {sql}", *known.args, everywhere, 1.0, 1.0)
    plan = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
    assert [node["Node Type"] for node in nodes(plan) if node.get("Relation Name") == "item_search"] == ["Sample Scan"]


def test_the_less_a_caller_sees_the_more_often_words_may_be_said_to_be_asked_first() -> None:
    shares = [1, 0.3, 0.1, 0.05, 0.01, 0.003]
    first = [borders(share)[0] for share in shares]
    assert first == sorted(first)
    assert first[0] == 1.5
    assert first[-1] == 20
    assert all(seldom < beside for seldom, beside in map(borders, shares[:-2]))


def test_whoever_sees_little_reads_no_item_of_others_for_words() -> None:
    wanted = Query(("q", "q_exact"), ("x", "%x%"), "due_on", descending=False, limit=50, after=None, total=False)
    assert [wanted.way(Shape.WALK, "q", share).first for share in (0.05, 0.5)] == [GATHERED, "q"]
    assert wanted.way(Shape.WALK, BESIDE, 0.05).first == BESIDE


async def test_about_how_much_a_caller_sees_is_judged_by_the_units_of_items(book: Book) -> None:
    for caller in ("whole tree", "30 units", "one unit"):
        reach = await reach_of(book.app.state.db, await caller_of(book.app, book.caller(caller).account_id))
        assert reach is not None
        seen = len([row for row in book.rows if book.sees(caller, row)]) / len(book.rows)
        assert seen / 2 < reach.share < 2 * seen, (caller, seen)


async def test_who_no_longer_reads_the_whole_tree_is_not_shown_it_once_more(fresh_app: FastAPI) -> None:
    ground = await plant(fresh_app, 0)
    who = ground.people[-1]
    assert (await ground.actor(who)).whole_tree
    async with client_of(fresh_app, headers=who.headers) as client:
        before = await ids(client)
        assert len(before) > ITEMS // 2
        await fresh_app.state.db.fetch("DELETE FROM role_grant WHERE person_id = $1", who.id)
        expected = ground.expected(await ground.actor(who), {"sort": "-updated_at"})
        assert await ids(client) == expected
        assert len(expected) < len(before)


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)


WALKED = {
    ("due_on", 0): "ix_item_due", ("updated_at", 0): "ix_item_updated", ("registered_at", 0): "ix_item_registered",
    ("number", 0): "ix_item_number", ("due_on", 2): "ix_item_state_due", ("updated_at", 2): "ix_item_state_updated",
}  # fmt: skip


@pytest.mark.parametrize(
    ("walk", "shape", "keyset"), list(product(WALKED, [Shape.WHOLE, Shape.WALK], ["asc", "desc", "asc+"]))
)
async def test_a_page_walks_the_index_of_its_order_and_reads_no_row_to_pass_over_it(
    book: Book, walk: tuple[str, int], shape: Shape, keyset: str
) -> None:
    sort, states = walk
    filters = ("state",) if states else ()
    sql = page_sql(Way(shape, states), filters, sort, keyset, total=False)
    after = {"due_on": date(2026, 1, 1), "number": "ZG"}.get(sort, datetime(2026, 1, 1, tzinfo=clock.BEIJING))
    given = [["closed", "planning"]] * bool(states) + [after, UUID(int=0)] * keyset.endswith("+")
    walking = await walker(book.app, book.caller("one unit").account_id)
    found = await book.app.state.db.fetchval(f"EXPLAIN (FORMAT JSON) {sql}", *walking, 50, *given)
    plan = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
    page = next(node for node in nodes(plan) if node.get("Subplan Name") == "CTE page")
    along = [node for node in nodes(page) if node.get("Index Name") == WALKED[walk]]
    assert len(along) == max(states, 1)
    assert {node["Node Type"] for node in along} == {"Index Only Scan"}
    assert not [node for node in nodes(page) if node["Node Type"] in {"Sort", "Incremental Sort"}]


@pytest.mark.parametrize("shape", [Shape.WHOLE, Shape.WALK])
async def test_words_found_first_are_looked_for_along_the_index_of_the_order(book: Book, shape: Shape) -> None:
    sql = page_sql(Way(shape, first=BESIDE), ("q", "q_exact"), "updated_at", "desc", total=False)
    walking = await walker(book.app, book.caller("one unit").account_id)
    found = await book.app.state.db.fetchval(f"EXPLAIN (FORMAT JSON) {sql}", *walking, 50, "'x'", "%泵站%")
    plan = (json.loads(found) if isinstance(found, str) else found)[0]["Plan"]
    page = next(node for node in nodes(plan) if node.get("Subplan Name") == "CTE page")
    [along] = [node for node in nodes(page) if node.get("Index Name") == "ix_item_updated"]
    assert along["Node Type"] == "Index Only Scan"
    assert "hashed SubPlan" in along["Filter"]
    assert not [node for node in nodes(page) if node["Node Type"] in {"Sort", "Incremental Sort"}]


@pytest.mark.parametrize(("caller", "strangers"), [("one unit", 0.05), ("30 units", 0.6)])
async def test_the_bits_rule_out_most_of_what_a_caller_does_not_see(book: Book, caller: str, strangers: float) -> None:
    sql = f"{ACTOR_CTE}, {WALKER} SELECT w.id FROM item w WHERE {may_pass('w')}"
    found = await book.app.state.db.fetch(sql, book.caller(caller).account_id, 1, None, clock.today())
    passed = {row["id"] for row in found}
    seen = {row["id"] for row in book.rows if book.sees(caller, row)}
    assert seen <= passed
    assert len(passed - seen) < strangers * (len(book.rows) - len(seen))
