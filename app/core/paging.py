"""Lists are read by keyset: a cursor names the last row seen, signed and bound to its list, filters and sort order."""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Annotated, Final, Generic, Literal, NamedTuple, TypeVar
from urllib.parse import parse_qsl, quote, urlencode
from uuid import UUID

from fastapi import Depends, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from app.core.enums import LabelledEnum
from app.core.errors import Problem
from app.core.http import Call, Out

DEFAULT_LIMIT: Final = 20
MAX_LIMIT: Final = 200
TOTAL_CAP: Final = 10_000
_TAG_BYTES: Final = 12
_CONTROL: Final = frozenset({"limit", "cursor", "include"})

Scalar = str | int | bool | date | datetime | UUID | None
T = TypeVar("T")


class PageQuery(BaseModel):
    """The paging parameters of every list; a list with filters of its own extends this model."""

    model_config = ConfigDict(frozen=True)

    limit: Annotated[
        int,
        Field(ge=1, le=10**9, description="每页条数，最多 200 条 · Rows a page; more than 200 is taken as 200"),
        AfterValidator(lambda value: min(value, MAX_LIMIT)),
    ] = DEFAULT_LIMIT
    cursor: Annotated[
        str | None, Field(max_length=1024, description="上一页给出的 next_cursor · next_cursor of the page before")
    ] = None
    include: Annotated[
        Literal["total"] | None, Field(description="total：附带总数（有上限） · total: add a capped count")
    ] = None


async def _paging(query: Annotated[PageQuery, Query()]) -> PageQuery:
    return query


Page = Annotated[PageQuery, Depends(_paging)]


class TotalRelation(LabelledEnum):
    """Whether a total is exact."""

    EQ = "eq", "准确", "Exact"
    GTE = "gte", "达到上限，不少于此数", "Capped: at least so many"


def relation(counted: int) -> TotalRelation:
    """What a total says that was counted no further than one above the cap."""
    return TotalRelation.GTE if counted > TOTAL_CAP else TotalRelation.EQ


class PageOf(Out, Generic[T]):
    """One page; `next_cursor: null` is the only sign of the end. Subclass it to give the page a name."""

    items: list[T]
    next_cursor: Annotated[str | None, Field(description="下一页游标；null 表示没有下一页 · null at the end")] = None
    total: Annotated[int | None, Field(description="仅在 include=total 时给出 · only with include=total")] = None
    total_relation: TotalRelation | None = None


@dataclass(frozen=True, slots=True)
class Cursor:
    """Seals and opens positions of one list; `binding` is all that must stay the same between its pages."""

    key: bytes
    binding: str

    def encode(self, position: Sequence[Scalar]) -> str:
        """`position` holds the sort values of the last row given, its id last."""
        payload = json.dumps([_tagged(value) for value in position], separators=(",", ":")).encode()
        return urlsafe_b64encode(self._tag(payload) + payload).decode().rstrip("=")

    def decode(self, cursor: str) -> tuple[Scalar, ...]:
        """The position, with the types it was sealed with. Raises invalid_cursor (400)."""
        try:
            raw = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        except ValueError:
            raise Problem("invalid_cursor") from None
        tag, payload = raw[:_TAG_BYTES], raw[_TAG_BYTES:]
        if not hmac.compare_digest(tag, self._tag(payload)):
            raise Problem("invalid_cursor")
        return tuple(_untagged(kind, value) for kind, value in json.loads(payload))

    def _tag(self, payload: bytes) -> bytes:
        return hmac.digest(self.key, self.binding.encode() + b"\0" + payload, sha256)[:_TAG_BYTES]


def cursor_for(call: Call, key: bytes) -> Cursor:
    """A cursor belongs to the path, and to every parameter but those that only say which page."""
    return Cursor(key, _address(call.path, call.query_string).binding)


def page_links(call: Call, next_cursor: str | None) -> dict[str, str]:
    """The Link header (RFC 8288) of a page: where it starts and, unless it is the last, where it goes on."""
    start = _address(call.path, call.query_string).start
    links = f'<{start}>; rel="first"'
    if next_cursor is not None:
        links += f', <{start}{"&" if "?" in start else "?"}{urlencode({"cursor": next_cursor})}>; rel="next"'
    return {"Link": links}


class _Address(NamedTuple):
    binding: str
    start: str


@lru_cache(maxsize=512)
def _address(path: str, query_string: str) -> _Address:
    """A list asked for again and again has the same two texts made of its address each time."""
    pairs = parse_qsl(query_string, keep_blank_values=True)
    kept = urlencode([pair for pair in pairs if pair[0] != "cursor"])
    criteria = urlencode(sorted(pair for pair in pairs if pair[0] not in _CONTROL))
    return _Address(f"{path}?{criteria}", quote(path, safe="/:") + (f"?{kept}" if kept else ""))


def _tagged(value: Scalar) -> tuple[str, str | int | bool | None]:
    if isinstance(value, datetime):
        return "t", value.isoformat()
    if isinstance(value, date):
        return "d", value.isoformat()
    if isinstance(value, UUID):
        return "u", str(value)
    return "v", value


def _untagged(kind: str, value: str) -> Scalar:
    if kind == "t":
        return datetime.fromisoformat(value)
    if kind == "d":
        return date.fromisoformat(value)
    if kind == "u":
        return UUID(value)
    return value
