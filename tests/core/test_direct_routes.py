"""Hot reads pass FastAPI's own handler by; nobody who asks may notice."""

from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Query, Request
from pydantic import ConfigDict, Field, SecretStr
from starlette.responses import Response

from app.access.guarding import checks_itself, public
from app.access.permissions import Permission
from app.api import ROUTERS
from app.core import logs
from app.core.errors import Problem
from app.core.fields import Instant
from app.core.http import Reply, StrictRoute, respond
from app.core.paging import PageQuery
from app.core.shortcut import Shortcut
from app.main import create_app
from app.settings import Settings
from tests.core.small_service import ThingOut
from tests.support.service import client_of

TWINS = APIRouter(route_class=StrictRoute)
EACH: dict[str, Any] = {"direct": [], "deps": [Depends(public())]}


class Asked(PageQuery):
    model_config = ConfigDict(extra="forbid")

    tag: Annotated[tuple[str, ...], Field(max_length=3)] = ()


for kind, dependencies in EACH.items():

    @TWINS.get(f"/v1/{kind}/one/{{key}}", operation_id=f"{kind}One", dependencies=dependencies)
    @checks_itself(Permission.ITEM_READ)
    async def read_one(request: Request, key: str, at: Instant | None = None, twice: bool = False) -> Response:
        if key == "gone":
            raise Problem("not_found")
        if key == "bug":
            raise RuntimeError("a secret value in the message")
        return respond(Reply(200, ThingOut(id=key, title=f"{at} {twice} {request.method}"), etag='"v1"'))

    @TWINS.get(f"/v1/{kind}/many", operation_id=f"{kind}Many", dependencies=dependencies)
    @checks_itself(Permission.ITEM_READ)
    async def read_many(request: Request, query: Annotated[Asked, Query()]) -> Response:
        return respond(Reply(200, ThingOut(id=request.method, title=f"{query.limit} {query.tag}")))


def twins(var: Path) -> FastAPI:
    logs.configure("critical")
    url = SecretStr("postgresql://nobody@127.0.0.1:1/none")
    return create_app(Settings.model_validate({"database_url": url, "var": var}), [TWINS])


ASKED = [
    "one/事项", "one/a%2Fb", "one/gone", "one/bug", "one/a?at=2026-01-01T00:00:00Z", "one/a?at=", "one/a?at=soon&twice=2",
    "one/a?twice=true&twice=false", "one/a?nobody=1", "one/a?nobody=1&at=soon", "one/a?twice=1", "one/a?at=%ff", "one/",
    "many", "many?limit=3&tag=a&tag=b", "many?limit=0", "many?limit=a&x=1", "many?limit=1&limit=2",
    "many?tag=a&tag=b&tag=c&tag=d",
]  # fmt: skip


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "OPTIONS"])
async def test_a_route_that_passes_the_framework_by_answers_as_its_twin_does(
    tmp_path: Path, method: str, asked: str
) -> None:
    async with client_of(twins(tmp_path)) as client:
        answers = []
        for kind in EACH:
            headers = {"X-Request-ID": "the-same-for-both", "Accept-Language": "en"}
            answer = await client.request(method, f"/v1/{kind}/{asked}", headers=headers)
            answers.append((answer.status_code, dict(answer.headers), answer.text))
    assert answers[0] == answers[1]


def test_twins_differ_in_how_they_are_run_and_not_in_what_is_told_of_them(tmp_path: Path) -> None:
    routes = {route.operation_id: route for route in TWINS.routes if isinstance(route, StrictRoute)}
    assert {name: route.direct for name, route in routes.items()} == {
        "depsOne": False, "depsMany": False, "directOne": True, "directMany": True,
    }  # fmt: skip
    paths = twins(tmp_path).openapi()["paths"]
    for name in ("one/{key}", "many"):
        told = [paths[f"/v1/{kind}/{name}"]["get"] for kind in EACH]
        assert told[0]["parameters"] == told[1]["parameters"]
        assert told[0]["responses"].keys() == told[1]["responses"].keys()


def test_items_their_list_and_their_history_pass_the_framework_by() -> None:
    routes = [route for router in ROUTERS for route in router.routes if isinstance(route, StrictRoute)]
    direct = {route.operation_id for route in routes if route.direct}
    assert direct == {"getItem", "listItems", "listItemEvents", "listTransitions"}


def test_items_their_list_and_their_history_are_found_before_anything_is_put_around_a_request(
    tmp_path: Path,
) -> None:
    settings = Settings.model_validate(
        {"database_url": SecretStr("postgresql://nobody@127.0.0.1:1/none"), "var": tmp_path}
    )
    found = Shortcut(create_app(settings).routes, create_app(settings)).routes
    assert [route.operation_id for route in found] == ["getItem", "listItems", "listItemEvents", "listTransitions"]


@pytest.mark.parametrize(
    ("earlier", "taken"),
    [
        ("/v1/things/{key}/notes", True), ("/v1/other/{key}", True), ("/v1/things", True),
        ("/v1/things/latest", False), ("/v1/{kind}/{key}", False), ("/v1/{rest:path}", False),
    ],
)  # fmt: skip
def test_a_route_is_found_before_others_only_if_none_of_them_could_have_been_meant(
    earlier: str, *, taken: bool
) -> None:
    router = APIRouter(route_class=StrictRoute)

    async def other() -> None:
        return None

    async def thing(request: Request, key: str) -> Response:
        return Response(f"{request.method} {key}")

    router.add_api_route(earlier, other, methods=["GET"])
    router.add_api_route("/v1/things/{key}", thing, methods=["GET"])
    assert [route.path for route in Shortcut(router.routes, None).routes] == ["/v1/things/{key}"] * taken
