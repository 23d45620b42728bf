"""Requests that would be in order, made from the examples of the description and ids that exist: what mutators start from."""

from __future__ import annotations

import copy
import json
import random
import re
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

from app.core.openapi import operations
from tests.fuzz.ground import Caller, Ground
from tests.support.asgi import Ask
from tests.support.documented import DESCRIPTION

JSON = "application/json"
FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")
QUERIES: dict[str, list[str]] = {
    "limit": ["1", "2", "200"], "include": ["total"], "q": ["整改"], "state": ["rectifying", "closing,closed"],
    "sort": ["due_on", "-updated_at", "number"], "after": ["0", "5"], "validate_only": ["true"], "first": ["1"],
    "second": ["2"], "unit_subtree": ["true"], "due_on_from": ["2026-01-01"], "updated_since": ["2026-01-01T00:00:00Z"],
    "waiting_for": ["me"], "light": ["red"], "cycle": ["1"], "year": ["2026"], "type": ["item.registered"],
}  # fmt: skip


@dataclass
class Request:
    """A request in parts that mutators can get hold of; `body` is JSON unless `content` says it all."""

    operation: dict[str, Any]
    method: str
    segments: list[str]
    query: list[tuple[str, str]] = field(default_factory=list)
    headers: dict[str, bytes] = field(default_factory=dict)
    body: Any = None
    content: bytes | None = None
    raw_query: bytes | None = None
    chunks: int = 1
    gone: bool = False
    what: str = ""

    def copy(self) -> Request:
        return replace(self, segments=[*self.segments], query=[*self.query], headers=dict(self.headers),
                       body=copy.deepcopy(self.body))  # fmt: skip

    def ask(self) -> Ask:
        content = self.content
        if content is None and self.body is not None:
            content = json.dumps(self.body, ensure_ascii=True).encode()
        headers = [(name.lower().encode(), value) for name, value in self.headers.items()]
        if content is not None and "content-length" not in {name.lower() for name in self.headers}:
            headers.append((b"content-length", str(len(content)).encode()))
        path = "/" + "/".join(self.segments)
        query = urlencode(self.query).encode() if self.raw_query is None else self.raw_query
        return Ask(self.method, path, headers, query, self._pieces(content or b""), gone=self.gone)

    def _pieces(self, content: bytes) -> list[bytes]:
        size = max(1, -(-len(content) // self.chunks))
        return [content[place : place + size] for place in range(0, len(content), size)]

    def shown(self) -> str:
        """As much as it takes to see what was asked."""
        ask = self.ask()
        body = b"".join(ask.chunks)
        query = ask.query[:200]
        return f"{self.what}: {self.method} {ask.path[:200]!r} ?{query!r} {dict(ask.headers)!r:.600} {body[:600]!r}"


class Bases:
    """Makes requests of every operation; the same seed makes the same ones."""

    def __init__(self, ground: Ground, rng: random.Random) -> None:
        document = json.loads(DESCRIPTION.read_text(encoding="utf-8"))
        self.ground, self.rng = ground, rng
        left_out = {"signOut", "endSession", "streamEvents"}  # what ends the caller's session, and what has no end
        self.entries = [entry for entry in operations(document) if entry[2]["operationId"] not in left_out]
        self.shared = document["components"]

    def make(self, caller: Caller) -> Request:
        path, method, operation = self.rng.choice(self.entries)
        names = dict.fromkeys(re.findall(r"\{([a-z_]+)\}", path), "1")
        known = self.ground.aim(self.rng, names)
        segments = [known.get(part.strip("{}"), part) for part in path.strip("/").split("/")]
        made = Request(operation, method.upper(), [quote(str(part), safe=":") for part in segments])
        made.headers = self._headers(caller)
        made.query = self._query(operation)
        self._fill(made, operation)
        return made

    def _headers(self, caller: Caller) -> dict[str, bytes]:
        token = caller.header()
        found = {} if token is None else {"Authorization": token.encode()}
        return found | {"Idempotency-Key": uuid4().hex.encode(), "If-Match": b"*"}

    def _query(self, operation: dict[str, Any]) -> list[tuple[str, str]]:
        declared = [entry["name"] for entry in operation["parameters"] if entry.get("in") == "query"]
        given = [name for name in declared if name in QUERIES and self.rng.random() < 0.4]
        needed = [name for name in declared if name in {"first", "second"} and name not in given]
        return [(name, self.rng.choice(QUERIES[name])) for name in (*given, *needed)]

    def _fill(self, made: Request, operation: dict[str, Any]) -> None:
        content = operation.get("requestBody", {}).get("content", {})
        if JSON in content:
            made.headers["Content-Type"] = JSON.encode()
            examples = content[JSON].get("examples", {})
            made.body = copy.deepcopy(self.rng.choice(list(examples.values()))["value"]) if examples else {}
        elif FORMS[0] in content and "addEvidence" in operation["operationId"]:
            made.headers["Content-Type"] = b"multipart/form-data; boundary=x"
            made.content = form({"target_kind": "item"}, "佐证.txt", "内容".encode())
        elif content:
            made.headers["Content-Type"] = FORMS[1].encode()
            made.content = urlencode({"username": "nobody", "password": "wrong-password"}).encode()


def form(fields: dict[str, str], name: str, content: bytes) -> bytes:
    parts = [f'--x\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n' for key, value in fields.items()]
    file = f'--x\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: text/plain\r\n\r\n'
    return "".join(parts).encode() + file.encode("utf-8", "surrogatepass") + content + b"\r\n--x--\r\n"
