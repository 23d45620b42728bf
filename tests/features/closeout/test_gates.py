from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from fastapi import FastAPI

from app.core import clock
from tests.features.closeout import world as w
from tests.features.closeout.world import World

SUB_CHECK = {
    "gate": "rectification_adequate",
    "part": "accountability",
    "checklist": {"accountability": {"answer": "no"}},
}
WAIVER: w.Json = {"gate": "people_satisfied", "waiver": {"reason": "问题仅涉及内部账务，没有可测评的群众"}}
COUNTS = ("invited", "satisfied", "basically_satisfied", "dissatisfied", "unanswered_named", "scan_id")


async def test_three_gates_are_judged_and_the_item_says_so(world: World) -> None:
    item = await w.judged(world, await w.verifying(world))
    found = await world.read("viewer", f"{item.path}/gates")
    assert [(gate["gate"], gate["status"]) for gate in found["gates"]] == [
        ("problem_solved", "passed"),
        ("rectification_adequate", "passed"),
        ("people_satisfied", "passed"),
    ]
    assert found["gates"][0]["latest"]["judge_id"] == str(world.people["verifier"].id)
    assert found["gates"][2]["latest"]["survey"]["kind"] == "ballot_paper"
    assert len(found["items"]) == 3
    shown = await world.read("viewer", item.path)
    assert shown["gates"]["problem_solved"] == "passed"
    assert [mover["role"] for mover in shown["next_movers"]] == ["supervision_office"]


@pytest.mark.parametrize(
    ("role", "gate"),
    [
        ("viewer", "solved"),
        ("auditor", "solved"),
        ("leader", "solved"),
        ("supervision_office", "solved"),
        ("survey_runner", "solved"),
        ("unit_head", "solved"),
        ("verifier", "adequate"),
        ("discipline_office", "adequate"),
        ("supervision_office", "sub_check"),
        ("verifier", "survey"),
        ("leader", "survey"),
        ("survey_runner", "waiver"),
        ("first_responsible", "waiver"),
    ],
)
async def test_a_gate_is_for_its_own_judge_alone(world: World, role: str, gate: str) -> None:
    item = await w.verifying(world)
    bodies = {
        "solved": item.solved(),
        "adequate": w.adequate(),
        "sub_check": SUB_CHECK,
        "survey": w.survey(item.proofs[0], 17, 0, 3),
        "waiver": WAIVER,
    }
    before = (await world.read("viewer", item.path))["version"]
    answer = await world.post(role, f"{item.path}/gates", bodies[gate])
    assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
    assert (await world.read("viewer", item.path))["version"] == before


async def test_nothing_is_judged_before_completion_is_reported_or_after_verification_passed(world: World) -> None:
    early = await w.worked_off(world, await w.rectifying(world))
    late = await w.closing(world)
    for item in (early, late):
        for role, body in (
            ("verifier", item.solved()),
            ("supervision_office", w.adequate()),
            ("discipline_office", SUB_CHECK),
            ("survey_runner", w.survey(item.proofs[0], 17, 0, 3)),
            ("leader", WAIVER),
        ):
            answer = await world.post(role, f"{item.path}/gates", body)
            assert (answer.status_code, answer.json()["code"]) == (409, "child_frozen")


async def test_whoever_reported_completion_cannot_judge_even_with_the_verifiers_role(world: World) -> None:
    item = await w.verifying(world)
    await world.org.grant(world.people["unit_head"].id, "verifier", world.root)
    answer = await world.post("unit_head", f"{item.path}/gates", item.solved())
    assert (answer.status_code, answer.json()["code"]) == (409, "separation_of_duties")
    assert w.rules_of(answer) == ["separation.submitter", "separation.party_unit"]
    assert (await world.read("viewer", item.path))["gates"]["problem_solved"] == "pending"


async def test_a_verifier_who_left_the_unit_after_registration_is_no_outsider(world: World) -> None:
    item = await w.verifying(world)
    today = clock.today()
    recent, former = world.people["verifier"], await world.org.person(("verifier", world.root))
    await world.org.post(recent.id, world.bureau, ends_on=today)
    await world.org.post(former.id, world.bureau, ends_on=today - timedelta(days=30))
    answer = await world.post(recent, f"{item.path}/gates", item.solved())
    assert (answer.status_code, w.rules_of(answer)) == (409, ["separation.party_unit"])
    await world.ok(former, f"{item.path}/gates", item.solved())


