"""Conditions of the life cycle up to completion: facts in, what is unmet out; a quantified guard is false on nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta

from app.access import separation
from app.core.clock import beijing_date
from app.core.errors import Text
from app.core.workdays import CalendarUncertain
from app.lifecycle.action_data import DeadlineIn
from app.lifecycle.deadlines import again, resolve, starts_at_acknowledgement
from app.lifecycle.facts import Facts, Unmet
from app.lifecycle.guards_closing import MERGE_TARGETS, OFFICE, origins_stay_covered, separated
from app.lifecycle.states import Confidentiality, DayType, DeadlineKind

Guard = Callable[[Facts], Iterator[Unmet]]
DECLINE_WORKDAYS = 3
DECLINE_TIMES = 2
LEAD = ("unit_head", "liaison")


def required_fields(f: Facts) -> Iterator[Unmet]:
    if f.item["confidentiality"] == Confidentiality.SECRET_STUB:
        return
    for name in f.required_fields:
        if f.item.get(name) in (None, "", [], {}):
            text = Text(f"来源类型要求填写字段 {name}", f"the source type requires the field {name}")
            yield Unmet(f"submit.required.{name}", text, ("liaison",))


def classified(f: Facts) -> Iterator[Unmet]:
    names = {"category": "问题类别", "severity": "问题等级", "confidentiality": "公开属性"}
    for name, zh in names.items():
        if getattr(f.data, name) is None and f.item[name] is None:
            yield Unmet(f"register.{name}_missing", Text(f"尚未确定{zh}", f"{name} is not set"), OFFICE)
    yield from category_known(f, f.data.category)
    was = f.item["confidentiality"]
    levels = {was, f.data.confidentiality or was}
    if Confidentiality.SECRET_STUB in levels and (len(levels) > 1 or f.data.major_matter is not None):
        text = Text(
            "涉密占位问题须单独起草，立账时不能改设也不得填写文字", "a secret stub is drafted as one and takes no text"
        )
        yield Unmet("register.secret_stub", text, OFFICE)


def category_known(f: Facts, *categories: str | None) -> Iterator[Unmet]:
    if {category for category in categories if category} - f.known_categories:
        text = Text("问题类别不存在或已停用", "a category does not exist or is inactive")
        yield Unmet("reference.category_unknown", text, OFFICE)


def ledger_is_open(f: Facts) -> Iterator[Unmet]:
    if not f.ledger_open:
        yield Unmet(
            "ledger.archived", Text("台账已归档，不再收新问题", "the ledger is archived and takes no new items"), OFFICE
        )


def duplicates_answered(f: Facts) -> Iterator[Unmet]:
    answers = {answer.item_id: answer.verdict for answer in f.data.duplicates}
    for candidate in f.candidates:
        verdict = answers.get(candidate.item_id)
        where = candidate.number or str(candidate.item_id)
        about = {"item_id": str(candidate.item_id), "score_permille": candidate.score_permille}
        if verdict is None:
            text = Text(f"疑似重复问题 {where} 尚未答复", f"the possible duplicate {where} has not been answered")
            yield Unmet("register.duplicate_unanswered", text, OFFICE, about)
        elif verdict == "same_fact":
            text = Text(f"与 {where} 系同一事实，应办理并案", f"{where} is the same fact: merge instead of registering")
            yield Unmet("register.same_fact", text, OFFICE, about)


def merge_target_fits(f: Facts) -> Iterator[Unmet]:
    target = f.related.get(f.data.target_id)
    if target is None or target.id == f.item["id"]:
        yield Unmet(
            "merge.target_unknown",
            Text("并入的问题不存在或就是自身", "the target does not exist or is this very item"),
            OFFICE,
        )
    elif target.state not in MERGE_TARGETS:
        yield Unmet(
            "merge.target_state",
            Text("并入的问题不在可并案的状态", "the target is not in a state that can take it in"),
            OFFICE,
        )
    else:
        yield from origins_stay_covered(f, target)


def two_children(f: Facts) -> Iterator[Unmet]:
    if len(f.data.children) < 2:  # noqa: PLR2004 - splitting into one is no splitting
        yield Unmet("split.too_few", Text("拆分至少要有两个问题", "a split needs at least two children"), OFFICE)
    if f.item["confidentiality"] == Confidentiality.SECRET_STUB:
        text = Text("涉密占位问题没有文字，不能拆分", "a secret stub has no text that could be split")
        yield Unmet("split.secret_stub", text, OFFICE)
    yield from category_known(f, *(child.category for child in f.data.children))
    unknown = {child.responsible_unit_id for child in f.data.children if child.responsible_unit_id} - f.known_units
    if unknown:
        yield Unmet(
            "reference.unit_unknown", Text("责任单位不存在或已停用", "a unit does not exist or is inactive"), OFFICE
        )


def assignment_complete(f: Facts) -> Iterator[Unmet]:
    data, item = f.data, f.item
    lead = data.lead_unit_id or item["lead_unit_id"]
    leaders = data.accountable_leader_ids if data.accountable_leader_ids is not None else item["accountable_leader_ids"]
    cooperating = data.cooperating_unit_ids if data.cooperating_unit_ids is not None else item["cooperating_unit_ids"]
    if lead is None:
        yield Unmet("assign.lead_unit_missing", Text("须确定一个牵头单位", "exactly one lead unit is needed"), OFFICE)
    elif lead in cooperating:
        yield Unmet(
            "assign.lead_cooperates",
            Text("牵头单位不能同时是配合单位", "the lead unit cannot cooperate with itself"),
            OFFICE,
        )
    if not leaders:
        yield Unmet(
            "assign.leader_missing", Text("至少要有一名责任领导", "at least one accountable leader is needed"), OFFICE
        )
    if data.mode is None and item["mode"] is None:
        yield Unmet("assign.mode_missing", Text("尚未确定整改方式", "the mode is not set"), OFFICE)
    people = {*leaders, data.responsible_person_id, data.liaison_id} - {None}
    if people - f.known_people:
        yield Unmet(
            "reference.person_unknown", Text("所指人员不存在或已停用", "a person does not exist or is inactive"), OFFICE
        )
    units = {lead, data.responsible_unit_id, *cooperating} - {None}
    if units - f.known_units:
        yield Unmet(
            "reference.unit_unknown", Text("所指单位不存在或已停用", "a unit does not exist or is inactive"), OFFICE
        )


def deadline_structured(f: Facts) -> Iterator[Unmet]:
    deadline = f.data.deadline or again(f.item["deadline"])
    if deadline is None:
        yield Unmet("deadline.missing", Text("尚未确定整改时限", "the deadline is not set"), OFFICE)
        return
    if deadline.kind is DeadlineKind.UNSPECIFIED:
        yield Unmet(
            "deadline.unspecified", Text("整改时限须明确，不能为“未明确”", "the deadline must be structured"), OFFICE
        )
    if deadline.kind is DeadlineKind.LONG_TERM and deadline.review_on is None:
        yield Unmet(
            "deadline.review_missing", Text("长期坚持须写明复核日期", "a long-term deadline needs review_on"), OFFICE
        )
    yield from _countable(f, deadline)


def deadline_countable(f: Facts) -> Iterator[Unmet]:
    """Where the count begins with the acknowledgement, this is the day that decides."""
    deadline = again(f.item["deadline"])
    if deadline is not None and starts_at_acknowledgement(f.item["deadline"]):
        yield from _countable(f, deadline)


def _countable(f: Facts, deadline: DeadlineIn) -> Iterator[Unmet]:
    if deadline.kind is DeadlineKind.DAYS and deadline.day_type is DayType.WORKING:
        try:
            resolve(deadline, f.occurred_on, f.calendar, f.policy.immediate_days)
        except CalendarUncertain as uncertain:
            text = Text(f"{uncertain.year} 年工作日历尚未载入", f"no working-day calendar for {uncertain.year}")
            yield Unmet("deadline.calendar_uncertain", text, OFFICE)


def may_still_decline(f: Facts) -> Iterator[Unmet]:
    ruled = f.in_force("assignment", "first_responsible") == "agree"
    if f.item["decline_count"] >= DECLINE_TIMES and not ruled:
        text = Text("已退单两次，须由第一责任人裁定", "declined twice already: the first responsible decides")
        yield Unmet("decline_assignment.too_often", text, ("first_responsible",))
    if f.item["assigned_at"] is not None and f.today > _after_workdays(f, DECLINE_WORKDAYS):
        text = Text("退单须在交办后三个工作日内提出", "declining is possible within three working days")
        yield Unmet("decline_assignment.too_late", text, OFFICE)


def _after_workdays(f: Facts, count: int) -> date:
    from_day: date = beijing_date(f.item["assigned_at"])  # when the unit could know, whatever day the paper bears
    try:
        return f.calendar.add_workdays(from_day, count)
    except CalendarUncertain:
        return from_day + timedelta(days=count)


def has_measures_and_criteria(f: Facts) -> Iterator[Unmet]:
    if not f.measures:
        yield Unmet("plan.no_measure", Text("本轮整改还没有措施", "this cycle has no measure"), LEAD)
    if not f.criteria:
        yield Unmet("plan.no_criterion", Text("本轮整改还没有完成标准", "this cycle has no completion criterion"), LEAD)


def measures_complete(f: Facts) -> Iterator[Unmet]:
    for measure in f.measures:
        if measure.unit_id is None or measure.person_id is None or measure.due_on is None:
            text = Text("每条措施须有责任单位、责任人和时限", "every measure needs a unit, a person and a date")
            yield Unmet("plan.measure_incomplete", text, LEAD)
            break
    due = f.item["due_on"]
    if due is not None and any(measure.due_on and measure.due_on > due for measure in f.measures):
        yield Unmet(
            "plan.measure_after_deadline", Text("措施时限不得晚于整改时限", "a measure is due after the deadline"), LEAD
        )


def root_cause_stated(f: Facts) -> Iterator[Unmet]:
    if not (f.data.root_cause or f.item["root_cause"]):
        yield Unmet("plan.no_root_cause", Text("尚未分析问题根源", "the root cause is not stated"), LEAD)


def plan_decided(f: Facts) -> Iterator[Unmet]:
    """A major matter's plan is decided by a body, on this very version, after it was submitted."""
    if f.major and not any(
        d.purpose == "plan"
        and d.result == "passed"
        and d.plan_version == f.item["plan_version"]
        and (f.plan_submitted_at is None or d.decided_at > f.plan_submitted_at)
        for d in f.decisions
    ):
        text = Text("三重一大事项的方案须经集体决策通过", "a major matter needs a passed decision on this plan version")
        yield Unmet("decision.plan_missing", text, ("supervision_office",))


