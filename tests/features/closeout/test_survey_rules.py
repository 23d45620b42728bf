import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.features.closeout.rules import (
    Counts,
    Outcome,
    SurveyKind,
    SurveyRule,
    Verdict,
    survey_faults,
    survey_kind,
    survey_verdict,
)

RULE = SurveyRule(min_n=5, min_ratio=Fraction(1, 2), threshold=Fraction(85, 100))
cells = st.integers(0, 60)
rules = st.builds(
    SurveyRule,
    min_n=st.integers(1, 30),
    min_ratio=st.fractions(0, 1, max_denominator=100),
    threshold=st.fractions(Fraction(1, 100), 1, max_denominator=10_000),
)
tallies = st.builds(Counts, st.integers(0, 400), cells, cells, cells, cells, cells)


def names(verdict: Verdict) -> list[str]:
    return [fault.code for fault in verdict.unmet]


def test_seventeen_of_twenty_reach_eighty_five_per_cent_exactly() -> None:
    assert survey_verdict(Counts(invited=20, satisfied=17, dissatisfied=3), RULE, 0) == Verdict(Outcome.PASSED)


def test_what_only_rounds_to_eighty_five_per_cent_fails() -> None:
    just_below = Counts(invited=2500, satisfied=2000, basically_satisfied=124, dissatisfied=376)  # 84.96 %
    verdict = survey_verdict(just_below, RULE, 0)
    assert (verdict.outcome, names(verdict)) == (Outcome.FAILED, ["below_threshold"])
    huge = Counts(invited=10**18, satisfied=85 * 10**16 - 1, dissatisfied=15 * 10**16 + 1)
    assert survey_verdict(huge, RULE, 0).outcome is Outcome.FAILED
    exact = Counts(invited=10**18, satisfied=85 * 10**16, dissatisfied=15 * 10**16)
    assert survey_verdict(exact, RULE, 0).outcome is Outcome.PASSED


def test_basically_satisfied_counts_as_satisfied() -> None:
    assert survey_verdict(Counts(20, 0, 17, 3), RULE, 0).outcome is Outcome.PASSED
    assert survey_verdict(Counts(20, 0, 16, 4), RULE, 0).outcome is Outcome.FAILED


def test_two_ballots_where_five_are_needed_decide_nothing() -> None:
    verdict = survey_verdict(Counts(invited=30, satisfied=2), RULE, 0)
    assert (verdict.outcome, names(verdict)) == (Outcome.NOT_EVALUABLE, ["too_few_ballots"])
    assert verdict.unmet[0].rule == "gate.people_satisfied.too_few_ballots"
    assert "15" in verdict.unmet[0].detail.zh


@pytest.mark.parametrize(
    ("invited", "needed"), [(0, 0), (1, 1), (4, 4), (5, 5), (9, 5), (10, 5), (11, 6), (12, 6), (100, 50), (101, 51)]
)
def test_ballots_needed_grow_with_the_people_invited(invited: int, needed: int) -> None:
    assert RULE.ballots_needed(invited) == needed


@pytest.mark.parametrize(("valid", "outcome"), [(5, Outcome.NOT_EVALUABLE), (6, Outcome.PASSED), (7, Outcome.PASSED)])
def test_one_ballot_decides_whether_there_are_enough(valid: int, outcome: Outcome) -> None:
    assert survey_verdict(Counts(invited=12, satisfied=valid), RULE, 0).outcome is outcome


def test_no_opinion_counts_as_taking_part_but_not_as_satisfaction() -> None:
    assert survey_verdict(Counts(invited=12, satisfied=1, unknown=5), RULE, 0).outcome is Outcome.PASSED
    nobody = survey_verdict(Counts(invited=12, unknown=12), RULE, 0)
    assert (nobody.outcome, names(nobody)) == (Outcome.NOT_EVALUABLE, ["nobody_judged"])


def test_spoilt_ballots_do_not_count_as_taking_part() -> None:
    assert survey_verdict(Counts(invited=12, satisfied=5, invalid=7), RULE, 0).outcome is Outcome.NOT_EVALUABLE


def test_a_survey_of_nobody_passes_nothing() -> None:
    verdict = survey_verdict(Counts(invited=0), RULE, 0)
    assert (verdict.outcome, names(verdict)) == (Outcome.NOT_EVALUABLE, ["nobody_invited"])


