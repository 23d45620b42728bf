"""What is kept of what was removed: whose a deleted draft was, and outcomes that figures of their days still count."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Final

from app.audit.findings import finding
from app.audit.grouped import Grouped
from app.audit.history import History
from app.core.db import Snapshot
from app.trail.export import plain
from app.trail.proof.findings import Finding

ITEMS: Final = "SELECT item_id, finder_person_id, finder_unit_id FROM item_gone ORDER BY item_id"
OUTCOMES: Final = "SELECT * FROM outcome_gone ORDER BY item_id"
_OWNERS: Final = ("finder_person_id", "finder_unit_id")
_COUNTED: Final = ("kind", "amount_fen", "quantity")


class Gone:
    """The two tables, read along with the histories."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._items = Grouped(snapshot, ITEMS)
        self._outcomes = Grouped(snapshot, OUTCOMES)

    async def check(self, history: History) -> AsyncIterator[Finding]:
        items = [plain(row) for row in await self._items.of(history.item_id)]
        outcomes = {row["id"]: row for row in map(plain, await self._outcomes.of(history.item_id))}
        for found in (_item(history, items[0] if items else None), _outcomes(history, outcomes)):
            for one in found:
                yield one

    async def rest(self) -> AsyncIterator[Finding]:
        for name, table in (("item_gone", self._items), ("outcome_gone", self._outcomes)):
            for row in await table.rest():
                yield finding("past_mismatch", row["item_id"], None, f"{name}: an item without events")


def _item(history: History, row: Mapping[str, Any] | None) -> Iterator[Finding]:
    deleted = history.deleted_at is not None
    if row is None or not deleted:
        # Drafts deleted before events told whole rows left nothing of themselves.
        if (row is not None) != deleted and (row is not None or history.whole):
            yield finding("past_mismatch", history.item_id, deleted and "item_gone", row and "item_gone")
        return
    last = history.lived[-1].row
    for name in _OWNERS:
        if name in last and row[name] != last[name]:
            yield finding("past_mismatch", history.item_id, f"item_gone.{name}={last[name]}", row[name])


def _outcomes(history: History, rows: Mapping[str, Mapping[str, Any]]) -> Iterator[Finding]:
    at = {step.seq: step.at for step in history.steps}
    due = {key: seq for (table, key), (seq, there) in history.rows.items() if table == "outcome" and not there}
    for key in sorted(rows.keys() - due.keys()):
        yield finding("past_mismatch", history.item_id, None, f"outcome_gone {key}")
    for key, seq in due.items():
        row = rows.get(key)
        if row is None:
            yield finding("past_mismatch", history.item_id, f"outcome_gone {key}", None, seq)
            continue
        told = history.outcomes.get(key, {})
        expected = {name: told[name] for name in _COUNTED if name in told}
        expected |= {"created_at": history.born["outcome", key], "gone_at": at[seq]}
        for name, value in expected.items():
            if row[name] != value:
                yield finding("past_mismatch", history.item_id, f"outcome_gone.{name}={value}", row[name], seq)
