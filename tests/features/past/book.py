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
    FROM item i CROSS JOIN generate_series(1, $1::int) n
    """,
    "INSERT INTO item_text SELECT id, 1, title FROM item WHERE $1 > 0",
    """INSERT INTO item_unit_span SELECT u.unit_id, u.item_id, u.part, i.updated_at, 'infinity'
       FROM item_unit u JOIN item i ON i.id = u.item_id WHERE $1 > 0""",
    """INSERT INTO item_person_span SELECT p.person_id, p.item_id, i.updated_at, 'infinity'
       FROM item_person p JOIN item i ON i.id = p.item_id WHERE $1 > 0""",
)


async def give_past(connection: asyncpg.Connection[Any], versions: int) -> None:
    """Thirty days apart, the first when the item last changed: the same row again, so only times differ."""
    for sql in PAST:
        await connection.execute(sql, versions)
    await connection.execute("VACUUM ANALYZE")
