"""One item in every state, and what a refused call must leave as it was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.demo.client import Caller, Json, sign_in
from app.lifecycle.parties import Party
from tests.make.world import World, case

P = Party
SIGNS = {P.CHAIN_STEP, P.CHAIN_MEMBER}
LEADS = {P.LEAD_UNIT, P.LEAD_UNIT_HEAD, P.INTEGRATION}
ACCOUNTS: dict[str, set[Party]] = {
    "supervision_office": {P.SUPERVISION_OFFICE, *SIGNS},
    "first_responsible": {P.FIRST_RESPONSIBLE, *SIGNS},
    "leader": {P.LEADER, *SIGNS},
    "verifier": {P.VERIFIER},
    "survey_runner": {P.SURVEY_RUNNER},
    "discipline_office": {P.DISCIPLINE_OFFICE, *SIGNS},
    "source_office": {P.SOURCE_OFFICE},
    "petition_office": set(),
    "unit_head": {P.FINDER, P.LEAD_UNIT, P.LEAD_UNIT_HEAD},
    "liaison": {P.FINDER, P.LEAD_UNIT},
    "assignee": set(),
    "viewer": set(),
    "auditor": set(),
    "integration": {P.INTEGRATION},
    "unit_head_finance": set(),
    "system_admin": set(),
    "security_admin": set(),
}
"""What each account is to an item led and found by the engineering unit, in a ledger of the whole bureau."""
OUTSIDE = {"unit_head_finance", "system_admin", "security_admin"}
CHAIN = ("leader", "discipline_office", "first_responsible")
TRACE = """
SELECT md5(string_agg(to_jsonb(i)::text, '' ORDER BY i.id)) || json_build_array(
  (SELECT max(seq) FROM event WHERE subject_id = ANY($1)), (SELECT count(*) FROM event WHERE subject_id = ANY($1)),
  (SELECT count(*) FROM measure WHERE item_id = ANY($1)), (SELECT count(*) FROM criterion WHERE item_id = ANY($1)),
  (SELECT count(*) FROM outcome WHERE item_id = ANY($1)), (SELECT count(*) FROM progress_report WHERE item_id = ANY($1)),
  (SELECT count(*) FROM evidence WHERE item_id = ANY($1)), (SELECT count(*) FROM gate_result WHERE item_id = ANY($1)),
  (SELECT count(*) FROM survey WHERE item_id = ANY($1)), (SELECT count(*) FROM approval WHERE item_id = ANY($1)),
  (SELECT count(*) FROM objection WHERE item_id = ANY($1) AND ruling IS NULL),
  (SELECT count(*) FROM decision WHERE item_id = ANY($1)), (SELECT count(*) FROM submission WHERE item_id = ANY($1)),
  (SELECT count(*) FROM plan_version WHERE item_id = ANY($1)), (SELECT count(*) FROM item_cycle WHERE item_id = ANY($1)),
  (SELECT count(*) FROM idempotency_record), (SELECT sum(last) FROM number_counter), (SELECT count(*) FROM item))::text
FROM item i WHERE i.id = ANY($1)
"""


@dataclass
class Stage:
    """Items by name; most are called after their state."""

    world: World
    items: dict[str, Json]

    def id(self, name: str) -> str:
        found: str = self.items[name]["id"]
        return found

    def person(self, username: str) -> str:
        return self.world.made.people[username]

    async def as_(self, username: str) -> Caller:
        return await self.world.as_(username)

    async def afresh(self, username: str) -> Caller:
        """Signed in anew, for a time in which older sessions have run out."""
        return await sign_in(self.world.made.connect(), username, self.world.made.passwords[username])

    async def trace(self, *names: str) -> str:
        """All that a refused call may not change; one statement."""
        found: str = await self.world.db.fetchval(TRACE, [self.id(name) for name in names])
        return found

    def parties(self, username: str, name: str) -> set[Party]:
        """Which parts the account plays for the item, from its state and from whether it has a lead unit."""
        item, played = self.items[name], set(ACCOUNTS[username])
        if item["state"] == "closing":
            played -= SIGNS
            played |= {P.CHAIN_MEMBER} if username in CHAIN else set()
            played |= {P.CHAIN_STEP} if username == CHAIN[0] else set()
        return played if item["lead_unit_id"] else played - LEADS

    def sees(self, username: str, name: str) -> bool:
        if self.items[name]["state"] == "draft":
            return P.FINDER in ACCOUNTS[username]
        return username not in OUTSIDE


def problem(world: World, **changes: Any) -> Any:
    """Found by the liaison of the unit that will lead, named by the supervision unit."""
    source = {"type": "self_inspection", "unit_id": world.made.units["supervision"]}
    return case(**{"finder": "liaison", "source": source, **changes})


async def made(world: World, state: str, **changes: Any) -> Json:
    """An item in any state an item can be in."""
    one, carrier = problem(world, **changes), world.carrier
    office = await world.as_("supervision_office")
    if state in ENDS:
        before, who, data = ENDS[state]
        item = await carrier.to(before, one)
        if state == "transferred":
            await opine(office, item, "transfer")
        if state == "merged":
            data = {**data, "target_id": (await carrier.to("registered", problem(world)))["id"]}
        more = {"document": {"name": "会议纪要"}} if state == "voided" else {}
        return await (await world.as_(who)).act(item["id"], _ENDING[state], data, **more)
    if state == "sustaining":
        return await carrier.to(state, problem(world, mode="sustained", **changes))
    if state == "public_notice":
        one = problem(world, ledger="public", confidentiality="public", **changes)
    return await carrier.to(state, one)


PART = {"title": "其一", "description": "拆分出的问题"}
ENDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "declined": ("submitted", "supervision_office", {"reason_code": "out_of_remit", "reason": "不属受理范围"}),
    "merged": ("registered", "supervision_office", {"reason": "同一事实"}),
    "split": ("registered", "supervision_office", {"reason": "两件事", "children": [PART, PART]}),
    "transferred": ("registered", "discipline_office", {"receiving_body": "市纪委", "document_no": "〔2026〕1号"}),
    "voided": ("registered", "first_responsible", {"reason_code": "entered_in_error", "reason": "误登记"}),
}
_ENDING = {
    "declined": "decline", "merged": "merge", "split": "split", "transferred": "transfer", "voided": "void",
}  # fmt: skip


async def opine(caller: Caller, item: Json, purpose: str) -> Json:
    return await caller.post(f"/items/{item['id']}/approvals", {"purpose": purpose, "opinion": "agree"})


async def pass_gates(world: World, item: Json) -> None:
    await world.carrier.judge(item)
