"""Twelve attackers, from a careless editor to somebody with root and the keys: what is found, and what is not.

Each is tried three times: nothing retained outside, one checkpoint retained, one receipt retained. What an attack leaves
unfound without either is asserted as it is: that is what a checkpoint kept somewhere else is for.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.audit.run import Audit
from app.core.db import Tx
from app.main import create_app
from app.trail.canonical import instant
from app.trail.keys import SEALING, Signer, hold
from app.trail.proof.notes import format_vkey, verifier_key
from app.trail.proof.verify import Asked
from app.trail.record import Recorded
from tests.make.world import World, world_of
from tests.support.database import Clone, Server, clone
from tests.support.service import running, settings_for
from tests.trail.forger import Forger, Told
from tests.trail.lives import newest, seal

OTHER = "不同意"
LAST = "SELECT id, seq, hash, at, subject_kind, subject_id FROM event WHERE subject_id = $1 ORDER BY seq DESC LIMIT 1"


@dataclass
class Scene:
    """A ledger with two items, what an outsider has kept of it, and a note of what it was before it was made to fork."""

    world: World
    forger: Forger
    item: str
    other: str
    checkpoint: str
    receipt: str
    forked: str
    signer: Signer

    async def findings(self, *against: str) -> set[str]:
        """Codes beyond those of an attacker's own traces: the triggers that are off."""
        async with self.forger.connection.transaction(isolation="repeatable_read"):
            found = await Audit(Asked(strict=True, against=against)).run(Tx(self.forger.connection))
        return {one.code for one in found.findings} - {"weakened"}

    async def step(self, event: str) -> tuple[list[Told], Told]:
        """The whole history and one event of the item in it."""
        history = await self.forger.history()
        return history, next(one for one in history if one.body["type"] == event and self.own(one))

    def own(self, one: Told) -> bool:
        return bool(one.body["subject"]["id"] == self.item)


Attack = Callable[[Scene], Awaitable[None]]


async def recomputed_chain(scene: Scene) -> None:
    """Another comment under a decision, and every hash after it; the tree is left alone."""
    history, one = await scene.step("item.plan_approved")
    await scene.forger.say(one, "opinion", OTHER)
    await scene.forger.rechain(history)


async def recomputed_tree(scene: Scene) -> None:
    """As before, with tiles and roots; the checkpoints cannot be signed."""
    history, one = await scene.step("item.plan_approved")
    await scene.forger.say(one, "opinion", OTHER)
    await scene.forger.rewrite(history, None)


async def recomputed_and_signed(scene: Scene) -> None:
    """As before, by somebody who holds the checkpoint key."""
    history, one = await scene.step("item.plan_approved")
    await scene.forger.say(one, "opinion", OTHER)
    await scene.forger.rewrite(history, lambda: scene.signer)


async def rolled_back(scene: Scene) -> None:
    """Yesterday's dump put back as if it were today's."""
    await scene.forger.restore()


async def tail_cut(scene: Scene) -> None:
    """The last events taken away, with positions, checkpoints and the tree over them, the key in hand."""
    history = await scene.forger.history()
    gone = [one.id for one in history[-2:]]
    for table, column in (("event", "id"), ("event_disclosure", "event_id"), ("log_position", "event_id")):
        await scene.forger.connection.execute(f"DELETE FROM {table} WHERE {column} = ANY($1)", gone)
    await scene.forger.rewrite(history[:-2], lambda: scene.signer)


async def backdated(scene: Scene) -> None:
    """The completion of a month ago, as it would have had to be; signed again."""
    history, one = await scene.step("item.completion_reported")
    at = instant(
        await scene.forger.connection.fetchval("SELECT at - interval '30 days' FROM event WHERE id = $1", one.id)
    )
    one.body["at"] = at
    await scene.forger.connection.execute("UPDATE event SET at = at - interval '30 days' WHERE id = $1", one.id)
    await scene.forger.rewrite(history, lambda: scene.signer)


async def split_view(scene: Scene) -> None:
    """One history for one reader and another of the same length for the next, both signed."""
    history = await scene.forger.history()
    one = next(one for one in reversed(history) if "comment" in one.body["pay"] or "opinion" in one.body["pay"])
    await scene.forger.say(one, "comment" if "comment" in one.body["pay"] else "opinion", OTHER)
    await scene.forger.rewrite(history, lambda: scene.signer)


async def silently_redacted(scene: Scene) -> None:
    """A disclosure is gone, and no event says by whose decision."""
    _, one = await scene.step("item.plan_approved")
    await scene.forger.connection.execute(
        "DELETE FROM event_disclosure WHERE event_id = $1 AND field = 'opinion'", one.id
    )


async def transplanted(scene: Scene) -> None:
    """An approval of one item given to another: the columns say so, and so does the body, hashed anew."""
    history, one = await scene.step("item.plan_approved")
    one.body["subject"]["id"] = scene.other
    await scene.forger.connection.execute(
        "UPDATE event SET subject_id = $2, seq = 2000000 WHERE id = $1", one.id, UUID(scene.other)
    )
    await scene.forger.rechain(history)


async def swapped_key(scene: Scene) -> None:
    """The attacker's own key in place of the log's, in the register and in the event that tells of it; all signed anew."""
    history, secret = await scene.forger.history(), Ed25519PrivateKey.generate()
    name = scene.signer.name
    mine = Signer(name, secret, format_vkey(verifier_key(name, secret.public_key())))
    rows = await scene.forger.connection.fetch("SELECT id FROM trail_key WHERE name = 'checkpoint'")
    for row in rows:
        one = next(one for one in history if one.body["subject"]["id"] == str(row["id"]))
        await scene.forger.say(one, "vkey", mine.vkey)
        await scene.forger.connection.execute("UPDATE trail_key SET vkey = $2 WHERE id = $1", row["id"], mine.vkey)
    await scene.forger.rewrite(history, lambda: mine)


