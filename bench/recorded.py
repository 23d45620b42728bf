"""What has been recorded of a seeded item: events sealed by the trail's own envelope, one for all of it or one a version."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any, Final

from app.access.actor import SYSTEM, Actor
from app.core.ids import uuid7
from app.lifecycle.transitions import RULES
from app.trail.canonical import canonical, commitment
from app.trail.envelope import START, Entry, Head, Origin, envelope
from bench import words
from bench.organisation import made_id

APART: Final = timedelta(days=9)
"""Between one version and the next, where an item has several."""
_IMPORT: Final = Origin(SYSTEM, "bench", None)


@dataclass(frozen=True, slots=True)
class Recorded:
    """One event; `disclosures` are the rows that say what is in it."""

    row: tuple[Any, ...]
    seq: int
    hash: bytes
    disclosures: list[tuple[Any, ...]]


def events(random: Random, item: Mapping[str, Any], changes: int) -> Iterator[Recorded]:
    """As many as `changes`, the last at the item's version; a single one stands for the whole past and says nothing."""
    head = START
    for number in range(1, changes + 1):
        seq = item["version"] - changes + number
        at = item["updated_at"] - APART * (changes - number)
        type_ = "item.imported" if number == 1 else "item.progress_reported"
        fields = {} if number == 1 else _progress(random, 100 * number // changes)
        origin = _IMPORT if number == 1 else _finder(item)
        entry = Entry("item", item["id"], type_, at, fields, None if number == 1 else item["state"], item["state"],
                      ver=seq, rules=RULES)  # fmt: skip
        event_id = uuid7()
        salts = {name: random.randbytes(32) for name in fields}
        pay = {name: commitment(name, value, salts[name]) for name, value in fields.items()}
        sealed = envelope(entry, head, origin, event_id, pay)
        head = Head(head.seq + 1, sealed.hash)
        row = (event_id, "item", item["id"], seq, type_, at, origin.actor_id, sealed.body, sealed.hash)
        yield Recorded(
            row, seq, sealed.hash, [(event_id, name, salts[name], canonical(value)) for name, value in fields.items()]
        )


def _progress(random: Random, percent: int) -> dict[str, Any]:
    said = {"content": words.goal(random), "assessment": "on_track", "reported_on": "2026-01-05"}
    return {"progress": said, "progress_percent": percent}


def _finder(item: Mapping[str, Any]) -> Origin:
    """Whoever found it reports on it: their account and post have the number of the person."""
    person = item["finder_person_id"]
    account, post = (made_id(kind, int(str(person)[-12:])) for kind in (5, 3))
    return Origin(Actor("person", account, None, person, "", item["finder_unit_id"], post, "password"), "bench", None)
