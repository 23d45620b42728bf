"""C2SP signed notes: a text that people can read, and below it lines saying who signed it.

A text is worth nothing before `verify_note` has named a key that the reader trusted beforehand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha256
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from app.trail.proof.strict import HASH_BYTES, Malformed, format_bytes, parse_bytes

ED25519 = 0x01
"""The type byte in front of a public key; every other one of the format is unknown here."""

KEY_ID_BYTES = 4
SIGNATURE_LIMIT = 100
"""Lines; the format asks for at least 16."""

_SIGNED_BY = "\u2014 "
_NOT_IN_TEXT = re.compile(r"[\x00-\x09\x0b-\x1f\ud800-\udfff]")
_NOT_IN_NAME = re.compile(r"[\x00-\x1f\ud800-\udfff\s+]")


class BadSignature(ValueError):  # noqa: N818 - it says what is wrong with the note
    """A key we know is said to have signed this text, and did not."""


class NoKnownSignature(ValueError):  # noqa: N818 - as above
    """None of the signatures is by a key we know: the text is nobody's."""


class VerifierKey(NamedTuple):
    """A public key under the name its owner signs with; `material` is the type byte and the key."""

    name: str
    material: bytes

    @property
    def key_id(self) -> bytes:
        """Tells keys of one name apart; too short to prove anything."""
        return sha256(self.name.encode() + b"\n" + self.material).digest()[:KEY_ID_BYTES]


class Signature(NamedTuple):
    """One line: who claims to have signed, with which of their keys."""

    name: str
    key_id: bytes
    signature: bytes


class Note(NamedTuple):
    """As found, nothing verified; `text` ends with a newline."""

    text: str
    signatures: tuple[Signature, ...]


def verifier_key(name: str, public_key: Ed25519PublicKey) -> VerifierKey:
    _check_name(name)
    return VerifierKey(name, bytes([ED25519]) + public_key.public_bytes_raw())


def format_vkey(key: VerifierKey) -> str:
    return f"{key.name}+{key.key_id.hex()}+{format_bytes(key.material)}"


def parse_vkey(vkey: str) -> VerifierKey:
    name, *rest = vkey.split("+", 2)
    _check_name(name)
    if len(rest) < 2:  # noqa: PLR2004 - key id and key
        raise Malformed("not a verifier key")
    key = VerifierKey(name, parse_bytes(rest[1]))
    if key.material[:1] != bytes([ED25519]) or len(key.material) != 1 + HASH_BYTES:
        raise Malformed("not an Ed25519 key")
    if key.key_id.hex() != rest[0]:
        raise Malformed("key id of another key")
    return key


def sign_note(text: str, name: str, private_key: Ed25519PrivateKey) -> bytes:
    """The note with one signature; the same key gives the same note for ever."""
    if not text.endswith("\n") or _NOT_IN_TEXT.search(text):
        raise Malformed("not the text of a note")
    key = verifier_key(name, private_key.public_key())
    signature = format_bytes(key.key_id + private_key.sign(text.encode()))
    return f"{text}\n{_SIGNED_BY}{name} {signature}\n".encode()


def parse_note(note: bytes) -> Note:
    try:
        decoded = note.decode()
    except UnicodeDecodeError as error:
        raise Malformed("note is not UTF-8") from error
    if _NOT_IN_TEXT.search(decoded):
        raise Malformed("note has a control character")
    # Lines end at a newline and nowhere else: str.splitlines knows more ends than the format.
    body, blank, block = decoded.rpartition("\n\n")
    *lines, end = block.split("\n")
    if not blank or end or not lines:
        raise Malformed("note has no signatures")
    if len(lines) > SIGNATURE_LIMIT:
        raise Malformed("note has too many signatures")
    return Note(body + "\n", tuple(_parse_signature(line) for line in lines))


def verify_note(note: Note, keys: Iterable[VerifierKey]) -> list[VerifierKey]:
    """Those of the keys whose signature is on the note, in its order, at least one.

    Signatures by other keys are passed over. Raises BadSignature if one by a known key does not hold, whatever else
    holds, and NoKnownSignature if there is none.
    """
    known = _by_name_and_id(keys)
    found = []
    for line in note.signatures:
        key = known.get((line.name, line.key_id))
        if key is None:
            continue
        if not _holds(key, note.text, line.signature):
            raise BadSignature(f"signature of {key.name}+{key.key_id.hex()} does not hold")
        found.append(key)
    if not found:
        raise NoKnownSignature("no signature by a known key")
    return list(dict.fromkeys(found))


def _by_name_and_id(keys: Iterable[VerifierKey]) -> dict[tuple[str, bytes], VerifierKey]:
    known: dict[tuple[str, bytes], VerifierKey] = {}
    for key in keys:
        if known.setdefault((key.name, key.key_id), key) != key:
            raise Malformed("two keys of one name and id")
    return known


def _holds(key: VerifierKey, text: str, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key.material[1:]).verify(signature, text.encode())
    except InvalidSignature:
        return False
    return True


def _parse_signature(line: str) -> Signature:
    if not line.startswith(_SIGNED_BY):
        raise Malformed("not a signature line")
    name, _, encoded = line.removeprefix(_SIGNED_BY).partition(" ")
    _check_name(name)
    data = parse_bytes(encoded)
    if len(data) <= KEY_ID_BYTES:
        raise Malformed("signature is too short")
    return Signature(name, data[:KEY_ID_BYTES], data[KEY_ID_BYTES:])


def _check_name(name: str) -> None:
    if not name or _NOT_IN_NAME.search(name):
        raise Malformed("not a key name")
