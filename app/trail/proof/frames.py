"""rl-export/1: the lines of an exported history, one canonical JSON object each, in one order, counted and digested."""

from __future__ import annotations

from enum import IntEnum
from hashlib import sha256
from typing import Any

from app.trail.proof.canon import parse_canonical, parse_json
from app.trail.proof.envelopes import is_count, is_hex_hash, is_instant, is_uuid
from app.trail.proof.strict import HASH_BYTES, Malformed

EXPORT_FORMAT = "rl-export/1"
EVENT_BEGINS = b'{"body":"'
ITEM_BEGINS = b'{"row":{'
CHILD_BEGINS = b'{"item":"'
MEMBERS: dict[str, tuple[str, ...]] = {
    "header": ("at", "format", "log", "made_by", "scope", "size"),
    "key": ("added_at", "fingerprint", "id", "name", "retired_at", "vkey"),
    "event": ("body", "pos", "row", "say"),
    "checkpoint": ("note", "root", "size"),
    "item": ("row",),
    "row": ("item", "row", "table"),
    "subject": ("hash", "id", "kind", "seq"),
    "end": ("events", "lines", "sha256"),
}
"""The members of each kind of line, beside `t`."""
_MAY = {"event": {"proof", "withheld"}}
_COLUMNS_BESIDE = frozenset({"actor", "at", "hash", "id", "kind", "seq", "subject", "type"})


class Stage(IntEnum):
    """The kinds of lines in the order in which they come; events without a position have a place of their own."""

    HEADER = 0
    KEY = 1
    EVENT = 2
    CHECKPOINT = 3
    UNNUMBERED = 4
    ITEM = 5
    ROW = 6
    SUBJECT = 7
    END = 8


class Framing:
    """What has come so far; the last line must say the same."""

    def __init__(self) -> None:
        self.stage = Stage.HEADER
        self.lines = 0
        self._digest = sha256()
        self.add = self._digest.update

    def reach(self, stage: Stage) -> None:
        """Lines of one kind stand together, and kinds stand in order."""
        first = self.lines == 0
        if stage < self.stage or (stage is Stage.HEADER) != first or self.stage is Stage.END:
            raise Malformed("lines are out of order")
        self.stage = stage

    def end(self, document: dict[str, Any], events: int) -> None:
        said = (document["events"], document["lines"], document["sha256"])
        if said != (events, self.lines, self._digest.hexdigest()):
            raise Malformed("the last line tells of another file")


def read_line(line: bytes, *, exact: bool = True) -> dict[str, Any]:
    """A line as its members; raises Malformed for a wrong kind, wrong members or, where `exact`, another spelling."""
    if not line.endswith(b"\n"):
        raise Malformed("a line does not end")
    document = parse_canonical(line[:-1]) if exact else parse_json(line)
    kind = document.get("t") if isinstance(document, dict) else None
    if kind not in MEMBERS:
        raise Malformed("a line of no known kind")
    members = document.keys() - {"t"}
    if not set(MEMBERS[kind]) <= members <= set(MEMBERS[kind]) | _MAY.get(kind, set()):
        raise Malformed(f"not the members of a {kind} line")
    if not _SHAPES[kind](document):
        raise Malformed(f"not a {kind} line")
    return dict(document)


def stage_of(document: dict[str, Any]) -> Stage:
    """Which kind of line a line is; an event without a position is a kind of its own."""
    kind = str(document["t"])
    return Stage.UNNUMBERED if kind == "event" and document["pos"] is None else Stage[kind.upper()]


def _header(document: dict[str, Any]) -> bool:
    log, scope = document["log"], document["scope"]
    named = isinstance(log, dict) and log.keys() == {"id", "epoch", "origin"} and isinstance(log["origin"], str)
    return (
        document["format"] == EXPORT_FORMAT and named and is_uuid(log["id"]) and is_count(log["epoch"], 1)
        and is_instant(document["at"]) and is_count(document["size"]) and _scope(scope)
    )  # fmt: skip


def _scope(scope: object) -> bool:
    if not isinstance(scope, dict):
        return False
    if scope.get("kind") == "all":
        return scope.keys() == {"kind"}
    ids = scope.get("ids")
    listed = isinstance(ids, list) and all(is_uuid(one) for one in ids)
    return scope.get("kind") == "items" and listed and scope.keys() <= {"kind", "ids", "withheld"}


def _key(document: dict[str, Any]) -> bool:
    vkey, retired = document["vkey"], document["retired_at"]
    dated = is_instant(document["added_at"]) and (retired is None or is_instant(retired))
    return is_uuid(document["id"]) and dated and (vkey is None or isinstance(vkey, str)) and _texts(document, "name")


def _event(document: dict[str, Any]) -> bool:
    """Whether an event's line has members of the right kinds; nothing of its body is looked at."""
    row, say, position = document["row"], document["say"], document["pos"]
    return (
        isinstance(document["body"], str)
        and (position is None or is_count(position, 1))
        and isinstance(row, dict) and row.keys() == _COLUMNS_BESIDE
        and said_shaped(say)
        and all(isinstance(name, str) for name in document.get("withheld", ()))
        and all(is_hex_hash(part) for part in document.get("proof", ()))
    )  # fmt: skip


def said_shaped(say: object) -> bool:
    """Whether each field has a salt in hex and the text of its value."""
    return isinstance(say, dict) and all(
        type(pair) is list and len(pair) == 2 and type(pair[1]) is str and is_hex_hash(pair[0])  # noqa: PLR2004 - salt and value
        for pair in say.values()
    )


def _checkpoint(document: dict[str, Any]) -> bool:
    note = document["note"]
    return is_count(document["size"], 1) and is_hex_hash(document["root"]) and (note is None or isinstance(note, str))


def _texts(document: dict[str, Any], *names: str) -> bool:
    return all(isinstance(document[name], str) for name in names)


def _item(document: dict[str, Any]) -> bool:
    row = document["row"]
    return isinstance(row, dict) and is_uuid(row.get("id"))


def _child(document: dict[str, Any]) -> bool:
    return is_uuid(document["item"]) and _texts(document, "table") and isinstance(document["row"], dict)


def _head(document: dict[str, Any]) -> bool:
    return is_uuid(document["id"]) and is_count(document["seq"]) and is_hex_hash(document["hash"])


def _end(document: dict[str, Any]) -> bool:
    return is_count(document["events"]) and is_count(document["lines"], 1) and is_hex_hash(document["sha256"])


_SHAPES = {
    "header": _header, "key": _key, "event": _event, "checkpoint": _checkpoint, "item": _item, "row": _child,
    "subject": _head, "end": _end,
}  # fmt: skip


def packed(hashes: list[str]) -> list[bytes]:
    """Hashes out of their hex."""
    found = [bytes.fromhex(one) for one in hashes]
    if any(len(one) != HASH_BYTES for one in found):
        raise Malformed("not SHA-256 hashes")
    return found
