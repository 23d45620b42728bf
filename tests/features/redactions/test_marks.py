"""Words that go change neither which verdict was the last nor what was known at a moment."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import asyncpg
from alembic import command

from app.core import clock
from app.demo.client import Json
from app.features.statistics.fresh import Fresh
from app.trail.redact import PLACEHOLDER
from tests.contract.test_schema import on
from tests.features.past.test_when_work_began import moved
from tests.features.redactions.test_redactions import redacted
from tests.make.world import World, case, world_of
from tests.support.database import Clone, execute
from tests.support.service import Serve

MARKS = "SELECT id::text, comment, changed_seq FROM gate_result WHERE item_id = $1 ORDER BY changed_seq"
CITED = "SELECT id::text, changed_seq FROM evidence WHERE item_id = $1 ORDER BY id"


async def _judged(world: World) -> tuple[Json, Json]:
    """An item whose first gate failed and passed, and the verdict that it failed."""
    item = await world.carrier.to("verifying", case())
    failed = await world.carrier.judge_solved(item, met=False, comment="仍有一处未改，举报人住在隔壁")
    await world.carrier.judge_solved(item)
    return item, failed


async def _redacted(world: World, item: Json, failed: Json, *places: Json) -> None:
    security, audit = await world.as_("security_admin"), await world.as_("audit_admin")
    said = {"kind": "child", "table": "gate_result", "id": failed["id"], "field": "comment"}
    await redacted(security, audit, item, said, *places)


async def test_words_taken_from_an_earlier_verdict_do_not_make_it_the_last(database: Clone, serve: Serve) -> None:
    async with serve(database.app_url) as app:
        world = await world_of(app)
        item, failed = await _judged(world)
        before = await world.db.fetch(MARKS, item["id"])
        await _redacted(world, item, failed)
        after = await world.db.fetch(MARKS, item["id"])
        assert [row["comment"] for row in after] == [PLACEHOLDER, None]
        assert [row["changed_seq"] for row in after] == [row["changed_seq"] for row in before]
        await world.carrier.judge_adequate(item)
        await world.carrier.survey(item)
        office = await world.as_("supervision_office")
        assert (await office.act(item["id"], "pass_verification"))["state"] == "closing"
        await world.made.close()


async def test_what_was_counted_of_a_moment_is_counted_after_a_redaction_as_well(database: Clone, serve: Serve) -> None:
    async with serve(database.app_url) as app:
        world = await world_of(app)
        async with world.at(timedelta(hours=-2)):
            item = await world.carrier.to("verifying", case())
            failed = await world.carrier.judge_solved(item, met=False, comment="仍有一处未改，举报人住在隔壁")
            redo = {"deficiencies": ["一处未改"], "redo_by": (clock.today() + timedelta(days=9)).isoformat()}
            await (await world.as_("verifier")).act(item["id"], "fail_verification", redo)
        then = (clock.now() - timedelta(hours=1)).isoformat().replace("+00:00", "Z")
        asked = f"/statistics?metric=first_pass_rate,return_rate&ledger_id={item['ledger_id']}&as_of={then}"
        auditor = await world.as_("auditor")
        before = (await auditor.get(asked))["totals"]
        assert [(one["numerator"], one["denominator"]) for one in before] == [(0, 1), (1, 1)]
        await _redacted(world, item, failed)
        app.state.figures = Fresh()
        assert (await auditor.get(asked))["totals"] == before
        await world.made.close()


async def test_an_upgrade_marks_rows_as_if_they_had_never_been_redacted(database: Clone, serve: Serve) -> None:
    async with serve(database.app_url) as app:
        world = await world_of(app)
        item, failed = await _judged(world)
        shown = (await (await world.as_("verifier")).get(f"/items/{item['id']}/evidence"))["items"][0]
        await _redacted(world, item, failed, {"kind": "file", "evidence_id": shown["id"]})
        await world.made.close()
    marks = await _marks(database, item)
    await on(database.superuser_url, moved(command.downgrade, "20261126_1480"))
    told = "(SELECT max(seq) FROM event WHERE subject_id = c.item_id AND type = 'item.redacted')"
    for table in ("gate_result", "evidence"):
        shown = "comment" if table == "gate_result" else "file_name"
        await execute(
            database.superuser_url, f"UPDATE {table} c SET changed_seq = {told} WHERE {shown} = '{PLACEHOLDER}'"
        )
    assert await _marks(database, item) != marks
    await on(database.superuser_url, moved(command.upgrade, "head"))
    assert await _marks(database, item) == marks


async def _marks(database: Clone, item: Json) -> Any:
    connection = await asyncpg.connect(database.superuser_url)
    try:
        return [[tuple(row) for row in await connection.fetch(sql, item["id"])] for sql in (MARKS, CITED)]
    finally:
        await connection.close()
