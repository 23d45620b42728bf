import itertools
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.features.approvals.rules import (
    Base,
    DecisionResult,
    DecisionRule,
    Majority,
    Tally,
    decision_faults,
    decision_result,
)

RULE = DecisionRule()
PASSED, REJECTED = DecisionResult.PASSED, DecisionResult.REJECTED
DEFERRED, NOT_QUORATE = DecisionResult.DEFERRED, DecisionResult.NOT_QUORATE


@pytest.mark.parametrize(
    ("tally", "personnel", "result"),
    [
        (Tally(entitled=7, present=4, yes=4), False, PASSED),
        (Tally(entitled=7, present=4, yes=4), True, NOT_QUORATE),
        (Tally(entitled=8, present=4, yes=4), False, REJECTED),  # quorate, but 4 of 8 is not more than half
        (Tally(entitled=8, present=5, yes=5), False, PASSED),
        (Tally(entitled=6, present=4, yes=4), True, PASSED),  # exactly two thirds present
        (Tally(entitled=6, present=3, yes=3), True, NOT_QUORATE),
        (Tally(entitled=7, present=3, yes=3), False, NOT_QUORATE),
        (Tally(entitled=8, present=3, yes=3), False, NOT_QUORATE),
        (Tally(entitled=9, present=9, yes=5, no=4), False, PASSED),
        (Tally(entitled=9, present=9, yes=4, no=5), False, REJECTED),
        (
            Tally(entitled=9, present=7, yes=4, no=1, abstained=2),
            False,
            REJECTED,
        ),  # most of those present is not enough
        (Tally(entitled=9, present=9, yes=2, no=1, deferred=6), False, DEFERRED),
        (Tally(entitled=8, present=8, yes=2, no=2, deferred=4), False, REJECTED),  # no majority to defer either
        (Tally(entitled=1, present=1, yes=1), False, PASSED),
        (Tally(entitled=1, present=0, yes=0), False, NOT_QUORATE),
    ],
)
def test_a_recorded_vote_has_the_result_its_numbers_give(tally: Tally, personnel: bool, result: DecisionResult) -> None:
    assert decision_result(RULE, tally, personnel=personnel) is result


def test_a_body_that_counts_those_present_needs_fewer_votes() -> None:
    rule = DecisionRule(base=Base.PRESENT)
    tally = Tally(entitled=9, present=7, yes=4, no=3)
    assert decision_result(RULE, tally, personnel=False) is REJECTED
    assert decision_result(rule, tally, personnel=False) is PASSED


def test_a_charter_may_ask_for_two_thirds_including_the_exact_figure() -> None:
    rule = DecisionRule(passing=Majority(Fraction(2, 3), strict=False))
    assert decision_result(rule, Tally(entitled=6, present=6, yes=4, no=2), personnel=False) is PASSED
    assert decision_result(rule, Tally(entitled=6, present=6, yes=3, no=3), personnel=False) is REJECTED


def test_a_charter_may_ask_for_more_than_half_to_be_present() -> None:
    rule = DecisionRule(quorum=Majority(Fraction(1, 2), strict=True))
    assert decision_result(rule, Tally(entitled=8, present=4, yes=4), personnel=False) is NOT_QUORATE


