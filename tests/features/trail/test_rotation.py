"""Replacing keys: what was signed stays proved, what comes next is signed anew, and the old key opens nothing."""

from __future__ import annotations

import shutil
from base64 import b64decode
from pathlib import Path
from uuid import uuid4

import pytest

from app.main import create_app
from app.trail import keys
from app.trail.keys import WrongKeyError
from app.trail.positions import assign_positions
from app.trail.proof.notes import VerifierKey, parse_note, parse_vkey, verify_note
from app.trail.seal import Sealer
from tests.features.history.world import build
from tests.features.trail.conftest import Sealed
from tests.support.database import Clone
from tests.support.service import Serve, running, settings_for


async def public(world: Sealed) -> dict[str, list[VerifierKey]]:
    """Every key that signs or has signed, by name, oldest first."""
    told = await world.ok(world.viewer, "/v1/trail/keys")
    return {
        name: [parse_vkey(key["vkey"]) for key in told["items"] if key["name"] == name]
        for name in ("receipt", "checkpoint")
    }


async def receipt(world: Sealed) -> bytes:
    body = {"ledger_id": world.ledger_id, "title": uuid4().hex, "source": {"type": world.source_type}}
    sent = {**world.liaison.headers, "Idempotency-Key": uuid4().hex}
    answer = await world.http.post("/v1/items", json=body, headers=sent)
    return b64decode(answer.headers["rectify-receipt"])


async def newest(world: Sealed) -> bytes:
    note: str = (await world.ok(world.viewer, "/v1/trail/checkpoints/latest"))["note"]
    return note.encode()


async def test_after_a_rotation_old_notes_verify_and_new_ones_are_signed_with_the_new_key(
    database: Clone, serve: Serve, tmp_path: Path
) -> None:
    var = tmp_path / "var"
    async with serve(database.app_url) as app:
        world = Sealed(**vars(await build(app)))
        sealer = Sealer(world.db, var)
        old_receipt = await receipt(world)
        await assign_positions(world.db)
        await sealer.run(at_once=True)
        old_note = await newest(world)
        shutil.copytree(var, tmp_path / "stale")
        for name in ("receipt", "checkpoint"):
            await keys.rotate(world.db, var, name)
        await assign_positions(world.db)
        await sealer.run(at_once=True)
        new_note = await newest(world)
        await sealer.stop()
    async with serve(database.app_url) as app:
        world.app, world.org = app, type(world.org).of(app)
        world.http = type(world)(**vars(await build(app))).http
        new_receipt = await receipt(world)
        known = await public(world)
        [old_signer, new_signer], [old_sealer, new_sealer] = known["receipt"], known["checkpoint"]
        assert verify_note(parse_note(old_receipt), known["receipt"]) == [old_signer]
        assert verify_note(parse_note(new_receipt), known["receipt"]) == [new_signer]
        assert verify_note(parse_note(old_note), known["checkpoint"]) == [old_sealer]
        assert verify_note(parse_note(new_note), known["checkpoint"]) == [new_sealer]
        told = await world.ok(world.viewer, "/v1/trail/keys")
        assert [key["retired_at"] is None for key in told["items"] if key["name"] == "checkpoint"] == [False, True]

    with pytest.raises(WrongKeyError):
        async with running(create_app(settings_for(database.app_url, tmp_path / "stale"))):
            pass
