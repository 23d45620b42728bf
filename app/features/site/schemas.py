"""Answers about the service itself."""

from typing import Annotated, Literal

from pydantic import Field

from app.core.enums import LabelledEnum
from app.core.http import Out


class Alive(Out):
    """The process runs; nothing else is promised."""

    status: Literal["ok"]


class AppendOnly(LabelledEnum):
    """How the history is protected from the service itself."""

    OK = "ok", "触发器和权限如初建", "Triggers and grants as made"
    NOT_SEPARATED = "not_separated", "服务自身拥有历史表", "The service owns what it should only append to"
    DRIFT = "drift", "触发器或权限已被改动", "Triggers or grants were changed"


class Seal(LabelledEnum):
    """Whether what was recorded is under a signed checkpoint in time."""

    OK = "ok", "封存及时", "In time"
    LAGGING = "lagging", "封存滞后", "Behind"


class ReadyChecks(Out):
    """Nothing here tells a stranger more than that the service works."""

    database: Literal["ok"]
    migrations: Literal["ok"]
    append_only: AppendOnly
    seal: Seal
    seal_lag_seconds: Annotated[
        int, Field(description="最早未封存事件的时长 · Age of the oldest event that is not sealed yet")
    ]


class Ready(Out):
    """The service takes requests."""

    status: Literal["ok"]
    checks: ReadyChecks


class Wording(Out):
    """One text in both languages."""

    zh: str
    en: str


class Explanation(Out):
    """What a problem code always means and what to do about it."""

    code: str
    type: str
    status: int
    title: Wording
    help: Wording
