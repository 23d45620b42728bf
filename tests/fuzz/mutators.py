"""What the outside world sends: each mutator spoils one sound request in one way."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

from tests.fuzz.bases import Request, form

MARK = "回声zq7f"
"""Stands in spoilt values; no refusal may repeat it."""
Mutator = Callable[[random.Random, Request], None]
Place = tuple[Any, Any]

TEXTS = (
    f"{MARK}\x00",
    f"{MARK}\ud800",
    f"{MARK}\udfff\ud800",
    f"\x1b[31m{MARK}",
    f"{MARK}\u202e\u2066",
    f"\ufeff{MARK}",
    "",
    " ",
    "\u3000",
    MARK * 4000,
    f"{MARK}\U0010ffff",
    f"{MARK}\ufdfa" * 50,
    f"'; DROP TABLE item; -- {MARK}",
    f"=cmd|'{MARK}'!A1",
    f"../../etc/{MARK}",
    f"<script>{MARK}</script>",
    f"%s%n{{{MARK}}}",
    f"e\u0301{MARK}" * 200,
    f"机密★10年{MARK}",
)
NUMBERS = (0, -1, 2**31, 2**63, -(2**63) - 1, 10**400, 1.5, -0.0, 1e308, True, "1", "1e3")
ODD: tuple[Any, ...] = (
    None,
    [],
    {},
    [[]],
    False,
    "null",
    "true",
    "0",
    [None],
    {"": ""},
    "9999-12-31",
    "0000-00-00",
    "10000-01-01",
    "2026-02-30",
    "2026-01-01T23:59:60Z",
    "2026-01-01T00:00:00+99:99",
    "9999-12-31T23:59:59Z",
    "00000000-0000-0000-0000-000000000000",
)
BODIES = (
    b"",
    b" ",
    b"null",
    b"[]",
    b'"text"',
    b"1",
    b"{",
    b'{"a":1,"a":2}',
    b'{"a":NaN}',
    b'{"a":-Infinity}',
    b'{"a":1e999}',
    b"[" * 30_000,
    b'{"a":' * 10_000,
    b'{"a":' + b"9" * 10_000 + b"}",
    b"\xff\xfe{\x00}\x00",
    b"\xef\xbb\xbf{}",
    b"\x89PNG\r\n\x1a\n",
    b"\x00",
    b"\xc0\x80",
    b"\xed\xa0\x80",
    '{"名":"值"}'.encode("gb18030"),
    '{"a":"b"}'.encode("utf-16"),
    b'{"a":"\\u0000"}',
    b'{"a":"\\ud800"}',
    b"{}{}",
    b"{} //",
    b"{'a':1}",
    b'{"__proto__":{"a":1}}',
    b'{"a":' + b"[" * 60 + b"]" * 60 + b"}",
    b'{"' + b"k" * 100_000 + b'":1}',
)
KINDS = (
    b"",
    b"application/json; charset=gb18030",
    b"application/json; charset=utf-16",
    b"text/plain",
    b"application/xml",
    b"application/merge-patch+json",
    b"application/json;;;",
    b"application/x-www-form-urlencoded",
    b"multipart/form-data",
    b"multipart/form-data; boundary=",
    b"multipart/form-data; boundary=" + b"x" * 500,
    b"\xff\xfe",
    b"application/json\x00",
    b"*/*",
    b"/",
)
LONG = b"x" * 20_000
VALUES = (
    b"",
    b" ",
    LONG,
    b"\xff\xfe\x00",
    b"*, *",
    b'"v1", W/"v2"',
    b'W/"v0"',
    b'"v99999999999999999999"',
    b'"v-1"',
    b"'",
    b'"',
    b"\x00",
    "中".encode(),
    b"Bearer",
    b"Bearer ",
    b"Bearer a.b.c",
    b"Basic Og==",
    b"Bearer rlk_" + b"A" * 43,
    b"en;q=2, zh;q=-1, *;q=x",
    b"bytes=0-0,-1",
    b"gzip, deflate",
    b"chunked",
    b"-1",
    b"1e9",
    b"text/html;q=0.1, */*;q=0",
    b"a" * 201,
    b"\t1\t",
)
HEADERS = (
    "Authorization",
    "Accept",
    "Accept-Language",
    "Content-Type",
    "Content-Encoding",
    "Idempotency-Key",
    "If-Match",
    "If-None-Match",
    "X-Request-ID",
    "Origin",
    "Range",
    "Cookie",
    "X-Forwarded-For",
    "X-HTTP-Method-Override",
    "Host",
    "Last-Event-ID",
    "Content-Length",
    "Transfer-Encoding",
    "Access-Control-Request-Method",
)
SEGMENTS = (
    "%00",
    "%2e%2e",
    "..",
    "%ff",
    "%c0%ae",
    "null",
    "0",
    "-1",
    "99999999999999999999",
    "{item_id}",
    "%7Bitem_id%7D",
    "*",
    "a" * 5000,
    "A1B2C3D4-0000-7000-8000-00000000000",
    "%E6%95%B4%E6%94%B9",
    "1;x=1",
    "%0d%0aSet-Cookie:%20a=b",
    "",
    "%ED%A0%80",
)
QUERY = (
    b"limit=0",
    b"limit=-1",
    b"limit=" + b"9" * 5000,
    b"limit=1&limit=2",
    b"cursor=",
    b"q=%00%00",
    b"q=%ff%fe",
    b"q=" + b"%E6" * 3000,
    b"sort=;",
    b"state=,,,",
    b"%00=1",
    b"a" * 20_000,
    b"=&=&==",
    b"unit_id=x",
    b"q[]=1",
    b"limit=%F0%9F%98%80",
    b"due_on_from=0",
    b"due_on_from=10000-01-01",
    b"updated_since=1",
    b"include=total,total",
    b"validate_only=2",
    b"as_of=never",
    b"&" * 5000,
    b"state=" + b",".join([b"closed"] * 3000),
    b"person_id=" + b"0" * 36,
    b"q=%ED%A0%80%ED%A0%80",
    b"number=%25%5F%5C",
)
NAMES = (
    "a.txt\x00.exe",
    "../../../etc/passwd",
    "C:\\a\\b.txt",
    "a" * 300 + ".txt",
    ".txt",
    "",
    "a\r\nX: y.txt",
    "\u202egpj.txt",
    "a.txt ",
    "机密★.txt",
    "\ud800.txt",
    "a.TXT",
    "a.html",
    "a.svg",
    "con.txt",
    '";x=".txt',
)


def places(value: Any) -> Iterator[Place]:
    """Every member and element of a JSON value, with what holds it."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in list(pairs):
        yield value, name
        yield from places(inner)


