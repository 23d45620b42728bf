"""Tokens that are not quite tokens of ours: one forger for the reader of tokens alone and for the whole service."""

from __future__ import annotations

import base64
import hmac
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256, sha512
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from app.access import tokens
from app.core import clock
from app.core.ids import uuid7

HEADER = {"alg": "HS256", "typ": "JWT"}
Attack = Callable[["Forger"], str]


def b64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def part(value: Any) -> str:
    return b64(value if isinstance(value, bytes) else json.dumps(value).encode())


@dataclass(frozen=True)
class Forger:
    """Knows the key and a session in force, which makes every forgery as good as it can be."""

    key: bytes
    session: tokens.Session

    def claims(self, **changes: Any) -> dict[str, Any]:
        now = int(clock.now().timestamp())
        usual = {
            "iss": "rectify",
            "aud": "rectify-api",
            "sub": str(self.session.account_id),
            "epoch": self.session.epoch,
        }
        return {**usual, "iat": now, "exp": now + 3600, **changes}

    def forged(self, header: Any = HEADER, body: Any = None, key: bytes | None = None, digest: Any = sha256) -> str:
        signed = f"{part(header)}.{part(self.claims() if body is None else body)}"
        return f"{signed}.{b64(hmac.digest(self.key if key is None else key, signed.encode(), digest))}"

    def without(self, name: str) -> dict[str, Any]:
        return {key: value for key, value in self.claims().items() if key != name}

    def unsigned(self, alg: str) -> str:
        return f"{part({**HEADER, 'alg': alg})}.{part(self.claims())}."

    def tampered(self) -> str:
        head, _, signature = tokens.issue(self.key, self.session).split(".")
        return f"{head}.{part(self.claims(sub=str(uuid7())))}.{signature}"

    def signed_by_rsa(self) -> str:
        private = rsa.generate_private_key(65537, 2048)
        signed = f"{part({**HEADER, 'alg': 'RS256'})}.{part(self.claims())}"
        return f"{signed}.{b64(private.sign(signed.encode(), PKCS1v15(), SHA256()))}"

    def hmac_with_a_public_key(self) -> str:
        public = rsa.generate_private_key(65537, 2048).public_key()
        return self.forged(key=public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))

    def cut(self, places: slice) -> str:
        return ".".join(tokens.issue(self.key, self.session).split(".")[places])


ATTACKS: dict[str, Attack] = {
    "no algorithm": lambda f: f.unsigned("none"),
    "no algorithm, odd case": lambda f: f.unsigned("nOnE"),
    "algorithm missing": lambda f: f.forged({"typ": "JWT"}),
    "HS256 announced, nothing signed": lambda f: f.unsigned("HS256"),
    "wrong key": lambda f: f.forged(key=os.urandom(32)),
    "empty key": lambda f: f.forged(key=b""),
    "key named by the token": lambda f: f.forged({**HEADER, "kid": "../../dev/null"}, key=b""),
    "key id that queries": lambda f: f.forged({**HEADER, "kid": "x' UNION SELECT 'k"}),
    "key embedded in the token": lambda f: f.forged({**HEADER, "jwk": {"kty": "oct", "k": b64(f.key)}}),
    "key fetched from elsewhere": lambda f: f.forged({**HEADER, "jku": "https://evil.example/jwks"}),
    "certificate from elsewhere": lambda f: f.forged({**HEADER, "x5u": "https://evil.example/x"}),
    "another hash of the same key": lambda f: f.forged({**HEADER, "alg": "HS512"}, digest=sha512),
    "signed by RSA": lambda f: f.signed_by_rsa(),
    "HMAC with a public key": lambda f: f.hmac_with_a_public_key(),
    "critical header nobody knows": lambda f: f.forged({**HEADER, "crit": ["b64"], "b64": False}),
    "compressed": lambda f: f.forged({**HEADER, "zip": "DEF"}),
    "another kind of token": lambda f: f.forged({**HEADER, "typ": "at+jwt"}),
    "payload changed": lambda f: f.tampered(),
    "signature cut off": lambda f: tokens.issue(f.key, f.session)[:-6],
    "signature missing": lambda f: f.cut(slice(0, 2)),
    "parts missing": lambda f: f.cut(slice(0, 1)),
    "a part too many": lambda f: tokens.issue(f.key, f.session) + ".x",
    "expired": lambda f: f.forged(body=f.claims(iat=1_000_000_000, exp=1_000_003_600)),
    "never expires": lambda f: f.forged(body=f.without("exp")),
    "lives longer than tokens do": lambda f: f.forged(body=f.claims(exp=int(clock.now().timestamp()) + 10**6)),
    "expiry as text": lambda f: f.forged(body=f.claims(exp="99999999999")),
    "expiry as truth": lambda f: f.forged(body=f.claims(exp=True)),
    "expiry infinite": lambda f: f.forged(body=f.claims(exp=float("inf"))),
    "issued in the future": lambda f: f.forged(body=f.claims(iat=int(clock.now().timestamp()) + 3600)),
    "another audience": lambda f: f.forged(body=f.claims(aud="other")),
    "several audiences": lambda f: f.forged(body=f.claims(aud=["rectify-api", "other"])),
    "another issuer": lambda f: f.forged(body=f.claims(iss="other")),
    "no account": lambda f: f.forged(body=f.without("sub")),
    "account is no id": lambda f: f.forged(body=f.claims(sub="admin")),
    "account is a list": lambda f: f.forged(body=f.claims(sub=[str(f.session.account_id)])),
    "epoch negative": lambda f: f.forged(body=f.claims(epoch=-1)),
    "epoch beyond a column": lambda f: f.forged(body=f.claims(epoch=2**40)),
    "epoch as text": lambda f: f.forged(body=f.claims(epoch=str(f.session.epoch))),
    "claims of its own": lambda f: f.forged(body=f.claims(roles=["system_admin"])),
    "payload is a list": lambda f: f.forged(body=[1]),
    "payload is no JSON": lambda f: f.forged(body=b"{"),
    "header is no JSON": lambda f: f.forged(b"{"),
    "a megabyte": lambda f: f.forged(body=f.claims(pad="x" * 1_000_000)),
    "empty": lambda _: "",
    "dots": lambda _: "..",
    "no letters": lambda _: "\u0000.\u4e2d.\ud83d\ude00",
}
