"""Endpoints are their owners': made, changed and read by them, stopped by administrators, and every change is told."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from fastapi import FastAPI

from app.core import clock
from app.features.webhooks import commands, standing
from tests.features.webhooks.pushing import PATH, Pushing
from tests.support.database import Clone, execute
from tests.support.listening import listening
from tests.support.organisation import Organisation
from tests.support.service import client_of

TOLD = """
SELECT e.type, e.seq, (SELECT json_object_agg(field, value::json) FROM event_disclosure WHERE event_id = e.id) AS fields
FROM event e WHERE e.subject_id = $1 ORDER BY e.seq
"""


async def test_every_change_is_an_event_of_the_endpoint_and_none_holds_a_secret(pushing: Pushing) -> None:
    made = await pushing.endpoint(description="办公系统", event_types=["item.*"])
    await pushing.change(made, body={"event_types": ["item.closure_approved"], "state": "paused"})
    rotated = await pushing.change(made, ":rotateSecret")
    await pushing.change(made, ":replay", {"after": 0})
    answer = await pushing.send("DELETE", f"/{made['id']}", headers={"If-Match": '"v4"'})
    assert answer.status_code == 204
    rows = await pushing.world.db.fetch(TOLD, UUID(made["id"]))
    kinds = ["created", "changed", "secret_rotated", "replayed", "deleted"]
    assert [(row["type"], row["seq"]) for row in rows] == [
        (f"webhook_endpoint.{kind}", place) for place, kind in enumerate(kinds, 1)
    ]
    assert rows[0]["fields"]["url"] == made["url"]
    assert rows[1]["fields"] == {"event_types": ["item.closure_approved"], "state": "paused"}
    assert rows[2]["fields"] == {"generation": 2}
    text = json.dumps([row["fields"] for row in rows])
    assert made["secret"] not in text
    assert rotated["secret"] not in text
    assert (await pushing.send("GET", f"/{made['id']}")).status_code == 404


async def test_a_secret_is_shown_once_and_kept_nowhere(pushing: Pushing, database: Clone) -> None:
    key = uuid4().hex
    body = {"url": pushing.one.url}
    with listening("debug") as log:
        first = await pushing.send("POST", "", body, headers={"Idempotency-Key": key})
        again = await pushing.send("POST", "", body, headers={"Idempotency-Key": key})
        await pushing.push()
    written = log.getvalue()
    assert "/v1/webhook-endpoints" in written
    secret = first.json()["secret"]
    assert secret.startswith("whsec_")
    assert (again.status_code, again.headers["idempotent-replayed"], again.json().get("secret")) == (201, "true", None)
    assert "secret" not in await pushing.read(first.json())
    assert secret.removeprefix("whsec_") not in written
    tables = await pushing.world.db.fetch("SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'")
    assert len(tables) > 40
    for table in tables:
        look = f"SELECT count(*) FROM {table['name']} AS t WHERE strpos(t::text, '{secret.removeprefix('whsec_')}') > 0"
        await execute(database.superuser_url, f"DO $$ BEGIN ASSERT ({look}) = 0, '{table['name']}'; END $$")


async def test_another_owner_does_not_know_of_it(pushing: Pushing) -> None:
    made, other = await pushing.endpoint(), await pushing.world.org.person(("integration", pushing.world.root))
    for method, path in (
        ("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", ":rotateSecret"), ("POST", ":replay"), ("GET", "/deliveries"),
    ):  # fmt: skip
        bodies: dict[str, dict[str, Any]] = {"PATCH": {"state": "paused"}, "POST:replay": {"after": 0}}
        body = bodies.get(f"{method}{path}")
        answer = await pushing.send(method, f"/{made['id']}{path}", body, other, headers={"If-Match": "*"})
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), (method, path)
    answer = await pushing.send("PATCH", f"/{made['id']}", {"url": "ftp://x/"}, other, headers={"If-Match": "*"})
    assert answer.status_code == 404
    assert (await pushing.send("GET", "", who=other)).json()["items"] == []
    assert [one["id"] for one in (await pushing.send("GET", "")).json()["items"]] == [made["id"]]


async def test_a_system_administrator_stops_what_others_own_and_turns_it_nowhere_else(pushing: Pushing) -> None:
    made, admin = await pushing.endpoint(), await pushing.world.org.person(("system_admin", pushing.world.root))
    assert (await pushing.read(made, admin))["url"] == made["url"]
    match = {"If-Match": '"v1"'}
    for method, path, body in (
        ("PATCH", "", {"url": pushing.other.url}),
        ("PATCH", "", {"state": "active", "event_types": []}),
        ("POST", ":rotateSecret", None),
        ("POST", ":replay", {"after": 0}),
    ):
        answer = await pushing.send(method, f"/{made['id']}{path}", body, admin, headers=match)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), (method, path, body)
    answer = await pushing.send("PATCH", f"/{made['id']}", {"state": "paused"}, admin, headers=match)
    assert (answer.status_code, answer.json()["state"]) == (200, "paused")
    answer = await pushing.send("DELETE", f"/{made['id']}", None, admin, headers={"If-Match": '"v2"'})
    assert answer.status_code == 204


async def test_a_stale_version_is_told_and_a_missing_one_asked_for(pushing: Pushing) -> None:
    made = await pushing.endpoint()
    shown = await pushing.send("GET", f"/{made['id']}")
    assert shown.headers["etag"].startswith('"v1.')
    unchanged = await pushing.send("GET", f"/{made['id']}", headers={"If-None-Match": shown.headers["etag"]})
    assert unchanged.status_code == 304
    for headers, status in (({}, 428), ({"If-Match": '"v7"'}, 412), ({"If-Match": shown.headers["etag"]}, 200)):
        answer = await pushing.send("PATCH", f"/{made['id']}", {"description": "甲"}, headers=headers)
        assert answer.status_code == status
    assert answer.json()["version"] == 2


@pytest.mark.parametrize(
    ("body", "code", "pointer"),
    [
        ({}, "missing", "/url"),
        ({"url": 5}, "string_type", "/url"),
        ({"url": "x" * 2001}, "string_too_long", "/url"),
        ({"event_types": ["item"]}, "string_pattern_mismatch", "/event_types/0"),
        ({"event_types": ["item.*", "planet.*"]}, "unknown_event_type", "/event_types/1"),
        ({"event_types": ["webhook.ping"]}, "unknown_event_type", "/event_types/0"),
        ({"secret": "whsec_eA=="}, "extra_forbidden", "/secret"),
        ({"description": "机密★20年"}, "classified_text", "/description"),
    ],
)
async def test_what_is_wrong_with_an_endpoint_is_named(
    pushing: Pushing, body: dict[str, Any], code: str, pointer: str
) -> None:
    given = {"url": pushing.one.url, **body} if body else {}
    answer = await pushing.send("POST", "", given)
    assert answer.status_code == 422
    assert [(fault["code"], fault["pointer"]) for fault in answer.json()["errors"]] == [(code, pointer)]


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("ftp://oa.example.gov.cn/", "url_malformed"),
        ("http://127.0.0.1/", "host_not_allowed"),
        ("https://elsewhere.test/", "host_not_allowed"),
        ("https://nowhere.test/", "host_unresolvable"),
    ],
)
async def test_an_address_that_may_not_be_called_is_refused_and_changes_nothing(
    pushing: Pushing, url: str, reason: str
) -> None:
    made = await pushing.endpoint()
    for method, path, headers in (("POST", "", {}), ("PATCH", f"/{made['id']}", {"If-Match": "*"})):
        answer = await pushing.send(method, path, {"url": url}, headers=headers)
        told = answer.json()
        assert (answer.status_code, told["code"], told["errors"][0]["code"]) == (422, "webhook_url_refused", reason)
        assert told["errors"][0]["pointer"] == "/url"
    assert [one["version"] for one in (await pushing.send("GET", "")).json()["items"]] == [1]


async def test_an_owner_has_many_endpoints_and_not_any_number(pushing: Pushing) -> None:
    for _ in range(commands.MOST_OF_ONE):
        await pushing.endpoint()
    answer = await pushing.send("POST", "", {"url": pushing.one.url})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (409, "too_many_endpoints")
    other = await pushing.world.org.person(("integration", pushing.world.root))
    await pushing.endpoint(who=other)


async def test_a_deployment_that_calls_nobody_says_what_its_administrator_sets(app: FastAPI) -> None:
    org = Organisation.of(app)
    owner = await org.person(("integration", await org.unit()))
    async with client_of(app) as http:
        headers = {**owner.headers, "Idempotency-Key": uuid4().hex}
        answer = await http.post(PATH, json={"url": "https://oa.example.gov.cn/"}, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (422, "webhook_url_refused")
    assert "RECTIFY_WEBHOOK_HOSTS" in answer.json()["detail"]
    assert answer.json()["errors"][0]["code"] == "calls_not_configured"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"after": 10**9}, 409, "position_not_reached"),
        ({"event_id": str(uuid4())}, 409, "not_set_aside"),
        ({}, 422, "one_of_both"),
        ({"after": 1, "event_id": str(uuid4())}, 422, "one_of_both"),
        ({"after": -1}, 422, "greater_than_equal"),
    ],
)
async def test_what_cannot_be_sent_again_is_named(
    pushing: Pushing, body: dict[str, Any], status: int, code: str
) -> None:
    made = await pushing.endpoint()
    answer = await pushing.send("POST", f"/{made['id']}:replay", body, headers={"If-Match": "*"})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (status, code)


async def test_another_address_is_greeted_before_anything_is_sent_to_it(pushing: Pushing) -> None:
    made = await pushing.endpoint()
    await pushing.push()
    await pushing.change(made, body={"url": pushing.other.url})
    item = await pushing.item()
    await pushing.push()
    assert pushing.one.types() == ["webhook.ping"]
    assert pushing.other.types() == ["webhook.ping", "item.drafted", "item.submitted"]
    assert item in {got.item for got in pushing.other.got}


async def test_deliveries_are_paged_newest_first_and_forgotten_after_thirty_days(pushing: Pushing) -> None:
    made = await pushing.endpoint()
    for _ in range(3):
        await pushing.item()
        await pushing.push()
    first = (await pushing.send("GET", f"/{made['id']}/deliveries?limit=2")).json()
    rest = (await pushing.send("GET", f"/{made['id']}/deliveries?limit=2&cursor={first['next_cursor']}")).json()
    rows = [*first["items"], *rest["items"]]
    assert [row["id"] for row in rows] == sorted((row["id"] for row in rows), reverse=True)
    assert [row["events"] for row in rows] == [2, 2, 2, 1]
    assert rows[0]["last_position"] - rows[0]["first_position"] == 1
    with clock.travel(timedelta(days=29)):
        assert await standing.forget(pushing.world.db) == 0
    with clock.travel(timedelta(days=31)):
        assert await standing.forget(pushing.world.db) == 4
    assert await pushing.deliveries(made) == []
