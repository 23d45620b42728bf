"""What the write of a judge, signer or recorder is measured against: the item's facts, and one refusal for all gaps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from app.access.actor import Actor
from app.access.permissions import Role
from app.access.separation import Conflicts
from app.core.db import Tx
from app.core.errors import Fault, Problem, Text
from app.lifecycle.children import OpenItem
from app.lifecycle.gather import child_facts, conflicts_of, gather, policy_of
from app.lifecycle.judge import everything_named
from app.lifecycle.parties import anchors
from app.lifecycle.policy import PolicyRules
from app.lifecycle.states import Gate, GateStatus

_FUTURE: Final = Text("办理时间不能晚于现在", "occurred_at must not be in the future")
_STALE: Final = Text("办理时间须晚于本次销号申请", "occurred_at must be later than the completion report")
_NO_EVIDENCE: Final = Text("引用的佐证材料不属于本问题", "An evidence id is not of this item")
_NO_PERSON: Final = Text("所指人员不存在或已停用", "A person does not exist or is inactive")


@dataclass(frozen=True, slots=True)
class Case:
    """An open item with its facts; the policy is the one pinned by the submission, or in force before there is one."""

    opened: OpenItem
    policy: PolicyRules
    conflicts: Conflicts
    evidence_ids: frozenset[UUID]
    known_people: frozenset[UUID]
    submitted_at: datetime | None
    survey_failed: bool


async def open_case(tx: Tx, actor: Actor, opened: OpenItem, people: Iterable[UUID] = ()) -> Case:
    """Gathers the facts under the lock `opened` holds; `people` are persons the request names."""
    gathered, _ = await gather(tx, [opened.id], everything_named(actor, [opened.row], people=people), opened.today)
    row = gathered[opened.id]
    found = child_facts(row)
    return Case(
        opened=opened,
        policy=policy_of(row),
        conflicts=conflicts_of(opened.row, row, actor.persons()),
        evidence_ids=found["evidence_ids"],
        known_people=found["known_people"],
        submitted_at=found["submitted_at"],
        survey_failed=any(g.gate == Gate.PEOPLE_SATISFIED and g.result == GateStatus.FAILED for g in found["gates"]),
    )


def refuse(faults: Sequence[Fault]) -> None:
    """Raises separation_of_duties where only that stands in the way, guards_unmet for anything else."""
    if not faults:
        return
    only_separation = all(str(fault.rule).startswith("separation.") for fault in faults)
    raise Problem("separation_of_duties" if only_separation else "guards_unmet", faults=faults)


def gap(rule: str, detail: Text, *who: Role, pointer: str | None = None) -> Fault:
    """One thing that is missing, and the roles that can supply it."""
    members = {"who": [role.value for role in who]} if who else {}
    return Fault(rule.rpartition(".")[2], detail, pointer=pointer, rule=rule, members=members)


def separated(found: Iterable[tuple[str, Text]]) -> list[Fault]:
    """Broken rules of the separation of duties; another person can always be asked by the supervision office."""
    return [gap(rule, detail, Role.SUPERVISION_OFFICE) for rule, detail in found]


def untimely(case: Case, occurred_at: datetime | None, *, after_submission: bool = False) -> list[Fault]:
    """A paper date lies in the past, and a judgement after what it judges."""
    if occurred_at is None:
        return []
    if occurred_at > case.opened.now:
        return [gap("occurred_at.future", _FUTURE, pointer="/occurred_at")]
    if after_submission and case.submitted_at is not None and occurred_at <= case.submitted_at:
        return [gap("occurred_at.before_submission", _STALE, pointer="/occurred_at")]
    return []


def foreign_evidence(case: Case, ids: Iterable[UUID], pointer: str) -> list[Fault]:
    """Only what was filed with this item can be shown for it."""
    if set(ids) <= case.evidence_ids:
        return []
    return [gap("reference.evidence_unknown", _NO_EVIDENCE, pointer=pointer)]


def unknown_people(case: Case, ids: Iterable[UUID], pointer: str) -> list[Fault]:
    """Persons who left cannot be named in a new act."""
    if set(ids) <= case.known_people:
        return []
    return [gap("reference.person_unknown", _NO_PERSON, pointer=pointer)]


def lent_by(actor: Actor, opened: OpenItem, role: Role) -> UUID | None:
    """Whose lent role is used where the actor's own would not do, so that both names are kept."""
    return actor.standing_in(role, anchors(role, opened.row))
