"""`rectify audit`, and `rectify verify` of a bundle, as an operator, a program and an outsider run them."""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import re
import time
from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI

from app.core import clock, embedded_postgres
from app.trail.proof.findings import Verdict
from app.trail.proof.notes import format_vkey, verifier_key
from app.trail.proof.verify import Asked, verify
from tests.features.history.world import build
from tests.features.trail.conftest import Sealed
from tests.platform.test_cli import rectify, serving, var  # noqa: F401 - a fixture
from tests.support.database import Clone
from tests.trail.forger import Forger
from tests.trail.lives import newest

GUIDE = Path(__file__).parents[2] / "docs/guides/auditor.md"
TAMPER = ("ALTER TABLE event DISABLE TRIGGER ALL", "UPDATE event SET type = 'log.closed' WHERE type = 'log.opened'")


def test_the_guide_lists_every_exit_code() -> None:
    rows = re.findall(r"^\| (\d) \| ([A-Z_]+) \|", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
    assert [(int(code), name) for code, name in rows] == [(one.value, one.name) for one in Verdict]


@pytest.fixture
async def world(fresh_app: FastAPI) -> Sealed:
    return Sealed(**vars(await build(fresh_app)))


async def run(world: Sealed, *arguments: str | Path, **more: str) -> CompletedProcess[str]:
    settings = world.app.state.settings
    prepared = "on" if settings.prepared else "off"
    more = {"DATABASE_URL": settings.database_url.get_secret_value(), "RECTIFY_PREPARED": prepared, **more}
    return await asyncio.to_thread(rectify, settings.var, *map(str, arguments), **more)


async def audit(world: Sealed, code: int, *arguments: str | Path) -> dict[str, Any]:
    """The report of an audit that must end with that code, and in words with the same verdict."""
    done = await run(world, "audit", "--json", *arguments)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    assert (report["exit_code"], report["verdict"]) == (code, Verdict(code).name)
    return report


async def receipt_of(world: Sealed) -> str:
    """What a caller finds in the reply to a write."""
    body = {"ledger_id": world.ledger_id, "title": "留回执的问题", "source": {"type": world.source_type}}
    headers = {**world.liaison.headers, "Idempotency-Key": "kept"}
    answer = await world.http.post("/v1/items", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.headers["rectify-receipt"]


async def test_an_audit_says_by_its_exit_code_what_kept_notes_say_of_the_database(
    world: Sealed, tmp_path: Path, database: Clone
) -> None:
    await world.acknowledged()
    (tmp_path / "receipt.txt").write_text(await receipt_of(world), encoding="utf-8")
    size = await world.seal()
    (tmp_path / "kept.note").write_text(await newest(world.app), encoding="utf-8")
    assert (await run(world, "export", tmp_path / "kept.ndjson")).returncode == 0
    (tmp_path / "kept.ndjson.gz").write_bytes(gzip.compress((tmp_path / "kept.ndjson").read_bytes()))
    await world.draft()
    await world.seal()

    alone = await audit(world, 3)
    assert (alone["found"], alone["notes"], alone["strict"], alone["anchored"]) == ({}, [], True, 0)
    kept = [part for name in ("kept.ndjson.gz", "receipt.txt") for part in ("--against", tmp_path / name)]
    both = await audit(world, 0, *kept)
    assert [(note["kind"], note["held"]) for note in both["notes"]] == [("checkpoint", True), ("receipt", True)]
    assert (both["notes"][0]["says"], both["anchored"]) == (str(size), size)
    words = await run(world, "audit", "--against", tmp_path / "kept.note")
    assert (words.returncode, words.stderr) == (0, "")
    assert words.stdout.startswith("VERIFIED: 核实无误 · verified\n")
    assert f"第 {size} 条之后的事件没有外部凭据" in words.stdout

    forger: asyncpg.Connection[Any] = await asyncpg.connect(database.superuser_url)
    item = await forger.fetchval("SELECT id FROM item WHERE state = 'planning'")
    await forger.execute("ALTER TABLE item DISABLE TRIGGER ALL")
    await forger.execute("UPDATE item SET title = '没有问题' WHERE id = $1", item)
    await forger.close()
    found = await audit(world, 1, *kept)
    assert ("fold_mismatch", str(item)) in {(one["code"], one["subject"]) for one in found["findings"]}
    words = await run(world, "audit")
    assert words.returncode == 1
    assert words.stdout.startswith("TAMPERED: ")
    assert (
        f"[fold_mismatch] 事项与其历史不符 the item is not the sum of its events: 对象 subject {item}" in words.stdout
    )
    assert "[weakened] 数据库防护被削弱" in words.stdout


async def test_a_checkpoint_of_a_longer_history_tells_that_an_old_backup_was_put_back(
    world: Sealed, tmp_path: Path, database: Clone
) -> None:
    await world.draft()
    await world.seal()
    forger = Forger(await asyncpg.connect(database.superuser_url))
    await forger.disarm()
    await forger.back_up()
    await world.draft()
    await world.seal()
    (tmp_path / "later.note").write_text(await newest(world.app), encoding="utf-8")
    await forger.restore()
    await forger.connection.close()
    found = await audit(world, 1, "--against", tmp_path / "later.note")
    assert found["found"]["history_cut"] == 1
    assert [note["held"] for note in found["notes"]] == [False]


async def test_what_cannot_be_looked_at_is_no_tampering(world: Sealed, tmp_path: Path) -> None:
    report = await audit(world, 2, "--against", tmp_path / "nowhere.note")
    assert "nowhere.note" in report["reason"]
    away = await run(world, "audit", DATABASE_URL="postgresql://u:hunter2@127.0.0.1:1/r")
    assert (away.returncode, away.stdout) == (2, "")
    assert "cannot be reached" in away.stderr
    assert "hunter2" not in away.stderr


async def test_what_was_not_sealed_in_time_is_told_and_is_no_tampering(fresh_app: FastAPI) -> None:
    with clock.travel(timedelta(minutes=-2)):
        world = Sealed(**vars(await build(fresh_app)))
        await world.draft()
    assert (await audit(world, 4))["found"].keys() == {"unsealed_overdue"}


def test_the_embedded_database_is_audited_and_an_export_kept_from_it_vouches(var: Path) -> None:  # noqa: F811
    kept = var.parent / "kept.ndjson"
    with serving(var):
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            made = rectify(var, "export", str(kept))
            if b'{"note":"' in kept.read_bytes():
                break
            time.sleep(0.5)
    assert made.returncode == 0, made.stderr
    done = rectify(var, "audit", "--json", "--against", str(kept))
    report = json.loads(done.stdout)
    assert (done.returncode, report["verdict"], report["found"]) == (0, "VERIFIED", {})
    assert report["notes"][0]["held"]

    async def forge(url: str) -> None:
        connection = await asyncpg.connect(url)
        for sql in TAMPER:
            await connection.execute(sql)
        await connection.close()

    running = embedded_postgres.start(var)
    try:
        asyncio.run(forge(running.migrate_url))
    finally:
        running.stop()
    done = rectify(var, "audit", "--json")
    report = json.loads(done.stdout)
    assert (done.returncode, report["verdict"]) == (1, "TAMPERED")
    assert {"projection_mismatch", "weakened"} <= report["found"].keys()


def ended(lines: Sequence[bytes]) -> bytes:
    """The lines with a last one that tells of them as they are now: what somebody who changes a file does."""
    *before, end = lines
    told = json.loads(end) | {"sha256": sha256(b"".join(before)).hexdigest()}
    return b"".join(before) + json.dumps(told, sort_keys=True, separators=(",", ":")).encode() + b"\n"


async def bundled(world: Sealed, folder: Path) -> bytes:
    """A bundle, with the receipt that somebody kept of one of its events and the policy of whoever trusts this log."""
    item = await world.acknowledged()
    headers = {**world.office.headers, "If-Match": "*", "Idempotency-Key": "kept"}
    body = {"purpose": "transfer", "opinion": "agree"}
    answer = await world.http.post(f"/v1/items/{item}/approvals", json=body, headers=headers)
    assert answer.status_code == 201, answer.text
    (folder / "receipt.txt").write_text(answer.headers["rectify-receipt"], encoding="utf-8")
    await world.seal()
    keys = await world.ok(world.viewer, "/v1/trail/keys")
    vkeys = [key["vkey"] for key in keys["items"] if key["vkey"]]
    policy = {"origin": keys["origin"], "vkeys": vkeys, "max_age": "1d"}
    (folder / "policy.json").write_text(json.dumps(policy), encoding="utf-8")
    made = await world.get(world.head, f"/v1/trail/items/{item}/bundle")
    (folder / "bundle.ndjson").write_bytes(made.content)
    return made.content


async def test_a_bundle_is_verified_by_the_command(world: Sealed, tmp_path: Path) -> None:
    content = await bundled(world, tmp_path)

    async def verified(file: str, *more: str | Path) -> tuple[int, dict[str, Any]]:
        done = await run(world, "verify", tmp_path / file, "--json", *more)
        report = json.loads(done.stdout)
        assert report["verdict"] == Verdict(done.returncode).name
        return done.returncode, report

    trusted, against = ("--policy", tmp_path / "policy.json"), ("--against", tmp_path / "receipt.txt")
    code, report = await verified("bundle.ndjson", *trusted, *against, "--strict")
    assert (code, report["found"], report["counts"]["items"]) == (0, {}, 1)
    assert (await verified("bundle.ndjson"))[0] == 3

    at = content.index(b"transfer")
    (tmp_path / "byte.ndjson").write_bytes(content[:at] + b"T" + content[at + 1 :])
    code, report = await verified("byte.ndjson", *against)
    assert (code, report["found"]["framing"]) == (2, 1)
    changed = ended((tmp_path / "byte.ndjson").read_bytes().splitlines(keepends=True))
    (tmp_path / "changed.ndjson").write_bytes(changed)
    assert (await verified("changed.ndjson", *against))[0] == 1

    policy = json.loads((tmp_path / "policy.json").read_text(encoding="utf-8"))
    stranger = format_vkey(verifier_key(policy["origin"], Ed25519PrivateKey.generate().public_key()))
    (tmp_path / "policy.json").write_text(json.dumps({**policy, "vkeys": [stranger]}), encoding="utf-8")
    code, report = await verified("bundle.ndjson", *trusted, *against)
    assert code == 1
    assert "key_unknown" in report["found"]


async def test_every_byte_of_the_events_in_a_bundle_counts(world: Sealed, tmp_path: Path) -> None:
    """Whoever changes one also tells the end anew: it is never taken for what was recorded."""
    content = await bundled(world, tmp_path)
    note, rng = (tmp_path / "receipt.txt").read_text(encoding="utf-8"), random.Random(3)
    first, last = content.index(b'{"body":'), content.index(b'{"row":{')
    for _ in range(150):
        place = rng.randrange(first, last - 1)
        other = rng.choice([byte for byte in b'0123456789abcdef"{}[],:A' if byte != content[place]])
        lines = (content[:place] + bytes([other]) + content[place + 1 :]).splitlines(keepends=True)
        found = verify(ended(lines).splitlines(keepends=True), Asked(strict=True, against=(note,)))
        assert found.exit_code in {1, 2}, (place, content[max(0, place - 60) : place + 20], other)
