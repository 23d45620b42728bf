"""Requests for redaction and what carrying one out removes; who may ask and who decides is settled before."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Protocol
from uuid import UUID

from app.core.db import Database, Reader, Row, Tx
from app.tables.trail import RedactedField, Redaction
from app.trail.envelope import Head
from app.trail.redact import CHILDREN, PLACEHOLDER, TABLES, Kept, Material, Plan, Told
from app.trail.rows import row_key

COLUMNS: Final = """r.id, r.item_id, r.status, r.basis, r.places, r.requested_by, a.name AS requested_by_name, r.requested_at,
  r.decided_by, d.name AS decided_by_name, r.decided_at, r.version"""
FROM: Final = """FROM redaction r LEFT JOIN person a ON a.id = r.requested_by LEFT JOIN person d ON d.id = r.decided_by
  WHERE ($1::uuid IS NULL OR r.item_id = $1) AND ($2::text IS NULL OR r.status = $2)"""
ONE: Final = f"SELECT {COLUMNS} {FROM} AND r.id = $3"
LOCK: Final = "SELECT * FROM redaction WHERE id = $1 FOR UPDATE"
DECIDE: Final = """
UPDATE redaction SET status = $2, decided_by = $3, decided_at = $4, version = version + 1 WHERE id = $1
"""
# Two requests about the same deleted draft have no row of the item to wait at.
LOCK_HISTORY: Final = "SELECT pg_advisory_xact_lock($1)"
HEAD: Final = (
    "SELECT seq, hash, body FROM event WHERE subject_id = $1 AND subject_kind = 'item' ORDER BY seq DESC LIMIT 1"
)
TOLD: Final = """
SELECT e.id, e.seq, d.field, d.value FROM event e JOIN event_disclosure d ON d.event_id = e.id
WHERE e.subject_id = $1 AND e.subject_kind = 'item' ORDER BY e.seq, d.field
"""
ROW: Final = "SELECT * FROM item WHERE id = $1"
ROWS: Final = " UNION ALL ".join(
    f"SELECT '{table.__tablename__}' AS name, to_jsonb(c) AS row FROM {table.__tablename__} c WHERE c.item_id = $1"  # noqa: S608 - names of tables
    for table in CHILDREN
)
TITLES: Final = "SELECT from_version, title FROM item_text WHERE item_id = $1"
# What was split off, merged or received words from this item keeps them under its own history.
ELSEWHERE: Final = """
SELECT e.subject_id AS item_id, e.id AS event_id, e.seq, d.field
FROM (SELECT id FROM item WHERE split_from_id = $1 OR merged_into_id = $1
  UNION SELECT split_from_id FROM item WHERE id = $1 UNION SELECT merged_into_id FROM item WHERE id = $1
  UNION SELECT item_id FROM item_origin WHERE from_item_id = $1
  UNION SELECT from_item_id FROM item_origin WHERE item_id = $1) AS kin(id)
JOIN event e ON e.subject_id = kin.id JOIN event_disclosure d ON d.event_id = e.id
WHERE kin.id <> $1 AND EXISTS (SELECT FROM unnest($2::text[]) AS w(word) WHERE strpos(d.value, w.word) > 0)
ORDER BY e.subject_id, e.seq, d.field LIMIT 200
"""
UNTELL: Final = """
DELETE FROM event_disclosure d USING unnest($1::uuid[], $2::text[]) AS n(event_id, field)
WHERE d.event_id = n.event_id AND d.field = n.field
"""
RETITLE: Final = "UPDATE item_text SET title = $3 WHERE item_id = $1 AND from_version = ANY($2::int[])"
REWORD_ORIGINS: Final = """
UPDATE item_origin o SET document = n.document, document_no = n.document_no, quote = n.quote
FROM jsonb_to_recordset($2::jsonb) AS n(id uuid, document text, document_no text, quote text)
WHERE o.item_id = $1 AND o.id = n.id
"""
# A content that is being uploaded again must not lose its bytes between its row and its commit.
HOLD_CONTENT: Final = "SELECT pg_advisory_xact_lock_shared($1)"
LOCK_CONTENTS: Final = "SELECT pg_advisory_xact_lock(n) FROM unnest($1::bigint[]) AS n ORDER BY n"
GONE: Final = f"""
SELECT DISTINCT p ->> 'sha256' AS sha256 FROM redaction r, jsonb_array_elements(r.places) AS p
WHERE r.status = 'done' AND p ->> 'kind' = 'file' AND NOT EXISTS
  (SELECT FROM evidence e WHERE e.sha256 = p ->> 'sha256' AND e.file_name <> '{PLACEHOLDER}')
