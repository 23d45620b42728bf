"""Whatever is not exactly a token issued here, in time, is refused."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from app.access import keyfiles, tokens
from app.core import clock
from app.core.errors import Problem
from app.core.ids import uuid7
from tests.access.forging import ATTACKS, Attack, Forger

KEY = bytes(range(32))
SESSION = tokens.Session(uuid7(), 3)
FORGER = Forger(KEY, SESSION)


def test_a_token_issued_here_is_read_back() -> None:
    assert tokens.read(KEY, tokens.issue(KEY, SESSION)) == SESSION


def test_the_forger_of_these_tests_can_make_a_good_token() -> None:
    assert tokens.read(KEY, FORGER.forged()) == SESSION


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_an_attacker_is_refused(attack: Attack) -> None:
    with pytest.raises(Problem) as refused:
        tokens.read(KEY, attack(FORGER))
    assert refused.value.code == "invalid_token"


def test_a_session_ends_after_eight_hours() -> None:
    token = tokens.issue(KEY, SESSION)
    with clock.travel(timedelta(hours=7, minutes=59)):
        assert tokens.read(KEY, token) == SESSION
    with clock.travel(timedelta(hours=8, seconds=1)), pytest.raises(Problem):
        tokens.read(KEY, token)


def test_api_keys_are_long_and_only_their_digest_is_kept() -> None:
    made = tokens.new_api_key()
    assert tokens.is_api_key(made.secret)
    assert made.secret.startswith(made.hint)
    assert made.digest == sha256(made.secret.encode()).hexdigest()
    assert len({tokens.new_api_key().secret for _ in range(100)}) == 100
    assert not tokens.is_api_key(made.secret + "x")


def test_a_signing_key_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    first = keyfiles.key(tmp_path, "session")
    assert keyfiles.key(tmp_path, "session") == first
    assert (tmp_path / "keys" / "session.key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700
    assert sorted(path.name for path in (tmp_path / "keys").iterdir()) == ["session.key"]
    assert keyfiles.key(tmp_path, "other") != first


def test_a_key_made_anew_lies_beside_the_first_one(tmp_path: Path) -> None:
    first, second = keyfiles.key(tmp_path, "receipt"), keyfiles.another(tmp_path, "receipt")
    keyfiles.key(tmp_path, "receipts")
    assert first != second
    assert list(keyfiles.every(tmp_path, "receipt")) == [first, second]
    assert keyfiles.key(tmp_path, "receipt") == first


def test_a_signing_key_others_may_read_is_not_used(tmp_path: Path) -> None:
    keyfiles.key(tmp_path, "session")
    (tmp_path / "keys" / "session.key").chmod(0o644)
    with pytest.raises(PermissionError):
        keyfiles.key(tmp_path, "session")
