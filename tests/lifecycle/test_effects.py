"""What each action changes: due dates, cycles, frozen snapshots, the chain, the gates."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.workdays import Calendar
from app.lifecycle.effect import Effect
from app.lifecycle.effects import EFFECTS
from app.lifecycle.facts import Candidate, Facts
from app.lifecycle.parties import Party
from app.lifecycle.policy import POLICY_DEFAULT, PolicyRules
from app.lifecycle.states import Action, Gate, Mode, Severity, State
from app.lifecycle.transitions import BY_ACTION
from app.tables.closeout import Approval, GateResult, Objection, StageReview
from app.tables.item import FAR, DuplicateVerdict, Item, ItemCycle
from app.tables.rectify import Criterion, Measure, PlanVersion, Submission
from tests.lifecycle.made import (
    CHAIN,
    DEADLINE,
    EVIDENCE,
    LEAD,
    LEADER,
    ME,
    NOW,
    OBJECTION,
    OTHER,
    TARGET,
    TODAY,
    criterion,
    data,
    facts,
    measure,
    passed_gates,
    row,
    uid,
)

A = Action
PENDING = {f"gate_{gate}": "pending" for gate in Gate}


def effect(found: Facts) -> Effect:
    return EFFECTS[found.action](found)


def inserted(found: Effect, table: type[Any]) -> list[dict[str, Any]]:
    return [values for kind, values in found.inserts if kind is table]


# --- assigning and due dates -------------------------------------------------------------------------------------

DAYS = {"text": "15个工作日内", "kind": "days", "days": 15}


def assigned(deadline: dict[str, Any], item: dict[str, Any] | None = None, **parts: Any) -> dict[str, Any]:
    bare = row("registered", deadline=None, due_on=None, original_due_on=None)
    return effect(facts(A.ASSIGN, {"deadline": deadline}, item or bare, **parts)).changes


def test_assigning_counts_from_the_day_on_the_paper_not_the_day_of_entry() -> None:
    changes = assigned(DAYS, occurred_at=NOW - timedelta(days=3))
    assert changes["assigned_on"] == date(2026, 2, 27)
    assert changes["assigned_at"] == NOW
    assert changes["due_on"] == changes["due_sort"] == changes["original_due_on"] == date(2026, 3, 19)


def test_days_from_the_acknowledgement_have_no_due_date_until_then() -> None:
    waiting = assigned({**DAYS, "from": "acknowledge"})
    assert (waiting["due_on"], waiting["due_sort"], waiting["original_due_on"]) == (None, FAR, None)
    item = row("assigned", **{name: waiting[name] for name in ("deadline", "due_on", "original_due_on")})
    begun = effect(facts(A.ACKNOWLEDGE, item=item)).changes
    assert begun["due_on"] == begun["original_due_on"] == date(2026, 3, 23)
    assert begun["deadline"]["original_date"] == "2026-03-23"


def test_acknowledging_leaves_every_other_deadline_alone() -> None:
    assert "due_on" not in effect(facts(A.ACKNOWLEDGE, item=row("assigned"))).changes


def test_the_original_due_date_is_kept_for_ever_when_an_item_is_assigned_again() -> None:
    later = {"text": "9月底前", "kind": "date", "date": "2026-09-30"}
    changes = assigned(later, row("registered"))
    assert (changes["due_on"], changes["original_due_on"]) == (date(2026, 9, 30), date(2026, 6, 30))
    assert changes["deadline"]["original_date"] == "2026-06-30"


def test_an_item_assigned_again_without_a_word_about_the_deadline_keeps_it() -> None:
    changes = effect(facts(A.ASSIGN, {}, row("registered"))).changes
    assert changes["deadline"] == DEADLINE
    assert (changes["due_on"], changes["original_due_on"]) == (date(2026, 6, 30), date(2026, 6, 30))


@given(st.lists(st.dates(date(2026, 1, 1), date(2027, 12, 1)), min_size=1, max_size=5))
def test_however_often_the_deadline_moves_the_first_date_stays(dates: list[date]) -> None:
    item = row("registered", deadline=None, due_on=None, original_due_on=None)
    for due in dates:
        item |= assigned({"text": "限期", "kind": "date", "date": due.isoformat()}, item)
        assert item["due_on"] == due
        assert item["original_due_on"] == dates[0]
        assert item["deadline"]["original_date"] == dates[0].isoformat()


def test_the_responsible_unit_is_the_lead_unit_unless_somebody_said_otherwise() -> None:
    given_ = {"lead_unit_id": str(OTHER), "deadline": DAYS}
    none = row("registered", responsible_unit_id=None)
    assert effect(facts(A.ASSIGN, given_, none)).changes["responsible_unit_id"] == OTHER
    assert "responsible_unit_id" not in effect(facts(A.ASSIGN, given_, row("registered"))).changes
    named = effect(facts(A.ASSIGN, given_ | {"responsible_unit_id": str(LEAD)}, none)).changes
    assert named["responsible_unit_id"] == LEAD


def test_long_term_work_has_a_review_instead_of_a_due_date() -> None:
    changes = assigned({"text": "长期坚持", "kind": "long_term", "review_on": "2026-08-01"})
    assert (changes["due_on"], changes["due_sort"], changes["next_review_on"]) == (None, FAR, date(2026, 8, 1))


def test_declining_is_counted() -> None:
    found = effect(facts(A.DECLINE_ASSIGNMENT, {"reason": "不属本单位职责"}, row("assigned", decline_count=1)))
    assert found.changes == {"decline_count": 2}


# --- the plan ----------------------------------------------------------------------------------------------------

PLANNED: dict[str, Any] = {"measures": (measure(),), "criteria": (criterion(authors=frozenset({uid(9)})),),
           "plan_content": {"measures": [{"content": "补齐"}], "criteria": [{"content": "齐全"}]}}  # fmt: skip


@pytest.mark.parametrize("mode", list(Mode))
def test_a_submitted_plan_is_frozen_as_the_next_version_with_all_its_authors(mode: Mode) -> None:
    found = effect(facts(A.SUBMIT_PLAN, {"goal": "长效"}, row("planning", plan_version=3, mode=mode.value), **PLANNED))
    [version] = inserted(found, PlanVersion)
    assert found.changes == {"plan_version": 4, "goal": "长效"}
    assert version["content"] == PLANNED["plan_content"] | {"root_cause": "制度不健全", "goal": "长效"}
    assert set(version["author_ids"]) == {ME, uid(9)}
    assert version["status"] == ("approved" if mode is Mode.IMMEDIATE else "submitted")
    assert (version["decided_at"] is not None) == (mode is Mode.IMMEDIATE)


def test_an_immediate_item_with_a_plan_freezes_it_when_acknowledged_and_one_without_does_not() -> None:
    item = row("assigned", mode="immediate", plan_version=0)
    assert inserted(effect(facts(A.ACKNOWLEDGE, item=item, **PLANNED)), PlanVersion)[0]["status"] == "approved"
    assert not inserted(effect(facts(A.ACKNOWLEDGE, item=item)), PlanVersion)


@pytest.mark.parametrize(
    ("action", "given_", "status"),
    [
        (A.APPROVE_PLAN, {"opinion": "同意"}, "approved"),
        (A.RETURN_PLAN, {"reason": "措施不实"}, "returned"),
        (A.RECALL, {"reason": "主体有误"}, "withdrawn"),
    ],
)
def test_the_plan_version_keeps_how_it_was_decided(action: Action, given_: dict[str, Any], status: str) -> None:
    [update] = effect(facts(action, given_, row("plan_review", plan_version=2))).updates
    assert (update.table, update.where, update.changes["status"]) == (PlanVersion, {"plan_version": 2}, status)
    assert update.changes["decided_by"] == ME


def test_recalling_before_a_plan_was_submitted_touches_no_version() -> None:
    for state in ("assigned", "planning"):
        assert effect(facts(A.RECALL, {"reason": "主体有误"}, row(state))).updates == []


# --- completion and gates ----------------------------------------------------------------------------------------

REPORT = {"summary": "全部到位", "declared_true": True, "evidence_ids": [str(EVIDENCE)]}


def test_a_completion_report_opens_the_next_submission_resets_the_gates_and_pins_policy_and_chain() -> None:
    item = row("rectifying", submission_no=2, chain_step=2, **passed_gates())
    policy = POLICY_DEFAULT.model_copy(update={"approval_chain": POLICY_DEFAULT.approval_chain[-1:]})
    found = effect(
        facts(A.REPORT_COMPLETION, REPORT, item, policy=policy, policy_version=5, criterion_evidence_ids={uid(7)})
    )
    assert found.changes == {
        "submission_no": 3, "policy_version": 5, "chain": ["first_responsible"], "chain_step": 0, "completed_at": NOW,
    } | PENDING  # fmt: skip
    [submission] = inserted(found, Submission)
    assert (submission["submission_no"], submission["submitted_by"], submission["policy_version"]) == (3, ME, 5)
    assert set(found.cites) == {EVIDENCE, uid(7)}


BACK: list[tuple[Action, dict[str, Any], str]] = [
    (A.WITHDRAW_COMPLETION, {"reason": "有误"}, "verifying"),
    (A.FAIL_VERIFICATION, {"deficiencies": ["缺三月"], "redo_by": "2026-04-01"}, "verifying"),
    (A.REJECT_CLOSURE, {"reason": "证据不足"}, "closing"),
    (A.UPHOLD_OBJECTION, {"objection_id": str(OBJECTION), "reason": "属实"}, "public_notice"),
]


@pytest.mark.parametrize(("action", "given_", "state"), BACK)
def test_going_back_to_work_forgets_the_completion_and_unpins_the_policy(
    action: Action, given_: dict[str, Any], state: str
) -> None:
    changes = effect(facts(action, given_, row(state, completed_at=NOW, **passed_gates()))).changes
    assert changes["completed_at"] is None
    assert changes["policy_version"] is None
    assert not changes.keys() & {"submission_no", "cycle", "original_due_on", "due_on", "deadline"}


def test_passing_the_verification_starts_a_round_of_signatures_of_its_own() -> None:
    assert effect(facts(A.PASS_VERIFICATION, item=row("verifying", closing_round=3, chain_step=2))).changes == {
        "chain_step": 0, "closing_round": 4,
    }  # fmt: skip


# --- signatures --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", range(3))
def test_a_signature_is_one_row_for_its_step_and_moves_the_chain_by_one(step: int) -> None:
    found = effect(facts(A.APPROVE_CLOSURE, {"opinion": "同意"}, row("closing", chain_step=step)))
    [signed] = inserted(found, Approval)
    assert (signed["step"], signed["role"], signed["opinion"]) == (step + 1, CHAIN[step], "agree")
    assert found.changes["chain_step"] == step + 1
    assert ("closed_at" in found.changes) == (step == 2) == bool(inserted(found, ItemCycle))
    assert ("disposition" in found.changes) == (step == 2)


@pytest.mark.parametrize(
    ("place", "party"), [(0, Party.LEADER), (1, Party.DISCIPLINE_OFFICE), (2, Party.FIRST_RESPONSIBLE)]
)
def test_whoever_rejects_out_of_turn_does_so_in_the_own_role(place: int, party: Party) -> None:
    played = frozenset({party, Party.CHAIN_MEMBER})
    found = effect(facts(A.REJECT_CLOSURE, {"reason": "证据不足"}, row("closing"), parties=played))
    [signed] = inserted(found, Approval)
    assert (signed["step"], signed["role"], signed["opinion"]) == (place + 1, CHAIN[place], "disagree")
    assert found.fields["step"] == place + 1
    assert found.changes["chain_step"] == 0


def test_rejecting_to_verify_again_reopens_the_named_gates_and_leaves_the_others() -> None:
    given_ = {"reason": "重测", "to_state": "verifying", "gates": ["people_satisfied"]}
    found = effect(facts(A.REJECT_CLOSURE, given_, row("closing", **passed_gates())))
    assert found.changes == {"chain_step": 0, "gate_people_satisfied": "pending"}
    [reopened] = inserted(found, GateResult)
    assert (reopened["gate"], reopened["part"], reopened["result"]) == ("people_satisfied", "whole", "reopened")


# --- notice and closing ------------------------------------------------------------------------------------------


def published(**parts: Any) -> dict[str, Any]:
    rules = PolicyRules(notice_required=True, notice_days=5)
    item = row("closing", chain_step=2, confidentiality="public")
    return effect(facts(A.APPROVE_CLOSURE, {}, item, policy=rules, **parts)).changes


def test_the_notice_runs_for_whole_working_days_after_the_last_signature() -> None:
    assert published()["notice_started_on"] == TODAY
    assert published()["notice_ends_on"] == date(2026, 3, 9)
    assert published(calendar=Calendar())["notice_ends_on"] == TODAY + timedelta(days=10)
    assert "closed_at" not in published()


def closing(**columns: Any) -> Effect:
    item = row("public_notice", notice_ends_on=date(2026, 3, 1), completed_at=NOW, **passed_gates(), **columns)
    return effect(facts(A.FINISH_NOTICE, {}, item, occurred_at=NOW))


def test_closing_freezes_the_cycle_as_it_stood() -> None:
    found = closing(cycle=2, goal="长效", measures_total=3, disposition="routine")
    [frozen] = inserted(found, ItemCycle)
    assert (frozen["cycle"], frozen["closed_at"], frozen["completed_at"]) == (2, NOW, NOW)
    snapshot = frozen["snapshot"]
    expected = {"goal": "长效", "measures_total": 3, "disposition": "routine", "due_on": "2026-06-30",
                "lead_unit_id": str(LEAD), "accountable_leader_ids": [str(LEADER)], "closed_offline": False}  # fmt: skip
    assert {name: snapshot[name] for name in expected} == expected
    assert {snapshot[name] for name in PENDING} == {"passed"}


@pytest.mark.parametrize("continuing", [True, False])
def test_only_a_continuing_item_is_looked_back_on_and_within_six_months(continuing: bool) -> None:
    changes = closing(deadline=DEADLINE | {"continuing": continuing}).changes
    assert ("next_look_back_on" in changes) is continuing
    if continuing:
        assert TODAY < changes["next_look_back_on"] <= date(2026, 9, 2)


def test_closing_on_paper_is_dated_by_the_paper_and_signed_by_the_decider() -> None:
    given_ = {"decider_id": str(LEADER), "document_no": "〔2026〕2号", "scan_id": str(EVIDENCE)}
    when = NOW - timedelta(days=2)
    found = effect(facts(A.RECORD_OFFLINE_CLOSURE, given_, row("verifying"), occurred_at=when))
    [signed] = inserted(found, Approval)
    assert (signed["signer_id"], signed["step"], signed["role"]) == (LEADER, 3, "first_responsible")
    assert (found.changes["closed_at"], found.changes["closed_offline"]) == (when, True)
    assert inserted(found, ItemCycle)[0]["snapshot"]["closed_offline"] is True
    assert found.cites == [EVIDENCE]


# --- reopening ---------------------------------------------------------------------------------------------------

AGAIN = {
    "reason_code": "rebound",
    "evidence": "再次发生",
    "deadline": {"text": "6月底", "kind": "date", "date": "2026-06-29"},
}
KEPT = {
    "number", "ledger_id", "title", "description", "category", "severity", "confidentiality", "major_kind", "lead_unit_id",
    "responsible_unit_id", "accountable_leader_ids", "registered_at", "submission_no", "plan_version", "closing_round",
    "finder_unit_id", "source_unit_id", "mode",
}  # fmt: skip


def test_reopening_begins_a_new_cycle_and_keeps_what_identifies_the_item() -> None:
    item = row(
        "closed", cycle=2, closed_at=NOW, disposition="fixed", decline_count=2, measures_total=4, **passed_gates()
    )
    found = effect(facts(A.REOPEN, AGAIN, item))
    assert found.changes["cycle"] == 3
    assert not KEPT & found.changes.keys()
    assert found.changes.items() >= PENDING.items()
    emptied = {"closed_at", "completed_at", "disposition", "policy_version", "root_cause", "next_look_back_on"}
    assert {name: found.changes[name] for name in emptied} == dict.fromkeys(emptied)
    zeros = {"measures_total", "measures_done", "criteria_total", "progress_percent", "decline_count", "chain_step"}
    assert {found.changes[name] for name in zeros} == {0}
    assert (found.changes["due_on"], found.changes["original_due_on"]) == (date(2026, 6, 29), date(2026, 6, 29))


def test_reopening_updates_and_deletes_nothing_of_the_closed_cycle() -> None:
    found = effect(facts(A.REOPEN, AGAIN, row("closed")))
    assert found.updates == []
    assert found.inserts == []
    assert found.touches == []


def test_measures_and_criteria_brought_along_belong_to_the_new_cycle() -> None:
    given_ = AGAIN | {"measures": [{"content": "一"}, {"content": "二"}], "criteria": [{"content": "三"}]}
    found = effect(facts(A.REOPEN, given_, row("closed", cycle=1)))
    measures, criteria = inserted(found, Measure), inserted(found, Criterion)
    assert [(one["position"], one["cycle"], one["status"]) for one in measures] == [
        (1, 2, "not_started"), (2, 2, "not_started"),
    ]  # fmt: skip
    assert [(one["position"], one["cycle"]) for one in criteria] == [(1, 2)]
    assert (found.changes["measures_total"], found.changes["criteria_total"]) == (2, 1)


# --- the register ------------------------------------------------------------------------------------------------


def test_registering_asks_for_a_number_and_keeps_the_answers_on_duplicates() -> None:
    like = Candidate(uid(901), "ZG-1", "台账", 700)
    answers = [{"item_id": str(uid(n)), "verdict": "different"} for n in (901, 999)]
    found = effect(facts(A.REGISTER, {"severity": "grave", "duplicates": answers}, candidates=(like,)))
    assert found.needs_number
    assert found.changes["severity"] == Severity.GRAVE.value
    [verdict] = inserted(found, DuplicateVerdict)
    assert (verdict["candidate_id"], verdict["score_permille"]) == (uid(901), 700)


def test_the_children_of_a_split_inherit_the_source_and_stand_registered() -> None:
    children = [{"title": "其一", "description": "甲"}, {"title": "其二", "description": "乙", "severity": "grave"}]
    found = effect(facts(A.SPLIT, {"reason": "两件事", "children": children}, row("registered")))
    first, second = found.created
    assert first.columns["state"] == second.columns["state"] == State.REGISTERED.value
    assert first.columns["split_from_id"] == row()["id"]
    assert (first.columns["severity"], second.columns["severity"]) == ("general", "grave")
    assert found.fields["child_ids"] == [str(first.id), str(second.id)]
    assert set(first.columns) <= set(Item.__table__.columns.keys())  # type: ignore[attr-defined]


def test_merging_hands_the_origins_to_the_target() -> None:
    found = effect(facts(A.MERGE, {"target_id": str(TARGET), "reason": "同一事实"}, row("registered")))
    assert found.changes == {"merged_into_id": TARGET}
    assert [(touch.item_id, touch.giver["id"]) for touch in found.touches] == [(TARGET, row()["id"])]


@pytest.mark.parametrize("origins", [0, 2])
def test_voiding_rehomes_origins_only_where_there_are_any(origins: int) -> None:
    given_ = {"reason_code": "false_finding", "reason": "查无此事", "rehome_to_id": str(TARGET)}
    found = effect(facts(A.VOID, given_, foreign_origins=origins))
    assert found.changes == {"disposition": "false_finding"}
    assert len(found.touches) == bool(origins)


def test_a_stage_review_is_a_row_of_its_own_and_sets_the_next_date() -> None:
    given_ = {"result": "on_track", "summary": "按计划", "next_review_on": "2026-08-01"}
    found = effect(facts(A.STAGE_REVIEW, given_, row("sustaining")))
    assert found.changes == {"next_review_on": date(2026, 8, 1)}
    assert inserted(found, StageReview)[0]["result"] == "on_track"


def test_reclassifying_changes_only_what_was_said() -> None:
    def changes(**given_: Any) -> dict[str, Any]:
        return effect(
            facts(A.RECLASSIFY, {"reason": "调整", **given_}, row("planning", major_kind="large_fund"))
        ).changes

    assert changes(severity="major") == {"severity": "major"}
    assert changes(drop_major_matter=True) == {"major_kind": None, "major_basis": None}
    given_ = {"kind": "major_project", "basis": "会议"}
    assert changes(major_matter=given_) == {"major_kind": "major_project", "major_basis": "会议"}


def test_handing_over_replaces_one_leader_in_place_and_never_names_one_twice() -> None:
    given_ = {"role": "accountable_leader", "from_person_id": str(LEADER), "to_person_id": str(ME), "on": "2026-03-02"}
    item = row("planning", accountable_leader_ids=[LEADER, ME, uid(7)])
    found = effect(facts(A.HAND_OVER, given_, item))
    assert found.changes == {"accountable_leader_ids": [ME, uid(7)], "former_holder_ids": [LEADER]}
    assert found.people_changed
    named = effect(facts(A.HAND_OVER, given_ | {"role": "liaison"}, item))
    assert named.changes == {"liaison_id": ME, "former_holder_ids": [LEADER]}
    again = effect(facts(A.HAND_OVER, given_, item | {"former_holder_ids": [uid(9), LEADER]}))
    assert again.changes["former_holder_ids"] == [uid(9), LEADER], "who held it once stays named for the whole cycle"


def test_upholding_an_objection_rules_on_it_and_takes_the_notice_down() -> None:
    found = effect(facts(A.UPHOLD_OBJECTION, {"objection_id": str(OBJECTION), "reason": "属实"}, row("public_notice")))
    [update] = found.updates
    assert (update.table, update.where) == (Objection, {"id": OBJECTION})
    assert (update.changes["ruling"], update.changes["ruled_by"]) == ("upheld", ME)
    assert (found.changes["notice_ends_on"], found.changes["disposition"]) == (None, None)


# --- all of them -------------------------------------------------------------------------------------------------


def minimal() -> list[Facts]:
    """One of each kind of action with the least it can bring."""
    given_: dict[Action, dict[str, Any]] = {
        A.RETURN_FOR_SUPPLEMENT: {"reason": "补"}, A.DECLINE: {"reason_code": "duplicate", "reason": "重复"},
        A.MERGE: {"target_id": str(TARGET), "reason": "同"}, A.SPLIT: {"reason": "分", "children": []},
        A.DECLINE_ASSIGNMENT: {"reason": "退"}, A.RECALL: {"reason": "回"}, A.RETURN_PLAN: {"reason": "退"},
        A.REPORT_COMPLETION: REPORT, A.ENTER_SUSTAINING: {"reason_code": "legacy", "stage_goal": "稳",
        "next_review_on": "2026-08-01"}, A.STAGE_REVIEW: {"result": "on_track", "summary": "好"},
        A.RECLASSIFY: {"reason": "调", "severity": "major"}, A.REOPEN: AGAIN,
        A.HAND_OVER: {"role": "liaison", "from_person_id": str(ME), "to_person_id": str(LEADER), "on": "2026-03-02"},
        A.VOID: {"reason_code": "false_finding", "reason": "无"}, A.TRANSFER: {"receiving_body": "纪委", "document_no": "1"},
        A.RECORD_OFFLINE_CLOSURE: {"decider_id": str(LEADER), "document_no": "1", "scan_id": str(EVIDENCE)},
    }  # fmt: skip
    given_ |= {action: values for action, values, _ in BACK}
    return [facts(action, given_.get(action, {})) for action in Action]


@pytest.mark.parametrize("found", minimal(), ids=lambda found: found.action.value)
def test_effects_name_columns_that_exist_and_leave_the_state_to_the_table(found: Facts) -> None:
    whole = replace(found, data=data(found.action, **found.data.model_dump(mode="json", by_alias=True)))
    done = effect(whole)
    assert "state" not in done.changes
    assert done.changes.keys() <= set(Item.__table__.columns.keys())  # type: ignore[attr-defined]
    for table, values in done.inserts:
        assert values.keys() <= set(table.__table__.columns.keys())  # type: ignore[attr-defined]
    assert BY_ACTION[found.action].target(whole) in BY_ACTION[found.action].to
