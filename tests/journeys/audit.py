"""What must be true of an item after any sequence of calls, read from the rows and the history and never from the API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from fractions import Fraction
from typing import Any
from uuid import UUID

from app.core.db import Database

ITEM = "SELECT * FROM item WHERE id = $1"
EVENTS = "SELECT seq, type, body, hash FROM event WHERE subject_id = $1 ORDER BY seq"
GATES = """
SELECT DISTINCT ON (gate) gate, result, judge_id, on_behalf_of, detail FROM gate_result
WHERE item_id = $1 AND submission_no = $2 AND part = 'whole' ORDER BY gate, changed_seq DESC
"""
JUDGES = """
SELECT gate, judge_id AS person FROM gate_result WHERE item_id = $1 AND submission_no = $2 AND part = 'whole'
  AND result <> 'reopened'
UNION SELECT gate, on_behalf_of FROM gate_result WHERE item_id = $1 AND submission_no = $2 AND part = 'whole'
  AND result <> 'reopened' AND on_behalf_of IS NOT NULL
UNION SELECT 'people_satisfied', runner_id FROM survey WHERE item_id = $1 AND submission_no = $2
"""
SURVEY = "SELECT * FROM survey WHERE item_id = $1 AND submission_no = $2 ORDER BY changed_seq DESC LIMIT 1"
SIGNED = """
SELECT step, role, opinion, signer_id, on_behalf_of FROM approval
WHERE item_id = $1 AND purpose = 'closure' AND step IS NOT NULL AND submission_no = $2 AND closing_round = $3
ORDER BY changed_seq
"""
SUBMISSION = "SELECT * FROM submission WHERE item_id = $1 AND submission_no = $2"
CRITERIA = "SELECT id FROM criterion WHERE item_id = $1 AND cycle = $2"
MEASURES = "SELECT status FROM measure WHERE item_id = $1 AND cycle = $2"
OBJECTIONS = "SELECT count(*) FROM objection WHERE item_id = $1 AND submission_no = $2 AND ruling IS NULL"
POSTS = """
SELECT EXISTS (SELECT FROM post p JOIN unit u ON u.id = p.unit_id WHERE p.person_id = $1 AND u.ancestors && $2::uuid[])
"""
MIN_RATIO, MIN_N, THRESHOLD = Fraction(1, 2), 5, Fraction(85, 100)


async def audit(db: Database, item_id: str) -> str:
    """Raises AssertionError for whatever is wrong with the item; gives its state."""
    found = await db.fetchrow(ITEM, item_id)
    assert found is not None
    item = dict(found)
    await history_tells_the_item(db, item)
    if item["state"] == "closed":
        await gates_hold(db, item)
        await chain_signed(db, item)
        await duties_are_separate(db, item)
    if item["state"] == "closing":
        await gates_hold(db, item)
    return str(item["state"])


async def history_tells_the_item(db: Database, item: Mapping[str, Any]) -> None:
    """Dense, as long as the version, chained, and its steps lead from a draft to the present state."""
    events = await db.fetch(EVENTS, item["id"])
    assert [event["seq"] for event in events] == list(range(1, item["version"] + 1))
    state, previous = None, "0" * 64
    for event in events:
        body = json.loads(event["body"])
        assert body["seq"] == body["ver"] == event["seq"]
        assert body["from"] == state, (body["type"], body["from"], state)
        assert body["prev"] == previous
        state, previous = body["to"], event["hash"].hex()
    assert state == item["state"]
    assert previous == item["head_hash"].hex()


async def gates_hold(db: Database, item: Mapping[str, Any]) -> None:
    found = {row["gate"]: row for row in await db.fetch(GATES, item["id"], item["submission_no"])}
    assert found["problem_solved"]["result"] == "passed"
    assert found["rectification_adequate"]["result"] == "passed"
    criteria = {str(row["id"]) for row in await db.fetch(CRITERIA, item["id"], item["cycle"])}
    judged = found["problem_solved"]["detail"]["solved"]["criteria"]
    assert criteria
    assert {one["criterion_id"] for one in judged if one["met"] and one["evidence_ids"]} == criteria
    answers = found["rectification_adequate"]["detail"]["checklist"].values()
    assert len(answers) == 5
    assert all(answer["answer"] == "yes" or answer.get("reason") for answer in answers)
    assert not any(answer["answer"] == "no" for answer in answers)
    if found["people_satisfied"]["result"] == "waived":
        assert found["people_satisfied"]["detail"]["waiver_reason"]
    else:
        await people_are_satisfied(db, item, found["people_satisfied"]["result"])
    measures = await db.fetch(MEASURES, item["id"], item["cycle"])
    assert measures
    assert {row["status"] for row in measures} <= {"done", "adjusted_away"}


async def people_are_satisfied(db: Database, item: Mapping[str, Any], result: str) -> None:
    survey = await db.fetchrow(SURVEY, item["id"], item["submission_no"])
    assert survey is not None
    assert result == "passed"
    pleased = survey["satisfied"] + survey["basically_satisfied"]
    judging = pleased + survey["dissatisfied"]
    needed = min(survey["invited"], max(MIN_N, -(-survey["invited"] * MIN_RATIO // 1)))
    assert survey["invited"] >= 1
    assert judging + survey["unknown"] >= needed
    assert Fraction(pleased, judging) >= THRESHOLD
    assert survey["unanswered_named"] == 0


async def chain_signed(db: Database, item: Mapping[str, Any]) -> None:
    signed = await db.fetch(SIGNED, item["id"], item["submission_no"], item["closing_round"])
    if item["closed_offline"]:
        assert (signed[-1]["role"], signed[-1]["opinion"]) == (item["chain"][-1], "agree")
        return
    agreed = [(row["step"], row["role"]) for row in signed]
    assert agreed == list(enumerate(item["chain"], start=1))
    assert {row["opinion"] for row in signed} == {"agree"}
    assert await db.fetchval(OBJECTIONS, item["id"], item["submission_no"]) == 0


async def duties_are_separate(db: Database, item: Mapping[str, Any]) -> None:
    """Reporter, judges, survey runner, last signer and those named are different people; so are those they stand for."""
    submission = await db.fetchrow(SUBMISSION, item["id"], item["submission_no"])
    assert submission is not None
    acted: dict[str, set[UUID]] = {"problem_solved": set(), "rectification_adequate": set(), "people_satisfied": set()}
    for row in await db.fetch(JUDGES, item["id"], item["submission_no"]):
        acted[row["gate"]].add(row["person"])
    solved, adequate, runners = acted.values()
    signed = await db.fetch(SIGNED, item["id"], item["submission_no"], item["closing_round"])
    last = {signed[-1]["signer_id"], signed[-1]["on_behalf_of"]} - {None}
    earlier = {row["signer_id"] for row in signed[:-1]}
    named = {item["responsible_person_id"], item["liaison_id"], *item["accountable_leader_ids"]} - {None}
    reporter = {submission["submitted_by"]}
    assert not (solved | adequate | runners | last | earlier) & reporter
    assert not (solved | adequate) & (runners | last)
    assert not runners & last
    assert not (solved | adequate | runners | last) & named
    assert not earlier & solved
    units = [
        unit for unit in (item["lead_unit_id"], item["responsible_unit_id"], *item["cooperating_unit_ids"]) if unit
    ]
    for judge in solved:
        assert not await db.fetchval(POSTS, judge, units)
    for runner in runners:
        assert not await db.fetchval(POSTS, runner, [item["responsible_unit_id"]])
