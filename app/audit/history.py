"""One item as its events tell it, step by step: what the tables beside the history are held against.

Nothing here raises for what a forger left behind: what cannot be read is not known, and the verifier says so.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from app.core.db import Row
from app.lifecycle.create import blank
from app.lifecycle.told import IN_THE_BODY, WORDS
from app.trail.export import told
from app.trail.fold import SET
from app.trail.redact import PLACEHOLDER
from app.trail.rows import ROWS

EVENTS: Final = """
SELECT e.subject_id AS item_id, e.seq, e.at, e.type, e.body, d.fields, d.said FROM event e
LEFT JOIN LATERAL (
  SELECT array_agg(field) AS fields, array_agg(value) AS said FROM event_disclosure WHERE event_id = e.id
) AS d ON TRUE
WHERE e.subject_kind = 'item' ORDER BY e.subject_id, e.seq
"""
PEOPLE: Final = "SELECT item_id, id, person_id FROM measure ORDER BY item_id"
DELETED: Final = "item.draft_deleted"
REPORTED: Final = "item.completion_reported"
REDACTED: Final = "item.redacted"
_FIRST: Final = {
    name: told(value) for name, value in blank(datetime(2000, 1, 1, tzinfo=UTC)).items() if name not in IN_THE_BODY
}
_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_ABOUT_ROWS: Final = frozenset({ROWS, SET, "evidence"})

Place = tuple[str, str]
"""A row beside the item: its table and what tells it from the others there."""


@dataclass(frozen=True, slots=True)
class Step:
    """What was after one event; a column that is not in `row` is not known."""

    seq: int
    at: str
    type: str
    state: str | None
    row: Mapping[str, Any]
    persons: frozenset[str] | None
    mentions: frozenset[str]
    titled: bool


@dataclass(slots=True)
class History:
    """The steps of one item; for each row beside it the last event that told it and was no redaction (False: that it went)."""

    item_id: UUID
    steps: list[Step] = field(default_factory=list)
    rows: dict[Place, tuple[int, bool]] = field(default_factory=dict)
    codes_from: int | None = None
    """The first event that told columns: before it there was no past to be kept."""
    born: dict[Place, str] = field(default_factory=dict)
    outcomes: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    whole: bool = False
    """Told from the first event on; items from before events told the row are known from later on only."""

    @property
    def deleted_at(self) -> str | None:
        return next((step.at for step in self.steps if step.type == DELETED), None)

    @property
    def lived(self) -> list[Step]:
        """The steps that left a version of the item behind."""
        gone = next((place for place, step in enumerate(self.steps) if step.type == DELETED), None)
        return self.steps[:gone]


def history_of(item_id: UUID, events: Sequence[Row], people: Mapping[str, Any]) -> History:
    """`people` is who the item's measures name today: what a redacted event told of one, its row still shows."""
    made = History(item_id)
    reading = _Reading(people, _renamed(events))
    for event in events:
        fields = _fields(event)
        body = _object(event["body"])
        if not made.steps:
            made.whole = event["seq"] == 1 and SET in fields
            reading.row = dict(_FIRST) if made.whole else {}
        if made.codes_from is None and SET in fields:
            made.codes_from = event["seq"]
        undisclosed = frozenset(_object(body.get("pay"))) - fields.keys()
        reading.apply(event["type"], fields, undisclosed)
        for table, key, digest in _told_rows(fields):
            mark = made.rows.get((table, key), (event["seq"], True))[0] if event["type"] == REDACTED else event["seq"]
            made.rows[table, key] = (mark, digest is not None)
            made.born.setdefault((table, key), told(event["at"]))
        outcome = _object(fields.get("outcome"))
        if "id" in outcome:
            made.outcomes[str(outcome["id"])] = outcome
        state = body.get("to")
        step = Step(event["seq"], told(event["at"]), event["type"], state, dict(reading.row), reading.persons(),
                    frozenset(_mentions(fields)), "title" in fields or "title" in undisclosed)  # fmt: skip
        made.steps.append(step)
    return made


