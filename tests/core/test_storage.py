"""Evidence files: kept whole or not at all, once each, and only when they are what they claim to be."""

from __future__ import annotations

import io
import os
import struct
import zipfile
from collections.abc import AsyncIterator, Iterable
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import anyio
import pytest

from app.core import clock, file_types
from app.core.errors import Problem
from app.core.storage import CHUNK, LocalStorage, Stored, Upload

PDF = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n%%EOF\n"
LIMIT = 8 * 1024 * 1024


async def pieces(content: bytes, size: int = 4096) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


def packed(names: Iterable[str], content: bytes = b"<x/>") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as package:
        for name in names:
            package.writestr(name, content)
    return buffer.getvalue()


def compound(stream: str) -> bytes:
    return bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 4088 + stream.encode("utf-16-le") + b"\0" * 64


@pytest.fixture
def store(tmp_path: Path) -> LocalStorage:
    return LocalStorage(tmp_path / "files", LIMIT)


def everything(store: LocalStorage) -> list[Path]:
    return [path for path in store.root.rglob("*") if path.is_file()]


async def keep(store: LocalStorage, stream: AsyncIterator[bytes], upload: Upload) -> Stored:
    async with store.receive(stream, upload) as received:
        await received.keep()
        return received.stored


async def put(store: LocalStorage, name: str, content: bytes, media_type: str | None = None) -> str:
    return (await keep(store, pieces(content), Upload(name, media_type))).sha256


async def refusal(store: LocalStorage, name: str, content: bytes, media_type: str | None = None) -> Problem:
    with pytest.raises(Problem) as caught:
        await put(store, name, content, media_type)
    assert everything(store) == []
    return caught.value


async def test_a_file_comes_back_byte_for_byte_under_its_digest(store: LocalStorage) -> None:
    content = PDF + os.urandom(3 * CHUNK + 17)
    stored = await keep(store, pieces(content), Upload("关于整改情况的报告.PDF", "application/pdf"))
    assert stored.sha256 == sha256(content).hexdigest()
    assert (stored.size, stored.media_type) == (len(content), "application/pdf")
    assert await store.exists(stored.sha256)
    assert b"".join([piece async for piece in await store.open(stored.sha256)]) == content
    assert everything(store) == [store.root / stored.sha256[:2] / stored.sha256[2:4] / stored.sha256]


async def test_the_same_file_uploaded_twice_at_once_is_kept_once(store: LocalStorage) -> None:
    async with anyio.create_task_group() as group:
        for name in ("a.pdf", "b.pdf"):
            group.start_soon(put, store, name, PDF)
    assert len(everything(store)) == 1


async def test_a_file_that_its_receiver_does_not_keep_leaves_nothing(store: LocalStorage) -> None:
    async with store.receive(pieces(PDF), Upload("a.pdf")) as received:
        digest = received.stored.sha256
    assert everything(store) == []
    assert not await store.exists(digest)


async def test_keeping_a_file_twice_is_keeping_it_once(store: LocalStorage) -> None:
    async with store.receive(pieces(PDF), Upload("a.pdf")) as received:
        await received.keep()
        await received.keep()
    assert [path.name for path in everything(store)] == [received.stored.sha256]


async def test_an_upload_that_breaks_off_leaves_nothing(store: LocalStorage) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield PDF + b"\0" * (2 * CHUNK)
        assert len(everything(store)) == 1
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await keep(store, broken(), Upload("a.pdf"))
    assert everything(store) == []


async def test_an_upload_whose_sender_is_given_up_leaves_nothing(store: LocalStorage) -> None:
    async def stalled() -> AsyncIterator[bytes]:
        yield PDF + b"\0" * (2 * CHUNK)
        await anyio.sleep(60)

    with anyio.move_on_after(0.2) as scope:
        await keep(store, stalled(), Upload("a.pdf"))
    assert scope.cancelled_caught
    assert everything(store) == []


async def test_a_file_over_the_cap_is_refused_while_it_arrives(store: LocalStorage) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += CHUNK
            yield PDF.ljust(CHUNK, b"\0")

    with pytest.raises(Problem) as caught:
        await keep(store, endless(), Upload("a.pdf"))
    assert (caught.value.code, caught.value.members["max_bytes"]) == ("payload_too_large", LIMIT)
    assert read == LIMIT + CHUNK
    assert everything(store) == []


async def test_a_file_of_exactly_the_cap_is_accepted(store: LocalStorage) -> None:
    assert await put(store, "a.pdf", PDF.ljust(LIMIT, b"\0"))


