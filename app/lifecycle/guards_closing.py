"""Conditions from verification to closing, reopening, voiding and transferring; facts in, what is unmet out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime

from app.access import separation
from app.core.errors import Text
from app.core.workdays import months_later
from app.lifecycle.facts import Facts, Related, Unmet
from app.lifecycle.parties import Party
from app.lifecycle.states import Confidentiality, Gate, GateStatus, State

MONTHS_BETWEEN_REVIEWS = 6
MERGE_TARGETS = frozenset(
    {State.REGISTERED, State.ASSIGNED, State.PLANNING, State.PLAN_REVIEW, State.RECTIFYING, State.SUSTAINING}
)
OFFICE = ("supervision_office",)


def no_gate_judged(f: Facts) -> Iterator[Unmet]:
    if f.gates:
        yield Unmet(
            "withdraw.gate_judged", Text("已有关口作出评定，不能撤回", "a gate has been judged already"), OFFICE
        )


def some_gate_failed(f: Facts) -> Iterator[Unmet]:
    if not any(f.gate(gate) is GateStatus.FAILED for gate in Gate):
        yield Unmet(
            "gate.none_failed", Text("三道关均未评为不通过", "no gate has failed"), ("verifier", "supervision_office")
        )


def gates_hold(f: Facts) -> Iterator[Unmet]:
    for gate in Gate:
        status = f.gate(gate)
        waived = gate is Gate.PEOPLE_SATISFIED and status is GateStatus.WAIVED
        if status is not GateStatus.PASSED and not waived:
            text = Text(f"“{gate.zh}”未通过（{status.zh}）", f"gate {gate.value} is {status.value}")
            yield Unmet(f"gate.{gate.value}.{status.value}", text, JUDGES[gate])


JUDGES: dict[Gate, tuple[str, ...]] = {
    Gate.PROBLEM_SOLVED: ("verifier",),
    Gate.RECTIFICATION_ADEQUATE: ("supervision_office",),
    Gate.PEOPLE_SATISFIED: ("survey_runner", "leader"),
}


def closure_signer_separate(f: Facts) -> Iterator[Unmet]:
    last = f.item["chain_step"] + 1 >= len(f.item["chain"])
    yield from separated(separation.sign_chain_step(f.conflicts, last=last))


def closure_decided(f: Facts) -> Iterator[Unmet]:
    if f.major and not any(
        d.purpose == "closure"
        and d.result == "passed"
        and d.submission_no == f.item["submission_no"]
        and f.submitted_at is not None
        and d.decided_at > f.submitted_at
        for d in f.decisions
    ):
        text = Text(
            "三重一大事项销号须有晚于本次申请的集体决策",
            "a major matter needs a passed decision later than the submission",
        )
        yield Unmet("decision.closure_missing", text, OFFICE)


def clock_runs(f: Facts) -> Iterator[Unmet]:
    if f.clock_suspended:
        yield Unmet("clock.suspended", Text("该问题处于中止计时期间", "the clock is suspended"), OFFICE)


def notice_over(f: Facts) -> Iterator[Unmet]:
    ends: date | None = f.item["notice_ends_on"]
    if ends is None or f.today <= ends:
        yield Unmet(
            "notice.running", Text(f"公示期至 {ends} 止，尚未届满", f"the notice runs until {ends}"), ("system",)
        )


def no_open_objection(f: Facts) -> Iterator[Unmet]:
    if any(objection.ruling is None for objection in f.objections):
        yield Unmet("notice.objection_open", Text("尚有异议未裁定", "an objection has not been ruled on"), OFFICE)


def objection_fits(f: Facts) -> Iterator[Unmet]:
    if not any(o.id == f.data.objection_id and o.ruling is None for o in f.objections):
        yield Unmet("objection.unknown", Text("没有这条待裁定的异议", "there is no such open objection"), OFFICE)
    lodged = next((o.lodged_by for o in f.objections if o.id == f.data.objection_id), None)
    yield from separated(separation.rule_objection(f.conflicts, lodged_by=lodged))


def sustain_approved(f: Facts) -> Iterator[Unmet]:
    if f.in_force("sustain", "first_responsible") != "agree":
        text = Text("转长期坚持须先有第一责任人同意意见", "the first responsible must agree first")
        yield Unmet("sustain.not_approved", text, ("first_responsible",))


def _decided(f: Facts, purpose: str, later_than: datetime | None) -> bool:
    """A decision says something about what was there when it was taken, never about what came after it."""
    passed = (d for d in f.decisions if d.purpose == purpose and d.result == "passed")
    return any(later_than is None or d.decided_at > later_than for d in passed)


def sustain_decided(f: Facts) -> Iterator[Unmet]:
    if f.major and not _decided(f, "sustain", f.plan_submitted_at):
        text = Text("三重一大事项转长期坚持须经集体决策", "a body must decide that a major matter is sustained")
        yield Unmet("decision.sustain_missing", text, OFFICE)


def review_within_half_year(f: Facts) -> Iterator[Unmet]:
    on = f.data.next_review_on
    if on is not None and not f.today < on <= months_later(f.today, MONTHS_BETWEEN_REVIEWS):
        text = Text("下次评估日期须在今后六个月内", "the next review must be within six months from today")
        yield Unmet("review.too_far", text, OFFICE)


def review_planned(f: Facts) -> Iterator[Unmet]:
    if f.data.result == "on_track" and f.data.next_review_on is None:
        yield Unmet("review.missing", Text("须确定下次评估日期", "the next review date is needed"), OFFICE)


def reclassification_allowed(f: Facts) -> Iterator[Unmet]:
    data, item = f.data, f.item
    if data.category is not None and data.category not in f.known_categories:
        text = Text("问题类别不存在或已停用", "a category does not exist or is inactive")
        yield Unmet("reference.category_unknown", text, OFFICE)
    now = Confidentiality(item["confidentiality"])
    wanted = data.confidentiality or now
    if Confidentiality.SECRET_STUB in {now, wanted} and (now is not wanted or data.major_matter is not None):
        text = Text("涉密占位问题须另行登记，不能调整", "a secret stub is registered anew, never reclassified")
        yield Unmet("reclassify.secret_stub", text, OFFICE)
    weighty = wanted.rank < now.rank or data.drop_major_matter
    if weighty and Party.FIRST_RESPONSIBLE not in f.parties:
        text = Text("降低公开属性或取消三重一大须由第一责任人办理", "only the first responsible may lower this")
        yield Unmet("reclassify.first_responsible", text, ("first_responsible",))
    if weighty and f.state in {State.PLAN_REVIEW, State.CLOSING}:
        text = Text("方案或销号审批期间不能降低定性", "not while a plan or a closing is being decided")
        yield Unmet("reclassify.under_decision", text, ("first_responsible",))


def hand_over_fits(f: Facts) -> Iterator[Unmet]:
    data, item = f.data, f.item
    leader = data.role == "accountable_leader"
    holders = set(item["accountable_leader_ids"]) if leader else {item[f"{data.role}_id"]}
    if data.from_person_id not in holders:
        yield Unmet(
            "hand_over.not_holder", Text("移交人现不担任该职责", "the person handing over does not hold it"), OFFICE
        )
    if data.to_person_id not in f.known_people or data.to_person_id == data.from_person_id:
        yield Unmet(
            "reference.person_unknown", Text("接收人不存在、已停用或与移交人相同", "the receiver is not usable"), OFFICE
        )
    if data.on > f.today:
        yield Unmet("hand_over.in_future", Text("交接日期不能晚于今天", "the date must not be in the future"), OFFICE)
    if leader and Party.SUPERVISION_OFFICE not in f.parties:
        yield Unmet(
            "hand_over.leader_by_office",
            Text("责任领导交接由督办部门办理", "leaders are handed over by the office"),
            OFFICE,
        )
    judged = f.conflicts.problem_judges | f.conflicts.adequate_judges | f.conflicts.runners | f.conflicts.last_signers
    if data.to_person_id in judged and f.item["submission_no"]:
        text = Text("接收人已对本次申请作出评定或审批", "the receiver has judged or signed this submission")
        yield Unmet("separation.receiver_has_judged", text, OFFICE)
    own = {data.from_person_id, data.to_person_id} <= f.lead_unit_people
    if not leader and not (Party.LEAD_UNIT_HEAD in f.parties and own):
        text = Text("由牵头单位负责人在本单位人员间办理交接", "the head of the lead unit hands over among own people")
        yield Unmet("hand_over.own_people", text, ("unit_head",))


def reopen_reason_fits(f: Facts) -> Iterator[Unmet]:
    offices = {Party.SUPERVISION_OFFICE, Party.DISCIPLINE_OFFICE, Party.SOURCE_OFFICE}
    if not offices & f.parties and f.data.reason_code != "rebound":
        text = Text("牵头单位只能自报问题反弹", "the lead unit may report its own rebound only")
        yield Unmet("reopen.own_rebound_only", text, OFFICE)


def reopened_measures_known(f: Facts) -> Iterator[Unmet]:
    people = {measure.person_id for measure in f.data.measures} - {None}
    if people - f.known_people:
        yield Unmet(
            "reference.person_unknown",
            Text("措施责任人不存在或已停用", "a person does not exist or is inactive"),
            OFFICE,
        )
    units = {measure.unit_id for measure in f.data.measures} - {None}
    if units - f.known_units:
        yield Unmet(
            "reference.unit_unknown", Text("措施责任单位不存在或已停用", "a unit does not exist or is inactive"), OFFICE
        )


def void_justified(f: Facts) -> Iterator[Unmet]:
    if not f.has_document:
        yield Unmet(
            "void.document_missing", Text("撤销须有依据文件", "voiding needs a document"), ("first_responsible",)
        )
    if f.source_external and f.data.source_consent is None:
        yield Unmet(
            "void.source_consent",
            Text("外部来源问题须有来源单位同意函", "the external source must consent"),
            ("source_office",),
        )
    if f.foreign_origins:
        home = f.related.get(f.data.rehome_to_id)
        if home is None or home.id == f.item["id"] or home.state not in MERGE_TARGETS:
            text = Text("并入的来源须先落到另一个在办问题", "merged origins must be re-homed to another open item")
            yield Unmet("void.origins_homeless", text, OFFICE)
        else:
            yield from origins_stay_covered(f, home)


def origins_stay_covered(f: Facts, home: Related) -> Iterator[Unmet]:
    """Origins carry the words of the source: in an item read by more people they would give away what was restricted."""
    restricted = f.item["confidentiality"] == Confidentiality.RESTRICTED
    stub = Confidentiality.SECRET_STUB in {home.confidentiality, f.item["confidentiality"]}
    both = home.confidentiality == f.item["confidentiality"]
    if (restricted or stub) and not both:
        text = Text(
            "敏感或涉密占位问题的来源只能并入同一公开属性的问题",
            "the origins of a restricted item or a secret stub only go to an item of the same confidentiality",
        )
        yield Unmet("origins.confidentiality", text, OFFICE)


def void_decided(f: Facts) -> Iterator[Unmet]:
    if f.major and not _decided(f, "void", f.item["cycle_started_at"]):
        yield Unmet(
            "decision.void_missing",
            Text("三重一大事项撤销须经集体决策", "voiding a major matter needs a decision"),
            OFFICE,
        )


def office_opinion_given(f: Facts) -> Iterator[Unmet]:
    opinions = [a for a in f.approvals if a.purpose == "transfer" and a.role == "supervision_office"]
    if not opinions:
        yield Unmet(
            "transfer.no_opinion",
            Text("移送前须有督办部门意见", "the supervision office gives its opinion first"),
            OFFICE,
        )


def offline_decider_fits(f: Facts) -> Iterator[Unmet]:
    decider = f.data.decider_id
    if not f.has_paper_date:
        yield Unmet(
            "offline.paper_date_missing",
            Text("须填写纸面签批时间", "occurred_at, the date on the paper, is needed"),
            OFFICE,
        )
    if decider not in f.last_step_holders:
        text = Text("签批人不是审批链最后一环的人员", "the decider does not hold the last role of the chain")
        yield Unmet("offline.decider_role", text, OFFICE)
    if decider in f.actor_persons:
        yield Unmet(
            "offline.recorder_is_decider",
            Text("回录人与签批人须为不同的人", "recorder and decider must differ"),
            OFFICE,
        )
    if f.data.scan_id not in f.evidence_ids:
        yield Unmet("offline.scan_missing", Text("须上传签批扫描件", "the scan of the signed form is needed"), OFFICE)
    if f.submitted_at is not None and f.occurred_at <= f.submitted_at:
        yield Unmet(
            "offline.before_submission",
            Text("签批时间须晚于销号申请", "the decision must follow the submission"),
            OFFICE,
        )
    yield from separated(separation.decide_offline(f.conflicts, decider))


def separated(found: list[tuple[str, Text]]) -> Iterator[Unmet]:
    for rule, text in found:
        yield Unmet(rule, text, OFFICE)
