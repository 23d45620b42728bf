"""The offline verifier: reads an exported history once and says whether it is what somebody was told earlier.

It needs no database, no network and no word of those who run the service. Without a note retained from before, an
invented history with invented keys looks as good as a true one: that is what SELF_CONSISTENT_ONLY says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from app.trail.proof.chains import Rulebook
from app.trail.proof.checkpoints import Checkpoint
from app.trail.proof.deep import Deep
from app.trail.proof.envelopes import ITEM_KIND
from app.trail.proof.findings import Finding, Findings, Report, Verdict
from app.trail.proof.frames import CHILD_BEGINS, ITEM_BEGINS, Framing, Stage, read_line, stage_of
from app.trail.proof.growth import Growing
from app.trail.proof.holding import Holding
from app.trail.proof.own import check_keys, check_own_events
from app.trail.proof.retained import PROMISED, Keyring, Policy, Retained, later, read_retained, receipts_among
from app.trail.proof.sealed import Seals
from app.trail.proof.strict import HASH_BYTES, Malformed
from app.trail.proof.walk import Choice, Walk

_OVERDUE, _FRESH = "overdue", "fresh"
_LONG = frozenset({Stage.ITEM, Stage.ROW})
_CHILD_OF = slice(len(CHILD_BEGINS), len(CHILD_BEGINS) + 36)


@dataclass(frozen=True)
class Asked:
    """What somebody wants to know; `against` are the texts of notes retained from before.

    An age, be it in `max_age` or in the policy, needs `now`.
    """

    items: frozenset[str] = frozenset()
    strict: bool = False
    sample_seed: int = 0
    against: tuple[str, ...] = ()
    policy: Policy | None = None
    now: datetime | None = None
    max_age: timedelta | None = None
    attachments: Path | None = None


def verify(lines: Iterable[bytes], asked: Asked = Asked()) -> Report:
    """Reads the lines of an rl-export/1 file, each with the newline that ends it, once and in order."""
    try:
        run = _Run(asked, tuple(read_retained(text) for text in asked.against))
    except Malformed as error:
        return Report(Verdict.MALFORMED, reason=f"retained note: {error}")
    try:
        run.read(lines)
        run.settle()
    except (Malformed, UnicodeEncodeError) as error:
        run.found.add(Finding("framing", None, None, None, None, f"line {run.framing.lines + 1}: {error}"))
        return run.report(Verdict.MALFORMED, str(error))
    return run.report(run.verdict())


def _never(_: bytes) -> bool:
    return False


@dataclass
class _Run:
    """One reading of one file."""

    asked: Asked
    retained: tuple[Retained, ...]
    found: Findings = field(default_factory=Findings)
    framing: Framing = field(default_factory=Framing)
    rulebook: Rulebook = field(default_factory=Rulebook)
    header: dict[str, Any] = field(default_factory=dict)
    key_lines: dict[str, dict[str, Any]] = field(default_factory=dict)
    items: int = 0
    subjects: int = 0
    redacted: int = 0
    prepared: bool = False
    holding: Holding | None = None

    def __post_init__(self) -> None:
        self.deep = Deep(self.found, self.rulebook, self.asked.attachments)
        self.walk = Walk(self.found, self.rulebook, self.deep)

    def read(self, lines: Iterable[bytes]) -> None:
        """Every line once; the quick way is for what nearly all lines of a long file are."""
        framing, add = self.framing, self.framing.add
        quick: Callable[[bytes], bool] = _never
        number = 0
        for number, line in enumerate(lines, start=1):
            if not quick(line):
                framing.lines = number - 1
                if framing.stage not in _LONG or not self._passes(line):
                    self._line(line)
                quick = self.walk.quick if framing.stage is Stage.EVENT and not self.walk.bundle else _never
            add(line)
        framing.lines = number

    def _passes(self, line: bytes) -> bool:
        """Whether nobody asked about an item or a row beside one, and what is always checked of it is right."""
        if self.asked.strict:
            return False
        if self.framing.stage is Stage.ROW:
            return line.startswith(CHILD_BEGINS) and line[_CHILD_OF] not in self.deep.chosen and line.endswith(b'"}\n')
        passed = line.startswith(ITEM_BEGINS) and self.walk.item_as_recorded(line)
        self.items += passed
        return passed

    def _line(self, line: bytes) -> None:
        document = read_line(line, exact=self.asked.strict or not line.startswith(ITEM_BEGINS))
        stage = stage_of(document)
        self.framing.reach(stage)
        if stage >= Stage.EVENT and not self.prepared:
            self._prepare()
        match stage:
            case Stage.HEADER:
                self._header(document)
            case Stage.KEY:
                self.key_lines[document["id"]] = document
                self.keys.add(document)
            case Stage.EVENT | Stage.UNNUMBERED:
                self.walk.full(document)
            case Stage.CHECKPOINT:
                self.seals.checkpoint(document)
            case Stage.ITEM:
                self._item(document["row"])
            case Stage.ROW:
                self.deep.child(document, strict=self.asked.strict)
            case Stage.SUBJECT:
                self._subject(document)
            case Stage.END:
                self.framing.end(document, self.walk.events)

    def _header(self, document: dict[str, Any]) -> None:
        self.header = document
        origin, policy, scope = document["log"]["origin"], self.asked.policy, document["scope"]
        if policy is not None and policy.origin != origin:
            self.found.add(Finding("log_other", None, None, None, policy.origin, origin))
        self.keys = Keyring(origin, policy)
        self.walk.bundle = scope["kind"] == "items"
        asked = self.asked.items | frozenset(scope.get("ids", ()))
        self.walk.choice = Choice(asked, receipts_among(self.retained), self.asked.sample_seed, self.asked.strict)
        sizes = [one.says.size for one in self.retained if isinstance(one.says, Checkpoint)]
        self.seals = Seals(self.found, self.keys, self.walk, Growing(self.walk.leaves, sizes))

    def _prepare(self) -> None:
        """Before the first event: from which instants on something is too late."""
        self.prepared = True
        watched = [(later(self.header["at"], -PROMISED), _OVERDUE), *self.keys.limits()]
        if (age := self._max_age()) is not None:
            oldest = (self._now() - age).astimezone(UTC)
            watched.append((oldest.isoformat(timespec="microseconds")[:26] + "Z", _FRESH))
        self.walk.prepare(watched)

    def _max_age(self) -> timedelta | None:
        policy = self.asked.policy
        return self.asked.max_age or (None if policy is None else policy.max_age)

    def _now(self) -> datetime:
        if self.asked.now is None:
            raise ValueError("how old something is takes the time it is")
        return self.asked.now

    def _item(self, row: dict[str, Any]) -> None:
        self.items += 1
        subject = row["id"].encode()
        head = self.walk.link(subject)
        if head is None or head.kind != ITEM_KIND or subject in self.walk.gone:
            self.found.add(Finding("item_extra", row["id"], None, None, None, str(row.get("number"))))
            return
        del self.walk.heads[subject]
        told = (row.get("version"), row.get("head_hash"), row.get("state"))
        if subject in self.deep.chosen:
            self.deep.item(row, head)
        elif told != (head.seq, head.hash, head.state):
            expected, actual = f"{head.seq} {head.hash} {head.state}", " ".join(map(str, told))
            self.found.add(Finding("fold_mismatch", row["id"], head.seq, None, expected, actual))

    def _subject(self, document: dict[str, Any]) -> None:
        self.subjects += 1
        head = self.walk.link(document["id"].encode())
        told = (document["kind"], document["seq"], document["hash"])
        if head is None or told != (head.kind, head.seq, head.hash):
            expected = None if head is None else f"{head.kind} {head.seq} {head.hash}"
            actual = "{} {} {}".format(*told)
            self.found.add(Finding("head_mismatch", document["id"], None, None, expected, actual))
        self.walk.heads.pop(document["id"].encode(), None)

    def settle(self) -> None:
        """What can only be said when all has been read."""
        if self.framing.stage is not Stage.END:
            raise Malformed("the file ends before its end")
        withheld = bool(self.header["scope"].get("withheld"))
        if self.walk.bundle:
            self.seals.inclusions()
        else:
            self._whole_log()
        self._left_over(withheld=withheld)
        self.rulebook.settle(self.found)
        self.redacted = self.deep.settle(rows_given=not withheld)
        check_own_events(self.found, self.deep.told, self.header, bundle=self.walk.bundle)
        if not self.walk.bundle:
            check_keys(self.found, self.deep.told, self.key_lines)
        for vkey in self.keys.unknown:
            self.found.add(Finding("key_unknown", None, None, None, "a key of this log that is trusted", vkey))
        self._overdue()
        self.holding = Holding(self.found, self.walk, self.seals, self.header["at"])
        for retained in self.retained:
            self.holding.take(retained)

    def _whole_log(self) -> None:
        size, positions = self.header["size"], self.walk.positions
        if size != positions:
            self.found.add(Finding("position_gap", None, None, positions, str(size), str(positions)))
        self.seals.growing.root(len(self.walk.leaves) // HASH_BYTES)

    def _left_over(self, *, withheld: bool) -> None:
        """Chains whose end nothing shows."""
        for subject in list(self.walk.heads):
            head = self.walk.link(subject)
            if head is None or subject in self.walk.gone:
                continue
            expected = f"{head.kind} {head.seq} {head.hash}"
            if head.kind == ITEM_KIND and not withheld:
                self.found.add(Finding("item_missing", subject.decode(), head.seq, None, expected))
            elif head.kind != ITEM_KIND and not self.walk.bundle:
                self.found.add(Finding("head_mismatch", subject.decode(), head.seq, None, expected))
        for item in sorted(self.walk.choice.asked):
            if item.encode() not in self.deep.chosen:
                self.found.add(Finding("item_missing", item, None, None, "an item that was asked for"))

    def _overdue(self) -> None:
        """Events that should have been under a signed checkpoint before the file was made."""
        newest = 0 if self.seals.newest is None else self.seals.newest.size
        limit, due = self.walk.passed.get(_OVERDUE, self.walk.positions + 1), later(self.header["at"], -PROMISED)
        first = newest + 1
        if self.walk.bundle:
            late = (one.place.position or 0 for one in self.walk.included)
            first = min((position for position in late if position > newest), default=limit)
        if first < limit:
            self.found.add(Finding("unsealed_overdue", None, None, first, "under a signed checkpoint", str(newest)))
        for place, at in self.walk.unnumbered:
            if at <= due:
                self.found.add(Finding("unsealed_overdue", *place, "a position", at))

    def verdict(self) -> Verdict:
        policy = self.asked.policy
        newest = 0 if self.seals.newest is None else self.seals.newest.size
        if policy is not None and newest < policy.min_size:
            self.found.add(Finding("history_cut", None, None, policy.min_size, str(policy.min_size), str(newest)))
        if self.found.tampered:
            return Verdict.TAMPERED
        if self.found.counts or self._stale(newest):
            return Verdict.STALE
        return Verdict.VERIFIED if self._anchored() else Verdict.SELF_CONSISTENT_ONLY

    def _stale(self, newest: int) -> bool:
        """Whether nothing under the newest checkpoint is young enough; a bundle can only say when it was made."""
        age = self._max_age()
        if age is None:
            return False
        if self.walk.bundle:
            return datetime.fromisoformat(self.header["at"]) < self._now() - age
        fresh = self.walk.passed.get(_FRESH)
        return fresh is None or newest < fresh

    def _anchored(self) -> bool:
        """Whether something from outside vouches for the file, or at least for each item that was asked for."""
        if self.holding is None:
            return False
        asked = self.walk.choice.asked
        return bool(self.holding.anchored) or (bool(asked) and asked <= self.holding.receipts.keys())

    def report(self, verdict: Verdict, reason: str | None = None) -> Report:
        """What was found and how much was looked at."""
        newest = self.seals.newest if self.header else None
        holding = self.holding
        return Report(
            verdict,
            self.found.kept,
            self.found.counts,
            counts=self._counts() if self.header else {},
            origin=self.header["log"]["origin"] if self.header else None,
            scope=self.header["scope"]["kind"] if self.header else None,
            made_at=self.header.get("at"),
            checkpoint=None if newest is None else {"size": newest.size, "root": newest.root.hex()},
            sample_seed=self.asked.sample_seed,
            strict=self.asked.strict,
            notes=[] if holding is None else holding.notes,
            anchored=0 if holding is None else holding.anchored,
            reason=reason,
        )

    def _counts(self) -> dict[str, int]:
        return {
            "lines": self.framing.lines,
            "events": self.walk.events,
            "positions": self.header["size"],
            "unnumbered": len(self.walk.unnumbered),
            "checkpoints": len(self.seals.sizes),
            "signed": self.seals.signed,
            "items": self.items,
            "subjects_in_full": len(self.deep.chosen),
            "events_in_full": self.deep.events,
            "redacted": self.redacted,
            "withheld": self.deep.withheld,
        }
