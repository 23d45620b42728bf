"""The history of a running service, checked from the stored rows alone; and what cannot be written past it."""

import json
from uuid import UUID, uuid4

import asyncpg
import pytest
from fastapi import FastAPI

from app.core.ids import uuid7
from app.tables.rectify import Measure
from app.trail.canonical import canonical, leaf_hash
from app.trail.positions import assign_positions
from tests.features.history.world import World, build
from tests.support.database import Clone
from tests.trail.make import History

ITEMS = """
SELECT i.id, i.version, i.head_hash, i.state, count(e.seq) AS events, min(e.seq) AS first, max(e.seq) AS last
FROM item i JOIN event e ON e.subject_id = i.id GROUP BY i.id
"""
SUBJECTS = """
SELECT s.id, s.kind, s.seq, s.hash, count(e.seq) AS events, min(e.subject_kind) AS kind_told
FROM trail_subject s JOIN event e ON e.subject_id = s.id GROUP BY s.id
"""


@pytest.fixture
async def world(fresh_app: FastAPI) -> World:
    """A database of the test's own, because all of its history is looked at."""
    return await build(fresh_app)


@pytest.fixture
async def journey(world: World) -> list[UUID]:
    """Items that were drafted, described, deleted, registered, assigned and worked on, all over HTTP."""
    items = [await world.acknowledged(description="档案缺少签收记录") for _ in range(3)]
    draft = await world.draft()
    headers = {**world.liaison.headers, "If-Match": '"v1"'}
    patched = await world.http.patch(f"/v1/items/{draft}", json={"title": "会议记录不完整"}, headers=headers)
    assert patched.status_code == 200, patched.text
    deleted = await world.http.delete(f"/v1/items/{draft}", headers={**headers, "If-Match": patched.headers["ETag"]})
    assert deleted.status_code == 204, deleted.text
    body = {"code": f"L{uuid4().hex[:12]}", "name": "审计整改", "unit_id": str(world.root)}
    ledger = await world.post(world.office, "/v1/ledgers", body)
    changed = await world.http.patch(
        f"/v1/ledgers/{ledger['id']}", json={"name": "审计问题整改"}, headers={**world.office.headers, "If-Match": "*"}
    )
    assert changed.status_code == 200, changed.text
    return [UUID(item) for item in items]


@pytest.mark.usefixtures("journey")
async def test_every_subject_has_an_unbroken_chain_and_true_disclosures(world: World) -> None:
    history = History(world.db)
    subjects = await world.db.fetch("SELECT DISTINCT subject_id FROM event")
    assert len(subjects) >= 6
    for row in subjects:
        assert await history.broken_links(row["subject_id"]) == []


@pytest.mark.usefixtures("journey")
async def test_bodies_are_canonical_and_agree_with_the_columns_beside_them(world: World) -> None:
    rows = await world.db.fetch("SELECT * FROM event")
    for row in rows:
        body = json.loads(row["body"])
        assert canonical(body) == row["body"]
        assert leaf_hash(row["body"]) == row["hash"]
        assert body["subject"] == {"kind": row["subject_kind"], "id": str(row["subject_id"])}
        assert (body["id"], body["type"], body["seq"]) == (str(row["id"]), row["type"], row["seq"])
        assert body["actor"]["id"] == (None if row["actor_id"] is None else str(row["actor_id"]))


async def test_an_item_counts_its_events_and_carries_its_newest_hash(world: World, journey: list[UUID]) -> None:
    rows = {row["id"]: row for row in await world.db.fetch(ITEMS)}
    assert set(journey) == rows.keys()
    for row in rows.values():
        assert (row["first"], row["last"], row["events"]) == (1, row["version"], row["version"])
        newest = await world.db.fetchrow("SELECT hash, body FROM event WHERE subject_id = $1 AND seq = $2", row["id"],
                                         row["version"])  # fmt: skip
        assert newest is not None
        assert newest["hash"] == row["head_hash"]
        assert json.loads(newest["body"])["to"] == row["state"]
    shown = await world.ok(world.viewer, f"/v1/items/{journey[0]}")
    assert shown["version"] == rows[journey[0]]["events"] == 5


