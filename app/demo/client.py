"""A caller of the service's own HTTP interface: what is made this way has gone through every rule and is in the history."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx2

Json = dict[str, Any]


class RefusedError(Exception):
    """The service said no; the problem document says why."""

    def __init__(self, answer: httpx2.Response) -> None:
        self.answer = answer
        super().__init__(f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text}")

    @property
    def problem(self) -> Json:
        found: Json = self.answer.json()
        return found

    @property
    def told(self) -> tuple[int, str]:
        return self.answer.status_code, self.problem["code"]

    @property
    def rules(self) -> list[str]:
        return [fault.get("rule") or fault["code"] for fault in self.problem.get("errors", ())]


class Caller:
    """One signed-in person; every write carries a fresh Idempotency-Key and, unless told otherwise, `If-Match: *`."""

    def __init__(self, http: httpx2.AsyncClient) -> None:
        self.http = http

    async def send(
        self, method: str, path: str, body: Any = None, *, key: str | None = None, if_match: str | None = "*"
    ) -> httpx2.Response:
        """The plain answer, whatever it is."""
        headers = {}
        if method == "POST":
            headers["Idempotency-Key"] = key or uuid4().hex
        if method != "GET" and if_match is not None:
            headers["If-Match"] = if_match
        return await self.http.request(method, f"/v1{path}", json=body, headers=headers)

    async def get(self, path: str) -> Json:
        return _accepted(await self.send("GET", path))

    async def post(self, path: str, body: Any, **more: Any) -> Json:
        return _accepted(await self.send("POST", path, body, **more))

    async def put(self, path: str, body: Any, **more: Any) -> Json:
        return _accepted(await self.send("PUT", path, body, **more))

    async def patch(self, path: str, body: Any, **more: Any) -> Json:
        return _accepted(await self.send("PATCH", path, body, **more))

    async def upload(self, path: str, name: str, content: str, **fields: str) -> Json:
        answer = await self.http.post(
            f"/v1{path}",
            data=fields,
            files={"file": (name, content.encode(), "text/plain")},
            headers={"Idempotency-Key": uuid4().hex},
        )
        return _accepted(answer)

    async def act(self, item_id: str, action: str, data: Json | None = None, **more: Any) -> Json:
        """One transition; the item after it. `more` are `comment`, `occurred_at`, `on_behalf_of` and `document`."""
        body = {"action": action, "data": data or {}, **more}
        item: Json = (await self.post(f"/items/{item_id}/transitions", body))["item"]
        return item


async def sign_in(http: httpx2.AsyncClient, username: str, password: str) -> Caller:
    """Gives the client its session and the caller that uses it."""
    answer = await http.post("/v1/auth/token", data={"username": username, "password": password})
    http.headers["Authorization"] = f"Bearer {_accepted(answer)['access_token']}"
    return Caller(http)


def _accepted(answer: httpx2.Response) -> Json:
    if not answer.is_success:
        raise RefusedError(answer)
    found: Json = answer.json() if answer.content else {}
    return found
