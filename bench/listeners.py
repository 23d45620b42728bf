"""`python -m bench.listeners`: a thousand idle listeners on one worker: what they cost, and how soon they hear."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import asyncpg
import httpx2
import psutil
from pydantic import SecretStr

from app.access.permissions import READING_ROLES
from app.demo.carry import Carrier, Case
from app.demo.organisation import PEOPLE, ROOT, Organisation, build
from app.main import create_app
from app.settings import Settings
from app.trail.watch import MOST_OF_ONE
from bench.database import database
from bench.load import served

IDLE_SECONDS = 20
COMMITS = "SELECT pg_stat_clear_snapshot(), xact_commit FROM pg_stat_database WHERE datname = current_database()"


async def organised(url: str, var: Path) -> Organisation:
    """The invented bureau, made before anything is measured."""
    app = create_app(Settings.model_validate({"database_url": SecretStr(url), "var": var}))

    def connect() -> httpx2.AsyncClient:
        return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://x")

    async with app.router.lifespan_context(app):
        made = await build(app.state.db, connect)
        await made.close()
    made.callers = {}
    return made


async def follow(
    port: int, token: str, open_now: asyncio.Semaphore, ready: asyncio.Semaphore, heard: list[float]
) -> None:
    """One connection until its first event, whose time it writes down."""
    async with open_now:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET /v1/events/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head.splitlines()[0]:
            raise RuntimeError(head.decode())
        ready.release()
    while line := await reader.readline():
        if line.startswith(b"data:"):
            heard.append(time.perf_counter())
            break
    writer.close()


async def measure(superuser: str, port: int, server: psutil.Process, made: Organisation, number: int) -> dict[str, Any]:
    """Opens so many listeners, watches them idle, then lets something happen."""
    made.connect = lambda: httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60)
    names = [plan.username for plan in PEOPLE if plan.role in READING_ROLES and plan.over == ROOT]
    if number > len(names) * MOST_OF_ONE:
        raise SystemExit(f"at most {len(names) * MOST_OF_ONE} listeners")
    tokens = [(await made.as_(name)).http.headers["authorization"].split()[1] for name in names]
    bare = server.memory_info().rss
    open_now, ready, heard = asyncio.Semaphore(50), asyncio.Semaphore(0), list[float]()
    tasks = [
        asyncio.create_task(follow(port, tokens[place % len(tokens)], open_now, ready, heard))
        for place in range(number)
    ]
    for _ in range(number):
        await ready.acquire()
    full = server.memory_info().rss
    database = await asyncpg.connect(superuser)
    commits, busy = await database.fetchval(COMMITS, column=1), sum(server.cpu_times()[:2])
    await asyncio.sleep(IDLE_SECONDS)
    commits = await database.fetchval(COMMITS, column=1) - commits
    busy = sum(server.cpu_times()[:2]) - busy
    await database.close()
    case = Case("食堂留样记录缺失", "抽查两周，缺三天留样记录。", {"type": "self_inspection"})
    began = time.perf_counter()
    await Carrier(made).to("submitted", case)
    await asyncio.wait_for(asyncio.gather(*tasks), 60)
    await made.close()
    delays = [at - began for at in heard]
    return {
        "listeners": number,
        "kB a listener": round((full - bare) / number / 1024, 1),
        "idle CPU, % of a core": round(100 * busy / IDLE_SECONDS, 1),
        "commits a second of the whole service": round(commits / IDLE_SECONDS, 1),
        "heard after, s: median": round(median(delays), 2),
        "heard after, s: p99": round(quantiles(delays, n=100)[98], 2),
        "heard after, s: last": round(max(delays), 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--listeners", type=int, default=1000)
    number = parser.parse_args().listeners
    with database() as (superuser, url), tempfile.TemporaryDirectory(prefix="rectify-listeners-") as folder:
        made = asyncio.run(organised(url, Path(folder)))
        with served(url, Path(folder)) as (port, server):
            told = asyncio.run(measure(superuser, port, server, made, number))
    for name, value in told.items():
        print(f"{name:40} {value}")


if __name__ == "__main__":
    main()
