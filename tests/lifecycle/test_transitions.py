"""The table of the life cycle against the rules it was made from, written down a second time."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.enums import LabelledEnum
from app.lifecycle import guards as g
from app.lifecycle import guards_closing as c
from app.lifecycle import transitions
from app.lifecycle.effects import EFFECTS
from app.lifecycle.facts import Facts
from app.lifecycle.parties import Party
from app.lifecycle.policy import POLICY_DEFAULT
from app.lifecycle.states import OPEN, PHASES, TERMINAL, Action, Gate, Mode, Phase, State
from app.lifecycle.transitions import BY_ACTION, NEED_DATA, TABLE, Transition, rules_hash
from tests.lifecycle.made import CHAIN, criterion, facts, measure, passed_gates, row

OPEN_STATES = (
    "registered assigned planning plan_review rectifying sustaining verifying closing public_notice"
)  # fmt: skip
BEFORE = "registered assigned planning plan_review rectifying sustaining"
RULES: dict[str, tuple[str, str, str]] = {
    "submit": ("draft", "submitted", "finder"),
    "register": ("submitted", "registered", "supervision_office"),
    "return_for_supplement": ("submitted", "draft", "supervision_office"),
    "decline": ("submitted", "declined", "supervision_office"),
    "merge": ("submitted registered assigned planning", "merged", "supervision_office"),
    "split": ("registered assigned planning", "split", "supervision_office"),
    "assign": ("registered", "assigned", "supervision_office"),
    "decline_assignment": ("assigned", "registered", "lead_unit"),
    "recall": ("assigned planning plan_review", "registered", "supervision_office"),
    "acknowledge": ("assigned", "planning rectifying", "lead_unit"),
    "submit_plan": ("planning", "plan_review rectifying", "lead_unit"),
    "approve_plan": ("plan_review", "rectifying sustaining", "leader"),
    "return_plan": ("plan_review", "planning", "leader"),
    "report_completion": ("rectifying sustaining", "verifying", "lead_unit_head"),
    "withdraw_completion": ("verifying", "rectifying", "lead_unit"),
    "fail_verification": ("verifying", "rectifying", "verifier supervision_office"),
    "pass_verification": ("verifying", "closing", "supervision_office"),
    "approve_closure": ("closing", "closing public_notice closed", "chain_step"),
    "reject_closure": ("closing", "rectifying verifying", "chain_step chain_member"),
    "finish_notice": ("public_notice", "closed", "system supervision_office"),
    "uphold_objection": ("public_notice", "rectifying", "supervision_office"),
    "enter_sustaining": ("rectifying", "sustaining", "leader"),
    "stage_review": ("sustaining", "sustaining rectifying", "supervision_office"),
    "reclassify": (OPEN_STATES, OPEN_STATES, "supervision_office first_responsible"),
    "hand_over": (OPEN_STATES, OPEN_STATES, "lead_unit_head supervision_office"),
    "reopen": ("closed", "planning rectifying", "supervision_office discipline_office source_office lead_unit"),
    "void": (BEFORE, "voided", "first_responsible"),
    "transfer": (f"submitted {BEFORE}", "transferred", "discipline_office"),
    "record_offline_closure": ("verifying closing", "closed", "supervision_office"),
}
INTO_CLOSED = {"approve_closure", "finish_notice", "record_offline_closure"}


def test_there_are_seventeen_states_and_twenty_nine_actions() -> None:
    assert len(State) == 17
    assert len(Action) == len(TABLE) == len(BY_ACTION) == len(RULES) == 29


@pytest.mark.parametrize("name", RULES)
def test_every_action_leads_from_and_to_the_states_of_the_rules_by_the_roles_of_the_rules(name: str) -> None:
    sources, targets, roles = RULES[name]
    transition = BY_ACTION[Action(name)]
    assert transition.sources == {State(state) for state in sources.split()}
    assert set(transition.to) == {State(state) for state in targets.split()}
    assert transition.by == {Party(role) for role in roles.split()}


def test_the_open_states_are_those_between_registration_and_closing() -> None:
    assert {State(name) for name in OPEN_STATES.split()} == OPEN
    assert {State(name) for name in ["declined", "merged", "split", "transferred", "voided"]} == TERMINAL
    assert set(PHASES) == set(State)
    assert {state for state, phase in PHASES.items() if phase is Phase.OFF_LEDGER} == TERMINAL


def test_every_state_can_be_reached_from_a_draft() -> None:
    reached = {State.DRAFT, State.REGISTERED}  # the children of a split begin as registered
    while more := {to for one in TABLE if one.sources & reached for to in one.to} - reached:
        reached |= more
    assert reached == set(State)


def test_terminal_states_have_no_way_out_and_closed_has_one() -> None:
    out = {state: {one.action for one in TABLE if state in one.sources} for state in State}
    assert all(not out[state] for state in TERMINAL)
    assert out[State.CLOSED] == {Action.REOPEN}


def test_every_other_state_has_a_way_on() -> None:
    for state in set(State) - TERMINAL:
        assert any(state in one.sources and set(one.to) - {state} for one in TABLE), state


def test_closed_is_entered_by_three_actions_only_and_each_asks_for_the_three_gates() -> None:
    entering = {one for one in TABLE if State.CLOSED in one.to}
    assert {one.action.value for one in entering} == INTO_CLOSED
    assert all(c.gates_hold in one.guards for one in entering)


def test_no_single_step_leads_from_work_to_closed() -> None:
    before = {State.RECTIFYING, State.SUSTAINING, State.PLANNING, State.PLAN_REVIEW, State.ASSIGNED, State.REGISTERED}
    assert not any(one.sources & before and State.CLOSED in one.to for one in TABLE)


def test_passing_the_verification_also_asks_for_the_three_gates() -> None:
    assert BY_ACTION[Action.PASS_VERIFICATION].guards == (c.gates_hold,)


def test_every_action_has_an_effect_an_event_in_the_past_tense_and_a_closed_data_model() -> None:
    assert set(EFFECTS) == set(Action)
    assert len({one.event for one in TABLE}) == len(TABLE)
    for one in TABLE:
        assert one.event.startswith("item.")
        assert one.data.model_config["extra"] == "forbid"
        assert one.to
        assert one.sources


def test_guards_that_need_data_are_guards_of_some_action() -> None:
    assert {guard for one in TABLE for guard in one.guards} >= NEED_DATA


def test_codes_of_states_actions_and_parties_are_labelled_in_two_languages() -> None:
    enums: tuple[type[LabelledEnum], ...] = (State, Action, Party, Phase, Gate)
    for enum in enums:
        assert all(member.zh and member.en for member in enum)


# --- where an action leads ---------------------------------------------------------------------------------------


def to(given: Facts) -> State:
    return BY_ACTION[given.action].target(given)


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("measures", [(), (measure(),)])
@pytest.mark.parametrize("criteria", [(), (criterion(),)])
def test_only_an_immediate_item_with_measures_and_criteria_skips_planning_when_acknowledged(
    mode: Mode, measures: tuple[object, ...], criteria: tuple[object, ...]
) -> None:
    found = to(facts(Action.ACKNOWLEDGE, item=row("assigned", mode=mode.value), measures=measures, criteria=criteria))
    ready = mode is Mode.IMMEDIATE and measures and criteria
    assert found is (State.RECTIFYING if ready else State.PLANNING)


@pytest.mark.parametrize(("mode", "reviewed", "major"), list(product(Mode, [True, False], [None, "large_fund"])))
def test_a_plan_is_reviewed_unless_the_item_is_immediate_or_the_policy_waives_an_ordinary_one(
    mode: Mode, reviewed: bool, major: str | None
) -> None:
    policy = POLICY_DEFAULT.model_copy(update={"plan_review": reviewed})
    found = to(facts(Action.SUBMIT_PLAN, item=row("planning", mode=mode.value, major_kind=major), policy=policy))
    waived = not reviewed and major is None and mode is not Mode.SUSTAINED
    assert found is (State.RECTIFYING if mode is Mode.IMMEDIATE or waived else State.PLAN_REVIEW)


@pytest.mark.parametrize("mode", list(Mode))
def test_an_approved_plan_of_a_sustained_item_leads_to_sustaining(mode: Mode) -> None:
    found = to(facts(Action.APPROVE_PLAN, item=row("plan_review", mode=mode.value)))
    assert found is (State.SUSTAINING if mode is Mode.SUSTAINED else State.RECTIFYING)


@pytest.mark.parametrize("step", [0, 1, 2])
@pytest.mark.parametrize("noticed", [True, False])
@pytest.mark.parametrize("level", ["public", "internal", "restricted", "secret_stub"])
def test_only_the_last_signature_closes_and_only_public_items_are_published(
    step: int, noticed: bool, level: str
) -> None:
    policy = POLICY_DEFAULT.model_copy(update={"notice_required": noticed})
    item = row("closing", chain_step=step, confidentiality=level, **passed_gates())
    found = to(facts(Action.APPROVE_CLOSURE, item=item, policy=policy))
    if step + 1 < len(CHAIN):
        assert found is State.CLOSING
    else:
        assert found is (State.PUBLIC_NOTICE if noticed and level == "public" else State.CLOSED)


SPECS = ([{"content": "补齐台账"}], [{"content": "台账齐全"}])


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("measures", [[], SPECS[0]])
@pytest.mark.parametrize("criteria", [[], SPECS[1]])
def test_a_reopened_item_goes_straight_to_work_only_when_immediate_with_measures_and_criteria(
    mode: Mode, measures: list[dict[str, str]], criteria: list[dict[str, str]]
) -> None:
    given = {
        "reason_code": "rebound", "evidence": "再次发生", "deadline": {"text": "立行立改", "kind": "immediate"},
        "measures": measures, "criteria": criteria,
    }  # fmt: skip
    found = to(facts(Action.REOPEN, given, row("closed", mode=mode.value)))
    assert found is (State.RECTIFYING if mode is Mode.IMMEDIATE and measures and criteria else State.PLANNING)


@pytest.mark.parametrize("state", sorted(OPEN))
def test_reclassifying_and_handing_over_leave_the_state_alone(state: State) -> None:
    people = {"role": "liaison", "from_person_id": str(row()["liaison_id"]), "to_person_id": str(row()["id"])}
    assert to(facts(Action.RECLASSIFY, {"reason": "定性偏轻", "severity": "major"}, row(state))) is state
    assert to(facts(Action.HAND_OVER, people | {"on": "2026-03-01"}, row(state))) is state


@pytest.mark.parametrize("wanted", ["rectifying", "verifying"])
def test_a_rejected_closing_goes_where_the_signer_says(wanted: str) -> None:
    gates = ["problem_solved"] if wanted == "verifying" else []
    found = to(facts(Action.REJECT_CLOSURE, {"reason": "证据不足", "to_state": wanted, "gates": gates}, row("closing")))
    assert found is State(wanted)


@given(
    transition=st.sampled_from([one for one in TABLE if one.action != Action.REJECT_CLOSURE]),
    mode=st.sampled_from(Mode),
    step=st.integers(0, 2),
    level=st.sampled_from(["public", "internal", "restricted"]),
    major=st.none() | st.just("large_fund"),
    result=st.sampled_from(["on_track", "needs_work"]),
    state=st.sampled_from(State),
)
def test_an_action_never_leads_to_a_state_its_row_does_not_list(  # noqa: PLR0913, PLR0917 - one argument per dimension
    transition: Transition, mode: Mode, step: int, level: str, major: str | None, result: str, state: State
) -> None:
    state = state if state in transition.sources else min(transition.sources)
    item = row(state, mode=mode.value, chain_step=step, confidentiality=level, major_kind=major)
    bare = replace(facts(Action.SUBMIT, item=item), action=transition.action)

    class Given:
        def __init__(self) -> None:
            self.result, self.measures, self.criteria = result, (), ()

    assert transition.target(replace(bare, data=Given())) in transition.to


# --- the fingerprint of the rules --------------------------------------------------------------------------------


def test_the_fingerprint_of_the_rules_is_the_same_in_every_process() -> None:
    ask = "from app.lifecycle.transitions import RULES; print(RULES)"
    told = {
        subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True,
                       env={"PYTHONHASHSEED": seed}).stdout.strip()
        for seed in ("1", "2")
    }  # fmt: skip
    assert told == {transitions.RULES} == {rules_hash()}
    assert len(transitions.RULES) == 64


def altered() -> list[tuple[str, Transition]]:
    first = TABLE[0]
    return [
        ("from", replace(first, sources=first.sources | {State.SUBMITTED})),
        ("to", replace(first, to=(*first.to, State.DECLINED))),
        ("by", replace(first, by=first.by | {Party.VERIFIER})),
        ("guards", replace(first, guards=(g.classified,))),
        ("action", replace(first, action=Action.VOID)),
    ]


@pytest.mark.parametrize(("what", "changed"), altered())
def test_the_fingerprint_changes_with_any_row(what: str, changed: Transition, monkeypatch: pytest.MonkeyPatch) -> None:
    before = rules_hash()
    monkeypatch.setattr(transitions, "TABLE", (changed, *TABLE[1:]))
    assert rules_hash() != before, what
    monkeypatch.setattr(transitions, "TABLE", TABLE[1:])
    assert rules_hash() != before
