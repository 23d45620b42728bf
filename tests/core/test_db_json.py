"""JSON of columns: whatever PostgreSQL keeps is read, and as the standard library reads it."""

import json

import pytest
from fastapi import FastAPI

TEXTS = [
    '{"text": "整改", "n": null, "list": [1, -2.5, 1e3, true], "空": {}}',
    "123456789012345678901234567890",
    '"\\u0041\\ud83d\\ude00"',
    '"\\ud800"',
    "[" * 400 + "]" * 400,
    '{"a": 1, "a": 2}',
]


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
async def test_json_is_read_as_the_standard_library_reads_it(app: FastAPI, text: str) -> None:
    found = await app.state.db.fetchval("SELECT $1::text::json", text)
    assert found == json.loads(text)
    assert json.dumps(found) == json.dumps(json.loads(text))
