"""The row of an item as the sum of its events, and the rows beside it by the digests that events tell."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from sys import intern
from typing import Any

from app.trail.proof.canon import canonical_json
from app.trail.proof.chains import Link

CODES_TOLD = "set"
ROWS_TOLD = "rows"
ASKED_FOR = "deadline"
"""A field of older events that says what was asked for, which is not what the column of that name holds."""
TOLD_WORDS = frozenset({
    "title", "description", "source_document", "source_document_no", "source_quote", "source_path", "source_fields",
    "external_system", "external_id", "major_basis", "goal", "root_cause", "remarks", "deadline", "progress_latest",
})  # fmt: skip
"""Columns each told in a field of its own, so that each can be redacted."""
REDACTED = "〔已脱敏 redacted〕"
NOT_DIGESTED = frozenset({"changed_seq", "cited"})
FAR_OFF = {"registered_sort": "9999-12-31T00:00:00.000000Z", "due_sort": "9999-12-30"}
BLANK: dict[str, Any] = FAR_OFF | {
    "entered_seq": 1, "cycle": 1, "source_path": [], "source_fields": {}, "cooperating_unit_ids": [],
    "accountable_leader_ids": [], "former_holder_ids": [], "measures_total": 0, "measures_done": 0, "criteria_total": 0,
    "progress_percent": 0, "plan_version": 0, "submission_no": 0, "chain": [], "chain_step": 0, "closing_round": 0,
    "decline_count": 0, "supervision_level": "normal", "closed_offline": False, "gate_problem_solved": "pending",
    "gate_rectification_adequate": "pending", "gate_people_satisfied": "pending", "number": None, "external_system": None,
    "external_id": None, "description": None, "source_document": None, "source_document_no": None, "source_quote": None,
    "source_unit_id": None, "category": None, "severity": None, "major_kind": None, "major_basis": None, "found_on": None,
    "registered_at": None, "cycle_started_at": None, "responsible_unit_id": None, "lead_unit_id": None,
    "responsible_person_id": None, "liaison_id": None, "mode": None, "deadline": None, "due_on": None,
    "original_due_on": None, "assigned_at": None, "assigned_on": None, "acknowledged_at": None, "blue_from": None,
    "yellow_from": None, "red_from": None, "goal": None, "root_cause": None, "remarks": None, "progress_latest": None,
    "policy_version": None, "effective_at": None, "notice_started_on": None, "notice_ends_on": None,
    "next_review_on": None, "next_look_back_on": None, "completed_at": None, "closed_at": None, "disposition": None,
    "merged_into_id": None, "split_from_id": None, "finder_person_id": None,
}  # fmt: skip
"""What a column holds before an event tells of it; a column that is not here is compared once it was told."""


@dataclass(slots=True)
class Folded:
    """What the events of one item have told so far: names, codes and ids are held once for all items.

    `whole` is whether nothing was left unsaid: older events told less, and a recipient may be given less.
    """

    whole: bool = True
    columns: dict[str, Any] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    rows: dict[tuple[str, str], str | None] = field(default_factory=dict)
    rows_whole: bool = True
    created_at: str = ""
    codes: bool = False
    """Whether an event has told columns yet: before the first one, fields say what was asked for."""

    def begin(self, at: str, fields: Iterable[str]) -> None:
        """Takes the time of the first event, and from its fields whether it is of the kind that tells everything."""
        self.created_at = at
        self.whole = self.rows_whole = CODES_TOLD in fields

    def tell(self, told: Mapping[str, Any], unsaid: Iterable[str]) -> None:
        """Takes in the fields of an event, and the names of those that are not there any more."""
        for name in unsaid:
            self._leave_unsaid(name)
        codes = told.get(CODES_TOLD)
        if isinstance(codes, dict):
            for name, value in codes.items():
                self.columns[intern(name)] = intern(value) if type(value) is str else value
            self.codes = True
        for name in TOLD_WORDS & told.keys():
            if self.codes or name != ASKED_FOR:
                self.columns[name] = told[name]
                self.unknown.discard(name)
        for entry in told.get(ROWS_TOLD, ()):
            table, key, digest = entry
            self.rows[intern(table), key] = digest

    def _leave_unsaid(self, name: str) -> None:
        if name in TOLD_WORDS:
            self.columns.pop(name, None)
            self.unknown.add(name)
        elif name == CODES_TOLD:
            self.whole = False
            self.columns = {known: value for known, value in self.columns.items() if known in TOLD_WORDS}
        elif name == ROWS_TOLD:
            self.rows_whole = False

    def differences(self, row: Mapping[str, Any], head: Link) -> Iterator[tuple[str, Any, Any]]:
        """Columns that are not what the history says: name, expected, actual."""
        body = {
            "version": head.seq, "head_hash": head.hash, "state": head.state, "created_at": self.created_at,
            "updated_at": head.at,
        }  # fmt: skip
        untold = BLANK if self.whole else {}
        expected = {**{name: value for name, value in untold.items() if name in row}, **self.columns, **body}
        for name, value in expected.items():
            if name in self.unknown:
                continue
            if name not in row or row[name] != value or type(row[name]) is not type(value):
                yield name, value, row.get(name)
        for name in self.unknown & row.keys():
            if not blanked(row[name]):
                yield name, REDACTED, row[name]


def blanked(value: Any) -> bool:
    """Whether a value shows that words were taken out of it, or has none."""
    return value in (None, "", [], {}) or REDACTED in canonical_json(value)


def row_digest_of(row: Mapping[str, Any]) -> str:
    """The digest events tell of a row beside an item."""
    content = {name: value for name, value in row.items() if name not in NOT_DIGESTED}
    return sha256(canonical_json(content).encode()).hexdigest()


def bears(row: Mapping[str, Any], key: str) -> bool:
    """Whether a row can be the one of that key: each part of it is a value of the row."""
    values = {str(value) for value in row.values()}
    return all(part in values for part in key.split("/"))
