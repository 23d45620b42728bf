"""Conditions up to completion: met on the smallest good facts, unmet on nothing, and each way to be unmet by its code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from app.access.separation import Conflicts
from app.core.workdays import Calendar
from app.lifecycle import guards as g
from app.lifecycle.facts import ApprovalFact, Candidate, DecisionFact, Facts, Related
from app.lifecycle.judge import refusal, unmet
from app.lifecycle.states import Action, Mode, State
from app.lifecycle.transitions import BY_ACTION
from tests.lifecycle.made import (
    DEADLINE,
    EVIDENCE,
    LEAD,
    LEADER,
    ME,
    NOW,
    OTHER,
    SOURCE,
    TARGET,
    TODAY,
    criterion,
    facts,
    measure,
    row,
    uid,
)

A = Action


@dataclass(frozen=True)
class Case:
    """Facts by their difference from the smallest good ones, and the rules that are then unmet."""

    guard: g.Guard
    action: Action
    data: Mapping[str, Any]
    unmet: set[str]
    item: Mapping[str, Any] = field(default_factory=dict)
    parts: Mapping[str, Any] = field(default_factory=dict)

    def facts(self) -> Facts:
        state = min(BY_ACTION[self.action].sources)
        return facts(self.action, self.data, row(state) | dict(self.item), **self.parts)

    def found(self) -> set[str]:
        return {reason.rule for reason in self.guard(self.facts())}


def guard_cases(
    guard: g.Guard, action: Action, data: Mapping[str, Any], good: Mapping[str, Any] | None = None
) -> Callable[..., Case]:
    """`case("rule other.rule", data, column=value, parts={…})`: no rule at all means met."""

    def case(rules: str = "", given: Mapping[str, Any] | None = None, **item: Any) -> Case:
        parts = dict(good or {}) | item.pop("parts", {})
        return Case(guard, action, {**data, **(given or {})}, set(rules.split()), item, parts)

    return case


required = guard_cases(
    g.required_fields, A.SUBMIT, {}, {"required_fields": ("found_on", "source_quote", "source_path")}
)
FULL = {"found_on": TODAY, "source_quote": "原文", "source_path": ["第一批"]}
REQUIRED = [
    required("", **FULL),
    required("", parts={"required_fields": ()}),
    required("", confidentiality="secret_stub"),
    required("submit.required.found_on submit.required.source_quote submit.required.source_path"),
    required("submit.required.found_on", **(FULL | {"found_on": None})),
    required("submit.required.source_quote", **(FULL | {"source_quote": ""})),
    required("submit.required.source_path", **(FULL | {"source_path": []})),
    required("submit.required.no_such_column", parts={"required_fields": ("no_such_column",)}),
]

classify = guard_cases(g.classified, A.REGISTER, {})
CLASSIFIED = [
    classify(),
    classify(
        "",
        {"category": "safety", "severity": "major"},
        category=None,
        severity=None,
        parts={"known_categories": frozenset({"safety"})},
    ),
    classify("reference.category_unknown", {"category": "safety"}),
    classify("register.category_missing", category=None),
    classify("register.severity_missing", severity=None),
    classify("register.category_missing register.severity_missing", category=None, severity=None),
    classify("register.confidentiality_missing", confidentiality=None),
    classify("", {"confidentiality": "restricted"}),
    classify("register.secret_stub", {"confidentiality": "secret_stub"}),
    classify("register.secret_stub", {"confidentiality": "internal"}, confidentiality="secret_stub"),
    classify("", {"confidentiality": "secret_stub"}, confidentiality="secret_stub"),
]

opened = guard_cases(g.ledger_is_open, A.SUBMIT, {})
LEDGER = [opened(), opened("ledger.archived", parts={"ledger_open": False})]

LIKE = Candidate(uid(901), "ZG-2026-0009", "食堂台账缺失", 800)
ALSO = Candidate(uid(902), None, "食堂无台账", 600)
answered = guard_cases(g.duplicates_answered, A.REGISTER, {})
DUPLICATES = [
    answered(),
    answered("", {"duplicates": [{"item_id": str(uid(901)), "verdict": "different"}]}, parts={"candidates": (LIKE,)}),
    answered("", {"duplicates": [{"item_id": str(uid(901)), "verdict": "recurrence"}]}, parts={"candidates": (LIKE,)}),
    answered("register.duplicate_unanswered", parts={"candidates": (LIKE,)}),
    answered(
        "register.duplicate_unanswered",
        {"duplicates": [{"item_id": str(uid(999)), "verdict": "different"}]},
        parts={"candidates": (LIKE,)},
    ),
    answered(
        "register.same_fact register.duplicate_unanswered",
        {"duplicates": [{"item_id": str(uid(901)), "verdict": "same_fact"}]},
        parts={"candidates": (LIKE, ALSO)},
    ),
]


def home(state: str) -> dict[str, Any]:
    return {"related": {TARGET: Related(TARGET, State(state), uid(301))}}


MERGE_INTO = {"registered", "assigned", "planning", "plan_review", "rectifying", "sustaining"}
merge = guard_cases(g.merge_target_fits, A.MERGE, {"target_id": str(TARGET), "reason": "同一事实"})
MERGE = [
    *(merge("" if state in MERGE_INTO else "merge.target_state", parts=home(state)) for state in State),
    merge("merge.target_unknown"),
    merge("merge.target_unknown", id=TARGET, parts=home("registered")),
]

PART = {"title": "其一", "description": "食堂"}
split = guard_cases(g.two_children, A.SPLIT, {"reason": "两件事", "children": [PART, PART]})
SPLIT = [
    split(),
    split("split.too_few", {"children": [PART]}),
    split("split.too_few", {"children": []}),
    split("", {"children": [PART, PART | {"responsible_unit_id": str(OTHER)}]}, parts={"known_units": {OTHER}}),
    split("reference.unit_unknown", {"children": [PART, PART | {"responsible_unit_id": str(OTHER)}]}),
    split("split.secret_stub", confidentiality="secret_stub"),
]

KNOWN = {"known_people": frozenset({LEADER, ME}), "known_units": frozenset({LEAD, OTHER})}
assign = guard_cases(g.assignment_complete, A.ASSIGN, {}, KNOWN)
BARE: dict[str, Any] = {"lead_unit_id": None, "accountable_leader_ids": [], "mode": None}
GIVEN = {"lead_unit_id": str(LEAD), "accountable_leader_ids": [str(LEADER)], "mode": "phased"}
ASSIGN = [
    assign(),
    assign("", GIVEN, **BARE),
    assign("assign.lead_unit_missing assign.leader_missing assign.mode_missing", **BARE),
    assign("assign.lead_unit_missing", lead_unit_id=None),
    assign("assign.leader_missing", accountable_leader_ids=[]),
    assign("assign.leader_missing", {"accountable_leader_ids": []}),
    assign("assign.mode_missing", mode=None),
    assign("assign.lead_cooperates", {"cooperating_unit_ids": [str(LEAD)]}),
    assign("assign.lead_cooperates", {"lead_unit_id": str(OTHER)}, cooperating_unit_ids=[OTHER]),
    assign("", {"cooperating_unit_ids": [str(OTHER)]}),
    assign("reference.unit_unknown", {"cooperating_unit_ids": [str(SOURCE)]}),
    assign("reference.unit_unknown", {"responsible_unit_id": str(SOURCE)}),
    assign("reference.unit_unknown", {"lead_unit_id": str(SOURCE)}),
    assign("reference.person_unknown", {"accountable_leader_ids": [str(uid(999))]}),
    assign("reference.person_unknown", {"responsible_person_id": str(uid(999))}),
    assign("reference.person_unknown", {"liaison_id": str(uid(999))}),
    assign("reference.person_unknown", parts={"known_people": frozenset()}),
]

WORKING = {"text": "15个工作日内", "kind": "days", "days": 15, "day_type": "working"}
deadline = guard_cases(g.deadline_structured, A.ASSIGN, {})
STRUCTURED = [
    deadline(),
    deadline("deadline.missing", deadline=None),
    deadline(
        "deadline.calendar_uncertain", deadline=DEADLINE | WORKING | {"date": None}, parts={"calendar": Calendar()}
    ),
    deadline("", {"deadline": {"text": "6月底前", "kind": "date", "date": "2026-06-30"}}, deadline=None),
    deadline("deadline.unspecified", {"deadline": {"text": "尽快", "kind": "unspecified"}}),
    deadline("deadline.review_missing", {"deadline": {"text": "长期坚持", "kind": "long_term"}}),
    deadline("", {"deadline": {"text": "长期坚持", "kind": "long_term", "review_on": "2026-08-01"}}),
    deadline("", {"deadline": WORKING}),
    deadline("deadline.calendar_uncertain", {"deadline": WORKING}, parts={"calendar": Calendar()}),
    deadline("deadline.calendar_uncertain", {"deadline": WORKING | {"days": 900}}),
    deadline("", {"deadline": WORKING | {"day_type": "calendar"}}, parts={"calendar": Calendar()}),
    deadline("", {"deadline": WORKING}, parts={"occurred_at": NOW - timedelta(days=30)}),
    deadline("deadline.calendar_uncertain", {"deadline": WORKING}, parts={"occurred_at": NOW - timedelta(days=900)}),
]


WAITS = DEADLINE | WORKING | {"date": None, "from": "acknowledge"}
countable = guard_cases(g.deadline_countable, A.ACKNOWLEDGE, {})
COUNTABLE = [
    countable(),
    countable("", deadline=None),
    countable("", deadline=WAITS),
    countable("deadline.calendar_uncertain", deadline=WAITS, parts={"calendar": Calendar()}),
    countable("", deadline=WAITS | {"from": "notice"}, parts={"calendar": Calendar()}),
    countable("", deadline=WAITS | {"day_type": "calendar"}, parts={"calendar": Calendar()}),
]


def ruling(opinion: str, role: str = "first_responsible", purpose: str = "assignment", seq: int = 7) -> ApprovalFact:
    return ApprovalFact(purpose, role, opinion, None, ME, 0, NOW, seq)


def at(year: int, month: int, day: int) -> datetime:
    return datetime(year, month, day, 4, tzinfo=UTC)


# 2026-03-02 is a Monday: three working days later is the 5th.
decline = guard_cases(g.may_still_decline, A.DECLINE_ASSIGNMENT, {"reason": "不属本单位职责"})
DECLINE = [
    decline(),
    decline("", parts={"today": date(2026, 3, 5)}),
    decline("decline_assignment.too_late", parts={"today": date(2026, 3, 6)}),
    decline("", decline_count=1),
    decline("decline_assignment.too_often", decline_count=2),
    decline("", decline_count=2, parts={"approvals": (ruling("agree"),)}),
    decline("decline_assignment.too_often", decline_count=2, parts={"approvals": (ruling("disagree"),)}),
    decline(
        "decline_assignment.too_often",
        decline_count=2,
        parts={"approvals": (ruling("agree"), ruling("disagree"))},
    ),
    decline("decline_assignment.too_often", decline_count=2, parts={"approvals": (ruling("agree", "leader"),)}),
    decline(
        "decline_assignment.too_often",
        decline_count=2,
        parts={"approvals": (ruling("agree", purpose="sustain"),)},
    ),
    decline(
        "decline_assignment.too_often",
        decline_count=3,
        entered_seq=9,
        parts={"approvals": (ruling("agree", seq=8),)},
    ),  # ruled on before it was assigned anew
    decline("", decline_count=3, entered_seq=9, parts={"approvals": (ruling("agree", seq=10),)}),
    decline("", assigned_at=at(2026, 2, 13), parts={"today": date(2026, 2, 24)}),  # 春节假期不计
    decline("", assigned_at=at(2031, 1, 1), parts={"today": date(2031, 1, 4)}),
    decline("decline_assignment.too_late", assigned_at=at(2031, 1, 1), parts={"today": date(2031, 1, 5)}),
    decline("", assigned_on=date(2020, 1, 1)),  # the paper's date takes nothing from the unit's time
]

plan = guard_cases(
    g.has_measures_and_criteria, A.SUBMIT_PLAN, {}, {"measures": (measure(),), "criteria": (criterion(),)}
)
PLAN = [
    plan(),
    plan("plan.no_measure plan.no_criterion", parts={"measures": (), "criteria": ()}),
    plan("plan.no_measure", parts={"measures": ()}),
    plan("plan.no_criterion", parts={"criteria": ()}),
]

complete = guard_cases(g.measures_complete, A.SUBMIT_PLAN, {}, {"measures": (measure(),)})
COMPLETE = [
    complete(),
    complete("plan.measure_incomplete", parts={"measures": (measure(unit_id=None),)}),
    complete("plan.measure_incomplete", parts={"measures": (measure(person_id=None),)}),
    complete("plan.measure_incomplete", parts={"measures": (measure(), measure(due_on=None))}),
    complete("", parts={"measures": (measure(due_on=date(2026, 6, 30)),)}),
    complete("plan.measure_after_deadline", parts={"measures": (measure(due_on=date(2026, 7, 1)),)}),
    complete("", due_on=None, parts={"measures": (measure(due_on=date(2030, 1, 1)),)}),
]

cause = guard_cases(g.root_cause_stated, A.SUBMIT_PLAN, {})
CAUSE = [
    cause(),
    cause("plan.no_root_cause", root_cause=None),
    cause("plan.no_root_cause", root_cause=""),
    cause("", {"root_cause": "责任不清"}, root_cause=None),
]


def decided(purpose: str = "plan", result: str = "passed", version: int | None = 1, days: int = 1) -> DecisionFact:
    return DecisionFact(purpose, result, version, None, NOW + timedelta(days=days))


submitted = {"plan_submitted_at": NOW}
major = guard_cases(g.plan_decided, A.APPROVE_PLAN, {}, submitted)
DECIDED = [
    major(),
    major("decision.plan_missing", major_kind="large_fund"),
    major("", major_kind="large_fund", parts={"decisions": (decided(),)}),
    major("decision.plan_missing", major_kind="large_fund", parts={"decisions": (decided("closure"),)}),
    major("decision.plan_missing", major_kind="large_fund", parts={"decisions": (decided(result="rejected"),)}),
    major("decision.plan_missing", major_kind="large_fund", parts={"decisions": (decided(result="not_quorate"),)}),
    major("decision.plan_missing", major_kind="large_fund", parts={"decisions": (decided(version=2),)}),
    major("decision.plan_missing", major_kind="large_fund", parts={"decisions": (decided(version=None),)}),
    major("decision.plan_missing", major_kind="large_fund", parts={"decisions": (decided(days=0),)}),
    major("decision.plan_missing", major_kind="large_fund", parts={"decisions": (decided(days=-1),)}),
]

author = guard_cases(g.plan_approver_separate, A.APPROVE_PLAN, {})
AUTHOR = [
    author(),
    author("separation.plan_author", parts={"conflicts": Conflicts(frozenset({ME}), plan_authors=frozenset({ME}))}),
    author(
        "separation.plan_author",
        parts={"conflicts": Conflicts(frozenset({ME, LEADER}), plan_authors=frozenset({LEADER}))},
    ),
]

REPORT = {"summary": "全部整改到位", "declared_true": True}
finished = guard_cases(g.measures_finished, A.REPORT_COMPLETION, REPORT, {"measures": (measure(),)})
AWAY = measure(status="adjusted_away")
FINISHED = [
    finished(),
    finished("", parts={"measures": (measure(), AWAY)}),
    finished("completion.measures_open completion.nothing_done", parts={"measures": (measure(status="in_progress"),)}),
    finished("completion.measures_open", parts={"measures": (measure(), measure(status="not_started"))}),
    finished("completion.nothing_done", parts={"measures": (AWAY,)}),
]

evidenced = guard_cases(g.criteria_evidenced, A.REPORT_COMPLETION, REPORT, {"criteria": (criterion(),)})
EVIDENCED = [
    evidenced(),
    evidenced("completion.criteria_without_evidence", parts={"criteria": (criterion(evidence=0),)}),
    evidenced("completion.criteria_without_evidence", parts={"criteria": (criterion(), criterion(evidence=0))}),
]

pending = guard_cases(g.nothing_pending, A.REPORT_COMPLETION, REPORT)
PENDING = [
    pending(),
    pending("completion.extension_pending", parts={"extension_pending": True}),
    pending("completion.adjustment_pending", parts={"adjustment_pending": True}),
]

true = guard_cases(g.truthfulness_declared, A.REPORT_COMPLETION, REPORT)
DECLARED = [true(), true("completion.not_declared", {"declared_true": False})]

known = guard_cases(g.evidence_known, A.REPORT_COMPLETION, REPORT, {"evidence_ids": frozenset({EVIDENCE})})
EVIDENCE_KNOWN = [
    known(),
    known("", {"evidence_ids": [str(EVIDENCE)]}),
    known("reference.evidence_unknown", {"evidence_ids": [str(EVIDENCE), str(uid(999))]}),
    known("reference.evidence_unknown", {"evidence_ids": [str(EVIDENCE)]}, parts={"evidence_ids": frozenset()}),
]

CASES = [
    *REQUIRED, *CLASSIFIED, *LEDGER, *DUPLICATES, *MERGE, *SPLIT, *ASSIGN, *STRUCTURED, *COUNTABLE,
    *DECLINE, *PLAN, *COMPLETE, *CAUSE,
    *DECIDED, *AUTHOR, *FINISHED, *EVIDENCED, *PENDING, *DECLARED, *EVIDENCE_KNOWN,
]  # fmt: skip
GUARDS = {guard for one in BY_ACTION.values() for guard in one.guards if guard.__module__ == g.__name__}


def called(guard: Any) -> str:
    """The rule's name in the code: the same in every worker of a run."""
    found: str = guard.__name__
    return found


