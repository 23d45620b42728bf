"""Effects around 销号: signatures, notice, closing, offline closing, reopening."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

from app.core.ids import uuid7
from app.core.workdays import CalendarUncertain
from app.lifecycle.action_data import plain
from app.lifecycle.effect import ChildUpdate, Effect
from app.lifecycle.effects_common import BACK_TO_WORK, due_changes
from app.lifecycle.facts import Facts
from app.lifecycle.parties import Party
from app.lifecycle.states import Action, Gate, GateStatus, State
from app.lifecycle.transitions import BY_ACTION
from app.tables.closeout import Approval, GateResult, Objection
from app.tables.item import ItemCycle
from app.tables.rectify import Criterion, Measure

A = Action
LOOK_BACK_AFTER = timedelta(days=180)
_FROZEN = (
    "lead_unit_id", "responsible_unit_id", "cooperating_unit_ids", "accountable_leader_ids", "responsible_person_id",
    "liaison_id", "mode", "deadline", "due_on", "original_due_on", "goal", "root_cause", "plan_version",
    "submission_no", "policy_version", "gate_problem_solved", "gate_rectification_adequate", "gate_people_satisfied",
    "measures_total", "measures_done", "disposition", "closed_offline",
)  # fmt: skip


def _step(f: Facts) -> int:
    """The step a signature belongs to: any role of the chain may reject, and then does so in its own name."""
    step: int = f.item["chain_step"]
    if Party.CHAIN_STEP in f.parties:
        return step
    return next((place for place, role in enumerate(f.item["chain"]) if Party(role) in f.parties), step)


def _signature(f: Facts, opinion: str, comment: str | None) -> tuple[type[Approval], dict[str, Any]]:
    step = _step(f)
    return Approval, {
        "id": uuid7(), "cycle": f.item["cycle"], "submission_no": f.item["submission_no"],
        "closing_round": f.item["closing_round"], "purpose": "closure", "step": step + 1,
        "role": f.item["chain"][step], "opinion": opinion, "comment": comment, "signer_id": f.actor_person_id,
        "signer_unit_id": f.actor_unit_id, "on_behalf_of": f.on_behalf_of, "occurred_at": f.occurred_at,
        "recorded_at": f.now,
    }  # fmt: skip


def _approve(f: Facts) -> Effect:
    effect = Effect(fields={"step": f.item["chain_step"] + 1, **plain(f.data)})
    effect.inserts.append(_signature(f, "agree", f.data.opinion))
    effect.changes["chain_step"] = f.item["chain_step"] + 1
    target = BY_ACTION[A.APPROVE_CLOSURE].target(f)
    if target is not State.CLOSING:
        effect.changes["disposition"] = f.data.disposition.value
    if target is State.PUBLIC_NOTICE:
        effect.changes |= {"notice_started_on": f.today, "notice_ends_on": _notice_end(f)}
    if target is State.CLOSED:
        _close(f, effect)
    return effect


def _notice_end(f: Facts) -> date:
    """The last day of the window, by working days; without a calendar by twice as many calendar days, never fewer."""
    try:
        return f.calendar.add_workdays(f.today, f.policy.notice_days)
    except CalendarUncertain:
        return f.today + timedelta(days=2 * f.policy.notice_days)


def _close(f: Facts, effect: Effect) -> None:
    """Stamps the closing and freezes the cycle as it stood."""
    changes = effect.changes | {"closed_at": f.occurred_at, "notice_ends_on": None, "next_review_on": None}
    deadline = f.item["deadline"] or {}
    if deadline.get("continuing"):
        changes["next_look_back_on"] = f.today + LOOK_BACK_AFTER
    effect.changes = changes
    snapshot = {name: plain_value(changes.get(name, f.item[name])) for name in _FROZEN}
    effect.inserts.append((
        ItemCycle,
        {
            "cycle": f.item["cycle"], "closed_at": f.occurred_at,
            "completed_at": f.item["completed_at"], "snapshot": snapshot,
        },
    ))  # fmt: skip


def plain_value(value: Any) -> Any:
    """A column's value as JSON."""
    if isinstance(value, (list, tuple)):
        return [plain_value(entry) for entry in value]
    if value is None or isinstance(value, (str, int, bool, dict)):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _reject(f: Facts) -> Effect:
    effect = Effect(fields={"step": _step(f) + 1, **plain(f.data)})
    effect.inserts.append(_signature(f, "disagree", f.data.reason))
    effect.changes |= BACK_TO_WORK if f.data.to_state == "rectifying" else {"chain_step": 0}
    for gate in f.data.gates:
        effect.changes[f"gate_{gate}"] = GateStatus.PENDING.value
        effect.inserts.append((
            GateResult,
            {
                "id": uuid7(), "cycle": f.item["cycle"], "submission_no": f.item["submission_no"], "gate": gate.value,
                "part": "whole", "result": "reopened", "detail": {}, "comment": f.data.reason,
                "judge_id": f.actor_person_id, "judge_unit_id": f.actor_unit_id, "on_behalf_of": f.on_behalf_of,
                "occurred_at": f.occurred_at, "recorded_at": f.now,
            },
        ))  # fmt: skip
    return effect


