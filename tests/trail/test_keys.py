"""Which keys a log has in force: made once, shared by whoever has the files, replaced without losing any."""

import asyncio
import json
from pathlib import Path

import pytest

from app.access import keyfiles
from app.trail import keys
from app.trail.keys import SEALING, SERVING, WrongKeyError, hold, rotate, vkeys
from app.trail.proof.notes import parse_note, parse_vkey, verify_note
from tests.trail.make import History

TYPES = "SELECT subject_kind, type FROM event ORDER BY at, id"


async def types(history: History) -> list[tuple[str, str]]:
    return [(row["subject_kind"], row["type"]) for row in await history.db.fetch(TYPES)]


async def test_the_first_start_makes_the_keys_and_says_so_in_the_log(history: History, tmp_path: Path) -> None:
    held = await hold(history.db, tmp_path)
    assert await types(history) == [("log", "log.opened"), *[("key", "key.added")] * len(SERVING)]
    assert len({held.session, held.cursor, held.secrets["receipt"]}) == 3
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "keys").iterdir()}
    assert modes == {f"{name}.key": 0o600 for name in SERVING}


async def test_the_next_start_holds_the_same_keys_and_records_nothing(history: History, tmp_path: Path) -> None:
    first = await hold(history.db, tmp_path)
    before = await types(history)
    assert await hold(history.db, tmp_path) == first
    assert await types(history) == before


async def test_processes_that_start_at_once_agree(history: History, tmp_path: Path) -> None:
    held = await asyncio.gather(*(hold(history.db, tmp_path) for _ in range(6)))
    assert all(one == held[0] for one in held)
    assert len(await types(history)) == 1 + len(SERVING)


async def test_a_process_with_other_keys_is_refused_and_makes_none(history: History, tmp_path: Path) -> None:
    await hold(history.db, tmp_path / "one")
    with pytest.raises(WrongKeyError) as caught:
        await hold(history.db, tmp_path / "two")
    assert caught.value.name == "session"
    assert not list((tmp_path / "two/keys").iterdir())


async def test_what_is_told_of_a_key_does_not_tell_the_key(history: History, tmp_path: Path) -> None:
    held = await hold(history.db, tmp_path)
    told = await history.db.fetch("SELECT body FROM event UNION ALL SELECT value FROM event_disclosure")
    text = "\n".join(row[0] for row in told)
    assert not any(secret.hex() in text for secret in held.secrets.values())
    assert all(keys.fingerprint(name, secret) in text for name, secret in held.secrets.items())


async def test_a_rotated_key_signs_from_then_on_and_the_old_one_still_verifies(
    history: History, tmp_path: Path
) -> None:
    old = (await hold(history.db, tmp_path)).signer("receipt")
    await rotate(history.db, tmp_path, "receipt")
    new = (await hold(history.db, tmp_path)).signer("receipt")
    assert (new.name, new.vkey == old.vkey) == (old.name, False)
    known = [parse_vkey(row["vkey"]) for row in await vkeys(history.db) if row["vkey"]]
    for signer in (old, new):
        note = parse_note(signer.sign("text\n").encode())
        assert verify_note(note, known) == [parse_vkey(signer.vkey)]
    assert (await types(history))[-2:] == [("key", "key.retired"), ("key", "key.added")]


async def test_a_rotation_that_breaks_off_leaves_the_old_key_in_force(history: History, tmp_path: Path) -> None:
    before = await hold(history.db, tmp_path)
    keyfiles.another(tmp_path, "receipt")  # the new file was written, and then the machine lost power
    assert await hold(history.db, tmp_path) == before


async def test_nobody_rotates_a_key_they_do_not_hold(history: History, tmp_path: Path) -> None:
    await hold(history.db, tmp_path / "one")
    with pytest.raises(WrongKeyError):
        await rotate(history.db, tmp_path / "two", "receipt")


async def test_the_names_in_notes_tell_log_and_purpose(history: History, tmp_path: Path) -> None:
    held = await hold(history.db, tmp_path, (*SERVING, *SEALING))
    assert held.signer("checkpoint").name == held.origin
    assert held.signer("receipt").name == f"{held.origin}/receipt"
    [opened] = await history.db.fetch("SELECT field, value FROM event_disclosure WHERE field = 'origin'")
    assert json.loads(opened["value"]) == held.origin