def name(case: Case) -> str:
    return f"{called(case.guard)}-{'+'.join(sorted(case.unmet)) or 'met'}"


@pytest.mark.parametrize("case", CASES, ids=name)
def test_a_condition_names_exactly_what_is_missing(case: Case) -> None:
    assert case.found() == case.unmet


@pytest.mark.parametrize("guard", sorted(GUARDS, key=called), ids=called)
def test_every_condition_is_tested_both_met_and_unmet(guard: g.Guard) -> None:
    of_it = [case for case in CASES if case.guard is guard]
    assert any(case.unmet for case in of_it)
    assert any(not case.unmet for case in of_it)


@pytest.mark.parametrize("case", [case for case in CASES if case.unmet], ids=name)
def test_every_reason_is_given_in_two_languages_and_says_who_can_help(case: Case) -> None:
    for reason in case.guard(case.facts()):
        assert reason.text.zh
        assert reason.text.en
        assert reason.who


def missing(action: Action, given: Mapping[str, Any], **parts: Any) -> set[str]:
    found = facts(action, given, **parts)
    return {reason.rule for reason in unmet(BY_ACTION[action], found)}


def test_a_completion_report_over_no_measures_and_no_criteria_is_refused() -> None:
    assert missing(A.REPORT_COMPLETION, REPORT) == {"plan.no_measure", "plan.no_criterion"}


