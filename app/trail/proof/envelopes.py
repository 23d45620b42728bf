"""Envelope v1 as an outsider reads it: the shape of a body, and what the columns beside it must therefore be."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha256
from itertools import pairwise
from typing import Any, NamedTuple

COMMITTED_UNDER = b"rl/field/v1\x00"
ZEROS = "0" * 64
ITEM_KIND = "item"
BODY_BYTES = 16_384
ATTACHMENTS = 100
LARGEST_INTEGER = 2**53 - 1

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_HEX = re.compile(r"[0-9a-f]{64}")
_INSTANT = re.compile(r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]\.[0-9]{6}Z")
_NAME = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)?")
_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
PROJECTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("id", ("id",)),
    ("kind", ("subject", "kind")),
    ("subject", ("subject", "id")),
    ("seq", ("seq",)),
    ("type", ("type",)),
    ("at", ("at",)),
    ("actor", ("actor", "id")),
)
"""Columns beside the body, and where in the body each comes from."""


def is_uuid(value: object) -> bool:
    return isinstance(value, str) and bool(_UUID.fullmatch(value))


def is_hex_hash(value: object) -> bool:
    return isinstance(value, str) and bool(_HEX.fullmatch(value))


def is_instant(value: object) -> bool:
    return isinstance(value, str) and bool(_INSTANT.fullmatch(value))


def is_count(value: object, least: int = 0) -> bool:
    """An integer, which True and False are not."""
    return type(value) is int and least <= value <= LARGEST_INTEGER


def _or_null(test: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: value is None or test(value)


def _name(value: object) -> bool:
    return isinstance(value, str) and bool(_NAME.fullmatch(value))


def _text(value: object) -> bool:
    return isinstance(value, str)


def _subject(value: object) -> bool:
    return isinstance(value, dict) and _shaped(value, {"kind": _name, "id": is_uuid})


def _actor(value: object) -> bool:
    shape = {
        "id": _or_null(is_uuid),
        "unit": _or_null(is_uuid),
        "post": _or_null(is_uuid),
        "kind": _name,
        "auth": _name,
    }
    return isinstance(value, dict) and _shaped(value, shape, {"on_behalf": is_uuid})


def _request(value: object) -> bool:
    return isinstance(value, dict) and _shaped(value, {"id": _text}, {"idem": _text})


def _pay(value: object) -> bool:
    return isinstance(value, dict) and all(
        bool(_FIELD.fullmatch(name)) and is_hex_hash(commitment) for name, commitment in value.items()
    )


def _attachments(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= ATTACHMENTS
        and all(isinstance(one, dict) and _shaped(one, {"sha256": is_hex_hash, "size": is_count}) for one in value)
    )


_ALWAYS: dict[str, Callable[[object], bool]] = {
    "v": lambda value: type(value) is int and value == 1,
    "id": is_uuid,
    "subject": _subject,
    "seq": lambda value: is_count(value, 1),
    "prev": is_hex_hash,
    "type": _name,
    "at": is_instant,
    "actor": _actor,
    "req": _request,
    "from": _or_null(_name),
    "to": _or_null(_name),
    "ver": _or_null(lambda value: is_count(value, 1)),
    "rules": is_hex_hash,
    "pay": _pay,
    "att": _attachments,
}
_SOMETIMES: dict[str, Callable[[object], bool]] = {"eff": is_instant}


def _shaped(
    value: Mapping[str, Any],
    always: Mapping[str, Callable[[object], bool]],
    sometimes: Mapping[str, Callable[[object], bool]] | None = None,
) -> bool:
    known = {**always, **(sometimes or {})}
    return always.keys() <= value.keys() <= known.keys() and all(known[name](member) for name, member in value.items())


def misshapen(body: object, length: int) -> str | None:
    """The first key of a body that is not as envelope v1 has it, None where all are."""
    if not isinstance(body, dict):
        return "body"
    if length > BODY_BYTES:
        return "length"
    for name in (*_ALWAYS.keys(), *body.keys()):
        test = _ALWAYS.get(name) or _SOMETIMES.get(name)
        if test is None or name not in body or not test(body[name]):
            return str(name)
    return _unlike_its_kind(body)


def _unlike_its_kind(body: Mapping[str, Any]) -> str | None:
    """Items name the table of transitions and their version, which is their number of events; nothing else does."""
    an_item = body["subject"]["kind"] == ITEM_KIND
    if an_item != (body["rules"] != ZEROS):
        return "rules"
    if an_item and body["ver"] != body["seq"]:
        return "ver"
    return None


def within(body: object, path: tuple[str, ...]) -> Any:
    """What stands at a path, None where there is nothing."""
    for name in path:
        body = body.get(name) if isinstance(body, dict) else None
    return body


def committed_to(field: str, value: str, salt: bytes) -> str:
    """The commitment to a field whose value has this canonical text."""
    return sha256(COMMITTED_UNDER + salt + f'["{field}",{value}]'.encode()).hexdigest()


class Content(NamedTuple):
    """What of a body of the right shape its closer reading needs."""

    id: str
    type: str
    at: str
    kind: str
    pay: dict[str, str]
    att: list[dict[str, Any]]


def content_of(body: Mapping[str, Any]) -> Content:
    return Content(body["id"], body["type"], body["at"], body["subject"]["kind"], body["pay"], body["att"])


def out_of_order(names: Iterable[str]) -> bool:
    """Whether names are not in their one order, or one of them comes twice."""
    listed = list(names)
    return any(after <= before for before, after in pairwise(listed))


_ID = rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_TIME = rb"[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]\.[0-9]{6}Z"
_WORD = rb"[a-z][a-z0-9_]*"


def _plain_line(id_: bytes, time: bytes, word: bytes) -> re.Pattern[bytes]:
    """The beginning of an event's line whose body is an envelope of plain ASCII, made of these parts."""
    digest, number, safe = rb"[0-9a-f]{64}", rb"[1-9][0-9]{0,14}", rb"[ !#-\[\]-~]*"
    nullable = rb'(?:null|"' + id_ + rb'")'
    body = (
        rb'\{"actor":\{"auth":"' + word + rb'","id":(?:null|"(' + id_ + rb')"),"kind":"' + word + rb'",'
        rb'(?:"on_behalf":"' + id_ + rb'",)?"post":' + nullable + rb',"unit":' + nullable + rb'\},"at":"(' + time + rb')",'
        rb'"att":(\[\]|\[(?:,?\{"sha256":"' + digest + rb'","size":(?:0|' + number + rb')\})+\]),'
        rb'(?:"eff":"' + time + rb'",)?"from":(?:null|"(' + word + rb')"),"id":"(' + id_ + rb')",'
        rb'"pay":\{((?:,?"[A-Za-z_][A-Za-z0-9_]*":"' + digest + rb'")*)\},"prev":"(' + digest + rb')",'
        rb'"req":\{"id":"' + safe + rb'"(?:,"idem":"' + safe + rb'")?\},"rules":"(' + digest + rb')",'
        rb'"seq":(' + number + rb'),"subject":\{"id":"(' + id_ + rb')","kind":"(' + word + rb')"\},'
        rb'"to":(?:null|"(' + word + rb')"),"type":"(' + word + rb"(?:\." + word + rb')?)","v":1,"ver":(null|' + number + rb")\}"
    )  # fmt: skip
    return re.compile(rb'\{"body":"' + body.replace(b'"', rb'\\"'))


PLAIN = _plain_line(_ID, _TIME, _WORD)
"""Such a body is of the right shape, and canonical if the names under `pay` are in order.

It has no backslash of its own, hence every one in the line is the escape of a quotation mark.
Groups: actor, at, att, from, id, pay, prev, rules, seq, subject, kind, to, type, ver.
"""
QUICK = _plain_line(rb"[0-9a-f-]{36}", rb"[0-9TZ.:-]{27}", rb"[a-z0-9_]+")
"""As PLAIN with the same groups, less exact and a fifth quicker: for finding one's way, not for judging the shape."""
QUICK_ROW = (
    b'","pos":%d,"row":{"actor":%b,"at":"%b","hash":"%b","id":"%b","kind":"%b","seq":%b,"subject":"%b","type":"%b"},'
    b'"say":{'
)
"""What must follow the body in the line, made from the body itself."""
QUICK_END = b'},"t":"event"}\n'
QUICK_SAY = b'"say":{'
