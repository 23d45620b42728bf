"""Who an actor is to an item: roles come from grants over the right unit, so being an office elsewhere counts nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from app.access.actor import Actor
from app.access.permissions import Role
from app.core.enums import LabelledEnum


class Party(LabelledEnum):
    """The parties named in the transition table."""

    FINDER = "finder", "发现人", "Finder"
    SUPERVISION_OFFICE = "supervision_office", "督查部门", "Supervision office"
    LEAD_UNIT = "lead_unit", "牵头单位（负责人或联络员）", "Lead unit (its head or liaison)"
    LEAD_UNIT_HEAD = "lead_unit_head", "牵头单位负责人", "Head of the lead unit"
    COOPERATOR = "cooperator", "配合单位", "Cooperating unit"
    ASSIGNEE = "assignee", "责任人", "Assignee"
    LEADER = "leader", "责任领导", "Leader in charge"
    FIRST_RESPONSIBLE = "first_responsible", "第一责任人", "First responsible"
    VERIFIER = "verifier", "核查人", "Verifier"
    SURVEY_RUNNER = "survey_runner", "测评组织人", "Survey runner"
    DISCIPLINE_OFFICE = "discipline_office", "纪检监察部门", "Discipline office"
    SOURCE_OFFICE = "source_office", "问题来源部门", "Source office"
    CHAIN_STEP = "chain_step", "当前审批环节", "Next step of the approval chain"
    CHAIN_MEMBER = "chain_member", "审批链上的环节", "A step of the approval chain"
    INTEGRATION = "integration", "数据接口", "Integration"
    SYSTEM = "system", "系统", "System"


OFFICES: Mapping[Role, Party] = {
    Role.SUPERVISION_OFFICE: Party.SUPERVISION_OFFICE,
    Role.FIRST_RESPONSIBLE: Party.FIRST_RESPONSIBLE,
    Role.DISCIPLINE_OFFICE: Party.DISCIPLINE_OFFICE,
}
OUTSIDERS: Mapping[Role, Party] = {
    Role.LEADER: Party.LEADER,
    Role.VERIFIER: Party.VERIFIER,
    Role.SURVEY_RUNNER: Party.SURVEY_RUNNER,
}


SIGNING = (Role.LEADER, Role.DISCIPLINE_OFFICE, Role.SUPERVISION_OFFICE, Role.FIRST_RESPONSIBLE)


def anchors(role: str, item: Mapping[str, Any]) -> Sequence[UUID]:
    """The units (with those above) one of which a grant must be on for the role to count for this item."""
    ledger: Sequence[UUID] = item["ledger_ancestors"] or ()
    lead: Sequence[UUID] = item["lead_ancestors"] or ()
    if role in OFFICES:
        return ledger
    if role in OUTSIDERS:
        return [*ledger, *lead]
    if role in {Role.UNIT_HEAD, Role.LIAISON}:
        return lead
    return ()


def parties(actor: Actor, item: Mapping[str, Any]) -> frozenset[Party]:
    """Every part the actor may play for this item, by role alone; a program without a person drafts and reports, no more.

    Administrators play none, whatever else they were granted or lent: they could grant themselves anything.
    """
    if actor.kind == "system":
        return frozenset({Party.SYSTEM})
    if actor.is_administrator:
        return frozenset()
    found: set[Party] = set()
    if _is_finder(actor, item):
        found.add(Party.FINDER)
    if actor.holds(Role.INTEGRATION, item["lead_ancestors"] or ()):
        found.add(Party.INTEGRATION)
    if actor.person_id is None:
        return frozenset(found)
    for role, party in (*OFFICES.items(), *OUTSIDERS.items()):
        if actor.holds(role, anchors(role, item)):
            found.add(party)
    return frozenset(found | _of_the_units(actor, item) | _signer(actor, item))


def _of_the_units(actor: Actor, item: Mapping[str, Any]) -> set[Party]:
    lead = item["lead_ancestors"] or ()
    found = {Party.LEAD_UNIT, Party.LEAD_UNIT_HEAD} if actor.holds(Role.UNIT_HEAD, lead) else set()
    if actor.holds(Role.LIAISON, lead):
        found.add(Party.LEAD_UNIT)
    if actor.holds(Role.SOURCE_OFFICE, item["source_ancestors"] or ()):
        found.add(Party.SOURCE_OFFICE)
    return found


def _signer(actor: Actor, item: Mapping[str, Any]) -> set[Party]:
    """Outside `closing` any signing role counts, so that a signer out of season is told about the state."""
    if item["state"] != "closing":
        held = any(actor.holds(role, anchors(role, item)) for role in SIGNING)
        return {Party.CHAIN_STEP, Party.CHAIN_MEMBER} if held else set()
    signing = [actor.holds(Role(role), anchors(role, item)) for role in item["chain"]]
    found = {Party.CHAIN_MEMBER} if any(signing) else set()
    return found | {Party.CHAIN_STEP} if signing[item["chain_step"]] else found


def _is_finder(actor: Actor, item: Mapping[str, Any]) -> bool:
    if actor.person_id is not None and actor.person_id == item["finder_person_id"]:
        return True
    if actor.person_id is None:
        return actor.api_key_id is not None and actor.unit_id == item["finder_unit_id"]
    return actor.holds(Role.LIAISON, (item["finder_unit_id"],)) or actor.holds(
        Role.UNIT_HEAD, (item["finder_unit_id"],)
    )
