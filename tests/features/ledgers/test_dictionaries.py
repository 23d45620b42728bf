"""Categories and source types: everybody reads them, the administrators of the whole change them."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from app.access.actor import SYSTEM
from app.core import clock
from app.core.db import Database
from app.core.form_schema import content_faults
from app.features.ledgers.rules import source_type_faults
from app.features.ledgers.schemas import SourceTypeIn
from app.features.ledgers.seeds import SOURCE_TYPES, seed_dictionaries
from tests.features.ledgers.office import Office, codes, held_back, post
from tests.support.database import Clone

FORM: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {"letter_no": {"type": "string", "title": "来信编号", "maxLength": 60}},
}


def source(**changes: Any) -> dict[str, Any]:
    return {
        "name_zh": "代表建议",
        "name_en": "Deputies' advice",
        "json_schema": FORM,
        "required": ["title", "found_on"],
        "sealed": ["letter_no"],
        **changes,
    }


def new_code() -> str:
    return f"c{uuid4().hex[:12]}"


async def admin(office: Office) -> httpx2.AsyncClient:
    return await office.person("system_admin", unit="root")


async def test_a_category_is_made_changed_and_put_out_of_use(office: Office) -> None:
    client = await admin(office)
    body = {"code": new_code(), "name_zh": "安全", "name_en": "Safety", "sort_order": 7}
    made = (await post(client, "/v1/categories", body)).json()
    child = body | {"code": new_code(), "parent_id": made["id"]}
    assert (await post(client, "/v1/categories", child)).status_code == 201
    path = f"/v1/categories/{made['id']}"
    assert (await client.patch(path, json={"active": False})).status_code == 428
    changed = await client.patch(path, json={"active": False}, headers={"If-Match": '"v1"'})
    assert (changed.json()["active"], changed.json()["version"]) == (False, 2)
    assert (await client.get(path)).json() == changed.json()
    assert (await client.patch(path, json={"code": "x"}, headers={"If-Match": '"v2"'})).status_code == 422
    below = (await client.get("/v1/categories", params={"parent_id": made["id"]})).json()["items"]
    assert [entry["code"] for entry in below] == [child["code"]]
    assert await office.events(made["id"]) == [("category.created", 1), ("category.changed", 2)]


async def test_a_category_needs_a_known_parent_and_a_new_code(office: Office) -> None:
    client = await admin(office)
    body = {"code": new_code(), "name_zh": "安全", "name_en": "Safety"}
    answer = await post(client, "/v1/categories", body | {"parent_id": str(uuid4())})
    assert (answer.status_code, codes(answer)) == (409, [("unknown_reference", "/parent_id")])
    assert (await post(client, "/v1/categories", body)).status_code == 201
    answer = await post(client, "/v1/categories", body)
    assert (answer.status_code, codes(answer)) == (409, [("duplicate_value", "/code")])


@pytest.mark.parametrize(("role", "unit"), [("system_admin", "bureau"), ("supervision_office", "root")])
async def test_an_administrator_of_one_branch_cannot_change_what_belongs_to_all(
    office: Office, role: str, unit: str
) -> None:
    client = await office.person(role, unit=unit)
    body = {"code": new_code(), "name_zh": "安全", "name_en": "Safety"}
    assert (await post(client, "/v1/categories", body)).status_code == 403
    assert (await client.put(f"/v1/source-types/{new_code()}", json=source())).status_code == 403
    assert (await client.get("/v1/categories")).status_code == 200


async def test_a_source_type_gains_versions_and_keeps_the_old_ones(office: Office) -> None:
    client, code = await admin(office), new_code()
    path = f"/v1/source-types/{code}"
    made = await client.put(path, json=source())
    assert (made.status_code, made.json()["schema_version"], made.headers["Location"]) == (201, 1, path)
    assert (await client.put(path, json=source())).status_code == 428
    second = await client.put(path, json=source(sealed=[]), headers={"If-Match": made.headers["ETag"]})
    assert (second.status_code, second.json()["schema_version"], second.json()["sealed"]) == (200, 2, [])
    stale = await client.put(path, json=source(), headers={"If-Match": '"v1"'})
    assert (stale.status_code, stale.json()["current_version"]) == (412, 2)
    assert (await client.get(path)).json() == second.json()
    assert (await client.get(path, params={"schema_version": 1})).json() == made.json()
    assert (await client.get(path, params={"schema_version": 3})).status_code == 404
    row = await office.db.fetchval("SELECT id FROM source_type WHERE code = $1 AND schema_version = 1", code)
    assert await office.events(str(row)) == [("source_type.created", 1), ("source_type.changed", 2)]


async def test_of_versions_that_arrive_together_one_wins(office: Office, shared_database: Clone) -> None:
    client, code = await admin(office), new_code()
    path = f"/v1/source-types/{code}"
    await client.put(path, json=source())
    lock = "SELECT FROM source_type WHERE code = $1 FOR UPDATE"
    async with held_back(shared_database.superuser_url, lock, code) as queued:
        puts = [asyncio.create_task(client.put(path, json=source(), headers={"If-Match": '"v1"'})) for _ in range(3)]
        await queued(3)
    answers = await asyncio.gather(*puts)
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412]


async def test_a_version_cannot_be_expected_of_a_source_type_that_does_not_exist(office: Office) -> None:
    client = await admin(office)
    answer = await client.put(f"/v1/source-types/{new_code()}", json=source(), headers={"If-Match": '"v1"'})
    assert answer.status_code == 412


def field(**changes: Any) -> dict[str, Any]:
    return {**FORM, "properties": {"letter_no": {"type": "string", "title": "x", "maxLength": 9, **changes}}}


UNUSABLE: dict[str, tuple[dict[str, Any], tuple[str, str]]] = {
    "not a schema": (FORM | {"properties": 1}, ("not_a_schema", "/json_schema/properties")),
    "an open object": (FORM | {"additionalProperties": True}, ("not_a_form", "/json_schema")),
    "a reference": (FORM | {"$ref": "http://evil.example/x"}, ("keyword_not_allowed", "/json_schema/$ref")),
    "a pattern": (field(pattern="(a+)+$"), ("keyword_not_allowed", "/json_schema/properties/letter_no/pattern")),
    "unbounded text": (field(maxLength=10**9), ("unbounded_text", "/json_schema/properties/letter_no")),
    "a nested object": (
        FORM | {"properties": {"letter_no": {"type": "object"}}},
        ("field_type", "/json_schema/properties/letter_no"),
    ),
    "a boolean field": (
        FORM | {"properties": {"letter_no": True}},
        ("field_type", "/json_schema/properties/letter_no"),
    ),
    "a nameless field": (field(title=None), ("title_missing", "/json_schema/properties/letter_no/title")),
    "a fraction": (field(minLength=1.5), ("fraction", "/json_schema")),
    "a required field that is not there": (FORM | {"required": ["x"]}, ("unknown_field", "/json_schema/required")),
    "a huge schema": (FORM | {"description": "字" * 40_000}, ("schema_too_large", "/json_schema")),
    "an odd name": (
        FORM
        | {"properties": {"letter_no": FORM["properties"]["letter_no"], "来信": {"type": "boolean", "title": "x"}}},
        ("field_name", "/json_schema/properties/来信"),
    ),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_a_schema_no_form_can_be_made_of_is_refused_with_its_place(case: str) -> None:
    schema, expected = UNUSABLE[case]
    schema = {key: value for key, value in schema.items() if value is not None}
    found = [(fault.code, fault.pointer) for fault in source_type_faults(schema, [])]
    assert expected in found or (case == "a nameless field" and ("not_a_schema", expected[1]) in found)


def test_only_extra_fields_can_be_sealed() -> None:
    assert [fault.pointer for fault in source_type_faults(FORM, ["letter_no", "title"])] == ["/sealed/1"]


async def test_an_unusable_source_type_is_a_422_that_names_the_keyword(office: Office) -> None:
    client = await admin(office)
    answer = await client.put(f"/v1/source-types/{new_code()}", json=source(json_schema=field(pattern="x")))
    assert (answer.status_code, codes(answer)) == (
        422,
        [("keyword_not_allowed", "/json_schema/properties/letter_no/pattern")],
    )


def test_content_is_held_against_its_schema() -> None:
    schema = SOURCE_TYPES["safety_check"]["json_schema"]
    fine = {"place": "二号车间", "hazard_level": "grave", "recheck_on": "2026-05-01"}
    assert content_faults(schema, fine, "/source/fields") == []
    wrong = {"place": "", "hazard_level": "huge", "recheck_on": "2026-02-30", "more": True}
    found = content_faults(schema, wrong, "/source/fields")
    assert [(fault.pointer, fault.rule) for fault in found] == [
        ("/source/fields", "source_fields.additionalProperties"),
        ("/source/fields/hazard_level", "source_fields.enum"),
        ("/source/fields/place", "source_fields.minLength"),
        ("/source/fields/recheck_on", "source_fields.format"),
    ]


@pytest.mark.parametrize("code", SOURCE_TYPES)
def test_every_source_type_we_ship_passes_what_the_api_asks_of_one(code: str) -> None:
    shipped = SourceTypeIn.model_validate(SOURCE_TYPES[code])
    assert source_type_faults(shipped.json_schema, shipped.sealed) == []


async def test_the_dictionaries_are_seeded_once_and_what_is_there_is_left_alone(database: Clone) -> None:
    db = await Database.open(database.app_url, pool_size=2)
    try:
        await db.write(lambda tx: tx.execute("DELETE FROM category"))
        await db.write(lambda tx: tx.execute("DELETE FROM source_type"))
        assert await db.write(lambda tx: seed_dictionaries(tx, SYSTEM, clock.now())) > 20
        await db.write(lambda tx: tx.execute("UPDATE category SET name_zh = '改过' WHERE code = 'management'"))
        await db.write(lambda tx: tx.execute("DELETE FROM category WHERE code = 'finance_assets'"))
        assert await db.write(lambda tx: seed_dictionaries(tx, SYSTEM, clock.now())) == 1
        assert await db.fetchval("SELECT name_zh FROM category WHERE code = 'management'") == "改过"
        children = await db.fetchval(
            "SELECT count(*) FROM category c JOIN category p ON p.id = c.parent_id WHERE p.code = 'management'"
        )
        assert children == 3
    finally:
        await db.close()