def test_a_plan_without_anything_is_told_everything_at_once() -> None:
    empty = row("planning", root_cause=None)
    assert missing(A.SUBMIT_PLAN, {}, item=empty) == {"plan.no_measure", "plan.no_criterion", "plan.no_root_cause"}


def test_an_act_dated_in_the_future_is_refused_whatever_it_is() -> None:
    for action, transition in BY_ACTION.items():
        if transition.data.model_fields:
            continue
        found = missing(action, {}, occurred_at=NOW + timedelta(seconds=1))
        assert "occurred_at.future" in found
        assert "occurred_at.future" not in missing(action, {})


def test_no_step_is_dated_before_the_one_it_follows_or_before_the_problem_was_found() -> None:
    item = row("registered", effective_at=NOW - timedelta(days=5), found_on=TODAY - timedelta(days=7))
    for days, rules in (
        (4, set()),
        (5, set()),
        (6, {"occurred_at.before_previous"}),
        (8, {"occurred_at.before_previous", "occurred_at.before_found"}),
    ):
        judged = facts(A.RECALL, {"reason": "主体有误"}, item, occurred_at=NOW - timedelta(days=days))
        found = {reason.rule for reason in unmet(BY_ACTION[A.RECALL], judged)}
        assert {rule for rule in found if rule.startswith("occurred_at.")} == rules, days


