"""The receiver in the guide takes what is sent, and nothing else."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import httpx2

from app.core.postgres_host import free_port
from tests.contract.test_docs import blocks
from tests.features.webhooks.pushing import build
from tests.support.database import Clone
from tests.support.receiver import own_address, receiving
from tests.support.service import Serve

GUIDE = Path(__file__).parents[3] / "docs/guides/webhooks.md"


async def started(address: str, port: int, secret: str) -> asyncio.subprocess.Process:
    [program] = blocks(GUIDE.read_text(encoding="utf-8"), "python")
    made = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, address, str(port), env={**os.environ, "WEBHOOK_SECRET": secret},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    async with asyncio.timeout(20):
        while True:
            try:
                _, writer = await asyncio.open_connection(address, port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return made


async def test_the_program_of_the_guide_takes_what_is_genuine(database: Clone, serve: Serve) -> None:
    address, port = own_address(), free_port()
    async with receiving() as other, serve(database.app_url, webhook_hosts=(f"{address}:{port}",)) as app:
        pushing = await build(app, other, other)
        answer = await pushing.send("POST", "", {"url": f"http://{address}:{port}/"})
        program = await started(address, port, answer.json()["secret"])
        try:
            await pushing.item()
            await pushing.push()
            assert program.stdout is not None
            async with asyncio.timeout(10):
                told = [(await program.stdout.readline()).decode().split() for _ in range(3)]
            assert [words[1] for words in told] == ["webhook.ping", "item.drafted", "item.submitted"]
            assert (await pushing.read(answer.json()))["lag"] == 0
            async with httpx2.AsyncClient(trust_env=False) as forger:
                signed = {"webhook-id": "1", "webhook-timestamp": "1774924200", "webhook-signature": "v1,AAAA"}
                assert (await forger.post(f"http://{address}:{port}/", json={}, headers=signed)).status_code == 401
        finally:
            program.terminate()
            await program.wait()
            await pushing.dispatcher.stop()
