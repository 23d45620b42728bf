"""Every answer that any test gets is held against the API description: nothing is answered that it does not say."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import httpx2
from fastapi import FastAPI

from app.core.openapi import operations

DESCRIPTION = Path(__file__).parents[2] / "openapi" / "openapi.json"
HEADERS = ("ETag", "Location", "Link", "Idempotent-Replayed", "Retry-After", "Rectify-Receipt")
Operation = dict[str, Any]


@cache
def described() -> list[tuple[re.Pattern[str], str, Operation]]:
    """Path, method and operation; paths without parameters come first, as the router tries them."""
    document = json.loads(DESCRIPTION.read_text(encoding="utf-8"))
    found = sorted(operations(document), key=lambda entry: entry[0].count("{"))
    return [
        (re.compile(re.sub(r"\\\{[a-z_]+\\\}", "[^/]+", re.escape(path)) + r"\Z"), method.upper(), operation)
        for path, method, operation in found
    ]


def operation_of(method: str, path: str) -> Operation | None:
    return next((operation for known, m, operation in described() if m == method and known.match(path)), None)


def undocumented(operation: Operation, answer: httpx2.Response) -> list[str]:
    """What of an answer its operation does not announce; the content of a problem must have been read."""
    status = str(answer.status_code)
    told = operation["responses"].get(status, operation["responses"]["default"])
    found = [f"header {name}" for name in HEADERS if name in answer.headers and name not in told.get("headers", {})]
    kind = answer.headers.get("content-type", "").partition(";")[0]
    if kind == "application/problem+json":
        code = answer.json()["code"]
        return found + [f"{status} {code}"] * (code not in told.get("x-problem-codes", ()))
    if status not in operation["responses"] or (kind and kind not in told.get("content", {})):
        found.append(f"{status} {kind}")
    return found


class Documented(httpx2.AsyncBaseTransport):
    """Calls the application in this process, and fails the test whose answer is not in the description."""

    def __init__(self, app: FastAPI) -> None:
        self.inner = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
        self.known = {getattr(route, "operation_id", None) for route in app.routes}

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        answer = await self.inner.handle_async_request(request)
        operation = operation_of(request.method, request.url.path)
        if operation is not None and operation["operationId"] in self.known:
            if answer.status_code >= 400:
                await answer.aread()
            found = undocumented(operation, answer)
            assert not found, f"{operation['operationId']} answers what openapi.json does not say: {found}"
        return answer
