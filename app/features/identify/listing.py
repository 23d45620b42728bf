"""The list of items: one statement per page, put together from constants and kept for each set of filters in use.

PostgreSQL makes the JSON of the page, so a page of fifty costs one row to decode. The caller's reach decides how the
planner starts; the reach last seen is tried first and checked against what the statement itself says of the caller.
"""

# ruff: noqa: S608 - SQL here is put together from constants of this module; values are always parameters
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from app.access.authenticate import ACTOR_CTE
from app.access.scope import CTE, CTE_SEALED, Shape, predicate, restricted_predicate
from app.lifecycle.derived import NO_NUMBER
from app.lifecycle.light_sql import LIGHT_SQL, OVERDUE_DAYS_SQL, PHASE_SQL
from app.tables.item import FAR, FAR_INSTANT

UNMASKED: Final = restricted_predicate("i", CTE_SEALED)
_IN_UNITS = "EXISTS (SELECT FROM item_unit fu JOIN unit f ON f.id = fu.unit_id WHERE fu.item_id = i.id AND {test})"
_WAITING = """EXISTS (SELECT FROM item_mover m JOIN unit mu ON mu.id = m.unit_id
  JOIN unnest((SELECT roles FROM actor), (SELECT units FROM actor)) AS g(role, unit_id)
    ON g.role = m.role AND g.unit_id = ANY(mu.ancestors) WHERE m.item_id = i.id)"""

FILTERS: Final[dict[str, str]] = {
    "state": "i.state = ANY({0}::text[])",
    "phase": f"{PHASE_SQL} = ANY({{0}}::text[])",
    "ledger_id": "i.ledger_id = ANY({0}::uuid[])",
    "unit_id": _IN_UNITS.format(test="f.id = ANY({0}::uuid[])"),
    "unit_id+subtree": _IN_UNITS.format(test="f.ancestors && {0}::uuid[]"),
    "lead_unit_id": "i.lead_unit_id = ANY({0}::uuid[])",
    "responsible_unit_id": "i.responsible_unit_id = ANY({0}::uuid[])",
    "accountable_leader_id": "i.accountable_leader_ids && {0}::uuid[]",
    "person_id": f"(EXISTS (SELECT FROM item_person ip WHERE ip.item_id = i.id AND ip.person_id = ANY({{0}}::uuid[]))"
    f" AND {UNMASKED})",
    "source_type": "i.source_type = ANY({0}::text[])",
    "category": "i.category = ANY({0}::text[])",
    "severity": "i.severity = ANY({0}::text[])",
    "mode": "i.mode = ANY({0}::text[])",
    "confidentiality": "i.confidentiality = ANY({0}::text[])",
    "major": "(i.major_kind IS NOT NULL) = {0}::bool",
    "light": f"{LIGHT_SQL} = ANY({{0}}::text[])",
    "overdue": f"({OVERDUE_DAYS_SQL} > 0) = {{0}}::bool",
    "number": "i.number = ANY({0}::text[])",
    "external_ref": "i.external_system || ':' || i.external_id = ANY({0}::text[])",
    "due_on_from": "(i.due_sort >= {0}::date AND i.due_on IS NOT NULL)",
    "due_on_to": "i.due_sort <= {0}::date",
    "registered_on_from": "(i.registered_sort >= {0}::timestamptz AND i.registered_at IS NOT NULL)",
    "registered_on_to": "i.registered_sort < {0}::timestamptz",
    "completed_on_from": "i.completed_at >= {0}::timestamptz",
    "completed_on_to": "i.completed_at < {0}::timestamptz",
    "closed_on_from": "i.closed_at >= {0}::timestamptz",
    "closed_on_to": "i.closed_at < {0}::timestamptz",
    "cycle_from": "i.cycle >= {0}::int",
    "updated_since": "i.updated_at >= {0}::timestamptz",
    "waiting_for": f"({_WAITING} AND {{0}}::text = 'me')",
    "q": f"(i.id IN (SELECT s.item_id FROM item_search s WHERE s.tokens @@ {{0}}::text::tsquery) AND {UNMASKED})",
    "q_exact": "EXISTS (SELECT FROM item_search s WHERE s.item_id = i.id AND s.folded LIKE {0}::text)",
}


