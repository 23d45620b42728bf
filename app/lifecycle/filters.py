"""The conditions items are chosen by, as SQL over `i`: the same texts for today and for any past moment."""

# ruff: noqa: S608 - SQL here is put together from constants; values are always parameters
from __future__ import annotations

from functools import cache
from typing import Final

from app.access.scope import NOW, Sealed, Sides, restricted_predicate, then
from app.lifecycle.light_sql import GREY, GREY_BY_STATE, PHASE_SQL, light_sql, overdue_days_sql
from app.lifecycle.past import unmasked

_PLAIN: Final[dict[str, str]] = {
    "state": "i.state = ANY({0}::text[])",
    "phase": f"{PHASE_SQL} = ANY({{0}}::text[])",
    "ledger_id": "i.ledger_id = ANY({0}::uuid[])",
    "lead_unit_id": "i.lead_unit_id = ANY({0}::uuid[])",
    "lead_unit_within": "i.lead_unit_id IN (SELECT w.id FROM unit w WHERE w.ancestors && {0}::uuid[])",
    "responsible_unit_id": "i.responsible_unit_id = ANY({0}::uuid[])",
    "accountable_leader_id": "i.accountable_leader_ids && {0}::uuid[]",
    "source_type": "i.source_type = ANY({0}::text[])",
    "category": "i.category = ANY({0}::text[])",
    "severity": "i.severity = ANY({0}::text[])",
    "mode": "i.mode = ANY({0}::text[])",
    "confidentiality": "i.confidentiality = ANY({0}::text[])",
    "major": "(i.major_kind IS NOT NULL) = {0}::bool",
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
    "without lead_unit_id": "(i.lead_unit_id IS NULL AND {0}::bool)",
    "without accountable_leader_id": "(i.accountable_leader_ids = '{{}}' AND {0}::bool)",
    "without category": "(i.category IS NULL AND {0}::bool)",
    "without severity": "(i.severity IS NULL AND {0}::bool)",
    "without mode": "(i.mode IS NULL AND {0}::bool)",
}
WORDS: Final = "s.folded LIKE {0}::text"
_OF_UNIT: Final = "SELECT iu.item_id FROM item_unit iu WHERE iu.unit_id = ANY({0}::uuid[])"
_OF_PERSON: Final = "SELECT ip.item_id FROM item_person ip WHERE ip.person_id = ANY({0}::uuid[])"
ONLY_NOW: Final = ("q", "updated_since", "waiting_for")
"""Filters that make no sense in the past: search tokens, consumers' cursors and to-do lists exist for today alone."""

OF_THE_VERSION: Final = frozenset(_PLAIN) - {"lead_unit_within", "number", "external_ref"}
"""Filters that look at nothing but what a version keeps."""


def _on_sides(sides: Sides, readable: str) -> dict[str, str]:
    unit = (
        f"EXISTS (SELECT FROM {sides.units} fu JOIN unit f ON f.id = fu.unit_id WHERE fu.item_id = i.id AND {{test}}"
        f"{sides.when.format('fu')})"
    )
    return {
        "unit_id": unit.replace("{test}", "f.id = ANY({0}::uuid[])"),
        "unit_id+subtree": unit.replace("{test}", "f.ancestors && {0}::uuid[]"),
        "working_unit_id": f"EXISTS (SELECT FROM {sides.units} fu WHERE fu.item_id = i.id AND fu.part <> 'source'"
        f" AND fu.unit_id = ANY({{0}}::uuid[]){sides.when.format('fu')})",
        "person_id": f"(EXISTS (SELECT FROM {sides.persons} ip WHERE ip.item_id = i.id AND ip.person_id = ANY({{0}}::uuid[])"
        f"{sides.when.format('ip')}) AND {readable})",
    }


def _coloured(day: str, grey: str) -> dict[str, str]:
    return {
        "light": f"{light_sql(day, grey)} = ANY({{0}}::text[])",
        "overdue": f"({overdue_days_sql(day)} > 0) = {{0}}::bool",
    }


@cache
def finders_now(sealed: Sealed) -> dict[str, str]:
    """Queries for all items a filter may keep, for filters with an index of their own; those that keep the least first.

    {0} is the filter's value. That of `q` looks at the words themselves too, {1}: pairs do not prove that they stand together.
    """
    return {
        "external_ref": """SELECT n.id FROM unnest({0}::text[]) AS r(ref) CROSS JOIN generate_series(1, length(r.ref)) AS c(place)
  JOIN item n ON n.external_system = left(r.ref, c.place - 1) AND n.external_id = substr(r.ref, c.place + 1)
  WHERE substr(r.ref, c.place, 1) = ':'""",
        "number": "SELECT n.id FROM item n WHERE n.number = ANY({0}::text[])",
        "waiting_for": f"""SELECT m.item_id FROM item_mover m JOIN unit mu ON mu.id = m.unit_id
  JOIN unnest({sealed.roles}, {sealed.units}) AS g(role, unit_id) ON g.role = m.role AND g.unit_id = ANY(mu.ancestors)
  WHERE {{0}}::text = 'me'""",
        "q": f"SELECT s.item_id FROM item_search s WHERE s.tokens @@ {{0}}::text::tsquery AND {WORDS.replace('0', '1')}",
        "person_id": _OF_PERSON,
        "accountable_leader_id": _OF_PERSON,
        "lead_unit_id": _OF_UNIT,
        "responsible_unit_id": _OF_UNIT,
        "working_unit_id": _OF_UNIT,
        "unit_id": _OF_UNIT,
    }


@cache
def filters_now(day: str, sealed: Sealed) -> dict[str, str]:
    """Conditions on `item AS i`, each with {0} for its value; `day` is an expression for today in China."""
    readable = restricted_predicate("i", sealed)
    waiting = f"""EXISTS (SELECT FROM item_mover m JOIN unit mu ON mu.id = m.unit_id
  JOIN unnest({sealed.roles}, {sealed.units}) AS g(role, unit_id)
    ON g.role = m.role AND g.unit_id = ANY(mu.ancestors) WHERE m.item_id = i.id)"""
    return {
        **_PLAIN,
        **_on_sides(NOW, readable),
        **_coloured(day, GREY),
        "updated_since": "i.updated_at >= {0}::timestamptz",
        "waiting_for": f"({waiting} AND {{0}}::text = 'me')",
        "q": f"(i.id IN (SELECT s.item_id FROM item_search s WHERE s.tokens @@ {{0}}::text::tsquery) AND {readable})",
        "q_exact": "EXISTS (SELECT FROM item_search s WHERE s.item_id = i.id AND " + WORDS + ")",
    }


@cache
def filters_then(day: str, at: str, sealed: Sealed) -> dict[str, str]:
    """As `filters_now`, on what items were at the instant `at`; the mask is always that of today."""
    return {**_PLAIN, **_on_sides(then(at), unmasked(sealed)), **_coloured(day, GREY_BY_STATE)}