async def test_a_delegate_of_the_unit_head_inherits_the_conflict(world: World) -> None:
    item = await w.verifying(world)
    await world.org.delegation(world.people["unit_head"].id, world.people["verifier"].id, "unit_head")
    answer = await world.post("verifier", f"{item.path}/gates", item.solved())
    assert answer.json()["code"] == "separation_of_duties"
    assert "separation.submitter" in w.rules_of(answer)


async def test_whoever_ran_the_survey_cannot_judge_the_first_gate(world: World) -> None:
    item = await w.verifying(world)
    await world.org.grant(world.people["survey_runner"].id, "verifier", world.root)
    scan = await world.evidence("survey_runner", item, "survey")
    await world.ok("survey_runner", f"{item.path}/gates", w.survey(scan, 17, 0, 3))
    answer = await world.post("survey_runner", f"{item.path}/gates", item.solved())
    assert (answer.status_code, w.rules_of(answer)) == (409, ["separation.survey_runner"])


async def test_a_survey_held_by_somebody_of_the_responsible_unit_does_not_count_whoever_records_it(
    world: World,
) -> None:
    item = await w.verifying(world)
    insider = await world.org.person()
    await world.org.post(insider.id, world.bureau)
    body = w.survey(item.proofs[0], 17, 0, 3, runner_id=str(insider.id))
    answer = await world.post("survey_runner", f"{item.path}/gates", body)
    assert (answer.status_code, w.rules_of(answer)) == (409, ["separation.responsible_unit"])


@pytest.mark.parametrize(("satisfied", "result"), [(17, "passed"), (16, "failed")])
async def test_satisfaction_is_compared_exactly(world: World, satisfied: int, result: str) -> None:
    item = await w.verifying(world)
    given = await world.ok("survey_runner", f"{item.path}/gates", w.survey(item.proofs[0], satisfied, 0, 3))
    assert given["result"] == result
    assert [reason["rule"] for reason in given["unmet"]] == (
        [] if result == "passed" else ["gate.people_satisfied.below_threshold"]
    )
    assert (await world.read("viewer", item.path))["gates"]["people_satisfied"] == result


async def test_two_ballots_of_thirty_decide_nothing_and_verification_cannot_pass(world: World) -> None:
    item = await w.verifying(world)
    await world.ok("verifier", f"{item.path}/gates", item.solved())
    await world.ok("supervision_office", f"{item.path}/gates", w.adequate())
    given = await world.ok("survey_runner", f"{item.path}/gates", w.survey(item.proofs[0], 2, 0, 0, invited=30))
    assert given["result"] == "not_evaluable"
    answer = await world.act("supervision_office", item, "pass_verification")
    assert (answer.status_code, w.rules_of(answer)) == (409, ["gate.people_satisfied.not_evaluable"])
    found = await world.read("supervision_office", f"{item.path}/closing-readiness")
    assert [missing["rule"] for missing in found["gates"][2]["missing"]] == [
        "gate.people_satisfied.not_evaluable",
        "gate.people_satisfied.too_few_ballots",
    ]


async def test_more_ballots_than_people_invited_are_no_survey(world: World) -> None:
    item = await w.verifying(world)
    answer = await world.post("survey_runner", f"{item.path}/gates", w.survey(item.proofs[0], 17, 0, 3, invited=10))
    assert (answer.status_code, w.rules_of(answer)) == (409, ["gate.people_satisfied.more_ballots_than_invited"])


async def test_a_survey_needs_its_scan_and_a_day_between_the_report_and_today(world: World) -> None:
    item, other = await w.verifying(world), await w.verifying(world)
    tomorrow = (clock.today() + timedelta(days=1)).isoformat()
    body = w.survey(other.proofs[0], 17, 0, 3, held_on=tomorrow)
    answer = await world.post("survey_runner", f"{item.path}/gates", body)
    assert w.rules_of(answer) == ["reference.evidence_unknown", "gate.people_satisfied.held_in_future"]
    yesterday = (clock.today() - timedelta(days=1)).isoformat()
    body = w.survey(item.proofs[0], 17, 0, 3, held_on=yesterday)
    answer = await world.post("survey_runner", f"{item.path}/gates", body)
    assert w.rules_of(answer) == ["gate.people_satisfied.held_before_submission"]


async def test_money_that_did_not_come_back_unexplained_fails_the_first_gate(world: World) -> None:
    item = await w.verifying(world)
    money = {"due_fen": 6_000_000, "recovered_fen": 5_000_000}
    given = await world.ok("verifier", f"{item.path}/gates", item.solved(money=money))
    assert (given["result"], given["unmet"][0]["rule"]) == ("failed", "gate.problem_solved.money_unexplained")
    explained = money | {"explanation": "一万元已列入分期追缴协议"}
    given = await world.ok("verifier", f"{item.path}/gates", item.solved(money=explained))
    assert given["result"] == "passed"
    assert (await world.read("viewer", item.path))["gates"]["problem_solved"] == "passed"


