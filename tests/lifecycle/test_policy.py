"""A ledger's policy: what it may decide, what it may not, and that old versions stay readable."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from pydantic import ValidationError

from app.access.permissions import Role
from app.core.messages import validation_problem
from app.lifecycle.policy import POLICY_DEFAULT, PolicyRules
from app.lifecycle.states import Gate

LEADER = {"role": "leader", "label_zh": "分管领导", "label_en": "Leader"}
OFFICE = {"role": "supervision_office", "label_zh": "督查办", "label_en": "Supervision office"}


def faults(rules: dict[str, Any]) -> list[tuple[str, str | None]]:
    with pytest.raises(ValidationError) as caught:
        PolicyRules.model_validate(rules)
    located = [{**error, "loc": ("body", *error["loc"])} for error in caught.value.errors()]
    return [(fault.code, fault.pointer) for fault in validation_problem(located).faults]


def test_the_default_asks_for_all_three_gates_85_percent_and_three_signatures() -> None:
    rules = POLICY_DEFAULT
    assert set(rules.gates_required) == set(Gate)
    assert rules.people_satisfied.min_n == 5
    assert rules.people_satisfied.threshold.exact == Fraction(85, 100)
    assert [step.role for step in rules.approval_chain] == [
        Role.LEADER,
        Role.DISCIPLINE_OFFICE,
        Role.FIRST_RESPONSIBLE,
    ]
    assert rules.decision_rule.personnel_quorum.exact == Fraction(2, 3)
    assert rules.decision_rule.majority.strict


@pytest.mark.parametrize("dropped", list(Gate))
def test_no_ledger_can_do_without_one_of_the_three_gates(dropped: Gate) -> None:
    kept = [gate.value for gate in Gate if gate is not dropped]
    assert faults({"gates_required": kept}) == [("gates_not_optional", "/gates_required")]
    assert faults({"gates_required": [*kept, kept[0]]}) == [("gates_not_optional", "/gates_required")]
    assert faults({"gates_required": []}) == [("gates_not_optional", "/gates_required")]


def test_gates_are_kept_in_one_order_whatever_the_order_given() -> None:
    given = [gate.value for gate in reversed(Gate)]
    assert PolicyRules.model_validate({"gates_required": given}).gates_required == tuple(Gate)


REFUSED: dict[str, tuple[dict[str, Any], tuple[str, str]]] = {
    "an unknown rule": ({"gates_optional": True}, ("extra_forbidden", "/gates_optional")),
    "no signature at all": ({"approval_chain": []}, ("too_short", "/approval_chain")),
    "nine signatures": ({"approval_chain": [LEADER] * 9}, ("too_long", "/approval_chain")),
    "an office signing last": ({"approval_chain": [LEADER, OFFICE]}, ("chain_last_step", "/approval_chain")),
    "the lead unit signing": (
        {"approval_chain": [{**LEADER, "role": "unit_head"}, LEADER]},
        ("literal_error", "/approval_chain/0/role"),
    ),
    "a satisfaction of zero": (
        {"people_satisfied": {"threshold": {"num": 0, "den": 1}}},
        ("threshold_zero", "/people_satisfied"),
    ),
    "a share above one": (
        {"people_satisfied": {"threshold": {"num": 101, "den": 100}}},
        ("share_above_one", "/people_satisfied/threshold"),
    ),
    "a share of nothing": (
        {"people_satisfied": {"min_ratio": {"num": 1, "den": 0}}},
        ("greater_than_equal", "/people_satisfied/min_ratio/den"),
    ),
    "nobody asked": ({"people_satisfied": {"min_n": 0}}, ("greater_than_equal", "/people_satisfied/min_n")),
    "a quorum below half": (
        {"decision_rule": {"quorum": {"num": 1, "den": 3}}},
        ("quorum_too_low", "/decision_rule"),
    ),
    "half of the votes carrying": (
        {"decision_rule": {"majority": {"strict": False}}},
        ("not_a_majority", "/decision_rule/majority"),
    ),
    "more than everybody": (
        {"decision_rule": {"majority": {"share": {"num": 1, "den": 1}}}},
        ("unreachable", "/decision_rule/majority"),
    ),
    "no day of notice": ({"notice_days": 0}, ("greater_than_equal", "/notice_days")),
    "numbers without a serial": ({"number_template": "{prefix}-{year}"}, ("numbering.no_serial", "")),
    "numbers without a year": ({"number_template": "{prefix}-{serial:04}"}, ("numbering.no_year", "")),
    "a slash in the prefix": ({"number_prefix": "A/B"}, ("numbering.bad_character", "")),
    "numbers that may grow too long": (
        {"number_template": "{prefix}-{source}-{year}-{serial}", "number_prefix": "P" * 30},
        ("numbering.too_long", ""),
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_policy_that_would_weaken_or_break_closing_is_refused_with_its_place(case: str) -> None:
    rules, expected = REFUSED[case]
    assert faults(rules) == [expected]


def test_a_chain_may_repeat_a_role_because_two_leaders_are_two_persons() -> None:
    chain = [LEADER, {**LEADER, "label_zh": "纪委书记"}, {**LEADER, "role": "first_responsible"}]
    assert len(PolicyRules.model_validate({"approval_chain": chain}).approval_chain) == 3


def test_labels_with_a_secrecy_marking_are_refused() -> None:
    marked = {**LEADER, "label_zh": "分管领导 机密★10年"}
    assert faults({"approval_chain": [LEADER, marked]}) == [("classified_text", "/approval_chain/1/label_zh")]


def test_a_version_stored_today_reads_back_equal() -> None:
    stored = POLICY_DEFAULT.model_dump(mode="json")
    assert PolicyRules.model_validate(stored) == POLICY_DEFAULT
    assert all(not isinstance(value, float) for value in _leaves(stored))


def test_a_version_stored_before_a_field_existed_reads_with_its_default() -> None:
    stored = POLICY_DEFAULT.model_dump(mode="json")
    del stored["accountability_by_discipline_office"]
    assert PolicyRules.model_validate(stored) == POLICY_DEFAULT


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for part in value.values() for leaf in _leaves(part)]
    if isinstance(value, list):
        return [leaf for part in value for leaf in _leaves(part)]
    return [value]
