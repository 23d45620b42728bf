"""An item as the sum of its events: the row at any moment, out of what the history says and nothing else.

The first event tells every column that differs from a blank item, each later one every column that changed. Columns
of codes, dates, numbers and ids are told together in the field `set`; a column of words is a field of its own name.
Version, state, times and the head are what the body itself says. A column of words whose telling was redacted is blank
from there on, until a later event tells it again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

SET = "set"


class NotTold(Exception):  # noqa: N818 - it says what the history lacks
    """The history does not tell the row: its first event is of a time when events did not."""


@dataclass(frozen=True, slots=True)
class Told:
    """One event: its parsed body, its leaf hash in hex, and the values disclosed beside it."""

    body: Mapping[str, Any]
    hash: str
    said: Mapping[str, Any]


def fold(start: Mapping[str, Any], words: Collection[str], events: Iterable[Told]) -> dict[str, Any]:
    """The row after the last of an item's events from its first on, with values as JSON has them.

    `start` holds every column of a blank item, `words` names the columns that are fields of their own. Raises NotTold.
    """
    row = dict(start)
    for event in events:
        body, said = event.body, event.said
        if (body["seq"] == 1 or SET in body["pay"]) and SET not in said:
            raise NotTold
        row |= said.get(SET, {})
        row |= {name: said.get(name, start[name]) for name in body["pay"] if name in words}
        row |= {"version": body["seq"], "state": body["to"], "updated_at": body["at"], "head_hash": event.hash}
        if body["seq"] == 1:
            row |= {"id": body["subject"]["id"], "created_at": body["at"]}
    return row
