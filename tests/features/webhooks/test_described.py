"""The calls the description promises are those that are made, and what is said of their shape is true of what arrives."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from app.core.openapi_changes import incompatible
from app.core.openapi_webhooks import calls
from app.features.webhooks.rules import PING
from app.lifecycle.event_types import EVENT_TYPES
from app.lifecycle.states import State
from tests.contract.test_docs import blocks
from tests.contract.test_openapi_file import BILINGUAL, DOCUMENT
from tests.features.webhooks.pushing import Pushing
from tests.features.webhooks.test_guide import GUIDE

CALLS = dict(calls(DOCUMENT))
CLOUD_EVENTS = "application/cloudevents+json"


def validator(name: str) -> Draft202012Validator:
    """Of the body of one call, with every property that is not described refused."""
    schemas = deepcopy(DOCUMENT["components"]["schemas"])
    for kind in ("WebhookMessage", "WebhookData"):
        schemas[kind]["additionalProperties"] = False
    [media] = CALLS[name]["requestBody"]["content"].values()
    whole = {**media["schema"], "components": {"schemas": schemas}}
    return Draft202012Validator(whole, format_checker=FormatChecker())


def test_there_is_a_call_for_every_type_of_event_and_for_the_greeting() -> None:
    assert set(CALLS) == {PING, *EVENT_TYPES}
    assert len(CALLS) > 80


@pytest.mark.parametrize("name", CALLS)
def test_each_call_is_named_told_and_shown_by_an_example_that_fits(name: str) -> None:
    call = CALLS[name]
    assert call["operationId"].startswith("on")
    assert BILINGUAL.search(call["summary"])
    assert [one["$ref"].rpartition("/")[2] for one in call["parameters"]] == [
        "WebhookId",
        "WebhookTimestamp",
        "WebhookSignature",
    ]
    assert {"2XX", "410", "4XX", "default"} == set(call["responses"])
    assert list(call["requestBody"]["content"]) == [CLOUD_EVENTS]
    [example] = call["requestBody"]["content"][CLOUD_EVENTS]["examples"].values()
    assert example["value"]["type"] == name
    validator(name).validate(example["value"])


async def test_what_arrives_is_what_is_described(pushing: Pushing) -> None:
    """Of an item, and for whoever watches the whole organisation of everything else too."""
    await pushing.world.org.grant(pushing.owner.id, "auditor", pushing.world.root)
    roots = "SELECT id FROM unit WHERE parent_id IS NULL"
    for row in await pushing.world.db.fetch(roots):
        await pushing.world.org.grant(pushing.owner.id, "auditor", row["id"])
    await pushing.endpoint()
    await pushing.world.acknowledged()
    viewer = await pushing.world.org.person(("system_admin", pushing.world.root))
    await pushing.world.post(viewer, "/v1/people", {"name": "新人"})
    await pushing.push()
    assert {PING, "item.drafted", "item.acknowledged", "person.created", "webhook_endpoint.created"} <= set(
        pushing.one.types()
    )
    for got in pushing.one.got:
        validator(got.type).validate(got.message)
        sent = {
            one["name"] for one in DOCUMENT["components"]["parameters"].values() if one["name"].startswith("webhook-")
        }
        assert sent <= set(got.headers)
        assert got.headers["content-type"].split(";")[0] in CALLS[got.type]["requestBody"]["content"]


def test_the_message_in_the_guide_is_one_that_could_arrive() -> None:
    [shown] = blocks(GUIDE.read_text(encoding="utf-8"), "json")
    message = json.loads(shown)
    validator(message["type"]).validate(message)
    assert {State(message["data"]["from_state"]), State(message["data"]["to_state"])} == {State.CLOSING, State.CLOSED}


def test_the_validator_is_able_to_fail() -> None:
    [example] = CALLS["item.assigned"]["requestBody"]["content"][CLOUD_EVENTS]["examples"].values()
    damages: tuple[dict[str, Any], ...] = (
        {"data": {}},
        {"id": "x"},
        {"time": "yesterday"},
        {"text": "密"},
        {"specversion": "2.0"},
    )
    for damage in damages:
        assert not validator("item.assigned").is_valid({**example["value"], **damage}), damage


def changed(**of: Any) -> list[str]:
    """What a receiver stumbles over once the description has changed in this way."""
    new = json.loads(json.dumps(DOCUMENT))
    for name, change in of.items():
        change(new["webhooks"] if name == "calls" else new["components"])
    return incompatible(DOCUMENT, new)


def test_a_call_that_is_gone_breaks_its_receivers_and_a_new_one_nobody() -> None:
    assert changed(calls=lambda calls: calls.pop("item.assigned")) == ["webhook-removed item.assigned"]
    assert changed(calls=lambda calls: calls.update({"item.sung": calls["item.assigned"]})) == []


def test_a_message_or_a_header_that_holds_less_breaks_its_receivers() -> None:
    def another_kind(calls: dict[str, Any]) -> None:
        content = calls["item.assigned"]["post"]["requestBody"]["content"]
        content["application/json"] = content.pop(CLOUD_EVENTS)

    place = "WEBHOOK item.assigned"
    assert changed(calls=another_kind) == [f"media-type-removed {place} {CLOUD_EVENTS}"]
    unsigned = changed(calls=lambda calls: calls["item.assigned"]["post"]["parameters"].pop())
    assert unsigned == [f"header-removed {place} header.webhook-signature"]
    thinner = changed(components=lambda parts: parts["schemas"]["WebhookData"]["properties"].pop("number"))
    assert thinner == ["answer-property-removed WebhookData.number"]
