"""Writing opinions, objections and recorded decisions: each is one row and one event of the item."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from app.access import separation
from app.access.actor import Actor
from app.access.guarding import ItemWriting
from app.access.permissions import Role
from app.core.clock import beijing_date
from app.core.db import Tx
from app.core.errors import Fault, Problem, Text
from app.core.http import Reply
from app.core.ids import uuid7
from app.features.approvals import rules, schemas
from app.features.approvals.queries import APPROVALS, DECISIONS, OBJECTIONS
from app.features.approvals.schemas import ApprovalPurpose, DecisionPurpose
from app.lifecycle import policy
from app.lifecycle.cases import (
    Case,
    foreign_evidence,
    gap,
    open_case,
    refuse,
    separated,
    untimely,
)
from app.lifecycle.child_views import child_reply, locked_child, refuse_stub
from app.lifecycle.children import OpenItem, Writing, open_item, save_item
from app.lifecycle.childwrites import Child, Operation
from app.lifecycle.effect import ChildUpdate
from app.lifecycle.judge import NO_SUCH_PRINCIPAL, NOT_YOURS
from app.lifecycle.parties import SIGNING, anchors
from app.lifecycle.states import MajorKind
from app.tables.closeout import Approval, Decision, Objection

_SIGNS: Final[Mapping[ApprovalPurpose, tuple[Child, tuple[Role, ...]]]] = {
    ApprovalPurpose.PLAN: (Child.APPROVAL_PLAN, (Role.FIRST_RESPONSIBLE, Role.LEADER)),
    ApprovalPurpose.CLOSURE: (Child.APPROVAL_CLOSURE, SIGNING),
    ApprovalPurpose.SUSTAIN: (Child.APPROVAL_SUSTAIN, (Role.FIRST_RESPONSIBLE,)),
    ApprovalPurpose.TRANSFER: (Child.APPROVAL_TRANSFER, (Role.SUPERVISION_OFFICE,)),
    ApprovalPurpose.ASSIGNMENT: (Child.APPROVAL_ASSIGNMENT, (Role.FIRST_RESPONSIBLE,)),
}
_DECIDES: Final[Mapping[DecisionPurpose, Child]] = {
    DecisionPurpose.PLAN: Child.DECISION_PLAN,
    DecisionPurpose.CLOSURE: Child.DECISION_CLOSURE,
    DecisionPurpose.SUSTAIN: Child.DECISION_SUSTAIN,
    DecisionPurpose.VOID: Child.DECISION_VOID,
}
_STANDING: Final = """
SELECT d.id, d.decided_at FROM decision d
WHERE d.item_id = $1 AND d.cycle = $2 AND d.purpose = $3 AND d.plan_version IS NOT DISTINCT FROM $4
  AND d.submission_no IS NOT DISTINCT FROM $5
  AND NOT EXISTS (SELECT FROM decision n WHERE n.item_id = d.item_id AND n.supersedes_id = d.id)
ORDER BY d.changed_seq DESC LIMIT 1
"""
_RULED: Final = Text(
    "该异议已裁定或属于以往的申请", "The objection has been ruled on or belongs to an earlier submission"
)
_TALLY: Final = ("entitled", "present", "yes", "no", "deferred", "abstained")


async def sign(tx: Tx, write: ItemWriting, body: schemas.ApprovalIn) -> Reply:
    """Raises forbidden, child_frozen, separation_of_duties and guards_unmet."""
    child, roles = _SIGNS[body.purpose]
    opened = await open_item(tx, write.actor, write.item_id, child, Operation.CREATE)
    if body.comment is not None:
        refuse_stub(opened)
    role, on_behalf = _signature(write.actor, opened, roles, body.on_behalf_of)
    case = await open_case(tx, write.actor, opened)
    refuse([*_conflicts(case, body.purpose), *untimely(case, body.occurred_at)])
    row = {
        "id": uuid7(),
        "cycle": opened.row["cycle"],
        "submission_no": opened.row["submission_no"],
        "closing_round": opened.row["closing_round"],
        "purpose": body.purpose.value,
        "step": None,
        "role": role.value,
        "opinion": body.opinion.value,
        "comment": body.comment,
        "signer_id": write.actor.person_id,
        "signer_unit_id": write.actor.unit_id,
        "on_behalf_of": on_behalf,
        "occurred_at": body.occurred_at or opened.now,
        "recorded_at": opened.now,
    }
    names = ("id", "purpose", "role", "opinion", "comment")
    writing = Writing(
        event="item.opinion_signed",
        fields={name: row[name] for name in names},
        inserts=[(Approval, row)],
        eff=body.occurred_at,
        on_behalf=on_behalf,
    )
    await save_item(tx, write.actor, opened, writing)
    return await child_reply(tx, write.actor, APPROVALS, schemas.ApprovalOut, opened.id, row["id"], made_at="approvals")


def _signature(actor: Actor, opened: OpenItem, roles: tuple[Role, ...], named: UUID | None) -> tuple[Role, UUID | None]:
    """The role a signature is given in and whose it is, one's own before a lent one; raises forbidden where none fits."""
    if roles is SIGNING:
        roles = tuple(role for role in SIGNING if role in opened.row["chain"])
    held = [
        (role, grant.principal_id)
        for role in roles
        for grant in actor.grants
        if grant.role is role and grant.unit_id in anchors(role, opened.row)
    ]
    if not held:
        raise Problem("forbidden", NOT_YOURS)
    fitting = [pair for pair in held if pair[1] == named]
    if named is not None and not fitting:
        raise Problem("forbidden", NO_SUCH_PRINCIPAL)
    return (fitting or held)[0]