@dataclass(slots=True)
class _Reading:
    """What is known so far; `blurred` once something that names people can no longer be read.

    Redacting the words of a measure takes along whom the event named: that is known from the row, unless an event that
    can be read has put somebody else there since (`renamed`).
    """

    people: Mapping[str, Any]
    renamed: frozenset[str]
    row: dict[str, Any] = field(default_factory=dict)
    measures: dict[str, list[Any]] = field(default_factory=dict)
    blurred: bool = False

    def apply(self, event: str, fields: Mapping[str, Any], undisclosed: frozenset[str]) -> None:
        for name in undisclosed & WORDS:
            self.row[name] = PLACEHOLDER
        self.row |= {name: fields[name] for name in WORDS & fields.keys()} | _object(fields.get(SET))
        self.blurred |= bool(undisclosed & {SET, ROWS})
        if undisclosed & {"measure", "measures"}:
            self._unread(fields)
        measure = _object(fields.get("measure"))
        if "id" in measure:
            self._measure(event, str(measure["id"]), measure)
        self._planned(fields)

    def _measure(self, event: str, key: str, measure: Mapping[str, Any]) -> None:
        if event.endswith("_removed"):
            self.measures.pop(key, None)
        elif key not in self.measures:
            self.measures[key] = [measure.get("person_id"), self.row.get("cycle")]
        elif "person_id" in measure:
            self.measures[key][0] = measure["person_id"]

    def _unread(self, fields: Mapping[str, Any]) -> None:
        """A measure told in words that are gone; its id and that it was removed stand among the rows."""
        for table, key, digest in _told_rows(fields):
            if table != "measure":
                continue
            before = self.measures.pop(key, None)
            if digest is not None:
                certain = key in self.people and key not in self.renamed
                person = self.people[key] if certain else _UNREADABLE
                cycle = self.row.get("cycle") if before is None else before[1]
                self.measures[key] = [person, cycle]

    def _planned(self, fields: Mapping[str, Any]) -> None:
        """Measures that came along with a transition are told as they were asked for, and their ids as rows."""
        planned = fields.get("measures")
        if not isinstance(planned, list):
            return
        made = [key for table, key, _ in _told_rows(fields) if table == "measure" and key not in self.measures]
        for key, measure in zip(made, planned, strict=False):
            self.measures[key] = [_object(measure).get("person_id"), self.row.get("cycle")]

    def persons(self) -> frozenset[str] | None:
        """Everyone the item names, its measures of this cycle included; None where that is not known."""
        columns = ("finder_person_id", "responsible_person_id", "liaison_id", "accountable_leader_ids", "cycle")
        leaders = self.row.get("accountable_leader_ids")
        if self.blurred or not all(name in self.row for name in columns) or not isinstance(leaders, list):
            return None
        # A list, since a forger's value need not be one that a set can hold.
        named = [*(self.row[name] for name in columns[:3]), *leaders]
        named += [person for person, cycle in self.measures.values() if cycle == self.row["cycle"]]
        if any(person is _UNREADABLE for person in named):
            return None
        return frozenset(str(person) for person in named if person is not None)


def _renamed(events: Sequence[Row]) -> frozenset[str]:
    """The measures of which an event that can be read names another person later than it names them first."""
    told_of: Counter[str] = Counter()
    for event in events:
        measure = _object(_fields(event).get("measure"))
        if "person_id" in measure:
            told_of[str(measure.get("id"))] += event["type"].endswith("_changed")
    return frozenset(key for key, times in told_of.items() if times)


def _fields(event: Row) -> dict[str, Any]:
    pairs = zip(event["fields"] or (), event["said"] or (), strict=True)
    return {name: value for name, value in ((name, _parsed(text)) for name, text in pairs) if value is not _UNREADABLE}


_UNREADABLE: Final = object()


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return _UNREADABLE


def _object(value: Any) -> dict[str, Any]:
    found = _parsed(value) if isinstance(value, str) else value
    return found if isinstance(found, dict) else {}


def _told_rows(fields: Mapping[str, Any]) -> Iterable[tuple[str, str, Any]]:
    listed = fields.get(ROWS)
    for entry in listed if isinstance(listed, list) else ():
        if isinstance(entry, list) and len(entry) == 3:  # noqa: PLR2004 - table, key, digest
            yield str(entry[0]), str(entry[1]), entry[2]


def _mentions(fields: Mapping[str, Any]) -> Iterable[str]:
    for name, value in fields.items():
        if name not in _ABOUT_ROWS:
            yield from _ID.findall(json.dumps(value))
