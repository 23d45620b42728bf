"""Which rows are changed, how each is known again, and which changes say nothing another and are left out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from app.trail.rows import COVERED

Row = Mapping[str, Any]
BESIDE, EVENTS, LOG = "beside", "events", "log"
"""Groups: mutants of one group are tried together, each on a subject of its own, so that none can hide another."""


class Equivalent(NamedTuple):
    """A change that leaves the ledger's memory as good as it was, and why; `made` is the row after it, if any."""

    table: str
    kind: str
    why: str
    applies: Callable[[Row, Row, Sequence[Row]], bool]


def _largest(rows: Sequence[Row]) -> int:
    return max(int(one["size"]) for one in rows)


EQUIVALENT = (
    Equivalent(
        "checkpoint", "delete",
        "an older checkpoint takes nothing of the history along: the newer ones cover all it covered, and whoever kept its "
        "note learns that it is missing (tests/trail/test_attackers.py)",
        lambda row, _, rows: row["size"] < _largest(rows),
    ),
    Equivalent(
        "checkpoint", "update",
        "the newest checkpoint without its note is what it is between the commit and the signature: it is signed again with "
        "the same bytes, and after a minute its events are overdue",
        lambda row, made, rows: made["note"] is None and row["size"] == _largest(rows),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Table:
    """`owner` is the column that names the subject; `texts` hold canonical JSON; `fixed` columns are left alone, with why."""

    name: str
    group: str
    owner: str
    texts: tuple[str, ...] = ()
    fixed: Mapping[str, str] = field(default_factory=dict)


TABLES = (
    Table("event", EVENTS, "subject_id"),
    Table("event_disclosure", EVENTS, "event_id", texts=("value",)),
    Table("log_position", EVENTS, "event_id"),
    Table("log_pending", EVENTS, "event_id"),
    Table("log_state", LOG, "id", fixed={"id": "a check constraint lets it hold one value alone"}),
    Table("log_tile", LOG, "level"),
    Table("log_edge", LOG, "level"),
    Table("checkpoint", LOG, "size"),
    Table("trail_key", LOG, "id"),
    Table("trail_subject", LOG, "id"),
    Table("redaction", BESIDE, "id"),
    Table("redacted_field", BESIDE, "item_id"),
    Table("snapshot", BESIDE, "id", texts=("content", "definitions")),
    Table("item_version", BESIDE, "item_id"),
    Table("item_text", BESIDE, "item_id"),
    Table("item_unit_span", BESIDE, "item_id"),
    Table("item_person_span", BESIDE, "item_id"),
    Table("item_gone", BESIDE, "item_id"),
    Table("outcome_gone", BESIDE, "item_id"),
    Table("item", BESIDE, "id"),
    Table("item_unit", BESIDE, "item_id"),
    Table("item_person", BESIDE, "item_id"),
    Table("item_mover", BESIDE, "item_id"),
    Table(
        "item_origin",
        BESIDE,
        "from_item_id",
        fixed={
            "id": "an id nothing refers to",
            "item_id": "where it has moved on to follows from merges of others",
            "created_at": "the time is that of the event, and nothing reads this one",
        },
    ),
    Table("item_search", BESIDE, "item_id"),
    *(Table(str(table.__tablename__), BESIDE, "item_id") for table in COVERED),
)
"""Every table of the trail, of the past, of frozen figures, and of items and their children. Left out: `lease`, which says
who does a job for the next seconds, and what is not the ledger's memory (idempotency replies, counters of numbers)."""
