"""Writes whose right depends on where a resource stands: asked whole, and in a way that can never be carried out."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from app.lifecycle.policy import POLICY_DEFAULT
from tests.matrix.ground import CALLERS, Caller, Ground
from tests.matrix.oracle import MINE, RELATIONS, Who
from tests.support.asgi import Ask, documented, json_body

NEVER = b'"v999"'
"""No resource has this version: 412 comes after every question of rights."""
INSIDE = {"own", "child"}
MANAGERS = {"supervision_office", "system_admin"}
POLICY_MAKERS = {"supervision_office", "first_responsible"}


async def status(ground: Ground, caller: Caller, method: str, path: str, body: Any = None, **more: Any) -> int:
    headers, chunks = ((), ()) if body is None else json_body(body)
    extra = [(b"if-match", NEVER), (b"idempotency-key", uuid4().hex.encode())]
    answer = await documented(ground.app, Ask(method, path, [*caller.valid, *headers, *extra], chunks=chunks, **more))
    return answer.status_code


def let_in(who: Who, roles: set[str], permission: str) -> bool:
    return who.role in roles and who.may(permission) and not who.foreign_password


@pytest.mark.parametrize("who", CALLERS, ids=lambda who: who.name)
async def test_a_ledger_and_its_policy_are_changed_by_who_covers_its_unit(ground: Ground, who: Who) -> None:
    caller = ground.caller(who)
    policy = {"rules": POLICY_DEFAULT.model_dump(mode="json"), "expected_version": 999, "reason": "调整"}
    for column in RELATIONS:
        ledger, unit = ground.targets[column].ids["ledger_id"], str(ground.targets[column].unit)
        manages = let_in(who, MANAGERS, "ledger:manage") and column in INSIDE
        decides = let_in(who, POLICY_MAKERS, "policy:change") and column in INSIDE
        found = await status(ground, caller, "PATCH", f"/v1/ledgers/{ledger}", {"name": "新名称"})
        assert found == (412 if manages else 403), column
        assert await status(ground, caller, "POST", f"/v1/ledgers/{ledger}/policies", policy) == (
            412 if decides else 403
        )
        taken = await ground.org.db.fetchval("SELECT code FROM ledger WHERE id = $1", ledger)
        new = {"code": taken, "name": "台账", "unit_id": unit}
        assert await status(ground, caller, "POST", "/v1/ledgers", new) == (409 if manages else 403)


@pytest.mark.parametrize("who", CALLERS, ids=lambda who: who.name)
async def test_dictionaries_are_not_for_the_administrator_of_one_branch(ground: Ground, who: Who) -> None:
    caller, category = ground.caller(who), ground.targets["own"].ids["category_id"]
    names = {"name_zh": "类别", "name_en": "Category"}
    assert await status(ground, caller, "PATCH", f"/v1/categories/{category}", {"name_zh": "类别"}) == 403
    assert await status(ground, caller, "POST", "/v1/categories", {"code": "party_building", **names}) == 403
    form = {**names, "json_schema": {"type": "object", "properties": {}, "additionalProperties": False}}
    assert await status(ground, caller, "PUT", "/v1/source-types/inspection", form) == 403


@pytest.mark.parametrize("who", CALLERS, ids=lambda who: who.name)
async def test_keys_and_delegations_of_others_are_not_there(ground: Ground, who: Who) -> None:
    caller = ground.caller(who)
    admin = who.role == "security_admin"
    for column in (*RELATIONS, MINE):
        ids = ground.ids(caller, column)
        own = column == MINE
        wanted = 403 if who.foreign_password else 412 if admin or (own and who.person) else 404
        assert await status(ground, caller, "DELETE", f"/v1/api-keys/{ids['key_id']}") == wanted, column
        lends = who.may("delegation:write") and not who.foreign_password
        wanted = 403 if not lends else 412 if admin or own else 404
        assert await status(ground, caller, "DELETE", f"/v1/delegations/{ids['delegation_id']}") == wanted, column


@pytest.mark.parametrize("who", CALLERS, ids=lambda who: who.name)
async def test_an_endpoint_is_its_owners_and_an_administrator_can_only_stop_it(ground: Ground, who: Who) -> None:
    caller, admin = ground.caller(who), who.role == "system_admin"
    let = who.may("webhook:manage") and not who.foreign_password
    for column in (*RELATIONS, MINE):
        place = f"/v1/webhook-endpoints/{ground.ids(caller, column)['endpoint_id']}"
        own = column == MINE
        stops = 403 if not let else 412 if admin or own else 404
        owns = stops if own or not admin else 403
        for method, path, body, wanted in (
            ("DELETE", "", None, stops),
            ("PATCH", "", {"state": "active"}, stops),
            ("PATCH", "", {"event_types": ["item.*"]}, owns),
            ("POST", ":rotateSecret", None, owns),
            ("POST", ":replay", {"after": 0}, owns),
        ):
            assert await status(ground, caller, method, f"{place}{path}", body) == wanted, (column, method, path)


@pytest.mark.parametrize("who", CALLERS, ids=lambda who: who.name)
async def test_nobody_makes_a_key_or_lends_a_role_in_the_name_of_somebody_else(ground: Ground, who: Who) -> None:
    caller, other = ground.caller(who), str(ground.targets["own"].ids["person_id"])
    key = {"name": "脚本", "unit_id": str(ground.targets["own"].unit), "scopes": ["item:read"], "person_id": other,
           "expires_at": "2100-01-01T00:00:00Z"}  # fmt: skip
    assert await status(ground, caller, "POST", "/v1/api-keys", key) == 403
    lent = {"principal_id": other, "delegate_id": other, "roles": ["unit_head"], "reason": "出差", "starts_on": "2030-01-01",
            "ends_on": "2030-01-02"}  # fmt: skip
    wanted = 409 if who.role == "security_admin" else 403
    assert await status(ground, caller, "POST", "/v1/delegations", lent) == wanted