async def test_an_incomplete_finding_is_refused_with_everything_it_lacks_and_leaves_no_trace(world: World) -> None:
    item = await w.verifying(world)
    other = await w.verifying(world)
    before = (await world.read("viewer", item.path))["version"]
    body = item.solved(verification="on_site", occurred_at="2020-01-01T00:00:00Z")
    body["criteria"] = [
        {"criterion_id": item.criteria[0], "met": True, "evidence_ids": []},
        {"criterion_id": other.criteria[0], "met": True, "evidence_ids": [other.proofs[0]]},
    ]
    answer = await world.post("verifier", f"{item.path}/gates", body)
    assert (answer.status_code, answer.json()["code"]) == (409, "guards_unmet")
    assert w.rules_of(answer) == [
        "gate.problem_solved.criterion_unknown",
        "reference.evidence_unknown",
        "gate.problem_solved.no_evidence",
        "gate.problem_solved.not_judged",
        "gate.problem_solved.visit_date",
        "gate.problem_solved.visit_place",
        "gate.problem_solved.visit_persons",
        "occurred_at.before_submission",
    ]
    assert (await world.read("viewer", item.path))["version"] == before
    assert (await world.read("viewer", f"{item.path}/gates"))["items"] == []


async def test_an_on_site_check_names_its_day_place_and_two_people(world: World) -> None:
    item = await w.verifying(world)
    colleague = str(world.people["clerk"].id)
    visit = {"on": clock.today().isoformat(), "place": "第一食堂", "persons": ["李四"], "person_ids": [colleague]}
    given = await world.ok("verifier", f"{item.path}/gates", item.solved(verification="on_site", visit=visit))
    assert (given["result"], given["solved"]["visit"]["place"]) == ("passed", "第一食堂")


async def test_a_criterion_that_is_not_met_fails_the_gate_and_the_office_can_send_it_back(world: World) -> None:
    item = await w.verifying(world)
    body = item.solved()
    body["criteria"][1]["met"] = False
    given = await world.ok("verifier", f"{item.path}/gates", body)
    assert (given["result"], [(r["rule"], r["about"]) for r in given["unmet"]]) == (
        "failed",
        [("gate.problem_solved.not_met", "2")],
    )
    redo = clock.today().isoformat()
    await world.done("verifier", item, "fail_verification", {"deficiencies": ["账实不符"], "redo_by": redo})
    await w.reported(world, item)
    found = await world.read("viewer", f"{item.path}/gates")
    assert (found["submission_no"], found["items"], found["gates"][0]["status"]) == (2, [], "pending")
    assert len((await world.read("viewer", f"{item.path}/gates?submission_no=1"))["items"]) == 1


async def test_a_single_no_fails_the_second_gate_and_na_needs_its_reason(world: World) -> None:
    item = await w.verifying(world)
    path = f"{item.path}/gates"
    answer = await world.post("supervision_office", path, w.adequate(institutional_outcome={"answer": "na"}))
    assert w.rules_of(answer) == ["gate.rectification_adequate.na_without_reason"]
    given = await world.ok("supervision_office", path, w.adequate(same_kind_looked_for={"answer": "no"}))
    assert (given["result"], given["unmet"][0]["about"]) == ("failed", "same_kind_looked_for")


async def test_where_the_policy_says_so_accountability_is_the_discipline_offices_answer(app: FastAPI) -> None:
    world = await w.build(app, accountability_by_discipline_office=True)
    item = await w.verifying(world)
    path = f"{item.path}/gates"
    answer = await world.post("supervision_office", path, w.adequate())
    assert w.rules_of(answer) == [
        "gate.rectification_adequate.accountability_elsewhere",
        "gate.rectification_adequate.accountability_sub_check_missing",
    ]
    without = w.adequate()
    without["checklist"] = {name: value for name, value in w.CHECKLIST.items() if name != "accountability"}
    found = await world.read("viewer", f"{item.path}/closing-readiness")
    assert [missing["rule"] for missing in found["gates"][1]["missing"]] == [
        "gate.rectification_adequate.pending",
        "gate.rectification_adequate.accountability_sub_check_missing",
    ]
    checked = await world.ok("discipline_office", path, SUB_CHECK)
    assert (checked["part"], checked["result"]) == ("accountability", "failed")
    assert (await world.read("viewer", item.path))["gates"]["rectification_adequate"] == "pending"
    assert (await world.ok("supervision_office", path, without))["result"] == "failed"
    await world.ok("discipline_office", path, {**SUB_CHECK, "checklist": {"accountability": {"answer": "yes"}}})
    given = await world.ok("supervision_office", path, without)
    assert (given["result"], given["checklist"]["accountability"]["answer"]) == ("passed", "yes")


