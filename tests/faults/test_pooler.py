"""Behind pgbouncer in transaction mode, where no session is one's own: RECTIFY_PREPARED=off where it is older than 1.21.

RECTIFY_TEST_PGBOUNCER names the program; otherwise it is looked for, and the test skipped where there is none.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from app.core.postgres_host import free_port, service_user
from tests.support.crowd import crowd, organisation, say
from tests.support.deployment import Deployment
from tests.support.history import SEALED

PROGRAM = os.environ.get("RECTIFY_TEST_PGBOUNCER") or shutil.which("pgbouncer")
SEED = int(os.environ.get("RECTIFY_TEST_SEED", "20261126"))
WRITES = 1000 if os.environ.get("RECTIFY_TEST_FAULTS") == "full" else 60
INI = """
[databases]
rectify = host={host} port={port} dbname=rectify user={user} password={password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
auth_type = any
pool_mode = transaction
default_pool_size = 5
unix_socket_dir =
logfile = {folder}/pgbouncer.log
"""

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="pgbouncer is not installed: apt-get install pgbouncer")


@pytest.fixture
async def pooled() -> AsyncIterator[Deployment]:
    """Every connection of the service and of its worker goes through the pooler."""
    listen = free_port()
    more = {"DATABASE_URL": f"postgresql://rectify_app@127.0.0.1:{listen}/rectify", "RECTIFY_PREPARED": "off"}
    deployment = await asyncio.to_thread(Deployment.made, workers=1, more=more)
    pooler = await asyncio.to_thread(start, deployment, listen)
    try:
        await deployment.start()
        yield deployment
    finally:
        pooler.terminate()
        pooler.wait()
        await asyncio.to_thread(deployment.close)


def start(deployment: Deployment, listen: int) -> subprocess.Popen[bytes]:
    """As the account of the database, which alone may enter the folder of its socket."""
    assert PROGRAM is not None
    url, user = urlsplit(deployment.cluster.app_url), service_user(deployment.folder / "var/pg")
    folder = deployment.folder / "pooler"
    folder.mkdir(mode=0o700)
    user.give(folder)
    query = parse_qs(url.query)
    told = {
        "host": query["host"][0],
        "port": query["port"][0],
        "user": url.username,
        "password": unquote(url.password or ""),
    }
    ini = folder / "pgbouncer.ini"
    ini.write_text(INI.format(**told, listen=listen, folder=folder), encoding="utf-8")
    user.give(ini)
    process = subprocess.Popen([PROGRAM, str(ini)], cwd=folder, stderr=subprocess.DEVNULL, **user.run_as())
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", listen)) == 0:
                return process
        try:
            process.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
        raise AssertionError((folder / "pgbouncer.log").read_text(encoding="utf-8"))
    raise AssertionError("the pooler does not listen")


async def test_behind_a_pooler_everything_is_as_without(pooled: Deployment) -> None:
    async with organisation(pooled) as made, crowd(pooled, made, SEED, clients=8) as people:
        await people.acknowledged(WRITES)
    say(f"behind pgbouncer: {people.failures} answers of 5xx, {dict(people.journal.counts())}")
    assert people.failures == 0
    assert await people.findings() == []
    async with asyncio.timeout(60):
        while not await pooled.cluster.ask(SEALED):  # noqa: ASYNC110 - another process seals
            await asyncio.sleep(0.2)