def test_one_refusal_names_every_rule_and_its_code_says_whether_only_separation_stands_in_the_way() -> None:
    mine = Conflicts(frozenset({ME}), plan_authors=frozenset({ME}))
    only = refusal(unmet(BY_ACTION[A.APPROVE_PLAN], facts(A.APPROVE_PLAN, conflicts=mine)))
    both = refusal(
        unmet(
            BY_ACTION[A.APPROVE_PLAN],
            facts(A.APPROVE_PLAN, item=row("plan_review", major_kind="large_fund"), conflicts=mine),
        )
    )
    assert only is not None
    assert both is not None
    assert (only.code, both.code) == ("separation_of_duties", "guards_unmet")
    assert {fault.rule for fault in both.faults} == {"separation.plan_author", "decision.plan_missing"}
    assert refusal([]) is None


def test_a_preview_without_a_body_judges_only_what_does_not_depend_on_one() -> None:
    bare = facts(A.REPORT_COMPLETION, REPORT)
    found = {reason.rule for reason in unmet(BY_ACTION[A.REPORT_COMPLETION], bare, with_data=False)}
    assert found == {"plan.no_measure", "plan.no_criterion"}


@pytest.mark.parametrize("mode", list(Mode))
def test_the_mode_of_the_item_may_stand_in_for_that_of_the_assignment(mode: Mode) -> None:
    given = row("registered", mode=mode.value, deadline=DEADLINE)
    assert missing(A.ASSIGN, {}, item=given, **KNOWN) == set()