@dataclass(frozen=True, slots=True)
class Sort:
    """A sort column, its type, and the stored value that means "none": such rows come last in either direction.

    `literal` is that value in SQL.
    """

    column: str
    kind: str
    none: str | date | datetime | None = None
    literal: str = ""


SORTS: Final = {
    "due_on": Sort("due_sort", "date", FAR, FAR.isoformat()),
    "updated_at": Sort("updated_at", "timestamptz"),
    "registered_at": Sort("registered_sort", "timestamptz", FAR_INSTANT, FAR_INSTANT.isoformat()),
    "number": Sort("number_sort", "text", NO_NUMBER, NO_NUMBER),
}


def summary(title: str, light: str, late: str, movers: str) -> str:
    """The JSON of one row `i`; the arguments are the expressions in which the present and the past differ."""
    return f"""
json_build_object('id', i.id, 'number', i.number, 'version', i.version, 'state', i.state, 'phase', {PHASE_SQL},
  'title', {title}, 'ledger_id', i.ledger_id, 'source_type', i.source_type,
  'category', i.category, 'severity', i.severity, 'lead_unit_id', i.lead_unit_id,
  'responsible_unit_id', i.responsible_unit_id, 'mode', i.mode, 'due_on', i.due_on, 'light', {light},
  'overdue_days', {late}, 'progress_percent', i.progress_percent, 'cycle', i.cycle,
  'next_movers', {movers},
  'updated_at', to_char(i.updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))
"""


_SUMMARY: Final = summary(
    f"CASE WHEN {UNMASKED} THEN nullif(i.title, '') END", LIGHT_SQL, OVERDUE_DAYS_SQL, "coalesce(mv.list, '[]')"
)
_PAGE_COLUMNS: Final = (
    "i.id, i.number, i.version, i.state, i.title, i.ledger_id, i.source_type, i.category, i.severity, i.lead_unit_id, "
    "i.source_unit_id, i.responsible_unit_id, i.mode, i.due_on, i.blue_from, i.yellow_from, i.red_from, i.light_reasons, "
    "i.progress_percent, i.cycle, i.updated_at, i.confidentiality, i.accountable_leader_ids, "
)
_HOLDERS: Final = """
pairs AS (SELECT DISTINCT m.role, m.unit_id FROM item_mover m WHERE m.item_id = ANY(ARRAY(SELECT id FROM page))),
held AS (SELECT p.role, p.unit_id, g.person_id FROM pairs p JOIN unit u ON u.id = p.unit_id
    JOIN role_grant g ON g.role = p.role AND g.unit_id = ANY(u.ancestors)
    JOIN person h ON h.id = g.person_id AND h.active
  WHERE g.revoked_at IS NULL AND g.starts_on <= $4::date AND (g.ends_on IS NULL OR g.ends_on >= $4::date)),
holders AS MATERIALIZED (SELECT role, unit_id, to_json((array_agg(DISTINCT person_id ORDER BY person_id))[1:20]) AS person_ids
  FROM (SELECT * FROM held UNION ALL SELECT h.role, h.unit_id, d.delegate_id FROM held h
    JOIN delegation d ON d.principal_id = h.person_id AND h.role = ANY(d.roles)
    JOIN person q ON q.id = d.delegate_id AND q.active
    WHERE d.revoked_at IS NULL AND d.starts_on <= $4::date AND (d.ends_on IS NULL OR d.ends_on >= $4::date)) every
  GROUP BY role, unit_id),
moving AS MATERIALIZED (SELECT m.item_id, json_agg(json_build_object('role', m.role, 'unit_id', m.unit_id,
    'person_ids', coalesce(h.person_ids, '[]')) ORDER BY m.role) AS list
  FROM item_mover m LEFT JOIN holders h ON h.role = m.role AND h.unit_id = m.unit_id
  WHERE m.item_id = ANY(ARRAY(SELECT id FROM page)) GROUP BY m.item_id)
"""


