"""Runs the application in this process, and says so only once it answers."""

import re
import signal
import socket
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.core.middleware import unreadable

_OFFER = re.compile(rb"(?<=\r\n)upgrade:[ \t]*h2c[ \t]*\r\n", re.IGNORECASE)
GRACE = 20
"""Seconds a running request may still take after the signal to stop."""


class PortTakenError(RuntimeError):
    """Somebody else listens there already."""


class Protocol(HttpToolsProtocol):
    """Declines HTTP/2 by leaving its offer unread, as RFC 9110 §7.8 allows; refuses what is no request with a problem.

    Java's own client makes the offer with every request (`Upgrade: h2c`), and the parser would drop the body of one.
    """

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - whose parameter it is
        """`msg` is the parser's, and in one language."""
        self.transport.write(unreadable())
        self.transport.close()

    def data_received(self, data: bytes) -> None:
        if b"h2c" in data and not (self.cycle is not None and self.cycle.more_body):
            head, end, body = data.partition(b"\r\n\r\n")
            data = _OFFER.sub(b"", head + end[:2]) + end[2:] + body
        super().data_received(data)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: Callable[[], None], leaving: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready
        self._leaving = leaving

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answers without an end are told to end first, or they would use up the grace of all the others."""
        self._leaving()
        await super().shutdown(sockets)


def bind(host: str, port: int) -> socket.socket:
    """Claims the port before anything slow starts; port 0 takes a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named, because asyncio sends small answers at once on TCP only; otherwise each waits 40 ms for an acknowledgement.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if sys.platform != "win32":
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise PortTakenError(f"{host}:{port}: {error.strerror}") from error
    return bound


def address(bound: socket.socket) -> str:
    """The URL a person on this machine types."""
    host, port = bound.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{shown}:{port}"


def stop_on_signals() -> None:
    """SIGTERM and a closed terminal end the process through its `finally` blocks, so that the database is stopped."""

    def leave(_number: int, _frame: FrameType | None) -> None:
        raise SystemExit(0)

    for name in ("SIGTERM", "SIGHUP", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), leave)


def server(app: Any, ready: Callable[[], None], leaving: Callable[[], None]) -> uvicorn.Server:
    """The server of this application: `ready` is called once it answers, `leaving` when it is told to stop."""
    config = uvicorn.Config(
        app,
        http=Protocol,
        lifespan="on",
        ws="none",
        access_log=False,
        server_header=False,
        log_config=None,
        timeout_graceful_shutdown=GRACE,
    )
    return _Server(config, ready, leaving)


def serve(app: Any, bound: socket.socket, ready: Callable[[], None], leaving: Callable[[], None]) -> None:
    """Serves until a signal; returns after open requests had their time."""
    server(app, ready, leaving).run(sockets=[bound])
