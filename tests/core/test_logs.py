import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from app.core import logs

SECRETS = {
    "address": "cannot reach postgresql://rectify_app:hunter2@db/rectify",
    "api key": "used rlk_hunter2_abcdef",
    "webhook secret": "signed by whsec_hunter2+abc/def=",
    "header": "Authorization: Bearer hunter2.abc",
    "jwt": "got eyJhbGciOi.hunter2.sig",
}


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    stream = io.StringIO()
    logs.configure("info", "json", stream)
    yield stream
    root.handlers[:], root.level = before


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_carries_the_request_id_of_its_request_only(written: io.StringIO) -> None:
    log = logs.logger("test")
    with logs.request_scope("req-1") as bind:
        bind(route="/v1/items")
        log.info("整改", n=1)
    log.info("after")
    first, second = lines(written)
    assert (first["event"], first["request_id"], first["route"], first["n"]) == ("整改", "req-1", "/v1/items", 1)
    assert "request_id" not in second


@pytest.mark.parametrize("text", SECRETS.values(), ids=SECRETS.keys())
def test_a_secret_inside_a_message_or_a_value_is_removed(written: io.StringIO, text: str) -> None:
    logs.logger("test").warning(text, nested={"list": [text]}, password="hunter2")
    logging.getLogger("library").warning("%s", text)
    assert "hunter2" not in written.getvalue()
    assert len(lines(written)) == 2


def test_a_traceback_names_the_error_and_not_the_row_that_caused_it(written: io.StringIO) -> None:
    error = ValueError("duplicate key\nDETAIL:  Key (id_card)=(3205) already exists.")
    logs.logger("test").error("failed", exc_info=error)
    (line,) = lines(written)
    assert "ValueError: duplicate key" in line["exception"]
    assert "3205" not in written.getvalue()