def plan_approver_separate(f: Facts) -> Iterator[Unmet]:
    yield from separated(separation.approve_plan(f.conflicts))


def measures_finished(f: Facts) -> Iterator[Unmet]:
    open_measures = sum(measure.status not in {"done", "adjusted_away"} for measure in f.measures)
    if open_measures:
        text = Text(f"还有 {open_measures} 条措施未完成", f"{open_measures} measures are not done")
        yield Unmet("completion.measures_open", text, LEAD)
    if f.measures and not any(measure.status == "done" for measure in f.measures):
        yield Unmet("completion.nothing_done", Text("没有一条措施实际完成", "no measure was carried out"), LEAD)


def criteria_evidenced(f: Facts) -> Iterator[Unmet]:
    bare = sum(criterion.evidence == 0 for criterion in f.criteria)
    if bare:
        text = Text(f"{bare} 条完成标准没有佐证材料", f"{bare} criteria have no evidence")
        yield Unmet("completion.criteria_without_evidence", text, LEAD)


def nothing_pending(f: Facts) -> Iterator[Unmet]:
    if f.extension_pending:
        yield Unmet("completion.extension_pending", Text("延期申请尚未批复", "an extension is undecided"), ("leader",))
    if f.adjustment_pending:
        yield Unmet(
            "completion.adjustment_pending", Text("调整申请尚未批复", "an adjustment is undecided"), ("leader",)
        )


def truthfulness_declared(f: Facts) -> Iterator[Unmet]:
    if not f.data.declared_true:
        yield Unmet(
            "completion.not_declared", Text("须作出真实性承诺", "truthfulness must be declared"), ("unit_head",)
        )


def evidence_known(f: Facts) -> Iterator[Unmet]:
    if set(f.data.evidence_ids) - f.evidence_ids:
        yield Unmet(
            "reference.evidence_unknown", Text("引用的佐证材料不属于本问题", "an evidence id is not of this item"), LEAD
        )
