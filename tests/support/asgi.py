"""Requests without a client library: as raw as a test wants them, and cheap enough for tens of thousands."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx2
from fastapi import FastAPI

from tests.support.documented import operation_of, undocumented

RawHeaders = Sequence[tuple[bytes, bytes]]


@dataclass
class Ask:
    """One request; `chunks` is how its body arrives, and nothing is said of it that `headers` do not say."""

    method: str
    path: str
    headers: RawHeaders = ()
    query: bytes = b""
    chunks: Sequence[bytes] = ()
    raw_path: bytes | None = None
    gone: bool = field(default=False)

    def scope(self) -> dict[str, Any]:
        return {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": self.method, "scheme": "http",
            "path": self.path, "raw_path": self.raw_path or self.path.encode("utf-8", "surrogateescape"),
            "query_string": self.query, "root_path": "", "headers": [(b"host", b"rectify.test"), *self.headers],
            "server": ("rectify.test", 80), "client": ("127.0.0.1", 1234), "state": {},
        }  # fmt: skip


async def send(app: FastAPI, ask: Ask) -> httpx2.Response:
    """The answer, or AssertionError where the application raises instead of answering."""
    waiting = list(ask.chunks)
    started: dict[str, Any] = {}
    body: list[bytes] = []

    read = False
    over = asyncio.Event()

    async def receive() -> dict[str, Any]:
        nonlocal read
        if waiting:
            chunk = waiting.pop(0)
            return {"type": "http.request", "body": chunk, "more_body": bool(waiting) or ask.gone}
        if not read and not ask.gone:
            read = True
            return {"type": "http.request", "body": b"", "more_body": False}
        if not ask.gone:  # whoever streams an answer watches for a caller who leaves
            await over.wait()
        return {"type": "http.disconnect"}

    async def take(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            started.update(message)
        else:
            body.append(message.get("body", b""))
            if endless(started):  # its first words are enough
                over.set()

    try:
        await app(ask.scope(), receive, take)  # type: ignore[arg-type]
    finally:
        over.set()
    if not started:
        assert ask.gone, f"{ask.method} {ask.path}: no answer"
        return httpx2.Response(499)
    headers = [(bytes(name), bytes(value)) for name, value in started["headers"]]
    return httpx2.Response(started["status"], headers=headers, content=b"".join(body))


def endless(started: dict[str, Any]) -> bool:
    """Whether this answer goes on until the caller leaves."""
    return any(name == b"content-type" and b"event-stream" in value for name, value in started["headers"])


async def documented(app: FastAPI, ask: Ask) -> httpx2.Response:
    """As `send`; an answer that openapi.json does not announce fails."""
    answer = await send(app, ask)
    operation = operation_of(ask.method, ask.path)
    if operation is not None and answer.status_code != 499:
        found = undocumented(operation, answer)
        assert not found, f"{operation['operationId']} answers what openapi.json does not say: {found}"
    return answer


def json_body(value: Any) -> tuple[RawHeaders, Sequence[bytes]]:
    content = json.dumps(value).encode()
    return with_length("application/json", content)


def with_length(kind: str, content: bytes) -> tuple[RawHeaders, Sequence[bytes]]:
    length = str(len(content)).encode()
    return ((b"content-type", kind.encode()), (b"content-length", length)), (content,)


def raw(headers: dict[str, str]) -> Iterable[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]
