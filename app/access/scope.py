"""Who sees which item: the only conditions on organisation, as SQL over what the actor statement knows.

A draft is its finders' alone. Anything else is seen by readers of a unit it concerns, by offices of its ledger, by the
people it names, and by who found it.
"""

# ruff: noqa: S608 - SQL here is put together from constants; values are always parameters
from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from functools import cache
from typing import Any, Final, NamedTuple
from uuid import UUID

from app.access.actor import Actor
from app.access.permissions import GRANTS, Permission, Role
from app.core.db import Reader


class Shape(Enum):
    """How the planner reaches the visible items; all of them mean the same."""

    WHOLE = "the caller reads the whole tree"
    FEW = "start from what the caller sees"
    MANY = "test a row at a time, from the row up to the units"
    WALK = "walk the sort index; what the caller covers is found once, before the first row"


class Known(NamedTuple):
    """SQL expressions for what is known of the caller: parameters, or columns of the `actor` CTE.

    `units` and `ledgers` are those the caller reads and runs, where the statement has found them already.
    """

    reading: str
    offices: str
    desks: str
    persons: str
    person: str
    units: str = ""
    ledgers: str = ""


class Sealed(NamedTuple):
    """SQL expressions for who may read restricted text: parallel arrays of grants, the people, and the scope's yes."""

    roles: str
    units: str
    persons: str
    unsealed: str


CTE: Final = Known(
    "(SELECT reading FROM actor)::uuid[]",
    "(SELECT offices FROM actor)::uuid[]",
    "(SELECT desks FROM actor)::uuid[]",
    "(SELECT persons FROM actor)::uuid[]",
    "(SELECT person_id FROM actor)",
)
JOINED: Final = Known("actor.reading", "actor.offices", "actor.desks", "actor.persons", "actor.person_id")
"""For conditions beside a join with `actor`: without a sub-select for each of them, which an item's statement feels."""
CTE_SEALED: Final = Sealed(
    "(SELECT roles FROM actor)::text[]",
    "(SELECT units FROM actor)::uuid[]",
    "(SELECT persons FROM actor)::uuid[]",
    "(SELECT unsealed FROM actor)",
)


class Sides(NamedTuple):
    """The tables that say which units and people an item concerns, and a condition on their rows."""

    units: str
    persons: str
    when: str


NOW: Final = Sides("item_unit", "item_person", "")


def then(moment: str) -> Sides:
    """As things were at `moment`, an expression for an instant."""
    return Sides(
        "item_unit_span", "item_person_span", f" AND {{0}}.valid_from <= {moment} AND {{0}}.valid_to > {moment}"
    )


OVER_A_ROOT: Final = "SELECT EXISTS (SELECT FROM unit WHERE parent_id IS NULL AND id = ANY($1::uuid[]))"


@cache
def predicate(shape: Shape, alias: str, known: Known, sides: Sides = NOW) -> str:
    """Which rows of `item AS {alias}` the caller sees; the text depends on nothing but its arguments.

    With other `sides`, `alias` is what items were then, drafts deleted since included.
    """
    own = f"{alias}.finder_person_id = {known.person} OR {alias}.finder_unit_id = ANY({known.desks})"
    drafts = f"({alias}.state <> 'draft' OR {own})"
    if shape is Shape.WHOLE:
        return drafts
    if shape is Shape.FEW:
        return f"({drafts} AND {_starting_from_sources(alias, known, sides)})"
    tested = _testing(alias, known, sides) if shape is Shape.MANY else _covered(alias, known, sides)
    return f"({drafts} AND ({tested} OR {own}))"


def _starting_from_sources(alias: str, known: Known, sides: Sides) -> str:
    """As an array, because the planner cannot guess the size of a set that depends on the caller and would walk all."""
    return f"{alias}.id = ANY(ARRAY({' UNION '.join(sources(known, sides))}))"


def sources(known: Known, sides: Sides = NOW) -> list[str]:
    """Queries for the ids of what the caller sees, one for each reason; drafts of others are among them.

    What the caller covers is found before and given as an array: a join would be planned for all there is.
    """
    found = [
        f"SELECT iu.item_id FROM {sides.units} iu WHERE iu.unit_id = ANY({_units(known)}){sides.when.format('iu')}",
        f"SELECT li.id FROM item li WHERE li.ledger_id = ANY({_ledgers(known)})",
        f"SELECT ip.item_id FROM {sides.persons} ip WHERE ip.person_id = ANY({known.persons}){sides.when.format('ip')}",
        f"SELECT fi.id FROM item fi WHERE fi.finder_unit_id = ANY({known.desks})",
    ]
    if sides is not NOW:
        found.append(f"SELECT g.item_id FROM item_gone g WHERE g.finder_unit_id = ANY({known.desks})")
    return found


def _units(known: Known) -> str:
    return known.units or f"ARRAY(SELECT u.id FROM unit u WHERE u.ancestors && {known.reading})"


