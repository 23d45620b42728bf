"""Carries an item along the ordinary path, each step taken by the person whose turn it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from app.core import clock
from app.demo.client import Caller, Json
from app.demo.organisation import Organisation

YES: Final = {"answer": "yes"}
CHECKLIST: Final = dict.fromkeys(
    ("measures_done", "root_cause_removed", "same_kind_looked_for", "institutional_outcome", "accountability"), YES
)
BALLOTS: Final = {
    "invited": 20, "satisfied": 17, "basically_satisfied": 2, "dissatisfied": 0, "unknown": 0, "invalid": 0,
    "unanswered_named": 0,
}  # fmt: skip


@dataclass(frozen=True)
class Case:
    """What is known of a problem and how it is to be rectified; `lead` is the key of a unit."""

    title: str
    description: str
    source: Mapping[str, Any]
    category: str = "decision_system"
    lead: str = "engineering"
    severity: str = "general"
    mode: str = "time_limited"
    confidentiality: str = "internal"
    major: str | None = None
    ledger: str = "general"
    found_days_ago: int = 40
    due_in_days: int = 60
    deadline: Mapping[str, Any] | None = None
    root_cause: str = "制度规定不细，日常检查流于表面。"
    goal: str = "问题整改到位，同类问题不再发生。"
    measures: tuple[str, ...] = ("逐项核对存在的问题并立即改正", "修订制度并组织相关人员学习")
    criteria: tuple[str, ...] = ("清单所列问题全部改正，有前后对照材料",)
    finder: str = "supervision_office"
    more: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Carrier:
    """The people of an organisation, ready to take any step; `leader` answers for the items."""

    made: Organisation
    leader: str = "leader"

    async def by(self, username: str) -> Caller:
        return await self.made.as_(username)

    async def head(self, case: Case) -> Caller:
        return await self.by(self.made.head_of(case.lead))

    # --- 查摆 ---------------------------------------------------------------------------------------------------

    async def draft(self, case: Case) -> Json:
        major = {"kind": case.major, "basis": "属于“三重一大”事项，须集体决策"} if case.major else None
        stub = case.confidentiality == "secret_stub"
        texts = {} if stub else {"title": case.title, "description": case.description, "major_matter": major}
        body = {
            "ledger_id": self.made.ledgers[case.ledger],
            "source": dict(case.source),
            "category": case.category,
            "severity": case.severity,
            "confidentiality": case.confidentiality,
            "found_on": (clock.today() - timedelta(days=case.found_days_ago)).isoformat(),
            "responsible_unit_id": self.made.units[case.lead],
            **texts,
            **case.more,
        }
        return await (await self.by(case.finder)).post("/items", body)

    async def submit(self, case: Case, item: Json) -> Json:
        return await (await self.by(case.finder)).act(item["id"], "submit")

    async def register(self, _: Case, item: Json) -> Json:
        """Possible duplicates are looked at and told apart, as `register` demands."""
        office = await self.by("supervision_office")
        found = await office.get(f"/items/{item['id']}/duplicates")
        answers = [{"item_id": one["item_id"], "verdict": "different"} for one in found["items"]]
        return await office.act(item["id"], "register", {"duplicates": answers})

    # --- 整改 ---------------------------------------------------------------------------------------------------

    def assignment(self, case: Case) -> Json:
        due = clock.today() + timedelta(days=case.due_in_days)
        deadline = case.deadline or {"text": f"{due.month}月{due.day}日前", "kind": "date", "date": due.isoformat()}
        return {
            "lead_unit_id": self.made.units[case.lead],
            "accountable_leader_ids": [self.made.people[self.leader]],
            "responsible_person_id": self.made.people[self.made.head_of(case.lead)],
            "mode": case.mode,
            "deadline": dict(deadline),
        }

    async def assign(self, case: Case, item: Json) -> Json:
        return await (await self.by("supervision_office")).act(item["id"], "assign", self.assignment(case))

    async def write_plan(self, case: Case, item: Json) -> None:
        head = await self.head(case)
        due = item["due_on"] or (clock.today() + timedelta(days=30)).isoformat()
        whose = {"unit_id": self.made.units[case.lead], "person_id": self.made.people[self.made.head_of(case.lead)]}
        for content in case.measures:
            await head.post(f"/items/{item['id']}/measures", {"content": content, **whose, "due_on": due})
        for content in case.criteria:
            await head.post(f"/items/{item['id']}/criteria", {"content": content})

    async def acknowledge(self, case: Case, item: Json) -> Json:
        if case.mode == "immediate":
            await self.write_plan(case, item)
        return await (await self.head(case)).act(item["id"], "acknowledge")

    async def submit_plan(self, case: Case, item: Json) -> Json:
        head = await self.head(case)
        written = await head.get(f"/items/{item['id']}/measures")
        if not written["items"]:
            await self.write_plan(case, item)
        data = {"root_cause": case.root_cause, "goal": case.goal}
        return await head.act(item["id"], "submit_plan", data)

    async def approve_plan(self, case: Case, item: Json) -> Json:
        if case.major:
            await self.decide(item, "plan")
        opinion = {"opinion": "措施具体，同意按此整改。"}
        return await (await self.by(self.leader)).act(item["id"], "approve_plan", opinion)

    async def work(self, case: Case, item: Json) -> None:
        """Every measure done, every criterion evidenced, and said so."""
        head, place = await self.head(case), f"/items/{item['id']}"
        for measure in (await head.get(f"{place}/measures"))["items"]:
            await head.patch(f"{place}/measures/{measure['id']}", {"status": "done"})
        for criterion in (await head.get(f"{place}/criteria"))["items"]:
            target = {"target_kind": "criterion", "target_id": criterion["id"]}
            await head.upload(f"{place}/evidence", "整改佐证.txt", f"整改前后对照 {criterion['id']}", **target)
        report = {"content": "各项措施已落实，佐证材料齐全。", "reported_on": clock.today().isoformat()}
        await head.post(f"{place}/progress", {**report, "assessment": "done"})

    async def report(self, case: Case, item: Json) -> Json:
        await self.work(case, item)
        return await self.report_only(case, item)

    async def report_only(self, case: Case, item: Json) -> Json:
        data = {"summary": "整改任务已全部完成，申请销号。", "declared_true": True}
        return await (await self.head(case)).act(item["id"], "report_completion", data)

    # --- 销号 ---------------------------------------------------------------------------------------------------

    async def judge_solved(self, item: Json, *, met: bool = True, **more: Any) -> Json:
        verifier, place = await self.by("verifier"), f"/items/{item['id']}"
        shown: dict[str, list[str]] = {}
        for evidence in (await verifier.get(f"{place}/evidence?target_kind=criterion"))["items"]:
            shown.setdefault(evidence["target_id"], []).append(evidence["id"])
        criteria = (await verifier.get(f"{place}/criteria"))["items"]
        judged = [{"criterion_id": c["id"], "met": met, "evidence_ids": shown[c["id"]]} for c in criteria]
        body = {"gate": "problem_solved", "verification": "desk", "criteria": judged, **more}
        return await verifier.post(f"{place}/gates", body)

    async def judge_adequate(self, item: Json, **answers: Any) -> Json:
        body = {"gate": "rectification_adequate", "checklist": {**CHECKLIST, **answers}}
        return await (await self.by("supervision_office")).post(f"/items/{item['id']}/gates", body)

    async def survey(self, item: Json, **ballots: int) -> Json:
        runner, place = await self.by("survey_runner"), f"/items/{item['id']}"
        scan = await runner.upload(f"{place}/evidence", "测评票汇总.txt", f"测评 {item['id']}", target_kind="survey")
        counts = {**BALLOTS, **ballots, "held_on": clock.today().isoformat(), "scan_id": scan["id"]}
        return await runner.post(f"{place}/gates", {"gate": "people_satisfied", "survey": counts})

    async def judge(self, item: Json) -> None:
        await self.judge_solved(item)
        await self.judge_adequate(item)
        await self.survey(item)

    async def pass_verification(self, _: Case, item: Json) -> Json:
        await self.judge(item)
        return await (await self.by("supervision_office")).act(item["id"], "pass_verification")

    async def sign(self, case: Case, item: Json) -> Json:
        """The whole chain signs."""
        if case.major:
            await self.decide(item, "closure")
        for signer in (self.leader, "discipline_office", "first_responsible"):
            item = await (await self.by(signer)).act(item["id"], "approve_closure", {"opinion": "同意销号。"})
        return item

    async def decide(self, item: Json, purpose: str) -> Json:
        """A recorded paper decision, taken after everything it has to be later than."""
        office, place = await self.by("supervision_office"), f"/items/{item['id']}"
        scan = await office.upload(f"{place}/evidence", "会议纪要.txt", f"纪要 {purpose}", target_kind="decision")
        taken: datetime = clock.now() - timedelta(milliseconds=1)
        votes = {"entitled": 7, "present": 7, "yes": 6, "no": 0, "abstained": 1}
        body = {
            "purpose": purpose, "body": "局党组会", "decided_at": taken.isoformat(), "minutes_no": "党组纪要第8号",
            "scan_id": scan["id"], **votes,
        }  # fmt: skip
        return await office.post(f"{place}/decisions", body)

    async def to(self, state: str, case: Case, item: Json | None = None) -> Json:
        """The item in `state`, taken there by the ordinary steps from where it is."""
        item = item or await self.draft(case)
        while item["state"] != state:
            item = await STEPS[item["state"]](self, case, item)
        return item


STEPS: Final[Mapping[str, Callable[[Carrier, Case, Json], Awaitable[Json]]]] = {
    "draft": Carrier.submit,
    "submitted": Carrier.register,
    "registered": Carrier.assign,
    "assigned": Carrier.acknowledge,
    "planning": Carrier.submit_plan,
    "plan_review": Carrier.approve_plan,
    "rectifying": Carrier.report,
    "sustaining": Carrier.report,
    "verifying": Carrier.pass_verification,
    "closing": Carrier.sign,
}
