"""Answers about the service itself."""

from typing import Annotated, Literal

from pydantic import Field

from app.core.http import Out


class Alive(Out):
    """The process runs; nothing else is promised."""

    status: Literal["ok"]


class ReadyChecks(Out):
    """Nothing here tells a stranger more than that the service works."""

    database: Literal["ok"]
    migrations: Literal["ok"]
    append_only: Annotated[
        Literal["ok", "not_separated", "drift"],
        Field(description="历史只增保护 · How the history is protected from the service itself"),
    ]
    seal: Annotated[
        Literal["ok", "lagging"],
        Field(description="封存是否跟上 · Whether what was recorded is under a signed checkpoint in time"),
    ]
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
