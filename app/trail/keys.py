"""The keys of this log: which ones it has ever used is in the database, what they are is in files.

Whoever holds another key than the one in force is another service, or somebody's forgery of this one, and must not start.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final, Literal
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.access import keyfiles
from app.access.actor import SYSTEM, Actor
from app.core import clock
from app.core.db import Database, Reader, Row, Tx
from app.core.ids import uuid7
from app.tables.trail import TrailKey
from app.trail.envelope import Entry
from app.trail.proof.notes import format_vkey, sign_note, verifier_key
from app.trail.record import record

Name = Literal["session", "cursor", "receipt", "checkpoint", "webhook"]
SERVING: Final[tuple[Name, ...]] = ("session", "cursor", "receipt", "webhook")
"""What a process that answers requests holds; the checkpoint key is the sealer's alone."""
SEALING: Final[tuple[Name, ...]] = ("checkpoint",)
SENDING: Final[tuple[Name, ...]] = ("webhook",)
SUITE: Final = "sha256-ed25519"
"""Hash of chain and tree, and the signatures over it; another suite would be another log."""
HOST: Final = "rectification-ledger"

# Two processes that start together must not each make a key of the same name.
ONE_AT_A_TIME: Final = "SELECT pg_advisory_xact_lock(7234300713)"
LOG: Final = """
SELECT log_id, epoch, EXISTS (SELECT FROM trail_subject WHERE id = log_id) AS opened FROM log_state
"""
IN_FORCE: Final = "SELECT id, name, fingerprint FROM trail_key WHERE retired_at IS NULL AND name = ANY($1::text[])"
EVERY: Final = "SELECT id, name, fingerprint, vkey, added_at, retired_at FROM trail_key ORDER BY added_at, id"
RETIRE: Final = "UPDATE trail_key SET retired_at = $2 WHERE id = $1"


class WrongKeyError(RuntimeError):
    """No file here holds the key this log has in force."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs under one name; `vkey` is what verifiers are given."""

    name: str
    key: Ed25519PrivateKey
    vkey: str

    def sign(self, text: str) -> str:
        """The signed note; the same text gives the same note for ever."""
        return sign_note(text, self.name, self.key).decode()


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys in force, as held by one process."""

    origin: str
    secrets: Mapping[str, bytes]

    @property
    def session(self) -> bytes:
        return self.secrets["session"]

    @property
    def cursor(self) -> bytes:
        return self.secrets["cursor"]

    @property
    def webhook(self) -> bytes:
        return self.secrets["webhook"]

    def signer(self, name: Literal["receipt", "checkpoint"]) -> Signer:
        return _signer(self.origin, name, self.secrets[name])


def origin_of(log_id: UUID, epoch: int) -> str:
    """The name of the log in every checkpoint, for ever; a restore that loses something begins another epoch."""
    return f"{HOST}/{log_id}/e{epoch}"


def fingerprint(name: str, secret: bytes) -> str:
    """Hex SHA-256 that tells a key without telling it: 256 random bits cannot be found by trying."""
    return sha256(b"rl/key/v1\x00" + name.encode() + b"\x00" + secret).hexdigest()


async def hold(db: Database, var: Path, names: Iterable[Name] = SERVING) -> Keys:
    """The keys in force of these names, made and registered if the log has none yet; raises WrongKeyError."""
    wanted = tuple(names)
    log = await _log(db)
    known = {row["name"]: row for row in await db.fetch(IN_FORCE, list(wanted))}
    if not log["opened"] or len(known) < len(wanted):
        await db.write(lambda tx: _register(tx, var, wanted))
        known = {row["name"]: row for row in await db.fetch(IN_FORCE, list(wanted))}
    secrets: dict[str, bytes] = {name: key_with(var, name, known[name]["fingerprint"]) for name in wanted}
    return Keys(origin_of(log["log_id"], log["epoch"]), secrets)


async def rotate(db: Database, var: Path, name: Name, actor: Actor = SYSTEM) -> str:
    """Puts a new key in force and gives its fingerprint; raises WrongKeyError where the old one is not held here.

    Processes that run on the old key take the new one at their next start; a session key ends every session.
    """

    async def work(tx: Tx) -> str:
        await tx.execute(ONE_AT_A_TIME)
        log, at = await _log(tx), clock.now()
        old = await tx.fetchrow(IN_FORCE, [name])
        if old is not None:
            key_with(var, name, old["fingerprint"])
            await tx.execute(RETIRE, old["id"], at)
            await record(tx, actor, [Entry("key", old["id"], "key.retired", at, {"name": name})])
        return await _add(tx, log, name, keyfiles.another(var, name), at, actor)

    return await db.write(work)


async def origin(reader: Reader) -> str:
    """The name of this log."""
    log = await _log(reader)
    return origin_of(log["log_id"], log["epoch"])


async def vkeys(reader: Reader) -> list[Row]:
    """Every key there has been, with the public part of those that sign."""
    return await reader.fetch(EVERY)


async def _register(tx: Tx, var: Path, names: Iterable[Name]) -> None:
    await tx.execute(ONE_AT_A_TIME)
    log, at = await _log(tx), clock.now()
    if not log["opened"]:
        fields = {"origin": origin_of(log["log_id"], log["epoch"]), "suite": SUITE}
        await record(tx, SYSTEM, [Entry("log", log["log_id"], "log.opened", at, fields)])
    known = {row["name"] for row in await tx.fetch(IN_FORCE, list(names))}
    for name in names:
        if name not in known:
            await _add(tx, log, name, keyfiles.key(var, name), at, SYSTEM)


async def _add(tx: Tx, log: Row, name: Name, secret: bytes, at: datetime, actor: Actor) -> str:
    signs = name in {"receipt", "checkpoint"}
    key_id, made = uuid7(), fingerprint(name, secret)
    told = {
        "name": name,
        "fingerprint": made,
        "vkey": _signer(origin_of(log["log_id"], log["epoch"]), name, secret).vkey if signs else None,
    }
    await tx.insert(TrailKey, [{"id": key_id, **told, "added_at": at}])
    await record(tx, actor, [Entry("key", key_id, "key.added", at, told)])
    return made


def key_with(var: Path, name: str, wanted: str) -> bytes:
    """The key of that fingerprint, in force or retired; raises WrongKeyError where its file is not here."""
    for secret in keyfiles.every(var, name):
        if fingerprint(name, secret) == wanted:
            return secret
    raise WrongKeyError(name)


def _signer(origin: str, name: str, secret: bytes) -> Signer:
    signs_as = origin if name == "checkpoint" else f"{origin}/{name}"
    key = Ed25519PrivateKey.from_private_bytes(secret)
    return Signer(signs_as, key, format_vkey(verifier_key(signs_as, key.public_key())))


async def _log(reader: Reader) -> Row:
    row = await reader.fetchrow(LOG)
    if row is None:
        raise RuntimeError("log_state has lost its row")
    return row