async def test_a_leader_may_waive_the_survey_with_a_reason_and_then_may_not_close(world: World) -> None:
    item = await w.verifying(world)
    path = f"{item.path}/gates"
    await world.ok("verifier", path, item.solved())
    await world.ok("supervision_office", path, w.adequate())
    given = await world.ok("leader", path, WAIVER)
    assert (given["result"], given["waiver_reason"]) == ("waived", WAIVER["waiver"]["reason"])
    await world.done("supervision_office", item, "pass_verification")
    await world.done("leader", item, "approve_closure")
    await world.done("discipline_office", item, "approve_closure")
    await world.org.grant(world.people["leader"].id, "first_responsible", world.root)
    answer = await world.act("leader", item, "approve_closure")
    assert (answer.json()["code"], w.rules_of(answer)) == ("separation_of_duties", ["separation.survey_runner"])


async def test_dissatisfied_people_cannot_be_waived_away(world: World) -> None:
    item = await w.verifying(world)
    await world.ok("survey_runner", f"{item.path}/gates", w.survey(item.proofs[0], 10, 0, 10))
    answer = await world.post("leader", f"{item.path}/gates", WAIVER)
    assert (answer.status_code, w.rules_of(answer)) == (409, ["gate.people_satisfied.survey_failed"])


async def test_a_ledger_may_rule_waivers_out(app: FastAPI) -> None:
    world = await w.build(app, people_satisfied={"waivable": False})
    item = await w.verifying(world)
    answer = await world.post("leader", f"{item.path}/gates", WAIVER)
    assert (answer.status_code, w.rules_of(answer)) == (409, ["gate.people_satisfied.not_waivable"])
    found = await world.read("viewer", f"{item.path}/closing-readiness")
    assert found["gates"][2]["missing"][0]["who"] == ["survey_runner"]


async def test_what_four_people_said_is_for_the_runner_and_those_who_oversee(world: World) -> None:
    item = await w.verifying(world)
    scan = await world.evidence("survey_runner", item, "survey")
    made = await world.ok("survey_runner", f"{item.path}/gates", w.survey(scan, 2, 0, 2, unanswered_named=1))
    assert (made["survey"]["kind"], made["survey"]["dissatisfied"], made["result"]) == ("return_visit", 2, "failed")
    for role in ("discipline_office", "auditor", "survey_runner"):
        latest = (await world.read(role, f"{item.path}/gates"))["gates"][2]["latest"]
        assert (latest["survey"]["dissatisfied"], latest["survey"]["unanswered_named"]) == (2, 1)
    for role in ("viewer", "supervision_office", "unit_head", "leader"):
        latest = (await world.read(role, f"{item.path}/gates"))["gates"][2]["latest"]
        assert (latest["result"], latest["survey"]["kind"], latest["unmet"]) == ("failed", "return_visit", [])
        hidden = {value for name, value in latest["survey"].items() if name in COUNTS}
        assert hidden == {None}
        assert "survey.dissatisfied" in latest["masked_fields"]
        found = await world.read(role, f"{item.path}/closing-readiness")
        assert [missing["rule"] for missing in found["gates"][2]["missing"]] == ["gate.people_satisfied.failed"]


async def test_named_voices_are_confidential_in_a_big_survey_too(world: World) -> None:
    item = await w.verifying(world)
    await world.ok("survey_runner", f"{item.path}/gates", w.survey(item.proofs[0], 20, 0, 0, unanswered_named=7))
    latest = (await world.read("viewer", f"{item.path}/gates"))["gates"][2]["latest"]
    assert (latest["survey"]["satisfied"], latest["survey"]["unanswered_named"]) == (20, None)
    assert [reason["rule"] for reason in latest["unmet"]] == ["gate.people_satisfied.unanswered_dissatisfaction"]
    assert "7" not in latest["unmet"][0]["detail"]