async def test_an_empty_file_proves_nothing_and_is_refused(store: LocalStorage) -> None:
    problem = await refusal(store, "a.pdf", b"")
    assert [fault.code for fault in problem.faults] == ["empty_file"]


GENUINE = {
    "a.pdf": PDF,
    "a.jpg": b"\xff\xd8\xff\xe1\x12\x34Exif\0\0",
    "a.jpeg": b"\xff\xd8\xff\xe0\0\x10JFIF\0",
    "a.png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "a.gif": b"GIF89a\1\0\1\0",
    "a.webp": b"RIFF\x10\0\0\0WEBPVP8 ",
    "a.bmp": b"BM\x36\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0",
    "a.tif": b"II*\0\x08\0\0\0",
    "a.heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    "a.mp4": b"\0\0\0\x18ftypisom\0\0\2\0isommp42",
    "a.mov": b"\0\0\0\x14ftypqt  \0\0\0\0qt  ",
    "a.mp3": b"ID3\3\0\0\0\0\0\0",
    "a.m4a": b"\0\0\0\x20ftypM4A \0\0\0\0",
    "a.wav": b"RIFF\x10\0\0\0WAVEfmt ",
    "a.docx": packed(["[Content_Types].xml", "word/document.xml"]),
    "a.xlsx": packed(["[Content_Types].xml", "xl/workbook.xml"]),
    "a.pptx": packed(["[Content_Types].xml", "ppt/presentation.xml"]),
    "a.ofd": packed(["OFD.xml", "Doc_0/Document.xml"]),
    "a.doc": compound("WordDocument"),
    "a.xls": compound("Workbook"),
    "a.ppt": compound("PowerPoint Document"),
    "a.wps": compound("WordDocument"),
    "a.txt": "整改情况说明\n".encode(),
    "a.csv": "序号,问题\r\n1,台账不全\r\n".encode("gb18030"),
}


RECORDED_BY_TELEPHONES = {
    "heix": "a.heic",
    "mif1": "a.heic",
    "iso5": "a.mp4",
    "avc1": "a.mp4",
    "3gp5": "a.mp4",
    "mp42": "a.m4a",
    "qt  ": "a.mov",
}


@pytest.mark.parametrize("brand", RECORDED_BY_TELEPHONES)
async def test_pictures_and_recordings_of_telephones_are_accepted(store: LocalStorage, brand: str) -> None:
    assert await put(store, RECORDED_BY_TELEPHONES[brand], b"\0\0\0\x18ftyp" + brand.encode() + b"\0\0\0\0isom")


@pytest.mark.parametrize("start", ["fffb9064", "fff34064", "fffa9264", "49443304"])
async def test_sound_is_recognised_with_and_without_a_tag(store: LocalStorage, start: str) -> None:
    assert await put(store, "a.mp3", bytes.fromhex(start) + b"\0" * 64)


@pytest.mark.parametrize("name", GENUINE)
async def test_the_kinds_of_files_offices_file_are_accepted(store: LocalStorage, name: str) -> None:
    stored = await keep(store, pieces(GENUINE[name]), Upload(name, "application/octet-stream"))
    assert stored.media_type == file_types.ALLOWED[Path(name).suffix].media_type


@pytest.mark.parametrize(
    "name", ["a.exe", "a.html", "a.svg", "a.zip", "a.rar", "a.docm", "a.js", "a.pdf.exe", "a", ".pdf", "a.xml"]
)
async def test_programs_pages_and_archives_are_refused_by_name(store: LocalStorage, name: str) -> None:
    problem = await refusal(store, name, PDF)
    assert (problem.code, problem.status, problem.members["reason"]) == ("unsupported_file_type", 415, "not_allowed")
    assert ".pdf" in problem.members["allowed"]


