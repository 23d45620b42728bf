"""Who must move next, as (role, unit): pure from the item's row, so that a to-do list can never disagree with the state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from app.access.permissions import Role
from app.lifecycle.states import Gate, GateStatus, State

Mover = tuple[Role, UUID]
_LEADING = (Role.UNIT_HEAD, Role.LIAISON)
_JUDGE = {
    Gate.PROBLEM_SOLVED: Role.VERIFIER,
    Gate.RECTIFICATION_ADEQUATE: Role.SUPERVISION_OFFICE,
    Gate.PEOPLE_SATISFIED: Role.SURVEY_RUNNER,
}


def movers(item: Mapping[str, Any]) -> list[Mover]:  # noqa: PLR0911 - one return a state reads like the table it is
    """At least one for every open item, none for a terminal or closed one; offices sit at the ledger's unit."""
    state = State(item["state"])
    ledger: UUID = item["ledger_unit_id"]
    lead: UUID | None = item["lead_unit_id"]
    if state is State.DRAFT:
        return [(Role.LIAISON, item["finder_unit_id"])]
    if state in {State.SUBMITTED, State.REGISTERED, State.PUBLIC_NOTICE}:
        return [(Role.SUPERVISION_OFFICE, ledger)]
    if lead is None:
        return []
    if state is State.PLAN_REVIEW:
        return [(Role.LEADER, lead)]
    if state is State.VERIFYING:
        return _judges(item, ledger, lead)
    if state is State.CLOSING:
        role = Role(item["chain"][item["chain_step"]])
        return [(role, lead if role is Role.LEADER else ledger)]
    if state in {State.ASSIGNED, State.PLANNING, State.RECTIFYING}:
        return [(role, lead) for role in _LEADING]
    if state is State.SUSTAINING:
        return [(Role.UNIT_HEAD, lead), (Role.SUPERVISION_OFFICE, ledger)]
    return []


def _judges(item: Mapping[str, Any], ledger: UUID, lead: UUID) -> list[Mover]:
    status = {gate: GateStatus(item[f"gate_{gate}"]) for gate in Gate}
    if GateStatus.FAILED in status.values():
        return [(Role.VERIFIER, lead), (Role.SUPERVISION_OFFICE, ledger)]
    waiting = [
        _JUDGE[gate] for gate, value in status.items() if value in {GateStatus.PENDING, GateStatus.NOT_EVALUABLE}
    ]
    # A survey is no transition: where only that is missing, the office is told too, since it can still end the wait.
    found = waiting if set(waiting) - {Role.SURVEY_RUNNER} else [*waiting, Role.SUPERVISION_OFFICE]
    return [(role, ledger if role is Role.SUPERVISION_OFFICE else lead) for role in found]
