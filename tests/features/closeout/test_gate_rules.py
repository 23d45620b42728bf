import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.features.closeout.rules import (
    Answer,
    AnswerValue,
    CheckItem,
    CriterionFinding,
    Money,
    Outcome,
    SolvedFindings,
    Verdict,
    Visit,
    adequate_verdict,
    problem_solved_verdict,
)

MET = CriterionFinding("1", met=True, evidence=1)
VISIT = Visit(visited_on=date(2026, 3, 2), place="第一食堂", persons=("张三", "李四"))
SOLVED = SolvedFindings(criteria=(MET,))
YES = Answer(AnswerValue.YES)
ALL_YES = dict.fromkeys(CheckItem, YES)


def names(verdict: Verdict) -> list[str]:
    return [fault.code for fault in verdict.unmet]


def test_a_problem_is_solved_when_every_criterion_is_met_with_evidence() -> None:
    assert problem_solved_verdict(SOLVED) == Verdict(Outcome.PASSED)
    many = SolvedFindings(criteria=(MET, CriterionFinding("2", met=True, evidence=3)), visit=VISIT)
    assert problem_solved_verdict(many) == Verdict(Outcome.PASSED)


def test_no_criterion_at_all_is_never_a_solved_problem() -> None:
    verdict = problem_solved_verdict(SolvedFindings(criteria=()))
    assert (verdict.outcome, names(verdict)) == (Outcome.INCOMPLETE, ["no_criterion"])
    assert verdict.unmet[0].rule == "gate.problem_solved.no_criterion"


@pytest.mark.parametrize(
    ("criteria", "outcome", "codes"),
    [
        ([CriterionFinding("1", met=False, evidence=1)], Outcome.FAILED, ["not_met"]),
        ([CriterionFinding("1", met=None, evidence=1)], Outcome.INCOMPLETE, ["not_judged"]),
        ([CriterionFinding("1", met=True, evidence=0)], Outcome.INCOMPLETE, ["no_evidence"]),
        ([CriterionFinding("1", met=None, evidence=0)], Outcome.INCOMPLETE, ["not_judged", "no_evidence"]),
        ([CriterionFinding("1", met=False, evidence=0)], Outcome.FAILED, ["not_met", "no_evidence"]),
        ([MET, CriterionFinding("2", met=False, evidence=1), MET], Outcome.FAILED, ["not_met"]),
        ([MET, CriterionFinding("2", met=True, evidence=0)], Outcome.INCOMPLETE, ["no_evidence"]),
    ],
)
def test_one_criterion_in_the_way_keeps_the_problem_open(
    criteria: Sequence[CriterionFinding], outcome: Outcome, codes: list[str]
) -> None:
    verdict = problem_solved_verdict(SolvedFindings(criteria=criteria))
    assert (verdict.outcome, names(verdict)) == (outcome, codes)


def test_each_gap_names_its_criterion() -> None:
    criteria = (CriterionFinding("台账齐全", met=None, evidence=1), CriterionFinding("现场整洁", met=False, evidence=1))
    verdict = problem_solved_verdict(SolvedFindings(criteria=criteria))
    assert [(fault.code, fault.members["about"]) for fault in verdict.unmet] == [
        ("not_met", "现场整洁"),
        ("not_judged", "台账齐全"),
    ]
    assert "现场整洁" in verdict.unmet[0].detail.zh


@pytest.mark.parametrize(
    ("visit", "codes"),
    [
        (None, []),
        (VISIT, []),
        (replace(VISIT, visited_on=None), ["visit_date"]),
        (replace(VISIT, place="  "), ["visit_place"]),
        (replace(VISIT, persons=("张三",)), ["visit_persons"]),
        (replace(VISIT, persons=("张三", " 张三 ")), ["visit_persons"]),
        (replace(VISIT, persons=("张三", "", " ")), ["visit_persons"]),
        (Visit(), ["visit_date", "visit_place", "visit_persons"]),
    ],
)
def test_an_on_site_check_has_a_date_a_place_and_two_different_people(visit: Visit | None, codes: list[str]) -> None:
    verdict = problem_solved_verdict(replace(SOLVED, visit=visit))
    assert names(verdict) == codes
    assert verdict.outcome is (Outcome.INCOMPLETE if codes else Outcome.PASSED)


@pytest.mark.parametrize(
    ("money", "outcome"),
    [
        (None, Outcome.PASSED),
        (Money(due=6_000_000, recovered=6_000_000), Outcome.PASSED),
        (Money(due=6_000_000, recovered=3_000_000 + 2_000_000), Outcome.FAILED),
        (Money(due=6_000_000, recovered=5_999_999), Outcome.FAILED),
        (Money(due=6_000_000, recovered=5_000_000, explanation=" "), Outcome.FAILED),
        (Money(due=6_000_000, recovered=5_000_000, explanation="其余一万元经核减"), Outcome.PASSED),
        (Money(due=6_000_000, recovered=6_000_001), Outcome.FAILED),
        (Money(due=0, recovered=0), Outcome.PASSED),
    ],
)
def test_money_is_recovered_to_the_fen_or_the_difference_explained(money: Money | None, outcome: Outcome) -> None:
    verdict = problem_solved_verdict(replace(SOLVED, money=money))
    assert verdict.outcome is outcome
    assert names(verdict) == ([] if outcome is Outcome.PASSED else ["money_unexplained"])


