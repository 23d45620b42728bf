"""Chinese search: bigram tokens beside the item, written only when a text changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.core.db import Tx
from app.core.text import fold, search_tokens

WRITE = """
INSERT INTO item_search (item_id, tokens, folded)
SELECT id, array_to_tsvector(string_to_array(tokens, ' ')), folded
FROM unnest($1::uuid[], $2::text[], $3::text[]) AS n(id, tokens, folded)
ON CONFLICT (item_id) DO UPDATE SET tokens = EXCLUDED.tokens, folded = EXCLUDED.folded
"""


async def write_search(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    """Number, title and description become findable; a secret stub has no text and is found by its number alone."""
    texts = [" ".join(filter(None, (row["number"], row["title"], row["description"]))) for row in rows]
    tokens = [" ".join(search_tokens(text)) for text in texts]
    await tx.execute(WRITE, [row["id"] for row in rows], tokens, [fold(text) for text in texts])
