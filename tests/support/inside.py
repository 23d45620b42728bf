"""A line to the application in this process: no socket, no copy, the same answers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from fastapi import FastAPI

from tests.support.wire import Answer, LostError


class Inside:
    def __init__(self, app: FastAPI) -> None:
        self.app = app

    async def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """Raises LostError where the application broke off."""
        place, _, query = path.partition("?")
        given = {"host": "rectify.test", "content-length": str(len(body)), **headers}
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
            "path": unquote(place), "raw_path": place.encode(), "query_string": query.encode(), "root_path": "",
            "headers": [(name.lower().encode(), value.encode()) for name, value in given.items()],
            "client": ("127.0.0.1", 1), "server": ("rectify.test", 80),
        }  # fmt: skip
        asked, said = [{"type": "http.request", "body": body, "more_body": False}], []

        async def receive() -> Any:
            if asked:
                return asked.pop()
            await asyncio.Event().wait()
            raise AssertionError("unreachable")

        async def send(message: Any) -> None:
            said.append(message)

        try:
            await self.app(scope, receive, send)
        except Exception as error:
            raise LostError(f"{method} {path}: {error!r}") from error
        told = {name.decode().lower(): value.decode("latin-1") for name, value in said[0]["headers"]}
        return Answer(said[0]["status"], told, b"".join(part.get("body", b"") for part in said[1:]))

    async def close(self) -> None:
        return None