def test_everything_missing_is_named_together() -> None:
    findings = SolvedFindings(
        criteria=(CriterionFinding("1", met=False, evidence=0),), visit=Visit(), money=Money(due=1, recovered=0)
    )
    verdict = problem_solved_verdict(findings)
    assert verdict.outcome is Outcome.FAILED
    assert set(names(verdict)) == {
        "not_met",
        "no_evidence",
        "visit_date",
        "visit_place",
        "visit_persons",
        "money_unexplained",
    }


findings_of_criteria = st.builds(
    CriterionFinding, st.text(max_size=5), st.sampled_from([True, False, None]), st.integers(0, 2)
)


@given(st.lists(findings_of_criteria, max_size=6))
def test_a_problem_is_solved_exactly_when_nothing_is_in_the_way(criteria: list[CriterionFinding]) -> None:
    solved = bool(criteria) and all(one.met is True and one.evidence >= 1 for one in criteria)
    verdict = problem_solved_verdict(SolvedFindings(criteria=criteria))
    assert (verdict.outcome is Outcome.PASSED) == solved == (verdict.unmet == ())
    assert (verdict.outcome is Outcome.FAILED) == any(one.met is False for one in criteria)


def test_a_checklist_answered_yes_throughout_passes() -> None:
    assert adequate_verdict(ALL_YES) == Verdict(Outcome.PASSED)


def test_an_empty_checklist_lacks_every_answer() -> None:
    verdict = adequate_verdict({})
    assert verdict.outcome is Outcome.INCOMPLETE
    assert [fault.members["about"] for fault in verdict.unmet] == [item.value for item in CheckItem]
    assert {fault.rule for fault in verdict.unmet} == {"gate.rectification_adequate.unanswered"}


@pytest.mark.parametrize("item", CheckItem)
@pytest.mark.parametrize(
    ("answer", "outcome", "code"),
    [
        (Answer(AnswerValue.NO), Outcome.FAILED, "answered_no"),
        (Answer(AnswerValue.NO, "理由充分"), Outcome.FAILED, "answered_no"),
        (None, Outcome.INCOMPLETE, "unanswered"),
        (Answer(AnswerValue.NOT_APPLICABLE), Outcome.INCOMPLETE, "na_without_reason"),
        (Answer(AnswerValue.NOT_APPLICABLE, " \n"), Outcome.INCOMPLETE, "na_without_reason"),
    ],
)
def test_each_question_alone_can_stop_the_gate(
    item: CheckItem, answer: Answer | None, outcome: Outcome, code: str
) -> None:
    checklist = {key: value for key, value in {**ALL_YES, item: answer}.items() if value is not None}
    verdict = adequate_verdict(checklist)
    assert (verdict.outcome, names(verdict)) == (outcome, [code])
    assert verdict.unmet[0].members == {"about": item.value}


@pytest.mark.parametrize("item", CheckItem)
def test_a_question_that_does_not_apply_passes_with_its_reason(item: CheckItem) -> None:
    assert adequate_verdict({**ALL_YES, item: Answer(AnswerValue.NOT_APPLICABLE, "不涉及")}).outcome is Outcome.PASSED


def test_every_combination_of_answers_has_the_outcome_of_its_worst_answer() -> None:
    fine = [YES, Answer(AnswerValue.NOT_APPLICABLE, "不涉及")]
    gaps = [None, Answer(AnswerValue.NOT_APPLICABLE)]
    no = Answer(AnswerValue.NO)
    for answers in itertools.product([*fine, *gaps, no], repeat=len(CheckItem)):
        given_answers = zip(CheckItem, answers, strict=True)
        verdict = adequate_verdict({item: answer for item, answer in given_answers if answer is not None})
        if no in answers:
            expected = Outcome.FAILED
        else:
            expected = Outcome.INCOMPLETE if any(answer in gaps for answer in answers) else Outcome.PASSED
        assert verdict.outcome is expected
        assert len(verdict.unmet) == sum(answer not in fine for answer in answers)


def test_every_fault_speaks_both_languages() -> None:
    faults = [*problem_solved_verdict(SolvedFindings(criteria=(), visit=Visit())).unmet, *adequate_verdict({}).unmet]
    for fault in faults:
        assert fault.detail.zh
        assert fault.detail.en
        assert fault.detail.zh != fault.detail.en
