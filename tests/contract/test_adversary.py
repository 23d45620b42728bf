"""What an adversary tried against the running service, and what must hold ever since."""

import asyncio
import socket

import httpx2
import uvicorn
from fastapi import FastAPI


async def test_a_connection_outlives_a_head_request_on_a_real_server(app: FastAPI) -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None))
    running = asyncio.create_task(server.serve([listening]))
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    try:
        async with httpx2.AsyncClient(base_url=address) as caller:
            answers = [await caller.request(method, "/v1/meta/enums") for method in ("HEAD", "HEAD", "GET")]
            streams = {answer.extensions["network_stream"].get_extra_info("client_addr") for answer in answers}
    finally:
        server.should_exit = True
        await running
    assert len({answer.status_code for answer in answers}) == 1
    assert {answer.headers["content-length"] for answer in answers} == {str(len(answers[2].content))}
    assert [bool(answer.content) for answer in answers] == [False, False, True]
    assert len(streams) == 1
