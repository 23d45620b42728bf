"""The bench's items with a past of several versions each, for what a list of a past moment costs."""

from __future__ import annotations

from typing import Any

import asyncpg

from app.tables.past import ItemVersion

_SAME = [str(column.name) for column in ItemVersion.__table__.columns][4:]  # type: ignore[attr-defined]
_OWN = ", ".join(f"i.{name}" for name in _SAME)
PAST = (
    f"""
    INSERT INTO item_version (item_id, version, valid_from, valid_to, {", ".join(_SAME)})
    SELECT i.id, n, i.updated_at + (n - 1) * make_interval(days => 30),
      CASE WHEN n < $1 THEN i.updated_at + n * make_interval(days => 30) ELSE 'infinity' END, {_OWN}
    FROM item i CROSS JOIN generate_series(2, $1::int) n
    """,
    """
    UPDATE item_version v SET valid_to = i.updated_at + make_interval(days => 30) FROM item i
    WHERE i.id = v.item_id AND v.version = 1 AND $1 > 1
    """,
)


async def give_past(connection: asyncpg.Connection[Any], versions: int) -> None:
    """Further versions of every item, thirty days apart: the same row again, so only times differ."""
    for sql in PAST:
        await connection.execute(sql, versions)
    await connection.execute("VACUUM ANALYZE")
