"""What is looked at in full for the subjects somebody asked for, a random sample, or everything: the events' own content."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from app.trail.proof.canon import parse_json
from app.trail.proof.chains import DELETED, Link, Place, Rulebook
from app.trail.proof.envelopes import ITEM_KIND, Content, committed_to
from app.trail.proof.findings import Finding, Findings
from app.trail.proof.fold import CODES_TOLD, ROWS_TOLD, TOLD_WORDS, Folded, bears, row_digest_of
from app.trail.proof.strict import Malformed

ALWAYS_WHOLE = frozenset({"key", "log", "rules"})
"""Kinds the verification itself relies on: looked at in full, whatever the sample."""
REDACTED_BY = "redacted"
EVIDENCE_TOLD = "evidence"
READ = TOLD_WORDS | {CODES_TOLD, ROWS_TOLD, REDACTED_BY}
"""Fields of events that are read; of all others only the commitment is checked."""
Said = Mapping[str, Sequence[str]]
"""Salt and value of each field, as text."""
READ_AT_ONCE = 1 << 20


class Unsaid(NamedTuple):
    """A field whose disclosure is not there."""

    event: str
    field: str
    place: Place


class Attached(NamedTuple):
    """A file an event names."""

    event: str
    sha256: str
    size: int
    place: Place


class Child(NamedTuple):
    """A row beside an item that is not what was recorded; which one it was meant to be is known at the end."""

    item: str
    table: str
    row: dict[str, Any]
    digest: str


@dataclass
class Deep:
    """The content of events, for the subjects named by `chosen`; `told` is what became of the log's own events."""

    found: Findings
    rulebook: Rulebook
    attachments: Path | None = None
    items: dict[str, Folded] = field(default_factory=dict)
    chosen: set[bytes] = field(default_factory=set)
    told: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    covered: set[tuple[str, str]] = field(default_factory=set)
    unsaid: list[Unsaid] = field(default_factory=list)
    attached: list[Attached] = field(default_factory=list)
    strangers: list[Child] = field(default_factory=list)
    events: int = 0
    withheld: int = 0

    def event(self, event: Content, say: Said, withheld: Iterable[str], place: Place) -> None:
        """Takes in one event of a chosen subject; events of a subject come in their order."""
        self.events += 1
        fields = self._disclosed(event, say, place)
        unsaid = event.pay.keys() - say.keys()
        if unsaid:
            kept_back = unsaid & set(withheld)
            self.withheld += len(kept_back)
            self.unsaid += [Unsaid(event.id, name, place) for name in sorted(unsaid - kept_back)]
        self.attached += [Attached(event.id, one["sha256"], one["size"], place) for one in event.att]
        if event.kind == ITEM_KIND:
            self._fold(event, fields, unsaid, place)
        elif event.kind in ALWAYS_WHOLE:
            self._own(event, fields, place)

    def _disclosed(self, event: Content, say: Said, place: Place) -> dict[str, Any]:
        """The fields that are read here, of those whose values are what was committed to."""
        fields = {}
        for name, (salt, value) in say.items():
            if name not in event.pay:
                self.found.add(Finding("disclosure_extra", *place, None, name))
                continue
            actual = committed_to(name, value, bytes.fromhex(salt))
            if actual != event.pay[name]:
                self.found.add(Finding("commitment_mismatch", *place, event.pay[name], f"{name} {actual}"))
            elif name in READ or event.kind in ALWAYS_WHOLE:
                try:
                    fields[name] = parse_json(value)
                except Malformed:
                    self.found.add(Finding("envelope_invalid", *place, "canonical JSON", name))
        return fields

    def _fold(self, event: Content, fields: dict[str, Any], unsaid: Iterable[str], place: Place) -> None:
        folded = self.items.get(place.subject)
        if folded is None:
            folded = self.items[place.subject] = Folded()
            folded.begin(event.at, event.pay)
        if event.type == DELETED:
            folded.rows.clear()
        try:
            folded.tell(fields, unsaid)
            self.covered |= {(one["event"], one["field"]) for one in fields.get(REDACTED_BY, ())}
        except (KeyError, TypeError, ValueError):
            self.found.add(Finding("envelope_invalid", *place, "fields of an item", event.type))

    def _own(self, event: Content, fields: dict[str, Any], place: Place) -> None:
        if event.type == "rules.published" and not self.rulebook.publish(fields, place.position):
            self.found.add(Finding("rules_unknown", *place, str(fields.get("hash")), "another table"))
        self.told.append((event.type, place.subject, fields))

    def item(self, row: dict[str, Any], head: Link) -> None:
        """Compares the row of a chosen item; its events have all come before."""
        folded = self.items.get(row["id"], Folded())
        for name, expected, actual in folded.differences(row, head):
            self.found.add(Finding("fold_mismatch", row["id"], head.seq, None, f"{name} = {expected}", str(actual)))
        folded.columns.clear()

    def child(self, document: dict[str, Any], *, strict: bool) -> None:
        """Compares a row beside a chosen item; what is as recorded is forgotten."""
        item, table, digest = document["item"], document["table"], row_digest_of(document["row"])
        folded = self.items.get(item)
        if folded is None and strict:
            self.items[item] = folded = Folded()
        if folded is None or not folded.rows_whole:
            return
        told = next((key for key, value in folded.rows.items() if value == digest and key[0] == table), None)
        if told is None:
            self.strangers.append(Child(item, table, document["row"], digest))
        else:
            del folded.rows[told]

    def settle(self, *, rows_given: bool) -> int:
        """What can only be said at the end; gives how many fields a redaction accounts for."""
        redacted = 0
        for one in self.unsaid:
            if (one.event, one.field) in self.covered:
                redacted += 1
            else:
                self.found.add(Finding("disclosure_missing", *one.place, one.field))
        if rows_given:
            self._settle_rows()
        if self.attachments is not None:
            self._settle_attachments(self.attachments)
        return redacted

    def _settle_rows(self) -> None:
        for stranger in self.strangers:
            rows = self.items[stranger.item].rows
            left = (key for key, digest in rows.items() if key[0] == stranger.table and digest is not None)
            meant = next((key for key in left if bears(stranger.row, key[1])), None)
            if meant is None:
                named = f"{stranger.table} {stranger.row.get('id', stranger.digest)}"
                self.found.add(Finding("row_extra", stranger.item, None, None, None, named))
            else:
                expected, actual = f"{stranger.table} {meant[1]} {rows.pop(meant)}", stranger.digest
                self.found.add(Finding("row_mismatch", stranger.item, None, None, expected, actual))
        for subject, folded in self.items.items():
            missing = [f"{table} {key}" for (table, key), digest in folded.rows.items() if digest is not None]
            for name in missing if folded.rows_whole else ():
                self.found.add(Finding("row_missing", subject, None, None, name))

    def _settle_attachments(self, folder: Path) -> None:
        known: dict[str, tuple[str, int] | None] = {}
        for one in self.attached:
            if one.sha256 not in known:
                known[one.sha256] = _digest_and_size(folder / one.sha256)
            actual = known[one.sha256]
            if actual is None:
                if (one.event, EVIDENCE_TOLD) not in self.covered:
                    self.found.add(Finding("attachment_missing", *one.place, one.sha256))
            elif actual != (one.sha256, one.size):
                self.found.add(
                    Finding("attachment_mismatch", *one.place, f"{one.sha256} {one.size}", "{} {}".format(*actual))
                )


def _digest_and_size(path: Path) -> tuple[str, int] | None:
    if not path.is_file():
        return None
    digest, size = sha256(), 0
    with path.open("rb") as file:
        while block := file.read(READ_AT_ONCE):
            digest.update(block)
            size += len(block)
    return digest.hexdigest(), size