@pytest.mark.parametrize(
    ("tally", "codes"),
    [
        (Tally(entitled=7, present=7, yes=7), []),
        (Tally(entitled=7, present=5, yes=2, no=1, deferred=1, abstained=1), []),
        (Tally(entitled=7, present=8, yes=5), ["more_present_than_entitled"]),
        (Tally(entitled=7, present=5, yes=6), ["more_votes_than_present"]),
        (Tally(entitled=7, present=5, yes=2, no=2, deferred=1, abstained=1), ["more_votes_than_present"]),
        (Tally(entitled=7, present=5, yes=5, no=-1), ["negative_count"]),
        (Tally(entitled=7, present=5, yes=5, deferred=-1), ["negative_count"]),
        (Tally(entitled=7, present=5, yes=5, abstained=-1), ["negative_count"]),
        (Tally(entitled=7, present=5, yes=-1), ["negative_count"]),
        (Tally(entitled=0, present=0, yes=0), ["nobody_entitled"]),
        (Tally(entitled=3, present=4, yes=5), ["more_present_than_entitled", "more_votes_than_present"]),
    ],
)
def test_numbers_that_cannot_be_true_are_all_named(tally: Tally, codes: list[str]) -> None:
    assert [fault.code for fault in decision_faults(tally)] == codes
    assert all(fault.rule == f"decision.{fault.code}" for fault in decision_faults(tally))


def test_an_impossible_vote_never_gets_a_result() -> None:
    with pytest.raises(ValueError, match="more_votes_than_present"):
        decision_result(RULE, Tally(entitled=7, present=5, yes=6), personnel=False)


def test_a_majority_outside_its_body_is_refused() -> None:
    for share, strict in ((Fraction(0), False), (Fraction(3, 2), False), (Fraction(1), True), (Fraction(-1, 2), True)):
        with pytest.raises(ValueError, match="majority"):
            Majority(share, strict=strict)
    assert Majority(Fraction(1), strict=False).reached(3, 3)
    assert not Majority(Fraction(1, 2), strict=False).reached(0, 0)


def test_every_vote_of_bodies_up_to_eight_follows_the_default_rule() -> None:
    for entitled, present, yes, deferred in itertools.product(range(1, 9), range(9), range(9), range(9)):
        if present > entitled or yes + deferred > present:
            continue
        for personnel in (False, True):
            quorate = present * 3 >= entitled * 2 if personnel else present * 2 >= entitled
            expected = NOT_QUORATE
            if quorate:
                expected = PASSED if yes * 2 > entitled else DEFERRED if deferred * 2 > entitled else REJECTED
            tally = Tally(entitled, present, yes, present - yes - deferred, deferred)
            assert decision_result(RULE, tally, personnel=personnel) is expected


majorities = st.one_of(
    st.builds(Majority, st.fractions(Fraction(1, 10), Fraction(9, 10), max_denominator=10), strict=st.booleans()),
    st.just(Majority(Fraction(1), strict=False)),
)
decision_rules = st.builds(DecisionRule, majorities, majorities, majorities, st.sampled_from(Base))


@st.composite
def possible(draw: st.DrawFn) -> Tally:
    entitled = draw(st.integers(1, 40))
    present = draw(st.integers(0, entitled))
    yes = draw(st.integers(0, present))
    no = draw(st.integers(0, present - yes))
    deferred = draw(st.integers(0, present - yes - no))
    return Tally(entitled, present, yes, no, deferred, present - yes - no - deferred)


@given(decision_rules, possible(), st.booleans())
def test_under_any_rule_one_more_yes_never_turns_a_passed_decision(
    rule: DecisionRule, tally: Tally, personnel: bool
) -> None:
    if decision_result(rule, tally, personnel=personnel) is not PASSED or tally.no == 0:
        return
    better = Tally(tally.entitled, tally.present, tally.yes + 1, tally.no - 1, tally.deferred, tally.abstained)
    assert decision_result(rule, better, personnel=personnel) is PASSED


@given(decision_rules, possible(), st.booleans())
def test_nothing_passes_without_a_quorum_or_without_a_vote_for_it(
    rule: DecisionRule, tally: Tally, personnel: bool
) -> None:
    result = decision_result(rule, tally, personnel=personnel)
    quorum = rule.personnel_quorum if personnel else rule.quorum
    attendance = Fraction(tally.present, tally.entitled)
    quorate = attendance > quorum.share if quorum.strict else attendance >= quorum.share
    assert (result is NOT_QUORATE) == (not quorate)
    assert result is not PASSED or tally.yes > 0
