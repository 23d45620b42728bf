"""Units, people, what they hold and how they log in."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from app.tables.base import day, flag, instant, integer, key, line, one_of, period, prose, ref, uuid_, uuids, words

ROLES = [
    "first_responsible",
    "leader",
    "unit_head",
    "liaison",
    "assignee",
    "supervision_office",
    "verifier",
    "survey_runner",
    "discipline_office",
    "source_office",
    "petition_office",
    "viewer",
    "auditor",
    "system_admin",
    "security_admin",
    "audit_admin",
    "integration",
]


class Unit(SQLModel, table=True):
    """A node of the organisation tree; `ancestors` runs from the root to the unit itself and answers coverage."""

    __tablename__ = "unit"
    __table_args__ = (
        Index("ix_unit_ancestors", "ancestors", postgresql_using="gin"),
        Index("ix_unit_parent_id", "parent_id"),
        period("active_from", "active_until"),
    )
    id: UUID = key()
    parent_id: UUID | None = ref("unit.id", null=True)
    ancestors: list[UUID] = uuids()
    code: str = line(64, unique=True)
    name: str = line(200)
    short_name: str | None = line(60, null=True)
    sort_order: int = integer(default=0)
    active_from: date | None = day(null=True)
    active_until: date | None = day(null=True)
    version: int = integer(default=1)
    created_at: datetime = instant()
    updated_at: datetime = instant()


class Person(SQLModel, table=True):
    __tablename__ = "person"
    __table_args__ = (Index("ix_person_name", "name"),)
    id: UUID = key()
    name: str = line(100)
    staff_no: str | None = line(64, null=True, unique=True)
    active: bool = flag(default=True)
    version: int = integer(default=1)
    created_at: datetime = instant()
    updated_at: datetime = instant()


class Post(SQLModel, table=True):
    """A person's dated membership of a unit: what unit conflicts are judged by, grants being a separate matter."""

    __tablename__ = "post"
    __table_args__ = (
        Index("ix_post_person_id", "person_id"),
        Index("ix_post_unit_id", "unit_id"),
        period("starts_on", "ends_on"),
    )
    id: UUID = key()
    person_id: UUID = ref("person.id")
    unit_id: UUID = ref("unit.id")
    title: str = line(100)
    is_primary: bool = flag(default=True)
    starts_on: date = day()
    ends_on: date | None = day(null=True)
    version: int = integer(default=1)
    created_at: datetime = instant()
    updated_at: datetime = instant()


class RoleGrant(SQLModel, table=True):
    """A role over a unit and everything below it, for some time."""

    __tablename__ = "role_grant"
    __table_args__ = (
        Index("ix_role_grant_person_id", "person_id"),
        Index("ix_role_grant_unit_id_role", "unit_id", "role"),
        one_of("role", ROLES),
        period("starts_on", "ends_on"),
    )
    id: UUID = key()
    person_id: UUID = ref("person.id")
    role: str = line(40)
    unit_id: UUID = ref("unit.id")
    starts_on: date = day()
    ends_on: date | None = day(null=True)
    revoked_at: datetime | None = instant(null=True)
    version: int = integer(default=1)
    created_at: datetime = instant()
    updated_at: datetime = instant()


class Delegation(SQLModel, table=True):
    """One person acts for another: the principal's named roles are lent, and all the principal's conflicts come along."""

    __tablename__ = "delegation"
    __table_args__ = (
        Index("ix_delegation_delegate_id", "delegate_id"),
        Index("ix_delegation_principal_id", "principal_id"),
        period("starts_on", "ends_on"),
    )
    id: UUID = key()
    principal_id: UUID = ref("person.id")
    delegate_id: UUID = ref("person.id")
    roles: list[str] = words()
    reason: str = prose()
    starts_on: date = day()
    ends_on: date | None = day(null=True)
    revoked_at: datetime | None = instant(null=True)
    version: int = integer(default=1)
    created_at: datetime = instant()
    updated_at: datetime = instant()


class Account(SQLModel, table=True):
    """A person's local log-in; `epoch` rises on every password change or log-out everywhere and ends older tokens."""

    __tablename__ = "account"
    __table_args__ = (UniqueConstraint("person_id"),)
    id: UUID = key()
    person_id: UUID = ref("person.id")
    username: str = line(64, unique=True)
    password_hash: str = line(200)
    must_change_password: bool = flag()
    active: bool = flag(default=True)
    epoch: int = integer(default=1)
    version: int = integer(default=1)
    last_login_at: datetime | None = instant(null=True)
    created_at: datetime = instant()
    updated_at: datetime = instant()


class ApiKey(SQLModel, table=True):
    """A key for a program: only its SHA-256 is kept; a key mapped to a person acts as that person within `scopes`."""

    __tablename__ = "api_key"
    __table_args__ = (UniqueConstraint("digest"), Index("ix_api_key_person_id", "person_id"))
    id: UUID = key()
    name: str = line(100)
    hint: str = line(16)
    digest: str = line(64)
    person_id: UUID | None = ref("person.id", null=True)
    unit_id: UUID = ref("unit.id")
    scopes: list[str] = words(60)
    expires_at: datetime = instant()
    revoked_at: datetime | None = instant(null=True)
    created_by: UUID | None = ref("person.id", null=True)
    version: int = integer(default=1)
    created_at: datetime = instant()
    updated_at: datetime = instant()


class AccessMark(SQLModel, table=True):
    """One row, whose mark is another after every commit that changed who may do what: see app/access/memory.py."""

    __tablename__ = "access_mark"
    __table_args__ = (CheckConstraint("sole", name="sole"),)
    sole: bool = Field(primary_key=True)
    mark: UUID = uuid_()
