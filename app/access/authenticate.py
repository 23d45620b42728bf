"""From a bearer credential or a browser's cookie to an actor, in one statement: nothing about a caller outlives the request.

Revoking a grant, a key, an account or a delegation therefore works from the next request on.
"""

from __future__ import annotations

from datetime import date
from hashlib import blake2s
from typing import Final, NamedTuple
from uuid import UUID

from app.access import cookies, tokens
from app.access.actor import Actor, Grant
from app.access.cookies import Asking
from app.access.permissions import FINDER_ROLES, LENDABLE, OFFICE_ROLES, READING_ROLES, Permission, Role
from app.core import clock
from app.core.db import Reader, Row
from app.core.errors import Problem
from app.core.negotiation import Language


def _codes(roles: frozenset[Role]) -> str:
    return ",".join(f"'{role}'" for role in sorted(roles))


_IN_FORCE: Final = (
    "{0}.revoked_at IS NULL AND {0}.starts_on <= $4::date AND ({0}.ends_on IS NULL OR {0}.ends_on >= $4::date)"
)

_WHO: Final = """
  SELECT a.id AS account_id, NULL::uuid AS api_key_id, a.person_id, p.name, NULL::varchar[] AS scopes,
    NULL::uuid AS key_unit_id, NULL::timestamptz AS expires_at, a.epoch, a.must_change_password
  FROM account a JOIN person p ON p.id = a.person_id
  WHERE a.id = $1::uuid AND a.epoch = $2::int AND a.active AND p.active
  UNION ALL
  SELECT NULL, k.id, k.person_id, coalesce(p.name, k.name), k.scopes,
    CASE WHEN k.person_id IS NULL THEN k.unit_id END, k.expires_at, 0, false
  FROM api_key k LEFT JOIN person p ON p.id = k.person_id
  WHERE k.digest = $3::varchar AND k.revoked_at IS NULL AND (k.person_id IS NULL OR p.active)
  LIMIT 1
"""
_GRANTED: Final = f"""
  SELECT g.role, g.unit_id, NULL::uuid AS principal_id FROM role_grant g
  WHERE g.person_id = who.person_id AND {_IN_FORCE.format("g")}
  UNION ALL
  SELECT g.role, g.unit_id, d.principal_id
  FROM delegation d JOIN person p ON p.id = d.principal_id AND p.active
    JOIN role_grant g ON g.person_id = d.principal_id AND g.role = ANY(d.roles)
  WHERE d.delegate_id = who.person_id AND g.role IN ({_codes(LENDABLE)})
    AND {_IN_FORCE.format("d")} AND {_IN_FORCE.format("g")}
  UNION ALL
  SELECT '{Role.INTEGRATION}', who.key_unit_id, NULL WHERE who.key_unit_id IS NOT NULL
"""  # noqa: S608 - only role codes of this program are put in
# There is one caller at most, and saying so lets the planner keep one plan instead of making one a request.
ACTOR_CTE: Final = f"""
WITH actor AS MATERIALIZED (
  SELECT who.*, coalesce(who.key_unit_id, seat.unit_id) AS unit_id, seat.id AS post_id,
    held.roles, held.units, held.principals, held.reading, held.offices, held.desks, held.persons,
    reach.whole_tree,
    who.scopes IS NULL OR '{Permission.RESTRICTED_READ}' = ANY(who.scopes) AS unsealed
  FROM ({_WHO}) who
  LEFT JOIN LATERAL (
    SELECT t.id, t.unit_id FROM post t
    WHERE t.person_id = who.person_id AND t.starts_on <= $4::date AND (t.ends_on IS NULL OR t.ends_on >= $4::date)
    ORDER BY t.is_primary DESC, t.starts_on, t.id LIMIT 1
  ) seat ON true
  CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(role ORDER BY role, unit_id, principal_id), '{{}}') AS roles,
      coalesce(array_agg(unit_id ORDER BY role, unit_id, principal_id), '{{}}') AS units,
      coalesce(array_agg(principal_id ORDER BY role, unit_id, principal_id), '{{}}') AS principals,
      coalesce(array_agg(unit_id) FILTER (WHERE role IN ({_codes(READING_ROLES)})), '{{}}') AS reading,
      coalesce(array_agg(unit_id) FILTER (WHERE role IN ({_codes(OFFICE_ROLES)})), '{{}}') AS offices,
      coalesce(array_agg(unit_id)
        FILTER (WHERE role IN ({_codes(FINDER_ROLES)}) AND principal_id IS NULL), '{{}}') AS desks,
      array_remove(array_agg(principal_id) || who.person_id, NULL) AS persons
    FROM ({_GRANTED}) g
  ) held
  CROSS JOIN LATERAL (
    SELECT cardinality(held.reading) > 0
      AND NOT EXISTS (SELECT FROM unit r WHERE r.parent_id IS NULL AND r.id <> ALL(held.reading)) AS whole_tree
  ) reach
)
"""  # noqa: S608 - only role codes of this program are put in
"""One row for a caller in force, else none; $1 account id, $2 epoch, $3 digest of the API key, $4 today in China.

A statement continues behind it, with its own parameters from $5 on. The columns are read by `actor_from_row`; the
arrays `reading`, `offices`, `desks`, `persons` and the flag `unsealed` are what `scope` builds its predicates on.
"""
ACTOR_COLUMNS: Final = """
  actor.account_id, actor.api_key_id, actor.person_id, actor.name, actor.scopes, actor.expires_at, actor.epoch,
  actor.must_change_password, actor.unit_id, actor.post_id, actor.roles, actor.units, actor.principals, actor.whole_tree
"""
"""What `actor_from_row` reads; the rest is for conditions, and an array costs its reader more than a word."""
ACTOR_SQL: Final = f"{ACTOR_CTE} SELECT {ACTOR_COLUMNS} FROM actor"  # noqa: S608 - two constants


