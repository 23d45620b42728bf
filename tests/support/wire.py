"""One HTTP/1.1 connection in plain sight: the caller knows whether a request may have been acted upon or cannot have been."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any


class LostError(Exception):
    """No whole answer came back: what was asked may have happened or not."""


class RefusedError(Exception):
    """Nobody listens: nothing can have happened."""


@dataclass(frozen=True, slots=True)
class Answer:
    """`headers` are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body) if self.body else {}

    @property
    def code(self) -> str:
        """Of a problem document; empty for anything else."""
        if self.headers.get("content-type", "").startswith("application/problem+json"):
            return str(self.json()["code"])
        return ""


class Wire:
    """Reconnects when the last exchange broke; one request at a time."""

    def __init__(self, port: int, *, timeout: float = 10.0) -> None:
        self.port = port
        self.timeout = timeout
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """Raises RefusedError where nothing was sent, LostError where the answer did not come whole and in time."""
        await self._connect()
        assert self.writer is not None
        lines = [f"{method} {path} HTTP/1.1", "Host: rectify.test", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        try:
            async with asyncio.timeout(self.timeout):
                self.writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
                await self.writer.drain()
                return await self._answer()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError) as error:
            await self.close()
            raise LostError(f"{method} {path}: {error!r}") from error
        except BaseException:
            await self.close()
            raise

    async def _connect(self) -> None:
        # A server that has said goodbye is noticed here, before anything is sent to it.
        if self.reader is not None and not self.reader.at_eof():
            return
        await self.close()
        try:
            async with asyncio.timeout(self.timeout):
                self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        except (OSError, TimeoutError) as error:
            raise RefusedError(str(error)) from error

    async def _answer(self) -> Answer:
        assert self.reader is not None
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1)[:1] + line.split(": ", 1)[1:] for line in head[1:] if line)
        body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        if headers.get("connection") == "close":
            await self.close()
        return Answer(int(head[0].split(" ")[1]), headers, body)

    async def close(self) -> None:
        writer, self.reader, self.writer = self.writer, None, None
        if writer is not None:
            writer.close()
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(1):
                    await writer.wait_closed()
