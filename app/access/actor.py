"""Who is asking: one immutable value, made anew for every request from what the database says at that moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple
from uuid import UUID

from app.access.permissions import (
    ADMINISTRATORS,
    BASE,
    FINDER_ROLES,
    GRANTS,
    OFFICE_ROLES,
    READING_ROLES,
    Permission,
    Role,
)
from app.core import clock
from app.core.etag import item_etag
from app.core.negotiation import DEFAULT_LANGUAGE, Language

Kind = Literal["person", "api_key", "system"]
Auth = Literal["password", "api_key", "system"]


class Grant(NamedTuple):
    """A role over a unit and all below it; `principal_id` names whose it is when a delegation lends it."""

    role: Role
    unit_id: UUID
    principal_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Actor:
    """The caller with everything a decision about access needs; `stamp` changes whenever any of it does."""

    kind: Kind
    account_id: UUID | None
    api_key_id: UUID | None
    person_id: UUID | None
    name: str
    unit_id: UUID | None
    post_id: UUID | None
    auth: Auth
    grants: tuple[Grant, ...] = ()
    principal_ids: frozenset[UUID] = frozenset()
    scopes: frozenset[Permission] | None = None
    stamp: str = ""
    whole_tree: bool = False
    language: Language = DEFAULT_LANGUAGE
    must_change_password: bool = False

    @property
    def principal(self) -> str:
        """Whose idempotency keys these are."""
        return f"{self.kind}:{self.account_id or self.api_key_id}"

    def etag(self, version: int) -> str:
        """The entity tag of a subject's version as this caller is shown it today."""
        return item_etag(version, clock.today(), self.stamp, self.language)

    @property
    def permissions(self) -> frozenset[Permission]:
        if self.kind == "system":
            return frozenset()
        held = _permissions(frozenset(grant.role for grant in self.grants), self.person_id is not None)
        return held if self.scopes is None else held & self.scopes

    def has(self, permission: Permission) -> bool:
        return permission in self.permissions

    def holds(self, role: Role, ancestors: Sequence[UUID]) -> bool:
        """Whether that role is held over a unit, given the unit's path from the root (itself included)."""
        for grant in self.grants:  # noqa: SIM110 - asked a dozen times an item, and a generator costs half of it
            if grant.role is role and grant.unit_id in ancestors:
                return True
        return False

    def standing_in(self, role: Role, ancestors: Sequence[UUID]) -> UUID | None:
        """The principal whose lent role is being used; None where the caller's own grant suffices or nothing covers."""
        covering = [grant.principal_id for grant in self.grants if grant.role is role and grant.unit_id in ancestors]
        return covering[0] if covering and None not in covering else None

    def has_role(self, *roles: Role) -> bool:
        return any(grant.role in roles for grant in self.grants)

    @property
    def unsealed(self) -> bool:
        """Whether restricted text is shown at all, to whom a role opens it: a key's scopes may leave it out."""
        return self.scopes is None or Permission.RESTRICTED_READ in self.scopes

    @property
    def is_administrator(self) -> bool:
        """By a grant of one's own: administrators are never stood in for."""
        return self.has_role(*ADMINISTRATORS)

    def units_of(self, roles: frozenset[Role]) -> list[UUID]:
        """The granted units of any of these roles, each once."""
        return list(dict.fromkeys(grant.unit_id for grant in self.grants if grant.role in roles))

    def persons(self) -> frozenset[UUID]:
        """The caller and everyone the caller stands in for: conflicts and namings of all of them count."""
        return self.principal_ids if self.person_id is None else self.principal_ids | {self.person_id}

    @property
    def reading_units(self) -> list[UUID]:
        return self.units_of(READING_ROLES)

    @property
    def office_units(self) -> list[UUID]:
        return self.units_of(OFFICE_ROLES)

    @property
    def finder_units(self) -> list[UUID]:
        """Lent roles are left out: a draft is nobody's business but its own desk's."""
        return [g.unit_id for g in self.grants if g.role in FINDER_ROLES and g.principal_id is None]


@lru_cache(maxsize=4096)
def _permissions(roles: frozenset[Role], is_person: bool) -> frozenset[Permission]:  # noqa: FBT001 - a cache key
    held: frozenset[Permission] = BASE if is_person else frozenset()
    return held.union(*(GRANTS[role] for role in roles))


SYSTEM = Actor(
    kind="system",
    account_id=None,
    api_key_id=None,
    person_id=None,
    name="system",
    unit_id=None,
    post_id=None,
    auth="system",
    stamp="system",
    whole_tree=True,
)
"""The worker: it finishes what time finishes, and asks for nothing over HTTP."""