def _leaf(rng: random.Random, request: Request, values: tuple[Any, ...]) -> None:
    found = list(places(request.body))
    if not found:
        request.raw_query = rng.choice(QUERY)
        return
    holder, name = rng.choice(found)
    holder[name] = rng.choice(values)


def text(rng: random.Random, request: Request) -> None:
    _leaf(rng, request, TEXTS)


def number(rng: random.Random, request: Request) -> None:
    _leaf(rng, request, NUMBERS)


def odd_value(rng: random.Random, request: Request) -> None:
    _leaf(rng, request, ODD)


def absent(rng: random.Random, request: Request) -> None:
    found = [place for place in places(request.body) if isinstance(place[0], dict)]
    if found:
        holder, name = rng.choice(found)
        del holder[name]


def added(rng: random.Random, request: Request) -> None:
    """A member nobody asked for, sometimes under a name that elsewhere means something."""
    holders = [request.body, *(holder[name] for holder, name in places(request.body))]
    found = [holder for holder in holders if isinstance(holder, dict)]
    if found:
        name = rng.choice(
            ["id", "version", "state", "number", "__class__", "\x00", "", "constructor", "k" * 500, "\ud800"]
        )
        rng.choice(found)[name] = rng.choice([1, "x", None, {}])


def huge_list(rng: random.Random, request: Request) -> None:
    found = [place for place in places(request.body) if isinstance(place[0][place[1]], list)]
    if found:
        holder, name = rng.choice(found)
        holder[name] = (holder[name] or [MARK]) * 3000