def _conflicts(case: Case, purpose: ApprovalPurpose) -> list[Fault]:
    """An opinion on closing is what an earlier step of the chain is; nobody gives one on a plan of their own."""
    if purpose is ApprovalPurpose.CLOSURE:
        return separated(separation.sign_chain_step(case.conflicts, last=False))
    if purpose is ApprovalPurpose.PLAN:
        return separated(separation.approve_plan(case.conflicts))
    return []


async def lodge(tx: Tx, write: ItemWriting, body: schemas.ObjectionIn) -> Reply:
    """Raises forbidden, child_frozen and guards_unmet."""
    opened = await open_item(tx, write.actor, write.item_id, Child.OBJECTION, Operation.CREATE)
    refuse(_received(opened, body))
    row = {
        "id": uuid7(),
        "cycle": opened.row["cycle"],
        "submission_no": opened.row["submission_no"],
        "content": body.content,
        "contact": body.contact,
        "received_on": body.received_on,
        "lodged_by": write.actor.person_id,
        "created_at": opened.now,
    }
    names = ("id", "submission_no", "content", "contact", "received_on")
    fields = {name: row[name] for name in names if row[name] is not None}
    writing = Writing(event="item.objection_lodged", fields=fields, inserts=[(Objection, row)])
    await save_item(tx, write.actor, opened, writing)
    return await child_reply(
        tx, write.actor, OBJECTIONS, schemas.ObjectionOut, opened.id, row["id"], made_at="objections"
    )


def _received(opened: OpenItem, body: schemas.ObjectionIn) -> list[Fault]:
    started = opened.row["notice_started_on"]
    if body.received_on > opened.today:
        text = Text("收到日期不能晚于今天", "received_on must not be in the future")
        return [gap("objection.received_in_future", text, pointer="/received_on")]
    if started is not None and body.received_on < started:
        text = Text("收到日期早于公示开始", "It was received before the notice started")
        return [gap("objection.before_notice", text, pointer="/received_on")]
    return []


async def dismiss(tx: Tx, write: ItemWriting, objection_id: UUID, body: schemas.ObjectionPatch) -> Reply:
    """Raises not_found, forbidden, precondition_required, version_mismatch, child_frozen and separation_of_duties."""
    if_match = write.call.if_match
    opened = await open_item(tx, write.actor, write.item_id, Child.RULING, Operation.UPDATE, if_match=if_match)
    row = await locked_child(tx, Objection, opened.id, objection_id)
    if row["ruling"] is not None or row["submission_no"] != opened.row["submission_no"]:
        raise Problem("child_frozen", _RULED, current_state=opened.row["state"])
    case = await open_case(tx, write.actor, opened)
    refuse(separated(separation.rule_objection(case.conflicts, lodged_by=row["lodged_by"])))
    changes = {
        "ruling": body.ruling.value,
        "ruling_reason": body.reason,
        "ruled_by": write.actor.person_id,
        "ruled_at": opened.now,
    }
    writing = Writing(
        event="item.objection_dismissed",
        fields={"id": objection_id, "ruling": body.ruling.value, "ruling_reason": body.reason},
        updates=[ChildUpdate(Objection, {"id": objection_id}, changes)],
    )
    await save_item(tx, write.actor, opened, writing)
    return await child_reply(tx, write.actor, OBJECTIONS, schemas.ObjectionOut, opened.id, objection_id)


