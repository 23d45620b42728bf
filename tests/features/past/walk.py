"""A history made at random by several people over HTTP, with answers remembered on the way and asked for again later."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

import httpx2

from app.core import clock
from app.demo.carry import STEPS, Case
from app.demo.client import Caller, Json, RefusedError
from app.lifecycle.light import Light
from app.lifecycle.states import Confidentiality, Mode, Phase, Severity, State
from tests.make.world import World, case

SETTLED = timedelta(seconds=11)
WHO = ("auditor", "auditor", "supervision_office", "unit_head", "unit_head_finance", "liaison", "leader", "viewer")
SORTS = [f"{sign}{name}" for name in ("due_on", "updated_at", "registered_at", "number") for sign in ("", "-")]
LEADS = ("engineering", "finance")


@dataclass
class Asked:
    """An answer and the instant at which it was given; `past` is what the past first answered to the same question."""

    who: str
    path: str
    params: dict[str, Any]
    at: datetime
    answer: Any
    past: list[bytes] = field(default_factory=list)


@dataclass
class Walk:
    world: World
    random: Random
    skew: ExitStack
    cases: dict[str, Case] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    done: list[str] = field(default_factory=list)

    def wait(self, by: timedelta = timedelta(seconds=7)) -> None:
        self.skew.enter_context(clock.travel(by))

    def any_item(self) -> str:
        return self.random.choice(list(self.cases))

    async def one_in(self, *states: str) -> str:
        """An item that is in one of these states now; KeyError where none is."""
        sql = "SELECT id FROM item WHERE state = ANY($1) AND id = ANY($2::uuid[]) ORDER BY id"
        found = [str(row["id"]) for row in await self.world.db.fetch(sql, list(states), list(self.cases))]
        if not found:
            raise KeyError(states)
        return self.random.choice(found)

    async def step(self) -> None:
        """One thing that somebody does, or is refused."""
        action = self.random.choice(ACTIONS if len(self.cases) > 4 else ACTIONS[:1])
        try:
            await action(self)
            self.done.append(action.__name__)
        except RefusedError as refused:  # out of season, which is part of the history too; but never badly asked
            if refused.answer.status_code == 422:
                raise
        except KeyError:
            pass  # nothing to do it to
        self.wait()

    async def ask(self) -> None:
        who = self.random.choice(WHO)
        if self.cases and self.random.random() < 0.4:
            path, params = f"/v1/items/{self.any_item()}", {}
        else:
            path, params = "/v1/items", self.question()
        answer = await whole(await self.world.as_(who), path, params)
        self.asked.append(Asked(who, path, params, clock.now(), [one.json() for one in answer]))
        self.wait(timedelta(milliseconds=1))

    def question(self) -> dict[str, Any]:
        random, made = self.random, self.world.made
        unit, person = random.choice(list(made.units.values())), random.choice(list(made.people.values()))
        day = clock.today() + timedelta(days=random.randrange(-30, 60))
        filters: list[dict[str, Any]] = [
            {}, {"state": _some(random, State)}, {"phase": _some(random, Phase)}, {"unit_id": unit},
            {"unit_id": unit, "unit_subtree": "true"}, {"lead_unit_id": unit}, {"responsible_unit_id": unit},
            {"accountable_leader_id": made.people["leader"]}, {"person_id": person}, {"ledger_id": made.ledgers["general"]},
            {"category": "decision_system"}, {"source_type": "self_inspection"}, {"severity": _some(random, Severity)},
            {"mode": _some(random, Mode)}, {"confidentiality": _some(random, Confidentiality)}, {"major": "false"},
            {"light": _some(random, Light)}, {"overdue": random.choice(["true", "false"])}, {"cycle_from": "1"},
            {"due_on_from": str(day)}, {"due_on_to": str(day)}, {"registered_on_to": str(clock.today())},
            {"registered_on_from": str(clock.today())}, {"completed_on_from": str(clock.today())},
            {"closed_on_from": str(clock.today())}, {"external_ref": "oa:1,oa:2,oa:3"},
        ]  # fmt: skip
        chosen = random.choice([{}, random.choice(filters), random.choice(filters) | random.choice(filters)])
        return chosen | {"sort": random.choice(SORTS), "limit": random.choice([2, 5, 50]), "include": "total"}


def _some(random: Random, kind: Any) -> str:
    return ",".join(random.sample([one.value for one in kind], 2))


async def whole(caller: Caller, path: str, params: dict[str, Any]) -> list[httpx2.Response]:
    """The answer, or every page of it."""
    found: list[httpx2.Response] = []
    cursor = None
    while True:
        answer = await caller.http.get(path, params={**params, **({"cursor": cursor} if cursor else {})})
        assert answer.status_code in {200, 404}, answer.text
        found.append(answer)
        cursor = answer.json().get("next_cursor")
        if cursor is None:
            return found


# --- what can be done ----------------------------------------------------------------------------------------------


async def begin(walk: Walk) -> None:
    random = walk.random
    lead = random.choice(LEADS)
    more = {"external_ref": {"system": "oa", "id": str(len(walk.cases) + 1)}}
    finder = random.choice(["liaison", "supervision_office", "unit_head_finance"])
    unit = {"unit_id": walk.world.made.units["finance"]} if random.random() < 0.5 else {}
    source = {"type": "self_inspection", **unit}
    confidentiality = random.choice(["internal", "public"])
    one = case(finder=finder, lead=lead, source=source, more=more, confidentiality=confidentiality,
               due_in_days=random.choice([-3, 2, 60]))  # fmt: skip
    walk.cases[(await walk.world.carrier.draft(one))["id"]] = one


async def carry_on(walk: Walk) -> None:
    item_id = await walk.one_in(*STEPS.keys() - {"draft"})
    item = await walk.world.read({"id": item_id}, "auditor")
    await STEPS[item["state"]](walk.world.carrier, walk.cases[item_id], item)


async def submit(walk: Walk) -> None:
    item_id = await walk.one_in("draft")
    await walk.world.carrier.submit(walk.cases[item_id], {"id": item_id})


async def describe(walk: Walk) -> None:
    item_id = walk.any_item()
    who = walk.random.choice([walk.cases[item_id].finder, "supervision_office"])
    changes: list[Json] = [
        {"title": f"改名{walk.random.randrange(10**6)}"}, {"severity": "major"}, {"remarks": "补记"}, {"goal": "目标"},
        {"source": {"quote": "原文", "path": ["一", "二"]}}, {"responsible_unit_id": walk.world.made.units["safety"]},
    ]  # fmt: skip
    await (await walk.world.as_(who)).patch(f"/items/{item_id}", walk.random.choice(changes))


async def delete(walk: Walk) -> None:
    item_id = await walk.one_in("draft")
    answer = await (await walk.world.as_(walk.cases[item_id].finder)).send("DELETE", f"/items/{item_id}")
    if answer.status_code != 204:
        raise RefusedError(answer)


async def send_back(walk: Walk) -> None:
    office = await walk.world.as_("supervision_office")
    state, action = walk.random.choice(
        [
            ("submitted", "return_for_supplement"),
            ("submitted", "decline"),
            ("planning", "recall"),
            ("assigned", "recall"),
        ]
    )
    data = {"reason": "材料不全"} | ({"reason_code": "out_of_remit"} if action == "decline" else {})
    await office.act(await walk.one_in(state), action, data)


async def decline_assignment(walk: Walk) -> None:
    item_id = await walk.one_in("assigned")
    head = await walk.world.head_of(walk.cases[item_id])
    await head.act(item_id, "decline_assignment", {"reason": "不属本单位"})


async def reclassify(walk: Walk) -> None:
    office = await walk.world.as_("supervision_office")
    data = {"severity": walk.random.choice(["general", "major", "grave"]), "reason": "重新核定"}
    await office.act(await walk.one_in("registered", "planning", "rectifying", "closing"), "reclassify", data)


async def hand_over(walk: Walk) -> None:
    people = walk.world.made.people
    data = {"role": "accountable_leader", "from_person_id": people["leader"], "to_person_id": people["verifier"]}
    data["on"] = str(clock.today())
    item_id = await walk.one_in("planning", "rectifying", "verifying")
    await (await walk.world.as_("supervision_office")).act(item_id, "hand_over", data)


async def merge(walk: Walk) -> None:
    one, other = await walk.one_in("submitted", "registered", "assigned"), await walk.one_in("registered", "rectifying")
    await (await walk.world.as_("supervision_office")).act(one, "merge", {"target_id": other, "reason": "同一事实"})


async def split(walk: Walk) -> None:
    part = {"title": "其一", "description": "拆分出的问题"}
    office = await walk.world.as_("supervision_office")
    item_id = await walk.one_in("registered", "assigned")
    await office.act(item_id, "split", {"reason": "两件事", "children": [part, {**part, "title": "其二"}]})


async def add_measure(walk: Walk) -> None:
    item_id = await walk.one_in("planning", "assigned")
    head = await walk.world.head_of(walk.cases[item_id])
    person = walk.world.made.people[walk.random.choice(["assignee", "viewer"])]
    due = str(clock.today() + timedelta(days=9))
    await head.post(f"/items/{item_id}/measures", {"content": "排查", "due_on": due, "person_id": person})


ACTIONS: tuple[Callable[[Walk], Awaitable[None]], ...] = (
    begin, begin, begin, *[carry_on] * 12, *[submit] * 4, describe, describe, describe,
    delete, delete, send_back, decline_assignment, reclassify, hand_over, merge, split, add_measure,
)  # fmt: skip


def as_then(answer: Any) -> Any:
    """What is the same for ever: whose turn it is and what the caller could do are of the day they are asked."""
    if isinstance(answer, dict) and "items" in answer:
        return {**answer, "next_cursor": None, "items": [one | {"next_movers": []} for one in answer["items"]]}
    if isinstance(answer, dict) and "allowed_actions" in answer:
        turns = [one | {"person_ids": []} for one in answer["next_movers"]]
        return answer | {"allowed_actions": [], "next_movers": turns}
    return answer


def rounds(total: int, parts: int) -> Iterator[range]:
    """`total` steps in so many parts."""
    for part in range(parts):
        yield range(part * total // parts, (part + 1) * total // parts)
