"""Two people at once, and commits that fail: the last word is the database's."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import httpx2

from app.demo.client import Json
from tests.journeys.stage import made, problem
from tests.make.world import World, world_of
from tests.support.database import Clone, execute
from tests.support.service import Serve

HOLD = "SELECT FROM item WHERE id = $1 FOR UPDATE"
WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock' AND application_name = 'rectify'
"""


@asynccontextmanager
async def holding(url: str, item: Json) -> AsyncIterator[asyncpg.Connection[Any]]:
    """A second session that holds the item's lock until its own transaction ends."""
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.execute(HOLD, item["id"])
            yield connection
    finally:
        await connection.close()


async def until_waiting(url: str, how_many: int = 1) -> None:
    connection = await asyncpg.connect(url)
    try:
        for _ in range(500):
            if await connection.fetchval(WAITING) >= how_many:
                return
            await asyncio.sleep(0.01)
        raise AssertionError("nobody waits for the lock")
    finally:
        await connection.close()


async def state_of(world: World, item: Json) -> tuple[Any, ...]:
    """State, version, history and everything that a transition may add."""
    row = await world.db.fetchrow(
        "SELECT state, version, number, (SELECT count(*) FROM event WHERE subject_id = i.id) AS events,"
        " (SELECT max(seq) FROM event WHERE subject_id = i.id) AS last,"
        " (SELECT count(*) FROM submission WHERE item_id = i.id) AS submissions,"
        " (SELECT count(*) FROM plan_version WHERE item_id = i.id) AS plans,"
        " (SELECT count(*) FROM idempotency_record) AS replies, (SELECT sum(last) FROM number_counter) AS numbers"
        " FROM item i WHERE id = $1",
        item["id"],
    )
    return tuple(row or ())


def transition(action: str, **data: Any) -> Json:
    return {"action": action, "data": data}


async def test_a_criterion_removed_while_a_plan_waits_for_the_lock_is_missed_by_its_conditions(
    world: World, journeys_database: Clone
) -> None:
    item = await made(world, "planning")
    await world.carrier.write_plan(problem(world), item)
    head, before = await world.as_("unit_head"), (await world.read(item))["version"]
    asked = transition("submit_plan", root_cause="责任不清")
    async with holding(journeys_database.superuser_url, item) as other:
        waiting = asyncio.create_task(head.send("POST", f"/items/{item['id']}/transitions", asked))
        await until_waiting(journeys_database.superuser_url)
        await other.execute("DELETE FROM criterion WHERE item_id = $1", item["id"])
    answer = await waiting
    assert (answer.status_code, answer.json()["code"]) == (409, "guards_unmet")
    assert [fault["rule"] for fault in answer.json()["errors"]] == ["plan.no_criterion"]
    assert (await world.read(item))["version"] == before


async def test_evidence_taken_away_while_completion_is_being_reported_stops_the_report(
    world: World, journeys_database: Clone
) -> None:
    item, of = await made(world, "rectifying"), problem(world)
    await world.carrier.work(of, item)
    head = await world.as_("unit_head")
    asked = transition("report_completion", summary="全部到位", declared_true=True)
    async with holding(journeys_database.superuser_url, item) as other:
        waiting = asyncio.create_task(head.send("POST", f"/items/{item['id']}/transitions", asked))
        await until_waiting(journeys_database.superuser_url)
        await other.execute("DELETE FROM evidence WHERE item_id = $1 AND target_kind = 'criterion'", item["id"])
    answer = await waiting
    assert [fault["rule"] for fault in answer.json()["errors"]] == ["completion.criteria_without_evidence"]
    assert (await world.read(item))["state"] == "rectifying"


async def test_an_acknowledgement_waiting_behind_a_recall_finds_the_item_recalled(world: World) -> None:
    item = await made(world, "assigned")
    office, head = await world.as_("supervision_office"), await world.as_("unit_head")
    path = f"/items/{item['id']}/transitions"
    answers = await asyncio.gather(
        office.send("POST", path, transition("recall", reason="主体有误")),
        head.send("POST", path, transition("acknowledge")),
    )
    events = await world.events(item)
    assert answers[0].status_code == 201
    assert answers[1].status_code in {201, 403, 409}
    assert (await world.read(item))["state"] == "registered"
    assert ("item.acknowledged" in events) == (answers[1].status_code == 201)


async def test_of_two_transitions_on_one_version_exactly_one_wins(world: World) -> None:
    item = await made(world, "assigned")
    head, liaison = await world.as_("unit_head"), await world.as_("liaison")
    path, version = f"/items/{item['id']}/transitions", f'"v{item["version"]}"'
    answers = await asyncio.gather(
        *(one.send("POST", path, transition("acknowledge"), if_match=version) for one in (head, liaison, head, liaison))
    )
    told = sorted(answer.status_code for answer in answers)
    assert told == [201, 412, 412, 412]
    lost = next(answer for answer in answers if answer.status_code == 412)
    assert lost.json()["current_version"] == item["version"] + 1
    assert (await world.events(item)).count("item.acknowledged") == 1


