"""What is kept beside an item because it is asked for often, and the marks of its rows: all of it follows from the rest."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any, Final

from app.audit.findings import finding
from app.audit.grouped import Grouped
from app.audit.history import REPORTED, History
from app.core.db import Snapshot
from app.core.text import fold, search_tokens
from app.trail.export import plain
from app.trail.proof.findings import Finding
from app.trail.rows import COVERED, key_columns, row_key

UNITS: Final = """
WITH due AS (
  SELECT id AS item_id, unit_id, part FROM item, LATERAL (
    VALUES (lead_unit_id, 'lead'), (responsible_unit_id, 'responsible'), (coalesce(source_unit_id, finder_unit_id), 'source')
  ) AS v(unit_id, part) WHERE unit_id IS NOT NULL
  UNION SELECT id, unnest(cooperating_unit_ids), 'cooperating' FROM item
), held AS (SELECT item_id, unit_id, part FROM item_unit)
SELECT item_id, unit_id || ' ' || part AS who, TRUE AS missing FROM (TABLE due EXCEPT TABLE held) m
UNION ALL SELECT item_id, unit_id || ' ' || part, FALSE FROM (TABLE held EXCEPT TABLE due) e
"""
PERSONS: Final = """
WITH due AS (
  SELECT item_id, person_id FROM (
    SELECT id AS item_id, unnest(accountable_leader_ids || ARRAY[finder_person_id, responsible_person_id, liaison_id])
      AS person_id FROM item
    UNION SELECT m.item_id, m.person_id FROM measure m JOIN item i ON i.id = m.item_id AND i.cycle = m.cycle
  ) a WHERE person_id IS NOT NULL
), held AS (SELECT item_id, person_id FROM item_person)
SELECT item_id, person_id::text AS who, TRUE AS missing FROM (TABLE due EXCEPT TABLE held) m
UNION ALL SELECT item_id, person_id::text, FALSE FROM (TABLE held EXCEPT TABLE due) e
"""
MOVERS: Final = """
WITH due AS (
  SELECT i.id AS item_id, m ->> 'role' AS role, m ->> 'unit_id' AS unit_id
  FROM item i, jsonb_array_elements(CASE jsonb_typeof(i.movers) WHEN 'array' THEN i.movers ELSE '[]' END) AS m
), held AS (SELECT item_id, role::text, unit_id::text FROM item_mover)
SELECT item_id, role || ' ' || unit_id AS who, TRUE AS missing FROM (TABLE due EXCEPT TABLE held) m
UNION ALL SELECT item_id, role || ' ' || unit_id, FALSE FROM (TABLE held EXCEPT TABLE due) e
"""
BESIDE: Final = {"item_unit": UNITS, "item_person": PERSONS, "item_mover": MOVERS}
SEARCH: Final = """
SELECT coalesce(i.id, s.item_id) AS item_id, i.id IS NULL AS stray, i.number, i.title, i.description, s.folded,
  tsvector_to_array(s.tokens) AS tokens
FROM item i FULL JOIN item_search s ON s.item_id = i.id
"""
# An item that was merged is on its way to nowhere else: what it said of its source is what its origin says.
ORIGINS: Final = """
SELECT coalesce(o.from_item_id, g.id) AS item_id, coalesce(o.id::text, 'none') AS who
FROM item_origin o FULL JOIN (SELECT * FROM item WHERE state = 'merged') g ON g.id = o.from_item_id
WHERE o.id IS NULL OR g.id IS NULL OR (o.source_type, o.document, o.document_no, o.quote, o.source_unit_id)
  IS DISTINCT FROM (g.source_type, g.source_document, g.source_document_no, g.source_quote, g.source_unit_id)
"""


async def beside(snapshot: Snapshot) -> AsyncIterator[Finding]:
    """Units, people, movers and origins as the rows of items make them."""
    for table, sql in BESIDE.items():
        async for row in snapshot.stream(sql):
            place = f"{table} {row['who']}"
            pair = (place, None) if row["missing"] else (None, place)
            yield finding("beside_mismatch", row["item_id"], *pair)
    async for row in snapshot.stream(ORIGINS):
        yield finding("beside_mismatch", row["item_id"], "item_origin as its item says", f"item_origin {row['who']}")


async def search(snapshot: Snapshot) -> AsyncIterator[Finding]:
    """What an item is found by is its number and its text."""
    async for row in snapshot.stream(SEARCH):
        if row["stray"]:
            yield finding("beside_mismatch", row["item_id"], None, "item_search of no item")
            continue
        text = " ".join(filter(None, (row["number"], row["title"], row["description"])))
        tokens, folded = set(search_tokens(text)), fold(text)
        if row["folded"] != folded:
            yield finding("beside_mismatch", row["item_id"], f"item_search.folded={folded}", row["folded"])
        if set(row["tokens"] or ()) != tokens:
            yield finding("beside_mismatch", row["item_id"], "item_search.tokens of its text", "item_search.tokens")


class Marks:
    """`changed_seq` of every row that events bind, and `cited` of evidence."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._tables = [(table, Grouped(snapshot, _marks(table))) for table in COVERED]

    async def check(self, history: History) -> AsyncIterator[Finding]:
        for table, grouped in self._tables:
            name = str(table.__tablename__)
            rows = [plain(row) for row in await grouped.of(history.item_id)]
            cited = _cited(history, rows) if name == "evidence" else {}
            for row in rows:
                for found in _mark(history, name, row_key(table, row), row, cited):
                    yield found

    async def rest(self) -> AsyncIterator[Finding]:
        """Rows of no item: the verifier misses the event that told them."""
        for table, grouped in self._tables:
            for row in await grouped.rest():
                yield finding("child_mark_mismatch", row["item_id"], None, f"{table.__tablename__}: no events")


def _marks(table: Any) -> str:
    more = ["changed_seq", *(("cycle", "target_kind", "cited") if table.__tablename__ == "evidence" else ())]
    names = ", ".join(dict.fromkeys(("item_id", *key_columns(table), *more)))
    return f"SELECT {names} FROM {table.__tablename__} ORDER BY item_id"  # noqa: S608 - a table of ours


def _mark(
    history: History, table: str, key: str, row: Mapping[str, Any], cited: Mapping[str, int]
) -> Iterator[Finding]:
    told, _ = history.rows.get((table, key), (None, True))
    if told is None:
        return
    due = max(told, cited.get(key, 0))
    if row["changed_seq"] != due:
        place = f"{table} {key} changed_seq"
        yield finding("child_mark_mismatch", history.item_id, f"{place}={due}", f"{place}={row['changed_seq']}", due)
    if "cited" in row and row["cited"] != (key in cited):
        place = f"{table} {key} cited"
        yield finding("child_mark_mismatch", history.item_id, f"{place}={key in cited}", f"{place}={row['cited']}", due)


def _cited(history: History, rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Which evidence something cites, and since which event: what a report finds shown for a criterion, it cites."""
    found: dict[str, int] = {}
    for row in rows:
        key = str(row["id"])
        for step in history.steps:
            reported = (
                step.type == REPORTED
                and row["target_kind"] == "criterion"
                and row["cycle"] == step.row.get("cycle")
                and history.rows.get(("evidence", key), (0, True))[0] < step.seq
            )
            if reported or key in step.mentions:
                found[key] = step.seq
                break
    return found
