"""Somebody else's system that takes webhooks: a small HTTP server on an address of this machine that is not its own."""

from __future__ import annotations

import asyncio
import hmac
import json
import socket
import ssl
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import psutil
import pytest

REASONS = {200: "OK", 204: "No Content"}


@dataclass(frozen=True, slots=True)
class Got:
    """One request as it arrived."""

    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def message(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def type(self) -> str:
        return str(self.message["type"])

    @property
    def item(self) -> str:
        return str(self.message["subject"])

    @property
    def position(self) -> int:
        return int(self.message["data"]["position"])

    def signed_with(self, secret: str) -> bool:
        """Whether one of the signatures is by this secret, worked out by hand from the standard."""
        key = b64decode(secret.removeprefix("whsec_"))
        signed = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + self.body
        made = b64encode(hmac.digest(key, signed, sha256)).decode()
        return f"v1,{made}" in self.headers["webhook-signature"].split()


Answering = Callable[[Got], tuple[int, dict[str, str]]]


def takes(_: Got) -> tuple[int, dict[str, str]]:
    return 204, {}


@dataclass
class Receiver:
    """`answer` may be changed at any time; `silent` leaves requests without an answer."""

    address: str
    port: int
    got: list[Got] = field(default_factory=list)
    answer: Answering = takes
    silent: bool = False
    padding: bytes = b""
    callers: set[asyncio.StreamWriter] = field(default_factory=set)

    @property
    def host(self) -> str:
        return f"{self.address}:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}/hooks?from=ledger"

    def types(self, item: str | None = None) -> list[str]:
        return [one.type for one in self.got if item is None or one.item == item]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.callers.add(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {
                    name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)
                }
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                got = Got(head[0].split(" ")[1], headers, body)
                if self.silent:
                    continue
                self.got.append(got)
                status, more = self.answer(got)
                lines = [f"HTTP/1.1 {status} {REASONS.get(status, 'No')}", f"content-length: {len(self.padding)}"]
                lines += [f"{name}: {value}" for name, value in more.items()]
                writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + self.padding)
                await writer.drain()
        writer.close()


def own_address() -> str:
    """An address of this machine that is neither loopback nor link-local; without a network such tests are skipped."""
    for addresses in psutil.net_if_addrs().values():
        for one in addresses:
            if one.family is socket.AF_INET and not one.address.startswith(("127.", "169.254.")):
                return str(one.address)
    pytest.skip("this machine has no address but its own")


@asynccontextmanager
async def receiving(tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """A receiver for as long as the block lasts."""
    receiver = Receiver(own_address(), 0)
    server = await asyncio.start_server(receiver.serve, receiver.address, 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for caller in receiver.callers:
            caller.close()
