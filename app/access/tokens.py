"""Session tokens and API keys: made, recognised and read here; whether they still hold is asked of the database."""

from __future__ import annotations

import re
import secrets
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final, NamedTuple
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import OctKey
from joserfc.jws import JWSRegistry

from app.core import clock
from app.core.errors import Problem

LIFETIME: Final = timedelta(hours=8)
ISSUER: Final = "rectify"
AUDIENCE: Final = "rectify-api"
LONGEST: Final = 2048
KEY_PREFIX: Final = "rlk_"
_KEY = re.compile(r"rlk_[A-Za-z0-9_-]{43}\Z")
_HEADER: Final = {"alg": "HS256", "typ": "JWT"}
_CLAIMS: Final = frozenset({"iss", "aud", "sub", "epoch", "iat", "exp"})
_REGISTRY: Final = JWSRegistry(algorithms=["HS256"])


class Session(NamedTuple):
    """What a token claims: an account as of one epoch; a later epoch of the account ends it."""

    account_id: UUID
    epoch: int


def issue(key: bytes, session: Session) -> str:
    """A token good for eight hours from now, unless the account's epoch rises before."""
    now = int(clock.now().timestamp())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": str(session.account_id),
        "epoch": session.epoch,
        "iat": now,
        "exp": now + int(LIFETIME.total_seconds()),
    }
    return jwt.encode(_HEADER, claims, OctKey.import_key(key), registry=_REGISTRY)


def read(key: bytes, token: str) -> Session:
    """Raises invalid_token for everything but a token of exactly the form issued here, in time."""
    if len(token) > LONGEST:
        raise Problem("invalid_token")
    said = _signed(key, token)
    if not said.issued - 60 <= clock.now().timestamp() < said.expires:
        raise Problem("invalid_token")
    return said.session


class _Said(NamedTuple):
    session: Session
    issued: int
    expires: int


@lru_cache(maxsize=4096)
def _signed(key: bytes, token: str) -> _Said:
    """What a token says, once its signature holds, which never changes; whether it is in time is asked every time."""
    try:
        decoded = jwt.decode(token, OctKey.import_key(key), registry=_REGISTRY)
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        raise Problem("invalid_token") from None
    if decoded.header != _HEADER:
        raise Problem("invalid_token")
    return _said(decoded.claims)


def _said(claims: dict[str, Any]) -> _Said:
    numbers = [claims.get(name) for name in ("epoch", "iat", "exp")]
    formed = set(claims) == _CLAIMS and claims["iss"] == ISSUER and claims["aud"] == AUDIENCE
    if not formed or not all(type(number) is int for number in numbers):
        raise Problem("invalid_token")
    epoch, issued, expires = (int(number) for number in numbers if number is not None)
    if expires > issued + LIFETIME.total_seconds() or not 0 < epoch < 2**31:
        raise Problem("invalid_token")
    try:
        return _Said(Session(UUID(claims["sub"]), epoch), issued, expires)
    except (ValueError, AttributeError, TypeError):
        raise Problem("invalid_token") from None


class NewKey(NamedTuple):
    """An API key at its one moment of being known; the digest is all that is kept."""

    secret: str
    digest: str
    hint: str


def new_api_key() -> NewKey:
    """A fresh key; only its holder will ever have it again."""
    secret = KEY_PREFIX + secrets.token_urlsafe(32)
    return NewKey(secret, api_key_digest(secret), secret[:8])


def api_key_digest(secret: str) -> str:
    """256 random bits need no slow hash: nobody can guess what this digest belongs to."""
    return sha256(secret.encode()).hexdigest()


def is_api_key(secret: str) -> bool:
    """Whether it has the form of our keys, which spares the database a look."""
    return _KEY.match(secret) is not None


def expired(at: datetime) -> bool:
    """Whether an instant has come."""
    return at <= clock.now()
