"""What an action does to the data, as a value: made purely from facts, carried out by `advance` alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlmodel import SQLModel


@dataclass(frozen=True, slots=True)
class ChildUpdate:
    """Changes to rows of a child table that match `where` (column = value), within the item.

    A row is marked with the event that changed it, by which the latest verdict and what was known at a moment are told.
    With `marks` off it stays that of the event before: a redaction takes words away and says nothing new.
    """

    table: type[SQLModel]
    where: Mapping[str, Any]
    changes: Mapping[str, Any]
    marks: bool = True


@dataclass(frozen=True, slots=True)
class Touch:
    """Another item that takes in the origins of this one, in the same transaction and with an event of its own."""

    item_id: UUID
    giver: Mapping[str, Any]
    own_source_too: bool


@dataclass(frozen=True, slots=True)
class NewItem:
    """A child made by a split: registered at once, with a number of its own."""

    id: UUID
    columns: Mapping[str, Any]
    fields: Mapping[str, Any]


@dataclass(slots=True)
class Effect:
    """`changes` are columns of the item; `fields` is what the event discloses."""

    changes: dict[str, Any] = field(default_factory=dict)
    fields: dict[str, Any] = field(default_factory=dict)
    inserts: list[tuple[type[SQLModel], dict[str, Any]]] = field(default_factory=list)
    updates: list[ChildUpdate] = field(default_factory=list)
    touches: list[Touch] = field(default_factory=list)
    created: list[NewItem] = field(default_factory=list)
    needs_number: bool = False
    units_changed: bool = False
    people_changed: bool = False
    text_changed: bool = False
    cites: list[UUID] = field(default_factory=list)
