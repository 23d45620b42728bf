"""From numbered events to signed checkpoints: what is sealed, when, by whom, and what stops it."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app.core import clock
from app.core.ids import uuid7
from app.trail import seal
from app.trail.keys import SEALING, hold
from app.trail.lease import TERM, FencedError, Job, take
from app.trail.positions import assign_positions
from app.trail.proof.checkpoints import parse_checkpoint
from app.trail.proof.merkle import tree_root
from app.trail.proof.notes import parse_note, parse_vkey, verify_note
from app.trail.seal import CorruptLogError, Sealer, standing
from tests.trail.make import History, new_id, step

UNTIL = "SELECT max(until) FROM lease"
HASHES = "SELECT e.hash FROM log_position p JOIN event e ON e.id = p.event_id ORDER BY p.position"


@pytest.fixture
async def sealer(history: History, tmp_path: Path) -> Sealer:
    await hold(history.db, tmp_path, SEALING)
    await assign_positions(history.db)
    return Sealer(history.db, tmp_path)


async def grow(history: History, count: int) -> None:
    await history.items(*(step(new_id(), at=clock.now()) for _ in range(count)))
    await assign_positions(history.db)


async def checkpoints(history: History) -> list[asyncpg.Record]:
    return await history.db.fetch("SELECT size, root, note FROM checkpoint ORDER BY size")


async def assert_sealed(history: History, sealer: Sealer) -> None:
    """Every checkpoint is the root over the first `size` events, signed by the log's key."""
    assert sealer.keys is not None
    signer = sealer.keys.signer("checkpoint")
    hashes = [row["hash"] for row in await history.db.fetch(HASHES)]
    found = await checkpoints(history)
    assert found[-1]["size"] == len(hashes)
    for row in found:
        note = parse_note(row["note"].encode())
        assert verify_note(note, [parse_vkey(signer.vkey)])
        told = parse_checkpoint(note.text)
        assert (told.origin, told.size, told.root) == (signer.name, row["size"], row["root"])
        assert row["root"] == tree_root(hashes[: row["size"]])


async def test_each_checkpoint_is_the_signed_root_of_everything_so_far(history: History, sealer: Sealer) -> None:
    for count in (1, 3, 300, 700):
        await grow(history, count)
        await sealer.run(at_once=True)
        await assert_sealed(history, sealer)
    tiles = await history.db.fetch("SELECT level, index, data FROM log_tile ORDER BY level, index")
    assert [(tile["level"], tile["index"]) for tile in tiles] == [(0, 0), (0, 1), (0, 2)]
    hashes = [row["hash"] for row in await history.db.fetch(HASHES)]
    assert b"".join(tile["data"] for tile in tiles) == b"".join(hashes[:768])


async def test_few_and_young_events_wait_and_many_or_old_ones_do_not(history: History, sealer: Sealer) -> None:
    await sealer.run(at_once=True)
    await grow(history, 3)
    assert await sealer.run() == 0
    with clock.travel(seal.LONGEST):
        assert await sealer.run() == 3
    await grow(history, seal.ENOUGH)
    assert await sealer.run() == seal.ENOUGH


async def test_more_than_a_batch_is_sealed_in_several_checkpoints(
    history: History, sealer: Sealer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seal, "BATCH", 10)
    await grow(history, 35)
    await sealer.run(at_once=True)
    assert [row["size"] for row in await checkpoints(history)] == [10, 20, 30, 37]
    await assert_sealed(history, sealer)


async def test_an_idle_log_is_not_written_to(history: History, sealer: Sealer) -> None:
    await sealer.run(at_once=True)
    before = await history.db.fetchval(UNTIL)
    sealer.job.lease = None
    await sealer.run()
    assert await history.db.fetchval(UNTIL) == before


async def test_a_lease_is_renewed_when_half_of_it_is_over_and_not_before(history: History, sealer: Sealer) -> None:
    await sealer.run(at_once=True)
    before = await history.db.fetchval(UNTIL)
    await grow(history, 2)
    assert await sealer.run(at_once=True) == 2
    assert await history.db.fetchval(UNTIL) == before
    assert sealer.job.lease is not None
    sealer.job.lease = replace(sealer.job.lease, until=sealer.job.lease.until - TERM / 2)
    await grow(history, 2)
    assert await sealer.run(at_once=True) == 2
    assert await history.db.fetchval(UNTIL) > before


async def test_after_a_day_of_silence_the_log_says_that_it_lives(history: History, sealer: Sealer) -> None:
    await sealer.run(at_once=True)
    size = (await checkpoints(history))[-1]["size"]
    with clock.travel(timedelta(days=1, minutes=1)):
        await sealer.run()
        await assign_positions(history.db)
        await sealer.run(at_once=True)
        await sealer.run()
    assert (await checkpoints(history))[-1]["size"] == size + 1
    assert await history.db.fetchval("SELECT type FROM event ORDER BY at DESC LIMIT 1") == "log.heartbeat"


