"""What somebody kept from before: checkpoints and receipts, the keys that signed them, and which keys are trusted."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from app.trail.proof.checkpoints import Checkpoint, parse_checkpoint
from app.trail.proof.envelopes import is_instant, is_uuid
from app.trail.proof.notes import (
    BadSignature,
    NoKnownSignature,
    Note,
    VerifierKey,
    parse_note,
    parse_vkey,
    verify_note,
)
from app.trail.proof.proofs import PROOF_HEADER, parse_proof
from app.trail.proof.strict import Malformed, parse_bytes, parse_hash, parse_number

RECEIPT_FORMAT = "rl-receipt/v1"
RECEIPT_HEADER = "Rectify-Receipt:"
RECEIPT_LINES = 8
PROMISED = timedelta(seconds=60)
"""Within this time an event is under a signed checkpoint, and a process has put down a key that was retired."""


class Receipt(NamedTuple):
    """A signed word that an event was recorded."""

    origin: str
    kind: str
    subject: str
    seq: int
    event_id: str
    hash: bytes
    at: str
    mmd: int


class Retained(NamedTuple):
    """A note somebody kept, read and not yet believed."""

    note: Note
    says: Checkpoint | Receipt


@dataclass(frozen=True)
class Policy:
    """Whom the reader trusts: the name of the log, its verifier keys, and what it must be able to show."""

    origin: str
    vkeys: tuple[str, ...]
    max_age: timedelta | None = None
    min_size: int = 0


@dataclass
class Keyring:
    """Keys by what they sign; with a policy those it names, else those the file names, which prove nothing by themselves."""

    origin: str
    policy: Policy | None = None
    trusted: dict[str, list[VerifierKey]] = field(default_factory=lambda: {"checkpoint": [], "receipt": []})
    retired: dict[str, str] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for vkey in self.policy.vkeys if self.policy else ():
            self._trust(parse_vkey(vkey))

    def add(self, line: dict[str, Any]) -> None:
        """Takes in a key line of the file; what is no key of this log, or not one the policy names, is remembered."""
        if line["vkey"] is None:
            return
        try:
            key = parse_vkey(line["vkey"])
        except Malformed:
            self.unknown.append(line["vkey"])
            return
        if line["retired_at"] is not None:
            self.retired[key_name(key)] = line["retired_at"]
        pinned = self.policy is None or line["vkey"] in self.policy.vkeys
        if not pinned or (self.policy is None and not self._trust(key)):
            self.unknown.append(line["vkey"])

    def _trust(self, key: VerifierKey) -> bool:
        signs = {self.origin: "checkpoint", f"{self.origin}/receipt": "receipt"}.get(key.name)
        if signs is not None:
            self.trusted[signs].append(key)
        return signs is not None

    def signer(self, note: Note, signs: str) -> VerifierKey | str:
        """The key that signed a note, or the code of the finding if none has."""
        try:
            return verify_note(note, self.trusted[signs])[0]
        except BadSignature:
            return "signature_invalid"
        except (NoKnownSignature, Malformed):
            return "key_unknown"

    def limits(self) -> list[tuple[str, str]]:
        """Until when each key that was retired may still have signed, with the name of the key."""
        return [(later(at, PROMISED), name) for name, at in self.retired.items()]


def key_name(key: VerifierKey) -> str:
    return f"{key.name}+{key.key_id.hex()}"


def later(at: str, by: timedelta) -> str:
    """An instant moved, as text; before the year 1 is the year 1."""
    try:
        moved = datetime.fromisoformat(at) + by
    except OverflowError:
        return "0001-01-01T00:00:00.000000Z"
    return moved.isoformat(timespec="microseconds")[:26] + "Z"


def read_retained(text: str) -> Retained:
    """A checkpoint, a receipt (as note, or as the header gives it), or the checkpoint of a proof; raises Malformed."""
    plain = text
    if text.startswith(PROOF_HEADER):
        plain = parse_proof(text.encode()).checkpoint.decode()
    elif "\n" not in text.strip():
        try:
            plain = parse_bytes(text.strip().removeprefix(RECEIPT_HEADER).strip()).decode()
        except UnicodeDecodeError as error:
            raise Malformed("not a note") from error
    note = parse_note(plain.encode())
    if note.text.startswith(f"{RECEIPT_FORMAT}\n"):
        return Retained(note, parse_receipt(note.text))
    return Retained(note, parse_checkpoint(note.text))


def parse_receipt(text: str) -> Receipt:
    lines = text.split("\n")
    if len(lines) != RECEIPT_LINES + 1 or lines[0] != RECEIPT_FORMAT or lines[-1]:
        raise Malformed("not a receipt")
    _, origin, subject, seq, event_id, digest, at, mmd, _ = lines
    kind, _, subject_id = subject.partition(" ")
    if not (kind and is_uuid(subject_id) and is_uuid(event_id) and is_instant(at) and mmd.startswith("mmd ")):
        raise Malformed("not a receipt")
    seconds = parse_number(mmd.removeprefix("mmd "))
    return Receipt(origin, kind, subject_id, parse_number(seq), event_id, parse_hash(digest), at, seconds)


def parse_policy(text: str) -> Policy:
    """A policy as JSON: {origin, vkeys, max_age?, min_size?}; raises Malformed."""
    try:
        given = json.loads(text)
    except ValueError as error:
        raise Malformed("policy is not JSON") from error
    if not isinstance(given, dict) or not {"origin", "vkeys"} <= given.keys() <= {
        "origin",
        "vkeys",
        "max_age",
        "min_size",
    }:
        raise Malformed("not a policy")
    vkeys, size, age = given["vkeys"], given.get("min_size", 0), given.get("max_age")
    if not isinstance(vkeys, list) or not all(isinstance(one, str) for one in vkeys) or type(size) is not int:
        raise Malformed("not a policy")
    for vkey in vkeys:
        parse_vkey(vkey)
    return Policy(str(given["origin"]), tuple(vkeys), None if age is None else parse_age(str(age)), size)


def parse_age(text: str) -> timedelta:
    """How long something may be old: a number and one of s, m, h, d."""
    units = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
    if text[-1:] not in units:
        raise Malformed("an age is a number and one of s, m, h, d")
    return timedelta(**{units[text[-1]]: parse_number(text[:-1])})


def receipts_among(retained: Iterable[Retained]) -> frozenset[str]:
    """The events of which there are receipts."""
    return frozenset(one.says.event_id for one in retained if isinstance(one.says, Receipt))
