"""Files made to hurt whoever opens them: refused, or kept unopened, within two seconds and without filling the memory."""

from __future__ import annotations

import io
import struct
import time
import zipfile
import zlib
from collections.abc import Callable
from functools import cache

import psutil
import pytest
from fastapi import FastAPI

from tests.support.asgi import Ask, RawHeaders, documented, with_length
from tests.support.organisation import Organisation

MB = 1 << 20
DOCUMENT = "word/document.xml"
Crafted = tuple[str, Callable[[], bytes]]


def packed(entries: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in entries.items():
            package.writestr(name, content)
    return buffer.getvalue()


def nested() -> bytes:
    """Five layers, each of ten copies of the one below."""
    inner = packed({"zeros": bytes(10 * MB)})
    for _ in range(5):
        inner = packed({DOCUMENT: b"", **{f"{number}.zip": inner for number in range(10)}})
    return inner


def repeated(copies: int, uncompressed: int | None = None) -> bytes:
    """A directory that names one entry over and over, with a size of its own choosing."""
    whole = packed({DOCUMENT: b"\0" * 1000})
    at, end = whole.index(b"PK\x01\x02"), whole.rindex(b"PK\x05\x06")
    entry = bytearray(whole[at:end])
    if uncompressed is not None:
        entry[24:28] = struct.pack("<I", uncompressed)
    said = min(copies, 0xFFFF)
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, said, said, len(entry) * copies, at, 0)
    return whole[:at] + bytes(entry) * copies + tail


def vast_picture() -> bytes:
    """A few bytes that say they are a hundred thousand pixels wide and high."""
    head = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 6, 0, 0, 0)
    chunk = b"IHDR" + head
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))


LAUGHS = b'<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]><a>&b;</a>'
OUTSIDE = b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'
REFUSED: dict[str, Crafted] = {
    "an archive by its name": ("a.zip", lambda: packed({"a": b"x"})),
    "ratio of a thousand": ("a.docx", lambda: packed({DOCUMENT: bytes(200 * MB)})),
    "a hundred thousand entries": ("a.docx", lambda: repeated(100_000)),
    "a size that lies high": ("a.docx", lambda: repeated(1, 0xFFFFFFF0)),
    "entries that share their bytes": ("a.docx", lambda: repeated(60_000, 100_000)),
    "a name that climbs out": ("a.docx", lambda: packed({"../../etc/cron.d/x": b"x"})),
    "a program with a picture's name": ("a.png", lambda: b"MZ" + bytes(1000)),
    "a page that is also a picture": ("a.html", vast_picture),
    "more than an upload may hold": ("a.txt", lambda: b"x" * (51 * MB)),
    "macros": ("a.docx", lambda: packed({DOCUMENT: b"", "word/vbaProject.bin": b"x"})),
}
UNOPENED: dict[str, Crafted] = {
    "packages within packages": ("a.docx", nested),
    "laughs by the billion": ("a.docx", lambda: packed({DOCUMENT: LAUGHS})),
    "a file of the server": ("a.docx", lambda: packed({DOCUMENT: OUTSIDE})),
    "a vast picture": ("a.png", vast_picture),
}
"""What the service keeps as it is and never looks into, so that it cannot be hurt; 409 comes from the state of the item."""


@cache
def crafted(case: str) -> tuple[str, bytes]:
    name, make = (REFUSED | UNOPENED)[case]
    return name, make()


@pytest.fixture(scope="module")
async def target(app: FastAPI) -> tuple[str, RawHeaders]:
    org = Organisation.of(app)
    unit = await org.unit()
    item = await org.item(await org.ledger(unit), unit, (unit,))
    who = await org.person(("supervision_office", unit))
    return f"/v1/items/{item}/evidence", [(b"authorization", who.headers["Authorization"].encode())]


async def uploaded(app: FastAPI, target: tuple[str, RawHeaders], case: str) -> tuple[int, float, int]:
    """The status, the seconds it took, and by how much the process grew."""
    path, signed = target
    name, content = crafted(case)
    head = f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
    field = '\r\n--x\r\nContent-Disposition: form-data; name="target_kind"\r\n\r\nnotice\r\n--x--\r\n'
    headers, chunks = with_length("multipart/form-data; boundary=x", head.encode() + content + field.encode())
    pieces = [chunks[0][place : place + 64_000] for place in range(0, len(chunks[0]), 64_000)]
    process = psutil.Process()
    before, started = process.memory_info().rss, time.perf_counter()
    answer = await documented(app, Ask("POST", path, [*signed, *headers, (b"idempotency-key", b"k-1")], b"", pieces))
    return answer.status_code, time.perf_counter() - started, process.memory_info().rss - before


@pytest.mark.parametrize("case", REFUSED)
async def test_a_bomb_is_refused(app: FastAPI, target: tuple[str, RawHeaders], case: str) -> None:
    crafted(case)
    status, seconds, grown = await uploaded(app, target, case)
    assert status == (413 if case.startswith("more") else 415)
    assert seconds < 2
    assert grown < 100 * MB


@pytest.mark.parametrize("case", UNOPENED)
async def test_what_is_dangerous_to_open_is_never_opened(
    app: FastAPI, target: tuple[str, RawHeaders], case: str
) -> None:
    crafted(case)
    status, seconds, grown = await uploaded(app, target, case)
    assert status in {409, 415}
    assert seconds < 2
    assert grown < 100 * MB
