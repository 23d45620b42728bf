"""One row changed behind the service's back: drawn, applied, and known again in what an audit finds."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from app.trail.proof.findings import Finding
from tests.trail.mutants.catalogue import EQUIVALENT, TABLES, Table
from tests.trail.mutants.values import another, retold

COLUMNS = """
SELECT table_name, column_name, is_nullable = 'YES' AS nullable, udt_name FROM information_schema.columns
WHERE table_schema = 'public' AND table_name = ANY($1) AND is_generated = 'NEVER' ORDER BY table_name, ordinal_position
"""
KEYS = """
SELECT c.relname, a.attname FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY(i.indkey) WHERE i.indisprimary AND c.relname = ANY($1)
"""
PLACES = """
SELECT e.id, e.subject_id, e.seq, p.position FROM event e LEFT JOIN log_position p ON p.event_id = e.id
"""


@dataclass(frozen=True)
class Mutant:
    """`owner` is the subject it is tried on; `subjects` and `marks` are what a finding names when it names the place."""

    table: str
    kind: str
    column: str
    said: str
    sql: str
    args: tuple[Any, ...]
    group: str
    owner: str
    subjects: frozenset[str]
    marks: frozenset[str]
    seqs: frozenset[int] = frozenset()
    positions: frozenset[int] = frozenset()

    def detected(self, findings: Iterable[Finding]) -> bool:
        """Whether anything was found where it was done: on its subject, or at its position."""
        return any(self._near(one) for one in findings)

    def named(self, findings: Iterable[Finding]) -> bool:
        """Whether a finding names the very place: the event by its number or position, the row by its table."""
        return any(self._near(one) and self._exact(one) for one in findings)

    def _near(self, one: Finding) -> bool:
        return one.subject in self.subjects or (one.position is not None and one.position in self.positions)

    def _exact(self, one: Finding) -> bool:
        told = f"{one.subject} {one.expected} {one.actual}"
        return (
            one.seq in self.seqs
            or (one.position is not None and one.position in self.positions)
            or any(mark in told for mark in self.marks)
        )


@dataclass
class Ledger:
    """Everything there is to change, read once."""

    rows: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)
    columns: dict[str, dict[str, tuple[bool, str]]] = field(default_factory=dict)
    keys: dict[str, list[str]] = field(default_factory=dict)
    events: dict[Any, tuple[str, int, int | None]] = field(default_factory=dict)

    @classmethod
    async def read(cls, connection: asyncpg.Connection[Any]) -> Ledger:
        found, names = cls(), [table.name for table in TABLES]
        for row in await connection.fetch(COLUMNS, names):
            found.columns.setdefault(row["table_name"], {})[row["column_name"]] = (row["nullable"], row["udt_name"])
        for row in await connection.fetch(KEYS, names):
            found.keys.setdefault(row["relname"], []).append(row["attname"])
        for row in await connection.fetch(PLACES):
            found.events[row["id"]] = (str(row["subject_id"]), row["seq"], row["position"])
        for name in names:
            rows = await connection.fetch(f"SELECT ctid::text AS ctid, * FROM {name}")
            found.rows[name] = [dict(row) for row in rows]
        return found

    def draw(self, rng: random.Random, table: Table) -> Mutant | None:
        """A mutant of a row of the table; None where chance drew one that changes nothing."""
        rows = self.rows[table.name]
        if not rows:
            return None
        row, kind = rng.choice(rows), rng.choices(("update", "delete", "copy", "swap"), (7, 1, 1, 1))[0]
        if kind == "delete":
            if self._equivalent(table, kind, row, row):
                return None
            return self._mutant(
                table, kind, "", [row], f"DELETE FROM {table.name} WHERE ctid = $1::text::tid", (row["ctid"],)
            )
        if kind == "copy":
            return self._copy(rng, table, row)
        column = rng.choice([name for name in self.columns[table.name] if name not in table.fixed])
        if kind == "swap":
            return self._swap(table, column, row, rng.choice(rows))
        return self._update(rng, table, column, row)

    def _update(self, rng: random.Random, table: Table, column: str, row: Mapping[str, Any]) -> Mutant | None:
        nullable, kind = self.columns[table.name][column]
        if kind == "tsvector":
            words = row[column].split(" ")
            value: Any = " ".join(words[1:]) if len(words) > 1 else "'别'"
        elif column in table.texts:
            value = retold(rng, row[column])
        else:
            value = another(rng, row[column], [one[column] for one in self.rows[table.name]], nullable=nullable)
        changed = {**row, column: value}
        if value == row[column] or self._equivalent(table, "update", row, changed):
            return None
        sql = f'UPDATE {table.name} SET "{column}" = $2{_cast(kind)} WHERE ctid = $1::text::tid'
        return self._mutant(table, "update", column, [row, changed], sql, (row["ctid"], value))

    def _equivalent(self, table: Table, kind: str, row: Mapping[str, Any], made: Mapping[str, Any]) -> bool:
        rows = self.rows[table.name]
        return any(one.applies(row, made, rows) for one in EQUIVALENT if (one.table, one.kind) == (table.name, kind))

    def _swap(self, table: Table, column: str, row: Mapping[str, Any], other: Mapping[str, Any]) -> Mutant | None:
        if row[column] == other[column] or column in self.keys[table.name]:
            return None
        sql = (
            f'UPDATE {table.name} t SET "{column}" = o."{column}" FROM {table.name} o WHERE (t.ctid = $1::text::tid AND'
            f" o.ctid = $2::text::tid) OR (t.ctid = $2::text::tid AND o.ctid = $1::text::tid)"
        )
        return self._mutant(table, "swap", column, [row, other], sql, (row["ctid"], other["ctid"]))

    def _copy(self, rng: random.Random, table: Table, row: Mapping[str, Any]) -> Mutant | None:
        """A row like another under a key of its own."""
        column = rng.choice(self.keys[table.name])
        if column in table.fixed:
            return None
        others = [one[column] for one in self.rows[table.name]]
        value = another(rng, row[column], others, nullable=False)
        made = {**row, column: value}
        names = list(self.columns[table.name])
        holes = ", ".join(f"${place}{_cast(self.columns[table.name][name][1])}" for place, name in enumerate(names, 1))
        listed = ", ".join(f'"{name}"' for name in names)
        sql = f"INSERT INTO {table.name} ({listed}) VALUES ({holes})"
        return self._mutant(table, "copy", column, [made], sql, tuple(made[name] for name in names))

    def _mutant(
        self, table: Table, kind: str, column: str, rows: Sequence[Mapping[str, Any]], sql: str, args: tuple[Any, ...]
    ) -> Mutant:  # fmt: skip
        subjects, seqs, positions, marks = set(), set(), set(), {table.name}
        for row in rows:
            owner = row[table.owner]
            subjects.add(str(owner))
            place = self.events.get(row["id"] if table.name == "event" else owner)
            if place is not None and table.group == "events":
                subjects.add(place[0])
                seqs |= {place[1], place[1] + 1}
                positions |= {place[2], place[2] + 1} if place[2] else set()
            if table.name == "event":
                seqs |= {row["seq"], row["seq"] + 1}
            if table.name == "log_position":
                positions |= {row["position"], row["position"] + 1}
            if table.name == "checkpoint":
                positions.add(row["size"])
            if table.name in {"trail_key", "trail_subject"}:
                marks |= {str(row["id"]), str(row.get("vkey"))}
            if table.name in {"log_tile", "log_edge", "log_state"}:
                index = f"/{row['index']}" if "index" in row else ""
                subjects.add("log_state" if table.name == "log_state" else f"{table.name} {row['level']}{index}")
            if table.name == "item":
                marks |= set(self.columns["item"]) if kind != "update" else {column}
        said = f"{table.name}.{column} {kind} {args!r}"[:400]
        owner = str(rows[0][table.owner])
        group_owner = self.events.get(rows[0][table.owner], (owner,))[0] if table.group == "events" else owner
        return Mutant(table.name, kind, column, said, sql, args, table.group, group_owner, frozenset(subjects),
                      frozenset(marks), frozenset(seqs), frozenset(positions))  # fmt: skip


def _cast(kind: str) -> str:
    return "::text::tsvector" if kind == "tsvector" else ""
