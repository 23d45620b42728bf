"""What this caller could do with an item now, and what stands in the way: buttons and forms for any front end."""

from __future__ import annotations

from uuid import UUID

from app.access.actor import Actor
from app.core import clock
from app.core.db import Reader
from app.core.errors import Problem
from app.lifecycle.facts import Unmet
from app.lifecycle.gather import gather, read_items
from app.lifecycle.judge import Step, build_facts, everything_named, unmet
from app.lifecycle.parties import parties
from app.lifecycle.states import Action, State
from app.lifecycle.transitions import TABLE


async def preview(reader: Reader, actor: Actor, item_id: UUID) -> list[tuple[Action, list[Unmet]]]:
    """Actions open to the caller by state and role, each with the guards unmet so far; what the form brings is not judged."""
    rows = await read_items(reader, [item_id])
    row = rows.get(item_id)
    if row is None:
        raise Problem("not_found")
    now = clock.shifted(row["db_now"])
    named = everything_named(actor, [row])
    gathered, calendar = await gather(reader, [item_id], named, clock.beijing_date(now))
    played = parties(actor, row)
    found = []
    for transition in TABLE:
        if State(row["state"]) not in transition.sources or not transition.by & played:
            continue
        step = Step(item_id, transition.action, None, None)
        facts = build_facts(step, actor, played, row, gathered[item_id], calendar, now, {}, ())
        found.append((transition.action, unmet(transition, facts, with_data=False)))
    return found
