"""Reading units, people and posts."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from app.access.actor import Actor
from app.access.scope import people_args, people_predicate
from app.core import clock
from app.core.db import Reader, Row
from app.core.errors import Problem
from app.core.keyset import Keyset, containing
from app.core.paging import Cursor
from app.features.organisation import schemas

_UNIT: Final = """u.id, u.parent_id, u.ancestors, u.code, u.name, u.short_name, u.sort_order, u.active_from,
  u.active_until, u.version, u.created_at, u.updated_at"""
UNIT: Final = f"SELECT {_UNIT} FROM unit u WHERE u.id = $1"  # noqa: S608 - constants
UNITS: Final = Keyset(
    _UNIT,
    """FROM unit u WHERE ($1::text IS NULL OR u.name ILIKE $1 OR u.code ILIKE $1 OR u.short_name ILIKE $1)
    AND ($2::uuid IS NULL OR u.parent_id = $2) AND ($3::uuid IS NULL OR u.ancestors && ARRAY[$3])""",
    ("u.sort_order", "u.code"),
    3,
)

_HELD: Final = """LEFT JOIN LATERAL (
  SELECT coalesce(jsonb_agg(jsonb_build_object('id', t.id, 'unit_id', t.unit_id, 'unit_name', n.name, 'title', t.title,
    'is_primary', t.is_primary, 'starts_on', t.starts_on, 'ends_on', t.ends_on)
    ORDER BY t.is_primary DESC, t.starts_on, t.id), '[]') AS posts
  FROM post t JOIN unit n ON n.id = t.unit_id
  WHERE t.person_id = p.id AND t.starts_on <= $1::date AND (t.ends_on IS NULL OR t.ends_on >= $1::date)
) held ON true"""
_PERSON: Final = "p.id, p.name, p.staff_no, p.active, held.posts, p.version, p.created_at, p.updated_at"
PERSON: Final = f"SELECT {_PERSON} FROM person p {_HELD} WHERE p.id = $2 AND {people_predicate('p', 3)}"  # noqa: S608
PEOPLE: Final = Keyset(
    _PERSON,
    f"""FROM person p {_HELD} WHERE {people_predicate("p", 2)}
    AND ($5::text IS NULL OR p.name ILIKE $5 OR p.staff_no ILIKE $5) AND ($6::bool IS NULL OR p.active = $6)
    AND ($7::uuid IS NULL OR EXISTS (SELECT FROM post t JOIN unit u ON u.id = t.unit_id
      WHERE t.person_id = p.id AND (u.id = $7 OR ($8::bool AND u.ancestors && ARRAY[$7]))
        AND t.starts_on <= $1::date AND (t.ends_on IS NULL OR t.ends_on >= $1::date)))""",
    ("p.name", "p.id"),
    8,
)

_POST: Final = """t.id, t.person_id, p.name AS person_name, t.unit_id, n.name AS unit_name, t.title, t.is_primary,
  t.starts_on, t.ends_on, t.version, t.created_at, t.updated_at"""
_POST_FROM: Final = "FROM post t JOIN person p ON p.id = t.person_id JOIN unit n ON n.id = t.unit_id"
POST: Final = f"SELECT {_POST} {_POST_FROM} WHERE t.id = $1 AND {people_predicate('p', 2)}"
POSTS: Final = Keyset(
    _POST,
    f"""{_POST_FROM} WHERE {people_predicate("p", 1)}
    AND ($4::uuid IS NULL OR t.person_id = $4) AND ($5::uuid IS NULL OR t.unit_id = $5)""",
    ("t.id",),
    5,
)


def _found(row: Row | None) -> Row:
    if row is None:
        raise Problem("not_found")
    return row


async def unit(reader: Reader, unit_id: UUID) -> schemas.Unit:
    """Raises not_found."""
    return schemas.Unit.model_validate(dict(_found(await reader.fetchrow(UNIT, unit_id))))


async def units(reader: Reader, query: schemas.UnitQuery, cursor: Cursor) -> schemas.UnitPage:
    """By `sort_order`, then code."""
    sheet = await UNITS.read(reader, (containing(query.q), query.parent_id, query.within), query, cursor)
    return schemas.UnitPage.model_validate({"items": [dict(row) for row in sheet.rows], **sheet.envelope()})


async def person(reader: Reader, actor: Actor, person_id: UUID) -> schemas.Person:
    """Raises not_found, also for people out of the caller's scope."""
    row = await reader.fetchrow(PERSON, clock.today(), person_id, *people_args(actor))
    return schemas.Person.model_validate(dict(_found(row)))


async def people(reader: Reader, actor: Actor, query: schemas.PersonQuery, cursor: Cursor) -> schemas.PersonPage:
    """By name."""
    filters = (containing(query.q), query.active, query.unit_id, query.unit_subtree)
    sheet = await PEOPLE.read(reader, (clock.today(), *people_args(actor), *filters), query, cursor)
    return schemas.PersonPage.model_validate({"items": [dict(row) for row in sheet.rows], **sheet.envelope()})


async def post(reader: Reader, actor: Actor, post_id: UUID) -> schemas.Post:
    """Raises not_found, also for posts of people out of scope."""
    return schemas.Post.model_validate(dict(_found(await reader.fetchrow(POST, post_id, *people_args(actor)))))


async def posts(reader: Reader, actor: Actor, query: schemas.PostQuery, cursor: Cursor) -> schemas.PostPage:
    """In the order of entry."""
    sheet = await POSTS.read(reader, (*people_args(actor), query.person_id, query.unit_id), query, cursor)
    return schemas.PostPage.model_validate({"items": [dict(row) for row in sheet.rows], **sheet.envelope()})
