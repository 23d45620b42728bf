"""What is sent and answered about accounts, roles and delegations."""

from __future__ import annotations

from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, SecretStr, model_validator

from app.access.passwords import LONGEST, SHORTEST
from app.access.permissions import Role
from app.core.errors import Text
from app.core.fields import Day, Instant, LongText, Username
from app.core.messages import refusal
from app.core.models import Api, Out
from app.core.paging import PageOf, PageQuery
from app.core.patching import Patch
from app.features.authority.rules import not_lendable, too_long

Password = Annotated[
    SecretStr,
    Field(
        max_length=LONGEST,
        json_schema_extra={"minLength": SHORTEST},
        description="至少 12 个字符，不含用户名 · At least 12 characters, without the user name",
    ),
]


class AccountIn(Api):
    """A log-in, or a new password for it; without `password` one is made and shown once."""

    username: Username
    password: Password | None = None
    must_change_password: bool = True


class AccountPatch(Patch):
    """Closes or opens a log-in; closing ends its sessions at once."""

    active: bool | None = None


class Account(Out):
    """A person's log-in, without anything secret."""

    id: UUID
    person_id: UUID
    username: str
    active: bool
    must_change_password: bool
    last_login_at: Instant | None
    version: int
    created_at: Instant
    updated_at: Instant


class AccountWithPassword(Account):
    """A log-in just made or reset; `password` is given once, and only when the service made it."""

    password: str | None = None


class GrantIn(Api):
    """A role over a unit and all below it, from a day on."""

    role: Role
    unit_id: UUID
    starts_on: Day | None = None
    ends_on: Day | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.starts_on is not None and self.ends_on is not None and self.ends_on < self.starts_on:
            raise refusal("ends_before_start", Text("结束日期早于开始日期", "It ends before it starts"))
        return self


class RoleGrant(Out):
    """A grant; it is in force from `starts_on` to `ends_on` unless revoked before."""

    id: UUID
    person_id: UUID
    role: Role
    unit_id: UUID
    unit_name: str
    starts_on: Day
    ends_on: Day | None
    revoked_at: Instant | None
    version: int
    created_at: Instant
    updated_at: Instant


class RoleGrantPage(PageOf[RoleGrant]):
    """All grants a person ever had, oldest first."""


class DelegationIn(Api):
    """Lends own roles to another person for some days; the caller lends unless `principal_id` says otherwise."""

    delegate_id: UUID
    principal_id: Annotated[
        UUID | None, Field(description="仅安全管理员可代他人办理 · Only the security administrator names another")
    ] = None
    roles: Annotated[tuple[Role, ...], Field(min_length=1, max_length=8)]
    reason: LongText
    starts_on: Day
    ends_on: Day

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if self.ends_on < self.starts_on:
            raise refusal("ends_before_start", Text("结束日期早于开始日期", "It ends before it starts"))
        if too_long(self.starts_on, self.ends_on):
            raise refusal("too_long", Text("委托最长一年", "A delegation lasts a year at most"))
        if not_lendable(self.roles):
            text = Text("仅可委托第一责任人、责任领导、单位负责人和联络员职责", "Only leading roles can be lent")
            raise refusal("role_not_lendable", text)
        return self


class Delegation(Out):
    """A delegation; the delegate acts with the principal's roles and inherits the principal's conflicts."""

    id: UUID
    principal_id: UUID
    principal_name: str
    delegate_id: UUID
    delegate_name: str
    roles: list[Role]
    reason: str
    starts_on: Day
    ends_on: Day | None
    revoked_at: Instant | None
    version: int
    created_at: Instant
    updated_at: Instant


class DelegationPage(PageOf[Delegation]):
    """Delegations, oldest first."""


class DelegationQuery(PageQuery):
    """Filters of the list of delegations."""

    person_id: Annotated[UUID | None, Field(description="委托人或受托人 · As principal or delegate")] = None