def _ledgers(known: Known) -> str:
    return known.ledgers or f"ARRAY({ledgers_of(known.offices)})"


def ledgers_of(offices: str) -> str:
    """A query for the ledgers run by these units or one above; most callers are no office, and then nothing is read."""
    return (
        "SELECT l.id FROM ledger l JOIN unit u ON u.id = l.unit_id"
        f" WHERE cardinality({offices}) > 0 AND u.ancestors && {offices}"
    )


def counted(alias: str, known: Known, *, whole_tree: bool, sides: Sides = NOW) -> str:
    """Which rows of `item AS {alias}` count for the caller, drafts apart, which no figure counts.

    As a set to join with: a figure reads all there is to see and never stops at a page.
    """
    return "true" if whole_tree else f"{alias}.id IN ({_all_of(known, sides)})"


def counted_one(alias: str, known: Known, *, whole_tree: bool, sides: Sides = NOW) -> str:
    """As `counted`, tested a row at a time: for where there are few to test."""
    if whole_tree:
        return "true"
    return f"({_testing(alias, known, sides)} OR {alias}.finder_unit_id = ANY({known.desks}))"


def _all_of(known: Known, sides: Sides) -> str:
    gone = (
        "" if sides is NOW else f" UNION SELECT g.item_id FROM item_gone g WHERE g.finder_unit_id = ANY({known.desks})"
    )
    return (
        f"SELECT iu.item_id FROM unit u JOIN {sides.units} iu ON iu.unit_id = u.id"
        f" WHERE u.ancestors && {known.reading}{sides.when.format('iu')}"
        f" UNION SELECT li.id FROM unit u JOIN ledger l ON l.unit_id = u.id JOIN item li ON li.ledger_id = l.id"
        f" WHERE u.ancestors && {known.offices}"
        f" UNION SELECT ip.item_id FROM {sides.persons} ip WHERE ip.person_id = ANY({known.persons})"
        f"{sides.when.format('ip')}"
        f" UNION SELECT fi.id FROM item fi WHERE fi.finder_unit_id = ANY({known.desks}){gone}"
    )


def _covered(alias: str, known: Known, sides: Sides) -> str:
    """Two arrays made once, and one index probe a row: for walks that pass many rows before a page is full."""
    return (
        f"{alias}.ledger_id = ANY({_ledgers(known)})"
        f" OR EXISTS (SELECT FROM {sides.units} iu WHERE iu.item_id = {alias}.id{sides.when.format('iu')}"
        f" AND iu.unit_id = ANY({_units(known)}))"
        f" OR EXISTS (SELECT FROM {sides.persons} ip"
        f" WHERE ip.item_id = {alias}.id AND ip.person_id = ANY({known.persons}){sides.when.format('ip')})"
    )


def _testing(alias: str, known: Known, sides: Sides) -> str:
    """From the row to what it names, by key each time: written as joins, the planner reads all the caller could see."""
    return (
        f"EXISTS (SELECT FROM {sides.units} iu WHERE iu.item_id = {alias}.id"
        f" AND (SELECT u.ancestors FROM unit u WHERE u.id = iu.unit_id) && {known.reading}{sides.when.format('iu')})"
        f" OR (SELECT u.ancestors FROM unit u WHERE u.id ="
        f" (SELECT l.unit_id FROM ledger l WHERE l.id = {alias}.ledger_id)) && {known.offices}"
        f" OR ARRAY(SELECT ip.person_id FROM {sides.persons} ip WHERE ip.item_id = {alias}.id{sides.when.format('ip')})"
        f" && {known.persons}"
    )


def visible_sql(
    actor: Actor, alias: str = "i", first_param: int = 1, shape: Shape = Shape.MANY
) -> tuple[str, tuple[Any, ...]]:
    """The predicate for an actor already known, and its arguments for the parameters from `first_param` on."""
    known = Known(*(f"${first_param + n}::{kind}" for n, kind in enumerate(("uuid[]",) * 4 + ("uuid",))))
    if shape is Shape.WHOLE:
        known = known._replace(desks=f"${first_param}::uuid[]", person=f"${first_param + 1}::uuid")
        return predicate(shape, alias, known), (actor.finder_units, actor.person_id)
    args = (actor.reading_units, actor.office_units, actor.finder_units, list(actor.persons()), actor.person_id)
    return predicate(shape, alias, known), args


_BY_LEDGER: Final = "'first_responsible','discipline_office','auditor'"
_BY_LEAD: Final = "'unit_head','liaison'"
_BY_SOURCE: Final = "'source_office'"
"""Roles that read restricted text of the items of their unit and those below: the ledger's, the leading, the source."""


