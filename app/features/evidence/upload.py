"""A multipart/form-data body taken apart while it arrives: the file goes to the store in pieces, never into memory."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Final

from pydantic import ValidationError
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from app.core.errors import Fault, Problem, Text
from app.core.fields import prose
from app.core.messages import fault_problem, validation_problem
from app.core.storage import Received, Storage, Upload
from app.features.evidence.schemas import EvidenceIn

IDLE_SECONDS: Final = 30
MOST_PARTS: Final = 20
LONGEST_FIELD: Final = 8 * 1024
LONGEST_NAME: Final = 255
_AS_IT_IS: Final = frozenset({b"binary", b"8bit", b"7bit"})

_MISSING: Final = Fault("missing", Text("须上传一个文件", "A file is required"), "/file")
_REPEATED: Final = Text("只能出现一次", "May appear only once")
_TOO_LONG: Final = Text("内容过长", "Too long")


@dataclass(slots=True)
class Part:
    """One part's head; `data` gives its content as it arrives."""

    name: str
    file_name: str | None
    media_type: str | None
    data: AsyncIterator[bytes]


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A file received and examined, with the fields that came along; kept only when `received.keep` is called."""

    form: EvidenceIn
    file_name: str
    received: Received

    @property
    def digest(self) -> bytes:
        """What makes a repeated request the same request: the bytes of the file, its name and the fields."""
        told = [self.received.stored.sha256, self.file_name, self.form.model_dump(mode="json")]
        return sha256(json.dumps(told, sort_keys=True).encode()).digest()


@asynccontextmanager
async def receive(stream: AsyncIterator[bytes], content_type: str, store: Storage) -> AsyncIterator[Uploaded]:
    """Raises bad_request, request_timeout, payload_too_large, unsupported_file_type, classified_text, validation_failed.

    Fields and file may come in any order. Leaving without keeping the file leaves nothing behind.
    """
    fields: dict[str, str] = {}
    file: tuple[str, Received] | None = None
    async with AsyncExitStack() as stack, aclosing(_Form(stream, content_type).parts()) as parts:
        async for part in parts:
            if part.name in fields or (part.name == "file" and file is not None):
                raise fault_problem([Fault("repeated", _REPEATED, _pointer(part.name))])
            if part.name == "file" and part.file_name is not None:
                name = _clean_name(part.file_name)
                received = await stack.enter_async_context(store.receive(part.data, Upload(name, part.media_type)))
                file = name, received
            else:
                fields[part.name] = await _text(part)
        form = _form(fields)
        if file is None:
            raise fault_problem([_MISSING])
        yield Uploaded(form, *file)


def _form(fields: dict[str, str]) -> EvidenceIn:
    """An empty field of a browser's form is one that was not filled in."""
    try:
        return EvidenceIn.model_validate({name: text for name, text in fields.items() if text != ""})
    except ValidationError as error:
        found = [{**detail, "loc": ("body", *detail["loc"])} for detail in error.errors()]
        raise validation_problem(found) from None


def _clean_name(given: str) -> str:
    """The last component: some senders give the path on their own disk."""
    name = given.replace("\\", "/").rpartition("/")[2]
    try:
        return prose(LONGEST_NAME)(name)
    except ValueError as error:
        raise fault_problem([replace(error.args[0], pointer="/file")]) from None


async def _text(part: Part) -> str:
    pieces = bytearray()
    async for piece in part.data:
        pieces += piece
        if len(pieces) > LONGEST_FIELD:
            raise fault_problem([Fault("too_long", _TOO_LONG, _pointer(part.name))])
    return _decoded(bytes(pieces))


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise Problem("bad_request") from None


def _pointer(name: str) -> str | None:
    """Only names we know are repeated to the caller."""
    return f"/{name}" if name in {*EvidenceIn.model_fields, "file"} else None


class _End:
    """The end of a part."""


@dataclass(slots=True)
class _Head:
    headers: dict[bytes, bytes] = field(default_factory=dict)
    name: bytes = b""
    value: bytes = b""


class _Form:
    """Feeds what arrives to the parser and hands out what the parser found, in order."""

    def __init__(self, stream: AsyncIterator[bytes], content_type: str) -> None:
        boundary = parse_options_header(content_type)[1].get(b"boundary")
        if not boundary:
            raise Problem("bad_request")
        self.stream = stream
        self.found: deque[_Head | bytes | _End] = deque()
        self.head = _Head()
        self.complete = False
        try:
            self.parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": self._name,
                    "on_header_value": self._value,
                    "on_header_end": self._header,
                    "on_headers_finished": lambda: self.found.append(self.head),
                    "on_part_data": lambda data, start, end: self.found.append(data[start:end]),
                    "on_part_end": lambda: self.found.append(_End()),
                    "on_end": self._end,
                },
            )
        except FormParserError:
            raise Problem("bad_request") from None

    async def parts(self) -> AsyncGenerator[Part]:
        """Every part; what the consumer leaves of one is passed over."""
        count = 0
        while (head := await self._next()) is not None:
            count += 1
            if count > MOST_PARTS or not isinstance(head, _Head):
                raise Problem("bad_request")
            data = self._data()
            yield _part(head.headers, data)
            async for _ in data:
                pass

    async def _data(self) -> AsyncIterator[bytes]:
        while isinstance(piece := await self._next(), bytes):
            yield piece
        if piece is None:
            raise Problem("bad_request")

    async def _next(self) -> _Head | bytes | _End | None:
        """None at the end of a complete body; one that breaks off is refused."""
        while not self.found:
            try:
                async with asyncio.timeout(IDLE_SECONDS):
                    chunk = await anext(self.stream, None)
            except TimeoutError:
                raise Problem("request_timeout", headers={"Connection": "close"}) from None
            if chunk is None:
                if not self.complete:
                    raise Problem("bad_request")
                return None
            try:
                self.parser.write(chunk)
            except FormParserError:
                raise Problem("bad_request") from None
        return self.found.popleft()

    def _begin(self) -> None:
        self.head = _Head()

    def _name(self, data: bytes, start: int, end: int) -> None:
        self.head.name += data[start:end]

    def _value(self, data: bytes, start: int, end: int) -> None:
        self.head.value += data[start:end]

    def _header(self) -> None:
        self.head.headers[self.head.name.lower()] = self.head.value
        self.head.name = self.head.value = b""

    def _end(self) -> None:
        self.complete = True


def _part(headers: dict[bytes, bytes], data: AsyncIterator[bytes]) -> Part:
    disposition, options = parse_options_header(headers.get(b"content-disposition"))
    as_it_is = headers.get(b"content-transfer-encoding", b"binary").lower() in _AS_IT_IS
    if disposition != b"form-data" or b"name" not in options or not as_it_is:
        raise Problem("bad_request")
    file_name = options.get(b"filename")
    media_type = headers.get(b"content-type")
    return Part(
        _decoded(options[b"name"]),
        # Browsers write a quotation mark in a name as %22 and leave everything else as it is.
        None if file_name is None else _decoded(file_name).replace("%22", '"'),
        None if media_type is None else media_type.decode("latin-1"),
        data,
    )
