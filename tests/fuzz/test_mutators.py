"""Spoilt requests: never a failure of ours, never an answer that is not described, never the caller's words given back."""

from __future__ import annotations

import random
from collections import Counter
from urllib.parse import quote, urlencode

import httpx2
import pytest

from tests.fuzz.bases import Bases, Request
from tests.fuzz.conform import faults
from tests.fuzz.ground import CALLERS, CANARY, WITHOUT_THE_CANARY, Ground
from tests.fuzz.mutators import MARK, spoil, spoil_cursor
from tests.fuzz.sizes import REPLAY, SEED, sized
from tests.support.asgi import Ask, send
from tests.support.documented import operation_of

ROUND = sized(130, 4000)
LISTS = ("/v1/items", "/v1/people", "/v1/units", "/v1/categories", "/v1/ledgers", "/v1/posts", "/v1/source-types")


def wrong(request: Request, ask: Ask, answer: httpx2.Response) -> list[str]:
    if answer.status_code == 499:  # the caller had gone
        return []
    if answer.status_code >= 500:
        return [f"{answer.status_code} {answer.text[:300]}"]
    head = operation_of("GET", ask.path) if request.method == "HEAD" else None
    operation = head or operation_of(request.method, ask.path)
    found = faults(operation, answer) if operation is not None and answer.content else []
    if answer.status_code >= 400 and MARK in answer.text:
        found.append("the answer repeats what was sent")
    if answer.status_code >= 400 and not head and request.method != "HEAD":
        found += [] if answer.headers["content-type"] == "application/problem+json" else ["the refusal is no problem"]
    return found


@pytest.mark.parametrize("name", CALLERS)
async def test_spoilt_requests(ground: Ground, name: str) -> None:
    caller = await ground.revive(ground.callers[name])
    rng = random.Random(f"{SEED} {name}")
    bases, told, seen = Bases(ground, rng), [], Counter[int]()
    for _ in range(ROUND):
        request = spoil(rng, bases.make(caller))
        ask = request.ask()
        answer = await send(ground.world.app, ask)
        seen[answer.status_code] += 1
        if answer.status_code == 401:
            await ground.revive(caller)  # what was asked before may have ended its session
        found = wrong(request, ask, answer)
        if name in WITHOUT_THE_CANARY and CANARY in answer.text:
            found.append("the text of a restricted item")
        told += [f"{fault}\n    {request.shown()}" for fault in found]
    print(f"\n{REPLAY} {name}: {dict(sorted(seen.items()))}")  # noqa: T201 - the figures of a run
    assert not told, f"{REPLAY}\n" + "\n".join(told)
    assert ground.complaints.getvalue() == ""
    assert len(seen) > 3
    assert caller.account is None or seen[401] < ROUND / 4, "the caller lost the session"


async def test_a_sound_request_is_what_mutators_start_from(ground: Ground) -> None:
    caller = await ground.revive(ground.callers["supervision_office"])
    bases, seen = Bases(ground, random.Random(SEED)), Counter[int]()
    for _ in range(150):
        seen[(await send(ground.world.app, bases.make(caller).ask())).status_code] += 1
    assert seen[200] + seen[201] + seen[204] + seen[403] + seen[409] > 75, seen
    assert seen[400] + seen[415] < 15, seen


async def test_spoilt_cursors(ground: Ground) -> None:
    office = await ground.revive(ground.callers["supervision_office"])
    rng = random.Random(SEED)
    whole = [(b"authorization", str(office.header()).encode())]
    given: dict[str, str] = {}
    for place in LISTS:
        answer = await send(ground.world.app, Ask("GET", place, whole, b"limit=1"))
        given[place] = answer.json()["next_cursor"] or ""
    assert sum(bool(cursor) for cursor in given.values()) >= 5
    seen = Counter[int]()
    for _ in range(sized(200, 3000)):
        place, cursor = rng.choice([pair for pair in given.items() if pair[1]])
        elsewhere = rng.choice(LISTS)
        spoilt = cursor if elsewhere != place else spoil_cursor(rng, cursor)
        if spoilt == cursor and elsewhere == place:
            continue
        ask = Ask("GET", elsewhere, whole, urlencode({"limit": "1", "cursor": spoilt}, quote_via=quote).encode())
        answer = await send(ground.world.app, ask)
        seen[answer.status_code] += 1
        operation = operation_of("GET", elsewhere)
        assert operation is not None
        assert answer.status_code in {400, 422}, (REPLAY, elsewhere, spoilt, answer.text)
        assert not faults(operation, answer)
    assert seen[400] > 50
