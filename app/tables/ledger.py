"""A ledger, its versioned policy, and the dictionaries an item refers to."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import SQLModel

from app.tables.base import day, document, flag, instant, integer, integer_key, key, line, one_of, prose, ref


class Ledger(SQLModel, table=True):
    """One campaign, source batch or year; the supervision office of `unit_id` runs it."""

    __tablename__ = "ledger"
    __table_args__ = (
        one_of("status", ("open", "archived")),
        Index("ix_ledger_unit_id", "unit_id"),
    )
    id: UUID = key()
    code: str = line(32, unique=True)
    name: str = line(200)
    description: str | None = prose(null=True)
    unit_id: UUID = ref("unit.id")
    status: str = line(16)
    starts_on: date | None = day(null=True)
    ends_on: date | None = day(null=True)
    policy_version: int = integer(default=1)
    version: int = integer(default=1)
    created_at: datetime = instant()
    updated_at: datetime = instant()


class LedgerPolicy(SQLModel, table=True):
    """Append-only: a submission pins the version it was judged by."""

    __tablename__ = "ledger_policy"
    ledger_id: UUID = ref("ledger.id", primary=True)
    policy_version: int = integer_key()
    rules: dict[str, Any] = document()
    reason: str | None = prose(null=True)
    created_by: UUID | None = ref("person.id", null=True)
    created_at: datetime = instant()


class NumberCounter(SQLModel, table=True):
    """The last serial issued per ledger and Beijing year; raised inside the registering transaction, so never a gap."""

    __tablename__ = "number_counter"
    ledger_id: UUID = ref("ledger.id", primary=True)
    year: int = integer_key()
    last: int = integer()


class Category(SQLModel, table=True):
    __tablename__ = "category"
    __table_args__ = (Index("ix_category_parent_id", "parent_id"),)
    id: UUID = key()
    parent_id: UUID | None = ref("category.id", null=True)
    code: str = line(64, unique=True)
    name_zh: str = line(100)
    name_en: str = line(100)
    active: bool = flag(default=True)
    sort_order: int = integer(default=0)
    version: int = integer(default=1)
    created_at: datetime = instant()
    updated_at: datetime = instant()


class SourceType(SQLModel, table=True):
    """Where problems come from; each version carries the JSON Schema of the extra fields of that source."""

    __tablename__ = "source_type"
    __table_args__ = (UniqueConstraint("code", "schema_version"),)
    id: UUID = key()
    code: str = line(64)
    schema_version: int = integer()
    name_zh: str = line(100)
    name_en: str = line(100)
    json_schema: dict[str, Any] = document()
    required: list[str] = document()
    sealed: list[str] = document()
    external: bool = flag()
    active: bool = flag(default=True)
    created_at: datetime = instant()
