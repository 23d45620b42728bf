"""What of history is hidden, and from whom: pure, so that it can be read as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

SAFE_FIELDS: Final = frozenset({
    "number", "cycle", "step", "plan_version", "submission_no", "ledger_id", "source_type", "category",
    "severity", "confidentiality", "mode", "deadline", "accountable_leader_ids", "lead_unit_id",
    "responsible_unit_id", "cooperating_unit_ids", "declared_true", "to_state", "gates", "disposition",
    "result", "reason_code", "redo_by", "next_review_on", "target_id", "rehome_to_id", "child_ids",
    "from_item_ids", "from_numbers", "split_from_id", "redacted", "basis", "redaction_id",
})  # fmt: skip
"""Codes, counters, dates and units: all that a restricted item tells those who may not read its text.

Everything else is hidden, also what nobody has thought of yet: text, names of people, evidence.
"""

SURVEYS: Final = frozenset({"ballot_paper", "return_visit"})
SURVEY_REASONS: Final = frozenset({"findings"})
RETURN_VISIT: Final = "return_visit"
SEALED_FIELDS: Final = SURVEYS | {"contact"}
"""How single people answered and how an objector is reached: history tells nobody.

Whoever may know reads it at the gate or the objection itself; the reasons of a survey's verdict would give it away.
"""

GUESSABLE: Final = frozenset({"survey", "objection"})
"""Tables whose rows hold what is sealed and little else: their unsalted digests would let it be guessed."""


def _of_survey(evidence: object) -> bool:
    """A file shown for a survey may be the record of visits, whose very name tells of people."""
    return isinstance(evidence, Mapping) and evidence.get("target_kind") == "survey"


def _guessable(rows: object) -> bool:
    return isinstance(rows, list) and any(entry[0] in GUESSABLE for entry in rows)


def hide(fields: Mapping[str, Any], *, restricted: bool) -> tuple[dict[str, Any], list[str]]:
    """The fields with null for what is hidden, and the names of those; `restricted` leaves only the safe ones."""
    sealed = SEALED_FIELDS | SURVEY_REASONS if fields.keys() & SURVEYS else SEALED_FIELDS
    if RETURN_VISIT in fields:
        sealed |= {"comment"}
    if _of_survey(fields.get("evidence")):
        sealed |= {"evidence"}
    if _guessable(fields.get("rows")):
        sealed |= {"rows"}
    hidden = sorted(
        name
        for name, value in fields.items()
        if value is not None and (name in sealed or (restricted and name not in SAFE_FIELDS))
    )
    return {name: None if name in hidden else value for name, value in fields.items()}, hidden


class Sealing:
    """What a bundle leaves out for everybody, as history does: how single people answered, how an objector is reached."""

    def fields(self, said: Mapping[str, Any]) -> Sequence[str]:
        return hide(said, restricted=False)[1]

    def row(self, table: str, row: Mapping[str, Any]) -> bool:
        return (
            table in GUESSABLE
            or (table == "gate_result" and row["gate"] == "people_satisfied")
            or (table == "evidence" and _of_survey(row))
        )