@cache
def restricted_predicate(alias: str, sealed: Sealed, shown: str | None = None) -> str:
    """Whether the caller reads the unmasked text of `item AS {alias}`: by role alone, but for a finder's own draft.

    `shown` is the alias of what is shown, where that is not the item as it is now: the mask is always that of now, but
    only what is itself shown as a draft is known to be the caller's own.
    """
    unit = (
        f"CASE WHEN g.role IN ({_BY_LEDGER})"
        f" THEN (SELECT l.unit_id FROM ledger l WHERE l.id = {alias}.ledger_id)"
        f" WHEN g.role IN ({_BY_LEAD}) THEN {alias}.lead_unit_id"
        f" WHEN g.role = {_BY_SOURCE} THEN {alias}.source_unit_id END"
    )
    return (
        f"({alias}.confidentiality <> 'restricted' OR {shown or alias}.state = 'draft' OR ({sealed.unsealed} AND ("
        f"{alias}.accountable_leader_ids && {sealed.persons} OR EXISTS (SELECT"
        f" FROM unnest({sealed.roles}, {sealed.units}) AS g(role, unit_id)"
        f" WHERE g.unit_id = ANY((SELECT u.ancestors FROM unit u WHERE u.id = {unit})::uuid[])))))"
    )


@cache
def hidden(alias: str, sealed: Sealed) -> str:
    """The contrary of `restricted_predicate`, for whoever tests very many rows: units and ledgers are found once."""

    def below(roles: str) -> str:
        return (
            f"u.ancestors && ARRAY(SELECT g.unit_id FROM unnest({sealed.roles}, {sealed.units}) AS g(role, unit_id)"
            f" WHERE g.role IN ({roles}))"
        )

    def within(column: str, roles: str) -> str:
        return f"coalesce({alias}.{column} = ANY(ARRAY(SELECT u.id FROM unit u WHERE {below(roles)})), false)"

    ledgers = f"ARRAY(SELECT l.id FROM ledger l JOIN unit u ON u.id = l.unit_id WHERE {below(_BY_LEDGER)})"
    return (
        f"({alias}.confidentiality = 'restricted' AND {alias}.state <> 'draft' AND NOT ({sealed.unsealed} AND ("
        f"{alias}.accountable_leader_ids && {sealed.persons} OR {alias}.ledger_id = ANY({ledgers})"
        f" OR {within('lead_unit_id', _BY_LEAD)} OR {within('source_unit_id', _BY_SOURCE)})))"
    )


def restricted_read_sql(actor: Actor, alias: str = "i", first_param: int = 1) -> tuple[str, tuple[Any, ...]]:
    """As `visible_sql`, for reading what `restricted` masks; every item that is not restricted passes."""
    sealed = Sealed(*(f"${first_param + n}::{kind}" for n, kind in enumerate(("text[]", "uuid[]", "uuid[]", "bool"))))
    args = (
        [grant.role.value for grant in actor.grants],
        [grant.unit_id for grant in actor.grants],
        list(actor.persons()),
        actor.unsealed,
    )
    return restricted_predicate(alias, sealed), args


async def items_in_scope(reader: Reader, actor: Actor, ids: Sequence[UUID]) -> set[UUID]:
    """Those of the given items the caller may know about; the rows are tested, never searched."""
    visible, args = visible_sql(actor, "i", 2, Shape.MANY)
    rows = await reader.fetch(f"SELECT i.id FROM item i WHERE i.id = ANY($1::uuid[]) AND {visible}", list(ids), *args)
    return {row["id"] for row in rows}


async def item_in_scope(reader: Reader, actor: Actor, item_id: UUID) -> bool:
    """Whether the caller may know about one item."""
    return bool(await items_in_scope(reader, actor, [item_id]))


async def watches_all(reader: Reader, actor: Actor) -> bool:
    """Whether the caller may read the whole trail; what concerns everybody is not for a watcher of one unit."""
    if not actor.has(Permission.TRAIL_READ):
        return False
    watched = {grant.unit_id for grant in actor.grants if Permission.TRAIL_READ in GRANTS[grant.role]}
    return bool(await reader.fetchval(OVER_A_ROOT, list(watched)))


def people_predicate(alias: str, first_param: int) -> str:
    """Which rows of `person AS {alias}` a caller may read, for the arguments of `people_args`."""
    everyone, units, persons = (f"${first_param + n}" for n in range(3))
    return (
        f"({everyone}::bool OR {alias}.id = ANY({persons}::uuid[]) OR EXISTS (SELECT FROM post t"
        f" JOIN unit u ON u.id = t.unit_id WHERE t.person_id = {alias}.id AND u.ancestors && {units}::uuid[]))"
    )


def people_args(actor: Actor) -> tuple[bool, list[UUID], list[UUID]]:
    """Administrators and readers of the whole tree see everybody; others their units, their colleagues, themselves."""
    everyone = actor.whole_tree or actor.has_role(Role.SYSTEM_ADMIN, Role.SECURITY_ADMIN)
    units = actor.reading_units if actor.unit_id is None else [*actor.reading_units, actor.unit_id]
    return everyone, units, list(actor.persons())
