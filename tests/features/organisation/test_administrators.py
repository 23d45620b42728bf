"""The first administrators, made from a shell before anybody has a log-in."""

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient

from app.core.errors import Problem
from app.features.organisation.administrators import create_administrator

PASSWORD = "correct-horse-battery"


async def make(app: FastAPI, username: str, *roles: str, password: str = PASSWORD, trial: bool = False) -> None:
    await create_administrator(
        app.state.db, username=username, name="王一", password=password, roles=roles, trial=trial
    )


async def test_the_first_administrator_signs_in_and_finds_a_unit_to_begin_with(
    fresh_app: FastAPI, fresh_client: AsyncClient
) -> None:
    await make(fresh_app, "admin", "system_admin")
    await make(fresh_app, "guard", "security_admin")
    form = {"username": "admin", "password": PASSWORD}
    token = (await fresh_client.post("/v1/auth/token", data=form)).json()["access_token"]
    fresh_client.headers["Authorization"] = f"Bearer {token}"
    me = (await fresh_client.get("/v1/me")).json()
    assert [role["role"] for role in me["roles"]] == ["system_admin"]
    units = (await fresh_client.get("/v1/units")).json()["items"]
    assert [unit["parent_id"] for unit in units] == [None], "one root, however many administrators"
    rename = {"name": "某某局"}
    answer = await fresh_client.patch(f"/v1/units/{units[0]['id']}", json=rename, headers={"If-Match": "*"})
    assert answer.json()["name"] == "某某局"


async def test_making_an_administrator_is_in_the_history_without_the_password(fresh_app: FastAPI) -> None:
    await make(fresh_app, "admin", "audit_admin")
    rows = await fresh_app.state.db.fetch("SELECT type FROM event WHERE subject_kind NOT IN ('log', 'key', 'rules')")
    assert {row["type"] for row in rows} == {
        "person.created", "account.created", "unit.created", "role_grant.granted",
    }  # fmt: skip
    disclosed = await fresh_app.state.db.fetch("SELECT field, value::text AS value FROM event_disclosure")
    assert not [row for row in disclosed if "password" in row["field"] or "argon2" in row["value"]]


@pytest.mark.parametrize(
    ("roles", "password", "code"),
    [
        ((), PASSWORD, "validation_failed"),
        (("leader",), PASSWORD, "validation_failed"),
        (("system_admin", "chief"), PASSWORD, "validation_failed"),
        (("system_admin",), "short", "validation_failed"),
        (("system_admin",), "other-admin-99", "validation_failed"),
        (("system_admin", "security_admin"), PASSWORD, "administrators_must_differ"),
    ],
)
async def test_what_is_no_proper_administrator_is_not_made(
    fresh_app: FastAPI, roles: tuple[str, ...], password: str, code: str
) -> None:
    with pytest.raises(Problem) as refused:
        await make(fresh_app, "admin", *roles, password=password)
    assert refused.value.code == code
    assert await fresh_app.state.db.fetchval("SELECT count(*) FROM person") == 0


async def test_a_user_name_is_given_once_and_a_trial_may_unite_the_three(fresh_app: FastAPI) -> None:
    await make(fresh_app, "admin", "system_admin", "security_admin", "audit_admin", trial=True)
    with pytest.raises(Problem) as refused:
        await make(fresh_app, "admin", "system_admin")
    assert refused.value.code == "duplicate_value"
    assert await fresh_app.state.db.fetchval("SELECT count(*) FROM role_grant") == 3