DISGUISED = {
    "program as pdf": ("a.pdf", b"MZ\x90\0\3\0\0\0\4\0\0\0"),
    "program as text": ("a.txt", b"MZ\x90\0\3\0\0\0\4\0\0\0"),
    "page as text": ("a.txt", b"\xef\xbb\xbf <!DOCTYPE html><script>alert(1)</script>"),
    "drawing as csv": ("a.csv", b'<svg xmlns="http://www.w3.org/2000/svg" onload="x()"/>'),
    "script as text": ("a.txt", b"#!/bin/sh\nrm -rf /\n"),
    "page as picture": ("a.png", b"<html><body>"),
    "picture as pdf": ("a.pdf", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
    "archive as docx": ("a.docx", packed(["a.exe"])),
    "xlsx as docx": ("a.docx", packed(["[Content_Types].xml", "xl/workbook.xml"])),
    "installer as doc": ("a.doc", compound("Media.cab")),
    "pdf as doc": ("a.doc", PDF + "WordDocument".encode("utf-16-le")),
    "film as picture": ("a.heic", b"\0\0\0\x18ftypisom\0\0\2\0isommp42"),
    "unknown film": ("a.mp4", b"\0\0\0\x18ftypXXXX\0\0\2\0"),
    "layer II as mp3": ("a.mp3", bytes.fromhex("fffd9064") + b"\0" * 64),
    "binary as csv": ("a.csv", bytes(range(256))),
}


@pytest.mark.parametrize("case", DISGUISED)
async def test_a_file_that_is_not_what_its_name_says_is_refused(store: LocalStorage, case: str) -> None:
    problem = await refusal(store, *DISGUISED[case])
    assert (problem.code, problem.members["reason"]) == ("unsupported_file_type", "mismatch")


async def test_a_declared_type_that_contradicts_the_name_is_refused(store: LocalStorage) -> None:
    problem = await refusal(store, "a.pdf", PDF, "image/png")
    assert problem.members["reason"] == "mismatch"


async def test_the_type_windows_declares_for_csv_is_accepted(store: LocalStorage) -> None:
    assert await put(store, "a.csv", b"a,b\n", "application/vnd.ms-excel")


def with_many_entries() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as package:
        package.writestr("word/document.xml", "")
        for number in range(file_types.MAX_ENTRIES):
            package.writestr(str(number), "")
    return buffer.getvalue()


def overlapping() -> bytes:
    """Every directory entry points at the same bytes, so the parts add up to more than the file."""
    content = b"\0" * 400_000
    whole = packed(["word/document.xml"], content)
    at = whole.index(b"PK\x01\x02")
    end = whole.rindex(b"PK\x05\x06")
    entry = whole[at:end]
    copies = 50
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, copies, copies, len(entry) * copies, at, 0)
    return whole[:at] + entry * copies + tail


BOMBS = {
    "one entry of zeros": packed(["word/document.xml"], b"\0" * (file_types.ALWAYS_FINE + 1)),
    "too many entries": with_many_entries(),
    "entries that share bytes": overlapping(),
}


@pytest.mark.parametrize("case", BOMBS)
async def test_a_package_that_would_fill_the_disk_is_refused_without_opening_it(store: LocalStorage, case: str) -> None:
    problem = await refusal(store, "a.docx", BOMBS[case])
    assert (problem.code, problem.members["reason"]) == ("unsupported_file_type", "expands_too_much")


@pytest.mark.parametrize("comment", [b"", b"\xff" * 65_535])
async def test_a_directory_that_hides_its_size_in_a_64_bit_record_is_refused(
    store: LocalStorage, comment: bytes
) -> None:
    whole = GENUINE["a.docx"]
    at = whole.rindex(b"PK\x05\x06")
    end = whole[at:-2] + len(comment).to_bytes(2, "little") + comment
    problem = await refusal(store, "a.docx", whole[:at] + b"PK\x06\x07" + b"\0" * 16 + end)
    assert problem.members["reason"] == "expands_too_much"


async def test_an_office_file_that_compresses_well_is_no_bomb(store: LocalStorage) -> None:
    assert await put(store, "a.xlsx", packed(["xl/workbook.xml"], b"<c/>" * 5_000_000))


async def test_a_package_cut_short_is_called_damaged(store: LocalStorage) -> None:
    problem = await refusal(store, "a.docx", GENUINE["a.docx"][:-30])
    assert problem.members["reason"] == "damaged"


async def test_macros_hidden_in_an_office_file_are_refused(store: LocalStorage) -> None:
    problem = await refusal(store, "a.docx", packed(["word/document.xml", "word/vbaProject.bin"]))
    assert problem.members["reason"] == "macros"


async def test_a_digest_that_is_a_path_is_never_looked_up(store: LocalStorage) -> None:
    with pytest.raises(ValueError, match="not a SHA-256"):
        await store.exists("../../etc/passwd")


async def test_a_lost_file_is_reported_before_the_answer_begins(store: LocalStorage) -> None:
    with pytest.raises(Problem) as caught:
        await store.open("0" * 64)
    assert caught.value.code == "unavailable"


async def test_what_a_killed_process_left_is_swept_after_a_day_and_not_before(store: LocalStorage) -> None:
    store.unfinished.mkdir(parents=True)
    (store.unfinished / "left").write_bytes(b"%PDF")
    assert await store.sweep() == 0
    with clock.travel(timedelta(hours=25)):
        assert await store.sweep() == 1
    assert everything(store) == []
