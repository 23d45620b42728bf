"""An exported history of any length, written as fast as the product's own envelopes can be made, in little memory."""

from __future__ import annotations

import hashlib
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.access.actor import SYSTEM, Actor
from app.lifecycle.create import blank
from app.lifecycle.told import changed
from app.lifecycle.transitions import BY_ACTION, RULES, rules_table
from app.tables.rectify import Measure
from app.trail.canonical import canonical, commitment, instant, jsonable
from app.trail.envelope import START, Entry, Head, Origin, envelope
from app.trail.proof.checkpoints import format_checkpoint
from app.trail.proof.growth import Growth
from app.trail.proof.notes import format_vkey, sign_note, verifier_key
from app.trail.rows import ROWS, nothing, told
from app.trail.rules import subject_of

PER_ITEM = 10
BLOCK = 1000
"""Items that move at the same time, so that no chain lies in the file as one piece."""
SEALED_EVERY = 1000
WORDS = "本单位合同台账登记不全，部分合同未按规定备案，责任落实和过程监督不到位，须逐份核对并补正。"


@dataclass
class Writer:
    """Writes events as they come and everything else beside the file until its place has come."""

    folder: Path
    seed: int
    events: int = 0
    now: datetime = datetime(2026, 1, 5, 1, 0, tzinfo=UTC)
    heads: dict[UUID, tuple[str, Head]] = field(default_factory=dict)
    checkpoints: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.log, self.unit, self.person = self.uuid(), self.uuid(), self.uuid()
        self.origin = f"rectification-ledger/{self.log}/e1"
        self.secret = Ed25519PrivateKey.from_private_bytes(self.random.randbytes(32))
        self.tree, self.waiting = Growth(), bytearray()
        self.by = Actor("person", self.uuid(), None, self.person, "李明", self.unit, self.uuid(), "password")
        self.parts: dict[str, IO[str]] = {
            name: (self.folder / name).open("w", encoding="utf-8", newline="\n") for name in ("events", "items", "rows")
        }

    def uuid(self) -> UUID:
        return UUID(int=self.random.getrandbits(128), version=4)

    def record(self, entry: Entry, head: Head, actor: Actor) -> Head:
        event_id = self.uuid()
        plain = {name: jsonable(value) for name, value in entry.fields.items()}
        salts = {name: self.random.randbytes(32) for name in plain}
        pay = {name: commitment(name, value, salts[name]) for name, value in plain.items()}
        origin = Origin(actor, str(self.uuid()), self.random.randbytes(16).hex())
        sealed = envelope(entry, head, origin, event_id, pay)
        self.events += 1
        row = {
            "id": str(event_id), "kind": entry.kind, "subject": str(entry.subject_id), "seq": head.seq + 1,
            "type": entry.type, "at": instant(entry.at), "actor": jsonable(origin.actor_id), "hash": sealed.hash.hex(),
        }  # fmt: skip
        say = {name: [salts[name].hex(), canonical(value)] for name, value in plain.items()}
        self.put("events", {"t": "event", "pos": self.events, "body": sealed.body, "row": row, "say": say})
        self.waiting += sealed.hash
        if self.events % SEALED_EVERY == 0:
            self.seal()
        return Head(head.seq + 1, sealed.hash)

    def put(self, part: str, document: dict[str, Any]) -> None:
        self.parts[part].write(canonical(document) + "\n")

    def tick(self) -> datetime:
        self.now += timedelta(milliseconds=self.random.randint(1, 40))
        return self.now

    def config(self, kind: str, type_: str, fields: dict[str, Any], subject: UUID) -> None:
        head = self.record(Entry(kind, subject, type_, self.tick(), fields), START, SYSTEM)
        self.heads[subject] = (kind, head)

    def seal(self) -> None:
        if self.waiting:
            self.tree.extend(bytes(self.waiting))
            self.waiting.clear()
            root = self.tree.root
            note = sign_note(format_checkpoint(self.origin, self.events, root), self.origin, self.secret).decode()
            self.checkpoints.append({"t": "checkpoint", "size": self.events, "root": root.hex(), "note": note})

    # --- items ---

    def steps(self) -> Iterator[tuple[str, str, dict[str, Any], dict[str, Any]]]:
        """Event, state after, columns, and what else is said: an item's way into rectification."""
        day = self.now.date()
        yield "item.submitted", "submitted", {}, {}
        yield (
            "item.registered",
            "registered",
            {"number": f"ZG-{self.events}", "registered_at": self.now},
            {"duplicates": []},
        )
        deadline = {"text": "30日内", "kind": "days", "days": 30, "day_type": "calendar"}
        lead = {
            "lead_unit_id": self.unit,
            "responsible_person_id": self.person,
            "mode": "time_limited",
            "assigned_on": day,
        }
        yield "item.assigned", "assigned", {**lead, "deadline": deadline, "due_on": day, "due_sort": day}, {}
        yield "item.acknowledged", "planning", {"acknowledged_at": self.now}, {}
        yield (
            "item.measure_added",
            "planning",
            {"measures_total": 1},
            {"measure": {"content": WORDS[:20], "percent": 0}},
        )
        yield "item.plan_submitted", "plan_review", {"root_cause": WORDS, "goal": WORDS[:12]}, {"plan_version": 1}
        yield "item.plan_approved", "rectifying", {"plan_version": 1}, {"opinion": "同意"}
        for percent in (40, 90):
            said = {"content": WORDS, "assessment": "on_track", "reported_on": str(day)}
            yield (
                "item.progress_reported",
                "rectifying",
                {"progress_latest": said, "progress_percent": percent},
                {"progress": said},
            )

    def life(self) -> Iterator[None]:
        """One item, an event at a time."""
        item, at = self.uuid(), self.tick()
        first = blank(at)
        row = {
            **first, "id": item, "ledger_id": self.unit, "title": WORDS[:18], "description": WORDS, "source_type": "audit",
            "source_schema_version": 1, "finder_unit_id": self.unit, "confidentiality": "internal",
            "number_sort": str(item), "light_reasons": {}, "movers": [],
        }  # fmt: skip
        entry = Entry("item", item, "item.drafted", at, changed(first, row), None, "draft", ver=1, rules=RULES)
        head = self.record(entry, START, self.by)
        yield
        for type_, state, columns, fields in self.steps():
            at, seq = self.tick(), head.seq + 1
            after = {**columns, **({"entered_seq": seq} if state != row["state"] else {}), "effective_at": at}
            rows = {ROWS: [self.measure(item, at, seq)]} if type_ == "item.measure_added" else {}
            said = {**fields, **changed(row, after), **rows}
            entry = Entry("item", item, type_, at, said, row["state"], state, ver=seq, rules=RULES)
            head = self.record(entry, head, self.by)
            row = {**row, **after, "state": state, "version": seq, "head_hash": head.hash.hex(), "updated_at": at}
            yield
        self.put("items", {"t": "item", "row": jsonable(row)})

    def measure(self, item: UUID, at: datetime, seq: int) -> list[str | None]:
        row = {
            **nothing(Measure), "item_id": item, "id": self.uuid(), "cycle": 1, "position": 1, "content": WORDS[:20],
            "weight": 1, "status": "not_started", "percent": 0, "changed_seq": seq, "created_at": at, "updated_at": at,
        }  # fmt: skip
        self.put("rows", {"t": "row", "table": "measure", "item": str(item), "row": jsonable(row)})
        return told(Measure, row)


