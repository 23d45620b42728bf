"""Recording verdicts on the gates: each is one row, one event and one column of the item, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

from app.access import separation
from app.access.guarding import ItemWriting
from app.access.permissions import Role
from app.core.clock import beijing_date
from app.core.db import Tx
from app.core.errors import Fault, Text
from app.core.http import Reply
from app.core.ids import uuid7
from app.features.closeout import queries, rules, schemas
from app.features.closeout.head import read_head
from app.features.closeout.rules import Outcome
from app.lifecycle.cases import (
    Case,
    foreign_evidence,
    gap,
    lent_by,
    open_case,
    refuse,
    separated,
    unknown_people,
    untimely,
)
from app.lifecycle.children import Writing, open_item, save_item
from app.lifecycle.childwrites import Child, Operation
from app.lifecycle.readiness import NO_SUB_CHECK, SUB_CHECK_MISSING
from app.lifecycle.states import GateStatus
from app.tables.closeout import GateResult, Survey

_CRITERIA: Final = "SELECT id FROM criterion WHERE item_id = $1 AND cycle = $2 ORDER BY position, id"
_SUB_CHECK: Final = """
SELECT detail->'checklist'->'accountability' FROM gate_result
WHERE item_id = $1 AND submission_no = $2 AND gate = 'rectification_adequate' AND part = 'accountability'
ORDER BY changed_seq DESC LIMIT 1
"""
_COUNTS: Final = ("invited", "satisfied", "basically_satisfied", "dissatisfied", "unknown", "invalid")
_BEFORE_REPORT: Final = Text(
    "早于本次销号申请，不能说明本次整改", "It took place before the completion it is to speak for"
)
_LATER: Final = Text("日期不能晚于今天", "The date must not be in the future")


@dataclass(slots=True)
class _Verdict:
    """A verdict as the rules made it, and the faults for which it cannot even be recorded."""

    result: str
    detail: dict[str, Any]
    reasons: tuple[Fault, ...] = ()
    refused: list[Fault] = field(default_factory=list)
    cites: set[UUID] = field(default_factory=set)
    survey: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class _Act:
    """What one kind of verdict is to the life cycle, and the event that tells of it."""

    child: Child
    role: Role
    event: str
    part: schemas.GatePart = schemas.GatePart.WHOLE


_SOLVED: Final = _Act(Child.GATE_PROBLEM_SOLVED, Role.VERIFIER, "item.gate_judged")
_ADEQUATE: Final = _Act(Child.GATE_ADEQUATE, Role.SUPERVISION_OFFICE, "item.gate_judged")
_ACCOUNTABILITY: Final = _Act(
    Child.GATE_ACCOUNTABILITY, Role.DISCIPLINE_OFFICE, "item.accountability_checked", schemas.GatePart.ACCOUNTABILITY
)
_SURVEYED: Final = _Act(Child.GATE_SATISFIED, Role.SURVEY_RUNNER, "item.survey_recorded")
_WAIVED: Final = _Act(Child.GATE_WAIVER, Role.LEADER, "item.gate_waived")


def _act(body: schemas.GateIn) -> _Act:
    if isinstance(body, schemas.ProblemSolvedIn):
        return _SOLVED
    if isinstance(body, schemas.AdequateIn):
        return _ACCOUNTABILITY if body.part is schemas.GatePart.ACCOUNTABILITY else _ADEQUATE
    return _SURVEYED if body.waiver is None else _WAIVED


async def judge_gate(tx: Tx, write: ItemWriting, body: schemas.GateIn) -> Reply:
    """Raises forbidden, child_frozen, and for everything that is missing at once guards_unmet or separation_of_duties."""
    act = _act(body)
    opened = await open_item(tx, write.actor, write.item_id, act.child, Operation.CREATE)
    case = await open_case(tx, write.actor, opened, _people(body))
    verdict = await _verdict(tx, case, body, write.actor.person_id)
    refuse([*verdict.refused, *untimely(case, body.occurred_at, after_submission=True)])
    row = _row(write, act, case, body, verdict)
    fields = {name: row[name] for name in ("id", "gate", "part", "submission_no", "result", "comment")}
    fields |= {"findings": row["detail"]}
    inserts: list[tuple[Any, dict[str, Any]]] = [(GateResult, row)]
    if verdict.survey is not None:
        inserts.insert(0, (Survey, verdict.survey))
        fields[verdict.survey["kind"]] = {k: v for k, v in verdict.survey.items() if k != "kind"}
    writing = Writing(
        event=act.event,
        fields=fields,
        changes={} if act is _ACCOUNTABILITY else {f"gate_{body.gate}": verdict.result},
        inserts=inserts,
        cites=sorted(verdict.cites),
        eff=body.occurred_at,
        on_behalf=row["on_behalf_of"],
    )
    await save_item(tx, write.actor, opened, writing)
    head = await read_head(tx, write.actor, write.item_id)
    location = f"/v1/items/{write.item_id}/gates/{row['id']}"
    return Reply(201, await queries.gate_result(tx, head, row["id"]), etag=head.etag, location=location)


def _row(write: ItemWriting, act: _Act, case: Case, body: schemas.GateIn, verdict: _Verdict) -> dict[str, Any]:
    item = case.opened.row
    told = [
        {"rule": fault.rule, "zh": fault.detail.zh, "en": fault.detail.en, **fault.members} for fault in verdict.reasons
    ]
    return {
        "id": uuid7(),
        "cycle": item["cycle"],
        "submission_no": item["submission_no"],
        "gate": body.gate.value,
        "part": act.part.value,
        "result": verdict.result,
        "detail": verdict.detail | {"unmet": told},
        "comment": body.comment,
        "judge_id": write.actor.person_id,
        "judge_unit_id": write.actor.unit_id,
        "on_behalf_of": lent_by(write.actor, case.opened, act.role),
        "occurred_at": body.occurred_at or case.opened.now,
        "recorded_at": case.opened.now,
    }


def _people(body: schemas.GateIn) -> list[UUID]:
    if isinstance(body, schemas.ProblemSolvedIn):
        return body.visit.person_ids if body.visit else []
    if isinstance(body, schemas.SatisfiedIn) and body.survey and body.survey.runner_id:
        return [body.survey.runner_id]
    return []


async def _verdict(tx: Tx, case: Case, body: schemas.GateIn, person_id: UUID | None) -> _Verdict:
    if isinstance(body, schemas.ProblemSolvedIn):
        return await _solved(tx, case, body)
    if isinstance(body, schemas.AdequateIn):
        if body.part is schemas.GatePart.ACCOUNTABILITY:
            return _accountability(case, body)
        return await _adequate(tx, case, body)
    if body.survey is None:
        return _waived(case, body)
    return _surveyed(case, body.survey, body.survey.runner_id or person_id)


# --- 问题不解决不放过 ---------------------------------------------------------------------------------------------


async def _solved(tx: Tx, case: Case, body: schemas.ProblemSolvedIn) -> _Verdict:
    """Criteria are named by their place: the text of a restricted item must not travel in reasons."""
    item = case.opened.row
    places = [row["id"] for row in await tx.fetch(_CRITERIA, item["id"], item["cycle"])]
    judged = {criterion.criterion_id: criterion for criterion in body.criteria}
    findings = rules.SolvedFindings(
        criteria=[
            rules.CriterionFinding(str(place), given.met, len(set(given.evidence_ids)))
            if (given := judged.get(criterion)) is not None
            else rules.CriterionFinding(str(place), None, 1)
            for place, criterion in enumerate(places, start=1)
        ],
        visit=_visit(body),
        money=None
        if body.money is None
        else rules.Money(body.money.due_fen, body.money.recovered_fen, body.money.explanation or ""),
    )
    found = rules.problem_solved_verdict(findings)
    cited = {evidence for criterion in body.criteria for evidence in criterion.evidence_ids}
    refused = separated(separation.judge_problem_solved(case.conflicts))
    if set(judged) - set(places):
        text = Text("判定了不属于本轮整改的完成标准", "A criterion that is not of this cycle is judged")
        refused.append(gap("gate.problem_solved.criterion_unknown", text, pointer="/criteria"))
    refused += foreign_evidence(case, cited, "/criteria") + _visit_faults(case, body)
    if found.outcome is Outcome.INCOMPLETE or set(places) - set(judged):
        refused += found.unmet
    detail = {"solved": body.model_dump(mode="json", exclude={"gate", "comment", "occurred_at"})}
    return _Verdict(found.outcome.value, detail, found.unmet, refused, cited)


def _visit(body: schemas.ProblemSolvedIn) -> rules.Visit | None:
    visit = body.visit
    if visit is None:
        return rules.Visit() if body.verification is schemas.Verification.ON_SITE else None
    persons = [*visit.persons, *(str(person) for person in visit.person_ids)]
    return rules.Visit(visit.on, visit.place or "", persons)


def _visit_faults(case: Case, body: schemas.ProblemSolvedIn) -> list[Fault]:
    if body.visit is None:
        return []
    faults = unknown_people(case, body.visit.person_ids, "/visit/person_ids")
    on = body.visit.on
    if on is not None and on > case.opened.today:
        faults.append(gap("gate.problem_solved.visit_in_future", _LATER, pointer="/visit/on"))
    if on is not None and case.submitted_at is not None and on < beijing_date(case.submitted_at):
        faults.append(gap("gate.problem_solved.visit_before_submission", _BEFORE_REPORT, pointer="/visit/on"))
    return faults


# --- 整改不到位不放过 ---------------------------------------------------------------------------------------------


def _answer(given: schemas.AnswerIn) -> rules.Answer:
    return rules.Answer(given.answer, given.reason or "")


def _accountability(case: Case, body: schemas.AdequateIn) -> _Verdict:
    given = body.checklist.accountability
    found = rules.accountability_verdict(None if given is None else _answer(given))
    refused = separated(separation.judge_accountability(case.conflicts))
    return _checked(found, body.checklist.model_dump(mode="json"), refused)


async def _adequate(tx: Tx, case: Case, body: schemas.AdequateIn) -> _Verdict:
    """Where the policy gives accountability to the discipline office, its latest sub-check is the answer."""
    checklist = body.checklist
    refused = separated(separation.judge_adequate(case.conflicts))
    if case.policy.accountability_by_discipline_office:
        if checklist.accountability is not None:
            text = Text(
                "追责一项由纪检监察机构核查，不在此作答",
                "Accountability is answered by the discipline office, not here",
            )
            refused.append(gap("gate.rectification_adequate.accountability_elsewhere", text, Role.DISCIPLINE_OFFICE,
                               pointer="/checklist/accountability"))  # fmt: skip
        item = case.opened.row
        checked = await tx.fetchval(_SUB_CHECK, item["id"], item["submission_no"])
        if checked is None:
            refused.append(gap(SUB_CHECK_MISSING, NO_SUB_CHECK, Role.DISCIPLINE_OFFICE))
        # Without a sub-check the rest is still judged, so that everything that is missing is told at once.
        answer = {"answer": "yes"} if checked is None else checked
        checklist = checklist.model_copy(update={"accountability": schemas.AnswerIn.model_validate(answer)})
    answers = {item: given for item in rules.CheckItem if (given := getattr(checklist, item)) is not None}
    found = rules.adequate_verdict({item: _answer(given) for item, given in answers.items()})
    return _checked(found, checklist.model_dump(mode="json"), refused)


def _checked(found: rules.Verdict, checklist: dict[str, Any], refused: list[Fault]) -> _Verdict:
    if found.outcome is Outcome.INCOMPLETE:
        refused += found.unmet
    return _Verdict(found.outcome.value, {"checklist": checklist}, found.unmet, refused)


# --- 职工群众不满意不放过 -----------------------------------------------------------------------------------------


def _surveyed(case: Case, given: schemas.SurveyIn, runner_id: UUID | None) -> _Verdict:
    counts = rules.Counts(**{name: getattr(given, name) for name in _COUNTS})
    policy = case.policy.people_satisfied
    rule = rules.SurveyRule(policy.min_n, policy.min_ratio.exact, policy.threshold.exact)
    found = rules.survey_verdict(counts, rule, given.unanswered_named)
    broken = dict(separation.run_survey(case.conflicts)) | dict(separation.run_survey(case.conflicts, runner_id))
    refused = separated(broken.items()) + rules.survey_faults(counts)
    refused += foreign_evidence(case, [given.scan_id], "/survey/scan_id")
    if given.runner_id is not None:
        refused += unknown_people(case, [given.runner_id], "/survey/runner_id")
    refused += _held_faults(case, given)
    item = case.opened.row
    survey = given.model_dump() | {
        "id": uuid7(),
        "cycle": item["cycle"],
        "submission_no": item["submission_no"],
        "kind": rules.survey_kind(given.invited).value,
        "runner_id": runner_id,
        "created_at": case.opened.now,
    }
    detail = {"survey_id": str(survey["id"])}
    return _Verdict(found.outcome.value, detail, found.unmet, refused, {given.scan_id}, survey)


def _held_faults(case: Case, given: schemas.SurveyIn) -> list[Fault]:
    if given.held_on > case.opened.today:
        return [gap("gate.people_satisfied.held_in_future", _LATER, pointer="/survey/held_on")]
    if case.submitted_at is not None and given.held_on < beijing_date(case.submitted_at):
        return [gap("gate.people_satisfied.held_before_submission", _BEFORE_REPORT, pointer="/survey/held_on")]
    return []


def _waived(case: Case, body: schemas.SatisfiedIn) -> _Verdict:
    """A waiver says that nobody can be asked; it is no answer to people who were asked and said no."""
    refused = separated(separation.waive_survey(case.conflicts))
    if not case.policy.people_satisfied.waivable:
        text = Text("本台账规定第三关不得豁免", "The policy of this ledger allows no waiver")
        refused.append(gap("gate.people_satisfied.not_waivable", text, Role.SURVEY_RUNNER))
    if case.survey_failed:
        text = Text("本次测评不满意，不能以豁免代替", "The survey found people dissatisfied: it cannot be waived away")
        refused.append(gap("gate.people_satisfied.survey_failed", text, Role.SURVEY_RUNNER))
    reason = body.waiver.reason if body.waiver else None
    return _Verdict(GateStatus.WAIVED.value, {"waiver_reason": reason}, refused=refused)
