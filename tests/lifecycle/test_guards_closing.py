"""Conditions from verification to closing and after: met on the smallest good facts, and each way to be unmet."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from itertools import product
from typing import Any

import pytest

from app.access.separation import Conflicts
from app.lifecycle import guards_closing as c
from app.lifecycle.facts import ApprovalFact, DecisionFact, GateFact, ObjectionFact, Related
from app.lifecycle.guards import Guard
from app.lifecycle.parties import Party
from app.lifecycle.states import OPEN, Action, Gate, GateStatus, State
from app.lifecycle.transitions import BY_ACTION
from tests.lifecycle.made import (
    CHAIN,
    COLLEAGUE,
    EVIDENCE,
    LEADER,
    ME,
    NOW,
    OBJECTION,
    OFFICER,
    STRANGER,
    TARGET,
    TODAY,
    facts,
    passed_gates,
    row,
    uid,
)
from tests.lifecycle.test_guards import Case, called, guard_cases

A = Action
MINE = frozenset({ME})


def conflict(**sets: frozenset[Any]) -> dict[str, Any]:
    return {"conflicts": Conflicts(MINE, **sets)}


judged = guard_cases(c.no_gate_judged, A.WITHDRAW_COMPLETION, {"reason": "材料有误"})
WITHDRAW = [
    judged(),
    judged(
        "withdraw.gate_judged",
        parts={"gates": (GateFact("problem_solved", "whole", "not_evaluable", OFFICER),)},
    ),
    judged(
        "withdraw.gate_judged",
        parts={"gates": (GateFact("rectification_adequate", "accountability", "passed", OFFICER),)},
    ),
]

FAILING = {"deficiencies": ["台账仍缺三月"], "redo_by": "2026-04-01"}
failed = guard_cases(c.some_gate_failed, A.FAIL_VERIFICATION, FAILING)
FAILED = [
    failed("gate.none_failed"),
    failed("gate.none_failed", **passed_gates()),
    failed("gate.none_failed", gate_people_satisfied="not_evaluable"),
    *(failed("", **(passed_gates() | {f"gate_{gate}": "failed"})) for gate in Gate),
]

hold = guard_cases(c.gates_hold, A.PASS_VERIFICATION, {})


def holding() -> list[Case]:
    """Every one of the 125 combinations: only all passed holds, or the third waived beside two passed."""
    found = []
    for statuses in product(GateStatus, repeat=3):
        by_gate = dict(zip(Gate, statuses, strict=True))
        rules = [
            f"gate.{gate}.{status}"
            for gate, status in by_gate.items()
            if status is not GateStatus.PASSED and not (gate is Gate.PEOPLE_SATISFIED and status is GateStatus.WAIVED)
        ]
        columns = {f"gate_{gate}": status.value for gate, status in by_gate.items()}
        found.append(hold(" ".join(rules), **columns))
    return found


GATES = holding()

sign = guard_cases(c.closure_signer_separate, A.APPROVE_CLOSURE, {})
EXCLUDED = {"submitters": "submitter", "problem_judges": "problem_judge"}
EXCLUDED_LAST = EXCLUDED | {
    "adequate_judges": "adequate_judge", "runners": "survey_runner", "named": "named_person",
}  # fmt: skip
SETS = (*EXCLUDED_LAST, "last_signers", "parties", "responsible_side", "plan_authors")
SIGNER = [
    sign(chain_step=2),
    *(
        sign(f"separation.{EXCLUDED[was]}" if was in EXCLUDED else "", chain_step=0, parts=conflict(**{was: MINE}))
        for was in SETS
    ),
    *(
        sign(
            f"separation.{EXCLUDED_LAST[was]}" if was in EXCLUDED_LAST else "",
            chain_step=2,
            parts=conflict(**{was: MINE}),
        )
        for was in SETS
    ),
    sign("separation.named_person", chain=["leader"], parts=conflict(named=MINE)),
]


def closing(purpose: str = "closure", result: str = "passed", number: int | None = 1, days: int = 1) -> DecisionFact:
    return DecisionFact(purpose, result, None, number, NOW + timedelta(days=days))


decide = guard_cases(c.closure_decided, A.APPROVE_CLOSURE, {}, {"submitted_at": NOW})
MAJOR = {"major_kind": "large_fund"}
DECIDED = [
    decide(),
    decide("decision.closure_missing", **MAJOR),
    decide("", **MAJOR, parts={"decisions": (closing(),)}),
    decide("", **MAJOR, parts={"decisions": (closing(result="rejected"), closing())}),
    *(
        decide("decision.closure_missing", **MAJOR, parts={"decisions": (one,)})
        for one in (
            closing("plan"), closing(result="deferred"), closing(number=2), closing(number=None), closing(days=0),
            closing(days=-1),
        )
    ),
    decide("decision.closure_missing", **MAJOR, parts={"decisions": (closing(),), "submitted_at": None}),
]  # fmt: skip

runs = guard_cases(c.clock_runs, A.APPROVE_CLOSURE, {})
CLOCK = [runs(), runs("clock.suspended", parts={"clock_suspended": True})]

over = guard_cases(c.notice_over, A.FINISH_NOTICE, {})
NOTICE = [
    over("notice.running", notice_ends_on=None),
    over("notice.running", notice_ends_on=TODAY),
    over("notice.running", notice_ends_on=TODAY + timedelta(days=1)),
    over("", notice_ends_on=TODAY - timedelta(days=1)),
]


def objection(ruling: str | None = None, lodged_by: Any = OFFICER) -> dict[str, Any]:
    return {"objections": (ObjectionFact(OBJECTION, lodged_by, ruling),)}


quiet = guard_cases(c.no_open_objection, A.FINISH_NOTICE, {})
QUIET = [
    quiet(),
    quiet("", parts=objection("dismissed")),
    quiet("notice.objection_open", parts=objection()),
]

uphold = guard_cases(c.objection_fits, A.UPHOLD_OBJECTION, {"objection_id": str(OBJECTION), "reason": "属实"})
UPHOLD = [
    uphold("objection.unknown"),
    uphold("", parts=objection()),
    uphold("objection.unknown", {"objection_id": str(uid(999))}, parts=objection()),
    uphold("objection.unknown", parts=objection("dismissed")),
    uphold("separation.objection_lodger", parts=objection(lodged_by=ME)),
    uphold("separation.problem_judge", parts=objection() | conflict(problem_judges=MINE)),
    uphold("separation.adequate_judge", parts=objection() | conflict(adequate_judges=MINE)),
]


def agreed(opinion: str = "agree", role: str = "first_responsible", purpose: str = "sustain") -> ApprovalFact:
    return ApprovalFact(purpose, role, opinion, None, OFFICER, 0, NOW, 7)


SUSTAIN = {"reason_code": "legacy", "stage_goal": "年内移交", "next_review_on": "2026-06-01"}
sustain = guard_cases(c.sustain_approved, A.ENTER_SUSTAINING, SUSTAIN)
SUSTAINED = [
    sustain("sustain.not_approved"),
    sustain("", parts={"approvals": (agreed(),)}),
    sustain("", parts={"approvals": (agreed("disagree"), agreed())}),
    sustain("sustain.not_approved", parts={"approvals": (agreed(), agreed("disagree"))}),
    sustain("sustain.not_approved", parts={"approvals": (agreed(role="leader"),)}),
    sustain("sustain.not_approved", parts={"approvals": (agreed(purpose="plan"),)}),
    sustain("sustain.not_approved", entered_seq=7, parts={"approvals": (agreed(),)}),  # it came back since
]

heard = guard_cases(c.sustain_decided, A.ENTER_SUSTAINING, SUSTAIN)
HEARD = [
    heard(),
    heard("decision.sustain_missing", **MAJOR),
    heard("decision.sustain_missing", **MAJOR, parts={"decisions": (closing("sustain", "rejected"), closing())}),
    heard("", **MAJOR, parts={"decisions": (closing("sustain"),)}),
    heard(
        "decision.sustain_missing",
        **MAJOR,
        parts={"decisions": (closing("sustain"),), "plan_submitted_at": NOW + timedelta(days=1)},
    ),
    heard(
        "",
        **MAJOR,
        parts={"decisions": (closing("sustain", days=2),), "plan_submitted_at": NOW + timedelta(days=1)},
    ),
]

review = guard_cases(c.review_within_half_year, A.ENTER_SUSTAINING, SUSTAIN)
REVIEW = [
    review(),
    review("review.too_far", {"next_review_on": str(TODAY)}),
    review("", {"next_review_on": str(TODAY + timedelta(days=1))}),
    review("", {"next_review_on": "2026-09-02"}),
    review("review.too_far", {"next_review_on": "2026-09-03"}),
    review("", {"next_review_on": "2026-12-30"}, parts={"today": date(2026, 6, 30)}),
    review("review.too_far", {"next_review_on": "2026-12-31"}, parts={"today": date(2026, 6, 30)}),
    review("", {"next_review_on": "2027-02-28"}, parts={"today": date(2026, 8, 31)}),
    review("review.too_far", {"next_review_on": "2027-03-01"}, parts={"today": date(2026, 8, 31)}),
    review("review.too_far", {"next_review_on": "2025-12-01"}),
]

look = guard_cases(c.review_planned, A.STAGE_REVIEW, {"result": "on_track", "summary": "按计划"})
PLANNED = [
    look("review.missing"),
    look("", {"next_review_on": "2026-06-01"}),
    look("", {"result": "needs_work"}),
]

OFFICE_ONLY = {"parties": frozenset({Party.SUPERVISION_OFFICE})}
FIRST = {"parties": frozenset({Party.FIRST_RESPONSIBLE})}
reclassify = guard_cases(c.reclassification_allowed, A.RECLASSIFY, {"reason": "定性调整"}, OFFICE_ONLY)
LOWER = {"confidentiality": "public"}
RECLASSIFY = [
    reclassify("", {"severity": "grave"}, state="closing"),
    reclassify("", {"confidentiality": "restricted"}, state="closing"),
    reclassify("", {"confidentiality": "internal"}),
    reclassify("reference.category_unknown", {"category": "safety"}),
    reclassify("", {"category": "safety"}, parts=OFFICE_ONLY | {"known_categories": frozenset({"safety"})}),
    reclassify("reclassify.first_responsible", LOWER),
    reclassify("reclassify.first_responsible", {"drop_major_matter": True}, **MAJOR),
    *(
        reclassify("reclassify.under_decision" if state in {"plan_review", "closing"} else "", LOWER, state=state,
                   parts=FIRST)
        for state in sorted(OPEN)
    ),
    reclassify("reclassify.under_decision", {"drop_major_matter": True}, state="closing", parts=FIRST),
    reclassify("reclassify.secret_stub", {"confidentiality": "secret_stub"}),
    reclassify("reclassify.secret_stub", {"confidentiality": "public"}, confidentiality="secret_stub", parts=FIRST),
    reclassify("", {"severity": "major"}, confidentiality="secret_stub"),
    reclassify(
        "reclassify.secret_stub",
        {"major_matter": {"kind": "large_fund", "basis": "某某项目"}},
        confidentiality="secret_stub",
    ),
]  # fmt: skip

HELD = {
    "role": "responsible_person",
    "from_person_id": str(uid(111)),
    "to_person_id": str(COLLEAGUE),
    "on": "2026-03-02",
}
hand = guard_cases(
    c.hand_over_fits,
    A.HAND_OVER,
    HELD,
    {
        "known_people": frozenset({COLLEAGUE, LEADER, uid(111), uid(112)}),
        "lead_unit_people": frozenset({COLLEAGUE, uid(111), uid(112)}),
        "parties": frozenset({Party.LEAD_UNIT_HEAD, Party.LEAD_UNIT}),
    },
)
LEADERS = {"role": "accountable_leader", "from_person_id": str(LEADER)}
HAND_OVER = [
    hand(),
    hand("", {"role": "liaison", "from_person_id": str(uid(112))}),
    hand("hand_over.not_holder", {"from_person_id": str(COLLEAGUE), "to_person_id": str(uid(111))}),
    hand("hand_over.not_holder", responsible_person_id=None),
    hand("reference.person_unknown", parts={"known_people": frozenset()}),
    hand("reference.person_unknown", {"to_person_id": str(uid(111))}),
    hand("hand_over.leader_by_office", LEADERS),
    *(
        hand("separation.receiver_has_judged", submission_no=1, parts=conflict(**{was: frozenset({COLLEAGUE})}))
        for was in ("problem_judges", "adequate_judges", "runners", "last_signers")
    ),
    hand("", submission_no=1, parts=conflict(submitters=frozenset({COLLEAGUE}))),
    hand("", LEADERS, parts=OFFICE_ONLY),
    hand("hand_over.not_holder", LEADERS, accountable_leader_ids=[], parts=OFFICE_ONLY),
    hand("hand_over.own_people", parts={"lead_unit_people": frozenset({uid(111)})}),
    hand("hand_over.own_people", parts={"lead_unit_people": frozenset()}),
    hand("hand_over.own_people", parts=OFFICE_ONLY),
    hand("hand_over.in_future", {"on": "2026-03-03"}),
]

AGAIN = {"reason_code": "rebound", "evidence": "再次发生", "deadline": {"text": "30日内", "kind": "days", "days": 30}}
reopen = guard_cases(c.reopen_reason_fits, A.REOPEN, AGAIN, {"parties": frozenset({Party.LEAD_UNIT})})
REOPEN = [
    reopen(),
    reopen("reopen.own_rebound_only", {"reason_code": "false_rectification"}),
    *(
        reopen("", {"reason_code": "false_rectification"}, parts={"parties": frozenset({office})})
        for office in (Party.SUPERVISION_OFFICE, Party.DISCIPLINE_OFFICE, Party.SOURCE_OFFICE)
    ),
]

brought = guard_cases(c.reopened_measures_known, A.REOPEN, AGAIN)
WHO = {"measures": [{"content": "补齐", "person_id": str(COLLEAGUE), "unit_id": str(uid(301))}]}
BROUGHT = [
    brought(),
    brought("", {"measures": [{"content": "补齐"}]}),
    brought("reference.person_unknown reference.unit_unknown", WHO),
    brought("reference.unit_unknown", WHO, parts={"known_people": frozenset({COLLEAGUE})}),
    brought("reference.person_unknown", WHO, parts={"known_units": frozenset({uid(301)})}),
]

void = guard_cases(
    c.void_justified, A.VOID, {"reason_code": "false_finding", "reason": "查无此事"}, {"has_document": True}
)
CONSENT = {"source_consent": {"name": "同意函"}}


def rehome(state: str = "registered", **more: Any) -> dict[str, Any]:
    return {"foreign_origins": 1, "related": {TARGET: Related(TARGET, State(state), uid(301))}} | more


TO = {"rehome_to_id": str(TARGET)}
VOID = [
    void(),
    void("void.document_missing", parts={"has_document": False}),
    void("void.source_consent", parts={"source_external": True}),
    void("", CONSENT, parts={"source_external": True}),
    void("void.origins_homeless", parts=rehome()),
    void("", TO, parts=rehome()),
    void("void.origins_homeless", TO, parts={"foreign_origins": 1}),
    void("void.origins_homeless", TO, parts=rehome("verifying")),
    void("void.origins_homeless", TO, parts=rehome("closed")),
    void("void.origins_homeless", TO, id=TARGET, parts=rehome()),
]

body = guard_cases(c.void_decided, A.VOID, {"reason_code": "false_finding", "reason": "查无此事"})
VOID_DECIDED = [
    body(),
    body("decision.void_missing", **MAJOR),
    body("decision.void_missing", **MAJOR, parts={"decisions": (closing("void", "rejected"), closing())}),
    body("", **MAJOR, parts={"decisions": (closing("void"),)}),
]

move = guard_cases(c.office_opinion_given, A.TRANSFER, {"receiving_body": "市纪委", "document_no": "〔2026〕1号"})
TRANSFER = [
    move("transfer.no_opinion"),
    move("", parts={"approvals": (agreed(role="supervision_office", purpose="transfer"),)}),
    move("transfer.no_opinion", parts={"approvals": (agreed(role="leader", purpose="transfer"),)}),
    move("transfer.no_opinion", parts={"approvals": (agreed(role="supervision_office"),)}),
]

PAPER = {"decider_id": str(LEADER), "document_no": "〔2026〕2号", "scan_id": str(EVIDENCE)}
offline = guard_cases(
    c.offline_decider_fits,
    A.RECORD_OFFLINE_CLOSURE,
    PAPER,
    {
        "last_step_holders": frozenset({LEADER}),
        "evidence_ids": frozenset({EVIDENCE}),
        "submitted_at": NOW - timedelta(days=3),
        "has_paper_date": True,
    },
)
OFFLINE = [
    offline(),
    offline("offline.paper_date_missing", parts={"has_paper_date": False}),
    offline("offline.decider_role", {"decider_id": str(STRANGER)}),
    offline("offline.decider_role", parts={"last_step_holders": frozenset()}),
    offline("offline.recorder_is_decider", parts={"actor_persons": frozenset({ME, LEADER})}),
    offline("offline.scan_missing", parts={"evidence_ids": frozenset()}),
    offline("offline.before_submission", parts={"submitted_at": NOW}),
    offline("offline.before_submission", parts={"submitted_at": NOW + timedelta(days=1)}),
    *(
        offline(
            f"separation.{EXCLUDED_LAST[was]}" if was in EXCLUDED_LAST else "",
            parts=conflict(**{was: frozenset({LEADER})}),
        )
        for was in SETS
    ),
]

CASES = [
    *WITHDRAW, *FAILED, *GATES, *SIGNER, *DECIDED, *CLOCK, *NOTICE, *QUIET, *UPHOLD, *SUSTAINED, *HEARD, *REVIEW, *PLANNED,
    *RECLASSIFY, *HAND_OVER, *REOPEN, *BROUGHT, *VOID, *VOID_DECIDED, *TRANSFER, *OFFLINE,
]  # fmt: skip
GUARDS = {guard for one in BY_ACTION.values() for guard in one.guards if guard.__module__ == c.__name__}


def name(case: Case) -> str:
    return f"{called(case.guard)}-{'+'.join(sorted(case.unmet)) or 'met'}"


@pytest.mark.parametrize("case", CASES, ids=name)
def test_a_condition_names_exactly_what_is_missing(case: Case) -> None:
    assert case.found() == case.unmet
    assert all(reason.text.zh and reason.text.en and reason.who for reason in case.guard(case.facts()))


@pytest.mark.parametrize("guard", sorted(GUARDS, key=called), ids=called)
def test_every_condition_is_tested_both_met_and_unmet(guard: Guard) -> None:
    of_it = [case for case in CASES if case.guard is guard]
    assert any(case.unmet for case in of_it)
    assert any(not case.unmet for case in of_it)


def test_exactly_two_of_125_combinations_of_verdicts_open_the_way_to_closing() -> None:
    assert len(GATES) == 125
    assert sum(not case.unmet for case in GATES) == 2


@pytest.mark.parametrize("action", ["approve_closure", "finish_notice", "record_offline_closure"])
@pytest.mark.parametrize("state", list(GateStatus))
@pytest.mark.parametrize("gate", list(Gate))
def test_nothing_closes_with_one_gate_unmet(action: str, state: GateStatus, gate: Gate) -> None:
    given: Mapping[str, Any] = PAPER if action == "record_offline_closure" else {}
    transition = BY_ACTION[Action(action)]
    item = row(min(transition.sources), **(passed_gates() | {f"gate_{gate}": state.value}), chain_step=len(CHAIN) - 1)
    found = {reason.rule for guard in transition.guards for reason in guard(facts(Action(action), given, item))}
    waived = gate is Gate.PEOPLE_SATISFIED and state is GateStatus.WAIVED
    assert (f"gate.{gate}.{state}" in found) == (state is not GateStatus.PASSED and not waived)
