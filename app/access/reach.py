"""How a list comes to what its caller sees: all of it at once where that is little, else along an index of its order.

A walk learns from the index itself what the caller cannot see: every item carries two bits for each id through which
somebody may see it. Other ids share these bits, so whatever passes is tested by `scope` all the same.
"""

# ruff: noqa: S608 - SQL here is put together from constants
from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Final

from app.access.memory import CALLER_CTE, OWN, Caller
from app.access.scope import CTE, Shape, ledgers_of, sources
from app.core.db import Database

_PARTS: Final = {"units": (0, 96), "units_too": (96, 96), "others": (192, 32), "others_too": (224, 32)}
"""Where each part of `item.reach` begins and how many bits it has, as `reach_bits` sets them."""
_SOUGHT: Final = ", ".join(
    f"bits & ((~B'0'::bit({size}))::bit(256) >> {start}) AS {part}" for part, (start, size) in _PARTS.items()
)
WALKER: Final = f"""
covered AS MATERIALIZED (SELECT ARRAY(SELECT u.id FROM unit u WHERE u.ancestors && actor.reading) AS units,
  ARRAY({ledgers_of("actor.offices")}) AS ledgers FROM actor),
sought AS MATERIALIZED (SELECT {_SOUGHT} FROM (
  SELECT reach_bits(covered.units || actor.desks, covered.ledgers || actor.persons) AS bits FROM actor, covered) ids)
"""
"""CTEs behind the actor's: what the caller covers, and the bits of the caller's ids in each part of `item.reach`."""
WALKING: Final = CTE._replace(
    units="(SELECT units FROM covered)::uuid[]", ledgers="(SELECT ledgers FROM covered)::uuid[]"
)
READS_ALL: Final = "(SELECT whole_tree FROM actor)"
"""Stands in every statement that tests no row for its caller."""
_WORTH_READING: Final = 3
"""Times the root of the number of items: where there is less to see, reading all of it costs less than walking to a page."""
_SOURCES: Final = " UNION ALL ".join(f"({query} LIMIT (SELECT items + 1 FROM enough))" for query in sources(WALKING))
_PAGES: Final = 64
_SHARE: Final = f"""(SELECT avg((s.unit_id = ANY(covered.units))::int)::float8
  FROM item_unit s TABLESAMPLE SYSTEM (least(100,
    {_PAGES} * 100.0 * current_setting('block_size')::int / greatest(pg_relation_size('item_unit'), 1))) REPEATABLE (0))"""
"""Of what says which units items concern, so much concerns the caller's: judged by some thousand rows, always the same."""
REACH_SQL: Final = f"""{CALLER_CTE}, {WALKER}, enough AS MATERIALIZED (
  SELECT ({_WORTH_READING} * sqrt(greatest(reltuples, 1)))::bigint AS items FROM pg_class WHERE oid = 'item'::regclass)
SELECT (SELECT count(*) FROM ({_SOURCES}) counted) <= enough.items AS few, {_SHARE} AS share,
  covered.units AS covered, covered.ledgers, {", ".join(f"sought.{part}" for part in _PARTS)}
FROM actor, enough, covered, sought
"""
"""For the parameters of CALLER_CTE; an item seen for two reasons counts twice."""
REACHING: Final = f"""
covered AS MATERIALIZED (SELECT ${OWN}::uuid[] AS units, ${OWN + 1}::uuid[] AS ledgers),
sought AS MATERIALIZED (SELECT {", ".join(f"${place}::bit(256) AS {part}" for place, part in enumerate(_PARTS, OWN + 2))})
"""
"""As WALKER, of what was found before (`Reach.args`)."""
WALKERS_OWN: Final = OWN + 2 + len(_PARTS)
"""Where the parameters of a statement begin that starts with CALLER_CTE and REACHING."""


@dataclass(frozen=True, slots=True)
class Reach:
    """The cheapest way to list what a caller sees, about how much of all it is, and what REACHING takes.

    How much it is, is counted once in a while.
    """

    shape: Shape
    share: float
    until: float
    args: tuple[Any, ...]


_SECONDS: Final = 60
_UNITS_AN_ITEM, _LEAST = 2.2, 0.003
"""Different units an item concerns, of those in the caller's part of the tree; and what is seen at least, for other reasons."""
_NOTHING: Final = Reach(Shape.WHOLE, 1, 0, ([], [], None, None, None, None))
"""Whoever reads the whole tree passes over nothing."""


async def reach_of(db: Database, caller: Caller) -> Reach | None:
    """None if the caller's mark has changed. What a list may cost depends on it, what it shows does not."""
    if caller.actor.whole_tree:
        return _NOTHING
    found: Reach | None = caller.kept.get(caller.credential)
    if found is not None and found.until > time.monotonic():
        return found
    row = await db.fetchrow(REACH_SQL, *caller.args)
    if row is None:
        return None
    args = (row["covered"], row["ledgers"], *(row[part] for part in _PARTS))
    share = min(1, max(_LEAST, _UNITS_AN_ITEM * (row["share"] or 0)))
    found = Reach(Shape.FEW if row["few"] else Shape.WALK, share, time.monotonic() + _SECONDS, args)
    caller.kept[caller.credential] = found
    return found


def may_pass(alias: str) -> str:
    """What rules out most of `item AS {alias}` the caller of WALKER does not see, and nothing of what the caller sees.

    It needs no more than an index has; people of measures are the one reason to see an item that its bits leave out.
    """
    met = {part: f"{alias}.reach & (SELECT {part} FROM sought) <> B'0'::bit(256)" for part in _PARTS}
    return (
        f"({met['units']} AND {met['units_too']} OR {met['others']} AND {met['others_too']}"
        f" OR {alias}.id IN (SELECT m.item_id FROM measure m WHERE m.person_id = ANY({CTE.persons})))"
    )
