"""What is sent and answered about signing in, the caller, and keys for programs."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, SecretStr, model_validator

from app.access.passwords import LONGEST, SHORTEST
from app.access.permissions import KEY_SCOPES, Permission, Role
from app.core.enums import LabelledEnum
from app.core.errors import Text
from app.core.fields import Day, Instant, Line
from app.core.messages import refusal
from app.core.models import Api, Out
from app.core.paging import PageOf


class Credentials(Api):
    """What a person signs in with."""

    username: Annotated[str, Field(max_length=200)]
    password: Annotated[SecretStr, Field(max_length=1000)]


class TokenForm(Credentials):
    """The password form of OAuth 2; what it has no use for here is taken and ignored, as generators send it."""

    grant_type: Literal["password"] = "password"
    scope: Annotated[str, Field(max_length=1000)] = ""
    client_id: Annotated[str | None, Field(max_length=200)] = None
    client_secret: Annotated[SecretStr | None, Field(max_length=200)] = None


class Token(Out):
    """A session; send it as `Authorization: Bearer`."""

    access_token: str | None
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - the name of a kind
    expires_in: Annotated[int, Field(description="秒 · Seconds")]


class BrowserSession(Out):
    """The session itself is in the cookie; `csrf_token` goes into X-CSRF-Token with every write."""

    csrf_token: str
    must_change_password: Annotated[bool, Field(description="须先修改密码 · The password has to be changed first")]


class PasswordChange(Api):
    """The caller's own password, changed knowing the old one."""

    model_config = ConfigDict(str_strip_whitespace=False)
    current_password: Annotated[SecretStr, Field(max_length=1000)]
    new_password: Annotated[SecretStr, Field(max_length=LONGEST, json_schema_extra={"minLength": SHORTEST})]


class MyAccount(Out):
    """The log-in being used; null for an API key."""

    id: UUID
    username: str
    must_change_password: bool
    last_login_at: Instant | None


class MyPost(Out):
    """A post held today."""

    id: UUID
    unit_id: UUID
    unit_name: str
    title: str
    is_primary: bool


class MyRole(Out):
    """A role in force now; `principal_id` names whose it is when it was lent."""

    role: Role
    unit_id: UUID
    unit_name: str
    principal_id: UUID | None


class MyDelegation(Out):
    """A delegation in force now in which the caller is one of the two."""

    id: UUID
    principal_id: UUID
    principal_name: str
    delegate_id: UUID
    delegate_name: str
    roles: list[Role]
    starts_on: Day
    ends_on: Day | None


class Scope(Out):
    """How far the caller sees; `unit_ids` are the tops of what is covered."""

    whole_tree: bool
    unit_ids: list[UUID]


class MyPerson(Out):
    """Who the caller is."""

    id: UUID
    name: str


class CallerKind(LabelledEnum):
    """Who can sign in."""

    PERSON = "person", "人员", "A person"
    API_KEY = "api_key", "程序密钥", "A program's key"


class Me(Out):
    """Everything a page needs to greet the caller and to offer what the caller may do."""

    kind: CallerKind
    name: str
    person: MyPerson | None
    account: MyAccount | None
    posts: list[MyPost]
    roles: list[MyRole]
    delegations: list[MyDelegation]
    scope: Scope
    permissions: list[Permission]
    waiting_by_state: Annotated[
        dict[str, int], Field(description="等我办理的事项数，按状态 · Items waiting for the caller, by state")
    ]
    waiting_total: int
    trial_mode: Annotated[bool, Field(description="试用模式：管理员可兼任 · One person may be all administrators")]


class ApiKeyIn(Api):
    """A key for a program; with a person it acts as that person, within its scopes."""

    name: Annotated[Line, Field(max_length=100)]
    unit_id: UUID
    person_id: UUID | None = None
    scopes: Annotated[tuple[Permission, ...], Field(min_length=1, max_length=len(Permission))]
    expires_at: Annotated[Instant, Field(description="最长一年 · A year at most")]

    @model_validator(mode="after")
    def _only_what_keys_get(self) -> Self:
        if not set(self.scopes) <= KEY_SCOPES:
            raise refusal("scope_not_allowed", Text("密钥不能取得管理权限", "A key cannot be given administration"))
        return self


class ApiKey(Out):
    """A key without its secret; `hint` is how it begins."""

    id: UUID
    name: str
    hint: str
    unit_id: UUID
    person_id: UUID | None
    scopes: list[Permission]
    expires_at: Instant
    revoked_at: Instant | None
    version: int
    created_at: Instant
    updated_at: Instant


class NewApiKey(ApiKey):
    """A key just made; `secret` is shown here and never again."""

    SECRET: ClassVar[frozenset[str]] = frozenset({"secret"})
    secret: str | None


class ApiKeyPage(PageOf[ApiKey]):
    """Keys, oldest first."""
