"""Every operation by every role in every relation: whoever may is let in, whoever may not is told nothing."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

from app.core import clock
from tests.matrix.ground import CALLERS, Caller, Ground
from tests.matrix.leaks import leaks
from tests.matrix.oracle import CREDENTIALS, OPERATIONS, Answer, Who, columns, expected
from tests.support.asgi import Ask, documented

QUERY = {
    "GET /v1/trail/consistency": b"first=1&second=2", "GET /v1/events": b"limit=200",
    "GET /v1/statistics": b"metric=closure_rate", "GET /v1/statistics/trend": b"metric=closure_rate",
}  # fmt: skip
"""What an operation cannot be asked without, and what makes a list longer."""


def operations(app: FastAPI) -> list[str]:
    return sorted(
        f"{method} {context.path}"
        for context in iter_route_contexts(app.routes)
        if isinstance(context.original_route, APIRoute)
        for method in context.methods or ()
    )


@dataclass
class Told:
    seen: Counter[Answer] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


def test_every_route_has_its_line_and_every_line_its_route(app: FastAPI) -> None:
    assert operations(app) == sorted(OPERATIONS)


@pytest.mark.parametrize("who", CALLERS, ids=lambda who: who.name)
async def test_every_cell(ground: Ground, who: Who) -> None:
    caller, told = ground.caller(who), Told()
    for operation in OPERATIONS:
        for column in (*columns(operation), *CREDENTIALS):
            await ask(ground, caller, (operation, column), told)
    assert not told.wrong, f"{len(told.wrong)} cells\n" + "\n".join(told.wrong)
    assert told.seen.total() == sum(len(columns(operation)) + len(CREDENTIALS) for operation in OPERATIONS) > 900
    assert set(told.seen) == {"ok", "401", "403", "404"}


def of_the_past(app: FastAPI) -> list[str]:
    """The operations that can be asked for a moment."""
    paths = app.openapi()["paths"]
    return [
        operation
        for operation in operations(app)
        for told in [paths.get(operation.split()[1], {}).get(operation.split()[0].lower(), {})]
        if any(parameter.get("name") == "as_of" for parameter in told.get("parameters", ()))
    ]


@pytest.mark.parametrize("who", CALLERS, ids=lambda who: who.name)
async def test_the_past_is_told_to_nobody_else(ground: Ground, who: Who) -> None:
    """These items have no history that tells their columns, which is said to those who may read them and to nobody else."""
    caller, told, past = ground.caller(who), Told(), of_the_past(ground.app)
    assert {"GET /v1/items/{item_id}", "GET /v1/items", "GET /v1/dashboard", "GET /v1/statistics"} <= set(past)
    moment = (clock.now() - timedelta(seconds=30)).strftime("as_of=%Y-%m-%dT%H:%M:%SZ").encode()
    for operation in past:
        for column in (*columns(operation), *CREDENTIALS):
            await ask(ground, caller, (operation, column), told, moment)
    assert not told.wrong, "\n".join(told.wrong)


async def ask(ground: Ground, caller: Caller, cell: tuple[str, str], told: Told, more: bytes = b"") -> None:
    operation, column = cell
    wanted = expected(caller.who, operation, column)
    answer = await documented(ground.app, asked(ground, caller, operation, column, more))
    told.seen[wanted] += 1
    if got(operation, answer) != wanted:
        code = answer.json().get("code") if answer.status_code >= 400 else ""
        told.wrong.append(f"{caller.who.name} {operation} [{column}]: {answer.status_code} {code} instead of {wanted}")
    told.wrong += [f"{caller.who.name} {operation} [{column}] shows {text}" for text in leaks(caller, answer)]


def asked(ground: Ground, caller: Caller, operation: str, column: str, more: bytes = b"") -> Ask:
    """Reads are asked in earnest; writes with a parameter nobody knows, which is refused just before anything happens."""
    method, template = operation.split()
    ids = ground.ids(caller, column)
    ids = {**ids, "code": "not_found"} if template.startswith("/problems/") else ids
    path = re.sub(r"\{([a-z_]+)(?::[a-z]+)?\}", lambda name: str(ids[name[1]]), template)
    query = QUERY.get(operation, b"") if method == "GET" else b"no_such_parameter=1"
    return Ask(method, path, caller.headers(column), b"&".join(filter(None, (query, more))))


def got(operation: str, answer: httpx2.Response) -> str:
    through = {200} if operation.startswith("GET") else {422}
    # The history of these items says no words, so that there is nothing to preview the removal of.
    through |= {409} if operation.endswith("/preview") else set()
    if answer.status_code == 422 and answer.json()["code"] == "as_of_not_kept":
        return "ok"
    return "ok" if answer.status_code in through else str(answer.status_code)
