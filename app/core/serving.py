"""Runs the application in this process, and says so only once it answers."""

import signal
import socket
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn

GRACE = 20
"""Seconds a running request may still take after the signal to stop."""


class PortTakenError(RuntimeError):
    """Somebody else listens there already."""


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()


def bind(host: str, port: int) -> socket.socket:
    """Claims the port before anything slow starts; port 0 takes a free one."""
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
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


def serve(app: Any, bound: socket.socket, ready: Callable[[], None]) -> None:
    """Serves until a signal; returns after open requests had their time."""
    config = uvicorn.Config(
        app,
        lifespan="on",
        ws="none",
        access_log=False,
        server_header=False,
        log_config=None,
        timeout_graceful_shutdown=GRACE,
    )
    _Server(config, ready).run(sockets=[bound])
