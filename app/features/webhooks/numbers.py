"""The numbers of items: the one thing a message tells that its event does not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final
from uuid import UUID

from app.core.db import Reader
from app.trail.read import FeedRow

NUMBERS: Final = "SELECT id, number FROM item WHERE id = ANY($1::uuid[])"


async def numbers_of(reader: Reader, rows: Iterable[FeedRow]) -> Mapping[UUID, str | None]:
    ids = list({row.subject_id for row in rows})
    return {row["id"]: row["number"] for row in await reader.fetch(NUMBERS, ids)} if ids else {}
