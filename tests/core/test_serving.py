"""The server in front of the application, spoken to byte by byte."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn

from app.core.serving import Protocol, bind

BODY = b"one\r\nUpgrade: h2c\r\n\r\ntwo"
OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAEAAEAAAAIAAAAA\r\nUpgrade: h2c\r\n"


async def echo(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Answers with the names of the headers and the body it was sent."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message["body"], message["more_body"]
    told = {"headers": sorted(name.decode() for name, _ in scope["headers"]), "body": body.decode()}
    content = json.dumps(told).encode()
    length = [(b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": length})
    await send({"type": "http.response.body", "body": content})


@pytest.fixture
async def address() -> AsyncIterator[tuple[str, int]]:
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(echo, http=Protocol, lifespan="off", ws="none", log_config=None))
    running = asyncio.create_task(server.serve([listening]))
    yield listening.getsockname()[:2]
    server.should_exit = True
    await running


async def exchange(address: tuple[str, int], *parts: bytes) -> list[dict[str, Any]]:
    """Sends the parts one after the other on one connection; the answers until it is closed."""
    reader, writer = await asyncio.open_connection(*address)
    for part in parts:
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(0.05)
    answers = (await asyncio.wait_for(reader.read(), 5)).split(b"HTTP/1.1 200 OK\r\n")[1:]
    writer.close()
    return [json.loads(answer.partition(b"\r\n\r\n")[2]) for answer in answers]


def head(*lines: bytes) -> bytes:
    return b"POST / HTTP/1.1\r\nHost: a\r\n" + b"".join(lines)


LENGTH = b"Content-Length: %d\r\n" % len(BODY)
CHUNKED = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
CLOSE = b"GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


@pytest.mark.parametrize(
    "parts",
    [
        (head(OFFER, LENGTH) + b"\r\n" + BODY,),
        (head(LENGTH, OFFER) + b"\r\n", BODY),
        (head(OFFER, b"Transfer-Encoding: chunked\r\n") + b"\r\n" + CHUNKED,),
        (head(LENGTH), OFFER + b"\r\n" + BODY),
        (head(OFFER.replace(b"Upgrade: h2c", b"upgrade:h2c"), LENGTH) + b"\r\n" + BODY[:9], BODY[9:]),
    ],
    ids=["at once", "body later", "chunked", "head in two", "body in two"],
)
async def test_a_client_that_offers_http2_keeps_its_body_and_its_connection(
    address: tuple[str, int], parts: tuple[bytes, ...]
) -> None:
    first, last = await exchange(address, *parts, CLOSE)
    assert first["body"] == BODY.decode()
    assert "upgrade" not in first["headers"]
    assert last["body"] == ""


async def test_what_looks_like_an_offer_inside_a_body_is_content(address: tuple[str, int]) -> None:
    first, _ = await exchange(address, head(LENGTH) + b"\r\n", BODY[:5], BODY[5:], CLOSE)
    assert first["body"] == BODY.decode()


async def test_answers_on_a_kept_connection_are_not_held_back() -> None:
    """asyncio looks at the protocol of the socket it was given, and leaves Nagle's algorithm on where it is unnamed."""
    listening = bind("127.0.0.1", 0)
    taken: asyncio.Queue[int] = asyncio.Queue()

    async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await taken.put(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    async with await asyncio.start_server(accept, sock=listening):
        _, writer = await asyncio.open_connection(*listening.getsockname())
        assert await asyncio.wait_for(taken.get(), 5)
        writer.close()


@pytest.mark.parametrize(
    "sent", [b"GET /\x00 HTTP/1.1\r\n\r\n", b"what\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n"]
)
async def test_what_is_no_request_is_refused_like_any_other(address: tuple[str, int], sent: bytes) -> None:
    reader, writer = await asyncio.open_connection(*address)
    writer.write(sent)
    answer = await asyncio.wait_for(reader.read(), 5)
    writer.close()
    first, _, rest = answer.partition(b"\r\n")
    names, _, body = rest.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in names.decode().splitlines())
    told = json.loads(body)
    assert first == b"HTTP/1.1 400 Bad Request"
    assert (headers["content-type"], int(headers["content-length"])) == ("application/problem+json", len(body))
    assert (told["code"], told["request_id"], told["status"]) == ("bad_request", headers["x-request-id"], 400)
    assert {"x-content-type-options", "cache-control", "content-security-policy", "content-language"} <= set(headers)
