"""What must not be read must not be counted, found, filtered for or sorted by either."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from tests.matrix.ground import CALLERS, Caller, Ground
from tests.matrix.items import SEAL, canary
from tests.matrix.leaks import leaks
from tests.matrix.oracle import KINDS, RELATIONS, Who, reads_sealed, sees_item
from tests.support.asgi import Ask, documented

COLUMNS = (*RELATIONS, *KINDS)
PEOPLE = [who for who in CALLERS if not who.foreign_password]


async def listed(ground: Ground, caller: Caller, **query: Any) -> dict[str, Any]:
    asked = urlencode({"limit": 200, "include": "total", **query}, encoding="utf-8").encode()
    answer = await documented(ground.app, Ask("GET", "/v1/items", caller.valid, asked))
    assert answer.status_code == 200, answer.text
    assert not leaks(caller, answer)
    found: dict[str, Any] = answer.json()
    return found


def ids(page: dict[str, Any]) -> set[str]:
    assert page["total"] == len(page["items"]), "a count tells of more than the list shows"
    return {item["id"] for item in page["items"]}


def seen(ground: Ground, who: Who) -> dict[str, str]:
    return {column: str(ground.targets[column].item) for column in COLUMNS if sees_item(who, column)}


@pytest.mark.parametrize("who", PEOPLE, ids=lambda who: who.name)
async def test_lists_counts_and_searches_keep_to_what_may_be_read(ground: Ground, who: Who) -> None:
    caller, visible = ground.caller(who), seen(ground, who)
    assert ids(await listed(ground, caller)) == set(visible.values())
    for number, column in enumerate(COLUMNS, start=1):
        item = str(ground.targets[column].item)
        by_text = ids(await listed(ground, caller, q=canary(number, SEAL)[:7]))
        assert by_text == ({item} if reads_sealed(who, column) else set()), column
        by_number = ids(await listed(ground, caller, number=f"N-{number}"))
        assert by_number == ({item} if column in visible else set()), column


@pytest.mark.parametrize("who", PEOPLE, ids=lambda who: who.name)
async def test_no_filter_and_no_order_shows_what_is_out_of_scope(ground: Ground, who: Who) -> None:
    caller, visible = ground.caller(who), set(seen(ground, who).values())
    for column in COLUMNS:
        target = ground.targets[column]
        for name in ("unit_id", "lead_unit_id", "responsible_unit_id"):
            asked = {name: str(target.unit), "unit_subtree": "true"}
            assert ids(await listed(ground, caller, **asked)) <= visible
        assert ids(await listed(ground, caller, ledger_id=target.ids["ledger_id"])) <= visible
    for name, value in (
        ("state", "closed"), ("confidentiality", "restricted,secret_stub"), ("major", "true"), ("source_type", "inspection"),
        ("closed_on_from", "2000-01-01"), ("sort", "-number"), ("sort", "due_on"), ("updated_since", "2000-01-01T00:00:00Z"),
    ):  # fmt: skip
        assert ids(await listed(ground, caller, **{name: value})) <= visible, name


@pytest.mark.parametrize("who", PEOPLE, ids=lambda who: who.name)
async def test_the_feed_tells_of_no_item_that_is_out_of_scope(ground: Ground, who: Who) -> None:
    caller = ground.caller(who)
    answer = await documented(ground.app, Ask("GET", "/v1/events", caller.valid, b"limit=200"))
    if not who.may("event:read"):
        assert answer.status_code == 403
        return
    told = {event["subject_id"] for event in answer.json()["items"] if event["subject_kind"] == "item"}
    assert told == set(seen(ground, who).values())
    assert not leaks(caller, answer)
