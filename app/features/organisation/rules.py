"""What may be said of the unit tree without looking anything up."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID


def would_cycle(unit_id: UUID, new_parent_path: Sequence[UUID]) -> bool:
    """A unit cannot come below itself: the new parent's path from the root must not run through it."""
    return unit_id in new_parent_path


def path_below(parent_path: Sequence[UUID], unit_id: UUID) -> list[UUID]:
    """The path of a unit from the root, itself included."""
    return [*parent_path, unit_id]