async def record_decision(tx: Tx, write: ItemWriting, body: schemas.DecisionIn) -> Reply:
    """Raises forbidden, child_frozen, and guards_unmet with every rule the record breaks."""
    opened = await open_item(tx, write.actor, write.item_id, _DECIDES[body.purpose], Operation.CREATE)
    case = await open_case(tx, write.actor, opened)
    covers = _covered(opened, body.purpose)
    tally = rules.Tally(**{name: getattr(body, name) for name in _TALLY})
    faults = rules.decision_faults(tally)
    personnel = opened.row["major_kind"] == MajorKind.KEY_PERSONNEL
    result = None if faults else rules.decision_result(_rule(case.policy.decision_rule), tally, personnel=personnel)
    faults += [*_decision_faults(case, body, result), *await _succession_faults(tx, opened, body, covers)]
    refuse(faults)
    if result is None:
        raise AssertionError("a count without faults has a result")
    row = {
        "id": uuid7(),
        "cycle": opened.row["cycle"],
        **covers,
        **body.model_dump(exclude={"result", "purpose"}),
        "purpose": body.purpose.value,
        "decided_on": beijing_date(body.decided_at),
        "rule": case.policy.decision_rule.model_dump(mode="json") | {"personnel": personnel},
        "result": result.value,
        "recorded_by": write.actor.person_id,
        "created_at": opened.now,
    }
    unsaid = {"cycle", "decided_on", "recorded_by", "created_at", "decided_at"}
    fields = {name: value for name, value in row.items() if name not in unsaid and value is not None}
    writing = Writing(
        event="item.decision_recorded",
        fields=fields,
        inserts=[(Decision, row)],
        cites=[body.scan_id],
        eff=body.decided_at,
    )
    await save_item(tx, write.actor, opened, writing)
    return await child_reply(tx, write.actor, DECISIONS, schemas.DecisionOut, opened.id, row["id"], made_at="decisions")


def _covered(opened: OpenItem, purpose: DecisionPurpose) -> dict[str, int | None]:
    """What the decision is about, as it stands when it is recorded: a later version needs a later decision."""
    return {
        "plan_version": opened.row["plan_version"] if purpose is DecisionPurpose.PLAN else None,
        "submission_no": opened.row["submission_no"] if purpose is DecisionPurpose.CLOSURE else None,
    }


def _rule(given: policy.DecisionRule) -> rules.DecisionRule:
    return rules.DecisionRule(
        quorum=rules.Majority(given.quorum.exact, strict=False),
        personnel_quorum=rules.Majority(given.personnel_quorum.exact, strict=False),
        passing=rules.Majority(given.majority.share.exact, strict=given.majority.strict),
        base=rules.Base(given.majority.base.value),
    )


def _decision_faults(case: Case, body: schemas.DecisionIn, result: rules.DecisionResult | None) -> list[Fault]:
    faults = foreign_evidence(case, [body.scan_id], "/scan_id")
    if body.decided_at > case.opened.now:
        text = Text("决策时间不能晚于现在", "decided_at must not be in the future")
        faults.append(gap("decision.in_future", text, pointer="/decided_at"))
    if body.result is not None and result is not None and body.result is not result:
        text = Text(f"按票数计算应为“{result.zh}”", f"By the count the result is {result.value}")
        faults.append(gap("decision.result_differs", text, pointer="/result"))
    return faults


async def _succession_faults(
    tx: Tx, opened: OpenItem, body: schemas.DecisionIn, covers: Mapping[str, int | None]
) -> list[Fault]:
    """A second decision on the same matter is a reconsideration: it names the one it takes the place of."""
    standing = await tx.fetchrow(
        _STANDING, opened.id, opened.row["cycle"], body.purpose.value, covers["plan_version"], covers["submission_no"]
    )
    if standing is None and body.supersedes_id is None:
        return []
    if standing is None or body.supersedes_id != standing["id"]:
        text = Text(
            "复议须指明所取代的现行决策", "A reconsideration names the decision now standing on the same matter"
        )
        return [gap("decision.supersedes_standing", text, pointer="/supersedes_id")]
    if body.decided_at <= standing["decided_at"]:
        text = Text("复议须晚于原决策", "A reconsideration is later than what it supersedes")
        return [gap("decision.not_later", text, pointer="/decided_at")]
    return []
