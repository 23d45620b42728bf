"""Which child of an item may be written when and by whom: the second table of the life cycle, enforced like the first."""

from __future__ import annotations

from dataclasses import dataclass

from app.core.enums import LabelledEnum
from app.lifecycle.parties import Party
from app.lifecycle.states import OPEN, State

P = Party


class Child(LabelledEnum):
    DRAFT = "draft", "草稿", "Draft"
    DESCRIPTION = "description", "问题描述", "Description"
    ANALYSIS = "analysis", "根源与目标", "Root cause and goal"
    REMARKS = "remarks", "备注", "Remarks"
    MEASURE = "measure", "整改措施", "Measure"
    CRITERION = "criterion", "完成标准", "Criterion"
    MEASURE_STATUS = "measure_status", "措施进度", "Measure status"
    PROGRESS = "progress", "整改进展", "Progress report"
    OUTCOME = "outcome", "整改成效", "Outcome"
    EVIDENCE_ITEM = "evidence_item", "问题佐证", "Evidence of the problem"
    EVIDENCE_WORK = "evidence_work", "整改佐证", "Evidence of the work"
    EVIDENCE_GATE = "evidence_gate", "核查佐证", "Evidence of a judge"
    EVIDENCE_DECISION = "evidence_decision", "决策扫描件", "Scan of a decision"
    EVIDENCE_NOTICE = "evidence_notice", "公示佐证", "Evidence of the notice"
    GATE_PROBLEM_SOLVED = "gate_problem_solved", "第一关评定", "Verdict on the first gate"
    GATE_ADEQUATE = "gate_adequate", "第二关评定", "Verdict on the second gate"
    GATE_ACCOUNTABILITY = "gate_accountability", "追责核查", "Accountability sub-check"
    GATE_SATISFIED = "gate_satisfied", "第三关评定", "Verdict on the third gate"
    GATE_WAIVER = "gate_waiver", "第三关豁免", "Waiver of the third gate"
    APPROVAL_PLAN = "approval_plan", "方案意见", "Opinion on the plan"
    APPROVAL_CLOSURE = "approval_closure", "销号会签意见", "Countersigning opinion on closing"
    APPROVAL_SUSTAIN = "approval_sustain", "转长期坚持意见", "Opinion on sustaining"
    APPROVAL_TRANSFER = "approval_transfer", "移送意见", "Opinion on a transfer"
    APPROVAL_ASSIGNMENT = "approval_assignment", "退单裁定", "Ruling on a declined assignment"
    OBJECTION = "objection", "公示异议", "Objection"
    RULING = "ruling", "异议裁定", "Ruling on an objection"
    DECISION_PLAN = "decision_plan", "方案决策", "Decision on the plan"
    DECISION_CLOSURE = "decision_closure", "销号决策", "Decision on closing"
    DECISION_SUSTAIN = "decision_sustain", "转长期坚持决策", "Decision on sustaining"
    DECISION_VOID = "decision_void", "撤销决策", "Decision on voiding"


class Operation(LabelledEnum):
    CREATE = "create", "新增", "Create"
    UPDATE = "update", "修改", "Update"
    DELETE = "delete", "删除", "Delete"


@dataclass(frozen=True, slots=True)
class ChildRule:
    """In these states these parties may do these operations; several rules of one child add up."""

    child: Child
    operations: frozenset[Operation]
    states: frozenset[State]
    by: frozenset[Party]


def _states(names: str) -> frozenset[State]:
    return frozenset(State(name) for name in names.split())


_ALL = frozenset(Operation)
_CREATE = frozenset({Operation.CREATE})
_UPDATE = frozenset({Operation.UPDATE})
_ADD_REMOVE = frozenset({Operation.CREATE, Operation.DELETE})
_PLAN = _states("assigned planning")
_WORK = _states("rectifying sustaining")
_BEFORE_CLOSE_OUT = _states("registered assigned planning plan_review rectifying sustaining")
_OFFICE = frozenset({P.SUPERVISION_OFFICE})
_LEAD = frozenset({P.LEAD_UNIT})
_WORKERS = frozenset({P.LEAD_UNIT, P.COOPERATOR, P.ASSIGNEE})
_DECIDED = frozenset({P.SUPERVISION_OFFICE, P.FIRST_RESPONSIBLE})


def _rule(child: Child, operations: frozenset[Operation], states: frozenset[State], by: frozenset[Party]) -> ChildRule:
    return ChildRule(child, operations, states, by)