class Credential(NamedTuple):
    """The first four arguments of every statement that begins with ACTOR_CTE."""

    account_id: UUID | None
    epoch: int | None
    digest: str | None
    today: date


def credential_of(request: Asking) -> Credential:
    """Reads the Authorization header, or without one the session cookie.

    Raises unauthenticated where there is neither, invalid_token for one that cannot be ours, csrf_refused for a write
    that a browser sent of its own accord.
    """
    given = request.headers.get("authorization")
    if given is None:
        return _from_cookie(request)
    scheme, _, secret = given.partition(" ")
    secret = secret.strip()
    if scheme.lower() != "bearer" or not secret:
        raise Problem("unauthenticated", headers={"WWW-Authenticate": "Bearer"})
    if secret.startswith(tokens.KEY_PREFIX):
        if not tokens.is_api_key(secret):
            raise invalid_token()
        return Credential(None, None, tokens.api_key_digest(secret), clock.today())
    return _from_token(session_key(request), secret)


def _from_cookie(request: Asking) -> Credential:
    token = cookies.token_of(request)
    if token is None:
        raise Problem("unauthenticated", headers={"WWW-Authenticate": "Bearer"})
    key = session_key(request)
    credential = _from_token(key, token)
    cookies.require_csrf(request, key, token)
    return credential


def _from_token(key: bytes, token: str) -> Credential:
    try:
        session = tokens.read(key, token)
    except Problem:
        raise invalid_token() from None
    return Credential(session.account_id, session.epoch, None, clock.today())


def session_key(request: Asking) -> bytes:
    """What session tokens are signed with; raises unavailable until the database has said which key is in force."""
    key: bytes | None = request.scope["app"].state.session_key
    if key is None:
        raise Problem("unavailable")
    return key


async def authenticate(db: Reader, request: Asking) -> Actor:
    """The caller as of now, or 401."""
    row = await db.fetchrow(ACTOR_SQL, *credential_of(request))
    return actor_from_row(row, request.scope["rectify.language"])


def actor_from_row(row: Row | None, language: Language) -> Actor:
    """The actor of a statement that began with ACTOR_CTE; no row, or a key past its hour, is 401 invalid_token."""
    if row is None or (row["expires_at"] is not None and tokens.expired(row["expires_at"])):
        raise invalid_token()
    is_person = row["account_id"] is not None
    grants = tuple(map(_grant, row["roles"], row["units"], row["principals"]))
    scopes = row["scopes"]
    return Actor(
        kind="person" if is_person else "api_key",
        account_id=row["account_id"],
        api_key_id=row["api_key_id"],
        person_id=row["person_id"],
        name=row["name"],
        unit_id=row["unit_id"],
        post_id=row["post_id"],
        auth="password" if is_person else "api_key",
        grants=grants,
        principal_ids=frozenset(row["principals"]) - {None},
        scopes=None if scopes is None else frozenset(_PERMISSIONS[code] for code in scopes if code in _PERMISSIONS),
        stamp=_stamp(row),
        whole_tree=row["whole_tree"],
        language=language,
        must_change_password=row["must_change_password"],
    )


_ROLES: Final = {role.value: role for role in Role}
_PERMISSIONS: Final = {permission.value: permission for permission in Permission}


def _grant(role: str, unit_id: UUID, principal_id: UUID | None) -> Grant:
    return Grant(_ROLES[role], unit_id, principal_id)


def _stamp(row: Row) -> str:
    """Differs whenever anything that decides about access differs, so that no cached answer survives a revocation."""
    digest = blake2s(digest_size=8)
    digest.update(f"{row['account_id'] or row['api_key_id']}.{row['epoch']}.{row['roles']}.{row['scopes']}".encode())
    for held in (row["units"], row["principals"]):
        digest.update(b"".join(b"-" if unit is None else unit.bytes for unit in held))
    return digest.hexdigest()


def invalid_token() -> Problem:
    return Problem("invalid_token", headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})
