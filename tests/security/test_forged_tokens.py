"""The list of attacks on tokens, against the service itself: with its own key and a session that is in force."""

import httpx2
import pytest
from fastapi import FastAPI

from app.access import tokens
from tests.access.forging import ATTACKS, Attack, Forger
from tests.support.asgi import Ask, documented
from tests.support.organisation import Organisation


@pytest.fixture(scope="module")
async def forger(app: FastAPI) -> Forger:
    org = Organisation.of(app)
    who = await org.person(("system_admin", await org.unit()))
    return Forger(app.state.session_key, tokens.Session(who.account_id, 1))


async def asked(app: FastAPI, token: str, method: str = "GET", path: str = "/v1/me") -> httpx2.Response:
    value = f"Bearer {token}".encode("utf-8", "surrogatepass")
    return await documented(app, Ask(method, path, [(b"authorization", value)]))


async def test_what_the_forger_makes_would_be_accepted_if_it_were_in_order(app: FastAPI, forger: Forger) -> None:
    assert (await asked(app, forger.forged())).status_code == 200


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS.keys())
async def test_a_forged_token_opens_nothing(app: FastAPI, forger: Forger, attack: Attack) -> None:
    token = attack(forger)
    for method, path in (("GET", "/v1/me"), ("GET", "/v1/items"), ("DELETE", "/v1/auth/token"), ("POST", "/v1/units")):
        answer = await asked(app, token, method, path)
        assert answer.status_code == 401, (method, path)
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert not token or token not in answer.text
    assert (await asked(app, forger.forged())).status_code == 200, "the session itself has not been ended"


def test_the_list_is_long_enough() -> None:
    assert len(ATTACKS) >= 40
