"""One function per action: facts in, the change out. The state itself is set by `advance` from the table."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

from app.core.ids import uuid7
from app.lifecycle import deadlines
from app.lifecycle.action_data import plain
from app.lifecycle.effect import ChildUpdate, Effect
from app.lifecycle.effects_closing import CLOSING_EFFECTS
from app.lifecycle.effects_common import BACK_TO_WORK, due_changes, stamp
from app.lifecycle.effects_registry import REGISTRY_EFFECTS
from app.lifecycle.facts import Facts
from app.lifecycle.states import Action, Gate, GateStatus, State
from app.lifecycle.transitions import BY_ACTION
from app.tables.closeout import StageReview
from app.tables.rectify import PlanVersion, Submission

A = Action


def _reason(f: Facts) -> Effect:
    return Effect(fields=plain(f.data))


def _assign(f: Facts) -> Effect:
    data = f.data
    changes: dict[str, Any] = {"assigned_at": f.now, "assigned_on": f.occurred_on}
    for name in (
        "lead_unit_id", "cooperating_unit_ids", "accountable_leader_ids", "responsible_unit_id", "responsible_person_id",
        "liaison_id", "mode",
    ):  # fmt: skip
        value = getattr(data, name)
        if value is not None:
            changes[name] = value
    if f.item["responsible_unit_id"] is None and data.responsible_unit_id is None:
        changes["responsible_unit_id"] = data.lead_unit_id or f.item["lead_unit_id"]
    deadline = data.deadline or deadlines.again(f.item["deadline"])
    changes |= due_changes(f, deadline, f.occurred_on)
    return Effect(changes, plain(data), units_changed=True)


def _decline_assignment(f: Facts) -> Effect:
    return Effect({"decline_count": f.item["decline_count"] + 1}, plain(f.data))


def _recall(f: Facts) -> Effect:
    effect = _reason(f)
    if f.state is State.PLAN_REVIEW:
        effect.updates.append(_plan_outcome(f, "withdrawn"))
    return effect


def _acknowledge(f: Facts) -> Effect:
    effect = Effect({"acknowledged_at": f.now})
    deadline = deadlines.again(f.item["deadline"])
    if deadline is not None and deadlines.starts_at_acknowledgement(f.item["deadline"]):
        effect.changes |= due_changes(f, deadline, f.occurred_on)
    if BY_ACTION[A.ACKNOWLEDGE].target(f) is State.RECTIFYING:
        _freeze_plan(f, effect, "approved")
    return effect


def _submit_plan(f: Facts) -> Effect:
    effect = Effect(fields=plain(f.data))
    for name in ("root_cause", "goal"):
        if getattr(f.data, name) is not None:
            effect.changes[name] = getattr(f.data, name)
    reviewed = BY_ACTION[A.SUBMIT_PLAN].target(f) is State.PLAN_REVIEW
    _freeze_plan(f, effect, "submitted" if reviewed else "approved")
    return effect


def _freeze_plan(f: Facts, effect: Effect, status: str) -> None:
    number = f.item["plan_version"] + 1
    authors = {f.actor_person_id, f.on_behalf_of}
    authors = authors.union(*(measure.authors for measure in f.measures), *(c.authors for c in f.criteria))
    content = {
        "root_cause": effect.changes.get("root_cause", f.item["root_cause"]),
        "goal": effect.changes.get("goal", f.item["goal"]),
        "measures": list(f.plan_content.get("measures", ())),
        "criteria": list(f.plan_content.get("criteria", ())),
    }
    effect.changes["plan_version"] = number
    effect.fields |= {"plan_version": number, "plan": content}
    decided = status == "approved"
    effect.inserts.append((
        PlanVersion,
        {
            "plan_version": number, "cycle": f.item["cycle"], "status": status, "content": content,
            "author_ids": sorted(author for author in authors if author), "submitted_by": f.actor_person_id,
            "submitted_at": f.occurred_at, "decided_by": f.actor_person_id if decided else None,
            "decided_at": f.now if decided else None,
        },
    ))  # fmt: skip


def _plan_outcome(f: Facts, status: str, note: str | None = None) -> ChildUpdate:
    changes = {"status": status, "decided_by": f.actor_person_id, "decided_at": f.now, "decision_note": note}
    return ChildUpdate(PlanVersion, {"plan_version": f.item["plan_version"]}, changes)


def _approve_plan(f: Facts) -> Effect:
    effect = Effect(fields={"plan_version": f.item["plan_version"], **plain(f.data)})
    effect.updates.append(_plan_outcome(f, "approved", f.data.opinion))
    if BY_ACTION[A.APPROVE_PLAN].target(f) is State.SUSTAINING and f.item["deadline"].get("review_on"):
        effect.changes["next_review_on"] = date.fromisoformat(f.item["deadline"]["review_on"])
    return effect


def _return_plan(f: Facts) -> Effect:
    effect = Effect(fields={"plan_version": f.item["plan_version"], **plain(f.data)})
    effect.updates.append(_plan_outcome(f, "returned", f.data.reason))
    return effect


def _report_completion(f: Facts) -> Effect:
    number = f.item["submission_no"] + 1
    chain = [step.role.value for step in f.policy.approval_chain]
    changes = {
        "submission_no": number, "policy_version": f.policy_version, "chain": chain, "chain_step": 0,
        "completed_at": f.occurred_at,
    } | {f"gate_{gate}": GateStatus.PENDING.value for gate in Gate}  # fmt: skip
    row = {
        "id": uuid7(), "submission_no": number, "cycle": f.item["cycle"], "summary": f.data.summary,
        "policy_version": f.policy_version, "submitted_by": f.actor_person_id, "on_behalf_of": f.on_behalf_of,
        "submitted_unit_id": f.item["lead_unit_id"],
        "declared_true": True, "evidence_ids": f.data.evidence_ids, "submitted_at": f.now, "occurred_at": f.occurred_at,
    }  # fmt: skip
    cited = sorted(f.criterion_evidence_ids | set(f.data.evidence_ids))
    return Effect(changes, {"submission_no": number, **plain(f.data)}, inserts=[(Submission, row)], cites=cited)


def _back_to_work(f: Facts) -> Effect:
    return Effect({**BACK_TO_WORK}, plain(f.data))


def _pass_verification(f: Facts) -> Effect:
    return Effect({"chain_step": 0, "closing_round": f.item["closing_round"] + 1})


def _enter_sustaining(f: Facts) -> Effect:
    changes = {"next_review_on": f.data.next_review_on, "goal": f.data.stage_goal}
    return Effect(changes, plain(f.data))


def _stage_review(f: Facts) -> Effect:
    data = f.data
    row = {
        "id": uuid7(), "cycle": f.item["cycle"], "reviewed_on": f.occurred_on, "result": data.result.value,
        "summary": data.summary, "next_review_on": data.next_review_on, "reviewer_id": f.actor_person_id,
        "evidence_ids": data.evidence_ids,
    }  # fmt: skip
    changes = {"next_review_on": data.next_review_on}
    return Effect(changes, plain(data), inserts=[(StageReview, row)], cites=list(data.evidence_ids))


def _reclassify(f: Facts) -> Effect:
    data = f.data
    changes: dict[str, Any] = {
        name: stamp(getattr(data, name)) for name in ("category", "severity", "confidentiality") if getattr(data, name)
    }
    if data.major_matter:
        changes |= {"major_kind": data.major_matter.kind.value, "major_basis": data.major_matter.basis}
    if data.drop_major_matter:
        changes |= {"major_kind": None, "major_basis": None}
    return Effect(changes, plain(data))


def _hand_over(f: Facts) -> Effect:
    data = f.data
    former = list(dict.fromkeys([*f.item["former_holder_ids"], data.from_person_id]))
    if data.role == "accountable_leader":
        kept = [
            data.to_person_id if person == data.from_person_id else person
            for person in f.item["accountable_leader_ids"]
        ]
        changes: dict[str, Any] = {"accountable_leader_ids": list(dict.fromkeys(kept))}
    else:
        changes = {f"{data.role.value}_id": data.to_person_id}
    return Effect({**changes, "former_holder_ids": former}, plain(data), people_changed=True)


EFFECTS: dict[Action, Callable[[Facts], Effect]] = {
    **REGISTRY_EFFECTS,
    **CLOSING_EFFECTS,
    A.SUBMIT: lambda _: Effect(),
    A.RETURN_FOR_SUPPLEMENT: _reason,
    A.DECLINE: _reason,
    A.ASSIGN: _assign,
    A.DECLINE_ASSIGNMENT: _decline_assignment,
    A.RECALL: _recall,
    A.ACKNOWLEDGE: _acknowledge,
    A.SUBMIT_PLAN: _submit_plan,
    A.APPROVE_PLAN: _approve_plan,
    A.RETURN_PLAN: _return_plan,
    A.REPORT_COMPLETION: _report_completion,
    A.WITHDRAW_COMPLETION: _back_to_work,
    A.FAIL_VERIFICATION: _back_to_work,
    A.PASS_VERIFICATION: _pass_verification,
    A.ENTER_SUSTAINING: _enter_sustaining,
    A.STAGE_REVIEW: _stage_review,
    A.RECLASSIFY: _reclassify,
    A.HAND_OVER: _hand_over,
    A.TRANSFER: _reason,
}
