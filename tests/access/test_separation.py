"""Who is excluded from which act: every pair, and whatever combination chance comes up with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from functools import partial
from itertools import combinations
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.access import separation as sod
from app.access.separation import Conflicts

Act = Callable[[Conflicts], list[sod.Unmet]]
ME, BOSS, OTHER = UUID(int=1), UUID(int=2), UUID(int=3)

EXCLUDED: dict[str, tuple[Act, set[str]]] = {
    "judge problem_solved": (
        sod.judge_problem_solved,
        {"submitters", "runners", "last_signers", "named", "parties"},
    ),
    "judge rectification_adequate": (sod.judge_adequate, {"submitters", "runners", "last_signers", "named"}),
    "judge accountability": (sod.judge_accountability, {"submitters", "named"}),
    "run the survey": (
        sod.run_survey,
        {"submitters", "problem_judges", "adequate_judges", "last_signers", "named", "responsible_side"},
    ),
    "waive the survey": (
        sod.waive_survey,
        {"submitters", "problem_judges", "adequate_judges", "last_signers", "named"},
    ),
    "sign an earlier step": (partial(sod.sign_chain_step, last=False), {"submitters", "problem_judges"}),
    "sign the last step": (
        partial(sod.sign_chain_step, last=True),
        {"submitters", "problem_judges", "adequate_judges", "runners", "named"},
    ),
    "approve the plan": (sod.approve_plan, {"plan_authors"}),
    "rule an objection": (
        partial(sod.rule_objection, lodged_by=None),
        {"problem_judges", "adequate_judges", "runners"},
    ),
    "decide on paper": (
        partial(sod.decide_offline, decider=ME),
        {"submitters", "problem_judges", "adequate_judges", "runners", "named"},
    ),
}
SETS = [field.name for field in fields(Conflicts) if field.name != "persons"]


@pytest.mark.parametrize("act", EXCLUDED)
@pytest.mark.parametrize("was", SETS)
def test_each_act_excludes_exactly_who_the_rules_name(act: str, was: str) -> None:
    judge, excluded = EXCLUDED[act]
    found = judge(Conflicts(frozenset({ME}), **{was: frozenset({ME, OTHER})}))
    assert bool(found) == (was in excluded)


@pytest.mark.parametrize("act", [act for act in EXCLUDED if act != "decide on paper"])
@pytest.mark.parametrize("was", SETS)
def test_whoever_stands_in_inherits_the_conflicts(act: str, was: str) -> None:
    judge, _ = EXCLUDED[act]
    own = judge(Conflicts(frozenset({ME}), **{was: frozenset({ME})}))
    inherited = judge(Conflicts(frozenset({ME, BOSS}), **{was: frozenset({BOSS})}))
    assert inherited == own


@pytest.mark.parametrize("act", EXCLUDED)
def test_somebody_without_a_part_may_do_it(act: str) -> None:
    judge, _ = EXCLUDED[act]
    everything = Conflicts(frozenset({ME}), **{name: frozenset({OTHER}) for name in SETS})
    assert judge(everything) == []


def test_all_broken_rules_are_named_together() -> None:
    conflicts = Conflicts(frozenset({ME}), submitters=frozenset({ME}), named=frozenset({ME}))
    codes = [code for code, _ in sod.judge_adequate(conflicts)]
    assert codes == ["separation.submitter", "separation.named_person"]


def test_the_lodger_of_an_objection_does_not_rule_on_it() -> None:
    conflicts = Conflicts(frozenset({ME, BOSS}))
    assert [code for code, _ in sod.rule_objection(conflicts, lodged_by=BOSS)] == ["separation.objection_lodger"]
    assert sod.rule_objection(conflicts, lodged_by=OTHER) == []


def test_a_survey_recorded_by_a_colleague_is_judged_by_who_held_it() -> None:
    conflicts = Conflicts(frozenset({ME}), submitters=frozenset({OTHER}))
    assert sod.run_survey(conflicts) == []
    assert [code for code, _ in sod.run_survey(conflicts, OTHER)] == ["separation.submitter"]


def test_every_rule_speaks_both_languages() -> None:
    everything = Conflicts(frozenset({ME}), **{name: frozenset({ME}) for name in SETS})
    for judge, _ in EXCLUDED.values():
        for code, text in judge(everything):
            assert code.startswith("separation.")
            assert text.zh
            assert text.en


STEPS: dict[str, tuple[str, Act]] = {
    "judge problem_solved": ("problem_judges", sod.judge_problem_solved),
    "judge rectification_adequate": ("adequate_judges", sod.judge_adequate),
    "run the survey": ("runners", sod.run_survey),
    "sign the last step": ("last_signers", partial(sod.sign_chain_step, last=True)),
}


@given(st.permutations(list(STEPS)), st.lists(st.integers(1, 5), min_size=5, max_size=5))
def test_in_whatever_order_a_submission_is_judged_its_parts_end_up_with_different_persons(
    order: list[str], people: list[int]
) -> None:
    submitter, *doers = (UUID(int=number) for number in people)
    state = Conflicts(frozenset(), submitters=frozenset({submitter}))
    for name, doer in zip(order, doers, strict=True):
        done, act = STEPS[name]
        if not act(replace(state, persons=frozenset({doer}))):
            state = replace(state, **{done: frozenset({doer})})
    parts = {"submitters": state.submitters} | {done: getattr(state, done) for done, _ in STEPS.values()}
    for (one, ones), (two, twos) in combinations(parts.items(), 2):
        if {one, two} != {"problem_judges", "adequate_judges"}:
            assert not ones & twos


@given(st.frozensets(st.integers(1, 6)), st.frozensets(st.integers(1, 6)), st.sampled_from(sorted(EXCLUDED)))
def test_more_conflicts_never_allow_more(some: frozenset[int], more: frozenset[int], act: str) -> None:
    judge, _ = EXCLUDED[act]

    def broken(numbers: frozenset[int]) -> set[str]:
        people = frozenset(UUID(int=number) for number in numbers)
        return {code for code, _ in judge(Conflicts(frozenset({ME}), **dict.fromkeys(SETS, people)))}

    assert broken(some) <= broken(some | more)
