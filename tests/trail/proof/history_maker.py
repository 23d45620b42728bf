"""Honest histories without a database: the product's own envelopes, tree, notes and rows, written out as rl-export/1."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.access.actor import SYSTEM, Actor
from app.lifecycle.create import blank
from app.lifecycle.states import Action, State
from app.lifecycle.told import changed
from app.lifecycle.transitions import BY_ACTION, RULES, TABLE, rules_table
from app.tables.rectify import Measure
from app.trail.canonical import canonical, commitment, instant, jsonable
from app.trail.envelope import START, Entry, Head, Origin, envelope
from app.trail.proof.checkpoints import format_checkpoint
from app.trail.proof.merkle import inclusion_ranges, tree_root
from app.trail.proof.notes import format_vkey, sign_note, verifier_key
from app.trail.receipts import receipt_text
from app.trail.record import Recorded
from app.trail.rows import ROWS, nothing, told
from app.trail.rules import subject_of

Document = dict[str, Any]
BEGUN = datetime(2026, 3, 1, 1, 0, tzinfo=UTC)
NAMES = {row.action.value: row.event for row in TABLE}


@dataclass
class Made:
    """One event with all that an export tells of it."""

    recorded: Recorded
    body: str
    row: Document
    say: dict[str, list[str]]
    position: int | None = None

    @property
    def id(self) -> str:
        return str(self.recorded.event_id)

    def document(self) -> Document:
        return {"t": "event", "pos": self.position, "body": self.body, "row": self.row, "say": self.say}


@dataclass
class Maker:
    """A service of its own: a clock that only goes on, keys, items, a tree; the same seed makes the same history."""

    seed: int = 7
    events: list[Made] = field(default_factory=list)
    items: dict[UUID, Document] = field(default_factory=dict)
    children: dict[tuple[str, UUID, UUID], Document] = field(default_factory=dict)
    heads: dict[UUID, Head] = field(default_factory=dict)
    kinds: dict[UUID, str] = field(default_factory=dict)
    checkpoints: list[Document] = field(default_factory=list)
    key_lines: list[Document] = field(default_factory=list)
    secrets: dict[str, Ed25519PrivateKey] = field(default_factory=dict)
    now: datetime = BEGUN

    def __post_init__(self) -> None:
        self.random = Random(self.seed)
        self.log_id = self.uuid()
        self.origin = f"rectification-ledger/{self.log_id}/e1"
        self.account, self.unit = self.uuid(), self.uuid()
        self.config("log", "log.opened", {"origin": self.origin, "suite": "sha256-ed25519"}, subject=self.log_id)
        for name in ("session", "cursor", "receipt", "checkpoint"):
            self.add_key(name)
        events = {action.value: row.event for action, row in BY_ACTION.items()}
        fields = {"hash": RULES, "table": rules_table(), "events": events}
        self.config("rules", "rules.published", fields, subject=subject_of(RULES))

    def uuid(self) -> UUID:
        return UUID(int=self.random.getrandbits(128), version=4)

    def tick(self, seconds: float = 0) -> datetime:
        self.now += timedelta(seconds=seconds or self.random.randint(1, 9000) / 1000)
        return self.now

    def config(self, kind: str, type_: str, fields: Mapping[str, Any], subject: UUID | None = None) -> Made:
        return self.record(Entry(kind, subject or self.uuid(), type_, self.tick(), fields), actor=SYSTEM)

    def record(self, entry: Entry, actor: Actor | None = None) -> Made:
        head = self.heads.get(entry.subject_id, START)
        event_id = self.uuid()
        salts = {name: self.random.randbytes(32) for name in entry.fields}
        plain = {name: jsonable(value) for name, value in entry.fields.items()}
        pay = {name: commitment(name, value, salts[name]) for name, value in plain.items()}
        who = actor or Actor("person", self.account, None, self.uuid(), "李明", self.unit, None, "password")
        origin = Origin(who, str(self.uuid()), f"key-{self.random.randrange(10**6)}" if actor is None else None)
        sealed = envelope(entry, head, origin, event_id, pay)
        recorded = Recorded(event_id, head.seq + 1, sealed.hash, entry.at, entry.kind, entry.subject_id)
        row = {
            "id": str(event_id), "kind": entry.kind, "subject": str(entry.subject_id), "seq": head.seq + 1,
            "type": entry.type, "at": instant(entry.at), "actor": jsonable(origin.actor_id), "hash": sealed.hash.hex(),
        }  # fmt: skip
        say = {name: [salts[name].hex(), canonical(value)] for name, value in plain.items()}
        self.heads[entry.subject_id] = Head(head.seq + 1, sealed.hash)
        self.kinds[entry.subject_id] = entry.kind
        self.events.append(Made(recorded, sealed.body, row, say))
        return self.events[-1]

    # --- items ---

    def draft(self, **columns: Any) -> UUID:
        item, at = self.uuid(), self.tick()
        first = blank(at)
        usual = {"ledger_id": self.unit, "title": f"问题{self.random.randrange(1000)}", "source_type": "audit",
                 "source_schema_version": 1, "finder_unit_id": self.unit, "confidentiality": "internal",
                 "number_sort": str(item), "light_reasons": {}, "movers": [], **columns}  # fmt: skip
        row = {**first, "id": item, **usual}
        fields = {"ledger_id": self.unit, **changed(first, row)}
        self._written(row, Entry("item", item, "item.drafted", at, fields, None, "draft", ver=1, rules=RULES))
        return item

    def change(self, item: UUID, type_: str, changes: Mapping[str, Any], state: str | None = None, **more: Any) -> Made:
        """One event that changes columns; `fields`, `rows` and `attachments` are told beside them."""
        before, at = self.items[item], self.tick()
        rows = {ROWS: more["rows"]} if more.get("rows") else {}
        fields = {**more.get("fields", {}), **changed(before, changes), **rows}
        entry = Entry(
            "item", item, type_, at, fields, before["state"], state or before["state"], ver=before["version"] + 1,
            rules=RULES, attachments=more.get("attachments", ()),
        )  # fmt: skip
        return self._written({**before, **changes, "state": entry.to_state}, entry)

    def _written(self, row: Document, entry: Entry) -> Made:
        made = self.record(entry)
        stamps = {"version": made.recorded.seq, "head_hash": made.recorded.hash, "updated_at": entry.at}
        self.items[entry.subject_id] = {**row, **stamps}
        return made

    def act(self, item: UUID, action: str, **columns: Any) -> Made:
        """A transition of the table to the first state it names, or to `to`."""
        found = BY_ACTION[Action(action)]
        state = columns.pop("to", None) or found.to[0].value
        return self.change(item, NAMES[action], {"entered_seq": self.items[item]["version"] + 1, **columns}, state)

    def measure(self, item: UUID, content: str = "逐份核对") -> UUID:
        """A row beside the item, told by its digest."""
        measure = self.uuid()
        row = {
            **nothing(Measure), "item_id": item, "id": measure, "cycle": 1, "position": 1, "content": content,
            "weight": 1, "status": "not_started", "percent": 0, "created_at": self.now, "updated_at": self.now,
        }  # fmt: skip
        self._tell(item, "item.measure_added", measure, row)
        return measure

    def progress(self, item: UUID, measure: UUID, percent: int) -> None:
        row = {**self.children["measure", item, measure], "percent": percent}
        self._tell(item, "item.measure_progressed", measure, row)

    def _tell(self, item: UUID, type_: str, measure: UUID, row: Document) -> None:
        fields = {"measure": {"id": measure, "content": row["content"]}}
        self.change(item, type_, {}, fields=fields, rows=[told(Measure, row)])
        self.children["measure", item, measure] = {**row, "changed_seq": self.items[item]["version"]}

    def redact(self, item: UUID, event: Made, name: str) -> Made:
        """Takes a disclosure away and says so."""
        changes = {name: "〔已脱敏 redacted〕"} if name in self.items[item] else {}
        del event.say[name]
        fields = {"redacted": [{"event": event.id, "field": name}], "basis": "unlawful", "redaction_id": self.uuid()}
        return self.change(item, "item.redacted", changes, fields=fields)

    def delete_draft(self, item: UUID) -> None:
        self.change(item, "item.draft_deleted", {})
        del self.items[item]

    def wander(self, item: UUID) -> None:
        """One more honest event of an item: a transition its state allows, or a word beside it."""
        state = self.items[item]["state"]
        able = [row for row in TABLE if state in row.sources]
        if not able or self.random.random() < 0.3:
            self.change(item, "item.described", {"remarks": f"备注{self.random.randrange(100)}"})
            return
        row = self.random.choice(able)
        stays = set(row.sources) == set(row.to) and len(row.to) > 1
        self.act(item, row.action.value, to=state if stays else self.random.choice(row.to).value)

    # --- keys, tree, notes ---

    def add_key(self, name: str) -> UUID:
        key, secret = self.uuid(), Ed25519PrivateKey.from_private_bytes(self.random.randbytes(32))
        signs_as = {"checkpoint": self.origin, "receipt": f"{self.origin}/receipt"}.get(name)
        fields = {
            "name": name, "fingerprint": hashlib.sha256(key.bytes).hexdigest(),
            "vkey": None if signs_as is None else format_vkey(verifier_key(signs_as, secret.public_key())),
        }  # fmt: skip
        self.secrets[name] = secret
        made = self.config("key", "key.added", fields, subject=key)
        line = {"t": "key", "id": str(key), **fields, "added_at": made.row["at"], "retired_at": None}
        self.key_lines.append(line)
        return key

    def rotate(self, name: str) -> None:
        line = next(line for line in reversed(self.key_lines) if line["name"] == name)
        retired = self.config("key", "key.retired", {"name": name}, subject=UUID(line["id"]))
        line["retired_at"] = retired.row["at"]
        self.add_key(name)

    def number(self) -> int:
        """Gives every event a position, in the order of their times; says how many there are."""
        for position, event in enumerate(self.events, start=1):
            event.position = position
        return len(self.events)

    def leaves(self) -> list[bytes]:
        return [event.recorded.hash for event in self.events if event.position is not None]

    def note(self, size: int, root: bytes | None = None) -> str:
        found = tree_root(self.leaves()[:size]) if root is None else root
        text = format_checkpoint(self.origin, size, found)
        return sign_note(text, self.origin, self.secrets["checkpoint"]).decode()

    def seal(self) -> str:
        """Numbers and signs; gives the note."""
        size = self.number()
        if self.checkpoints and self.checkpoints[-1]["size"] == size:
            return str(self.checkpoints[-1]["note"])
        note = self.note(size)
        self.checkpoints.append({"t": "checkpoint", "size": size, "root": tree_root(self.leaves()).hex(), "note": note})
        return note

    def receipt(self, event: Made) -> str:
        text = receipt_text(self.origin, event.recorded)
        return sign_note(text, f"{self.origin}/receipt", self.secrets["receipt"]).decode()

    # --- exports ---

    def documents(self, items: Sequence[UUID] | None = None) -> list[Document]:
        """The lines of an export as they stand, without the last; `items` makes a bundle."""
        wanted = None if items is None else {*items, subject_of(RULES)}
        chosen = [event for event in self.events if wanted is None or event.recorded.subject_id in wanted]
        numbered = [event.document() for event in chosen if event.position is not None]
        newest = self.checkpoints[-1:] if items is not None else self.checkpoints
        for document in numbered if items is not None else ():
            if newest and document["pos"] <= newest[-1]["size"]:
                document["proof"] = [part.hex() for part in self._path(document["pos"] - 1, newest[-1]["size"])]
        scope = {"kind": "all"} if items is None else {"kind": "items", "ids": sorted(str(item) for item in items)}
        return deepcopy([
            {"t": "header", "format": "rl-export/1", "at": instant(self.now + timedelta(seconds=30)), "scope": scope,
             "log": {"id": str(self.log_id), "epoch": 1, "origin": self.origin}, "size": len(self.leaves()),
             "made_by": {"service": "0.1.0"}},
            *sorted(self.key_lines, key=lambda line: str(line["id"])), *numbered, *newest,
            *(event.document() for event in chosen if event.position is None),
            *({"t": "item", "row": plain(self.items[item])} for item in sorted(self.items) if wanted is None or item in wanted),
            *self._rows(wanted), *(self._subjects() if wanted is None else ()),
        ])  # fmt: skip

    def _rows(self, wanted: set[UUID] | None) -> Iterable[Document]:
        for (table, item, _), row in sorted(self.children.items()):
            if item in self.items and (wanted is None or item in wanted):
                yield {"t": "row", "table": table, "item": str(item), "row": plain(row)}

    def _subjects(self) -> Iterable[Document]:
        for subject, kind in sorted(self.kinds.items()):
            if kind != "item":
                seq, digest = self.heads[subject]
                yield {"t": "subject", "id": str(subject), "kind": kind, "seq": seq, "hash": digest.hex()}

    def _path(self, index: int, size: int) -> list[bytes]:
        return [tree_root(self.leaves()[begin:end]) for begin, end in inclusion_ranges(index, size)]

    def export(self, items: Sequence[UUID] | None = None) -> list[bytes]:
        return written(self.documents(items))


def plain(row: Mapping[str, Any]) -> Document:
    """A row as an export tells it."""
    return {name: value.hex() if isinstance(value, bytes) else jsonable(value) for name, value in row.items()}


def written(documents: Iterable[Document]) -> list[bytes]:
    """The lines with a last one that fits them."""
    lines = [(canonical(document) + "\n").encode() for document in documents]
    digest = hashlib.sha256(b"".join(lines)).hexdigest()
    events = sum(line.startswith(b'{"body"') for line in lines)
    end = {"t": "end", "events": events, "lines": len(lines), "sha256": digest}
    return [*lines, (canonical(end) + "\n").encode()]


def ordinary(seed: int = 7) -> Maker:
    """Three items, one of which is a deleted draft, and a rotated key; sealed twice, with one event after."""
    made = Maker(seed)
    first, second, gone = made.draft(), made.draft(description="账实不符"), made.draft()
    for action in ("submit", "register", "assign", "acknowledge"):
        made.act(first, action)
    measure = made.measure(first)
    made.seal()
    made.tick(90)
    made.rotate("checkpoint")
    made.delete_draft(gone)
    made.progress(first, measure, 40)
    made.act(second, "submit")
    made.seal()
    made.config("category", "category.created", {"code": "a"})
    made.number()
    return made


def reread(lines: Iterable[bytes]) -> list[Document]:
    """The documents of an export without its last line, to be tampered with."""
    return [json.loads(line) for line in lines][:-1]


def in_state(made: Maker, state: State) -> list[UUID]:
    return [item for item, row in made.items.items() if row["state"] == state]