CHILD_TABLE: tuple[ChildRule, ...] = (
    _rule(Child.DRAFT, frozenset({Operation.DELETE}), _states("draft"), frozenset({P.FINDER})),
    _rule(Child.DESCRIPTION, _UPDATE, _states("draft"), frozenset({P.FINDER})),
    _rule(Child.DESCRIPTION, _UPDATE, _states("submitted registered"), _OFFICE),
    _rule(Child.ANALYSIS, _UPDATE, _PLAN, _LEAD),
    _rule(Child.REMARKS, _UPDATE, _states("draft"), frozenset({P.FINDER})),
    _rule(Child.REMARKS, _UPDATE, OPEN | _states("submitted"), _OFFICE),
    _rule(Child.MEASURE, _ALL, _PLAN, _LEAD),
    _rule(Child.CRITERION, _ALL, _PLAN, _LEAD),
    _rule(Child.MEASURE_STATUS, _UPDATE, _WORK, _WORKERS),
    _rule(Child.PROGRESS, _CREATE, _WORK, _WORKERS | {P.INTEGRATION}),
    _rule(Child.OUTCOME, _ADD_REMOVE, _WORK, _LEAD),
    _rule(Child.EVIDENCE_ITEM, _ADD_REMOVE, _states("draft"), frozenset({P.FINDER})),
    _rule(Child.EVIDENCE_ITEM, _ADD_REMOVE, _states("submitted registered"), _OFFICE),
    _rule(Child.EVIDENCE_ITEM, _ADD_REMOVE, _PLAN | _WORK, _LEAD),
    _rule(Child.EVIDENCE_WORK, _ADD_REMOVE, _PLAN, _LEAD),
    _rule(Child.EVIDENCE_WORK, _ADD_REMOVE, _WORK, _WORKERS | {P.INTEGRATION}),
    _rule(Child.EVIDENCE_GATE, _ADD_REMOVE, _states("verifying"),
          frozenset({P.VERIFIER, P.SUPERVISION_OFFICE, P.DISCIPLINE_OFFICE, P.SURVEY_RUNNER})),
    _rule(Child.EVIDENCE_DECISION, _ADD_REMOVE, _BEFORE_CLOSE_OUT | _states("verifying closing"), _DECIDED),
    _rule(Child.EVIDENCE_NOTICE, _ADD_REMOVE, _states("public_notice"), _OFFICE),
    _rule(Child.GATE_PROBLEM_SOLVED, _CREATE, _states("verifying"), frozenset({P.VERIFIER})),
    _rule(Child.GATE_ADEQUATE, _CREATE, _states("verifying"), _OFFICE),
    _rule(Child.GATE_ACCOUNTABILITY, _CREATE, _states("verifying"), frozenset({P.DISCIPLINE_OFFICE})),
    _rule(Child.GATE_SATISFIED, _CREATE, _states("verifying"), frozenset({P.SURVEY_RUNNER})),
    _rule(Child.GATE_WAIVER, _CREATE, _states("verifying"), frozenset({P.LEADER})),
    _rule(Child.APPROVAL_PLAN, _CREATE, _states("plan_review"), frozenset({P.LEADER, P.FIRST_RESPONSIBLE})),
    _rule(Child.APPROVAL_CLOSURE, _CREATE, _states("closing"), frozenset({P.CHAIN_STEP, P.CHAIN_MEMBER})),
    _rule(Child.APPROVAL_SUSTAIN, _CREATE, _states("rectifying"), frozenset({P.FIRST_RESPONSIBLE})),
    _rule(Child.APPROVAL_TRANSFER, _CREATE, _BEFORE_CLOSE_OUT | _states("submitted"), _OFFICE),
    _rule(Child.APPROVAL_ASSIGNMENT, _CREATE, _states("assigned"), frozenset({P.FIRST_RESPONSIBLE})),
    _rule(Child.OBJECTION, _CREATE, _states("public_notice"), _OFFICE),
    _rule(Child.RULING, _UPDATE, _states("public_notice"), _OFFICE),
    _rule(Child.DECISION_PLAN, _CREATE, _states("plan_review"), _DECIDED),
    _rule(Child.DECISION_CLOSURE, _CREATE, _states("verifying closing"), _DECIDED),
    _rule(Child.DECISION_SUSTAIN, _CREATE, _states("rectifying"), _DECIDED),
    _rule(Child.DECISION_VOID, _CREATE, _BEFORE_CLOSE_OUT, _DECIDED),
)  # fmt: skip


def writers(child: Child, operation: Operation) -> frozenset[Party]:
    """Everybody who may ever do this, in whatever state: anyone else is refused by role."""
    return frozenset().union(*(rule.by for rule in CHILD_TABLE if rule.child is child and operation in rule.operations))


def allowed(child: Child, operation: Operation, state: State, played: frozenset[Party]) -> bool:
    return any(
        rule.child is child and operation in rule.operations and state in rule.states and rule.by & played
        for rule in CHILD_TABLE
    )