def body(rng: random.Random, request: Request) -> None:
    request.content = rng.choice(BODIES)


def duplicate_key(rng: random.Random, request: Request) -> None:
    whole = json.dumps(request.body)
    request.content = (whole[:-1] + f', "{rng.choice(["action", "title", "x"])}": 1, ' + whole[1:]).encode()


def broken(rng: random.Random, request: Request) -> None:
    """Cut off, or with a few bytes changed."""
    ask = request.ask()
    content = bytearray(b"".join(ask.chunks))
    if content and rng.random() < 0.5:
        del content[rng.randrange(len(content)) :]
    for _ in range(rng.randrange(4)):
        if content:
            content[rng.randrange(len(content))] = rng.randrange(256)
    request.content = bytes(content)


def encoding(rng: random.Random, request: Request) -> None:
    whole = json.dumps(request.body, ensure_ascii=False)
    request.content = whole.encode(rng.choice(["utf-16", "utf-32", "gb18030", "utf-8-sig", "utf-7"]), "replace")


def content_type(rng: random.Random, request: Request) -> None:
    request.headers["Content-Type"] = rng.choice(KINDS)


def header(rng: random.Random, request: Request) -> None:
    request.headers[rng.choice(HEADERS)] = rng.choice(VALUES)


def many_headers(rng: random.Random, request: Request) -> None:
    request.headers |= {f"X-{number}": rng.choice(VALUES) for number in range(rng.choice([10, 300]))}


def no_header(rng: random.Random, request: Request) -> None:
    if request.headers:
        del request.headers[rng.choice(sorted(request.headers))]


def path(rng: random.Random, request: Request) -> None:
    request.segments[rng.randrange(len(request.segments))] = rng.choice(SEGMENTS)


def query(rng: random.Random, request: Request) -> None:
    request.raw_query = rng.choice(QUERY)


def method(rng: random.Random, request: Request) -> None:
    request.method = rng.choice(
        ["TRACE", "CONNECT", "PROPFIND", "QUERY", "HEAD", "OPTIONS", "get", "POST", "PUT", "PATCH", "DELETE", ""]
    )


def in_pieces(rng: random.Random, request: Request) -> None:
    request.chunks = rng.choice([2, 7, 500])
    request.gone = rng.random() < 0.5


def upload(rng: random.Random, request: Request) -> None:
    fields = {"target_kind": rng.choice(["item", "measure", MARK, "", "\x00"])}
    fields |= dict.fromkeys(
        rng.sample(["target_id", "description", "x", "file"], 2), rng.choice(["", MARK, "x" * 2000])
    )
    content = rng.choice(
        [b"", b"text", b"\x00" * 1000, b"PK\x03\x04" + b"\x00" * 200, b"%PDF-1.7\n", b"MZ" + b"\x00" * 100]
    )
    request.content = form(fields, rng.choice(NAMES), content)
    request.headers["Content-Type"] = rng.choice(
        [b"multipart/form-data; boundary=x", b"multipart/form-data; boundary=y", KINDS[9]]
    )


ALL: tuple[Mutator, ...] = (
    text, text, number, odd_value, absent, added, huge_list, body, duplicate_key, broken, encoding, content_type, header, header,
    many_headers, no_header, path, query, query, method, in_pieces, upload,
)  # fmt: skip


def spoil(rng: random.Random, request: Request) -> Request:
    """One thing is wrong as a rule, sometimes two or three."""
    spoilt = request.copy()
    chosen = rng.choices(ALL, k=rng.choice([1, 1, 1, 2, 3]))
    for mutate in chosen:
        mutate(rng, spoilt)
    spoilt.what = "+".join(mutate.__name__ for mutate in chosen)
    return spoilt


def spoil_cursor(rng: random.Random, cursor: str) -> str:
    """Another place, another seal, another length; an empty one is one that was not given."""
    letters = list(cursor)
    for _ in range(rng.randrange(1, 4)):
        letters[rng.randrange(len(letters))] = rng.choice("ABCxyz019-_=.%")
    changed = "".join(letters)
    return rng.choice([changed, cursor[:-1], cursor + "A", cursor[::-1], cursor * 3, "e30", MARK, "A" * 9000])
