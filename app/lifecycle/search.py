"""Chinese search: bigram tokens beside the item, and the look for items that may be the same problem."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from app.core.db import Reader, Tx
from app.core.text import bigrams, fold, jaccard, search_tokens
from app.lifecycle.facts import Candidate

WRITE = """
INSERT INTO item_search (item_id, tokens, folded)
SELECT id, array_to_tsvector(string_to_array(tokens, ' ')), folded
FROM unnest($1::uuid[], $2::text[], $3::text[]) AS n(id, tokens, folded)
ON CONFLICT (item_id) DO UPDATE SET tokens = EXCLUDED.tokens, folded = EXCLUDED.folded
"""
BEST = 200
SHOWN = 5
SIMILAR_PERMILLE = 500
YEARS_BACK = timedelta(days=3 * 365 + 1)
LOOK = """
WITH me AS (SELECT i.*, u.parent_id FROM item i LEFT JOIN unit u ON u.id = i.responsible_unit_id WHERE i.id = $1)
SELECT i.id, i.number, i.title, i.description, i.source_document_no = me.source_document_no AS same_document
FROM item i JOIN me ON i.id <> me.id JOIN item_search s ON s.item_id = i.id
WHERE i.number IS NOT NULL AND i.state NOT IN ('merged','voided','transferred','split')
  AND i.responsible_unit_id IN (me.responsible_unit_id, me.parent_id)
  AND (i.closed_at IS NULL OR i.closed_at >= $2)
  AND (s.tokens @@ $3::tsquery OR i.source_document_no = me.source_document_no)
ORDER BY (i.source_document_no = me.source_document_no) DESC NULLS LAST, ts_rank(s.tokens, $3::tsquery) DESC, i.id
LIMIT 200
"""


async def write_search(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    """Number, title and description become findable; a secret stub has no text and is found by its number alone."""
    texts = [" ".join(filter(None, (row["number"], row["title"], row["description"]))) for row in rows]
    tokens = [" ".join(search_tokens(text)) for text in texts]
    await tx.execute(WRITE, [row["id"] for row in rows], tokens, [fold(text) for text in texts])


async def candidates(reader: Reader, item: Mapping[str, Any], now: datetime) -> tuple[Candidate, ...]:
    """The best five that share unit and document number, or half of their bigrams; the score is Jaccard in thousandths."""
    mine = bigrams(_text(item))
    query = " | ".join(f"'{token}'" for token in search_tokens(_text(item)))
    if not query or item["responsible_unit_id"] is None:
        return ()
    found = []
    for row in await reader.fetch(LOOK, item["id"], now - YEARS_BACK, query):
        score = int(1000 * jaccard(mine, bigrams(_text(dict(row)))))
        if score >= SIMILAR_PERMILLE or row["same_document"]:
            found.append(Candidate(UUID(str(row["id"])), row["number"], row["title"], score))
    return tuple(sorted(found, key=lambda candidate: -candidate.score_permille)[:SHOWN])


def _text(row: Mapping[str, Any]) -> str:
    return f"{row['title']} {row['description'] or ''}"
