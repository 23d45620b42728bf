"""The events of a file one after the other: what is checked of each of them, however many there are."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple

from app.trail.proof.canon import is_canonical, parse_json
from app.trail.proof.chains import DELETED, REDACTION, SKEW, UNBORN, Link, Place, Rulebook, Step
from app.trail.proof.deep import ALWAYS_WHOLE, Deep
from app.trail.proof.envelopes import (
    ITEM_KIND,
    PLAIN,
    PROJECTIONS,
    QUICK,
    QUICK_END,
    QUICK_ROW,
    QUICK_SAY,
    Content,
    content_of,
    misshapen,
    out_of_order,
    within,
)
from app.trail.proof.findings import Finding, Findings
from app.trail.proof.frames import EVENT_BEGINS, packed, said_shaped
from app.trail.proof.strict import Malformed

SAMPLE_OF = 100
"""One subject of so many is looked at in full unasked."""
_BEGUN = len(EVENT_BEGINS)
_ITEM = re.compile(rb'"head_hash":"([0-9a-f]{64})","id":"([0-9a-f-]{36})",')
_ITEM_ENDS = b'},"t":"item"}\n'
_NEVER = "9999"
_ZERO = UNBORN.hash.encode()


class Included(NamedTuple):
    """An event of a bundle with its way up to the checkpoint."""

    place: Place
    leaf: bytes
    path: list[bytes] | None


class Seen(NamedTuple):
    """An event somebody holds a receipt of."""

    place: Place
    hash: str


class Choice(NamedTuple):
    """Which subjects are looked at in full, and of which events receipts are held."""

    asked: frozenset[str] = frozenset()
    receipts: frozenset[str] = frozenset()
    seed: int = 0
    strict: bool = False

    def takes(self, subject: str, kind: str) -> bool:
        if self.strict or kind in ALWAYS_WHOLE or subject in self.asked:
            return True
        drawn = sha256(f"{self.seed}:{subject}".encode()).digest()
        return int.from_bytes(drawn[:4], "big") * SAMPLE_OF < 1 << 32


@dataclass
class Walk:
    """Heads of all chains and leaves of the tree; `positions` is the position of the latest event that has one.

    Memory holds one short entry a subject and 32 bytes an event.
    """

    found: Findings
    rulebook: Rulebook
    deep: Deep
    choice: Choice = field(default_factory=Choice)
    bundle: bool = False
    heads: dict[bytes, tuple[int, bytes, bytes, bytes | None, bytes]] = field(default_factory=dict)
    steps: dict[tuple[bytes | None, ...], tuple[bytes | None, bytes]] = field(default_factory=dict)
    leaves: bytearray = field(default_factory=bytearray)
    positions: int = 0
    events: int = 0
    unnumbered: list[tuple[Place, str]] = field(default_factory=list)
    gone: set[bytes] = field(default_factory=set)
    included: list[Included] = field(default_factory=list)
    seen: dict[str, Seen] = field(default_factory=dict)
    watched: list[tuple[str, str]] = field(default_factory=list)
    passed: dict[str, int] = field(default_factory=dict)
    _wanted: set[bytes] = field(default_factory=set)
    _watch: bytes = _NEVER.encode()

    def prepare(self, watched: list[tuple[str, str]]) -> None:
        """Before the first event: `watched` are (instant, name), of which the first later position is noted."""
        self.watched = sorted(watched)
        self._wanted = {one.encode() for one in self.choice.receipts}
        self._set_watch()

    def quick(self, line: bytes) -> bool:
        """Takes in a numbered event whose line is plain and true; False where it must be read in full."""
        match = QUICK.match(line)
        if match is None:
            return False
        actor, at, _, before, event_id, _, prev, rules, seq, subject, kind, after, type_, _ = match.groups()
        end = match.end()
        leaf = sha256(b"\0" + line[_BEGUN:end].translate(None, b"\\")).digest()
        hash_ = leaf.hex().encode()
        position = self.positions + 1
        by = b"null" if actor is None else b'"%b"' % actor
        row = QUICK_ROW % (position, by, at, hash_, event_id, kind, seq, subject, type_)
        head = self.heads.get(subject)
        number, last, since, state, held = head or (0, _ZERO, b"", None, kind)
        known = self.steps.get((kind, rules, type_, before, after))
        if known is None or subject in self.gone or not line.startswith(row, end) or not line.endswith(QUICK_END):
            return False
        if number + 1 != int(seq) or (last, state, held) != (prev, before, kind) or at < since:
            return False
        self.heads[subject] = (number + 1, hash_, at, *known)
        self.leaves += leaf
        self.positions = position
        self.events += 1
        if at > self._watch:
            self._pass(at.decode())
        if head is None or event_id in self._wanted or subject in self.deep.chosen:
            self._closer(line, end + len(row) - len(QUICK_SAY), match, hash_)
        return True

    def _closer(self, line: bytes, said: int, match: re.Match[bytes], hash_: bytes) -> None:
        """What few of the quickly read events need; `said` is where in the line the disclosures begin."""
        _, at, att, _, event_id, pay, _, rules, seq, subject, kind, _, type_, ver = (
            (part or b"").decode() for part in match.groups()
        )
        place = Place(subject, int(seq), self.positions)
        if event_id in self.choice.receipts:
            self.seen[event_id] = Seen(place, hash_.decode())
        if not self._chosen(place, kind):
            return
        document = parse_json(b"{" + line[said:])
        if document.keys() != {"say", "t"} or not said_shaped(document["say"]):
            raise Malformed("not an event line")
        pairs = json.loads("{" + pay.replace("\\", "") + "}", object_pairs_hook=list)
        if out_of_order(name for name, _ in pairs):
            self.found.add(Finding("not_canonical", *place))
        an_item = kind == ITEM_KIND
        if an_item == (rules == UNBORN.hash) or (an_item and ver != seq) or PLAIN.match(line) is None:
            body = parse_json(parse_json(line)["body"])
            self.found.add(Finding("envelope_invalid", *place, "envelope v1", misshapen(body, 0)))
        attached = [] if att == "[]" else json.loads(att.replace("\\", ""))
        self.deep.event(Content(event_id, type_, at, kind, dict(pairs), attached), document["say"], (), place)

    def _chosen(self, place: Place, kind: str) -> bool:
        subject = place.subject.encode()
        if place.seq == 1 and self.choice.takes(place.subject, kind):
            self.deep.chosen.add(subject)
        return subject in self.deep.chosen

    def full(self, document: dict[str, Any]) -> None:
        """Takes in any event; everything that is wrong with it becomes a finding."""
        self.events += 1
        row, text = document["row"], document["body"]
        leaf = sha256(b"\0" + text.encode()).digest()
        try:
            body = parse_json(text)
        except Malformed:
            body = None
        place = self._place(document, body)
        self._position(document, leaf, place)
        if row["hash"] != leaf.hex():
            self.found.add(Finding("leaf_mismatch", *place, leaf.hex(), str(row["hash"])))
        for column, path in PROJECTIONS:
            if (told := within(body, path)) != row[column] or type(told) is not type(row[column]):
                self.found.add(Finding("projection_mismatch", *place, f"{column} {told}", str(row[column])))
        wrong = misshapen(body, len(text.encode()))
        if wrong is not None:
            self.found.add(Finding("envelope_invalid", *place, "envelope v1", wrong))
        if wrong is None or self._readable(body):
            self._link(body, leaf.hex(), place)
            self._content(document, body, place, shaped=wrong is None)

    def _content(self, document: dict[str, Any], body: dict[str, Any], place: Place, *, shaped: bool) -> None:
        if body["id"] in self.choice.receipts:
            self.seen[body["id"]] = Seen(place, sha256(b"\0" + document["body"].encode()).hexdigest())
        if self._chosen(place, body["subject"]["kind"]):
            if not is_canonical(document["body"], body):
                self.found.add(Finding("not_canonical", *place))
            if shaped:
                # Whoever is given everything is given every field.
                withheld = document.get("withheld", ()) if self.bundle else ()
                self.deep.event(content_of(body), document["say"], withheld, place)

    @staticmethod
    def _place(document: dict[str, Any], body: object) -> Place:
        subject, seq = within(body, ("subject", "id")), within(body, ("seq",))
        row = document["row"]
        named = subject if isinstance(subject, str) else str(row["subject"])
        number = seq if isinstance(seq, int) else row["seq"]
        return Place(named, number if isinstance(number, int) else 0, document["pos"])

    @staticmethod
    def _readable(body: object) -> bool:
        """Whether a body has all that its place in the chain is made of, whatever else may be wrong with it."""
        texts = (("subject", "id"), ("subject", "kind"), ("prev",), ("type",), ("at",), ("rules",), ("id",))
        states = (within(body, ("from",)), within(body, ("to",)))
        return (
            isinstance(body, dict)
            and {"from", "to"} <= body.keys()
            and all(isinstance(within(body, path), str) for path in texts)
            and type(within(body, ("seq",))) is int
            and all(state is None or isinstance(state, str) for state in states)
        )

    def _position(self, document: dict[str, Any], leaf: bytes, place: Place) -> None:
        position = document["pos"]
        if position is None:
            self.unnumbered.append((place, str(document["row"]["at"])))
            return
        follows = position > self.positions if self.bundle else position == self.positions + 1
        if not follows:
            self.found.add(Finding("position_gap", *place, str(self.positions + 1), str(position)))
        self.positions = max(self.positions, position)
        if self.bundle:
            path = document.get("proof")
            self.included.append(Included(place, leaf, None if path is None else packed(path)))
        else:
            self.leaves += leaf
        at = document["row"]["at"]
        if isinstance(at, str) and at.encode() > self._watch:
            self._pass(at)

    def _link(self, body: dict[str, Any], hash_: str, place: Place) -> None:
        subject, kind = place.subject.encode(), body["subject"]["kind"]
        link = self.link(subject) or UNBORN
        if body["seq"] != link.seq + 1:
            self.found.add(Finding("seq_gap", *place, str(link.seq + 1), str(body["seq"])))
        elif body["prev"] != link.hash:
            self.found.add(Finding("prev_mismatch", *place, link.hash, body["prev"]))
        if kind != (link.kind or kind):
            self.found.add(Finding("envelope_invalid", *place, link.kind, kind))
        if _earlier(body["at"], link.at, kind):
            self.found.add(Finding("time_goes_back", *place, f"not before {link.at}", body["at"]))
        step = Step(kind, body["rules"], body["type"], body["from"], body["to"])
        wrong = self._wrong_step(step, link, place)
        if wrong is not None:
            self.found.add(wrong)
        after = None if body["to"] is None else body["to"].encode()
        if body["type"] == DELETED:
            self.gone.add(subject)
        elif wrong is None:
            before = None if body["from"] is None else body["from"].encode()
            key = (kind.encode(), body["rules"].encode(), body["type"].encode(), before, after)
            self.steps.setdefault(key, (after, kind.encode()))
        self.heads[subject] = (body["seq"], hash_.encode(), body["at"].encode(), after, kind.encode())

    def _wrong_step(self, step: Step, link: Link, place: Place) -> Finding | None:
        if place.subject.encode() in self.gone and step.type != REDACTION:
            return Finding("transition_illegal", *place, "nothing after a deletion but a redaction", step.type)
        if step.before != link.state:
            return Finding("transition_illegal", *place, f"from {link.state}", f"from {step.before}")
        return self.rulebook.judge(step, place)

    def link(self, subject: bytes) -> Link | None:
        """The end of a subject's chain."""
        head = self.heads.get(subject)
        if head is None:
            return None
        seq, hash_, at, state, kind = head
        return Link(seq, hash_.decode(), at.decode(), None if state is None else state.decode(), kind.decode())

    def item_as_recorded(self, line: bytes) -> bool:
        """Whether the row in a line is of an item that nobody asked about and shows the end of its chain.

        Each name must stand in the line once: a document inside the row could otherwise speak for the row.
        """
        match = _ITEM.search(line)
        head = None if match is None else self.heads.get(match[2])
        if match is None or head is None or match[2] in self.deep.chosen or match[2] in self.gone:
            return False
        seq, hash_, _, state, kind = head
        shown = (b'"state":"%b",' % state if state else b"", b'"version":%d,' % seq)
        once = all(line.count(name) == 1 for name in (b'"head_hash":', b'"state":', b'"version":', *shown))
        if match[1] != hash_ or kind.decode() != ITEM_KIND or not once or not line.endswith(_ITEM_ENDS):
            return False
        del self.heads[match[2]]
        return True

    def _pass(self, at: str) -> None:
        while self.watched and at > self.watched[0][0]:
            self.passed[self.watched.pop(0)[1]] = self.positions
        self._set_watch()

    def _set_watch(self) -> None:
        self._watch = (self.watched[0][0] if self.watched else _NEVER).encode()


def _earlier(at: str, since: str, kind: str) -> bool:
    """Items carry the time at which their row was locked; other events may trail each other by a moment."""
    if at >= since:
        return False
    if kind == ITEM_KIND:
        return True
    try:
        return (datetime.fromisoformat(since) - datetime.fromisoformat(at)).total_seconds() > SKEW
    except ValueError:
        return True
