"""What still stands between an item and its closing, and who can supply it: the answer to "why not yet?", pure from facts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from app.access.permissions import Role
from app.core.errors import Text
from app.lifecycle.facts import Facts, Unmet
from app.lifecycle.guards import LEAD, Guard, plan_approver_separate
from app.lifecycle.guards_closing import JUDGES, clock_runs, closure_decided, closure_signer_separate, gates_hold
from app.lifecycle.states import TERMINAL, Action, Gate, GateStatus, State
from app.lifecycle.transitions import BY_ACTION, NEED_DATA

NEXT: Final[Mapping[State, Action]] = {
    State.DRAFT: Action.SUBMIT,
    State.SUBMITTED: Action.REGISTER,
    State.REGISTERED: Action.ASSIGN,
    State.ASSIGNED: Action.ACKNOWLEDGE,
    State.PLANNING: Action.SUBMIT_PLAN,
    State.PLAN_REVIEW: Action.APPROVE_PLAN,
    State.RECTIFYING: Action.REPORT_COMPLETION,
    State.SUSTAINING: Action.REPORT_COMPLETION,
    State.VERIFYING: Action.PASS_VERIFICATION,
    State.CLOSING: Action.APPROVE_CLOSURE,
    State.PUBLIC_NOTICE: Action.FINISH_NOTICE,
}
"""The one action of each state that leads on to closing; none leads on from a closed item or off the ledger."""

_SUBMITTED: Final = frozenset({State.VERIFYING, State.CLOSING, State.PUBLIC_NOTICE, State.CLOSED})
_SIGNED: Final = frozenset({State.CLOSING, State.PUBLIC_NOTICE, State.CLOSED})
_PERSONAL: Final = frozenset({plan_approver_separate, closure_signer_separate})
"""About the caller and not the item: told only to those whose turn it could be."""

_AHEAD: Final[Mapping[State, tuple[Guard, ...]]] = {State.VERIFYING: (closure_decided, clock_runs)}
"""What the signatures will ask for and can be supplied before them."""

_HELD: Final = frozenset({GateStatus.PASSED, GateStatus.WAIVED})
_NO_REPORT: Final = Text("尚未申请销号", "completion has not been reported")
_OFF_LEDGER: Final = Text("该问题已出账，不再销号", "the item is off the ledger and will not be closed")
NO_SUB_CHECK: Final = Text(
    "尚无纪检监察机构的追责核查", "the discipline office has not made its accountability sub-check"
)
SUB_CHECK_MISSING: Final = "gate.rectification_adequate.accountability_sub_check_missing"


@dataclass(frozen=True, slots=True)
class GateReadiness:
    """One gate; `missing` is empty when it holds."""

    gate: Gate
    status: GateStatus
    missing: tuple[Unmet, ...]


@dataclass(frozen=True, slots=True)
class Link:
    """One step of the approval chain, counted from 1; `signer_id` is null until it is signed."""

    step: int
    role: Role
    label: Text
    signed: bool
    signer_id: UUID | None


@dataclass(frozen=True, slots=True)
class Readiness:
    """`ready` says that nothing stands in the way of `next_action`, except that somebody has to take it."""

    next_action: Action | None
    ready: bool
    gates: tuple[GateReadiness, ...]
    guards: tuple[Unmet, ...]
    chain: tuple[Link, ...]


def readiness(f: Facts, findings: Mapping[Gate, Sequence[Unmet]]) -> Readiness:
    """`findings` are the reasons recorded with the latest verdict on each gate of the current submission."""
    gates = tuple(_gate(f, gate, tuple(findings.get(gate, ()))) for gate in Gate)
    guards = tuple(_guards(f))
    ready = not guards and not any(gate.missing for gate in gates)
    return Readiness(NEXT.get(f.state), ready, gates, guards, _chain(f))


def _guards(f: Facts) -> list[Unmet]:
    if f.state in TERMINAL:
        return [Unmet("state.off_ledger", _OFF_LEDGER)]
    action = NEXT.get(f.state)
    if action is None:
        return []
    found = [] if f.state in _SUBMITTED else [Unmet("completion.not_reported", _NO_REPORT, LEAD)]
    transition = BY_ACTION[action]
    mine = bool(f.parties & transition.by)
    for guard in (*transition.guards, *_AHEAD.get(f.state, ())):
        if guard is gates_hold or guard in NEED_DATA or (guard in _PERSONAL and not mine):
            continue
        found.extend(guard(f))
    return found


def _gate(f: Facts, gate: Gate, findings: tuple[Unmet, ...]) -> GateReadiness:
    """Results of an earlier submission say what to mend, but count for nothing until the next report is judged."""
    status = f.gate(gate)
    if f.state in TERMINAL or f.state is State.CLOSED:
        return GateReadiness(gate, status, ())
    if f.state not in _SUBMITTED:
        asked = Unmet(f"gate.{gate.value}.not_submitted", _NO_REPORT, LEAD)
        return GateReadiness(gate, status, (asked, *findings))
    held = status in _HELD and (status is GateStatus.PASSED or gate is Gate.PEOPLE_SATISFIED)
    if held:
        return GateReadiness(gate, status, ())
    text = Text(f"“{gate.zh}”{status.zh}", f"gate {gate.value} is {status.value}")
    missing = [Unmet(f"gate.{gate.value}.{status.value}", text, _judges(f, gate)), *findings]
    if gate is Gate.RECTIFICATION_ADEQUATE and f.policy.accountability_by_discipline_office:
        missing += _sub_check(f)
    return GateReadiness(gate, status, tuple(missing))


def _judges(f: Facts, gate: Gate) -> tuple[str, ...]:
    waivable = gate is not Gate.PEOPLE_SATISFIED or f.policy.people_satisfied.waivable
    return tuple(role for role in JUDGES[gate] if waivable or role != Role.LEADER)


def _sub_check(f: Facts) -> list[Unmet]:
    made = any(g.gate == Gate.RECTIFICATION_ADEQUATE and g.part == "accountability" for g in f.gates)
    return [] if made else [Unmet(SUB_CHECK_MISSING, NO_SUB_CHECK, (Role.DISCIPLINE_OFFICE.value,))]


def _chain(f: Facts) -> tuple[Link, ...]:
    """The pinned chain, or what the policy in force would ask for; countersignatures (no step) are no part of it."""
    roles = f.item["chain"] or [step.role.value for step in f.policy.approval_chain]
    labels = [Text(step.label_zh, step.label_en) for step in f.policy.approval_chain]
    signers = {
        a.step: a.signer_id
        for a in f.approvals
        if a.purpose == "closure" and a.opinion == "agree" and a.closing_round == f.item["closing_round"]
    }
    links = []
    for step, (role, label) in enumerate(zip(roles, labels, strict=True), start=1):
        reached = step <= f.item["chain_step"] or (f.item["closed_offline"] and step == len(roles))
        signed = f.state in _SIGNED and reached and step in signers
        links.append(Link(step, Role(role), label, signed, signers[step] if signed else None))
    return tuple(links)