async def test_findings_on_a_restricted_item_are_masked_for_those_who_may_not_read_it(world: World) -> None:
    item = await w.verifying(world, confidentiality="restricted")
    await world.ok("verifier", f"{item.path}/gates", item.solved(comment="现场谈话记录在卷"))
    latest = (await world.read("viewer", f"{item.path}/gates"))["gates"][0]["latest"]
    assert (latest["comment"], latest["solved"], latest["result"]) == (None, None, "passed")
    assert latest["masked_fields"] == ["comment", "solved"]
    latest = (await world.read("discipline_office", f"{item.path}/gates"))["gates"][0]["latest"]
    assert (latest["comment"], latest["masked_fields"]) == ("现场谈话记录在卷", [])


async def test_strangers_learn_nothing_and_shapes_are_checked_before_roles_of_the_item(world: World) -> None:
    item = await w.verifying(world)
    stranger = await world.org.person(("verifier", await world.org.unit()))
    for path in ("gates", "closing-readiness", "approvals", "objections", "decisions", "stage-reviews"):
        assert (await world.get(stranger, f"{item.path}/{path}")).status_code == 404
    assert (await world.post(stranger, f"{item.path}/gates", item.solved())).status_code == 404
    for body in (
        {"gate": "people_satisfied"},
        {**WAIVER, "survey": w.survey(item.proofs[0], 1, 0, 0)["survey"]},
        {**SUB_CHECK, "checklist": w.CHECKLIST},
        {"gate": "unknown"},
        item.solved(extra=1),
        w.survey(item.proofs[0], -1, 0, 0),
    ):
        assert (await world.post("leader", f"{item.path}/gates", body)).status_code == 422


async def test_one_verdict_is_one_event_and_cites_its_evidence(world: World) -> None:
    item = await w.verifying(world)
    before = (await world.read("viewer", item.path))["version"]
    answer = await world.post("verifier", f"{item.path}/gates", item.solved(comment="情况属实"))
    assert answer.headers["ETag"].startswith(f'"v{before + 1}.')
    rows = await world.org.db.fetch("SELECT type FROM event WHERE subject_id = $1 AND seq > $2", UUID(item.id), before)
    assert [row["type"] for row in rows] == ["item.gate_judged"]
    assert await world.org.db.fetchval("SELECT bool_and(cited) FROM evidence WHERE item_id = $1", UUID(item.id))
    unchanged = await world.get("viewer", f"{item.path}/gates")
    again = await world.get("viewer", f"{item.path}/gates", **{"If-None-Match": unchanged.headers["ETag"]})
    assert again.status_code == 304


async def test_the_history_of_verdicts_is_read_page_by_page(world: World) -> None:
    item = await w.verifying(world)
    made = [(await world.ok("verifier", f"{item.path}/gates", item.solved()))["id"] for _ in range(3)]
    path, seen = f"{item.path}/gates?limit=2&include=total", []
    page = await world.read("viewer", path)
    assert page["total"] == 3
    seen += [row["id"] for row in page["items"]]
    page = await world.read("viewer", f"{path}&cursor={page['next_cursor']}")
    seen += [row["id"] for row in page["items"]]
    assert (sorted(seen), page["next_cursor"]) == (sorted(made), None)


async def test_a_gate_named_when_closing_is_rejected_is_judged_anew_while_the_others_stand(world: World) -> None:
    item = await w.closing(world)
    back = {"reason": "测评范围过窄", "to_state": "verifying", "gates": ["people_satisfied"]}
    await world.done("leader", item, "reject_closure", back)
    gates = (await world.read("viewer", f"{item.path}/gates"))["gates"]
    assert [(gate["status"], gate["latest"]["result"]) for gate in gates] == [
        ("passed", "passed"),
        ("passed", "passed"),
        ("pending", "reopened"),
    ]
    scan = await world.evidence("survey_runner", item, "survey")
    made = await world.post("survey_runner", f"{item.path}/gates", w.survey(scan, 40, 0, 1))
    assert made.status_code == 201
    shown = await world.get("viewer", made.headers["Location"])
    assert (shown.json()["survey"]["satisfied"], shown.headers["ETag"][:3]) == (40, made.headers["ETag"][:3])
    await world.done("supervision_office", item, "pass_verification")


async def test_a_retry_of_a_verdict_is_the_same_verdict(world: World) -> None:
    item = await w.verifying(world)
    key = {"Idempotency-Key": "verdict-of-the-first-gate"}
    first = await world.post("verifier", f"{item.path}/gates", item.solved(), **key)
    again = await world.post("verifier", f"{item.path}/gates", item.solved(), **key)
    assert (again.status_code, again.json()["id"]) == (201, first.json()["id"])
    assert len((await world.read("viewer", f"{item.path}/gates"))["items"]) == 1
