"""What front ends are generated from agrees with what the service enforces."""

from __future__ import annotations

import httpx2
import pytest
from fastapi import FastAPI
from jsonschema import Draft202012Validator

from app.features.meta.rules import GUARD_LABELS
from app.lifecycle.childwrites import CHILD_TABLE
from app.lifecycle.states import OPEN, Action, State
from app.lifecycle.transitions import RULES, TABLE
from tests.features.ledgers.office import Office

PATHS = ["/v1/meta/enums", "/v1/meta/lifecycle", "/v1/meta/source-types", "/v1/meta/calendars"]


@pytest.fixture
async def reader(app: FastAPI) -> httpx2.AsyncClient:
    return await (await Office(app).build()).person("viewer")


async def test_every_code_has_a_chinese_and_an_english_label(reader: httpx2.AsyncClient) -> None:
    enums = (await reader.get("/v1/meta/enums")).json()["enums"]
    values = {entry["name"]: entry["values"] for entry in enums}
    assert {"state", "action", "gate", "role", "permission", "severity", "ledger_status"} <= set(values)
    for name, members in values.items():
        assert [member["order"] for member in members] == list(range(len(members))), name
        assert all(member["zh"] and member["en"] for member in members), name
    assert {member["value"] for member in values["state"] if member["open"]} == {state.value for state in OPEN}
    assert all(member["open"] is None for member in values["action"])


async def test_the_enumerations_hold_every_code_the_api_description_lists(
    app: FastAPI, reader: httpx2.AsyncClient
) -> None:
    """A code in the description without labels would leave a generated front end with an empty option."""
    listed = (await reader.get("/v1/meta/enums")).json()["enums"]
    known = [{member["value"] for member in entry["values"]} for entry in listed]
    for name, schema in app.openapi()["components"]["schemas"].items():
        if "x-enum-descriptions" in schema:
            assert set(schema.get("enum", ()) or schema["x-extensible-enum"]) in known, name


async def test_the_life_cycle_is_told_whole(reader: httpx2.AsyncClient) -> None:
    told = (await reader.get("/v1/meta/lifecycle")).json()
    assert told["rules"] == RULES
    assert [entry["state"] for entry in told["states"]] == [state.value for state in State]
    assert {entry["action"] for entry in told["actions"]} == {action.value for action in Action}
    for entry, row in zip(told["actions"], TABLE, strict=True):
        assert set(entry["sources"]) == {state.value for state in row.sources}
        assert [guard["code"] for guard in entry["guards"]] == [guard.__name__ for guard in row.guards]
        Draft202012Validator.check_schema(entry["data_schema"])
    assert len(told["child_writes"]) == len(CHILD_TABLE)
    for entry, rule in zip(told["child_writes"], CHILD_TABLE, strict=True):
        assert (entry["child"], set(entry["states"])) == (rule.child.value, {state.value for state in rule.states})
        assert {party["code"] for party in entry["by"]} == {party.value for party in rule.by}
    for entry in told["states"]:
        assert bool(entry["next_movers"]) or not entry["open"], entry["state"]


def test_every_condition_has_a_label_and_no_label_is_left_over() -> None:
    assert set(GUARD_LABELS) == {guard.__name__ for row in TABLE for guard in row.guards}


@pytest.mark.parametrize("path", PATHS)
async def test_what_has_not_changed_is_not_sent_again(reader: httpx2.AsyncClient, path: str) -> None:
    first = await reader.get(path)
    again = await reader.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")


@pytest.mark.parametrize("path", PATHS)
async def test_strangers_are_asked_to_sign_in(client: httpx2.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 401


async def test_forms_of_sources_out_of_use_are_not_offered(app: FastAPI, reader: httpx2.AsyncClient) -> None:
    office = await Office(app).build()
    admin = await office.person("system_admin", unit="root")
    source = {
        "name_zh": "督导",
        "name_en": "Guidance",
        "json_schema": {"type": "object", "additionalProperties": False, "properties": {}},
    }
    path = f"/v1/source-types/m{office.tag}"
    made = await admin.put(path, json=source)
    offered = (await reader.get("/v1/meta/source-types")).json()["source_types"]
    assert [form["schema_version"] for form in offered if form["code"] == made.json()["code"]] == [1]
    await admin.put(path, json=source | {"active": False}, headers={"If-Match": made.headers["ETag"]})
    offered = (await reader.get("/v1/meta/source-types")).json()["source_types"]
    assert made.json()["code"] not in {form["code"] for form in offered}


async def test_a_year_whose_notice_is_loaded_gives_its_days_and_any_other_is_uncertain(
    reader: httpx2.AsyncClient,
) -> None:
    told = (await reader.get("/v1/meta/calendars", params={"year": 2025})).json()
    assert (told["year"], 2025 in told["calendar_uncertain"]) == (2025, False)
    kinds = {day["on"]: day["kind"] for day in told["days"]}
    assert (kinds["2025-10-01"], kinds["2025-09-28"]) == ("holiday", "workday")
    assert all(on.startswith("2025-") for on in kinds)
    distant = (await reader.get("/v1/meta/calendars", params={"year": 2199})).json()
    assert (distant["days"], 2199 in distant["calendar_uncertain"]) == ([], True)
    assert (await reader.get("/v1/meta/calendars", params={"year": 99999})).status_code == 422
