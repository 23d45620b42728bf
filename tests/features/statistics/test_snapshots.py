"""What is frozen stays as it was, whatever happens to the items afterwards."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from datetime import timedelta
from hashlib import sha256
from random import Random
from typing import Any
from uuid import UUID, uuid4

import rfc8785
from fastapi import FastAPI

from app.core import clock
from app.demo.client import Caller, Json, RefusedError
from app.features.statistics.freezing import Span, freeze
from app.features.statistics.snapshot_schemas import SnapshotKind
from app.metrics.definitions import METRICS, Basis, definitions_hash
from tests.features.statistics.asking import START, Asking
from tests.journeys.test_every_action import DATA
from tests.make.world import World, world_of

COLUMNS = "SELECT column_name AS name FROM information_schema.columns WHERE table_name = 'snapshot'"
WAITS = (
    """SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')"""
)
FEBRUARY = {"kind": "month", "period_from": "2026-02-01"}


def _totals(snapshot: dict[str, Any]) -> dict[str, tuple[int | None, int | None, str | None]]:
    return {
        figure["metric"]: (figure["numerator"], figure["denominator"], figure["percent"])
        for figure in snapshot["content"]["totals"]
    }


async def _made(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_month_is_frozen_as_it_was_when_it_ended(told: Asking) -> None:
    root = str(told.world.organisation.root)
    await told.item(*START, "2026-02-10 closed")
    await told.item("2026-02-05 registered", "2026-02-06 assigned due=2026-02-20", lead=1)
    await told.item("2026-03-01 09:00 registered", lead=1)
    frozen = await _made(await told.post("/snapshots", {"unit_id": root, **FEBRUARY}))
    assert (frozen["period_from"], frozen["period_to"], frozen["revision"]) == ("2026-02-01", "2026-02-28", 1)
    assert frozen["as_of"] == frozen["known_at"] == "2026-02-28T16:00:00Z"
    totals = _totals(frozen)
    assert totals["due_base"] == (2, None, None)
    assert totals["closure_rate"] == (1, 2, "50.0")
    assert totals["overdue_open"] == (1, None, None)
    assert totals["closed_within"] == (1, None, None)
    assert totals["closure_rate_period"] == (1, 2, "50.0")
    assert set(totals) == {metric.code for metric in METRICS}
    by_unit = {group["key"]: group["figures"][0]["numerator"] for group in frozen["content"]["by_unit"]}
    assert by_unit == {str(told.plot.units[0]): 1, str(told.plot.units[1]): 1}


async def test_its_hashes_are_of_what_is_shown_and_stand_in_the_history(told: Asking) -> None:
    root = str(told.world.organisation.root)
    await told.item(*START)
    frozen = await _made(await told.post("/snapshots", {"unit_id": root, **FEBRUARY}))
    assert frozen["content_hash"] == sha256(rfc8785.dumps(frozen["content"])).hexdigest()
    assert frozen["definitions_hash"] == sha256(rfc8785.dumps(frozen["definitions"])).hexdigest()
    assert frozen["definitions_hash"] == definitions_hash(METRICS)
    rows = await told.plot.connection.fetch(
        "SELECT e.type, d.field, d.value FROM event e JOIN event_disclosure d ON d.event_id = e.id WHERE e.subject_id = $1",
        UUID(frozen["id"]),
    )
    told_of = {row["field"]: json.loads(row["value"]) for row in rows}
    assert {row["type"] for row in rows} == {"snapshot.frozen"}
    assert told_of["content_hash"] == frozen["content_hash"]
    assert told_of["definitions_hash"] == frozen["definitions_hash"]


async def test_later_entries_change_nothing_and_an_amendment_says_why(told: Asking) -> None:
    """E19, E43: a reopening and a closing on paper that are recorded in March."""
    root = str(told.world.organisation.root)
    await told.item(*START, "2026-02-10 closed", "2026-03-05 reopened due=2026-05-01")
    await told.item(*START, "2026-03-10 closed paper=2026-02-20")
    frozen = await _made(await told.post("/snapshots", {"unit_id": root, **FEBRUARY}))
    assert _totals(frozen)["closed"] == (1, None, None)
    assert _totals(frozen)["closed_within"] == (1, None, None)
    assert _totals(frozen)["rebound_rate"] == (0, 1, "0.0")
    answer = await told.post(f"/snapshots/{frozen['id']}/amendments", {"reason": "二月的线下销号补录"})
    amended = await _made(answer)
    assert (amended["revision"], amended["amends_id"], amended["reason"]) == (2, frozen["id"], "二月的线下销号补录")
    moments = [metric.code for metric in METRICS if metric.basis is Basis.INSTANT]
    assert [_totals(amended)[code] for code in moments] == [_totals(frozen)[code] for code in moments]
    assert _totals(frozen)["rectified_rate_reported"] == (2, 2, "100.0"), "by April it is one of two"
    assert _totals(amended)["closed_within"] == (2, None, None)
    assert _totals(amended)["rebound_rate"] == (1, 2, "50.0")
    kept = (await told.get(f"/snapshots/{frozen['id']}")).json()
    assert kept == frozen
    third = await _made(await told.post(f"/snapshots/{amended['id']}/amendments", {"reason": "再次核对"}))
    assert third["revision"] == 3
    listed = (await told.get("/snapshots", unit_id=root, kind="month")).json()["items"]
    assert [one["id"] for one in listed] == [frozen["id"], amended["id"], third["id"]]


async def test_of_two_amendments_at_once_the_second_is_told_so(told: Asking) -> None:
    root = str(told.world.organisation.root)
    frozen = await _made(await told.post("/snapshots", {"unit_id": root, **FEBRUARY}))
    other = told.plot.connection
    columns = [row["name"] for row in await other.fetch(COLUMNS)]
    chosen = ", ".join({"id": "gen_random_uuid()", "revision": "2"}.get(name, name) for name in columns)
    async with other.transaction():
        await other.execute(f"INSERT INTO snapshot ({', '.join(columns)}) SELECT {chosen} FROM snapshot")
        mine = asyncio.create_task(told.post(f"/snapshots/{frozen['id']}/amendments", {"reason": "补录"}))
        async with asyncio.timeout(20):
            while not await other.fetchval(WAITS):  # noqa: ASYNC110 - another connection is waiting, and tells nobody
                await asyncio.sleep(0.02)
    answer = await mine
    assert answer.status_code == 409
    assert answer.json()["errors"] == [{"code": "amended_already", "detail": "他人刚刚修订了这一期间，请读取后再试"}]


async def test_a_period_is_frozen_once_and_only_when_it_is_over(told: Asking) -> None:
    root = str(told.world.organisation.root)
    await _made(await told.post("/snapshots", {"unit_id": root, **FEBRUARY}))
    again = await told.post("/snapshots", {"unit_id": root, **FEBRUARY})
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    assert again.json()["errors"][0]["code"] == "snapshot_exists"
    running = clock.today().replace(day=1).isoformat()
    early = await told.post("/snapshots", {"unit_id": root, "kind": "month", "period_from": running})
    assert (early.status_code, early.json()["code"]) == (422, "as_of_too_recent")
    assert early.json()["errors"] == [
        {"code": "period_not_over", "detail": "该期间尚未结束", "pointer": "/period_from"}
    ]
    for kind, first in (("month", "2026-02-02"), ("quarter", "2026-02-01")):
        wrong = await told.post("/snapshots", {"unit_id": root, "kind": kind, "period_from": first})
        assert (wrong.status_code, wrong.json()["code"]) == (422, "validation_failed")
    quarter = await _made(
        await told.post("/snapshots", {"unit_id": root, "kind": "quarter", "period_from": "2026-01-01"})
    )
    assert quarter["period_to"] == "2026-03-31"


async def test_it_is_for_those_who_read_all_of_the_unit_and_made_by_an_office_over_it(told: Asking) -> None:
    made = told.world.organisation
    root, bureau = str(made.root), str(made.bureaus[0])
    whole = await _made(await told.post("/snapshots", {"unit_id": root, **FEBRUARY}))
    part = await _made(await told.post("/snapshots", {"unit_id": bureau, **FEBRUARY}))
    assert (await told.get(f"/snapshots/{whole['id']}", "30 units")).status_code == 404
    assert (await told.get(f"/snapshots/{part['id']}", "30 units")).status_code == 200
    assert (await told.get(f"/snapshots/{part['id']}", "one unit")).status_code == 404
    listed = (await told.get("/snapshots", "30 units")).json()["items"]
    assert [one["id"] for one in listed] == [part["id"]]
    for path, body in (("", {"unit_id": bureau, **FEBRUARY}), (f"/{part['id']}/amendments", {"reason": "更正"})):
        assert (await told.post(f"/snapshots{path}", body, "30 units")).status_code == 403
    missing = await told.post("/snapshots", {"unit_id": str(uuid4()), **FEBRUARY})
    assert missing.status_code == 404


async def test_what_few_would_tell_is_withheld_from_everybody(told: Asking) -> None:
    await told.item("2026-01-05 registered", "2026-01-06 assigned due=2026-05-01", confidentiality="restricted")
    root = str(told.world.organisation.root)
    frozen = await _made(await told.post("/snapshots", {"unit_id": root, **FEBRUARY}))
    figure = next(one for one in frozen["content"]["totals"] if one["metric"] == "due_base")
    assert figure["suppressed"]
    assert figure["numerator"] is None


async def test_no_later_action_changes_what_is_frozen(fresh_app: FastAPI) -> None:
    """Items of one month, frozen in the next; then anything anybody may do to them, in any order."""
    world = await world_of(fresh_app)
    states = ("registered", "planning", "rectifying", "rectifying", "verifying", "closing", "closed", "closed")
    items = [await world.item(state) for state in states]
    first = clock.today().replace(day=1)
    async with world.at(timedelta(days=35)):
        office = await world.as_("supervision_office")
        body = {"unit_id": world.made.units["bureau"], "kind": "month", "period_from": first.isoformat()}
        frozen = await office.post("/snapshots", body)
        assert frozen["content"]["totals"][0]["numerator"] == len(items)
        done = await anything(world, items, Random(5), 80)
        assert len(done) >= 4, "too little happened to prove anything"
        assert {"reopened", "voided"} <= done
        assert await office.get(f"/snapshots/{frozen['id']}") == frozen
        again = await _frozen_anew(world, UUID(body["unit_id"]), frozen)
        assert again == frozen["content_hash"]
        live = await office.get("/statistics?metric=closed,due_base")
        then = {figure["metric"]: figure["numerator"] for figure in frozen["content"]["totals"]}
        now = {figure["metric"]: figure["numerator"] for figure in live["totals"]}
        assert now != {code: then[code] for code in now}


async def _frozen_anew(world: World, unit_id: UUID, frozen: Json) -> str:
    async with world.db.snapshot() as reader:
        last = clock.today().fromisoformat(frozen["period_to"])
        first = clock.today().fromisoformat(frozen["period_from"])
        span = Span(SnapshotKind.MONTH, first, last, clock.end_of_day(last))
        return (await freeze(reader, unit_id, span, root=True)).content_hash


async def anything(world: World, items: list[Json], random: Random, attempts: int) -> set[str]:
    """Attempts by whoever is drawn; gives the kinds of event that came of them."""
    people = ("supervision_office", "first_responsible", "leader", "discipline_office", "unit_head", "verifier")
    for number in range(attempts):
        item = random.choice(items)
        who: Caller = await world.as_(random.choice(people))
        action = random.choice(("reopen", "void", "recall", "hand_over", "reclassify", "report_completion", "transfer",
                                "approve_closure", "fail_verification", "reject_closure", "submit_plan"))  # fmt: skip
        if number < 2:
            who, item, action = await world.as_("supervision_office"), items[-1 - number], "reopen"
        more = {"document": {"name": "会议纪要"}} if action == "void" else {}
        if number == 2:
            who, item, action, more = (
                await world.as_("first_responsible"),
                items[0],
                "void",
                {"document": {"name": "会议纪要"}},
            )
        with suppress(RefusedError):
            await who.act(item["id"], action, dict(DATA.get(action, {})), **more)
    rows = await world.db.fetch(
        "SELECT DISTINCT type FROM event WHERE subject_kind = 'item' AND at > $1", clock.now() - timedelta(days=30)
    )
    return {row["type"].removeprefix("item.") for row in rows}
