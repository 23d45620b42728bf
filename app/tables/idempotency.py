"""Replies kept for a day, so that a retried write is answered and not repeated."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Column, DateTime, Index, LargeBinary, String, Text, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import Field, SQLModel

from app.tables.base import integer

PRINCIPAL_LENGTH = 80
KEY_LENGTH = 200


class IdempotencyRecord(SQLModel, table=True):
    """One committed write of one caller; the fingerprint tells a retry from another request under the same key."""

    __tablename__ = "idempotency_record"
    __table_args__ = (
        CheckConstraint("octet_length(fingerprint) = 32", name="fingerprint"),
        CheckConstraint("status BETWEEN 200 AND 299", name="status"),
        Index(None, "created_at"),
    )

    principal: str = Field(sa_column=Column(String(PRINCIPAL_LENGTH), primary_key=True))
    key: str = Field(sa_column=Column(String(KEY_LENGTH), primary_key=True))
    fingerprint: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    status: int = integer()
    headers: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    body: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    created_at: datetime = Field(
        sa_column=Column(DateTime(timezone=True), nullable=False, server_default=text("now()"))
    )
