"""What the life cycle's table is called in words, and the whole of it as one answer, made once per process."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from functools import cache
from hashlib import sha256
from typing import Final
from uuid import UUID

from app.core.enums import LabelledEnum
from app.core.errors import CATALOGUE, Text
from app.core.models import Out
from app.features.meta import schemas
from app.lifecycle.childwrites import CHILD_TABLE, ChildRule, Operation
from app.lifecycle.movers import movers
from app.lifecycle.parties import Party
from app.lifecycle.policy import POLICY_DEFAULT
from app.lifecycle.states import OPEN, PHASES, TERMINAL, Gate, GateStatus, State
from app.lifecycle.transitions import RULES, TABLE, Transition

_OWN_PACKAGE: Final = "app."
_WORD_START: Final = re.compile(r"(?<!^)(?=[A-Z])")
_LEDGER, _LEAD, _FINDER = UUID(int=1), UUID(int=2), UUID(int=3)
_OVER: Final[Mapping[UUID, schemas.Over]] = {
    _LEDGER: schemas.Over.LEDGER_UNIT,
    _LEAD: schemas.Over.LEAD_UNIT,
    _FINDER: schemas.Over.FINDER_UNIT,
}

GUARD_LABELS: Final[Mapping[str, Text]] = {
    "required_fields": Text("来源类型要求的字段已填写", "The fields its source requires are filled in"),
    "classified": Text("类别、等级和公开属性已确定", "Category, severity and confidentiality are set"),
    "ledger_is_open": Text("台账在用", "The ledger is open"),
    "duplicates_answered": Text("疑似重复的问题已逐一答复", "Every possible duplicate is answered"),
    "merge_target_fits": Text("并入的问题存在且可以并入", "The target exists and can take it in"),
    "two_children": Text("至少拆分为两个问题", "It is split into at least two"),
    "assignment_complete": Text("牵头单位、责任领导和整改方式已明确", "Lead unit, leader and mode are set"),
    "deadline_structured": Text("整改时限明确可算", "The deadline can be counted"),
    "deadline_countable": Text("自签收起算的时限可以推算", "A deadline counted from now on can be counted"),
    "may_still_decline": Text("在退单期限和次数之内", "It may still be declined"),
    "has_measures_and_criteria": Text("有整改措施和完成标准", "There are measures and criteria"),
    "measures_complete": Text("每项措施有单位、责任人和期限", "Every measure has a unit, a person and a date"),
    "root_cause_stated": Text("已分析问题根源", "The root cause is stated"),
    "plan_decided": Text("重大事项的方案已经集体决策", "A major matter's plan has been decided by a body"),
    "plan_approver_separate": Text("审批人不是方案编制人", "The approver did not write the plan"),
    "measures_finished": Text("各项措施均已完成", "Every measure is finished"),
    "criteria_evidenced": Text("每项完成标准有佐证", "Every criterion has evidence"),
    "nothing_pending": Text("没有未决的延期或调整", "No extension or adjustment is pending"),
    "truthfulness_declared": Text("已作真实性承诺", "Truthfulness is declared"),
    "evidence_known": Text("引用的佐证材料存在", "The evidence referred to exists"),
    "no_gate_judged": Text("尚未作出核查结论", "No gate has been judged yet"),
    "some_gate_failed": Text("至少一关未通过", "At least one gate failed"),
    "gates_hold": Text("三道关全部通过", "All three gates hold"),
    "closure_signer_separate": Text(
        "审批人与申请、核查、测评人员分离", "The signer neither submitted, judged nor surveyed"
    ),
    "closure_decided": Text("重大事项的销号已经集体决策", "A major matter's closing has been decided by a body"),
    "clock_runs": Text("整改期限未中止", "The clock is not suspended"),
    "notice_over": Text("公示期已满", "The notice is over"),
    "no_open_objection": Text("没有未处理的异议", "No objection is open"),
    "objection_fits": Text("异议存在且由他人裁定", "The objection exists and somebody else rules on it"),
    "sustain_decided": Text("重大事项转长期坚持已经集体决策", "A major matter's sustaining has been decided by a body"),
    "sustain_approved": Text("第一责任人已同意转长期坚持", "The first responsible person has agreed"),
    "review_within_half_year": Text("下次评估在六个月以内", "The next review is within six months"),
    "review_planned": Text("已确定下次评估日期", "The next review has a date"),
    "reclassification_allowed": Text("降级调整由第一责任人办理", "Lowering is left to the first responsible person"),
    "hand_over_fits": Text("交接双方符合要求", "Both persons of the hand-over fit"),
    "reopened_measures_known": Text("措施的单位和责任人存在", "Units and people of the measures exist"),
    "reopen_reason_fits": Text("重新立账的理由与身份相符", "The reason to reopen fits who gives it"),
    "void_justified": Text("撤销有依据，并案来源已另行安置", "There is a basis, and merged origins have a new home"),
    "void_decided": Text("重大事项的撤销已经集体决策", "A major matter's voiding has been decided by a body"),
    "office_opinion_given": Text("督查部门已提出意见", "The supervision office has given its opinion"),
    "offline_decider_fits": Text("线下决定人符合要求", "The one who decided on paper was allowed to"),
}


@cache
def enumerations() -> schemas.Enumerations:
    """Every enumeration the service has loaded; two of one name would leave clients guessing (ValueError)."""
    kinds = sorted(_own_enums(LabelledEnum), key=lambda kind: kind.__name__)
    names = [_snake(kind.__name__) for kind in kinds]
    if len(set(names)) != len(names):
        raise ValueError(f"an enumeration's name is used twice: {names}")
    listed = [
        schemas.Enumeration(name=name, values=[_value(member, order) for order, member in enumerate(kind)])
        for name, kind in zip(names, kinds, strict=True)
    ]
    return schemas.Enumerations(enums=[*listed, _problem_codes()])


@cache
def lifecycle() -> schemas.Lifecycle:
    """The table as data; every guard of it has a label, or this is a KeyError."""
    return schemas.Lifecycle(
        rules=RULES,
        states=[_state(state) for state in State],
        actions=[_action(row) for row in TABLE],
        child_writes=[_child_write(row) for row in CHILD_TABLE],
    )


def fingerprint(body: Out) -> str:
    """An entity tag of the content itself: these answers are the same for every reader."""
    return f'"{sha256(body.model_dump_json().encode()).hexdigest()[:16]}"'


def _own_enums(base: type[LabelledEnum]) -> Iterator[type[LabelledEnum]]:
    for kind in base.__subclasses__():
        yield from _own_enums(kind)
        if len(kind) and kind.__module__.startswith(_OWN_PACKAGE):
            yield kind


def _snake(name: str) -> str:
    return _WORD_START.sub("_", name).lower()


def _value(member: LabelledEnum, order: int) -> schemas.EnumValue:
    text = {"value": member.value, "zh": member.zh, "en": member.en, "order": order}
    if isinstance(member, State):
        text |= {"phase": PHASES[member], "open": member in OPEN, "terminal": member in TERMINAL}
    return schemas.EnumValue.model_validate(text)


def _problem_codes() -> schemas.Enumeration:
    values = [
        schemas.EnumValue(value=code, zh=CATALOGUE[code].title.zh, en=CATALOGUE[code].title.en, order=order)
        for order, code in enumerate(sorted(CATALOGUE))
    ]
    return schemas.Enumeration(name="problem_code", values=values)


def _state(state: State) -> schemas.StateOut:
    return schemas.StateOut(
        state=state,
        zh=state.zh,
        en=state.en,
        phase=PHASES[state],
        open=state in OPEN,
        terminal=state in TERMINAL,
        next_movers=_next_movers(state),
    )


def _next_movers(state: State) -> list[schemas.MoverOut]:
    """Asks the rule that to-do lists follow, for an item on which nothing has been judged and the chain just began."""
    item = {
        "state": state.value,
        "ledger_unit_id": _LEDGER,
        "lead_unit_id": _LEAD,
        "finder_unit_id": _FINDER,
        "chain": [step.role.value for step in POLICY_DEFAULT.approval_chain],
        "chain_step": 0,
        **{f"gate_{gate}": GateStatus.PENDING.value for gate in Gate},
    }
    return [schemas.MoverOut(role=role.value, zh=role.zh, en=role.en, over=_OVER[unit]) for role, unit in movers(item)]


def _action(row: Transition) -> schemas.ActionOut:
    return schemas.ActionOut(
        action=row.action.value,
        zh=row.action.zh,
        en=row.action.en,
        sources=[state for state in State if state in row.sources],
        targets=list(row.to),
        by=_named(Party, row.by),
        guards=[_guard(guard.__name__) for guard in row.guards],
        data_schema=row.data.model_json_schema(),
    )


def _child_write(row: ChildRule) -> schemas.ChildWriteOut:
    return schemas.ChildWriteOut(
        child=row.child.value,
        zh=row.child.zh,
        en=row.child.en,
        operations=_named(Operation, row.operations),
        states=[state for state in State if state in row.states],
        by=_named(Party, row.by),
    )


def _named(kind: type[LabelledEnum], members: AbstractSet[LabelledEnum]) -> list[schemas.Named]:
    """In the order of the enumeration, because sets have none."""
    return [schemas.Named(code=one.value, zh=one.zh, en=one.en) for one in kind if one in members]


def _guard(name: str) -> schemas.Named:
    label = GUARD_LABELS[name]
    return schemas.Named(code=name, zh=label.zh, en=label.en)