def rows_sql(shown: str, joins: str, more: str) -> str:
    """The caller and the JSON of what the CTE `page` holds, `shown` a row; `joins` is what that needs, `more` columns."""
    return f"""
SELECT actor.*, (SELECT count(*) FROM page)::int AS found, page_rows.body, last.sort AS last_sort, last.id AS last_id, {more}
FROM actor
LEFT JOIN LATERAL (SELECT coalesce(json_agg({shown} ORDER BY i.place), '[]')::text AS body FROM page i {joins}
  WHERE i.place <= $5) page_rows ON true
LEFT JOIN LATERAL (SELECT i.sort, i.id FROM page i WHERE i.place = $5) last ON true
"""


@dataclass(frozen=True, slots=True)
class Query:
    """A page wanted: filters by name, in a fixed order, with their values beside them."""

    filters: tuple[str, ...]
    values: tuple[Any, ...]
    sort: str
    descending: bool
    limit: int
    after: tuple[Any, UUID] | None
    total: bool


@lru_cache(maxsize=512)
def page_sql(shape: Shape, filters: tuple[str, ...], sort: str, keyset: str, *, total: bool) -> str:
    """The statement of one kind of page; `keyset` is asc, desc or tail, followed by `+` when it goes on from a row.

    Parameters: $1..$4 the credential, $5 the limit, then the filters, then the last row's sort value and id.
    """
    order = SORTS[sort]
    where = [predicate(shape, "i", CTE)]
    where += [FILTERS[name].format(f"${6 + position}") for position, name in enumerate(filters)]
    base = " AND ".join(where)
    first = 6 + len(filters)
    direction = "ASC" if keyset.startswith("asc") else "DESC"
    sign = ">" if direction == "ASC" else "<"
    if keyset.endswith("+"):
        where.append(f"(i.{order.column}, i.id) {sign} (${first}::{order.kind}, ${first + 1}::uuid)")
    if not keyset.startswith("asc") and order.none is not None:
        operator = "=" if keyset.startswith("tail") else "<"
        where.append(f"i.{order.column} {operator} '{order.literal}'::{order.kind}")
    page = (
        f"page AS MATERIALIZED (SELECT {_PAGE_COLUMNS} i.sort, row_number() OVER () AS place FROM (SELECT i.*, "
        f"i.{order.column} AS sort FROM item i WHERE {' AND '.join(where)} "
        f"ORDER BY i.{order.column} {direction}, i.id {direction} LIMIT $5 + 1) i)"
    )
    counted = f"(SELECT count(*)::int FROM (SELECT FROM item i WHERE {base} LIMIT 10001) c)" if total else "NULL::int"
    rows = rows_sql(_SUMMARY, "LEFT JOIN moving mv ON mv.item_id = i.id", f"{counted} AS total")
    return f"{ACTOR_CTE}, {page}, {_HOLDERS} {rows}"


def arguments(query: Query, limit: int) -> Sequence[Any]:
    after = () if query.after is None else query.after
    return (limit, *query.values, *after)


def keyset_of(query: Query) -> str:
    """Where to go on: descending lists give rows with a value first and the rows without one as a tail of their own."""
    order = SORTS[query.sort]
    onward = "" if query.after is None else "+"
    if not query.descending:
        return f"asc{onward}"
    in_tail = query.after is not None and order.none is not None and query.after[0] == order.none
    return f"{'tail' if in_tail else 'desc'}{onward}"


def tail_follows(query: Query) -> bool:
    """Whether rows without a value come after the last row of what `keyset_of` walks."""
    return SORTS[query.sort].none is not None and keyset_of(query).startswith("desc")
