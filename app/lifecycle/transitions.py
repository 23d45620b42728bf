"""The life cycle: one row per action. Enforcement, menus, error bodies, documents and tests all read this table."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from app.lifecycle import action_data as d
from app.lifecycle import guards as g
from app.lifecycle import guards_closing as c
from app.lifecycle.facts import Facts
from app.lifecycle.parties import Party
from app.lifecycle.states import OPEN, Action, Confidentiality, Mode, State

A, S, P = Action, State, Party


@dataclass(frozen=True, slots=True)
class Transition:
    """From where, by whom, under which conditions, to where; `to` lists every state `target` may choose."""

    action: Action
    sources: frozenset[State]
    to: tuple[State, ...]
    by: frozenset[Party]
    guards: tuple[g.Guard, ...]
    data: type[BaseModel]
    event: str
    target: Callable[[Facts], State]


def _row(  # noqa: PLR0913, PLR0917 - one row of a table, read by its columns
    action: Action,
    sources: str | frozenset[State],
    to: str,
    by: tuple[Party, ...],
    event: str,
    data: type[BaseModel] = d.NoData,
    guards: tuple[g.Guard, ...] = (),
    target: Callable[[Facts], State] | None = None,
) -> Transition:
    states = tuple(State(name) for name in to.split())
    from_states = sources if isinstance(sources, frozenset) else frozenset(State(name) for name in sources.split())
    return Transition(
        action, from_states, states, frozenset(by), guards, data, f"item.{event}", target or (lambda _: states[0])
    )


def _stay(f: Facts) -> State:
    return f.state


def _after_acknowledging(f: Facts) -> State:
    ready = f.mode is Mode.IMMEDIATE and f.measures and f.criteria
    return S.RECTIFYING if ready else S.PLANNING


def _after_planning(f: Facts) -> State:
    if f.mode is Mode.IMMEDIATE or (not f.policy.plan_review and not f.major and f.mode is not Mode.SUSTAINED):
        return S.RECTIFYING
    return S.PLAN_REVIEW


def _after_plan(f: Facts) -> State:
    return S.SUSTAINING if f.mode is Mode.SUSTAINED else S.RECTIFYING


def _after_signature(f: Facts) -> State:
    if f.item["chain_step"] + 1 < len(f.item["chain"]):
        return S.CLOSING
    noticed = f.policy.notice_required and f.item["confidentiality"] == Confidentiality.PUBLIC
    return S.PUBLIC_NOTICE if noticed else S.CLOSED


def _after_review(f: Facts) -> State:
    return S.SUSTAINING if f.data.result == d.ReviewResult.ON_TRACK else S.RECTIFYING


def _after_reopening(f: Facts) -> State:
    ready = f.mode is Mode.IMMEDIATE and f.data.measures and f.data.criteria
    return S.RECTIFYING if ready else S.PLANNING


_OFFICE = (P.SUPERVISION_OFFICE,)
_LEAD = (P.LEAD_UNIT,)
_BEFORE_CLOSE_OUT = "registered assigned planning plan_review rectifying sustaining"

TABLE: tuple[Transition, ...] = (
    _row(A.SUBMIT, "draft", "submitted", (P.FINDER,), "submitted", guards=(g.required_fields, g.ledger_is_open)),
    _row(A.REGISTER, "submitted", "registered", _OFFICE, "registered", d.RegisterData,
         (g.classified, g.ledger_is_open, g.duplicates_answered)),
    _row(A.RETURN_FOR_SUPPLEMENT, "submitted", "draft", _OFFICE, "returned_for_supplement", d.ReturnData),
    _row(A.DECLINE, "submitted", "declined", _OFFICE, "declined", d.DeclineData),
    _row(A.MERGE, "submitted registered assigned planning", "merged", _OFFICE, "merged", d.MergeData,
         (g.merge_target_fits,)),
    _row(A.SPLIT, "registered assigned planning", "split", _OFFICE, "split", d.SplitData, (g.two_children,)),
    _row(A.ASSIGN, "registered", "assigned", _OFFICE, "assigned", d.AssignData,
         (g.assignment_complete, g.deadline_structured)),
    _row(A.DECLINE_ASSIGNMENT, "assigned", "registered", _LEAD, "assignment_declined", d.DeclineAssignmentData,
         (g.may_still_decline,)),
    _row(A.RECALL, "assigned planning plan_review", "registered", _OFFICE, "recalled", d.ReasonData),
    _row(A.ACKNOWLEDGE, "assigned", "planning rectifying", _LEAD, "acknowledged", target=_after_acknowledging),
    _row(A.SUBMIT_PLAN, "planning", "plan_review rectifying", _LEAD, "plan_submitted", d.PlanData,
         (g.has_measures_and_criteria, g.measures_complete, g.root_cause_stated), _after_planning),
    _row(A.APPROVE_PLAN, "plan_review", "rectifying sustaining", (P.LEADER,), "plan_approved", d.ApprovePlanData,
         (g.plan_approver_separate, g.plan_decided), _after_plan),
    _row(A.RETURN_PLAN, "plan_review", "planning", (P.LEADER,), "plan_returned", d.ReturnData),
    _row(A.REPORT_COMPLETION, "rectifying sustaining", "verifying", (P.LEAD_UNIT_HEAD,), "completion_reported",
         d.CompletionData, (g.has_measures_and_criteria, g.measures_finished, g.criteria_evidenced, g.nothing_pending,
                            g.truthfulness_declared, g.evidence_known)),
    _row(A.WITHDRAW_COMPLETION, "verifying", "rectifying", _LEAD, "completion_withdrawn", d.ReasonData,
         (c.no_gate_judged,)),
    _row(A.FAIL_VERIFICATION, "verifying", "rectifying", (P.VERIFIER, P.SUPERVISION_OFFICE), "verification_failed",
         d.FailData, (c.some_gate_failed,)),
    _row(A.PASS_VERIFICATION, "verifying", "closing", _OFFICE, "verification_passed", guards=(c.gates_hold,)),
    _row(A.APPROVE_CLOSURE, "closing", "closing public_notice closed", (P.CHAIN_STEP,), "closure_approved",
         d.ClosureData, (c.gates_hold, c.closure_signer_separate, c.closure_decided, c.clock_runs), _after_signature),
    _row(A.REJECT_CLOSURE, "closing", "rectifying verifying", (P.CHAIN_STEP, P.CHAIN_MEMBER), "closure_rejected", d.RejectData,
         target=lambda f: State(f.data.to_state)),
    _row(A.FINISH_NOTICE, "public_notice", "closed", (P.SYSTEM, P.SUPERVISION_OFFICE), "notice_finished",
         guards=(c.notice_over, c.no_open_objection, c.gates_hold)),
    _row(A.UPHOLD_OBJECTION, "public_notice", "rectifying", _OFFICE, "objection_upheld", d.UpholdData,
         (c.objection_fits,)),
    _row(A.ENTER_SUSTAINING, "rectifying", "sustaining", (P.LEADER,), "sustaining_entered", d.SustainData,
         (c.sustain_approved, c.sustain_decided, c.review_within_half_year)),
    _row(A.STAGE_REVIEW, "sustaining", "sustaining rectifying", _OFFICE, "stage_reviewed", d.StageReviewData,
         (c.review_planned, c.review_within_half_year, g.evidence_known), _after_review),
    _row(A.RECLASSIFY, OPEN, " ".join(sorted(OPEN)), (P.SUPERVISION_OFFICE, P.FIRST_RESPONSIBLE), "reclassified",
         d.ReclassifyData, (c.reclassification_allowed,), _stay),
    _row(A.HAND_OVER, OPEN, " ".join(sorted(OPEN)), (P.LEAD_UNIT_HEAD, P.SUPERVISION_OFFICE), "handed_over",
         d.HandOverData, (c.hand_over_fits,), _stay),
    _row(A.REOPEN, "closed", "planning rectifying",
         (P.SUPERVISION_OFFICE, P.DISCIPLINE_OFFICE, P.SOURCE_OFFICE, P.LEAD_UNIT), "reopened", d.ReopenData,
         (c.reopen_reason_fits, c.reopened_measures_known, g.evidence_known, g.deadline_structured), _after_reopening),
    _row(A.VOID, _BEFORE_CLOSE_OUT, "voided", (P.FIRST_RESPONSIBLE,), "voided", d.VoidData,
         (c.void_justified, c.void_decided)),
    _row(A.TRANSFER, f"submitted {_BEFORE_CLOSE_OUT}", "transferred", (P.DISCIPLINE_OFFICE,), "transferred",
         d.TransferData, (c.office_opinion_given,)),
    _row(A.RECORD_OFFLINE_CLOSURE, "verifying closing", "closed", _OFFICE, "closed_offline", d.OfflineClosureData,
         (c.gates_hold, c.offline_decider_fits, c.closure_decided, c.clock_runs)),
)  # fmt: skip

NEED_DATA: frozenset[g.Guard] = frozenset(
    {
        g.classified,
        g.merge_target_fits,
        g.two_children,
        g.assignment_complete,
        g.deadline_structured,
        g.duplicates_answered,
        g.root_cause_stated,
        g.truthfulness_declared,
        g.evidence_known,
        c.objection_fits,
        c.review_within_half_year,
        c.review_planned,
        c.reclassification_allowed,
        c.hand_over_fits,
        c.reopen_reason_fits,
        c.reopened_measures_known,
        c.void_justified,
        c.offline_decider_fits,
    }
)
"""Guards about what the action brings along: a preview without a body cannot judge them."""

BY_ACTION: dict[Action, Transition] = {row.action: row for row in TABLE}


def rules_table() -> list[dict[str, Any]]:
    """The table in force as plain data: what is hashed, and what the log publishes under that hash."""
    return [
        {
            "action": row.action.value,
            "from": sorted(row.sources),
            "to": list(row.to),
            "by": sorted(row.by),
            "guards": [guard.__name__ for guard in row.guards],
        }
        for row in TABLE
    ]


def rules_hash() -> str:
    """SHA-256 of the table in force, put into every event so that a verifier knows by which rules a step was legal."""
    text = json.dumps(rules_table(), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


RULES = rules_hash()