async def deleted_item(scene: Scene) -> None:
    """An item that never was: no row, no event, no gap in the positions, all signed anew."""
    await scene.forger.rewrite(await scene.forger.forget(scene.item), lambda: scene.signer)


async def edited_row(scene: Scene) -> None:
    """The plainest of all: another deadline in the item's row."""
    sql = "UPDATE item SET due_on = due_on + 30, due_sort = due_sort + 30 WHERE id = $1"
    await scene.forger.connection.execute(sql, scene.item)


SEEN_ALONE = "found by the ledger itself"
TABLE: dict[Attack, tuple[set[str], set[str], set[str]]] = {
    # attack: found with nothing retained, with a checkpoint, with a receipt of the item's last event
    recomputed_chain: ({"root_mismatch"}, {"root_mismatch"}, {"root_mismatch"}),
    recomputed_tree: ({"root_mismatch"}, {"root_mismatch"}, {"root_mismatch"}),
    recomputed_and_signed: (set(), {"fork"}, {"receipt_broken"}),
    rolled_back: (set(), {"history_cut"}, {"history_cut"}),
    tail_cut: ({"past_mismatch"}, {"history_cut"}, {"history_cut"}),
    backdated: ({"time_goes_back"}, {"fork"}, {"receipt_broken"}),
    split_view: (set(), {"fork"}, set()),
    silently_redacted: ({"disclosure_missing"}, {"disclosure_missing"}, {"disclosure_missing"}),
    transplanted: ({"root_mismatch"}, {"root_mismatch"}, {"receipt_broken"}),
    swapped_key: (set(), {"key_unknown"}, set()),
    deleted_item: (set(), {"history_cut"}, {"history_cut"}),
    edited_row: ({"fold_mismatch"}, {"fold_mismatch"}, {"fold_mismatch"}),
}
"""Where the first set is empty, a ledger that was rewritten as a whole cannot be told from a true one by itself."""


@pytest.fixture(scope="module")
def attacked(server: Server, template: str) -> Clone:
    return clone(server, template)


@pytest.fixture(scope="module")
async def scene(attacked: Clone, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    app = create_app(settings_for(attacked.app_url, tmp_path_factory.mktemp("attackers"), worker=False))
    connection = await asyncpg.connect(attacked.superuser_url)
    for name in ("json", "jsonb"):
        await connection.set_type_codec(name, encoder=json.dumps, decoder=json.loads, schema="pg_catalog")
    async with running(app):
        world, forger = await world_of(app), Forger(connection)
        await forger.disarm()
        other = await world.item("rectifying")
        for _ in range(2):  # the first time makes a key, whose event is sealed by the second
            await seal(app)
        await forger.back_up()
        await world.item("registered")
        await seal(app)
        forked = await newest(app)
        await forger.restore()
        await world.item("registered")
        await seal(app)
        item = await world.item("closed")
        await seal(app)
        keys = await hold(world.db, Path(app.state.settings.var), SEALING)
        yield Scene(world, forger, item["id"], other["id"], await newest(app), await receipt(world, item["id"]), forked,
                    keys.signer("checkpoint"))  # fmt: skip
        await world.made.close()
    await connection.close()


async def receipt(world: World, item: str) -> str:
    """As it was given with the reply to the item's last step."""
    row = await world.db.fetchrow(LAST, item)
    assert row is not None
    event = Recorded(row["id"], row["seq"], row["hash"], row["at"], row["subject_kind"], row["subject_id"])
    note: str = world.app.state.receipts.note(event)
    return note


async def test_nothing_is_found_where_nobody_attacked(scene: Scene) -> None:
    assert await scene.findings(scene.checkpoint, scene.receipt) == set()


@pytest.mark.parametrize("attack", TABLE, ids=lambda attack: attack.__name__)
async def test_an_attack_is_found_as_the_table_says(scene: Scene, attack: Attack) -> None:
    alone, with_checkpoint, with_receipt = TABLE[attack]
    transaction = scene.forger.connection.transaction(isolation="repeatable_read")
    await transaction.start()
    try:
        await attack(scene)
        async with scene.world.at(timedelta(minutes=5)):
            by_itself = await scene.findings()
            assert alone <= by_itself
            assert bool(alone) == bool(by_itself)
            assert with_checkpoint <= await scene.findings(scene.checkpoint)
            assert with_receipt <= await scene.findings(scene.receipt)
    finally:
        await transaction.rollback()


async def test_a_log_that_forked_is_known_by_a_note_of_the_other_branch(scene: Scene) -> None:
    assert await scene.findings(scene.forked) == {"fork"}


async def test_a_checkpoint_that_was_taken_out_is_missed_by_whoever_kept_it(scene: Scene) -> None:
    transaction = scene.forger.connection.transaction(isolation="repeatable_read")
    await transaction.start()
    try:
        older = await scene.forger.connection.fetchrow("SELECT size, note FROM checkpoint ORDER BY size LIMIT 1")
        assert older is not None
        await scene.forger.connection.execute("DELETE FROM checkpoint WHERE size = $1", older["size"])
        assert await scene.findings() == set()
        assert await scene.findings(older["note"]) == {"checkpoint_missing"}
    finally:
        await transaction.rollback()
