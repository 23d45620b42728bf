"""Where events are pushed to, how far each receiver has got, and what became of every attempt.

What is still to be sent is no table: it is the log behind an endpoint's cursor, and the few events held back beside it.
No secret is here: it follows from a key of the service, the endpoint's id and its generation.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, Column, Index, Uuid, text
from sqlmodel import Field, SQLModel

from app.tables.base import instant, integer, key, line, one_of, prose, ref, uuid_, words


def position(*, null: bool = False) -> Any:
    return Field(default=None if null else ..., sa_column=Column(BigInteger, nullable=null))


class WebhookEndpoint(SQLModel, table=True):
    """`version` counts what people and the service decided; the columns from `cursor` on only follow the deliveries.

    Everything up to `cursor` is delivered, held, or not for this owner; `ahead` are positions behind it that are, too.
    """

    __tablename__ = "webhook_endpoint"
    __table_args__ = (
        one_of("state", ("active", "paused", "disabled")),
        CheckConstraint("num_nonnulls(owner_account_id, owner_api_key_id) = 1", name="owner"),
        Index("ix_webhook_endpoint_due", "due_at", postgresql_where="state = 'active'"),
    )
    id: UUID = key()
    owner_account_id: UUID | None = ref("account.id", null=True)
    owner_api_key_id: UUID | None = ref("api_key.id", null=True)
    url: str = prose()
    description: str | None = line(200, null=True)
    event_types: list[str] = words(64)
    state: str = line(16)
    state_reason: str | None = line(32, null=True)
    secret_generation: int = integer()
    secret_key: str = line(64)
    previous_key: str | None = line(64, null=True)
    rotated_at: datetime | None = instant(null=True)
    version: int = integer()
    created_at: datetime = instant()
    updated_at: datetime = instant()
    ping_id: UUID | None = uuid_(null=True)
    cursor: int = position()
    ahead: list[int] = Field(sa_column=Column(ARRAY(BigInteger), nullable=False, server_default=text("'{}'")))
    due_at: datetime = instant()
    failures: int = integer(default=0)
    failing_since: datetime | None = instant(null=True)
    last_error: str | None = line(64, null=True)
    delivered_at: datetime | None = instant(null=True)


class WebhookHeld(SQLModel, table=True):
    """An event its receiver refused, until it is taken or set aside, and those of the same subject that wait behind it.

    Only the first of a subject has a `due_at`. `body` is what was sent and will be sent again: ids, codes and a number.
    """

    __tablename__ = "webhook_held"
    __table_args__ = (
        Index("ix_webhook_held_due", "endpoint_id", "due_at", postgresql_where="due_at IS NOT NULL"),
        Index("ix_webhook_held_subject", "endpoint_id", "subject_id"),
    )
    endpoint_id: UUID = ref("webhook_endpoint.id", primary=True)
    position: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    event_id: UUID = uuid_()
    subject_kind: str = line(32)
    subject_id: UUID = uuid_()
    body: str = prose()
    attempts: int = integer()
    due_at: datetime | None = instant(null=True)


class WebhookAttempt(SQLModel, table=True):
    """What became of a delivery: one row for all that went well in a row, one for each that did not; kept 30 days."""

    __tablename__ = "webhook_attempt"
    __table_args__ = (
        one_of("outcome", ("delivered", "away", "refused", "set_aside", "gone")),
        Index("ix_webhook_attempt_endpoint", "endpoint_id", "id"),
        Index("ix_webhook_attempt_at", "at"),
        Index("ix_webhook_attempt_set_aside", "endpoint_id", "event_id", postgresql_where="outcome = 'set_aside'"),
    )
    id: UUID = key()
    endpoint_id: UUID = ref("webhook_endpoint.id")
    at: datetime = instant()
    outcome: str = line(16)
    events: int = integer()
    first_position: int | None = position(null=True)
    last_position: int | None = position(null=True)
    event_id: UUID | None = Field(default=None, sa_column=Column(Uuid, nullable=True))
    attempt: int = integer()
    http_status: int | None = integer(null=True)
    error: str | None = line(64, null=True)
    duration_ms: int = integer()
