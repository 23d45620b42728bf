"""Whatever is not exactly a token issued here, in time, is refused."""

from __future__ import annotations

import base64
import hmac
import json
import os
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256, sha512
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from app.access import keyfiles, tokens
from app.core import clock
from app.core.errors import Problem
from app.core.ids import uuid7

KEY = bytes(range(32))
SESSION = tokens.Session(uuid7(), 3)
HEADER = {"alg": "HS256", "typ": "JWT"}


def b64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def part(value: Any) -> str:
    return b64(value if isinstance(value, bytes) else json.dumps(value).encode())


def claims(**changes: Any) -> dict[str, Any]:
    now = int(clock.now().timestamp())
    usual = {"iss": "rectify", "aud": "rectify-api", "sub": str(SESSION.account_id), "epoch": 3}
    return {**usual, "iat": now, "exp": now + 3600, **changes}


def forged(header: Any = HEADER, body: Any = None, key: bytes = KEY, digest: Any = sha256) -> str:
    signed = f"{part(header)}.{part(claims() if body is None else body)}"
    return f"{signed}.{b64(hmac.digest(key, signed.encode(), digest))}"


def without(name: str) -> dict[str, Any]:
    return {key: value for key, value in claims().items() if key != name}


def unsigned(alg: str) -> str:
    return f"{part({**HEADER, 'alg': alg})}.{part(claims())}."


def tampered() -> str:
    head, _, signature = tokens.issue(KEY, SESSION).split(".")
    return f"{head}.{part(claims(sub=str(uuid7())))}.{signature}"


def signed_by_rsa() -> str:
    private = rsa.generate_private_key(65537, 2048)
    signed = f"{part({**HEADER, 'alg': 'RS256'})}.{part(claims())}"
    return f"{signed}.{b64(private.sign(signed.encode(), PKCS1v15(), SHA256()))}"


def hmac_with_a_public_key() -> str:
    public = rsa.generate_private_key(65537, 2048).public_key()
    return forged(key=public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def cut(places: slice) -> str:
    return ".".join(tokens.issue(KEY, SESSION).split(".")[places])


ATTACKS: dict[str, Callable[[], str]] = {
    "no algorithm": lambda: unsigned("none"),
    "no algorithm, odd case": lambda: unsigned("nOnE"),
    "algorithm missing": lambda: forged({"typ": "JWT"}),
    "HS256 announced, nothing signed": lambda: unsigned("HS256"),
    "wrong key": lambda: forged(key=os.urandom(32)),
    "empty key": lambda: forged(key=b""),
    "key named by the token": lambda: forged({**HEADER, "kid": "../../dev/null"}, key=b""),
    "key id that queries": lambda: forged({**HEADER, "kid": "x' UNION SELECT 'k"}),
    "key embedded in the token": lambda: forged({**HEADER, "jwk": {"kty": "oct", "k": b64(KEY)}}),
    "key fetched from elsewhere": lambda: forged({**HEADER, "jku": "https://evil.example/jwks"}),
    "certificate from elsewhere": lambda: forged({**HEADER, "x5u": "https://evil.example/x"}),
    "another hash of the same key": lambda: forged({**HEADER, "alg": "HS512"}, digest=sha512),
    "signed by RSA": signed_by_rsa,
    "HMAC with a public key": hmac_with_a_public_key,
    "critical header nobody knows": lambda: forged({**HEADER, "crit": ["b64"], "b64": False}),
    "compressed": lambda: forged({**HEADER, "zip": "DEF"}),
    "another kind of token": lambda: forged({**HEADER, "typ": "at+jwt"}),
    "payload changed": tampered,
    "signature cut off": lambda: tokens.issue(KEY, SESSION)[:-6],
    "signature missing": lambda: cut(slice(0, 2)),
    "parts missing": lambda: cut(slice(0, 1)),
    "a part too many": lambda: tokens.issue(KEY, SESSION) + ".x",
    "expired": lambda: forged(body=claims(iat=1_000_000_000, exp=1_000_003_600)),
    "never expires": lambda: forged(body=without("exp")),
    "lives longer than tokens do": lambda: forged(body=claims(exp=int(clock.now().timestamp()) + 10**6)),
    "expiry as text": lambda: forged(body=claims(exp="99999999999")),
    "expiry as truth": lambda: forged(body=claims(exp=True)),
    "expiry infinite": lambda: forged(body=claims(exp=float("inf"))),
    "issued in the future": lambda: forged(body=claims(iat=int(clock.now().timestamp()) + 3600)),
    "another audience": lambda: forged(body=claims(aud="other")),
    "several audiences": lambda: forged(body=claims(aud=["rectify-api", "other"])),
    "another issuer": lambda: forged(body=claims(iss="other")),
    "no account": lambda: forged(body=without("sub")),
    "account is no id": lambda: forged(body=claims(sub="admin")),
    "account is a list": lambda: forged(body=claims(sub=[str(SESSION.account_id)])),
    "epoch negative": lambda: forged(body=claims(epoch=-1)),
    "epoch beyond a column": lambda: forged(body=claims(epoch=2**40)),
    "epoch as text": lambda: forged(body=claims(epoch="3")),
    "claims of its own": lambda: forged(body=claims(roles=["system_admin"])),
    "payload is a list": lambda: forged(body=[1]),
    "payload is no JSON": lambda: forged(body=b"{"),
    "header is no JSON": lambda: forged(b"{"),
    "a megabyte": lambda: forged(body=claims(pad="x" * 1_000_000)),
    "empty": lambda: "",
    "dots": lambda: "..",
    "no letters": lambda: "\u0000.\u4e2d.\ud83d\ude00",
}


def test_a_token_issued_here_is_read_back() -> None:
    assert tokens.read(KEY, tokens.issue(KEY, SESSION)) == SESSION


def test_the_forger_of_these_tests_can_make_a_good_token() -> None:
    assert tokens.read(KEY, forged()) == SESSION


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
def test_an_attacker_is_refused(attack: Callable[[], str]) -> None:
    with pytest.raises(Problem) as refused:
        tokens.read(KEY, attack())
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