"""  # noqa: S608 - a constant


class Files(Protocol):
    """What erasing needs of the store of evidence."""

    async def exists(self, sha256: str) -> bool: ...
    async def remove(self, sha256: str) -> None: ...


async def material(reader: Reader, item_id: UUID, row: Mapping[str, Any] | None = None) -> Material | None:
    """What is known of an item, or of a deleted draft; None where there never was such an item. `row` is the locked one."""
    told = await reader.fetch(TOLD, item_id)
    if not told:
        return None
    shown = row if row is not None else await reader.fetchrow(ROW, item_id)
    kept = [
        Kept(one["name"], row_key(TABLES[one["name"]], one["row"]), one["row"])
        for one in await reader.fetch(ROWS, item_id)
    ]
    titles = {one["from_version"]: one["title"] for one in await reader.fetch(TITLES, item_id)}
    said = [Told(one["id"], one["seq"], one["field"], json.loads(one["value"])) for one in told]
    return Material(None if shown is None else dict(shown), kept, titles, said)


async def elsewhere(reader: Reader, item_id: UUID, texts: Iterable[str]) -> list[Row]:
    """Where items that were split, merged or fed from this one say the same: places of their own."""
    return await reader.fetch(ELSEWHERE, item_id, [_quoted(text) for text in texts])


async def ask(tx: Tx, row: Mapping[str, Any]) -> None:
    await tx.insert(Redaction, [row])


async def decide(tx: Tx, redaction_id: UUID, status: str, person_id: UUID | None) -> None:
    await tx.execute(DECIDE, redaction_id, status, person_id, tx.at)


async def allow(tx: Tx, plan: Plan, item_id: UUID, seq: int, redaction_id: UUID) -> None:
    """Says on record what may go: triggers let nothing else go. `seq` is that of the event that will tell."""
    common = {"item_id": item_id, "changed_seq": seq, "redaction_id": redaction_id}
    rows = [{"event_id": event_id, "field": name, **common} for _, event_id, name in sorted(plan.disclosures)]
    await tx.insert(RedactedField, rows)


async def erase(tx: Tx, plan: Plan, item_id: UUID, origins: Sequence[Mapping[str, Any]]) -> None:
    """Disclosures, old titles and origins; rows with a version or a digest are written by the life cycle."""
    gone = sorted(plan.disclosures)
    await tx.execute(UNTELL, [event_id for _, event_id, _ in gone], [name for _, _, name in gone])
    await tx.execute(RETITLE, item_id, sorted(plan.titles), PLACEHOLDER)
    if origins:
        await tx.execute(REWORD_ORIGINS, item_id, list(origins))


async def head_of_deleted(tx: Tx, item_id: UUID) -> tuple[Head, str] | None:
    """Head and last state of an item whose row is gone, held until the transaction ends."""
    await tx.execute(LOCK_HISTORY, item_id.int >> 64 & (2**63 - 1))
    row = await tx.fetchrow(HEAD, item_id)
    return None if row is None else (Head(row["seq"], row["hash"]), str(json.loads(row["body"])["to"]))


def content_lock(sha256: str) -> int:
    """The number under which a content is held."""
    return int.from_bytes(bytes.fromhex(sha256)[:8], signed=True)


async def erase_files(db: Database, files: Files) -> int:
    """Removes the bytes of redacted files that no other evidence shows; gives how many.

    Done after the commit, and again by the worker: bytes removed before a commit that fails would be gone unsaid.
    """
    due = [row["sha256"] for row in await db.fetch(GONE)]
    waiting = [sha256 for sha256 in due if await files.exists(sha256)]
    if not waiting:
        return 0

    async def work(tx: Tx) -> int:
        await tx.execute(LOCK_CONTENTS, [content_lock(sha256) for sha256 in waiting])
        still = {row["sha256"] for row in await tx.fetch(GONE)}
        for sha256 in still.intersection(waiting):
            await files.remove(sha256)
        return len(still.intersection(waiting))

    return await db.write(work)


def _quoted(text: str) -> str:
    """A text as it stands in JSON, as a whole."""
    return json.dumps(text, ensure_ascii=False)
