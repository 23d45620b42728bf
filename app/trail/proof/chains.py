"""Per subject: numbered without a gap, each event linked to the one before, at a later time, by steps the rules know."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, NamedTuple

from app.trail.proof.canon import canonical_json
from app.trail.proof.envelopes import ITEM_KIND, ZEROS
from app.trail.proof.findings import Finding, Findings

DELETED = "item.draft_deleted"
"""The event after which an item has no row any more."""
REDACTION = "item.redacted"
"""What may still come after a deletion: words that a deleted draft once told can be taken out like any others."""
BORN = {"item.drafted": "draft", "item.split_off": "registered"}
"""First events, and the state an item begins in."""
SKEW = 5
"""Seconds by which events of configuration may trail each other; items carry the time at which their row was locked."""


class Link(NamedTuple):
    """The end of a subject's chain; `hash` is in hex, `state` what its last event left."""

    seq: int
    hash: str
    at: str
    state: str | None
    kind: str


UNBORN = Link(0, ZEROS, "", None, "")


class Step(NamedTuple):
    """What decides whether a step is legal."""

    kind: str
    rules: str
    type: str
    before: str | None
    after: str | None


class Place(NamedTuple):
    """Where something was found."""

    subject: str
    seq: int
    position: int | None


@dataclass
class Rulebook:
    """The tables of transitions the log itself has published, by their hash."""

    tables: dict[str, dict[str, list[tuple[frozenset[str], frozenset[str]]]]] = field(default_factory=dict)
    waiting: list[tuple[Step, Place]] = field(default_factory=list)
    first: int | None = None
    """The position of the first table: what a log recorded before it published any cannot be judged by it."""

    def publish(self, told: dict[str, Any], position: int | None) -> bool:
        """Takes a table in; False where it is not the one its hash names."""
        try:
            table, events, name = told["table"], told["events"], told["hash"]
            if sha256(canonical_json(table).encode()).hexdigest() != name:
                return False
            rows: dict[str, list[tuple[frozenset[str], frozenset[str]]]] = {}
            for row in table:
                rows.setdefault(events[row["action"]], []).append((frozenset(row["from"]), frozenset(row["to"])))
        except (KeyError, TypeError):
            return False
        self.tables[name] = rows
        self.first = position if self.first is None else self.first
        return True

    def judge(self, step: Step, place: Place) -> Finding | None:
        """What is wrong with a step; a table may be published later in the file, then it is judged by `settle`."""
        if step.kind != ITEM_KIND:
            return None if step.rules == ZEROS else _illegal(step, place, f"rules {ZEROS}")
        table = self.tables.get(step.rules)
        if table is None:
            self.waiting.append((step, place))
            return None
        return _judge_item(step, place, table)

    def settle(self, found: Findings) -> None:
        """Judges what came before its table."""
        for step, place in self.waiting:
            table = self.tables.get(step.rules)
            if table is None:
                if not self._before_any(place):
                    found.add(Finding("rules_unknown", *place, "a published table of transitions", step.rules))
            elif (finding := _judge_item(step, place, table)) is not None:
                found.add(finding)
        self.waiting.clear()

    def _before_any(self, place: Place) -> bool:
        return self.first is not None and place.position is not None and place.position < self.first


def _judge_item(
    step: Step, place: Place, table: dict[str, list[tuple[frozenset[str], frozenset[str]]]]
) -> Finding | None:
    rows = table.get(step.type)
    if place.seq == 1:
        born = BORN.get(step.type)
        legal = rows is None and step.before is None and step.after is not None and born in {None, step.after}
        return None if legal else _illegal(step, place, f"null -> {born or 'a state'}")
    if rows is None:
        return None if step.before == step.after else _illegal(step, place, "no change of state")
    if any(_allows(step, sources, targets) for sources, targets in rows):
        return None
    return _illegal(step, place, " | ".join(f"{sorted(sources)} -> {sorted(targets)}" for sources, targets in rows))


def _allows(step: Step, sources: frozenset[str], targets: frozenset[str]) -> bool:
    # An action that may start and end in the same several states is one that stays where it is.
    stays = sources == targets and len(sources) > 1
    return step.before in sources and step.after in targets and (not stays or step.before == step.after)


def _illegal(step: Step, place: Place, expected: str) -> Finding:
    return Finding("transition_illegal", *place, expected, f"{step.type}: {step.before} -> {step.after}")