def write(path: Path, events: int, seed: int = 7) -> str:
    """Writes a history of about that many events; gives the note of its last checkpoint."""
    folder = path.with_suffix(".parts")
    folder.mkdir()
    writer = Writer(folder, seed)
    key = _open(writer)
    left = (events - writer.events) // PER_ITEM
    while left > 0:
        lives = [writer.life() for _ in range(min(BLOCK, left))]
        left -= len(lives)
        while lives:
            lives = [life for life in lives if next(life, life) is None]
    writer.seal()
    _join(path, writer, key)
    shutil.rmtree(folder)
    return str(writer.checkpoints[-1]["note"])


def _open(writer: Writer) -> dict[str, Any]:
    writer.config("log", "log.opened", {"origin": writer.origin, "suite": "sha256-ed25519"}, writer.log)
    key, vkey = writer.uuid(), format_vkey(verifier_key(writer.origin, writer.secret.public_key()))
    fields = {"name": "checkpoint", "fingerprint": "ab" * 32, "vkey": vkey}
    writer.config("key", "key.added", fields, key)
    events = {action.value: row.event for action, row in BY_ACTION.items()}
    writer.config(
        "rules", "rules.published", {"hash": RULES, "table": rules_table(), "events": events}, subject_of(RULES)
    )
    return {"t": "key", "id": str(key), **fields, "added_at": instant(writer.now), "retired_at": None}


def _join(path: Path, writer: Writer, key: dict[str, Any]) -> None:
    for part in writer.parts.values():
        part.close()
    log = {"id": str(writer.log), "epoch": 1, "origin": writer.origin}
    header = {"t": "header", "format": "rl-export/1", "at": instant(writer.now), "scope": {"kind": "all"}, "log": log,
              "size": writer.events, "made_by": {"service": "bench"}}  # fmt: skip
    heads = [{"t": "subject", "id": str(subject), "kind": kind, "seq": head.seq, "hash": head.hash.hex()}
             for subject, (kind, head) in sorted(writer.heads.items())]  # fmt: skip
    digest, lines = hashlib.sha256(), 0
    with path.open("wb", buffering=1 << 20) as out:

        def put(line: bytes) -> None:
            nonlocal lines
            digest.update(line)
            lines += 1
            out.write(line)

        def copy(part: str) -> None:
            with (writer.folder / part).open("rb", buffering=1 << 20) as file:
                for line in file:
                    put(line)

        for document in (header, key):
            put((canonical(document) + "\n").encode())
        copy("events")
        for document in writer.checkpoints:
            put((canonical(document) + "\n").encode())
        copy("items")
        copy("rows")
        for document in heads:
            put((canonical(document) + "\n").encode())
        end = {"t": "end", "events": writer.events, "lines": lines, "sha256": digest.hexdigest()}
        out.write((canonical(end) + "\n").encode())
