"""The naming convention and the column kinds every table uses; tables hold columns, keys and checks, never rules."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import (
    ARRAY,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    String,
    Text,
    TextClause,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

HALF = "(uuid_hash({}) & 1)::boolean"
"""Which of two halves of all items an id falls into, even though ids of one day begin alike: what one core each counts."""


def half_of(column: str) -> TextClause:
    """As the first key of an index, so that a half is read without the other."""
    return text(f"({HALF.format(column)})")


def key() -> Any:
    """The UUIDv7 primary key; made by the service, never by a sequence, so that shards need no coordination."""
    return Field(sa_type=Uuid, primary_key=True)


def ref(target: str, *, null: bool = False, primary: bool = False, index: bool = False) -> Any:
    return Field(
        default=None if null else ...,
        sa_column=Column(Uuid, ForeignKey(target), nullable=null, primary_key=primary, index=index),
    )


def uuid_(*, null: bool = False, index: bool = False) -> Any:
    return Field(default=None if null else ..., sa_column=Column(Uuid, nullable=null, index=index))


def line(length: int, *, null: bool = False, unique: bool = False) -> Any:
    return Field(default=None if null else ..., sa_column=Column(String(length), nullable=null, unique=unique))


def prose(*, null: bool = False) -> Any:
    return Field(default=None if null else ..., sa_column=Column(Text, nullable=null))


def integer(*, null: bool = False, default: int | None = None) -> Any:
    server = None if default is None else str(default)
    return Field(
        default=None if null else (... if default is None else default),
        sa_column=Column(Integer, nullable=null, server_default=server),
    )


def integer_key() -> Any:
    return Field(sa_column=Column(Integer, primary_key=True, autoincrement=False))


def flag(*, default: bool = False) -> Any:
    return Field(default=default, sa_column=Column(Boolean, nullable=False, server_default=text(str(default).lower())))


def instant(*, null: bool = False) -> Any:
    return Field(default=None if null else ..., sa_column=Column(DateTime(timezone=True), nullable=null))


def day(*, null: bool = False) -> Any:
    return Field(default=None if null else ..., sa_column=Column(Date, nullable=null))


def document(*, null: bool = False) -> Any:
    return Field(default=None if null else ..., sa_column=Column(JSONB, nullable=null))


def uuids(*, null: bool = False) -> Any:
    return Field(default=None if null else ..., sa_column=Column(ARRAY(Uuid), nullable=null, server_default="{}"))


def words(length: int = 40) -> Any:
    return Field(default_factory=list, sa_column=Column(ARRAY(String(length)), nullable=False, server_default="{}"))


def one_of(column: str, values: Iterable[str], *, null: bool = False) -> CheckConstraint:
    """Codes are text with a CHECK: adding one is a cheap migration, unlike a PostgreSQL enum type."""
    listed = ",".join(f"'{value}'" for value in values)
    test = f"{column} IN ({listed})"
    return CheckConstraint(f"{column} IS NULL OR {test}" if null else test, name=column)


def period(start: str, end: str) -> CheckConstraint:
    return CheckConstraint(f"{end} IS NULL OR {start} IS NULL OR {end} >= {start}", name=f"{start}_{end}")


def day_key() -> Any:
    return Field(sa_column=Column(Date, primary_key=True))


def recorded(table: str) -> ForeignKeyConstraint:
    """The tripwire: a row whose last change has no event of its item cannot be committed."""
    return ForeignKeyConstraint(
        ["item_id", "changed_seq"],
        ["event.subject_id", "event.seq"],
        name=f"fk_{table}_event",
        deferrable=True,
        initially="DEFERRED",
    )