def _finish_notice(f: Facts) -> Effect:
    effect = Effect()
    _close(f, effect)
    return effect


def _uphold(f: Facts) -> Effect:
    ruling = {"ruling": "upheld", "ruling_reason": f.data.reason, "ruled_by": f.actor_person_id, "ruled_at": f.now}
    changes = {**BACK_TO_WORK, **dict.fromkeys(("disposition", "notice_started_on", "notice_ends_on"))}
    return Effect(changes, plain(f.data), updates=[ChildUpdate(Objection, {"id": f.data.objection_id}, ruling)])


def _offline(f: Facts) -> Effect:
    """Closed on paper: the decider's signature stands for the chain, and the paper date is the closing date."""
    effect = Effect({"disposition": f.data.disposition.value, "closed_offline": True}, plain(f.data))
    effect.inserts.append((
        Approval,
        {
            "id": uuid7(), "cycle": f.item["cycle"], "submission_no": f.item["submission_no"],
            "closing_round": f.item["closing_round"], "purpose": "closure", "step": len(f.item["chain"]),
            "role": f.item["chain"][-1], "opinion": "agree", "comment": f.data.document_no,
            "signer_id": f.data.decider_id, "signer_unit_id": None, "on_behalf_of": None,
            "occurred_at": f.occurred_at, "recorded_at": f.now,
        },
    ))  # fmt: skip
    effect.cites.append(f.data.scan_id)
    _close(f, effect)
    return effect


def _reopen(f: Facts) -> Effect:
    cycle = f.item["cycle"] + 1
    changes: dict[str, Any] = {
        "cycle": cycle, "closed_at": None, "completed_at": None, "disposition": None, "closed_offline": False,
        "notice_started_on": None, "notice_ends_on": None, "next_look_back_on": None, "policy_version": None, "chain": [],
        "chain_step": 0, "root_cause": None, "former_holder_ids": [], "measures_total": len(f.data.measures), "measures_done": 0,
        "criteria_total": len(f.data.criteria), "progress_percent": 0, "progress_latest": None, "decline_count": 0,
        "cycle_started_at": f.occurred_at, "assigned_at": f.now, "assigned_on": f.occurred_on,
    } | {f"gate_{gate}": GateStatus.PENDING.value for gate in Gate}  # fmt: skip
    changes |= due_changes(f, f.data.deadline, f.occurred_on)
    effect = Effect(changes, {"cycle": cycle, **plain(f.data)}, cites=list(f.data.evidence_ids), people_changed=True)
    common = {
        "cycle": cycle, "author_id": f.actor_person_id, "on_behalf_of": f.on_behalf_of, "created_at": f.now,
        "updated_at": f.now,
    }  # fmt: skip
    for position, measure in enumerate(f.data.measures, start=1):
        spec = {
            name: getattr(measure, name) for name in ("content", "kind", "unit_id", "person_id", "due_on", "weight")
        }
        row = {"id": uuid7(), "position": position, **spec, "status": "not_started", "percent": 0, **common}
        effect.inserts.append((Measure, row))
    for position, criterion in enumerate(f.data.criteria, start=1):
        row = {"id": uuid7(), "position": position, "content": criterion.content, "is_physical": criterion.is_physical}
        effect.inserts.append((Criterion, row | common))
    return effect


CLOSING_EFFECTS: dict[Action, Callable[[Facts], Effect]] = {
    A.APPROVE_CLOSURE: _approve,
    A.REJECT_CLOSURE: _reject,
    A.FINISH_NOTICE: _finish_notice,
    A.UPHOLD_OBJECTION: _uphold,
    A.RECORD_OFFLINE_CLOSURE: _offline,
    A.REOPEN: _reopen,
}