@pytest.mark.usefixtures("journey")
async def test_every_other_subject_carries_its_newest_hash_too(world: World) -> None:
    rows = await world.db.fetch(SUBJECTS)
    assert {"ledger"} <= {row["kind"] for row in rows}
    for row in rows:
        assert (row["kind"], row["seq"]) == (row["kind_told"], row["events"])
        newest = await world.db.fetchval("SELECT hash FROM event WHERE subject_id = $1 AND seq = $2", row["id"],
                                         row["seq"])  # fmt: skip
        assert newest == row["hash"]


@pytest.mark.usefixtures("journey")
async def test_positions_cover_all_of_it_in_the_order_of_each_subject(world: World) -> None:
    await assign_positions(world.db)
    rows = await world.db.fetch("SELECT subject_id, seq, position FROM log_position JOIN event ON id = event_id")
    assert sorted(row["position"] for row in rows) == list(range(1, len(rows) + 1))
    assert len(rows) == await world.db.fetchval("SELECT count(*) FROM event")
    by_subject: dict[UUID, list[tuple[int, int]]] = {}
    for row in rows:
        by_subject.setdefault(row["subject_id"], []).append((row["position"], row["seq"]))
    for placed in by_subject.values():
        assert [seq for _, seq in sorted(placed)] == list(range(1, len(placed) + 1))


@pytest.mark.usefixtures("journey")
async def test_the_history_of_a_deleted_draft_stays(world: World) -> None:
    gone = (
        "SELECT e.type FROM event e WHERE subject_kind = 'item' AND NOT EXISTS (SELECT FROM item WHERE id = subject_id)"
    )
    assert [row["type"] for row in await world.db.fetch(f"{gone} ORDER BY seq")] == [
        "item.drafted",
        "item.described",
        "item.draft_deleted",
    ]


async def by_hand(database: Clone, sql: str, *args: object) -> None:
    """As somebody with the service's own login would at a console."""
    connection = await asyncpg.connect(database.app_url)
    try:
        async with connection.transaction():
            await connection.execute(sql, *args)
    finally:
        await connection.close()


async def test_an_item_cannot_be_changed_by_hand_without_an_event(
    world: World, journey: list[UUID], database: Clone
) -> None:
    item = journey[0]
    with pytest.raises(asyncpg.IntegrityConstraintViolationError, match="not to the next"):
        await by_hand(database, "UPDATE item SET title = '无问题' WHERE id = $1", item)
    with pytest.raises(asyncpg.ForeignKeyViolationError, match="fk_item_event"):
        await by_hand(database, "UPDATE item SET title = '无问题', version = version + 1 WHERE id = $1", item)
    assert (await world.ok(world.viewer, f"/v1/items/{item}"))["title"] != "无问题"


async def test_a_child_cannot_be_added_by_hand_without_an_event(
    world: World, journey: list[UUID], database: Clone
) -> None:
    sql = """
    INSERT INTO measure (item_id, id, cycle, position, content, status, changed_seq, created_at, updated_at)
    VALUES ($1, $2, 1, 1, '补签', 'not_started', $3, now(), now())
    """
    with pytest.raises(asyncpg.ForeignKeyViolationError, match="fk_measure_event"):
        await by_hand(database, sql, journey[0], uuid7(), 6)
    assert await world.db.fetchval("SELECT count(*) FROM measure") == 0


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE event SET type = 'item.closed' WHERE subject_id = $1",
        "DELETE FROM event WHERE subject_id = $1",
        "UPDATE event_disclosure SET value = '1' WHERE event_id IN (SELECT id FROM event WHERE subject_id = $1)",
        "UPDATE log_position SET position = position + 1000 WHERE $1::uuid IS NOT NULL",
        "ALTER TABLE item DISABLE TRIGGER item_version_step",
        "TRUNCATE event",
    ],
)
async def test_the_service_itself_cannot_rewrite_history(journey: list[UUID], database: Clone, sql: str) -> None:
    args = (journey[0],) if "$1" in sql else ()
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await by_hand(database, sql, *args)


def test_the_table_written_by_hand_is_one_of_ours() -> None:
    assert {"changed_seq", "content", "position"} <= set(Measure.model_fields)
