"""Gapless numbers: the counter row is raised in the registering transaction, so a rollback burns nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from app.core.db import Tx
from app.lifecycle.create import Draft
from app.lifecycle.effect import Effect
from app.lifecycle.facts import Facts
from app.lifecycle.judge import Step
from app.lifecycle.numbering import render, year_of
from app.lifecycle.policy import PolicyRules

ISSUE = """
INSERT INTO number_counter (ledger_id, year, last)
SELECT ledger_id, year, n FROM unnest($1::uuid[], $2::int[], $3::int[]) AS c(ledger_id, year, n) ORDER BY ledger_id, year
ON CONFLICT (ledger_id, year) DO UPDATE SET last = number_counter.last + EXCLUDED.last
RETURNING ledger_id, year, last
"""


async def number_all(tx: Tx, passed: Sequence[tuple[Step, Facts]], effects: Sequence[Effect]) -> list[Draft]:
    """Gives every registering item and every split child its number; counters are taken in one order, so none deadlock."""
    wanted: Counter[tuple[UUID, int]] = Counter()
    for (_, facts), effect in zip(passed, effects, strict=True):
        wanted[facts.item["ledger_id"], year_of(facts.now)] += effect.needs_number + len(effect.created)
    wanted = +wanted
    if not wanted:
        return []
    keys = sorted(wanted)
    rows = await tx.fetch(ISSUE, [key[0] for key in keys], [key[1] for key in keys], [wanted[key] for key in keys])
    following = {(row["ledger_id"], row["year"]): row["last"] - wanted[row["ledger_id"], row["year"]] for row in rows}
    drafts: list[Draft] = []
    for (step, facts), effect in zip(passed, effects, strict=True):
        key = (facts.item["ledger_id"], year_of(facts.now))
        if effect.needs_number:
            following[key] += 1
            effect.changes["number"] = _number(facts.policy, facts.item["source_type"], key[1], following[key])
            effect.fields["number"] = effect.changes["number"]
        for child in effect.created:
            following[key] += 1
            number = _number(facts.policy, facts.item["source_type"], key[1], following[key])
            columns: dict[str, Any] = {**child.columns, "number": number}
            told = {**child.fields, "number": number}
            drafts.append(Draft(child.id, columns, "item.split_off", told, step.on_behalf_of))
    return drafts


def _number(policy: PolicyRules, source: str, year: int, serial: int) -> str:
    return render(policy.number_template, policy.number_prefix, source, year, serial)
