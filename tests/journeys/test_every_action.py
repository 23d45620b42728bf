"""Every action in every state by every role: legal ones are accepted, every other is refused and leaves no trace."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from app.core import clock
from app.lifecycle.parties import Party
from app.lifecycle.states import Action, State
from app.lifecycle.transitions import BY_ACTION, TABLE
from tests.journeys.stage import ACCOUNTS, OUTSIDE, PART, Stage, made, opine, pass_gates, problem
from tests.make.world import World

ANYONE = "00000000-0000-7000-8000-000000000001"
ACTING = {
    "supervision_office", "first_responsible", "leader", "verifier", "discipline_office", "source_office",
    "petition_office", "unit_head", "liaison",
}  # fmt: skip
DEADLINE = {"text": "30日内", "kind": "days", "days": 30, "day_type": "calendar"}
DATA: dict[str, dict[str, Any]] = {
    "return_for_supplement": {"reason": "缺少原文"},
    "decline": {"reason_code": "out_of_remit", "reason": "不属受理范围"},
    "merge": {"target_id": ANYONE, "reason": "同一事实"},
    "split": {"reason": "两件事", "children": [PART, PART]},
    "assign": {"mode": "time_limited", "deadline": DEADLINE},
    "decline_assignment": {"reason": "不属本单位职责"},
    "recall": {"reason": "主体有误"},
    "submit_plan": {"root_cause": "责任不清"},
    "return_plan": {"reason": "措施不实"},
    "report_completion": {"summary": "全部到位", "declared_true": True},
    "withdraw_completion": {"reason": "材料有误"},
    "fail_verification": {"deficiencies": ["仍有缺项"], "redo_by": str(clock.today() + timedelta(days=20))},
    "reject_closure": {"reason": "证据不足"},
    "uphold_objection": {"objection_id": ANYONE, "reason": "属实"},
    "enter_sustaining": {
        "reason_code": "legacy", "stage_goal": "年内移交", "next_review_on": str(clock.today() + timedelta(days=90)),
    },
    "stage_review": {
        "result": "on_track", "summary": "按计划", "next_review_on": str(clock.today() + timedelta(days=90)),
    },
    "reclassify": {"reason": "影响扩大", "severity": "grave"},
    "hand_over": {
        "role": "responsible_person", "from_person_id": ANYONE, "to_person_id": ANYONE, "on": str(clock.today()),
    },
    "reopen": {"reason_code": "rebound", "evidence": "再次发生", "deadline": DEADLINE},
    "void": {"reason_code": "entered_in_error", "reason": "误登记"},
    "transfer": {"receiving_body": "市纪委", "document_no": "〔2026〕3号"},
    "record_offline_closure": {"decider_id": ANYONE, "document_no": "〔2026〕4号", "scan_id": ANYONE},
}  # fmt: skip
VARIANTS = {
    ("report_completion", "rectifying"): "worked",
    ("enter_sustaining", "rectifying"): "worked",
    ("report_completion", "sustaining"): "sustained_work",
    ("submit_plan", "planning"): "planned",
    ("hand_over", "registered"): "recalled",
    ("fail_verification", "verifying"): "failed",
    ("pass_verification", "verifying"): "passed",
    ("record_offline_closure", "verifying"): "passed",
    ("uphold_objection", "public_notice"): "objected",
}
"""Items that fulfil the conditions of an action, where the plain one of that state does not."""
ACCEPTED = {
    "uphold_objection": {"supervision_office_2"},
    "record_offline_closure": {"supervision_office"},
}
"""Where conditions let fewer in than the role would."""


@dataclass
class Told:
    """What went otherwise than the rules say, and how many cases there were of each kind."""

    wrong: list[str] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)


@pytest.fixture(scope="module")
async def stage(world: World) -> Stage:
    found = Stage(world, {state.value: await made(world, state.value) for state in State})
    office = await world.as_("supervision_office")
    for source in BY_ACTION[Action.TRANSFER].sources:
        await opine(office, found.items[source.value], "transfer")
    found.items["target"] = await made(world, "registered")
    for name, state in (
        ("worked", "rectifying"), ("sustained_work", "sustaining"), ("planned", "planning"), ("failed", "verifying"),
        ("passed", "verifying"), ("objected", "public_notice"),
    ):  # fmt: skip
        found.items[name] = await made(world, state)
    recalled = await made(world, "assigned")
    found.items["recalled"] = await office.act(recalled["id"], "recall", DATA["recall"])
    await _prepare(found)
    return found


async def _prepare(stage: Stage) -> None:
    world, items = stage.world, stage.items
    one, carrier = problem(world), world.carrier
    for name in ("worked", "sustained_work"):
        await carrier.work(one, items[name])
    await opine(await stage.as_("first_responsible"), items["worked"], "sustain")
    await carrier.write_plan(one, items["planned"])
    await carrier.judge_solved(items["failed"], met=False)
    await pass_gates(world, items["passed"])
    office = await stage.as_("supervision_office")
    objection = {"content": "仍未解决", "received_on": str(clock.today())}
    items["objected"]["objection"] = (await office.post(f"/items/{stage.id('objected')}/objections", objection))["id"]
    for name in ("passed", "closing"):
        scan = await office.upload(f"/items/{stage.id(name)}/evidence", "签批表.txt", name, target_kind="decision")
        items[name]["scan"] = scan["id"]


def body(stage: Stage, action: Action, name: str, account: str) -> dict[str, Any]:
    """A body whose conditions can hold for this item and this caller."""
    item, data = stage.items[name], dict(DATA.get(action.value, {}))
    if action is Action.MERGE:
        data["target_id"] = stage.id("target")
    elif action is Action.ASSIGN:
        data |= {
            "lead_unit_id": stage.world.made.units["engineering"], "accountable_leader_ids": [stage.person("leader")],
        }  # fmt: skip
    elif action is Action.HAND_OVER and account.startswith("supervision_office"):
        leader = {"role": "accountable_leader", "from_person_id": stage.person("leader")}
        data |= {**leader, "to_person_id": stage.person("leader_2")}
    elif action is Action.HAND_OVER:
        data |= {"from_person_id": item.get("responsible_person_id") or ANYONE, "to_person_id": stage.person("liaison")}
    elif action is Action.UPHOLD_OBJECTION:
        data["objection_id"] = item.get("objection", ANYONE)
    elif action is Action.RECORD_OFFLINE_CLOSURE:
        data |= {"decider_id": stage.person("first_responsible"), "scan_id": item.get("scan", ANYONE)}
    return {"action": action.value, "data": data, **_beside(action)}


def _beside(action: Action) -> dict[str, Any]:
    """What stands beside an action's data, where a condition asks for it."""
    if action is Action.VOID:
        return {"document": {"name": "会议纪要"}}
    return {"occurred_at": clock.now().isoformat()} if action is Action.RECORD_OFFLINE_CLOSURE else {}


