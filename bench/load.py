"""Load and what it costs: requests per second and latencies from the client, CPU from the server's own process.

`wrk` is used where it is installed; else a client of this module, in a process of its own, which is a few times slower
and therefore takes a larger part of a small machine.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from itertools import cycle
from pathlib import Path
from statistics import median
from typing import Any, Final

import httptools
import httpx2
import psutil
import uvloop

CONNECTIONS: Final = 16
PATIENCE: Final = 60
"""Seconds after which an answer counts as refused."""
_MILLISECONDS: Final = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}
_SCRIPT: Final = """
local paths, n = {{}}, 0
for line in io.lines("{paths}") do paths[#paths + 1] = line end
local body = nil
local handle = io.open("{body}")
if handle then body = handle:read("*a"); handle:close() end
math.randomseed(os.time())
local run = tostring(math.random(1, 1e9))
init = function(args)
  {headers}
  if body then wrk.headers["Content-Type"] = "application/json"; wrk.headers["If-Match"] = "*" end
end
request = function()
  n = n + 1
  local path = paths[(n - 1) % #paths + 1]
  if body then
    wrk.headers["Idempotency-Key"] = run .. "-" .. n
    return wrk.format("{method}", path, nil, body)
  end
  return wrk.format("GET", path)
end
"""


@dataclass(frozen=True, slots=True)
class Work:
    """Requests to repeat in turn; with a body they are writes by `method`, each with a key of its own."""

    port: int
    paths: Sequence[str]
    authorization: str = ""
    body: str | None = None
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def sent(self) -> dict[str, str]:
        """The headers of every request."""
        return {"Authorization": self.authorization, **self.headers} if self.authorization else {**self.headers}


@dataclass(frozen=True, slots=True)
class Result:
    """One round; times in milliseconds, CPU in microseconds of user and system time a request."""

    requests: int
    rate: float
    p50: float
    p99: float
    refused: int
    cpu: float = 0.0


def middle(results: Sequence[Result]) -> Result:
    """Medians of each figure over the rounds."""
    values = {name: median(getattr(result, name) for result in results) for name in ("rate", "p50", "p99", "cpu")}
    return Result(sum(r.requests for r in results), refused=sum(r.refused for r in results), **values)


def free_port() -> int:
    import socket  # noqa: PLC0415 - nothing else here touches sockets

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serving(which: str, environment: dict[str, str]) -> Iterator[tuple[int, psutil.Process]]:
    """One server process for as long as the block runs."""
    port = free_port()
    command = [sys.executable, "-m", "bench.servers", which, str(port)]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            if process.stdout is None or process.stdout.readline().strip() != "ready":
                raise RuntimeError(f"the {which} server did not start")
            yield port, psutil.Process(process.pid)
        finally:
            process.terminate()


def _wait(port: int) -> None:
    """Until it answers; the last failure is the caller's."""
    for last in [False] * 150 + [True]:
        try:
            httpx2.get(f"http://127.0.0.1:{port}/livez")
        except httpx2.HTTPError:
            if last:
                raise
            time.sleep(0.2)
        else:
            return


@contextmanager
def served(url: str, var: Path) -> Iterator[tuple[int, psutil.Process]]:
    """The product as it is deployed, with its chores, on a port of its own."""
    port = free_port()
    told = {"DATABASE_URL": url, "RECTIFY_VAR": str(var), "PORT": str(port), "RECTIFY_LOG_LEVEL": "warning"}
    environment = {**os.environ, **told}
    command = [str(Path(sys.executable).with_name("rectify")), "serve"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        _wait(port)
        yield port, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(60)


def measure(work: Work, server: psutil.Process, seconds: float) -> Result:
    """One round of load, with the CPU the server spent on it."""
    before = cpu(server)
    result = (_wrk if uses_wrk() else _own)(work, seconds)
    spent = (cpu(server) - before) * 1e6
    return Result(**{**asdict(result), "cpu": spent / max(result.requests, 1)})


def cpu(process: psutil.Process) -> float:
    """Seconds of user and system time that it and those it started have spent so far, also those that ended."""
    spent = 0.0
    for one in (process, *process.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):  # its parent has its times then
            times = one.cpu_times()
            spent += times.user + times.system + times.children_user + times.children_system
    return spent


def uses_wrk() -> bool:
    return shutil.which("wrk") is not None


def tool() -> str:
    return "wrk" if uses_wrk() else "asyncio + httptools"


def _wrk(work: Work, seconds: float) -> Result:
    with tempfile.TemporaryDirectory() as folder:
        paths, body, script = (Path(folder) / name for name in ("paths", "body", "load.lua"))
        paths.write_text("\n".join(work.paths), encoding="utf-8")
        if work.body is not None:
            body.write_text(work.body, encoding="utf-8")
        headers = "; ".join(f'wrk.headers["{name}"] = "{value}"' for name, value in work.sent.items())
        script.write_text(_SCRIPT.format(paths=paths, body=body, headers=headers, method=work.method), encoding="utf-8")
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "--latency", "--timeout", f"{PATIENCE}s",
                   "-s", str(script), f"http://127.0.0.1:{work.port}"]  # fmt: skip
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return _read_wrk(said)


def _read_wrk(said: str) -> Result:
    def percentile(share: str) -> float:
        found = re.search(rf"{share}%\s+([\d.]+)(us|ms|s|m)", said)
        return float(found[1]) * _MILLISECONDS[found[2]] if found else 0.0

    count = re.search(r"(\d+) requests in", said)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    wrong = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    if count is None or rate is None:
        raise RuntimeError(said)
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", said)
    refused = (int(wrong[1]) if wrong else 0) + (sum(map(int, broken.groups())) if broken else 0)
    return Result(int(count[1]), float(rate[1]), percentile("50"), percentile("99"), refused)


def _own(work: Work, seconds: float) -> Result:
    told = json.dumps({**asdict(work), "paths": list(work.paths), "headers": work.sent, "seconds": seconds})
    done = subprocess.run([sys.executable, "-m", "bench.load"], input=told, capture_output=True, text=True, check=True)
    return Result(**json.loads(done.stdout))


class _Connection(asyncio.Protocol):
    """Sends the next request as soon as an answer is complete."""

    def __init__(self, requests: Iterator[bytes], taken: list[float], refused: list[int]) -> None:
        self.requests, self.taken, self.refused = requests, taken, refused
        self.started = 0.0
        self.parser = httptools.HttpResponseParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport
        self._next()

    def _next(self) -> None:
        self.started = time.perf_counter()
        self.parser = httptools.HttpResponseParser(self)
        self.transport.write(next(self.requests))

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_message_complete(self) -> None:
        self.taken.append(time.perf_counter() - self.started)
        if self.parser.get_status_code() >= 300:  # noqa: PLR2004 - anything but success
            self.refused.append(self.parser.get_status_code())
        asyncio.get_running_loop().call_soon(self._next)


def _requests(given: dict[str, Any]) -> Iterator[bytes]:
    run = time.time_ns()
    body = (given["body"] or "").encode()
    shared = "".join(f"{name}: {value}\r\n" for name, value in {"Host": "localhost", **given["headers"]}.items())
    if body:
        shared += f"Content-Type: application/json\r\nIf-Match: *\r\nContent-Length: {len(body)}\r\n"
    verb = given["method"] if body else "GET"
    for number, path in enumerate(cycle(given["paths"])):
        key = f"Idempotency-Key: {run}-{number}\r\n" if body else ""
        yield f"{verb} {path} HTTP/1.1\r\n{shared}{key}\r\n".encode() + body


async def _run(given: dict[str, Any]) -> Result:
    taken: list[float] = []
    refused: list[int] = []
    requests = _requests(given)
    loop = asyncio.get_running_loop()
    for _ in range(CONNECTIONS):
        await loop.create_connection(lambda: _Connection(requests, taken, refused), "127.0.0.1", given["port"])
    await asyncio.sleep(given["seconds"])
    for _ in range(600):  # a round can be shorter than the first answer
        if taken:
            break
        await asyncio.sleep(0.05)
    ordered = sorted(taken)
    return Result(len(ordered), len(ordered) / given["seconds"], 1000 * ordered[len(ordered) // 2],
                  1000 * ordered[len(ordered) * 99 // 100], len(refused))  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(asdict(uvloop.run(_run(json.load(sys.stdin))))))
