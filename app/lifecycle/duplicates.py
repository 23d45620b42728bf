"""The look for items that may be the same problem: for one item or many in one statement, among what the caller may read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final
from uuid import UUID

from app.access.actor import Actor
from app.access.scope import Shape, restricted_read_sql, visible_sql
from app.core.db import Reader, Tx
from app.core.text import bigrams, jaccard, search_tokens
from app.lifecycle.facts import Candidate

SHOWN: Final = 5
SIMILAR_PERMILLE: Final = 500
YEARS_BACK: Final = timedelta(days=3 * 365 + 1)
# Without a responsible unit the whole ledger is looked through: leaving it out must not be a way around the question.
_LOOK: Final = """
SELECT q.item_id AS of, c.* FROM unnest($1::uuid[], $2::text[]) AS q(item_id, query)
JOIN item me ON me.id = q.item_id LEFT JOIN unit mu ON mu.id = me.responsible_unit_id
CROSS JOIN LATERAL (
  SELECT i.id, i.number, i.title, i.description, i.source_document_no = me.source_document_no AS same_document
  FROM item i JOIN item_search s ON s.item_id = i.id
  WHERE i.id <> me.id AND i.number IS NOT NULL AND i.state NOT IN ('merged','voided','transferred','split')
    AND CASE WHEN me.responsible_unit_id IS NULL THEN i.ledger_id = me.ledger_id
        ELSE i.responsible_unit_id IN (me.responsible_unit_id, mu.parent_id) END
    AND (i.closed_at IS NULL OR i.closed_at >= $3)
    AND (s.tokens @@ q.query::tsquery OR i.source_document_no = me.source_document_no)
    AND {visible} AND {readable}
  ORDER BY (i.source_document_no = me.source_document_no) DESC NULLS LAST, ts_rank(s.tokens, q.query::tsquery) DESC, i.id
  LIMIT 200
) c
"""
# Two clerks who register the same problem at once: the second one looks when the first one is done.
_ONE_AT_A_TIME: Final = """
SELECT pg_advisory_xact_lock(h) FROM (
  SELECT DISTINCT hashtextextended('rectify.register ' || key::text, 0) AS h FROM (
    SELECT ledger_id AS key FROM item WHERE id = ANY($1::uuid[])
    UNION SELECT responsible_unit_id FROM item WHERE id = ANY($1::uuid[])
    UNION SELECT u.parent_id FROM item i JOIN unit u ON u.id = i.responsible_unit_id WHERE i.id = ANY($1::uuid[])
  ) keys WHERE key IS NOT NULL ORDER BY h
) locks
"""

Found = dict[UUID, tuple[Candidate, ...]]


async def similar(tx: Tx, actor: Actor, items: Sequence[Mapping[str, Any]], now: datetime) -> Found:
    """What each item to be registered looks like, in the ledger and among those registered with it.

    Whoever registers for the same ledger, unit or its parent waits here until this transaction has ended.
    """
    if not items:
        return {}
    await tx.execute(_ONE_AT_A_TIME, [item["id"] for item in items])
    found = await candidates(tx, actor, items, now)
    for item_id, alike in twins(items).items():
        found[item_id] = (*found.get(item_id, ()), *alike)
    return found


async def candidates(reader: Reader, actor: Actor, items: Sequence[Mapping[str, Any]], now: datetime) -> Found:
    """Per item the best five that share unit and document number, or half of their bigrams (Jaccard, in thousandths).

    Among the 200 best index hits; what the caller may not see or not read is no candidate, because even a score would
    tell what the text is, by trying.
    """
    asked = {item["id"]: (bigrams(_text(item)), _query(item)) for item in items}
    asked = {item_id: (mine, query) for item_id, (mine, query) in asked.items() if query}
    found: dict[UUID, list[Candidate]] = {}
    visible, args = visible_sql(actor, "i", 4, Shape.MANY)
    readable, more = restricted_read_sql(actor, "i", 4 + len(args))
    sql = _sql(visible, readable)
    for row in await reader.fetch(
        sql, list(asked), [query for _, query in asked.values()], now - YEARS_BACK, *args, *more
    ):
        score = _score(asked[row["of"]][0], dict(row))
        if score >= SIMILAR_PERMILLE or row["same_document"]:
            found.setdefault(row["of"], []).append(Candidate(row["id"], row["number"], row["title"], score))
    return {item_id: _best(each) for item_id, each in found.items()}


def twins(items: Sequence[Mapping[str, Any]]) -> Found:
    """The same question among items that are registered together: each is compared with those before it."""
    texts = [(item, bigrams(_text(item))) for item in items]
    found: Found = {}
    for place, (item, mine) in enumerate(texts):
        like = [
            Candidate(other["id"], other["number"], other["title"], score)
            for other, theirs in texts[:place]
            if other["responsible_unit_id"] == item["responsible_unit_id"]
            and (score := int(1000 * jaccard(mine, theirs))) >= SIMILAR_PERMILLE
        ]
        if like:
            found[item["id"]] = _best(like)
    return found


@cache
def _sql(visible: str, readable: str) -> str:
    return _LOOK.format(visible=visible, readable=readable)


def _best(found: Sequence[Candidate]) -> tuple[Candidate, ...]:
    return tuple(sorted(found, key=lambda candidate: -candidate.score_permille)[:SHOWN])


def _query(item: Mapping[str, Any]) -> str:
    return " | ".join(f"'{token}'" for token in search_tokens(_text(item)))


def _score(mine: set[str], row: Mapping[str, Any]) -> int:
    return int(1000 * jaccard(mine, bigrams(_text(row))))


def _text(row: Mapping[str, Any]) -> str:
    return f"{row['title']} {row['description'] or ''}"