def refusal(stage: Stage, action: Action, name: str, account: str) -> tuple[int, str] | None:
    """What the rules answer somebody who may not; None where they may."""
    transition = BY_ACTION[action]
    if not stage.sees(account, name):
        return 404, "not_found"
    if account not in ACTING or not stage.parties(account, name) & transition.by:
        return 403, "forbidden"
    if State(stage.items[name]["state"]) not in transition.sources:
        return 409, "transition_not_allowed"
    return None


def test_bodies_are_known_for_every_action() -> None:
    for transition in TABLE:
        needed = any(part.is_required() for part in transition.data.model_fields.values())
        assert not needed or transition.action.value in DATA, transition.action


async def test_whoever_may_not_is_refused_in_every_state_and_nothing_changes(stage: Stage) -> None:
    told = Told()
    for state in State:
        name = state.value
        before = await stage.trace(name)
        for account in ACCOUNTS:
            caller = await stage.as_(account)
            for action in Action:
                expected = refusal(stage, action, name, account)
                told.seen["legal" if expected is None else expected[1]] += 1
                if expected is None:
                    continue
                answer = await caller.send(
                    "POST", f"/items/{stage.id(name)}/transitions", body(stage, action, name, account)
                )
                got = answer.status_code, answer.json()["code"]
                if got != expected:
                    told.wrong.append(f"{account} {action} in {state}: {got} instead of {expected}")
            after = await stage.trace(name)
            if after != before:
                told.wrong.append(f"{account} left a trace in {state}: {after} was {before}")
                before = after
    assert not told.wrong, "\n".join(told.wrong)
    assert sum(told.seen.values()) == len(ACCOUNTS) * len(State) * len(Action)
    assert told.seen["not_found"] >= len(OUTSIDE) * len(State) * len(Action)
    assert min(told.seen.values()) > 90


async def test_whoever_may_is_accepted_in_every_state_of_the_table(stage: Stage) -> None:
    told = Told()
    for transition in TABLE:
        for state in transition.sources:
            name = VARIANTS.get((transition.action.value, state.value), state.value)
            before = await stage.trace(name)
            for account in (*ACCOUNTS, "supervision_office_2"):
                played = stage.parties(account, name) if account in ACCOUNTS else {Party.SUPERVISION_OFFICE}
                if not played & transition.by:
                    continue
                await _ask(stage, told, transition.action, name, account)
            assert await stage.trace(name) == before, "validating writes nothing"
            if not told.seen[f"{transition.action} {state}"]:
                told.wrong.append(f"nobody could {transition.action} in {state}")
    assert not told.wrong, "\n".join(told.wrong)
    pairs = sum(len(transition.sources) for transition in TABLE)
    assert len(told.seen) == pairs == 65


async def _ask(stage: Stage, told: Told, action: Action, name: str, account: str) -> None:
    path = f"/items/{stage.id(name)}/transitions?validate_only=true"
    if action is Action.FINISH_NOTICE:
        with clock.travel(timedelta(days=30)):
            caller = await stage.afresh(account)
            answer = await caller.send("POST", path, body(stage, action, name, account))
            await caller.http.aclose()
    else:
        answer = await (await stage.as_(account)).send("POST", path, body(stage, action, name, account))
    found, state = answer.json(), stage.items[name]["state"]
    if answer.status_code == 200:
        told.seen[f"{action} {state}"] += 1
        to = State(found["transition"]["to_state"])
        if to not in BY_ACTION[action].to or found["item"]["state"] != state:
            told.wrong.append(f"{account} {action} in {state} leads to {to}")
    elif account in ACCEPTED.get(action.value, {account}):
        told.wrong.append(f"{account} {action} in {state}: {answer.status_code} {answer.text}")
    elif found["code"] not in {"guards_unmet", "separation_of_duties"}:
        told.wrong.append(f"{account} {action} in {state}: {found['code']}")