async def test_the_same_key_sent_twice_at_once_moves_the_item_once(world: World) -> None:
    item = await made(world, "assigned")
    head = await world.as_("unit_head")
    path = f"/items/{item['id']}/transitions"
    answers = await asyncio.gather(*(head.send("POST", path, transition("acknowledge"), key="twice") for _ in range(4)))
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} <= {"in_flight"}
    assert (await world.events(item)).count("item.acknowledged") == 1


async def test_many_clerks_registering_at_once_get_distinct_gapless_numbers(world: World) -> None:
    ledger = await world.ledger()
    drafts = [await made(world, "submitted", ledger=ledger) for _ in range(8)]
    clerks = [await world.as_(name) for name in ("supervision_office", "supervision_office_2")]
    answers = await asyncio.gather(
        *(
            clerks[place % 2].send("POST", f"/items/{item['id']}/transitions", transition("register"))
            for place, item in enumerate(drafts)
        )
    )
    assert [answer.status_code for answer in answers] == [201] * 8
    numbers = sorted(int(answer.json()["item"]["number"].rpartition("-")[2].strip("号〕")) for answer in answers)
    assert numbers == list(range(1, 9))


async def test_a_refused_registration_burns_no_number(world: World) -> None:
    ledger = await world.ledger()
    office = await world.as_("supervision_office")
    bare, whole = [
        await made(world, "submitted", ledger=ledger, more={"category": c}) for c in (None, "decision_system")
    ]
    refused = await office.send("POST", f"/items/{bare['id']}/transitions", transition("register"))
    assert refused.json()["errors"][0]["rule"] == "register.category_missing"
    first = await office.act(whole["id"], "register")
    second = await office.act(bare["id"], "register", {"category": "decision_system"})
    assert [one["number"][-1] for one in (first, second)] == ["1", "2"]


# --- commits that fail -------------------------------------------------------------------------------------------

FAILING = """
CREATE FUNCTION never() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  RAISE EXCEPTION 'not today' USING ERRCODE = '{code}'; END $$;
CREATE CONSTRAINT TRIGGER never AFTER INSERT ON event DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW EXECUTE FUNCTION never();
"""
HEAL = "DROP TRIGGER never ON event; DROP FUNCTION never()"


async def attempts(world: World, item: Json, draft: Json) -> list[httpx2.Response]:
    """A transition, a child write, a registration and a draft: every way to write an item."""
    office, liaison = await world.as_("supervision_office"), await world.as_("liaison")
    head = await world.as_("unit_head")
    body = {"ledger_id": world.made.ledgers["general"], "title": "新问题", "source": {"type": "self_inspection"}}
    return [
        await head.send("POST", f"/items/{item['id']}/transitions", transition("acknowledge")),
        await head.send("POST", f"/items/{item['id']}/measures", {"content": "逐项核对"}),
        await office.send("PATCH", f"/items/{item['id']}", {"remarks": "抓紧"}),
        await office.send("POST", f"/items/{draft['id']}/transitions", transition("register")),
        await liaison.send("POST", "/items", body),
    ]


async def test_a_commit_that_fails_answers_as_a_failure_and_leaves_nothing(database: Clone, serve: Serve) -> None:
    async with serve(database.app_url) as app:
        world = await world_of(app)
        item, draft = await made(world, "assigned"), await made(world, "submitted")
        before = [await state_of(world, one) for one in (item, draft)]
        counted = await world.db.fetchval("SELECT count(*) FROM item")
        for code in ("foreign_key_violation", "unique_violation", "check_violation", "raise_exception", "disk_full"):
            await execute(database.superuser_url, FAILING.format(code=code))
            answers = await attempts(world, item, draft)
            assert [answer.status_code >= 500 for answer in answers] == [True] * 5, (code, [a.text for a in answers])
            assert all(answer.headers["content-type"].startswith("application/problem+json") for answer in answers)
            assert "not today" not in "".join(answer.text for answer in answers)
            await execute(database.superuser_url, HEAL)
            assert [await state_of(world, one) for one in (item, draft)] == before
            assert await world.db.fetchval("SELECT count(*) FROM item") == counted
        done = await attempts(world, item, draft)
        assert [answer.status_code for answer in done] == [201, 201, 200, 201, 201]
        assert done[3].json()["item"]["number"][-1] == "2"
        await world.made.close()


async def test_an_event_that_went_missing_before_the_commit_stops_it(database: Clone, serve: Serve) -> None:
    """The tripwire: whoever changes an item without its event is stopped by the database itself."""
    async with serve(database.app_url) as app:
        world = await world_of(app)
        item = await made(world, "assigned")
        before = await state_of(world, item)
        sql = (
            "CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;"
            "CREATE TRIGGER a_lose BEFORE INSERT ON event FOR EACH ROW EXECUTE FUNCTION lose()"
        )
        await execute(database.superuser_url, sql)
        head = await world.as_("unit_head")
        answer = await head.send("POST", f"/items/{item['id']}/transitions", transition("acknowledge"))
        assert answer.status_code >= 500
        assert await state_of(world, item) == before
        await world.made.close()
