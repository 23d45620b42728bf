"""Several tables read side by side in the order of items, so that no ledger is too large to be gone through."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

from app.core.db import Row, Snapshot

ITEM = "item_id"


class Grouped:
    """The rows of one statement, which gives `item_id` and is ordered by it; `strays` belong to no item asked for."""

    def __init__(self, snapshot: Snapshot, sql: str, *args: Any) -> None:
        self._rows: AsyncIterator[Row] = snapshot.stream(sql, *args)
        self._next: Row | None = None
        self._begun = False
        self.strays: list[Row] = []

    async def of(self, item_id: UUID) -> list[Row]:
        """The rows of an item; items are asked for in ascending order."""
        if not self._begun:
            self._begun = True
            await self._step()
        while self._next is not None and self._next[ITEM] < item_id:
            self.strays.append(self._next)
            await self._step()
        found = []
        while self._next is not None and self._next[ITEM] == item_id:
            found.append(self._next)
            await self._step()
        return found

    async def rest(self) -> list[Row]:
        """Every row that belongs to no item asked for, once all have been."""
        await self.of(UUID(int=2**128 - 1))
        return self.strays

    async def groups(self) -> AsyncIterator[tuple[UUID, list[Row]]]:
        """Item after item, for the statement that says which items there are."""
        found: list[Row] = []
        async for row in self._rows:
            if found and found[0][ITEM] != row[ITEM]:
                yield found[0][ITEM], found
                found = []
            found.append(row)
        if found:
            yield found[0][ITEM], found

    async def _step(self) -> None:
        self._next = await anext(self._rows, None)