def test_one_unanswered_named_voice_fails_a_perfect_survey() -> None:
    perfect = Counts(invited=20, satisfied=20)
    verdict = survey_verdict(perfect, RULE, 1)
    assert (verdict.outcome, names(verdict)) == (Outcome.FAILED, ["unanswered_dissatisfaction"])


def test_everything_that_is_wrong_is_named_together() -> None:
    poor = survey_verdict(Counts(invited=20, satisfied=10, dissatisfied=10), RULE, 2)
    assert names(poor) == ["below_threshold", "unanswered_dissatisfaction"]
    few = survey_verdict(Counts(invited=20, satisfied=1), RULE, 2)
    assert (few.outcome, names(few)) == (Outcome.NOT_EVALUABLE, ["too_few_ballots", "unanswered_dissatisfaction"])


def test_below_five_people_are_visited_by_name_and_all_of_them_must_answer() -> None:
    assert [survey_kind(invited) for invited in (1, 4, 5, 50)] == [
        SurveyKind.RETURN_VISIT,
        SurveyKind.RETURN_VISIT,
        SurveyKind.BALLOT_PAPER,
        SurveyKind.BALLOT_PAPER,
    ]
    assert survey_verdict(Counts(invited=1, satisfied=1), RULE, 0).outcome is Outcome.PASSED
    assert survey_verdict(Counts(invited=3, satisfied=3), RULE, 0).outcome is Outcome.PASSED
    assert survey_verdict(Counts(invited=3, satisfied=2), RULE, 0).outcome is Outcome.NOT_EVALUABLE


def test_more_ballots_than_people_or_negative_counts_are_impossible() -> None:
    assert survey_faults(Counts(invited=20, satisfied=20)) == []
    for impossible, code in (
        (
            Counts(invited=20, satisfied=15, basically_satisfied=3, dissatisfied=2, unknown=1),
            "more_ballots_than_invited",
        ),
        (Counts(invited=20, satisfied=20, dissatisfied=-1), "negative_count"),
        (Counts(invited=20, satisfied=20, invalid=-1), "negative_count"),
        (Counts(invited=20, satisfied=20, unknown=-1), "negative_count"),
        (Counts(invited=-1), "negative_count"),
    ):
        assert code in [fault.code for fault in survey_faults(impossible)]
        verdict = survey_verdict(impossible, RULE, 0)
        assert verdict.outcome is Outcome.NOT_EVALUABLE
        assert code in names(verdict)


@pytest.mark.parametrize(
    ("min_n", "min_ratio", "threshold"),
    [(0, "1/2", "1/2"), (5, "-1/2", "1/2"), (5, "3/2", "1/2"), (5, "1/2", "0"), (5, "1/2", "101/100")],
)
def test_a_rule_that_asks_for_nothing_or_the_impossible_is_refused(min_n: int, min_ratio: str, threshold: str) -> None:
    with pytest.raises(ValueError, match="survey rule"):
        SurveyRule(min_n, Fraction(min_ratio), Fraction(threshold))


@given(tallies, rules, st.integers(0, 3))
def test_a_survey_passes_exactly_when_every_rule_holds(counts: Counts, rule: SurveyRule, unanswered: int) -> None:
    pleased = counts.satisfied + counts.basically_satisfied
    judging = pleased + counts.dissatisfied
    valid = judging + counts.unknown
    passes = (
        counts.invited >= 1
        and valid + counts.invalid <= counts.invited
        and valid >= min(counts.invited, max(rule.min_n, math.ceil(rule.min_ratio * counts.invited)))
        and judging > 0
        and Fraction(pleased, judging) >= rule.threshold
        and unanswered == 0
    )
    verdict = survey_verdict(counts, rule, unanswered)
    assert (verdict.outcome is Outcome.PASSED) == passes
    assert (verdict.unmet == ()) == passes


@given(tallies, rules)
def test_turning_a_dissatisfied_voice_never_loses_a_passed_survey(counts: Counts, rule: SurveyRule) -> None:
    if survey_verdict(counts, rule, 0).outcome is not Outcome.PASSED or counts.dissatisfied == 0:
        return
    better = Counts(
        counts.invited,
        counts.satisfied + 1,
        counts.basically_satisfied,
        counts.dissatisfied - 1,
        counts.unknown,
        counts.invalid,
    )
    assert survey_verdict(better, rule, 0).outcome is Outcome.PASSED
