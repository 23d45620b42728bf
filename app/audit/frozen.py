"""Frozen figures held against the event that told them, and the checkpoint they name against the log."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Final

from app.audit.findings import finding
from app.core.db import Snapshot
from app.tables.snapshot import Snapshot as Frozen
from app.trail.canonical import canonical
from app.trail.export import plain
from app.trail.proof.findings import Finding

_TEXTS: Final = ("content", "definitions")
_COLUMNS: Final = tuple(name for name in Frozen.__table__.columns.keys() if name not in _TEXTS)  # type: ignore[attr-defined]  # noqa: SIM118
# Texts are hashed where they lie: a bulletin is large, and hundreds of them are read at once.
# Who acted is an account or a key; a snapshot names the person.
FROZEN: Final = f"""
SELECT coalesce(s.id, e.subject_id) AS subject, s.id IS NOT NULL AS held, e.id IS NOT NULL AS told,
  {", ".join(f"s.{name}" for name in _COLUMNS)},
  {", ".join(f"encode(sha256(convert_to(s.{name}, 'UTF8')), 'hex') AS {name}_made" for name in _TEXTS)},
  encode(c.root, 'hex') AS root, e.seq, e.at, coalesce(a.person_id, k.person_id) AS person_id, d.fields, d.said
FROM snapshot s FULL JOIN (SELECT * FROM event WHERE subject_kind = 'snapshot') e ON e.subject_id = s.id
LEFT JOIN checkpoint c ON c.size = s.checkpoint_size
LEFT JOIN account a ON a.id = e.actor_id LEFT JOIN api_key k ON k.id = e.actor_id
LEFT JOIN LATERAL (
  SELECT array_agg(field) AS fields, array_agg(value) AS said FROM event_disclosure WHERE event_id = e.id
) AS d ON TRUE ORDER BY 1
"""  # noqa: S608 - columns of our table


async def frozen(snapshot: Snapshot) -> AsyncIterator[Finding]:
    async for row in snapshot.stream(FROZEN):
        if not (row["held"] and row["told"]):
            expected, actual = (None, "snapshot: no event") if row["held"] else ("snapshot", None)
            yield finding("frozen_mismatch", row["subject"], expected, actual, row["seq"])
            continue
        held = plain(row)
        for one in _differences(held, dict(zip(row["fields"] or (), row["said"] or (), strict=True))):
            yield one


def _differences(held: Mapping[str, Any], told: Mapping[str, str]) -> Iterator[Finding]:
    """`told` are canonical texts, as the event discloses them."""
    due = {name: told[name] for name in _COLUMNS if name in told}
    due |= {"made_at": canonical(held["at"]), "made_by": canonical(held["person_id"])}
    for name, expected in due.items():
        if canonical(held[name]) != expected:
            yield _finding(held, f"snapshot.{name}={expected}", f"snapshot.{name}={held[name]}")
    for name in _TEXTS:
        expected, actual = held[f"{name}_hash"], held[f"{name}_made"]
        if actual != expected:
            yield _finding(held, f"snapshot.{name} of sha256 {expected}", f"sha256 {actual}")
    if held["checkpoint_size"] is not None and held["root"] != held["checkpoint_root"]:
        expected, actual = held["checkpoint_root"], held["root"]
        yield _finding(held, f"checkpoint {held['checkpoint_size']} of snapshot.checkpoint_root {expected}", actual)


def _finding(held: Mapping[str, Any], expected: str, actual: str | None) -> Finding:
    return finding("frozen_mismatch", held["subject"], expected, actual, held["seq"])