async def test_a_checkpoint_left_unsigned_by_a_crash_gets_the_note_it_would_have_had(
    history: History, sealer: Sealer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await grow(history, 2)

    async def killed(_: Any, __: Any) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patched:
        patched.setattr(Sealer, "_sign_one", killed)
        with pytest.raises(asyncio.CancelledError):
            await sealer.run(at_once=True)
    assert [row["note"] for row in await checkpoints(history)] == [None]
    assert (await standing(history.db)).unsigned
    await sealer.run()
    await assert_sealed(history, sealer)


async def test_only_one_process_seals_and_another_takes_over_when_it_is_gone(history: History, tmp_path: Path) -> None:
    await hold(history.db, tmp_path, SEALING)
    await assign_positions(history.db)
    one, other = Sealer(history.db, tmp_path), Sealer(history.db, tmp_path)
    assert await one.run(at_once=True) > 0
    await grow(history, 2)
    assert await other.run(at_once=True) == 0
    await one.stop()
    assert await other.run(at_once=True) == 2


async def test_a_sealer_that_was_overtaken_while_it_slept_writes_nothing(history: History, sealer: Sealer) -> None:
    await grow(history, 2)
    slept = await take(history.db, seal.LEASE, sealer.job.owner)
    assert slept is not None
    await sealer.stop()
    assert await take(history.db, seal.LEASE, uuid7()) is not None
    with pytest.raises(FencedError):
        await history.db.write(lambda tx: seal._extend(tx, slept))
    assert await checkpoints(history) == []
    woken = Sealer(history.db, sealer.var)
    woken.job = Job(history.db, seal.LEASE, sealer.job.owner, slept)
    assert await woken.run(at_once=True) == 0
    assert woken.job.lease is None
    assert await checkpoints(history) == []


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE event SET body = replace(body, '\"seq\":1', '\"seq\":1 ')",
        "UPDATE event SET hash = sha256(hash)",
        "DELETE FROM log_position WHERE position = 2",
    ],
)
async def test_a_changed_log_is_never_signed(history: History, sealer: Sealer, history_dsn: str, damage: str) -> None:
    await grow(history, 3)
    superuser = await asyncpg.connect(history_dsn)
    await superuser.execute("ALTER TABLE event DISABLE TRIGGER ALL; ALTER TABLE log_position DISABLE TRIGGER ALL")
    await superuser.execute(damage)
    await superuser.close()
    with pytest.raises(CorruptLogError):
        await sealer.run(at_once=True)
    assert await checkpoints(history) == []


async def test_a_wound_back_edge_is_noticed(history: History, sealer: Sealer) -> None:
    await grow(history, 3)
    await sealer.run(at_once=True)
    await history.db.write(lambda tx: tx.execute("UPDATE log_edge SET data = substr(data, 33)"))
    await grow(history, 3)
    with pytest.raises(CorruptLogError):
        await sealer.run(at_once=True)


async def test_every_note_is_also_put_where_the_database_does_not_reach(history: History, tmp_path: Path) -> None:
    await hold(history.db, tmp_path, SEALING)
    await assign_positions(history.db)
    sealer = Sealer(history.db, tmp_path, tmp_path / "elsewhere")
    await sealer.run(at_once=True)
    await grow(history, 5)
    await sealer.run(at_once=True)
    files = sorted((tmp_path / "elsewhere").iterdir())
    assert [file.read_text(encoding="utf-8") for file in files] == [row["note"] for row in await checkpoints(history)]


async def test_a_place_that_cannot_be_written_does_not_stop_sealing(history: History, tmp_path: Path) -> None:
    await hold(history.db, tmp_path, SEALING)
    await assign_positions(history.db)
    (tmp_path / "taken").touch()
    sealer = Sealer(history.db, tmp_path, tmp_path / "taken")
    assert await sealer.run(at_once=True) > 0
    await assert_sealed(history, sealer)


async def test_the_standing_tells_how_old_the_oldest_unsealed_event_is(history: History, sealer: Sealer) -> None:
    await sealer.run(at_once=True)
    assert (await standing(history.db)).lag == timedelta(0)
    await history.items(step(new_id(), at=clock.now() - timedelta(seconds=30)))
    assert (await standing(history.db)).lag >= timedelta(seconds=30)
    await assign_positions(history.db)
    assert (await standing(history.db)).lag >= timedelta(seconds=30)
    await sealer.run()
    assert (await standing(history.db)).lag == timedelta(0)
