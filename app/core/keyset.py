"""A small list read by keyset: its statements are put together once, from constants, when the module is imported."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from app.core.db import Reader, Row
from app.core.paging import TOTAL_CAP, Cursor, PageQuery, TotalRelation, relation


class Sheet(NamedTuple):
    """The rows of one page, and what its envelope says."""

    rows: list[Row]
    next_cursor: str | None
    total: int | None
    total_relation: TotalRelation | None

    def envelope(self) -> dict[str, Any]:
        """Everything of a page but its items."""
        return {"next_cursor": self.next_cursor, "total": self.total, "total_relation": self.total_relation}


class Keyset:
    """`source` is FROM and WHERE with `conditions` parameters; `order` names result columns, the last one unique.

    `order` is written as it stands in the statement, such as `u.code`; the result column is what follows the dot.
    `descending` turns all of it round.
    """

    def __init__(
        self, columns: str, source: str, order: Sequence[str], conditions: int, *, descending: bool = False
    ) -> None:
        keys = ", ".join(order)
        given = ", ".join(f"${conditions + 2 + place}" for place in range(len(order)))
        way, beyond = (" DESC", "<") if descending else ("", ">")
        tail = f"ORDER BY {', '.join(f'{name}{way}' for name in order)} LIMIT ${conditions + 1}"
        self.first = f"SELECT {columns} {source} {tail}"
        self.next = f"SELECT {columns} {source} AND ({keys}) {beyond} ({given}) {tail}"
        self.counted = f"SELECT count(*) FROM (SELECT {source} LIMIT ${conditions + 1}) counted"  # noqa: S608 - as above
        self.names = tuple(name.rpartition(".")[2] for name in order)

    async def read(self, reader: Reader, conditions: Sequence[Any], query: PageQuery, cursor: Cursor) -> Sheet:
        """One page for the conditions; raises invalid_cursor."""
        if query.cursor is None:
            rows = await reader.fetch(self.first, *conditions, query.limit + 1)
        else:
            rows = await reader.fetch(self.next, *conditions, query.limit + 1, *cursor.decode(query.cursor))
        more = len(rows) > query.limit
        rows = rows[: query.limit]
        onward = cursor.encode([rows[-1][name] for name in self.names]) if more else None
        if query.include != "total":
            return Sheet(rows, onward, None, None)
        counted: int = await reader.fetchval(self.counted, *conditions, TOTAL_CAP + 1)
        return Sheet(rows, onward, min(counted, TOTAL_CAP), relation(counted))


def containing(text: str | None) -> str | None:
    """The LIKE pattern of a text in the middle of another; the text's own wildcards stand for themselves."""
    if text is None:
        return None
    for wild in ("\\", "%", "_"):
        text = text.replace(wild, f"\\{wild}")
    return f"%{text}%"
